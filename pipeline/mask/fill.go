package mask

import (
	"image"
	"math"
	"slices"
)

// FromPolygons returns the mask on g of the cells whose centre lies inside at least one of the
// rings, which are in frame pixels and closed by themselves. A ring encloses what it winds around
// (non-zero rule), whichever way it turns. Rings of fewer than three points, or with a
// coordinate that is not finite, enclose nothing; what lies outside the grid is cut off.
//
// It is the inverse of Polygons without simplification, except that holes are filled.
func FromPolygons(g Grid, rings [][][2]float64) *Mask {
	var b image.Rectangle
	for _, ring := range rings {
		b = b.Union(ringBounds(g, ring))
	}
	m := New(g, b)
	var hits []crossing
	for _, ring := range rings {
		r := ringBounds(g, ring)
		for y := r.Min.Y; y < r.Max.Y; y++ {
			hits = crossings(hits[:0], g, ring, float64(y)+.5)
			slices.SortFunc(hits, func(a, b crossing) int {
				if a.x < b.x {
					return -1
				} else if a.x > b.x {
					return 1
				}
				return a.wind - b.wind
			})
			wind := 0
			for i, h := range hits {
				if wind != 0 {
					m.SetRun(y, firstCentre(hits[i-1].x, g.W), firstCentre(h.x, g.W))
				}
				wind += h.wind
			}
		}
	}
	return m
}

// crossing is where a ring crosses a row of cell centres, in cells, and which way.
type crossing struct {
	x    float64
	wind int
}

// crossings appends where ring crosses the height cy, in cells. An edge holds its upper end
// and not its lower one, so that a vertex on the height counts once.
func crossings(dst []crossing, g Grid, ring [][2]float64, cy float64) []crossing {
	ax, ay := g.ToCell(ring[len(ring)-1][0], ring[len(ring)-1][1])
	for _, p := range ring {
		bx, by := g.ToCell(p[0], p[1])
		if wind := 1; (ay <= cy) != (by <= cy) {
			if by <= cy {
				wind = -1
			}
			dst = append(dst, crossing{ax + (cy-ay)/(by-ay)*(bx-ax), wind})
		}
		ax, ay = bx, by
	}
	return dst
}

// ringBounds is the part of the grid that a ring can touch, empty for one that encloses nothing.
func ringBounds(g Grid, ring [][2]float64) image.Rectangle {
	if len(ring) < 3 || !(g.SX > 0 && g.SY > 0) {
		return image.Rectangle{}
	}
	x1, y1, x2, y2 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range ring {
		cx, cy := g.ToCell(p[0], p[1])
		if math.IsNaN(cx-cx) || math.IsNaN(cy-cy) { // infinite or not a number
			return image.Rectangle{}
		}
		x1, x2 = math.Min(x1, cx), math.Max(x2, cx)
		y1, y2 = math.Min(y1, cy), math.Max(y2, cy)
	}
	return image.Rect(
		clampCell(math.Floor(x1), g.W), clampCell(math.Floor(y1), g.H),
		clampCell(math.Ceil(x2), g.W), clampCell(math.Ceil(y2), g.H)).Intersect(g.Bounds())
}

// firstCentre is the first cell of 0..n whose centre is not left of x.
func firstCentre(x float64, n int) int { return max(0, clampCell(math.Ceil(x-.5), n)) }
