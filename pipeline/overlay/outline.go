package overlay

import (
	"math"

	"outrider/pipeline/mask"
)

// outline makes p.rings the outlines of m in picture pixels, those of holes too.
//
// A mask's cells are often eight pixels wide, and its outline a staircase. The steps are taken
// for what they are, a slanted line: a side of up to two cells is replaced by its middle, a
// longer one is cut by half a cell at both ends.
func (p *Painter) outline(m *mask.Mask) {
	p.tracer.Holes = true
	rings := p.tracer.Polygons(m, 0)
	g := m.Grid()
	p.points, p.rings = p.points[:0], p.rings[:0]
	n := 0
	for _, ring := range rings {
		n += 2 * len(ring)
	}
	if cap(p.points) < n { // the rings are parts of it, so it must not move
		p.points = make([]point, 0, 2*n)
	}
	for _, ring := range rings {
		from := len(p.points)
		a := ring[len(ring)-1]
		for _, b := range ring {
			dx, dy := b[0]-a[0], b[1]-a[1]
			cells := math.Abs(dx)/g.SX + math.Abs(dy)/g.SY // one of them is 0
			if cells < 2.5 {
				p.points = append(p.points, p.picture(a[0]+dx/2, a[1]+dy/2))
			} else {
				cut := .5 / cells
				p.points = append(p.points, p.picture(a[0]+dx*cut, a[1]+dy*cut), p.picture(b[0]-dx*cut, b[1]-dy*cut))
			}
			a = b
		}
		p.rings = append(p.rings, p.points[from:])
	}
}

// picture is a frame position in the picture.
func (p *Painter) picture(x, y float64) point { return point{x * p.sx, y * p.sy} }
