package event

import (
	"math"

	"outrider/pipeline"
)

// A speed is the slope of a straight line through the places of the last second and a half.
const (
	speedSpan    = 1.5   // seconds that a fit looks back
	speedSpacing = 0.045 // seconds between two samples at least
	speedSamples = 32
	speedLeast   = 5   // samples
	speedShort   = 0.5 // seconds that they must span
)

// odometer keeps an object's last places on the ground.
type odometer struct {
	at    [speedSamples]sample
	n     int // taken so far
	value pipeline.Speed
}

type sample struct {
	t      float64
	at     [2]float64 // x, y
	weight [2]float64 // one by the variance
}

func (o *odometer) reset() { o.n, o.value = 0, pipeline.Speed{} }

// add takes a place and fits anew.
func (o *odometer) add(t float64, at pipeline.Point, cov [3]float64) {
	if o.n > 0 && t-o.at[(o.n-1)%speedSamples].t < speedSpacing {
		return
	}
	o.at[o.n%speedSamples] = sample{t, [2]float64{at.X, at.Y}, [2]float64{1 / max(cov[0], 1e-6), 1 / max(cov[2], 1e-6)}}
	o.n++
	o.value = o.fit(t)
}

// confidence is how many standard errors half an interval of 95 % has, for as few samples.
const confidence = 2.2

// fit is the weighted least-squares line through the samples, an axis at a time. Its error is
// the larger of what the places' own errors and what the scatter about the line say. A speed
// that is hardly known is not told.
func (o *odometer) fit(now float64) pipeline.Speed {
	n, first := 0, now
	for n < min(o.n, speedSamples) && now-o.sample(n).t <= speedSpan {
		first = o.sample(n).t
		n++
	}
	if n < speedLeast || now-first < speedShort {
		return pipeline.Speed{}
	}
	var v, variance [2]float64
	for axis := range v {
		v[axis], variance[axis] = o.slope(axis, n)
	}
	speed := math.Hypot(v[0], v[1])
	along := max(variance[0], variance[1])
	if speed*speed > 4*along { // its direction is known, and the error across it matters little
		along = (v[0]*v[0]*variance[0] + v[1]*v[1]*variance[1]) / (speed * speed)
	}
	s := pipeline.Speed{MPS: speed, Error: confidence * math.Sqrt(along)}
	if !(s.MPS < 200) || !(s.Error <= max(2, s.MPS/2)) {
		return pipeline.Speed{}
	}
	s.Heading = math.Mod(math.Atan2(-v[1], v[0])*180/math.Pi+360, 360)
	return s
}

// sample is the i-th newest.
func (o *odometer) sample(i int) *sample { return &o.at[(o.n-1-i)%speedSamples] }

// slope fits a line through one axis of the newest n samples: its slope and that's variance.
func (o *odometer) slope(axis, n int) (v, variance float64) {
	var sw, st, sx float64
	for i := range n {
		s := o.sample(i)
		w := s.weight[axis]
		sw, st, sx = sw+w, st+w*s.t, sx+w*s.at[axis]
	}
	mt, mx := st/sw, sx/sw
	var tt, tx float64
	for i := range n {
		s := o.sample(i)
		w, d := s.weight[axis], s.t-mt
		tt, tx = tt+w*d*d, tx+w*d*(s.at[axis]-mx)
	}
	v = tx / tt
	chi := 0.
	for i := range n {
		s := o.sample(i)
		d := s.at[axis] - mx - v*(s.t-mt)
		chi += s.weight[axis] * d * d
	}
	return v, max(1, chi/float64(n-2)) / tt
}
