package tracker_test

import (
	"math"
	"testing"

	"outrider/calib"
	"outrider/pipeline"
	"outrider/tracker"
)

var (
	_ tracker.Ground = (*calib.Plane)(nil)
	_ tracker.Ground = (*calib.Homography)(nil)
)

// floor is a camera 3 m above the ground that looks along it: the horizon is at y = 100, a
// metre is 500 pixels at a distance of one metre.
type floor struct{ nan bool }

func (f floor) Metres(p pipeline.Point) (pipeline.Point, [3]float64, bool) {
	if f.nan {
		return pipeline.Point{X: math.NaN(), Y: math.Inf(1)}, [3]float64{math.NaN(), 0, -1}, true
	}
	if p.Y <= 101 {
		return pipeline.Point{}, [3]float64{}, false
	}
	x := 3 * 500 / (p.Y - 100)
	dx := x / (p.Y - 100) // for one pixel
	return pipeline.Point{X: x, Y: (320 - p.X) * x / 500}, [3]float64{4 * dx * dx, 0, 4 * x * x / 250000}, true
}

// standing is the box of somebody 1.7 m high at x, y metres.
func standing(x, y float64) pipeline.Box {
	k := 500 / x
	foot := 100 + 3*k
	return pipeline.Box{X1: 320 - (y+0.3)*k, Y1: foot - 1.7*k, X2: 320 - (y-0.3)*k, Y2: foot}
}

func TestGroundKeepsApartWhatOverlapsInThePicture(t *testing.T) {
	// Somebody at 10 m goes out of sight; somebody at 8 m stands where the
	// picture showed the other.
	run := func(g tracker.Ground) (same bool) {
		var c tracker.Core
		c.Ground = g
		var id uint64
		for k := range 10 {
			c.Step(float64(k)/10, []tracker.Detection{{Box: standing(10, 0.05*float64(k)), Score: 0.95, Parent: -1}}, nil)
			id = c.Append(nil)[0].ID
		}
		near := standing(8, 0.36)
		near.Y1 = near.Y2 - 100
		for k := 10; k < 14; k++ {
			c.Step(float64(k)/10, []tracker.Detection{{Box: near, Score: 0.95, Parent: -1}}, nil)
		}
		for _, o := range c.Append(nil) {
			if o.Observed {
				return o.ID == id
			}
		}
		t.Fatal("nobody is seen")
		return false
	}
	if run(floor{}) {
		t.Error("one track moved 2 m in a tenth of a second")
	}
	if !run(nil) {
		t.Error("without the ground the picture alone keeps them apart: the test shows nothing")
	}
	if !run(floor{nan: true}) {
		t.Error("a ground of no numbers counted")
	}
}

func TestGroundFollowsWhoRuns(t *testing.T) {
	var c tracker.Core
	c.Ground = floor{}
	ids := map[uint64]bool{}
	for k := range 40 {
		at := standing(25-0.35*float64(k), 2-0.1*float64(k)) // 3.6 m/s
		c.Step(float64(k)/10, []tracker.Detection{{Box: at, Score: 0.95, Parent: -1}}, nil)
		for _, o := range c.Append(nil) {
			ids[o.ID] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("%d ids of one runner", len(ids))
	}
}
