package overlay

import (
	"image"
	"math"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Layers says what to draw.
type Layers uint

// The layers, bottom to top.
const (
	Segments  Layers = 1 << iota // everything that the model cut
	Places                       // zones and lines with their counts
	Trails                       // where each track came from, five seconds back
	Masks                        // tracks: masks, outlines, boxes
	Labels                       // name, id and score of each track
	Obstacles                    // contact lines, distances and times to collision

	DefaultLayers = Places | Trails | Masks | Labels | Obstacles
)

// Painter draws results. The zero value draws DefaultLayers. It remembers the trails of one
// stream and reuses its buffers, so it belongs to one stream and is not safe for
// concurrent use.
type Painter struct {
	Layers   Layers // 0 for DefaultLayers
	FontSize int    // pixels, 0 for a 45th of the picture's height

	canvas   canvas
	filler   filler
	tint     tint
	text     writer
	tracer   mask.Tracer
	trails   trails
	segments segmentMap

	points []point
	rings  [][]point
	pills  []image.Rectangle
	line   []byte
	sx, sy float64 // picture pixels a frame pixel
	unit   float64 // picture pixels of one unit of line width
	now    time.Time
}

const (
	maskFill     = 77  // of 256: 30 %
	haloStrength = 178 // of 255: 70 %
	pillStrength = 199 // of 255: 78 %
	haloWidth    = 4   // units
	lineWidth    = 2
)

// Draw paints r on pix, the tight BGR rows of a w x h picture, which may be of another size
// than the frame: everything is scaled. It does nothing when pix is too short, a side is not
// positive or r has no frame. r is only read.
func (p *Painter) Draw(pix []byte, w, h int, r *pipeline.Result) {
	if r == nil || r.Frame == nil || !p.begin(pix, w, h, r.Frame.Width, r.Frame.Height) {
		return
	}
	p.now = r.Frame.Captured
	layers := p.Layers
	if layers == 0 {
		layers = DefaultLayers
	}
	if layers&Segments != 0 {
		p.drawSegments(r.Segments, segmentFill)
	}
	if layers&Places != 0 {
		p.drawPlaces(r.Counts)
	}
	if layers&Trails != 0 {
		p.trails.update(r)
		p.drawTrails(r)
	}
	if layers&Masks != 0 {
		for i := range r.Tracks {
			p.drawTrack(&r.Tracks[i])
		}
	}
	if layers&Obstacles != 0 {
		p.drawObstacles(r)
	}
	if layers&Places != 0 && layers&Labels != 0 {
		p.labelPlaces(r.Counts)
	}
	if layers&Labels != 0 {
		for i := range r.Tracks {
			t := &r.Tracks[i]
			if box, ok := p.rect(t.Box); ok && t.State != pipeline.Ended {
				p.line = appendLabel(p.line[:0], t, p.now)
				p.label(box, false, p.line, pillLook{black, pillStrength, white, trackPaint(t.ID)})
			}
		}
	}
}

// begin takes the picture, and tells whether there is anything to draw on.
func (p *Painter) begin(pix []byte, w, h, frameW, frameH int) bool {
	if w <= 0 || h <= 0 || w > math.MaxInt32/h || len(pix) < 3*w*h || frameW <= 0 || frameH <= 0 {
		return false
	}
	p.canvas.reset(pix, w, h)
	p.sx, p.sy = float64(w)/float64(frameW), float64(h)/float64(frameH)
	p.unit = min(4, max(.75, float64(h)/720))
	size := p.FontSize
	if size <= 0 {
		size = max(10, min((h+22)/45, 48))
	}
	p.text.resize(size)
	p.pills = p.pills[:0]
	return true
}

// rect is a box in picture pixels; ok is false when nothing of it is in the picture.
func (p *Painter) rect(b pipeline.Box) (r image.Rectangle, ok bool) {
	x1, y1 := clamp(b.X1*p.sx, p.canvas.w), clamp(b.Y1*p.sy, p.canvas.h)
	x2, y2 := clamp(b.X2*p.sx, p.canvas.w), clamp(b.Y2*p.sy, p.canvas.h)
	if !(x1 < x2 && y1 < y2) { // not a number too
		return image.Rectangle{}, false
	}
	return image.Rect(int(x1), int(y1), int(math.Ceil(x2)), int(math.Ceil(y2))), true
}

// frame makes p.rings the sides of a box.
func (p *Painter) frame(r image.Rectangle) {
	x1, y1, x2, y2 := float64(r.Min.X), float64(r.Min.Y), float64(r.Max.X), float64(r.Max.Y)
	p.points = append(p.points[:0], point{x1, y1}, point{x2, y1}, point{x2, y2}, point{x1, y2})
	p.rings = append(p.rings[:0], p.points)
}

// drawTrack draws what an observed track covers, or the box of one that is not seen now.
func (p *Painter) drawTrack(t *pipeline.Track) {
	box, ok := p.rect(t.Box)
	if !ok || t.State == pipeline.Ended {
		return
	}
	paint, d := trackPaint(t.ID), outlineOf(t)
	if t.State != pipeline.Lost && t.Observed && t.Mask != nil && !t.Mask.Empty() {
		p.outline(t.Mask)
		p.tint.set(paint, maskFill)
		p.fill(&p.tint)
	} else {
		p.frame(box)
	}
	p.stroke(d, paint)
}

// fill tints the inside of p.rings.
func (p *Painter) fill(t *tint) {
	p.filler.fill(p.rings, p.canvas.w, p.canvas.h, func(y, x0, x1 int) { p.canvas.span(y, x0, x1, t) })
}

// stroke draws p.rings twice: a dark halo, and the colour on it, so that they show on any
// ground.
func (p *Painter) stroke(d dash, paint rgb) {
	d.on, d.off = d.on*p.unit, d.off*p.unit
	for _, ring := range p.rings {
		p.canvas.ring(ring, haloWidth*p.unit, haloStrength, d)
	}
	p.canvas.flush(black)
	for _, ring := range p.rings {
		p.canvas.ring(ring, max(1, lineWidth*p.unit), 255, d)
	}
	p.canvas.flush(paint)
}

// drawTrails draws the ways of the tracks of r, the older the fainter.
func (p *Painter) drawTrails(r *pipeline.Result) {
	for i := range r.Tracks {
		t := &r.Tracks[i]
		w := p.trails.byID[t.ID]
		if w == nil {
			continue
		}
		g := ground(t.Box)
		b := point{g.X * p.sx, g.Y * p.sy}
		if !t.Box.Finite() {
			continue
		}
		for k := w.n - 1; k >= 0; k-- {
			i := (w.first + k) % trailPoints
			a := point{w.at[i].X * p.sx, w.at[i].Y * p.sy}
			fresh := 1 - float64(p.now.Sub(w.when[i]))/float64(trailTime)
			p.canvas.line(a, b, max(1, 2*p.unit), byte(40+180*max(0, min(fresh, 1))))
			b = a
		}
		p.canvas.flush(trackPaint(t.ID))
	}
}
