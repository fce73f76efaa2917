package tracker_test

import (
	"testing"

	"outrider/tracker"
)

// Cars pass the picture one after the other at three frames a second, so fast that two boxes
// of one car lie apart. Only those that went before say where the next one will be.
func TestStreamOfFastObjectsAtALowRate(t *testing.T) {
	var c tracker.Core
	step, cars := 0, 0
	drive := func(speed float64) (ids int) {
		seen := map[uint64]bool{}
		for x := 0.0; x < 1500; x += speed {
			step++
			c.Step(float64(step)/3, []tracker.Detection{{Box: box(x, 300, 100, 60), Score: 0.95, Parent: -1}}, nil)
			for _, o := range c.Append(nil) {
				if o.Observed {
					seen[o.ID] = true
				}
			}
		}
		for range 12 {
			step++
			c.Step(float64(step)/3, nil, nil)
		}
		cars++
		return len(seen)
	}
	for speed := 90.0; speed <= 180; speed += 15 {
		if n := drive(speed); n != 1 {
			t.Errorf("car %d, %g pixels a frame: %d ids, want 1", cars, speed, n)
		}
	}
	var first tracker.Core
	ids := map[uint64]bool{}
	for k := range 8 {
		first.Step(float64(k)/3, []tracker.Detection{{Box: box(180*float64(k), 300, 100, 60), Score: 0.95, Parent: -1}}, nil)
		for _, o := range first.Append(nil) {
			ids[o.ID] = true
		}
	}
	if len(ids) < 2 {
		t.Error("the first of its kind needs no help: the test shows nothing")
	}
}
