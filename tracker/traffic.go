package tracker

import (
	"math"

	"outrider/pipeline"
)

// traffic remembers how objects moved where, so that a new track, whose first box says nothing
// of its speed, starts with that of those which came the same way: at a few frames a second
// its second box would else lie out of reach. Oncoming cars and parked ones passed by the
// camera's own car move in streams like that.
type traffic struct {
	ring [256]passing
	n    int
}

// passing is one observation: place, size, velocity in sizes per unit of 1/30 s, and when.
type passing struct {
	x, y, size float64
	vx, vy     float64
	t          float64
}

// How near in place (in sizes) and in size (as a logarithm) a passing counts, how fast it
// fades (a second), and how much evidence of standing still there is beforehand. Chosen on the
// four sets at a third of their frames: without, KITTI's cars lose 1.5 HOTA; twice or half of
// each value changes the mean by less than 0.1.
const (
	trafficReach = 2.0
	trafficSizes = 0.5
	trafficFade  = 0.1
	trafficDoubt = 0.3
)

func sizeOf(m *motion) float64 { return math.Sqrt(math.Max(m.x[2], 1) * math.Max(m.x[3], 1)) }

// learn takes in a track's state after an observation at t seconds.
func (f *traffic) learn(m *motion, t float64) {
	s := sizeOf(m)
	f.ring[f.n%len(f.ring)] = passing{m.x[0], m.x[1], s, m.v[0] / s, m.v[1] / s, t}
	f.n++
}

// expect is the velocity of an object that appears like m at t.
func (f *traffic) expect(m *motion, t float64) pipeline.Point {
	s := sizeOf(m)
	sum, v := trafficDoubt, pipeline.Point{}
	for i := range min(f.n, len(f.ring)) {
		p := &f.ring[i]
		d := (sq(p.x-m.x[0])+sq(p.y-m.x[1]))/sq(trafficReach*s) + sq(math.Log(p.size/s)/trafficSizes)
		if d > 9 {
			continue
		}
		w := math.Exp(-d/2 - trafficFade*(t-p.t))
		sum += w
		v.X += w * p.vx
		v.Y += w * p.vy
	}
	return pipeline.Point{X: v.X / sum * s, Y: v.Y / sum * s}
}

func (f *traffic) warp(w *Warp) {
	for i := range min(f.n, len(f.ring)) {
		p := &f.ring[i]
		p.x, p.y = w.apply(p.x, p.y)
		p.vx, p.vy = w.turn(p.vx, p.vy)
	}
}

func (f *traffic) reset() { f.n = 0 }
