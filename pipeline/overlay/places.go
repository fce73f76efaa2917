package overlay

import (
	"image"
	"math"
	"strconv"
	"time"

	"outrider/pipeline"
)

const (
	placeWidth = 1.5         // units
	placeFresh = time.Second // a crossing brightens its line for so long
	arrow      = 12          // units: from a line's middle towards side B
)

// drawPlaces draws zones with how many are inside and lines with an arrow from side A to side B
// and their totals, all dashed. A line that was just crossed shows wider.
func (p *Painter) drawPlaces(c *pipeline.Counts) {
	if c == nil {
		return
	}
	for i := range c.Zones {
		p.rings = p.rings[:0]
		n := 0
		for _, ring := range c.Zones[i].Outline {
			n += len(ring)
		}
		if cap(p.points) < n {
			p.points = make([]point, 0, n)
		}
		p.points = p.points[:0]
		for _, ring := range c.Zones[i].Outline {
			from := len(p.points)
			for _, q := range ring {
				p.points = append(p.points, point{q.X * p.sx, q.Y * p.sy})
			}
			p.rings = append(p.rings, p.points[from:])
		}
		p.strokePlace(placeWidth)
	}
	for i := range c.Lines {
		l := &c.Lines[i]
		a := point{l.Ends[0].X * p.sx, l.Ends[0].Y * p.sy}
		b := point{l.Ends[1].X * p.sx, l.Ends[1].Y * p.sy}
		p.points = append(p.points[:0], a, b)
		p.rings = append(p.rings[:0], p.points)
		width := placeWidth
		if since := p.now.Sub(l.Last); since >= 0 && since < placeFresh {
			width *= 3
		}
		p.strokePlace(width)
		p.arrow(a, b)
	}
}

// strokePlace draws p.rings.
func (p *Painter) strokePlace(width float64) {
	d := dash{places.on * p.unit, places.off * p.unit}
	for _, pass := range [2]struct {
		width    float64
		strength byte
		paint    rgb
	}{{width + 2, haloStrength, black}, {width, 255, white}} {
		for _, ring := range p.rings {
			p.canvas.ring(ring, max(1, pass.width*p.unit), pass.strength, d)
		}
		p.canvas.flush(pass.paint)
	}
}

// arrow draws a short arrow from the middle of the line ab to its right side, which is B.
func (p *Painter) arrow(a, b point) {
	length := math.Hypot(b.x-a.x, b.y-a.y)
	if !(length > 0 && length < 1e6) {
		return
	}
	ux, uy := (b.x-a.x)/length, (b.y-a.y)/length
	k := arrow * p.unit
	mid := point{(a.x + b.x) / 2, (a.y + b.y) / 2}
	tip := point{mid.x - uy*k, mid.y + ux*k}
	for _, pass := range [2]struct {
		width float64
		paint rgb
	}{{placeWidth + 2, black}, {placeWidth, white}} {
		w := max(1, pass.width*p.unit)
		p.canvas.line(mid, tip, w, 255)
		for _, side := range [2]float64{-.4, .4} {
			p.canvas.line(point{tip.x + uy*k*.4 + ux*k*side, tip.y - ux*k*.4 + uy*k*side}, tip, w, 255)
		}
		p.canvas.flush(pass.paint)
	}
}

// labelPlaces writes "drive 2" at each zone's first point and "door 3 in 1 out" at each line's.
func (p *Painter) labelPlaces(c *pipeline.Counts) {
	if c == nil {
		return
	}
	look := pillLook{black, pillStrength, white, white}
	for i := range c.Zones {
		z := &c.Zones[i]
		if len(z.Outline) == 0 || len(z.Outline[0]) == 0 {
			continue
		}
		p.line = append(append(p.line[:0], z.ID...), ' ')
		p.line = strconv.AppendInt(p.line, int64(z.Inside), 10)
		p.labelAt(z.Outline[0][0], look)
	}
	for i := range c.Lines {
		l := &c.Lines[i]
		p.line = append(append(p.line[:0], l.ID...), ' ')
		p.line = append(strconv.AppendUint(p.line, l.In, 10), " in "...)
		p.line = append(strconv.AppendUint(p.line, l.Out, 10), " out"...)
		p.labelAt(l.Ends[0], look)
	}
}

// labelAt draws the pill of p.line at a point in frame pixels.
func (p *Painter) labelAt(q pipeline.Point, look pillLook) {
	x, y := int(clamp(q.X*p.sx, p.canvas.w-1)), int(clamp(q.Y*p.sy, p.canvas.h-1))
	p.label(image.Rect(x, y, x+1, y+1), false, p.line, look)
}
