package tracker_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"outrider/pipeline"
	"outrider/tracker"
)

func box(x, y, w, h float64) pipeline.Box { return pipeline.Box{X1: x, Y1: y, X2: x + w, Y2: y + h} }

// walk runs n frames of objects that the function places, and returns the ids seen by object.
func walk(t *testing.T, c *tracker.Core, n int, dt float64, at func(k int) []tracker.Detection) [][]uint64 {
	t.Helper()
	var out [][]uint64
	for k := range n {
		dets := at(k)
		if !c.Step(float64(k)*dt, dets, nil) {
			t.Fatalf("step %d refused", k)
		}
		ids := make([]uint64, len(dets))
		for _, o := range c.Append(nil) {
			if o.Detection >= 0 {
				ids[o.Detection] = o.ID
			}
		}
		out = append(out, ids)
	}
	return out
}

func TestTwoObjectsThatCrossKeepTheirIDs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	j := func() float64 { return rnd.NormFloat64() }
	for _, fps := range []float64{5, 10, 30} {
		var c tracker.Core
		// They pass each other at different heights of the picture, overlapping for a while.
		got := walk(t, &c, int(6*fps), 1/fps, func(k int) []tracker.Detection {
			s := float64(k) / fps
			return []tracker.Detection{
				{Box: box(100+60*s+j(), 100+j(), 40, 80), Score: 0.8, Parent: -1},
				{Box: box(460-60*s+j(), 125+j(), 44, 90), Score: 0.8, Parent: -1},
			}
		})
		first := got[3]
		if first[0] == 0 || first[1] == 0 || first[0] == first[1] {
			t.Fatalf("%g frames/s: ids after four frames: %v", fps, first)
		}
		for k, ids := range got[3:] {
			if ids[0] != first[0] || ids[1] != first[1] {
				t.Fatalf("%g frames/s: frame %d: ids %v, want %v", fps, k+3, ids, first)
			}
		}
	}
}

func TestLostTrackResumesAndEnds(t *testing.T) {
	var c tracker.Core
	at := 0.0
	step := func(seen bool) []tracker.Object {
		at += 0.1
		var d []tracker.Detection
		if seen {
			d = []tracker.Detection{{Box: box(100, 100, 50, 50), Score: 0.8}}
		}
		c.Step(at, d, nil)
		return c.Append(nil)
	}
	for range 5 {
		step(true)
	}
	id := step(true)[0].ID
	var o []tracker.Object
	for range 5 {
		o = step(false)
	}
	if len(o) != 1 || o[0].ID != id || o[0].State != pipeline.Lost || o[0].Observed {
		t.Fatalf("after 0.5 s unseen: %+v, want track %d lost", o, id)
	}
	if o = step(true); len(o) != 1 || o[0].ID != id || o[0].State != pipeline.Confirmed {
		t.Fatalf("seen again: %+v, want track %d confirmed", o, id)
	}
	for range 32 {
		o = step(false)
	}
	if len(o) != 0 {
		t.Fatalf("after 3.2 s unseen: %+v, want none", o)
	}
	for range 5 {
		o = step(true)
	}
	if len(o) != 1 || o[0].ID <= id {
		t.Fatalf("after its end: %+v, want one new id above %d", o, id)
	}
}

func TestTimeMustGrow(t *testing.T) {
	var c tracker.Core
	if !c.Step(1, nil, nil) || c.Step(1, nil, nil) || c.Step(0.5, nil, nil) || c.Step(math.NaN(), nil, nil) || c.Step(math.Inf(1), nil, nil) {
		t.Fatal("a step whose time is not after the last must be refused")
	}
	if c.Late != 4 {
		t.Fatalf("Late = %d, want 4", c.Late)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var c tracker.Core
	var dets []tracker.Detection
	var objs []tracker.Object
	at, k := 0.0, 0
	step := func() {
		dets = dets[:0]
		for i := range 100 {
			dets = append(dets, tracker.Detection{Box: box(float64(i%10)*60+float64(k%50), float64(i/10)*60, 50, 55), Score: 0.8})
		}
		at, k = at+1.0/30, k+1
		c.Step(at, dets, nil)
		objs = c.Append(objs[:0])
	}
	for range 200 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Fatalf("%v allocations a step, want 0", n)
	}
}
