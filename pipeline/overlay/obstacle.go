package overlay

import (
	"image"
	"math"
	"strconv"

	"outrider/pipeline"
)

// drawObstacles draws, for each obstacle of level 1 and more, a line where it meets the
// ground, as wide as its track, and from level 2 on its distance and time to collision.
func (p *Painter) drawObstacles(r *pipeline.Result) {
	for i := range r.Obstacles {
		o := &r.Obstacles[i]
		if o.Level < 1 {
			continue
		}
		look := &levels[min(int(o.Level), len(levels)-1)]
		half := 20 * p.unit
		for k := range r.Tracks {
			if t := &r.Tracks[k]; t.ID == o.TrackID && t.Box.Finite() {
				half = max(half, t.Box.W()/2*p.sx)
			}
		}
		at := point{o.Contact.X * p.sx, o.Contact.Y * p.sy}
		if !(at.x >= 0 && at.y >= 0 && at.x <= float64(p.canvas.w) && at.y <= float64(p.canvas.h)) {
			continue
		}
		half = min(half, float64(p.canvas.w))
		a, b := point{at.x - half, at.y}, point{at.x + half, at.y}
		width, tick := look.line*p.unit, 4*p.unit
		for _, pass := range [2]struct {
			width float64
			paint rgb
		}{{width + 2*p.unit, black}, {width, look.paint}} {
			p.canvas.line(a, b, pass.width, 255)
			p.canvas.line(point{a.x, a.y - tick}, point{a.x, a.y + tick}, pass.width, 255)
			p.canvas.line(point{b.x, b.y - tick}, point{b.x, b.y + tick}, pass.width, 255)
			p.canvas.flush(pass.paint)
		}
		if p.line = appendObstacle(p.line[:0], o); o.Level >= 2 && len(p.line) > 0 {
			x, y := int(at.x), int(at.y)
			line := image.Rect(x, y-int(width), x+1, y+int(width)+1)
			p.label(line, true, p.line, pillLook{look.paint, 255, look.text, look.text})
		}
	}
}

// appendObstacle writes "23 m 1.9 s", with what is known; nothing when neither is.
func appendObstacle(dst []byte, o *pipeline.Obstacle) []byte {
	if o.Distance != nil {
		d := *o.Distance
		step := 5.
		switch {
		case d < 10:
			step = .5
		case d < 30:
			step = 1
		}
		if o.DistanceHi == nil && o.DistanceLo != nil && d >= 30 {
			dst = append(dst, "> "...)
			d = *o.DistanceLo
		}
		dst = strconv.AppendFloat(dst, math.Round(d/step)*step, 'f', -1, 64)
		dst = append(dst, " m"...)
	}
	if o.TTC != nil && *o.TTC < 10 {
		if len(dst) > 0 {
			dst = append(dst, "  "...)
		}
		dst = strconv.AppendFloat(dst, *o.TTC, 'f', 1, 64)
		dst = append(dst, " s"...)
	}
	return dst
}
