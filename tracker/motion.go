package tracker

import (
	"math"

	"outrider/pipeline"
)

// Process noise, in box sizes: position and velocity deviations of one 1/30 s, as in BoT-SORT.
// The velocity of a new track is known to newVelocity times that. slowNoise is the share of
// the velocity's noise at slowRate frames/s that does not fall with the frame rate.
const (
	posNoise    = 1.0 / 20
	velNoise    = 1.0 / 160
	newVelocity = 20.0
	slowNoise   = 0.1
	slowRate    = 6.0
	minSide     = 2.0 // pixels; a predicted size never falls below
)

// motion is a constant-velocity Kalman filter for each of cx, cy, w, h. The axes are
// independent, so each keeps a 2x2 covariance: p of the position, c between, q of the
// velocity. Velocities are per unit of 1/30 s.
type motion struct {
	x, v    [4]float64
	p, c, q [4]float64
}

// measure turns a box into cx, cy, w, h.
func measure(b pipeline.Box) [4]float64 {
	return [4]float64{(b.X1 + b.X2) / 2, (b.Y1 + b.Y2) / 2, b.X2 - b.X1, b.Y2 - b.Y1}
}

// sizes are the lengths that noise is proportional to, by axis.
func sizes(w, h float64) [4]float64 {
	w, h = math.Max(w, 1), math.Max(h, 1)
	return [4]float64{w, h, w, h}
}

func (m *motion) start(b pipeline.Box) {
	m.x, m.v, m.c = measure(b), [4]float64{}, [4]float64{}
	s := sizes(m.x[2], m.x[3])
	for i := range s {
		m.p[i] = sq(2 * posNoise * s[i])
		m.q[i] = sq(newVelocity * velNoise * s[i])
	}
}

// predict moves the state tau units ahead. rate is the stream's frame rate over 30. Noise of a
// fixed power in time, as theory has it, lets the velocity follow each wobble of a box; two
// things work better, measured on streams of 2 to 30 frames/s, whole and thinned. The noise
// falls with the rate, since a steady velocity is what tells objects apart that cross. And a
// part grows with the time between frames, since below some 6 frames/s objects do turn and
// brake from one frame to the next.
func (m *motion) predict(tau, rate float64) {
	s := sizes(m.x[2], m.x[3])
	pos, vel := sq(posNoise)*tau*math.Sqrt(rate), sq(velNoise)*tau*(sq(rate)+slowNoise*slowRate/30/rate)
	for i := range s {
		m.x[i] += tau * m.v[i]
		m.p[i] += 2*tau*m.c[i] + tau*tau*m.q[i] + pos*sq(s[i])
		m.c[i] += tau * m.q[i]
		m.q[i] += vel * sq(s[i])
	}
	m.x[2], m.x[3] = math.Max(m.x[2], minSide), math.Max(m.x[3], minSide)
}

// update takes in a measurement; dev is its deviation by axis, in box sizes.
func (m *motion) update(z, dev [4]float64) {
	s := sizes(m.x[2], m.x[3])
	for i := range z {
		y := z[i] - m.x[i]
		total := m.p[i] + sq(dev[i]*s[i])
		k, kv := m.p[i]/total, m.c[i]/total
		m.x[i] += k * y
		m.v[i] += kv * y
		m.q[i] -= kv * m.c[i]
		m.c[i] *= 1 - k
		m.p[i] *= 1 - k
	}
	m.x[2], m.x[3] = math.Max(m.x[2], minSide), math.Max(m.x[3], minSide)
}

func (m *motion) box() pipeline.Box {
	return pipeline.Box{X1: m.x[0] - m.x[2]/2, Y1: m.x[1] - m.x[3]/2, X2: m.x[0] + m.x[2]/2, Y2: m.x[1] + m.x[3]/2}
}

func (m *motion) finite() bool {
	sum := 0.0
	for i := range m.x {
		sum += m.x[i] + m.v[i] + m.p[i] + m.c[i] + m.q[i]
	}
	return !math.IsNaN(sum) && !math.IsInf(sum, 0) && math.Abs(sum) < 1e15
}

// warp moves the state with the picture.
func (m *motion) warp(w *Warp) {
	m.x[0], m.x[1] = w.apply(m.x[0], m.x[1])
	m.v[0], m.v[1] = w.turn(m.v[0], m.v[1])
	s := w.scale()
	for i := range m.x {
		m.p[i] *= s * s
		m.c[i] *= s * s
		m.q[i] *= s * s
	}
	for i := 2; i < 4; i++ {
		m.x[i] *= s
		m.v[i] *= s
	}
}

// Warp maps positions of the previous frame to this one, as the camera moved:
// x' = A11 x + A12 y + TX, y' = A21 x + A22 y + TY.
type Warp struct{ A11, A12, TX, A21, A22, TY float64 }

// usable refuses what no camera does between two frames: such a warp is a failed estimate.
func (w *Warp) usable() bool {
	if w == nil {
		return false
	}
	s := w.scale()
	sum := math.Abs(w.TX) + math.Abs(w.TY) + math.Abs(w.A11) + math.Abs(w.A12) + math.Abs(w.A21) + math.Abs(w.A22)
	return s > 0.5 && s < 2 && sum < 1e6
}

func (w *Warp) apply(x, y float64) (float64, float64) {
	return w.A11*x + w.A12*y + w.TX, w.A21*x + w.A22*y + w.TY
}

func (w *Warp) turn(x, y float64) (float64, float64) { return w.A11*x + w.A12*y, w.A21*x + w.A22*y }

func (w *Warp) scale() float64 { return math.Sqrt(math.Abs(w.A11*w.A22 - w.A12*w.A21)) }

func (w *Warp) box(b pipeline.Box) pipeline.Box {
	b.X1, b.Y1 = w.apply(b.X1, b.Y1)
	b.X2, b.Y2 = w.apply(b.X2, b.Y2)
	return b
}

// noise learns, for one stream, how far measured boxes jitter: the second difference of a
// steady object's measurements is noise, since real motion is smooth.
type noise struct{ variance [4]float64 } // in squared box sizes

const (
	noiseStart = 0.02
	noiseRate  = 0.002
	noiseMin   = 0.005
	noiseMax   = 0.1
)

func (n *noise) reset() { fill(n.variance[:], noiseStart*noiseStart) }

func (n *noise) learn(z2, z1, z0 [4]float64) {
	s := sizes(z0[2], z0[3])
	for i := range s {
		e := (z0[i] - 2*z1[i] + z2[i]) / s[i]
		n.variance[i] += noiseRate * (math.Min(e*e/6, 0.04) - n.variance[i])
	}
}

// deviation is the measurement noise in box sizes.
func (n *noise) deviation() (d [4]float64) {
	for i, v := range n.variance {
		d[i] = math.Min(math.Max(math.Sqrt(v), noiseMin), noiseMax)
	}
	return d
}

func sq(v float64) float64 { return v * v }
