package calib

import (
	"errors"
	"fmt"
	"math"

	"outrider/calib/internal/lsq"
	"outrider/pipeline"
)

// Mark is a point of the ground that was found in the picture.
type Mark struct {
	Image  pipeline.Point // frame pixels
	Ground pipeline.Point // metres, in any frame that the user lays on the ground
}

// Homography maps a fixed camera's picture to flat ground by four or more marks of known
// position. It needs neither focal length nor height. It is immutable and safe for concurrent
// use.
type Homography struct {
	width, height int
	camera        *Camera // takes the distortion out first, nil for none
	sigma         float64 // of an image point, pixels

	shift     pipeline.Point // of ground coordinates, metres
	unit      float64        // metres
	p         [8]float64     // ground (shifted, in units) to undistorted pixels, row by row, the last element is 1
	back      mat3           // the inverse
	cov       [64]float64    // of p, for image points with a deviation of one pixel
	sign      float64        // of the inverse's denominator where there is ground
	far       float64        // the least of it over the marks
	residuals []Residual
	scale     pipeline.Point // from the asked picture size to the one of the marks
}

// Residual is how far a mark is from where the fit puts it.
type Residual struct {
	Pixels float64 // in the picture
	Metres float64 // on the ground
}

// ErrDegenerate is a set of marks that does not fix a plane.
var ErrDegenerate = errors.New("the points do not fix the ground plane")

// NewHomography fits the marks of a picture of width x height pixels in least squares of the
// image error. sigma is the standard deviation of a mark's and of a later point's position,
// pixels; camera may be nil when the lens does not distort. It refuses duplicates, three marks
// of four on one line, and marks that are not in one order in picture and on the ground.
//
// With four marks the fit is exact and says nothing of their errors; each further one shows
// them in Residuals. Method: Hartley and Zisserman, Multiple View Geometry, 2nd ed., 4.1-4.3.
func NewHomography(width, height int, camera *Camera, sigma float64, marks []Mark) (*Homography, error) {
	fail := func(format string, args ...any) (*Homography, error) {
		return nil, fmt.Errorf("ground calibration: "+format, args...)
	}
	switch {
	case width < 2 || height < 2 || width > maxSide || height > maxSide:
		return fail("picture size %dx%d is not between 2 and %d pixels a side", width, height, maxSide)
	case len(marks) < 4:
		return fail("%d points, want four or more", len(marks))
	case !(sigma > 0 && sigma < maxSpread):
		return fail("standard deviation of a point = %v pixels is not between 0 and %d", sigma, maxSpread)
	}
	h := &Homography{width: width, height: height, sigma: sigma, scale: pipeline.Point{X: 1, Y: 1}}
	if camera != nil {
		c, err := camera.Scale(width, height)
		if err != nil {
			return fail("%w", err)
		}
		h.camera = c
	}
	image, ground := make([]pipeline.Point, len(marks)), make([]pipeline.Point, len(marks))
	for i, m := range marks {
		for _, v := range [4]float64{m.Image.X, m.Image.Y, m.Ground.X, m.Ground.Y} {
			if !finite(v) || math.Abs(v) > 1e6 {
				return fail("point %d is not a number", i+1)
			}
		}
		q := m.Image
		if h.camera != nil {
			var ok bool
			if q, ok = h.camera.Undistort(q); !ok {
				return fail("point %d lies outside what the lens model covers", i+1)
			}
		}
		image[i], ground[i] = q, m.Ground
	}
	if err := spreadOut(image, "in the picture", 1); err != nil {
		return fail("%w", err)
	}
	if err := spreadOut(ground, "on the ground", 0.01); err != nil {
		return fail("%w", err)
	}
	h.normalize(ground)
	if err := h.fit(image, ground); err != nil {
		return fail("%w", err)
	}
	for i, m := range marks {
		s, ok := h.Ground(m.Image)
		if !ok {
			return fail("%w: point %d would lie beyond the horizon; check which place belongs to which point", ErrDegenerate, i+1)
		}
		u, v := h.apply(ground[i])
		h.residuals = append(h.residuals, Residual{
			Pixels: math.Hypot(u-image[i].X, v-image[i].Y),
			Metres: math.Hypot(s.X-m.Ground.X, s.Y-m.Ground.Y),
		})
	}
	return h, nil
}

// spreadOut refuses points closer than least, and sets of which all, or of four three, lie on
// a line.
func spreadOut(p []pipeline.Point, where string, least float64) error {
	longest := 0.0
	for i := range p {
		for k := range i {
			d := math.Hypot(p[i].X-p[k].X, p[i].Y-p[k].Y)
			if d < least {
				return fmt.Errorf("%w: points %d and %d are the same %s", ErrDegenerate, k+1, i+1, where)
			}
			longest = math.Max(longest, d)
		}
	}
	const flat = 0.01 // of the longest side: the height of a triangle that counts as a line
	widest := 0.0
	for i := range p {
		for k := range i {
			for l := range k {
				side := math.Max(math.Hypot(p[i].X-p[k].X, p[i].Y-p[k].Y), math.Max(math.Hypot(p[i].X-p[l].X, p[i].Y-p[l].Y), math.Hypot(p[k].X-p[l].X, p[k].Y-p[l].Y)))
				area := math.Abs((p[k].X-p[i].X)*(p[l].Y-p[i].Y) - (p[k].Y-p[i].Y)*(p[l].X-p[i].X))
				widest = math.Max(widest, area)
				if len(p) == 4 && area < flat*side*side {
					return fmt.Errorf("%w: points %d, %d and %d lie on one line %s; move one of them", ErrDegenerate, l+1, k+1, i+1, where)
				}
			}
		}
	}
	if widest < flat*longest*longest {
		return fmt.Errorf("%w: all points lie on one line %s; add one beside it", ErrDegenerate, where)
	}
	return nil
}

// normalize centres and scales the ground coordinates.
func (h *Homography) normalize(ground []pipeline.Point) {
	for _, g := range ground {
		h.shift.X += g.X / float64(len(ground))
		h.shift.Y += g.Y / float64(len(ground))
	}
	for _, g := range ground {
		h.unit += math.Hypot(g.X-h.shift.X, g.Y-h.shift.Y) / float64(len(ground))
	}
}

// apply takes a ground point (metres) to undistorted pixels.
func (h *Homography) apply(g pipeline.Point) (u, v float64) {
	x, y := (g.X-h.shift.X)/h.unit, (g.Y-h.shift.Y)/h.unit
	w := h.p[6]*x + h.p[7]*y + 1
	return (h.p[0]*x + h.p[1]*y + h.p[2]) / w, (h.p[3]*x + h.p[4]*y + h.p[5]) / w
}

// reprojection is the fit as a least squares problem in the image error.
type reprojection struct {
	h             *Homography
	image, ground []pipeline.Point
}

func (r reprojection) Cost(p []float64) float64 {
	t := *r.h
	copy(t.p[:], p)
	c := 0.0
	for i, g := range r.ground {
		u, v := t.apply(g)
		c += (u-r.image[i].X)*(u-r.image[i].X) + (v-r.image[i].Y)*(v-r.image[i].Y)
	}
	if math.IsNaN(c) {
		return math.Inf(1)
	}
	return c
}

func (r reprojection) Linearize(p []float64, n *lsq.Normal) bool {
	t := *r.h
	copy(t.p[:], p)
	for i, g := range r.ground {
		u, v := t.apply(g)
		if !finite(u) || !finite(v) {
			return false
		}
		ju, jv := t.byParameter(g, u, v)
		n.Add(allOfP[:], ju[:], r.image[i].X-u)
		n.Add(allOfP[:], jv[:], r.image[i].Y-v)
	}
	return true
}

var allOfP = [8]int{0, 1, 2, 3, 4, 5, 6, 7}

// byParameter is the derivative of the pixel (u, v) of ground point g by p.
func (h *Homography) byParameter(g pipeline.Point, u, v float64) (ju, jv [8]float64) {
	x, y := (g.X-h.shift.X)/h.unit, (g.Y-h.shift.Y)/h.unit
	w := h.p[6]*x + h.p[7]*y + 1
	a, b, c := x/w, y/w, 1/w
	return [8]float64{a, b, c, 0, 0, 0, -u * a, -u * b}, [8]float64{0, 0, 0, a, b, c, -v * a, -v * b}
}

// fit sets p, its inverse and its covariance: the linear solution by the smallest eigenvector,
// then the minimum of the image error.
func (h *Homography) fit(image, ground []pipeline.Point) error {
	var centre pipeline.Point
	for _, q := range image {
		centre.X += q.X / float64(len(image))
		centre.Y += q.Y / float64(len(image))
	}
	size := 0.0
	for _, q := range image {
		size += math.Hypot(q.X-centre.X, q.Y-centre.Y) / float64(len(image))
	}
	ata := make([]float64, 81)
	for i := range image {
		x, y := (ground[i].X-h.shift.X)/h.unit, (ground[i].Y-h.shift.Y)/h.unit
		u, v := (image[i].X-centre.X)/size, (image[i].Y-centre.Y)/size
		for _, row := range [2][9]float64{{x, y, 1, 0, 0, 0, -u * x, -u * y, -u}, {0, 0, 0, x, y, 1, -v * x, -v * y, -v}} {
			for a := range 9 {
				for b := range 9 {
					ata[9*a+b] += row[a] * row[b]
				}
			}
		}
	}
	values, vectors := lsq.Eigen(ata, 9)
	if values == nil || values[1] < 1e-9*values[8] || math.Abs(vectors[0][8]) < 1e-9 {
		return fmt.Errorf("%w: move them apart", ErrDegenerate)
	}
	q := vectors[0]
	p := make([]float64, 9)
	for a := range 3 { // back to pixels
		p[a] = (q[a]*size + centre.X*q[6+a]) / q[8]
		p[3+a] = (q[3+a]*size + centre.Y*q[6+a]) / q[8]
		p[6+a] = q[6+a] / q[8]
	}
	p = p[:8] // the last one is 1
	cost, n := lsq.Minimize(p, reprojection{h, image, ground}, 50)
	inv, ok := n.Inverse()
	if !ok || !finite(cost) {
		return fmt.Errorf("%w: move them apart", ErrDegenerate)
	}
	copy(h.p[:], p)
	copy(h.cov[:], inv)
	m := mat3{{h.p[0], h.p[1], h.p[2]}, {h.p[3], h.p[4], h.p[5]}, {h.p[6], h.p[7], 1}}
	if h.back, ok = m.inverse(); !ok {
		return fmt.Errorf("%w: move them apart", ErrDegenerate)
	}
	for i, q := range image {
		w := h.back[2][0]*q.X + h.back[2][1]*q.Y + h.back[2][2]
		if i == 0 {
			h.sign, h.far = 1, math.Inf(1)
			if w < 0 {
				h.sign = -1
			}
		}
		if w*h.sign <= 0 {
			return fmt.Errorf("%w: points and places do not go round in one order; check which place belongs to which point", ErrDegenerate)
		}
		h.far = math.Min(h.far, w*h.sign)
	}
	return nil
}

// beyond is how many times farther than the farthest mark a point may be: there the fit is an
// extrapolation that means nothing.
const beyond = 20

// Residuals are the marks' errors, in their order; all near zero when there are only four.
func (h *Homography) Residuals() []Residual { return append([]Residual(nil), h.residuals...) }

// Scale returns the homography for a stream of another size, refused for another aspect.
func (h *Homography) Scale(width, height int) (*Homography, error) {
	sx, sy := float64(h.width)/float64(width), float64(h.height)/float64(height)
	if !(sx > 0 && sy > 0) || math.IsInf(sx, 0) || math.Abs(sx/sy-1) > aspectTolerance {
		return nil, fmt.Errorf("the ground points are of a picture of %dx%d and the stream is %dx%d: another aspect; mark them anew", h.width, h.height, width, height)
	}
	o := *h
	o.scale = pipeline.Point{X: sx, Y: sy}
	return &o, nil
}

// Ground returns the point of the ground that is seen at a frame pixel, in the marks' frame of
// reference, with the covariance of the pixel and of the fit (first order). ok is false at and
// above the horizon, and far beyond the marks.
func (h *Homography) Ground(at pipeline.Point) (s Spot, ok bool) {
	q := pipeline.Point{X: at.X * h.scale.X, Y: at.Y * h.scale.Y}
	if h.camera != nil {
		if q, ok = h.camera.Undistort(q); !ok {
			return s, false
		}
	}
	w := h.back.mul(vec3{q.X, q.Y, 1})
	if !(w[2]*h.sign > h.far/beyond) {
		return s, false
	}
	x, y := w[0]/w[2], w[1]/w[2]
	s.X, s.Y = x*h.unit+h.shift.X, y*h.unit+h.shift.Y
	// The pixel's derivative by the ground point, inverted.
	d := h.p[6]*x + h.p[7]*y + 1
	ux, uy := (h.p[0]-q.X*h.p[6])/d, (h.p[1]-q.X*h.p[7])/d
	vx, vy := (h.p[3]-q.Y*h.p[6])/d, (h.p[4]-q.Y*h.p[7])/d
	det := (ux*vy - uy*vx) / (h.unit * h.unit)
	if det == 0 {
		return s, false
	}
	ix, iy, jx, jy := vy/det/h.unit, -uy/det/h.unit, -vx/det/h.unit, ux/det/h.unit
	// Covariance in pixels: the point's own, scaled, and the fit's.
	ju, jv := h.byParameter(pipeline.Point{X: s.X, Y: s.Y}, q.X, q.Y)
	var uu, uv, vv float64
	for a := range 8 {
		for b := range 8 {
			c := h.cov[8*a+b]
			uu += ju[a] * c * ju[b]
			uv += ju[a] * c * jv[b]
			vv += jv[a] * c * jv[b]
		}
	}
	v := h.sigma * h.sigma
	uu, uv, vv = v*(uu+h.scale.X*h.scale.X), v*uv, v*(vv+h.scale.Y*h.scale.Y)
	s.XX = ix*ix*uu + 2*ix*iy*uv + iy*iy*vv
	s.XY = ix*jx*uu + (ix*jy+iy*jx)*uv + iy*jy*vv
	s.YY = jx*jx*uu + 2*jx*jy*uv + jy*jy*vv
	return s, finite(s.X) && finite(s.Y) && finite(s.XX) && finite(s.XY) && finite(s.YY)
}

// Metres is Ground in the words of consumers that do not know this package: the position and
// its covariance xx, xy, yy.
func (h *Homography) Metres(at pipeline.Point) (pos pipeline.Point, cov [3]float64, ok bool) {
	s, ok := h.Ground(at)
	if !ok {
		return pos, cov, false
	}
	return pipeline.Point{X: s.X, Y: s.Y}, [3]float64{s.XX, s.XY, s.YY}, true
}

// Project returns the frame pixel of a point of the ground; ok is false beyond the horizon.
func (h *Homography) Project(g pipeline.Point) (pipeline.Point, bool) {
	u, v := h.apply(g)
	if !finite(u) || !finite(v) {
		return pipeline.Point{}, false
	}
	w := h.back.mul(vec3{u, v, 1})
	if !(w[2]*h.sign > 0) {
		return pipeline.Point{}, false
	}
	q := pipeline.Point{X: u, Y: v}
	if h.camera != nil {
		var ok bool
		if q, ok = h.camera.Distort(q); !ok {
			return pipeline.Point{}, false
		}
	}
	return pipeline.Point{X: q.X / h.scale.X, Y: q.Y / h.scale.Y}, true
}
