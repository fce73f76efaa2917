package event

import (
	"errors"
	"fmt"
	"math"

	"outrider/pipeline"
)

// Ground maps positions in a picture to positions on the ground.
type Ground interface {
	// Metres returns where on the ground the pixel at lies: its position in metres, y to the
	// left of x, and the covariance xx, xy, yy of its error in square metres. ok is false
	// where the picture shows no ground, such as above the horizon.
	Metres(at pipeline.Point) (pos pipeline.Point, cov [3]float64, ok bool)
}

// pixelError is the standard error of a box's side in pixels of the calibrated picture.
const pixelError = 2

// Plane is the ground plane of a camera that does not move, by the positions of four points.
type Plane struct {
	m [9]float64 // picture to ground, row by row; the last row is positive where there is ground
}

var _ Ground = (*Plane)(nil)

// NewPlane makes the plane of four pixels of a picture and their places on the ground in metres,
// y to the left of x. No three of them may lie in a line, in the picture or
// on the ground, and both must go round in one order.
func NewPlane(picture, ground []pipeline.Point) (*Plane, error) {
	if len(picture) != 4 || len(ground) != 4 {
		return nil, fmt.Errorf("ground plane: %d points and %d places, want 4 and 4", len(picture), len(ground))
	}
	for i := range 4 {
		for _, v := range [4]float64{picture[i].X, picture[i].Y, ground[i].X, ground[i].Y} {
			if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e6 {
				return nil, fmt.Errorf("ground plane: point %d is not a number", i+1)
			}
		}
	}
	for name, q := range map[string][]pipeline.Point{"in the picture": picture, "on the ground": ground} {
		longest := 0.
		for i := range 4 {
			for k := range i {
				longest = max(longest, math.Hypot(q[i].X-q[k].X, q[i].Y-q[k].Y))
			}
		}
		for i := range 4 {
			a, b, c := q[i], q[(i+1)%4], q[(i+2)%4]
			if math.Abs(area2(a, b, c)) <= .005*longest*longest {
				return nil, fmt.Errorf("ground plane: points %d, %d and %d lie in a line %s; choose others", i+1, (i+1)%4+1, (i+2)%4+1, name)
			}
		}
	}
	p := &Plane{}
	m, err := homography(picture, ground)
	if err != nil {
		return nil, err
	}
	p.m = m
	sign := 0.
	for i := range 4 {
		w := p.m[6]*picture[i].X + p.m[7]*picture[i].Y + p.m[8]
		if sign == 0 {
			sign = w
		}
		if !(w*sign > 0) {
			return nil, errors.New("ground plane: the points and their places do not go round in one order, so no camera sees them so; check which place belongs to which point")
		}
	}
	for i := range p.m {
		p.m[i] /= sign // 1 at the first point
	}
	return p, nil
}

func area2(a, b, c pipeline.Point) float64 { return (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X) }

// homography solves for the 3x3 matrix that takes four points to four others.
func homography(from, to []pipeline.Point) (m [9]float64, err error) {
	var a [8][9]float64
	for i := range 4 {
		x, y, u, v := from[i].X, from[i].Y, to[i].X, to[i].Y
		a[2*i] = [9]float64{x, y, 1, 0, 0, 0, -u * x, -u * y, u}
		a[2*i+1] = [9]float64{0, 0, 0, x, y, 1, -v * x, -v * y, v}
	}
	for c := range 8 { // Gauss-Jordan with pivoting
		pivot := c
		for r := c + 1; r < 8; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[pivot][c]) {
				pivot = r
			}
		}
		if math.Abs(a[pivot][c]) < 1e-12 {
			return m, errors.New("ground plane: the four points do not fix a plane; choose others")
		}
		a[c], a[pivot] = a[pivot], a[c]
		for r := range 8 {
			if r == c {
				continue
			}
			f := a[r][c] / a[c][c]
			for k := c; k < 9; k++ {
				a[r][k] -= f * a[c][k]
			}
		}
	}
	for c := range 8 {
		m[c] = a[c][8] / a[c][c]
	}
	m[8] = 1
	return m, nil
}

// horizon is the least share of the first point's depth scale: below it a pixel is worth more
// than a hundred times what it is worth there.
const horizon = 0.01

// Metres implements Ground. The covariance is what an error of two pixels does, to first order.
func (p *Plane) Metres(at pipeline.Point) (pos pipeline.Point, cov [3]float64, ok bool) {
	d := p.m[6]*at.X + p.m[7]*at.Y + p.m[8]
	if !(d > horizon) { // NaN too
		return pos, cov, false
	}
	u, v := (p.m[0]*at.X+p.m[1]*at.Y+p.m[2])/d, (p.m[3]*at.X+p.m[4]*at.Y+p.m[5])/d
	ux, uy := (p.m[0]-u*p.m[6])/d*pixelError, (p.m[1]-u*p.m[7])/d*pixelError
	vx, vy := (p.m[3]-v*p.m[6])/d*pixelError, (p.m[4]-v*p.m[7])/d*pixelError
	cov = [3]float64{ux*ux + uy*uy, ux*vx + uy*vy, vx*vx + vy*vy}
	if sum := u + v + cov[0] + cov[2]; math.IsNaN(sum) || math.IsInf(sum, 0) {
		return pos, cov, false
	}
	return pipeline.Point{X: u, Y: v}, cov, true
}
