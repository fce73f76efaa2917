package flow

import (
	"math"

	"outrider/pipeline"
)

// Pair is the newest two frames of one stream, small, for measurements in every frame. The
// zero value is ready; it belongs to one goroutine.
type Pair struct {
	images  [2]Image
	now     int // index of the newest
	frames  int
	w, h    int
	tracker Tracker
	ok      []bool
}

// At pairWidth the camera takes two milliseconds a frame; half of it loses small objects. With
// pairRadius a window keeps to one object at that size.
const (
	pairWidth  = 320
	pairRadius = 4
)

// Push makes f the newest frame. A frame of another size starts anew.
func (p *Pair) Push(f *pipeline.Frame) {
	if f.Width != p.w || f.Height != p.h {
		p.w, p.h, p.frames = f.Width, f.Height, 0
	}
	p.now = 1 - p.now
	im := &p.images[p.now]
	im.MaxWidth = pairWidth
	im.Load(f.Data, f.Width, f.Height)
	p.frames = min(p.frames+1, 2)
}

// Reset forgets the frames.
func (p *Pair) Reset() { p.frames = 0 }

// Ready reports whether there are two frames to compare.
func (p *Pair) Ready() bool { return p.frames == 2 }

// Scale is how many frame pixels a pixel of the compared pictures is.
func (p *Pair) Scale() float64 { return float64(max(1, p.images[p.now].reduce)) }

// Corners appends points of the frame before that can be followed well, at most one in each
// cell x cell frame pixels of area.
func (p *Pair) Corners(dst []pipeline.Point, cell float64, area pipeline.Box) []pipeline.Point {
	if !p.Ready() {
		return dst
	}
	return p.images[1-p.now].Corners(dst, cell, area)
}

// Follow appends to dst where each point of the frame before is in the newest, NaN where it is
// not found again.
func (p *Pair) Follow(dst, points []pipeline.Point) []pipeline.Point {
	from := len(dst)
	for range points {
		dst = append(dst, pipeline.Point{X: math.NaN(), Y: math.NaN()})
	}
	if !p.Ready() {
		return dst
	}
	if cap(p.ok) < len(points) {
		p.ok = make([]bool, len(points)+len(points)/2)
	}
	p.ok = p.ok[:len(points)]
	p.tracker.Radius = pairRadius
	to := dst[from:]
	p.tracker.Track(&p.images[1-p.now], &p.images[p.now], points, to, p.ok, false)
	for i, ok := range p.ok {
		if !ok {
			to[i] = pipeline.Point{X: math.NaN(), Y: math.NaN()}
		}
	}
	return dst
}
