package overlay

import (
	"image"
	"math"
)

// point is a position in picture pixels.
type point struct{ x, y float64 }

// line raises the coverage along the segment from a to b, width pixels wide, with soft edges.
// The ends reach out by half the width so that the corners of an outline close.
func (c *canvas) line(a, b point, width float64, strength byte) {
	dx, dy := b.x-a.x, b.y-a.y
	length := math.Hypot(dx, dy)
	if !(length < 1e6) { // not a number, or nonsense
		return
	}
	if length < 1e-9 {
		dx, length = 1, 1
		b.x, dy = a.x, 0
	} else {
		dx, dy = dx/length, dy/length
	}
	reach := width / 2
	if math.Abs(dx) != 1 && math.Abs(dy) != 1 {
		reach *= .7 // a slanted end is cut along an axis, not across: less closes the corner
	}
	a.x, a.y, b.x, b.y = a.x-dx*reach, a.y-dy*reach, b.x+dx*reach, b.y+dy*reach
	// Walk along the axis with the longer way; across it the line is wider by the slant.
	flip := math.Abs(dy) > math.Abs(dx)
	w, h := c.w, c.h
	if flip {
		a.x, a.y, b.x, b.y = a.y, a.x, b.y, b.x
		dx, dy = dy, dx
		w, h = h, w
	}
	if a.x > b.x {
		a, b = b, a
	}
	slope := dy / dx
	half := width / 2 * math.Sqrt(1+slope*slope)
	x0, x1 := int(math.Floor(clamp(a.x, w))), int(math.Ceil(clamp(b.x, w)))
	for x := x0; x < x1; x++ {
		fx := float64(x)
		along := min(b.x, fx+1) - max(a.x, fx) // share of the column that the line takes
		mid := a.y + slope*(min(b.x, max(a.x, fx+.5))-a.x)
		y0, y1 := int(math.Floor(clamp(mid-half, h))), int(math.Ceil(clamp(mid+half, h)))
		for y := y0; y < y1; y++ {
			fy := float64(y)
			share := along * (min(mid+half, fy+1) - max(mid-half, fy))
			if flip {
				c.mark(y, x, share, strength)
			} else {
				c.mark(x, y, share, strength)
			}
		}
	}
	r := image.Rect(x0, int(math.Floor(clamp(min(a.y, b.y)-half, h))), x1, int(math.Ceil(clamp(max(a.y, b.y)+half, h))))
	if flip {
		r = image.Rect(r.Min.Y, r.Min.X, r.Max.Y, r.Max.X)
	}
	if x0 < x1 {
		c.grow(r)
	}
}

func clamp(v float64, n int) float64 { return max(0, min(v, float64(n))) }

// ring draws the closed line through ps, dashed by d.
func (c *canvas) ring(ps []point, width float64, strength byte, d dash) {
	if len(ps) == 0 {
		return
	}
	phase := 0.
	a := ps[len(ps)-1]
	for _, b := range ps {
		phase = c.dashed(a, b, width, strength, d, phase)
		a = b
	}
}

// dashed draws a segment with the pattern d begun at phase, and returns the phase at its end.
func (c *canvas) dashed(a, b point, width float64, strength byte, d dash, phase float64) float64 {
	period := d.on + d.off
	if period <= 0 {
		c.line(a, b, width, strength)
		return 0
	}
	length := math.Hypot(b.x-a.x, b.y-a.y)
	if !(length > 0 && length < 1e5) {
		return phase
	}
	ux, uy := (b.x-a.x)/length, (b.y-a.y)/length
	for at := 0.; at < length; {
		left := d.on - phase // of the dash, negative in a gap
		step := min(left, length-at)
		if left > 0 {
			c.line(point{a.x + ux*at, a.y + uy*at}, point{a.x + ux*(at+step), a.y + uy*(at+step)}, width, strength)
		} else {
			step = min(period-phase, length-at)
		}
		at += step
		if phase += step; phase >= period-1e-9 {
			phase = 0
		}
		if step <= 1e-9 { // rounding at the end of a dash
			at, phase = at+1e-6, phase+1e-6
		}
	}
	return phase
}
