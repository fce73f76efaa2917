package obstacle

import (
	"math"
	"time"

	"outrider/calib"
	"outrider/pipeline"
)

// Calibration is the camera above the road as of a moment. ok is false while it is not known.
// A plane may change over time: a vehicle pitches when it brakes.
type Calibration interface {
	Plane(at time.Time) (p calib.Plane, ok bool)
}

// Fixed is a calibration that never changes.
type Fixed struct{ Road calib.Plane }

// Plane implements Calibration.
func (f Fixed) Plane(time.Time) (calib.Plane, bool) { return f.Road, true }

// sight turns frame pixels into directions above the ground plane. The zero value is
// uncalibrated: it pretends a camera of usual view whose horizon is the picture's middle, for
// everything that needs no metres.
type sight struct {
	plane      calib.Plane
	calibrated bool
	height     float64 // of the camera, metres; 1 when uncalibrated
	focal      float64 // pixels
	cx, cy     float64
}

// look is the direction of pixel (u, v): down, the tangent of the angle below the horizon
// (negative above), and left, the tangent of the bearing from the direction of travel. Ground
// seen there lies at X = height/down, Y = left X. ok is false where the lens has no image.
func (s *sight) look(u, v float64) (down, left float64, ok bool) {
	if !s.calibrated {
		return (v - s.cy) / s.focal, (s.cx - u) / s.focal, true
	}
	y, z, ok := s.plane.Upright(pipeline.Point{X: u, Y: v}, 1)
	return s.height - z, y, ok
}

// update prepares s for a frame and says what its distances are worth.
func (s *sight) update(c Calibration, f *pipeline.Frame) (pipeline.RoadStatus, string) {
	s.calibrated, s.height = false, 1
	s.focal, s.cx, s.cy = 0.9*float64(f.Width), float64(f.Width)/2, float64(f.Height)/2
	if c == nil {
		return pipeline.RoadUncalibrated, ""
	}
	p, ok := c.Plane(f.Captured)
	if !ok || p.Camera() == nil {
		return pipeline.RoadUncalibrated, ""
	}
	in := p.Camera().Intrinsics()
	if in.Width != f.Width || in.Height != f.Height {
		cam, err := p.Camera().Scale(f.Width, f.Height)
		if err != nil {
			return pipeline.RoadInvalid, err.Error()
		}
		if p, err = calib.NewPlane(cam, p.Mount()); err != nil {
			return pipeline.RoadInvalid, err.Error()
		}
		in = cam.Intrinsics()
	}
	if err := p.CheckRoad(); err != nil {
		return pipeline.RoadInvalid, err.Error()
	}
	s.plane, s.calibrated, s.height = p, true, p.Mount().Height
	s.focal, s.cx, s.cy = math.Sqrt(in.FX*in.FY), in.CX, in.CY
	return pipeline.RoadCalibrated, ""
}
