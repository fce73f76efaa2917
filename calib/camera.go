package calib

import (
	"fmt"
	"math"

	"outrider/pipeline"
)

// Model names a distortion, by the word that ROS camera_info uses.
type Model string

// The distortions that are known.
const (
	// PlumbBob is k1, k2, p1, p2, k3 (Brown-Conrady; Kalibr's radtan has k3 = 0).
	PlumbBob Model = "plumb_bob"
	// Rational is k1, k2, p1, p2, k3, k4, k5, k6.
	Rational Model = "rational_polynomial"
	// Equidistant is the fisheye k1, k2, k3, k4 of Kannala and Brandt (TPAMI 2006).
	Equidistant Model = "equidistant"
)

// Coefficients is how many coefficients the model has, 0 for an unknown model.
func (m Model) Coefficients() int {
	switch m {
	case PlumbBob:
		return 5
	case Rational:
		return 8
	case Equidistant:
		return 4
	}
	return 0
}

// Intrinsics are the parameters of a camera. They are comparable.
type Intrinsics struct {
	Width, Height int        // of the picture they were measured on, pixels
	FX, FY        float64    // focal lengths, pixels
	CX, CY        float64    // principal point, frame pixels
	Model         Model      // of the distortion
	D             [8]float64 // its coefficients, in the model's order; the rest is zero
}

// Validate says what is wrong with the parameters.
func (in Intrinsics) Validate() error {
	n := in.Model.Coefficients()
	if n == 0 {
		return fmt.Errorf("distortion model %q is not known; known are %s, %s and %s", string(in.Model), PlumbBob, Rational, Equidistant)
	}
	if in.Width < 2 || in.Height < 2 || in.Width > maxSide || in.Height > maxSide {
		return fmt.Errorf("picture size %dx%d is not between 2 and %d pixels a side", in.Width, in.Height, maxSide)
	}
	for _, f := range [2]struct {
		name  string
		value float64
		side  int
	}{{"fx", in.FX, in.Width}, {"fy", in.FY, in.Height}} {
		if !finite(f.value) || f.value < minFocal*float64(f.side) || f.value > maxFocal*float64(f.side) {
			return fmt.Errorf("focal length %s = %v is not between %g and %g pixels for a picture of %dx%d: is the camera calibrated?",
				f.name, f.value, minFocal*float64(f.side), maxFocal*float64(f.side), in.Width, in.Height)
		}
	}
	for _, c := range [2]struct {
		name  string
		value float64
		side  int
	}{{"cx", in.CX, in.Width}, {"cy", in.CY, in.Height}} {
		if !finite(c.value) || c.value < 0 || c.value > float64(c.side) {
			return fmt.Errorf("principal point %s = %v lies outside the picture of %dx%d", c.name, c.value, in.Width, in.Height)
		}
	}
	for i, d := range in.D {
		switch {
		case !finite(d) || math.Abs(d) > maxCoefficient:
			return fmt.Errorf("distortion coefficient %d = %v is not between -%d and %d", i+1, d, maxCoefficient, maxCoefficient)
		case i >= n && d != 0:
			return fmt.Errorf("distortion coefficient %d = %v, but %s has only %d", i+1, d, in.Model, n)
		}
	}
	return nil
}

// What a lens can be: wide enough to include fisheyes, tight enough to refuse a focal length
// in millimetres or of another picture size.
const (
	minFocal, maxFocal = 0.1, 100 // of the picture's side
	maxSide            = 1 << 16
	maxCoefficient     = 10000
)

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Camera is a validated camera model: it takes directions to pixels and back.
type Camera struct {
	in    Intrinsics
	limit float64 // greatest undistorted radius (fisheye: angle) at which the model is one to one
	reach float64 // the distorted radius there

	straight bool // no distortion at all
}

// New makes the camera of the parameters, or says which of them cannot be.
func New(in Intrinsics) (*Camera, error) {
	if err := in.Validate(); err != nil {
		return nil, fmt.Errorf("camera model: %w", err)
	}
	c := &Camera{in: in, straight: in.Model != Equidistant && in.D == [8]float64{}}
	c.limit = c.fold()
	c.reach = c.radial(c.limit)
	return c, nil
}

// Intrinsics returns the camera's parameters.
func (c *Camera) Intrinsics() Intrinsics { return c.in }

// Project takes a point in camera axes (any unit) to frame pixels. ok is false when it lies
// behind the camera or outside the angles at which the distortion is one to one. The pixel
// may lie outside the picture. Formulas: OpenCV, "Camera Calibration and 3D Reconstruction"
// and "Fisheye camera model".
func (c *Camera) Project(x, y, z float64) (p pipeline.Point, ok bool) {
	if !(z > 0) {
		return p, false
	}
	xd, yd, ok := c.distort(x/z, y/z)
	if !ok {
		return p, false
	}
	return pipeline.Point{X: c.in.FX*xd + c.in.CX, Y: c.in.FY*yd + c.in.CY}, true
}

// Unproject takes a pixel to the direction (x, y, 1) in camera axes. ok is false outside the
// region in which the distortion is one to one, and 89 degrees off the axis.
func (c *Camera) Unproject(p pipeline.Point) (x, y float64, ok bool) {
	xd, yd := (p.X-c.in.CX)/c.in.FX, (p.Y-c.in.CY)/c.in.FY
	if !finite(xd) || !finite(yd) {
		return 0, 0, false
	}
	return c.undistort(xd, yd)
}

// Undistort takes a pixel to where a pinhole camera of the same focal length and principal
// point would have seen it.
func (c *Camera) Undistort(p pipeline.Point) (pipeline.Point, bool) {
	x, y, ok := c.Unproject(p)
	if !ok {
		return pipeline.Point{}, false
	}
	return pipeline.Point{X: c.in.FX*x + c.in.CX, Y: c.in.FY*y + c.in.CY}, true
}

// Distort is the inverse of Undistort.
func (c *Camera) Distort(p pipeline.Point) (pipeline.Point, bool) {
	return c.Project((p.X-c.in.CX)/c.in.FX, (p.Y-c.in.CY)/c.in.FY, 1)
}

// Scale returns the camera as it is for a stream of another size. It refuses another aspect:
// the picture was cropped or stretched, and nothing tells how.
func (c *Camera) Scale(width, height int) (*Camera, error) {
	in := c.in
	if width == in.Width && height == in.Height {
		return c, nil
	}
	sx, sy := float64(width)/float64(in.Width), float64(height)/float64(in.Height)
	if !(sx > 0 && sy > 0) || math.Abs(sx/sy-1) > aspectTolerance {
		return nil, fmt.Errorf("the calibration is of a picture of %dx%d and the stream is %dx%d: another aspect, so the calibration does not hold; calibrate at the stream's size", in.Width, in.Height, width, height)
	}
	in.Width, in.Height = width, height
	in.FX, in.CX = in.FX*sx, in.CX*sx
	in.FY, in.CY = in.FY*sy, in.CY*sy
	return New(in)
}

// aspectTolerance admits the rounding of a side to an even number or a multiple of eight.
const aspectTolerance = 0.02
