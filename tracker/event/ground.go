package event

import (
	"errors"
	"fmt"
	"math"

	"outrider/pipeline"
)

// Ground maps positions in the picture to positions on the ground.
type Ground interface {
	// Locate returns where on the ground the point p of a w x h picture lies, when its
	// position in the picture is known up to standard errors of sx and sy pixels. ok is false
	// where the picture shows no ground, such as above the horizon.
	Locate(p pipeline.Point, w, h int, sx, sy float64) (at Position, ok bool)
}

// Position is a place on the ground plane in metres, with the covariance of its error in
// square metres.
type Position struct {
	X, Y       float64
	XX, XY, YY float64
}

// Plane is the ground plane of a camera that does not move, by the positions of four points.
type Plane struct {
	size [2]int
	m    [9]float64 // picture to ground, row by row; the last row is positive where there is ground
}

var _ Ground = (*Plane)(nil)

// NewPlane makes the plane of four points of a picture of the given size (width, height) and
// their places on the ground in metres. No three of them may lie in a line, in the picture or
// on the ground, and both must go round in one order.
func NewPlane(size [2]int, picture, ground []pipeline.Point) (*Plane, error) {
	if len(picture) != 4 || len(ground) != 4 {
		return nil, fmt.Errorf("ground plane: %d points and %d places, want 4 and 4", len(picture), len(ground))
	}
	if size[0] < 1 || size[1] < 1 {
		return nil, fmt.Errorf("ground plane: size [%d, %d], want the width and height of the picture", size[0], size[1])
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
	p := &Plane{size: size}
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

// Locate implements Ground. The covariance is that of the first-order propagation.
func (p *Plane) Locate(q pipeline.Point, w, h int, sx, sy float64) (Position, bool) {
	if w < 1 || h < 1 {
		return Position{}, false
	}
	kx, ky := float64(p.size[0])/float64(w), float64(p.size[1])/float64(h)
	x, y := q.X*kx, q.Y*ky
	d := p.m[6]*x + p.m[7]*y + p.m[8]
	if !(d > horizon) { // NaN too
		return Position{}, false
	}
	u, v := (p.m[0]*x+p.m[1]*y+p.m[2])/d, (p.m[3]*x+p.m[4]*y+p.m[5])/d
	ux, uy := (p.m[0]-u*p.m[6])/d*kx*sx, (p.m[1]-u*p.m[7])/d*ky*sy
	vx, vy := (p.m[3]-v*p.m[6])/d*kx*sx, (p.m[4]-v*p.m[7])/d*ky*sy
	at := Position{X: u, Y: v, XX: ux*ux + uy*uy, XY: ux*vx + uy*vy, YY: vx*vx + vy*vy}
	if math.IsNaN(at.X+at.Y+at.XX+at.YY) || math.IsInf(at.X+at.Y+at.XX+at.YY, 0) {
		return Position{}, false
	}
	return at, true
}
