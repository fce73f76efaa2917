package calib

import (
	"errors"
	"fmt"
	"math"

	"outrider/pipeline"
)

// Mount is how a camera is fixed above the ground.
type Mount struct {
	Height float64 // of the optical centre above the ground, metres
	Pitch  float64 // radians, positive looks down
	Roll   float64 // radians, positive when the horizon falls to the right
	Yaw    float64 // radians, positive when it looks left of the direction of travel
	Front  float64 // from the camera forward to the front bumper, metres
	Spread Spread
}

// Spread is one standard deviation of each thing that a distance on the ground depends on;
// zero means exact.
type Spread struct {
	Height           float64 // metres
	Pitch, Roll, Yaw float64 // radians
	Slope            float64 // radians by which the road ahead departs from the plane under the wheels
	Pixel            float64 // of the image point, pixels, along each axis
}

// Validate says what is wrong with the mount.
func (m Mount) Validate() error {
	if !finite(m.Height) || m.Height < minHeight || m.Height > maxHeight {
		return fmt.Errorf("height = %v is not between %g and %g metres", m.Height, minHeight, maxHeight)
	}
	for _, a := range [3]struct {
		name  string
		value float64
	}{{"pitch", m.Pitch}, {"roll", m.Roll}, {"yaw", m.Yaw}} {
		if !finite(a.value) || math.Abs(a.value) > math.Pi {
			return fmt.Errorf("%s = %v is not an angle in radians between -pi and pi", a.name, a.value)
		}
	}
	if math.Abs(m.Roll) > maxRoll {
		return fmt.Errorf("roll = %.0f degrees: the camera is on its side or upside down; turn the picture with `rotate`", m.Roll*180/math.Pi)
	}
	if math.Abs(m.Pitch) > maxPitch {
		return fmt.Errorf("pitch = %.0f degrees is not between -%.0f and %.0f", m.Pitch*180/math.Pi, maxPitch*180/math.Pi, maxPitch*180/math.Pi)
	}
	if !finite(m.Front) || math.Abs(m.Front) > maxFront {
		return fmt.Errorf("distance to the front bumper = %v is not between -%d and %d metres", m.Front, maxFront, maxFront)
	}
	for _, s := range [6]struct {
		name  string
		value float64
	}{{"height", m.Spread.Height}, {"pitch", m.Spread.Pitch}, {"roll", m.Spread.Roll}, {"yaw", m.Spread.Yaw}, {"slope", m.Spread.Slope}, {"pixel", m.Spread.Pixel}} {
		if !(s.value >= 0 && s.value < maxSpread) {
			return fmt.Errorf("standard deviation of %s = %v is not between 0 and %d", s.name, s.value, maxSpread)
		}
	}
	return nil
}

const (
	minHeight, maxHeight = 0.05, 500.0
	maxPitch             = 89 * math.Pi / 180
	maxRoll              = 80 * math.Pi / 180
	maxFront             = 50
	maxSpread            = 100
	// minDescent is the smallest sine of the angle below the horizon at which a ray is said to
	// meet the ground: 0.006 degrees, 14 km at 1.4 m.
	minDescent = 1e-4
)

// Plane is a camera above a flat ground. Its zero value knows nothing: every question is
// answered with ok == false.
type Plane struct {
	camera *Camera
	mount  Mount
	att    attitude
}

// NewPlane puts a camera above the ground, or says why it cannot be there.
func NewPlane(c *Camera, m Mount) (Plane, error) {
	if c == nil {
		return Plane{}, errors.New("ground plane: no camera model")
	}
	if err := m.Validate(); err != nil {
		return Plane{}, fmt.Errorf("ground plane: %w", err)
	}
	return Plane{camera: c, mount: m, att: newAttitude(m.Pitch, m.Roll, m.Yaw)}, nil
}

// Camera returns the camera model, nil for the zero Plane.
func (p *Plane) Camera() *Camera { return p.camera }

// Mount returns how the camera is fixed.
func (p *Plane) Mount() Mount { return p.mount }

// Tilted is the plane as seen while the camera is pitched by delta radians more (braking, a
// bump). ok is false, and the plane returned unchanged, when that cannot be.
func (p *Plane) Tilted(delta float64) (Plane, bool) {
	m := p.mount
	m.Pitch += delta
	if p.camera == nil || !finite(m.Pitch) || math.Abs(m.Pitch) > maxPitch {
		return *p, false
	}
	return Plane{camera: p.camera, mount: m, att: newAttitude(m.Pitch, m.Roll, m.Yaw)}, true
}

// With is the same plane with another spread, such as that of the pixel alone when the errors
// that all points share do not matter.
func (p *Plane) With(s Spread) Plane {
	q := *p
	q.mount.Spread = s
	return q
}

// Spot is a point on the ground with its covariance: metres in the road frame.
type Spot struct {
	X, Y       float64 // forward of the camera, left of it
	XX, XY, YY float64 // covariance, square metres
}

// Inverse is 1/X with its standard deviation, both 1/metres: nearly linear in the pixel, so
// that a filter should track it and not X (road obstacle contract, section 2.2).
func (s Spot) Inverse() (rho, sigma float64) { return 1 / s.X, math.Sqrt(s.XX) / (s.X * s.X) }

// Ground returns the point of the ground that is seen at a frame pixel. ok is false at and
// above the horizon, outside the lens's valid region, and for what lies behind the camera.
//
// With d the pixel's direction turned to level axes, P = h d/(n.d), n = (0, 1, 0); X = P_z and
// Y = -P_x (contract, section 2.1). The covariance is first order in the spread of height,
// pitch, roll, yaw and pixel; for roll = yaw = 0 var(X) is the contract's formula, section 2.2:
// (X/h)^2 s_h^2 + ((X^2+h^2)/h)^2 (s_theta^2 + s_v^2 (fy/(fy^2+(v-cy)^2))^2) + (X^2/h s_slope)^2.
func (p *Plane) Ground(at pipeline.Point) (s Spot, ok bool) {
	if p.camera == nil {
		return s, false
	}
	x, y, ok := p.camera.Unproject(at)
	if !ok {
		return s, false
	}
	d := vec3{x, y, 1}
	l := p.att.r.back(d)
	if l[1] < minDescent*math.Sqrt(1+x*x+y*y) || l[2] <= 0 {
		return s, false
	}
	h := p.mount.Height
	s.X, s.Y = h*l[2]/l[1], -h*l[0]/l[1]
	sp := &p.mount.Spread
	if sp.Height > 0 {
		s.spread(s.X/h*sp.Height, s.Y/h*sp.Height)
	}
	if sp.Pitch > 0 {
		s.turn(h, l, p.att.byPitch.back(d), sp.Pitch)
	}
	if sp.Roll > 0 {
		s.turn(h, l, p.att.byRoll.back(d), sp.Roll)
	}
	if sp.Yaw > 0 {
		s.turn(h, l, p.att.byYaw.back(d), sp.Yaw)
	}
	if sp.Slope > 0 {
		s.spread(s.X*s.X/h*sp.Slope, s.X*s.Y/h*sp.Slope)
	}
	if sp.Pixel > 0 {
		ux, uy, vx, vy := p.camera.perPixel(x, y)
		s.turn(h, l, p.att.r.back(vec3{ux, uy, 0}), sp.Pixel)
		s.turn(h, l, p.att.r.back(vec3{vx, vy, 0}), sp.Pixel)
	}
	return s, finite(s.X) && finite(s.Y) && finite(s.XX) && finite(s.XY) && finite(s.YY)
}

// turn adds the covariance of a parameter by which the level direction l changes as dl.
func (s *Spot) turn(h float64, l, dl vec3, sigma float64) {
	q := l[1] * l[1]
	s.spread(h*(dl[2]*l[1]-l[2]*dl[1])/q*sigma, -h*(dl[0]*l[1]-l[0]*dl[1])/q*sigma)
}

// spread adds the covariance of a parameter whose standard deviation moves the point by dx, dy.
func (s *Spot) spread(dx, dy float64) {
	s.XX += dx * dx
	s.XY += dx * dy
	s.YY += dy * dy
}

// Metres is Ground in the words of consumers that do not know this package: the position (X
// forward, Y left) and its covariance xx, xy, yy.
func (p *Plane) Metres(at pipeline.Point) (pos pipeline.Point, cov [3]float64, ok bool) {
	s, ok := p.Ground(at)
	if !ok {
		return pos, cov, false
	}
	return pipeline.Point{X: s.X, Y: s.Y}, [3]float64{s.XX, s.XY, s.YY}, true
}

// Project returns the frame pixel of a point of the road frame (metres). ok is false behind
// the camera and outside the lens's valid region.
func (p *Plane) Project(x, y, z float64) (pipeline.Point, bool) {
	if p.camera == nil {
		return pipeline.Point{}, false
	}
	c := p.att.r.mul(vec3{-y, p.mount.Height - z, x})
	return p.camera.Project(c[0], c[1], c[2])
}

// Upright returns where the ray of a frame pixel passes through the upright plane at distance
// x (metres, across the direction of travel): the lateral position and the height above the
// ground. It gives the width and height of what stands at x.
func (p *Plane) Upright(at pipeline.Point, x float64) (y, z float64, ok bool) {
	if p.camera == nil || !(x > 0) {
		return 0, 0, false
	}
	dx, dy, ok := p.camera.Unproject(at)
	if !ok {
		return 0, 0, false
	}
	l := p.att.r.back(vec3{dx, dy, 1})
	if l[2] < 1e-6 {
		return 0, 0, false
	}
	k := x / l[2]
	y, z = -k*l[0], p.mount.Height-k*l[1]
	return y, z, finite(y) && finite(z)
}

// Vanishing returns the frame pixel at which lines along the direction of travel meet.
func (p *Plane) Vanishing() (pipeline.Point, bool) {
	if p.camera == nil {
		return pipeline.Point{}, false
	}
	return p.camera.Project(p.att.r[0][2], p.att.r[1][2], p.att.r[2][2])
}

// Horizon returns the frame row of the horizon at a frame column; with roll or distortion it
// differs from column to column. ok is false where the camera cannot see it.
func (p *Plane) Horizon(column float64) (row float64, ok bool) {
	if p.camera == nil || !finite(column) {
		return 0, false
	}
	c := p.camera
	// n.d = 0 with n = R (0, 1, 0).
	n := vec3{p.att.r[0][1], p.att.r[1][1], p.att.r[2][1]}
	at := func(x float64) (pipeline.Point, bool) { return c.Project(x, -(n[2]+n[0]*x)/n[1], 1) }
	if c.straight {
		q, ok := at((column - c.in.CX) / c.in.FX)
		return q.Y, ok
	}
	// With distortion: the column grows with x, so halve between the middle and the edge of
	// what the lens model covers.
	mid, ok := at(0)
	if !ok {
		return 0, false
	}
	side := 1.0
	if column < mid.X {
		side = -1
	}
	lo, hi := 0.0, float64(maxRadius)
	for range 70 {
		m := (lo + hi) / 2
		if q, ok := at(side * m); !ok || (q.X-column)*side >= 0 {
			hi = m
		} else {
			lo = m
		}
	}
	q, ok := at(side * lo)
	return q.Y, ok && math.Abs(q.X-column) < 1e-6
}

// ErrHorizon is a mount under which the horizon lies outside the picture.
var ErrHorizon = errors.New("the horizon lies outside the picture")

// CheckRoad says why the plane cannot serve a camera that looks along a road: the horizon must
// lie inside the picture, with ground below it.
func (p *Plane) CheckRoad() error {
	if p.camera == nil {
		return errors.New("ground plane: no camera model")
	}
	in := p.camera.in
	row, ok := p.Horizon(in.CX)
	if !ok || row < 0 || row > 0.95*float64(in.Height) {
		return fmt.Errorf("ground plane: pitch %.2f degrees: %w of %dx%d", p.mount.Pitch*180/math.Pi, ErrHorizon, in.Width, in.Height)
	}
	return nil
}
