package road

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"outrider/calib"
)

// feed gives n blocks of readings about pitch and yaw, degrees.
func feed(e *Estimator, r *rand.Rand, n int, pitch, yaw, scatter float64) {
	const degree = math.Pi / 180
	for range n * blockSamples {
		e.blocks.add(sample{pitch: (pitch + scatter*r.NormFloat64()) * degree, yaw: (yaw + scatter*r.NormFloat64()) * degree, dt: 0.1})
	}
}

func TestState(t *testing.T) {
	c, err := calib.New(calib.Intrinsics{Width: 640, Height: 360, FX: 576, FY: 576, CX: 320, CY: 180, Model: calib.PlumbBob})
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() *Estimator {
		e := &Estimator{Camera: c}
		if err := e.Initialize(); err != nil {
			t.Fatal(err)
		}
		return e
	}
	r := rand.New(rand.NewPCG(1, 1))
	e := fresh()
	feed(e, r, needBlocks-1, 2, 1, 0.2)
	if s := e.State(); s.Status != calib.Uncalibrated || !strings.Contains(s.Reason, "4 of 5 blocks") {
		t.Errorf("four blocks: %+v", s)
	}
	feed(e, r, 1, 2, 1, 0.2)
	s := e.State()
	if s.Status != calib.Calibrated || math.Abs(s.PitchDeg-2) > 0.1 || math.Abs(s.YawDeg-1) > 0.1 || s.PitchSD > 0.1 {
		t.Errorf("five blocks: %+v", s)
	}
	if _, ok := s.Mount(0, 0); !ok {
		t.Error("no mount")
	}

	// The camera is turned by three degrees: it forgets, says so, and learns anew.
	feed(e, r, 5, 2, 1, 0.2)
	feed(e, r, movedBlocks, 2, -2, 0.2)
	if s := e.State(); s.Status != calib.Uncalibrated || !strings.Contains(s.Reason, "moved") || math.Abs(s.YawDeg+2) > 0.1 {
		t.Errorf("moved: %+v", s)
	}
	feed(e, r, 2, 2, -2, 0.2)
	if s := e.State(); s.Status != calib.Calibrated {
		t.Errorf("learnt anew: %+v", s)
	}
	feed(e, r, 2*keepBlocks, 2, -2, 0.2)
	if s := e.State(); s.Blocks != keepBlocks {
		t.Errorf("%d blocks kept", s.Blocks)
	}

	for want, give := range map[string][3]float64{
		"beyond what a road camera": {12, 0, 0.1},
		"yaw -6.0":                  {0, -6, 0.1},
		"scatter":                   {2, 0, 6},
	} {
		e := fresh()
		feed(e, r, needBlocks, give[0], give[1], give[2])
		s := e.State()
		if _, ok := s.Mount(0, 0); s.Status != calib.Invalid || ok || !strings.Contains(s.Reason, want) {
			t.Errorf("want %q, got %+v", want, s)
		}
	}

	// Height: from the lane's width when there is no speed.
	e = fresh()
	e.LaneWidth = 3.5
	for range needBlocks * blockSamples {
		e.blocks.add(sample{dt: 0.1, laneWidth: 2.5})
	}
	if s := e.State(); s.HeightFrom != "lane" || math.Abs(s.Height-1.4) > 1e-9 || s.HeightSD < 0.05 {
		t.Errorf("lane: %+v", s)
	}
}
