package road

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"time"

	"outrider/calib"
	"outrider/pipeline"
)

// Settings say what a Stage works with. The zero value is a camera of which nothing is known.
type Settings struct {
	Camera    *calib.Camera // the lens; nil when it is not known
	Mount     *calib.Mount  // how it is mounted, as far as somebody said
	Learn     bool          // find pitch, yaw and height from driving, and do not believe Mount's
	LaneWidth float64       // metres, for the height when there is no speed; 0 when not known
}

// Stage is the calibration of one camera of the service: it tells the ground plane of each frame,
// learnt from driving or as it was given. Put it before the stages that ask it. Learning costs
// some ten milliseconds for every frame it looks at, about fifteen a second.
//
// Exported fields are parameters, not changed after the first frame. Plane, Calibration and Set
// are safe for concurrent use with each other and with Process.
type Stage struct {
	// State is the file in which what was learnt is kept over restarts; empty for none.
	State string
	// Speed is the vehicle's at a frame, m/s; nil, or ok false, when it is not known.
	Speed func(f *pipeline.Frame) (mps float64, ok bool)
	Log   *slog.Logger

	work   sync.Mutex // held by Process and Set; guards what follows
	set    Settings
	learns *Estimator
	blocks int // when last saved
	start  time.Time

	mu    sync.Mutex // guards what follows
	plane calib.Plane
	ok    bool
	told  pipeline.Calibration
}

var _ pipeline.Stage = (*Stage)(nil)

// Set changes what the stage works with; what was learnt is dropped when the lens is another
// one. It fails, and changes nothing, when the settings cannot be.
func (s *Stage) Set(x Settings) error {
	s.work.Lock()
	defer s.work.Unlock()
	var e *Estimator
	if x.Camera != nil && x.Learn {
		e = &Estimator{Camera: x.Camera, LaneWidth: x.LaneWidth}
		if x.Mount != nil {
			e.Height, e.Roll = x.Mount.Height, x.Mount.Roll
		}
		if err := e.Initialize(); err != nil {
			return err
		}
		if s.State != "" {
			if b, err := os.ReadFile(s.State); err == nil {
				if err := e.Restore(b); err != nil && s.Log != nil {
					s.Log.Info("calibration begins anew", "reason", err)
				}
			}
		}
	}
	if x.Camera != nil && x.Mount != nil && !x.Learn {
		if _, err := calib.NewPlane(x.Camera, *x.Mount); err != nil {
			return err
		}
	}
	s.set, s.learns = x, e
	if e != nil {
		s.blocks = len(e.blocks.done)
	}
	in := calib.Intrinsics{}
	if x.Camera != nil {
		in = x.Camera.Intrinsics()
	}
	s.update(in.Width, in.Height, Reading{})
	return nil
}

// Process implements pipeline.Stage. It adds nothing to the result.
func (s *Stage) Process(_ context.Context, r *pipeline.Result) error {
	s.work.Lock()
	defer s.work.Unlock()
	f := r.Frame
	var reading Reading
	if s.learns != nil {
		if s.start.IsZero() {
			s.start = f.Captured
		}
		speed := -1.0
		if s.Speed != nil {
			if v, ok := s.Speed(f); ok {
				speed = v
			}
		}
		reading = s.learns.Frame(f.Data, f.Width, f.Height, f.Captured.Sub(s.start), speed)
		if n := len(s.learns.blocks.done); n != s.blocks {
			s.blocks = n
			if err := s.save(); err != nil && s.Log != nil {
				s.Log.Error("calibration not kept", "error", err)
			}
		}
	}
	s.update(f.Width, f.Height, reading)
	return nil
}

// Reset implements pipeline.Stage: the stream begins anew, what was learnt stays.
func (s *Stage) Reset(uint32) {
	s.work.Lock()
	defer s.work.Unlock()
	if s.learns != nil {
		s.learns.Reset()
	}
}

// save keeps what was learnt, under a temporary name first.
func (s *Stage) save() error {
	if s.State == "" {
		return nil
	}
	b, err := s.learns.Save()
	if err != nil {
		return fmt.Errorf("keep road calibration: %w", err)
	}
	if err := os.WriteFile(s.State+".tmp", b, 0o644); err != nil {
		return fmt.Errorf("keep road calibration: %w", err)
	}
	if err := os.Rename(s.State+".tmp", s.State); err != nil {
		return fmt.Errorf("keep road calibration: %w", err)
	}
	return nil
}

// update sets the plane and what is told, for frames of w x h pixels.
func (s *Stage) update(w, h int, r Reading) {
	var plane calib.Plane
	c := pipeline.Calibration{Status: string(calib.Uncalibrated)}
	ok := false
	switch {
	case s.set.Camera == nil:
		c.Reason = "the lens is not known"
	case s.learns != nil:
		plane, ok = s.learnt(&c, r)
	case s.set.Mount == nil:
		c.Reason = "the mount is not known: give height and pitch, or let it learn from driving"
	default:
		c.From = "given"
		const degree = math.Pi / 180
		m := s.set.Mount
		c.Pitch, c.Roll, c.Yaw, c.Height = m.Pitch/degree, m.Roll/degree, m.Yaw/degree, m.Height
		c.PitchSD, c.YawSD, c.HeightSD = m.Spread.Pitch/degree, m.Spread.Yaw/degree, m.Spread.Height
		cam, err := s.set.Camera.Scale(w, h)
		if err == nil {
			plane, err = calib.NewPlane(cam, *s.set.Mount)
		}
		if ok = err == nil; ok {
			c.Status = string(calib.Calibrated)
		} else {
			c.Status, c.Reason = string(calib.Invalid), err.Error()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plane, s.ok, s.told = plane, ok, c
}

// learnt is the plane that driving has told, tilted by the nod of this moment.
func (s *Stage) learnt(c *pipeline.Calibration, r Reading) (plane calib.Plane, ok bool) {
	e := s.learns
	st := e.State()
	const degree = math.Pi / 180
	front := 0.0
	if s.set.Mount != nil {
		front = s.set.Mount.Front
	}
	*c = pipeline.Calibration{
		Status: string(st.Status), Reason: st.Reason, From: "driving", Pitch: st.PitchDeg, Roll: e.Roll / degree, Yaw: st.YawDeg, Height: st.Height,
		PitchSD: st.PitchSD, YawSD: st.YawSD, HeightSD: st.HeightSD, Blocks: st.Blocks, Need: st.Need,
	}
	m, ok := st.Mount(e.Roll, front)
	if !ok || e.scaled == nil {
		return plane, false
	}
	if s.set.Mount != nil {
		m.Spread.Roll, m.Spread.Slope, m.Spread.Pixel = s.set.Mount.Spread.Roll, s.set.Mount.Spread.Slope, s.set.Mount.Spread.Pixel
	}
	// What the vehicle does on its springs is not in the mean's deviation.
	nod, sigma := 0.0, nodSpread
	if r.NodSigma > 0 {
		nod, sigma = r.Nod, r.NodSigma
	}
	m.Pitch += nod
	m.Spread.Pitch = math.Hypot(m.Spread.Pitch, sigma)
	plane, err := calib.NewPlane(e.scaled, m)
	if err == nil {
		err = plane.CheckRoad()
	}
	if err != nil {
		c.Status, c.Reason = string(calib.Invalid), err.Error()
	}
	return plane, err == nil
}

// Plane is the ground as of the newest frame that was processed; ok is false unless CALIBRATED.
func (s *Stage) Plane(time.Time) (p calib.Plane, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plane, s.ok
}

// Calibration is what is known as of the newest frame.
func (s *Stage) Calibration() pipeline.Calibration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told
}
