package road

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/calib"
	"outrider/pipeline"
)

func process(t *testing.T, s *Stage, w, h int, at time.Duration) {
	t.Helper()
	f, err := pipeline.NewFrame("front", w, h, make([]byte, 3*w*h))
	if err != nil {
		t.Fatal(err)
	}
	f.Captured = time.Unix(1000, 0).Add(at)
	r := pipeline.NewResult(f)
	if err := s.Process(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	r.Release()
	f.Release()
}

// TestStage takes a stage through what a camera's calibration can be.
func TestStage(t *testing.T) {
	cam, err := calib.New(calib.Intrinsics{Width: 640, Height: 360, FX: 576, FY: 576, CX: 320, CY: 180, Model: calib.PlumbBob})
	if err != nil {
		t.Fatal(err)
	}
	s := &Stage{State: filepath.Join(t.TempDir(), "front.json")}
	expect := func(status calib.Status, reason string) {
		t.Helper()
		c := s.Calibration()
		p, ok := s.Plane(time.Time{})
		if c.Status != string(status) || !strings.Contains(c.Reason, reason) || ok != (status == calib.Calibrated) || ok && p.Camera() == nil {
			t.Errorf("want %s %q, got %+v, plane %v", status, reason, c, ok)
		}
	}
	if err := s.Set(Settings{}); err != nil {
		t.Fatal(err)
	}
	expect(calib.Uncalibrated, "lens is not known")
	if err := s.Set(Settings{Camera: cam}); err != nil {
		t.Fatal(err)
	}
	process(t, s, 640, 360, 0)
	expect(calib.Uncalibrated, "mount is not known")

	// Given: the plane follows the stream's size, and is INVALID for another aspect.
	if err := s.Set(Settings{Camera: cam, Mount: &calib.Mount{Height: 6, Pitch: 0.5}}); err != nil {
		t.Fatal(err)
	}
	process(t, s, 320, 180, 0)
	expect(calib.Calibrated, "")
	p, _ := s.Plane(time.Time{})
	if in := p.Camera().Intrinsics(); in.Width != 320 {
		t.Errorf("the plane is of %d pixels, the stream of 320", in.Width)
	}
	process(t, s, 320, 240, 0)
	expect(calib.Invalid, "another aspect")
	if err := s.Set(Settings{Camera: cam, Mount: &calib.Mount{Height: -1}}); err == nil {
		t.Error("a height of -1 m is taken")
	}

	// Learnt: from blocks that an earlier run kept.
	e := &Estimator{Camera: cam}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	feed(e, rand.New(rand.NewPCG(1, 1)), needBlocks, 2, 1, 0.2)
	b, err := e.Save()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.State, b, 0o644); err != nil {
		t.Fatal(err)
	}
	learn := Settings{Camera: cam, Mount: &calib.Mount{Height: 1.3, Front: 1.6, Pitch: 1, Spread: calib.Spread{Slope: 0.01}}, Learn: true}
	if err := s.Set(learn); err != nil {
		t.Fatal(err)
	}
	process(t, s, 640, 360, time.Second)
	expect(calib.Calibrated, "")
	p, _ = s.Plane(time.Time{})
	if m := p.Mount(); math.Abs(m.Pitch*180/math.Pi-2) > 0.2 || m.Height != 1.3 || m.Front != 1.6 || m.Spread.Slope != 0.01 || m.Spread.Pitch < nodSpread {
		t.Errorf("mount %+v", m)
	}
	process(t, s, 640, 480, 2*time.Second)
	expect(calib.Invalid, "another aspect")
	process(t, s, 640, 360, 3*time.Second)
	expect(calib.Calibrated, "")

	// Each further block is kept.
	feed(s.learns, rand.New(rand.NewPCG(2, 2)), 1, 2, 1, 0.2)
	s.Reset(2)
	process(t, s, 640, 360, 4*time.Second)
	if kept, err := os.ReadFile(s.State); err != nil || len(kept) <= len(b) {
		t.Errorf("%d bytes kept after %d, %v", len(kept), len(b), err)
	}
}
