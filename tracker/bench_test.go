package tracker_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"outrider/tracker"
)

// crowd moves n people over a floor that grows with them, as dense as a busy street.
type crowd struct {
	x, y, vx, vy []float64
	side         float64
	rnd          *rand.Rand
	dets         []tracker.Detection
}

func newCrowd(n int, density float64) *crowd {
	c := &crowd{rnd: rand.New(rand.NewPCG(1, uint64(n)))}
	for c.side = 200; c.side*c.side*density < float64(n)*40*80; c.side += 20 {
	}
	for range n {
		c.x, c.y = append(c.x, c.rnd.Float64()*c.side), append(c.y, c.rnd.Float64()*c.side)
		c.vx, c.vy = append(c.vx, c.rnd.NormFloat64()*2), append(c.vy, c.rnd.NormFloat64())
	}
	return c
}

func (c *crowd) next() []tracker.Detection {
	c.dets = c.dets[:0]
	for i := range c.x {
		c.x[i] += c.vx[i]
		c.y[i] += c.vy[i]
		if c.x[i] < 0 || c.x[i] > c.side {
			c.vx[i] = -c.vx[i]
		}
		if c.y[i] < 0 || c.y[i] > c.side {
			c.vy[i] = -c.vy[i]
		}
		if c.rnd.Float64() < 0.05 {
			continue
		}
		c.dets = append(c.dets, tracker.Detection{Box: box(c.x[i]+c.rnd.NormFloat64(), c.y[i]+c.rnd.NormFloat64(), 40, 80), Score: 0.4 + 0.6*c.rnd.Float64()})
	}
	return c.dets
}

// BenchmarkStep is one frame of n objects that cover a share of the floor.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		n       int
		density float64
	}{{10, 0.3}, {100, 0.3}, {100, 1}, {300, 0.3}, {300, 1}, {1000, 0.3}, {10000, 0.3}} {
		b.Run(fmt.Sprintf("objects=%d/density=%g", c.n, c.density), func(b *testing.B) {
			crowd := newCrowd(c.n, c.density)
			var core tracker.Core
			var objs []tracker.Object
			at := 0.0
			step := func() {
				at += 1.0 / 30
				core.Step(at, crowd.next(), nil)
				objs = core.Append(objs[:0])
			}
			for range 120 {
				step()
			}
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}
