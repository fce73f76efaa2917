package obstacle

import (
	"math"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// surface is the drivable road of the present frame, and what of the picture is the vehicle
// itself.
type surface struct {
	road  *mask.Mask // nil while unknown; borrowed from the frame, or kept
	kept  mask.Mask
	until float64 // how long kept counts, seconds

	drawn []pipeline.Point  // outline of the hood, nil for automatic
	low   [hoodBins]float64 // lowest road seen, share of the picture's height
	moved float64           // seconds of driving observed
}

const (
	hoodBins    = 32
	hoodSeconds = 10.0 // of driving before the hood is believed
	keepSurface = 0.7  // seconds without a road before it is forgotten: tunnel mouths blind a camera for that long
)

// update finds the road in a frame. Without a drivable mask it is the segment in which the
// wheels run: the largest that holds most of the place right ahead of the vehicle.
func (s *surface) update(r *pipeline.Result, now float64) {
	s.road = r.Drivable
	if s.road == nil {
		s.road = underWheels(r)
	}
	switch {
	case s.road != nil && !s.road.Empty():
		s.kept.CopyFrom(s.road, nil)
		s.until = now + keepSurface
	case now <= s.until:
		s.road = &s.kept
	default:
		s.road = nil
	}
}

// underWheels is the segment that covers most of a trapezoid at the bottom of the picture.
func underWheels(r *pipeline.Result) *mask.Mask {
	w, h := float64(r.Frame.Width), float64(r.Frame.Height)
	var best *mask.Mask
	most := 0
	for i := range r.Segments {
		m := r.Segments[i].Mask
		if m == nil {
			continue
		}
		n := 0
		for _, y := range [4]float64{0.68, 0.76, 0.84, 0.92} {
			for _, x := range [5]float64{0.38, 0.44, 0.5, 0.56, 0.62} {
				if m.At(x*w, y*h) {
					n++
				}
			}
		}
		if n > most {
			best, most = m, n
		}
	}
	if most < 10 {
		return nil
	}
	return best
}

// under reports the share of the foot of o below which there is road: the object stands on it.
// Networks leave a rim between an object and the road, so a few cells below count.
func (s *surface) under(o *outline) float64 {
	const samples = 9
	n := 0
	for i := range samples {
		u := o.footL + (o.footR-o.footL)*(float64(i)+0.5)/samples
		for _, d := range [3]float64{0.5, 1.5, 3} {
			if s.road.At(u, o.bottom+d*o.cell) {
				n++
				break
			}
		}
	}
	return float64(n) / samples
}

// learnHood follows how far down the road is ever seen: below that is the hood. Call it for
// frames in which the vehicle moves.
func (s *surface) learnHood(w, h int, dt float64) {
	if s.road == nil || s.drawn != nil {
		return
	}
	s.moved += dt
	for i := range s.low {
		u := (float64(i) + 0.5) / hoodBins * float64(w)
		for y := float64(h) - 1; y > s.low[i]*float64(h); y -= math.Max(1, float64(h)/180) {
			if s.road.At(u, y) {
				s.low[i] = (y + 1) / float64(h)
				break
			}
		}
	}
}

// floor is the row, frame pixels, at which the picture of the road ends at column u: the
// picture's edge or the hood's.
func (s *surface) floor(u float64, w, h int) float64 {
	if s.drawn != nil {
		return s.drawnFloor(u, h)
	}
	if s.moved < hoodSeconds {
		return float64(h)
	}
	i := int(u / float64(w) * hoodBins)
	low := s.low[max(0, min(hoodBins-1, i))]
	if low < 0.6 || low > 0.985 { // never any road there, or down to the edge
		return float64(h)
	}
	return low * float64(h)
}

// drawnFloor is the upper edge of the drawn outline at column u.
func (s *surface) drawnFloor(u float64, h int) float64 {
	top := float64(h)
	for i, a := range s.drawn {
		b := s.drawn[(i+1)%len(s.drawn)]
		if a.X > b.X {
			a, b = b, a
		}
		if u < a.X || u > b.X || a.X == b.X {
			continue
		}
		top = math.Min(top, a.Y+(b.Y-a.Y)*(u-a.X)/(b.X-a.X))
	}
	return top
}

// freeColumns is how many columns the free-space line has.
const freeColumns = 64

// free appends the upper end of the free road, column by column: from the floor up to the
// first cell that is not road. Columns without road at the floor end there.
func (s *surface) free(dst []pipeline.Point, w, h int) []pipeline.Point {
	if s.road == nil {
		return dst
	}
	step := math.Max(1, s.road.Grid().SY)
	for i := range freeColumns {
		u := (float64(i) + 0.5) / freeColumns * float64(w)
		floor := s.floor(u, w, h)
		y, gap := floor, 0.0
		for v := floor - step/2; v > 0; v -= step {
			if s.road.At(u, v) {
				y, gap = v-step/2, 0
				continue
			}
			// A manhole of a cell or two is no end; the first rows may be noise.
			if gap += step; gap > 2*step {
				break
			}
		}
		dst = append(dst, pipeline.Point{X: u, Y: math.Max(0, y)})
	}
	return dst
}

// edges looks along the path for the ends of the road to both sides.
func (s *surface) edges(g *sight, p *path, fit *curveFit) {
	fit.n = 0
	if s.road == nil || !g.calibrated {
		return
	}
	for i := range curveRows {
		x := curveNear + float64(i)*curveStep
		c := p.at(x)
		if !s.isRoad(g, x, c) {
			break // something stands in the way: nothing is known beyond
		}
		fit.x[i] = x
		fit.left[i], fit.hasL[i] = s.edge(g, x, c, 0.25)
		fit.right[i], fit.hasR[i] = s.edge(g, x, c, -0.25)
		fit.n = i + 1
	}
}

func (s *surface) isRoad(g *sight, x, y float64) bool {
	at, ok := g.plane.Project(x, y, 0)
	return ok && s.road.At(at.X, at.Y)
}

// edge walks sideways until the road ends; ok is false when the picture ends before, or when
// something nearer than a road's edge stands in between.
func (s *surface) edge(g *sight, x, y, step float64) (float64, bool) {
	in := g.plane.Camera().Intrinsics()
	for d := 8 * step; math.Abs(d) < 9; d += step {
		at, ok := g.plane.Project(x, y+d, 0)
		if !ok || at.X < 2 || at.X > float64(in.Width)-2 || at.Y > float64(in.Height)-2 {
			return 0, false
		}
		if !s.road.At(at.X, at.Y) {
			if d == 8*step {
				return 0, false
			}
			return y + d - step/2, true
		}
	}
	return 0, false
}
