package board

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"outrider/calib"
	"outrider/calib/internal/lsq"
	"outrider/pipeline"
)

// fit is the least squares problem. Its parameters are fx, fy, cx, cy, the distortion's
// coefficients, and for each view a rotation vector and a translation (board to camera, metres).
type fit struct {
	o      Options
	views  []View
	object []pipeline.Point // corners on the board, metres
	weight []float64        // of each view: 0 is left out
	lens   int              // parameters of the lens
	p      []float64
	base   []float64 // predicted corners of the view at hand
	moved  []float64
	j      [][]float64 // derivatives by parameter
}

func newFit(views []View, o Options) *fit {
	f := &fit{o: o, views: views, weight: make([]float64, len(views)), lens: 4 + o.Model.Coefficients()}
	for i := range f.weight {
		f.weight[i] = 1
	}
	for r := range o.Pattern.Rows {
		for c := range o.Pattern.Columns {
			f.object = append(f.object, pipeline.Point{X: float64(c) * o.Pattern.Square, Y: float64(r) * o.Pattern.Square})
		}
	}
	n := 2 * len(f.object)
	f.base, f.moved = make([]float64, n), make([]float64, n)
	f.j = make([][]float64, f.lens+6)
	for i := range f.j {
		f.j[i] = make([]float64, n)
	}
	f.p = make([]float64, f.lens+6*len(views))
	return f
}

func (f *fit) intrinsics(p []float64) calib.Intrinsics {
	in := calib.Intrinsics{Width: f.o.Width, Height: f.o.Height, FX: p[0], FY: p[1], CX: p[2], CY: p[3], Model: f.o.Model}
	copy(in.D[:], p[4:f.lens])
	return in
}

func (f *fit) used() int {
	n := 0
	for _, w := range f.weight {
		if w > 0 {
			n++
		}
	}
	return n
}

// start finds the focal length from the views' homographies, with the centre in the middle of
// the picture and no distortion, and each view's pose.
func (f *fit) start() error {
	in := calib.Intrinsics{Width: f.o.Width, Height: f.o.Height, CX: float64(f.o.Width) / 2, CY: float64(f.o.Height) / 2, Model: f.o.Model}
	// Two rows for each view: the columns of K^-1 H are orthogonal and of one length (Zhang,
	// equations 3 and 4), linear in 1/fx^2 and 1/fy^2 when the centre is known.
	var a, b, c, d, e float64
	for _, v := range f.views {
		h, ok := homography(f.object, v.Corners)
		if !ok {
			return fmt.Errorf("%w: the corners of view %s do not lie on a plane", ErrViews, v.Name)
		}
		var m [3][2]float64 // of the shifted homography
		for k := range 2 {
			m[0][k], m[1][k], m[2][k] = h[k]-in.CX*h[6+k], h[3+k]-in.CY*h[6+k], h[6+k]
		}
		norm := math.Sqrt(m[0][0]*m[0][0]+m[1][0]*m[1][0]+m[2][0]*m[2][0]) * math.Sqrt(m[0][1]*m[0][1]+m[1][1]*m[1][1]+m[2][1]*m[2][1])
		for _, row := range [2][3]float64{
			{m[0][0] * m[0][1], m[1][0] * m[1][1], -m[2][0] * m[2][1]},
			{m[0][0]*m[0][0] - m[0][1]*m[0][1], m[1][0]*m[1][0] - m[1][1]*m[1][1], m[2][1]*m[2][1] - m[2][0]*m[2][0]},
		} {
			x, y, r := row[0]/norm, row[1]/norm, row[2]/norm
			a, b, c, d, e = a+x*x, b+x*y, c+y*y, d+x*r, e+y*r
		}
	}
	guess := math.Max(in.CX, in.CY) * 1.5 // what most cameras have, when the views do not say
	if f.o.Model == calib.Equidistant {
		guess = float64(max(f.o.Width, f.o.Height)) / math.Pi
	}
	in.FX, in.FY = guess, guess
	if det := a*c - b*b; det > 1e-12*(a+c)*(a+c) && f.o.Model != calib.Equidistant {
		if x, y := (c*d-b*e)/det, (a*e-b*d)/det; x > 0 && y > 0 {
			fx, fy := 1/math.Sqrt(x), 1/math.Sqrt(y)
			if sane := func(v float64, side int) bool { return v > 0.2*float64(side) && v < 50*float64(side) }; sane(fx, f.o.Width) && sane(fy, f.o.Height) {
				in.FX, in.FY = fx, fy
			}
		}
	}
	// A fisheye has no such equations: try focal lengths until one explains the views best.
	tries := []float64{1}
	if f.o.Model == calib.Equidistant {
		tries = []float64{0.8, 1, 1.25, 1.6, 2, 2.5, 3.2, 4}
	}
	best, bestCost := []float64(nil), math.Inf(1)
	var failure error
	for _, k := range tries {
		lens := in
		lens.FX, lens.FY = k*in.FX, k*in.FY
		if err := f.poses(lens); err != nil {
			failure = err
			continue
		}
		if c := f.Cost(f.p); c < bestCost {
			best, bestCost = slices.Clone(f.p), c
		}
	}
	if best == nil {
		if failure == nil {
			failure = fmt.Errorf("%w: no lens explains them", ErrViews)
		}
		return failure
	}
	copy(f.p, best)
	return nil
}

// poses sets the lens, and each view's pose from the homography of its undistorted directions.
func (f *fit) poses(in calib.Intrinsics) error {
	copy(f.p, []float64{in.FX, in.FY, in.CX, in.CY})
	cam, err := calib.New(in)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrViews, err)
	}
	dirs := make([]pipeline.Point, len(f.object))
	for i, v := range f.views {
		for k, q := range v.Corners {
			x, y, ok := cam.Unproject(q)
			if !ok {
				return fmt.Errorf("%w: view %s has corners beyond the lens", ErrViews, v.Name)
			}
			dirs[k] = pipeline.Point{X: x, Y: y}
		}
		h, ok := homography(f.object, dirs)
		if !ok {
			return fmt.Errorf("%w: the corners of view %s do not lie on a plane", ErrViews, v.Name)
		}
		copy(f.p[f.lens+6*i:], pose(h))
	}
	return nil
}

// pose splits a homography of directions into a rotation vector and a translation.
func pose(h [9]float64) []float64 {
	s := 2 / (math.Sqrt(h[0]*h[0]+h[3]*h[3]+h[6]*h[6]) + math.Sqrt(h[1]*h[1]+h[4]*h[4]+h[7]*h[7]))
	if h[8] < 0 { // the board lies in front
		s = -s
	}
	a, b := [3]float64{h[0] * s, h[3] * s, h[6] * s}, [3]float64{h[1] * s, h[4] * s, h[7] * s}
	// The nearest right angle: split the error between both.
	var c [3]float64
	for range 20 {
		d := a[0]*b[0] + a[1]*b[1] + a[2]*b[2]
		for k := range 3 {
			a[k], b[k] = a[k]-d/2*b[k], b[k]-d/2*a[k]
		}
		la, lb := math.Sqrt(a[0]*a[0]+a[1]*a[1]+a[2]*a[2]), math.Sqrt(b[0]*b[0]+b[1]*b[1]+b[2]*b[2])
		for k := range 3 {
			a[k], b[k] = a[k]/la, b[k]/lb
		}
	}
	c = [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
	w := rotationVector([9]float64{a[0], b[0], c[0], a[1], b[1], c[1], a[2], b[2], c[2]})
	return []float64{w[0], w[1], w[2], h[2] * s, h[5] * s, h[8] * s}
}

// rotation is Rodrigues' formula.
func rotation(w []float64) (r [9]float64) {
	theta := math.Sqrt(w[0]*w[0] + w[1]*w[1] + w[2]*w[2])
	a, b := 1.0, 0.5 // sin(theta)/theta, (1-cos(theta))/theta^2
	if theta > 1e-6 {
		a, b = math.Sin(theta)/theta, (1-math.Cos(theta))/(theta*theta)
	}
	x, y, z := w[0], w[1], w[2]
	return [9]float64{
		1 - b*(y*y+z*z), b*x*y - a*z, b*x*z + a*y,
		b*x*y + a*z, 1 - b*(x*x+z*z), b*y*z - a*x,
		b*x*z - a*y, b*y*z + a*x, 1 - b*(x*x+y*y),
	}
}

// rotationVector is its inverse, by way of the quaternion, which has no bad angle.
func rotationVector(r [9]float64) [3]float64 {
	q := [4]float64{
		math.Sqrt(math.Max(0, 1+r[0]+r[4]+r[8])) / 2,
		math.Sqrt(math.Max(0, 1+r[0]-r[4]-r[8])) / 2,
		math.Sqrt(math.Max(0, 1-r[0]+r[4]-r[8])) / 2,
		math.Sqrt(math.Max(0, 1-r[0]-r[4]+r[8])) / 2,
	}
	best := 0
	for i := range q {
		if q[i] > q[best] {
			best = i
		}
	}
	d := 4 * q[best]
	switch best {
	case 0:
		q[1], q[2], q[3] = (r[7]-r[5])/d, (r[2]-r[6])/d, (r[3]-r[1])/d
	case 1:
		q[0], q[2], q[3] = (r[7]-r[5])/d, (r[1]+r[3])/d, (r[2]+r[6])/d
	case 2:
		q[0], q[1], q[3] = (r[2]-r[6])/d, (r[1]+r[3])/d, (r[5]+r[7])/d
	case 3:
		q[0], q[1], q[2] = (r[3]-r[1])/d, (r[2]+r[6])/d, (r[5]+r[7])/d
	}
	v := math.Sqrt(q[1]*q[1] + q[2]*q[2] + q[3]*q[3])
	s := 2.0
	if v > 1e-12 {
		s = 2 * math.Atan2(v, q[0]) / v
	}
	return [3]float64{q[1] * s, q[2] * s, q[3] * s}
}

// predict writes the corners of view i under the lens and pose of p.
func (f *fit) predict(p []float64, i int, out []float64) bool {
	in := f.intrinsics(p)
	q := p[f.lens+6*i:]
	r := rotation(q)
	for k, o := range f.object {
		z := r[6]*o.X + r[7]*o.Y + q[5]
		if !(z > 1e-6) { // behind the camera
			return false
		}
		out[2*k], out[2*k+1] = in.Apply((r[0]*o.X+r[1]*o.Y+q[3])/z, (r[3]*o.X+r[4]*o.Y+q[4])/z)
	}
	return true
}

// error is the sum of squared distances of view i's corners.
func (f *fit) error(i int) float64 { return f.errorAt(f.p, i) }

func (f *fit) errorAt(p []float64, i int) float64 {
	if !f.predict(p, i, f.base) {
		return math.Inf(1)
	}
	s := 0.0
	for k, c := range f.views[i].Corners {
		s += (c.X-f.base[2*k])*(c.X-f.base[2*k]) + (c.Y-f.base[2*k+1])*(c.Y-f.base[2*k+1])
	}
	return s
}

// Cost implements lsq.Problem.
func (f *fit) Cost(p []float64) float64 {
	s := 0.0
	for i, w := range f.weight {
		if w > 0 {
			s += w * f.errorAt(p, i)
		}
	}
	if math.IsNaN(s) || !(p[0] > 0 && p[1] > 0) {
		return math.Inf(1)
	}
	return s
}

// Linearize implements lsq.Problem, with central differences.
func (f *fit) Linearize(p []float64, n *lsq.Normal) bool {
	index := make([]int, f.lens+6)
	row := make([]float64, f.lens+6)
	t := slices.Clone(p)
	for i, w := range f.weight {
		if w == 0 {
			// The normal equations stay regular: a view that is left out stays where it is.
			for k := range 6 {
				n.Add([]int{f.lens + 6*i + k}, []float64{1}, 0)
			}
			continue
		}
		for k := range index {
			if index[k] = k; k >= f.lens {
				index[k] = f.lens + 6*i + k - f.lens
			}
			at := index[k]
			h := 1e-6 * math.Max(1, math.Abs(p[at]))
			t[at] = p[at] + h
			if !f.predict(t, i, f.j[k]) {
				return false
			}
			t[at] = p[at] - h
			if !f.predict(t, i, f.moved) {
				return false
			}
			t[at] = p[at]
			for m := range f.moved {
				f.j[k][m] = (f.j[k][m] - f.moved[m]) / (2 * h)
			}
		}
		if !f.predict(p, i, f.base) {
			return false
		}
		s := math.Sqrt(w)
		for m, v := range f.base {
			c := f.views[i].Corners[m/2]
			want := c.X
			if m%2 == 1 {
				want = c.Y
			}
			for k := range row {
				row[k] = s * f.j[k][m]
			}
			n.Add(index, row, s*(want-v))
		}
	}
	return true
}

// refine fits everything. The longer distortions start from the shorter ones' solution, since
// their valley is flat.
func (f *fit) refine(steps int) error {
	cost, _ := lsq.Minimize(f.p, f, steps)
	if math.IsInf(cost, 0) || math.IsNaN(cost) {
		return fmt.Errorf("%w: no lens explains them", ErrViews)
	}
	return nil
}

// outliers are the views that fit more than maxOutlier times worse than the median one.
func (f *fit) outliers() []int {
	var e []float64
	for i, w := range f.weight {
		if w > 0 {
			e = append(e, f.error(i))
		}
	}
	sorted := slices.Clone(e)
	slices.Sort(sorted)
	limit := maxOutlier * maxOutlier * sorted[len(sorted)/2]
	limit = math.Max(limit, 0.01*float64(len(f.object))) // a tenth of a pixel is never an outlier
	var out []int
	for i, w := range f.weight {
		if w > 0 && f.error(i) > limit {
			out = append(out, i)
		}
	}
	return out
}

// tilt is the angle, degrees, between view i's board and the picture plane.
func (f *fit) tilt(i int) float64 {
	r := rotation(f.p[f.lens+6*i:])
	return math.Acos(math.Min(1, math.Abs(r[8]))) * 180 / math.Pi
}

// bootstrap sets the standard deviations of the result by fitting draws of views, with
// replacement. The draws are the same in every run.
func (f *fit) bootstrap(draws int, r *Result) {
	var kept []int
	for i, w := range f.weight {
		if w > 0 {
			kept = append(kept, i)
		}
	}
	if len(kept) < 2*minViews {
		return
	}
	best, weight := slices.Clone(f.p), slices.Clone(f.weight)
	random := rand.New(rand.NewPCG(1, uint64(len(kept))))
	var s, ss [4]float64
	n := 0.0
	for range draws {
		clear(f.weight)
		for range kept {
			f.weight[kept[random.IntN(len(kept))]]++
		}
		copy(f.p, best)
		if f.used() < minViews || f.refine(12) != nil {
			continue
		}
		n++
		for k := range s {
			d := f.p[k] - best[k]
			s[k] += d
			ss[k] += d * d
		}
	}
	copy(f.p, best)
	copy(f.weight, weight)
	if n < 10 {
		return
	}
	for k, v := range [4]*float64{&r.FX, &r.FY, &r.CX, &r.CY} {
		*v = math.Sqrt(math.Max(0, ss[k]/n-s[k]/n*s[k]/n))
	}
}

// homography takes points of a plane to points of another, in linear least squares of
// normalized coordinates (Hartley and Zisserman, algorithm 4.2).
func homography(from, to []pipeline.Point) (h [9]float64, ok bool) {
	norm := func(p []pipeline.Point) (x, y, s float64) {
		for _, q := range p {
			x += q.X / float64(len(p))
			y += q.Y / float64(len(p))
		}
		for _, q := range p {
			s += math.Hypot(q.X-x, q.Y-y) / float64(len(p))
		}
		return x, y, s
	}
	fx, fy, fs := norm(from)
	tx, ty, ts := norm(to)
	if !(fs > 0 && ts > 0) {
		return h, false
	}
	a := make([]float64, 81)
	for i := range from {
		x, y, u, v := (from[i].X-fx)/fs, (from[i].Y-fy)/fs, (to[i].X-tx)/ts, (to[i].Y-ty)/ts
		for _, row := range [2][9]float64{{x, y, 1, 0, 0, 0, -u * x, -u * y, -u}, {0, 0, 0, x, y, 1, -v * x, -v * y, -v}} {
			for r := range 9 {
				for c := range 9 {
					a[9*r+c] += row[r] * row[c]
				}
			}
		}
	}
	values, vectors := lsq.Eigen(a, 9)
	if values == nil || values[1] < 1e-9*values[8] {
		return h, false
	}
	m := vectors[0]
	for c := range 3 {
		h[c] = m[c]*ts + tx*m[6+c]
		h[3+c] = m[3+c]*ts + ty*m[6+c]
		h[6+c] = m[6+c]
	}
	for r := range 3 { // of the board's coordinates
		h[3*r], h[3*r+1] = h[3*r]/fs, h[3*r+1]/fs
		h[3*r+2] -= h[3*r]*fx + h[3*r+1]*fy
	}
	return h, true
}
