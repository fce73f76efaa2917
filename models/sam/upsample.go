package sam

import (
	"image"
	"math"

	"outrider/pipeline/mask"
)

// raster turns the decoder's logits into masks: on the frame's pixels by the reference
// predictors' two bilinear resizes (to the network's square, the padding cut off, to the frame),
// or on the decoder's own cells. One goroutine at a time.
type raster struct {
	fit  fit
	side int // of the logits
	grid mask.Grid

	full bool
	x, y []tap
	row  []float32 // one row of logits after the vertical resize
	out  []float32 // one row at full resolution
}

// tap is what a pixel takes of a line of logits: two bilinear resizes in a row read at most
// four neighbours.
type tap struct {
	first, n int
	w        [4]float32
}

// raster makes the raster of a picture.
func (m *Model) raster(f fit, low bool) *raster {
	r := &raster{fit: f, side: m.decoder.contract.mask, full: !low}
	if low {
		r.grid = lowGrid(f, r.side)
		return r
	}
	r.grid = mask.FrameGrid(f.w, f.h)
	r.x = twoSteps(r.side, f.side, f.newW, f.w)
	r.y = twoSteps(r.side, f.side, f.newH, f.h)
	r.row, r.out = make([]float32, r.side+3), make([]float32, f.w)
	return r
}

// lowGrid lays the decoder's cells over the frame. The last ones may reach over its edge.
func lowGrid(f fit, side int) mask.Grid {
	cell := float64(f.side) / float64(side) // network pixels
	return mask.Grid{
		W:  int(math.Ceil(float64(f.newW) / cell)),
		H:  int(math.Ceil(float64(f.newH) / cell)),
		SX: cell * float64(f.w) / float64(f.newW),
		SY: cell * float64(f.h) / float64(f.newH),
	}
}

// twoSteps joins the resizes from side logits to square pixels and from the first used of
// these to out pixels into one set of taps.
func twoSteps(side, square, used, out int) []tap {
	taps := make([]tap, out)
	for i := range taps {
		a, b, t := bilinear(i, used, out)
		a1, a2, ta := bilinear(a, side, square)
		b1, b2, tb := bilinear(b, side, square)
		p := &taps[i]
		p.first, p.n = a1, b2-a1+1
		p.w[0] += (1 - t) * (1 - ta)
		p.w[a2-a1] += (1 - t) * ta
		p.w[b1-a1] += t * (1 - tb)
		p.w[b2-a1] += t * tb
	}
	return taps
}

// bilinear gives the two neighbours of output i and the weight of the second, for half-pixel
// centres.
func bilinear(i, in, out int) (a, b int, t float32) {
	s := math.Max((float64(i)+.5)*float64(in)/float64(out)-.5, 0)
	a = min(int(s), in-1)
	return a, min(a+1, in-1), float32(s - float64(a))
}

// line computes frame row y of the logits at full resolution, valid until the next call.
func (r *raster) line(low []float32, y int) []float32 {
	t := &r.y[y]
	for k := range t.n {
		w, src := t.w[k], low[(t.first+k)*r.side:][:r.side]
		row := r.row[:len(src)]
		if k == 0 {
			for x, v := range src {
				row[x] = w * v
			}
			continue
		}
		for x, v := range src {
			row[x] += w * v
		}
	}
	out := r.out[:len(r.x)]
	for x := range r.x {
		t := &r.x[x]
		s := r.row[t.first : t.first+4 : t.first+4] // the row is padded with zeros
		out[x] = t.w[0]*s[0] + t.w[1]*s[1] + t.w[2]*s[2] + t.w[3]*s[3]
	}
	return out
}

// mask is where the logits are positive.
func (r *raster) mask(low []float32) *mask.Mask {
	m, _ := r.judge(low, 0)
	return m
}

// judge makes the mask and its stability: how little it changes when the threshold moves by
// offset either way, |logits > offset| / |logits > -offset|.
func (r *raster) judge(low []float32, offset float32) (m *mask.Mask, stability float64) {
	m = mask.New(r.grid, r.grid.Bounds())
	above, below := 0, 0
	for y := range r.grid.H {
		var line []float32
		if r.full {
			line = r.line(low, y)
		} else {
			line = low[y*r.side:][:r.grid.W]
		}
		row := m.Row(y)
		for x, v := range line {
			if v > -offset {
				below++
				if v > 0 {
					row[x>>6] |= 1 << (x & 63)
				}
				if v > offset {
					above++
				}
			}
		}
	}
	tight(m)
	if below > 0 {
		stability = float64(above) / float64(below)
	}
	return m, stability
}

// tight cuts m's window to what is set, so that combining masks costs what they hold.
func tight(m *mask.Mask) {
	b := m.Bounds()
	if b == m.Window() {
		return
	}
	c := mask.New(m.Grid(), b)
	c.Or(m)
	*m = *c
}

// Logits computes an answer's logits at the frame's resolution, w x h values in rows: what the
// masks of a Model without LowResolution are the positive part of. low is an Answer's
// LowRes for a w x h frame.
func (m *Model) Logits(w, h int, low []float32) []float32 {
	side := m.decoder.contract.mask
	if w <= 0 || h <= 0 || len(low) != side*side {
		return nil
	}
	r := m.raster(m.encoder.place(picture{w: w, h: h}), false)
	out := make([]float32, 0, w*h)
	for y := range h {
		out = append(out, r.line(low, y)...)
	}
	return out
}

// bounds is the tight extent of m as segment-anything has it: the last pixel, not the one
// after it.
func bounds(m *mask.Mask) (r image.Rectangle) {
	r = m.Bounds()
	if !r.Empty() {
		r.Max = r.Max.Sub(image.Pt(1, 1))
	}
	return r
}
