package tracker_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"outrider/pipeline"
	"outrider/tracker"
)

// sane fails when a core says what no core may say.
func sane(t *testing.T, c *tracker.Core, dets int) {
	t.Helper()
	last := uint64(0)
	for _, o := range c.Append(nil) {
		if !o.Box.Finite() || math.IsNaN(o.Velocity.X) || math.IsNaN(o.Velocity.Y) || math.IsNaN(o.Score) || math.IsInf(o.Velocity.X, 0) || math.IsInf(o.Velocity.Y, 0) {
			t.Fatalf("not finite: %+v", o)
		}
		if o.Box.W() <= 0 || o.Box.H() <= 0 {
			t.Fatalf("empty box: %+v", o)
		}
		if o.ID <= last {
			t.Fatalf("id %d after %d: want them to ascend", o.ID, last)
		}
		last = o.ID
		if o.Detection >= dets || o.Observed != (o.Detection >= 0) && o.Detection >= 0 {
			t.Fatalf("detection %d of %d: %+v", o.Detection, dets, o)
		}
		if o.State != pipeline.Confirmed && o.State != pipeline.Lost {
			t.Fatalf("state %s", o.State)
		}
	}
}

// FuzzStep reads frames of boxes out of bytes: anything may come, at any time.
func FuzzStep(f *testing.F) {
	num := func(v ...float64) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		return b
	}
	nan, inf := math.NaN(), math.Inf(1)
	f.Add(num(1, 2, 0, 0, 10, 10, 0.9, 5, 5, 20, 20, 0.9, 2, 1, 0, 0, 10, 10, 0.9))
	f.Add(num(1, 1, nan, 0, 10, 10, 0.9, 0.5, 1, inf, -inf, 3, 3, 0.9, nan, 0, -1, 0))
	f.Add(num(1, 1, 1e300, 1e300, 2e300, 2e300, 1, 2, 1, 10, 10, 5, 5, 1, 3, 1, 0, 0, 1e-300, 1e-300, 1))
	f.Add(num(0, 1, 0, 0, 10, 10, 0.95, 31, 1, 0, 0, 12, 10, 0.95, 1e9, 1, 0, 0, 10, 10, 0.95, 1e9+1, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		next := func() float64 {
			if len(b) < 8 {
				b = nil
				return 0
			}
			v := math.Float64frombits(binary.LittleEndian.Uint64(b))
			b = b[8:]
			return v
		}
		var c tracker.Core
		for len(b) > 0 {
			at, n := next(), next()
			var dets []tracker.Detection
			for range int(math.Min(math.Max(n, 0), 50)) {
				dets = append(dets, tracker.Detection{Box: pipeline.Box{X1: next(), Y1: next(), X2: next(), Y2: next()}, Score: next()})
			}
			var w *tracker.Warp
			if int(n)%7 == 3 {
				w = &tracker.Warp{A11: next(), A12: next(), TX: next(), A21: next(), A22: next(), TY: next()}
			}
			if c.Step(at, dets, w) {
				sane(t, &c, len(dets))
			}
		}
	})
}

func TestCrowds(t *testing.T) {
	for name, size := range map[string]float64{"spread": 10, "all in one heap": 3000} {
		scale := 1
		if size > 1000 {
			scale = 4 // every pair overlaps
		}
		rnd := rand.New(rand.NewPCG(5, 6))
		var c tracker.Core
		for k, n := range []int{5000, 0, 5000, 1, 5000} {
			var dets []tracker.Detection
			n := (n + scale - 1) / scale
			for range n {
				dets = append(dets, tracker.Detection{Box: box(rnd.Float64()*4000, rnd.Float64()*4000, size, size), Score: 0.95})
			}
			if !c.Step(float64(k)*0.1, dets, nil) {
				t.Fatalf("%s: step %d refused", name, k)
			}
			sane(t, &c, n)
		}
	}
}

func TestLongGap(t *testing.T) {
	var c tracker.Core
	moving := func(at float64) []tracker.Detection {
		return []tracker.Detection{{Box: box(100+50*at, 100, 40, 40), Score: 0.95}}
	}
	for k := range 20 {
		c.Step(float64(k)*0.04, moving(float64(k)*0.04), nil)
	}
	id := c.Append(nil)[0].ID
	c.Step(30, moving(30), nil)
	objs := c.Append(nil)
	if i := slices.IndexFunc(objs, func(o tracker.Object) bool { return o.ID == id }); i >= 0 {
		t.Fatalf("a track lived through 30 s without a frame: %+v", objs[i])
	}
	sane(t, &c, 1)
}

func TestCameraMotionIsTakenOut(t *testing.T) {
	// The camera pans by two box widths a frame; only the warp keeps the objects together.
	run := func(warped bool) int {
		var c tracker.Core
		ids := map[uint64]bool{}
		for k := range 30 {
			shift := -100.0 * float64(k)
			d := []tracker.Detection{{Box: box(4000+shift, 100, 50, 80), Score: 0.95}, {Box: box(4160+shift, 110, 50, 80), Score: 0.95}}
			var w *tracker.Warp
			if warped && k > 0 {
				w = &tracker.Warp{A11: 1, A22: 1, TX: -100}
			}
			c.Step(float64(k)/25, d, w)
			for _, o := range c.Append(nil) {
				ids[o.ID] = true
			}
		}
		return len(ids)
	}
	if n := run(true); n != 2 {
		t.Errorf("with the warps %d ids, want 2", n)
	}
	if n := run(false); n <= 2 {
		t.Errorf("without the warps %d ids: the test shows nothing", n)
	}
}

func TestSameInputSameOutput(t *testing.T) {
	run := func() (boxes []pipeline.Box) {
		rnd := rand.New(rand.NewPCG(7, 8))
		var c tracker.Core
		for k := range 60 {
			var d []tracker.Detection
			for i := range 40 {
				d = append(d, tracker.Detection{Box: box(float64(i%8)*40+rnd.NormFloat64()*6, float64(i/8)*50+rnd.NormFloat64()*6, 44, 60), Score: rnd.Float64()})
			}
			c.Step(float64(k)/25, d, nil)
			for _, o := range c.Append(nil) {
				boxes = append(boxes, o.Box)
			}
		}
		return boxes
	}
	if a, b := run(), run(); !slices.Equal(a, b) {
		t.Fatal("two runs on one input differ")
	}
}
