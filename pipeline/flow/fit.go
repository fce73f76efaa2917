package flow

import (
	"math"

	"outrider/pipeline"
)

// Similarity is a shift with turn and scale: x' = A x - B y + TX, y' = B x + A y + TY.
type Similarity struct{ A, B, TX, TY float64 }

// Identity moves nothing.
var Identity = Similarity{A: 1}

// Apply moves a point.
func (s Similarity) Apply(p pipeline.Point) pipeline.Point {
	return pipeline.Point{X: s.A*p.X - s.B*p.Y + s.TX, Y: s.B*p.X + s.A*p.Y + s.TY}
}

// Invert undoes it. The scale must not be zero.
func (s Similarity) Invert() Similarity {
	d := s.A*s.A + s.B*s.B
	a, b := s.A/d, -s.B/d
	return Similarity{A: a, B: b, TX: -(a*s.TX - b*s.TY), TY: -(b*s.TX + a*s.TY)}
}

// Scale is how much longer lengths become.
func (s Similarity) Scale() float64 { return math.Hypot(s.A, s.B) }

// rounds of RANSAC: with half of the pairs wrong, one of 40 draws of two is right with a
// probability of 0.99999.
const rounds = 40

// Fit finds the similarity that takes most points of from within tolerance of those of to,
// and how many these are; NaN points in to do not count. It draws the same pairs each time.
// Fewer than two points give Identity and 0.
func Fit(from, to []pipeline.Point, tolerance float64) (Similarity, int) {
	best, most := Identity, 0
	lot := uint32(1)
	draw := func() int { // Numerical Recipes' generator; its high bits are good enough for lots
		lot = lot*1664525 + 1013904223
		return int(uint64(lot) * uint64(len(from)) >> 32)
	}
	if len(from) < 2 {
		return best, 0
	}
	for range rounds {
		i, j := draw(), draw()
		if i == j || math.IsNaN(to[i].X) || math.IsNaN(to[j].X) {
			continue
		}
		s, ok := through(from[i], from[j], to[i], to[j])
		if !ok {
			continue
		}
		if n := s.agree(from, to, tolerance); n > most {
			best, most = s, n
		}
	}
	for range 2 { // once on those of the best pair, once on those of the better fit
		if s, ok := best.refine(from, to, tolerance); ok {
			if n := s.agree(from, to, tolerance); n >= most {
				best, most = s, n
			}
		}
	}
	return best, most
}

// through is the similarity that takes a and b to c and d.
func through(a, b, c, d pipeline.Point) (Similarity, bool) {
	ux, uy, vx, vy := b.X-a.X, b.Y-a.Y, d.X-c.X, d.Y-c.Y
	n := ux*ux + uy*uy
	if n < 16 {
		return Identity, false // too near to tell a turn from noise
	}
	s := Similarity{A: (ux*vx + uy*vy) / n, B: (ux*vy - uy*vx) / n}
	s.TX, s.TY = c.X-s.A*a.X+s.B*a.Y, c.Y-s.B*a.X-s.A*a.Y
	return s, true
}

func (s Similarity) near(p, q pipeline.Point, tolerance float64) bool {
	r := s.Apply(p)
	dx, dy := r.X-q.X, r.Y-q.Y
	return dx*dx+dy*dy <= tolerance*tolerance // false for NaN
}

func (s Similarity) agree(from, to []pipeline.Point, tolerance float64) int {
	n := 0
	for i := range from {
		if s.near(from[i], to[i], tolerance) {
			n++
		}
	}
	return n
}

// refine is the least squares fit to the pairs that agree (Umeyama 1991, in two dimensions).
func (s Similarity) refine(from, to []pipeline.Point, tolerance float64) (Similarity, bool) {
	var n, px, py, qx, qy float64
	for i := range from {
		if s.near(from[i], to[i], tolerance) {
			n++
			px, py, qx, qy = px+from[i].X, py+from[i].Y, qx+to[i].X, qy+to[i].Y
		}
	}
	if n < 2 {
		return s, false
	}
	px, py, qx, qy = px/n, py/n, qx/n, qy/n
	var dot, cross, norm float64
	for i := range from {
		if s.near(from[i], to[i], tolerance) {
			ux, uy, vx, vy := from[i].X-px, from[i].Y-py, to[i].X-qx, to[i].Y-qy
			dot += ux*vx + uy*vy
			cross += ux*vy - uy*vx
			norm += ux*ux + uy*uy
		}
	}
	if norm < 1e-9 {
		return s, false
	}
	r := Similarity{A: dot / norm, B: cross / norm}
	r.TX, r.TY = qx-r.A*px+r.B*py, qy-r.B*px-r.A*py
	return r, true
}
