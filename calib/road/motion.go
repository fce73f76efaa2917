package road

import (
	"math"
	"slices"
)

// pair is one point in two frames: directions (x, y, 1) in camera axes.
type pair struct {
	ax, ay, bx, by float64
	pixel          float64 // the size of a pixel there, in units of direction
}

// egomotion is the camera's motion between two frames.
type egomotion struct {
	tx, ty     float64 // the focus of expansion: the camera moves along (tx, ty, 1)
	varX, varY float64
	varWX      float64
	wx, wy, wz float64 // small rotation, radians: a direction a of the first frame becomes a + w x a
	inliers    int
	total      int
	flow       float64 // median motion of a point, pixels
	out        float64 // median share of its way from the focus of expansion that a point moved outward
	residual   float64 // median distance of the inliers from their epipolar lines, pixels
}

type v3 [3]float64

func cross(a, b v3) v3 {
	return v3{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}
func dot(a, b v3) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// epipolar is the signed distance, in pixels, of a pair from the epipolar geometry of p = tx, ty,
// wx, wy, wz: Sampson's first order (Hartley and Zisserman, 11.4.3).
func epipolar(q *pair, p *[maxParams]float64) float64 {
	a, b, t := v3{q.ax, q.ay, 1}, v3{q.bx, q.by, 1}, v3{p[0], p[1], 1}
	w := v3{p[2], p[3], p[4]}
	ra := cross(w, a)
	ra = v3{a[0] + ra[0], a[1] + ra[1], a[2] + ra[2]}
	lb := cross(t, ra) // line in the second picture
	la := cross(b, t)  // and, for a small rotation, in the first
	return dot(b, lb) / math.Sqrt(lb[0]*lb[0]+lb[1]*lb[1]+la[0]*la[0]+la[1]*la[1]+1e-18) / q.pixel
}

// solveMotion fits the motion to the pairs by reweighted Gauss-Newton (Cauchy weights whose
// scale shrinks), from start. Traffic on the road is either parallel to the motion, and then
// agrees, or is weighed down. ok is false when the pairs do not fix it.
func (e *Estimator) solveMotion(pairs []pair, start egomotion) (m egomotion, ok bool) {
	m = start
	m.total = len(pairs)
	e.sort = e.sort[:0]
	for i := range pairs {
		q := &pairs[i]
		e.sort = append(e.sort, math.Hypot(q.bx-q.ax, q.by-q.ay)/q.pixel)
	}
	m.flow = median(e.sort)
	p := [maxParams]float64{start.tx, start.ty, start.wx, start.wy, start.wz}
	var n normal
	scale := 4.0
	for round := range 12 {
		n.reset(5)
		for i := range pairs {
			q := &pairs[i]
			r := epipolar(q, &p)
			var j [maxParams]float64
			for k := range 5 {
				const h = 1e-6
				s := p
				s[k] += h
				j[k] = (epipolar(q, &s) - r) / h
			}
			w := 1 / (1 + r*r/(scale*scale))
			n.add(&j, -r, w*w)
		}
		// Between two frames a car turns and nods little: 2 degrees keep far points and near ones apart.
		const turn = 0.035
		for k := 2; k < 5; k++ {
			n.prior(k, -p[k], 1/(turn*turn))
		}
		d, _, solved := n.solve()
		if !solved {
			return m, false
		}
		step := 0.0
		for k := range 5 {
			p[k] += math.Max(-0.1, math.Min(0.1, d[k]))
			step = math.Max(step, math.Abs(d[k]))
		}
		if scale > minScale {
			scale = math.Max(minScale, scale*0.6)
		} else if step < 1e-6 && round > 4 {
			break
		}
	}
	_, variance, solved := n.solve()
	if !solved {
		return m, false
	}
	e.sort = e.sort[:0]
	for i := range pairs {
		if r := math.Abs(epipolar(&pairs[i], &p)); r < 3*minScale {
			e.sort = append(e.sort, r)
		}
	}
	m.tx, m.ty, m.wx, m.wy, m.wz = p[0], p[1], p[2], p[3], p[4]
	m.inliers = len(e.sort)
	m.residual = median(e.sort)
	e.sort = e.sort[:0]
	for i := range pairs {
		e.sort = append(e.sort, outward(&pairs[i], &m))
	}
	m.out = median(e.sort)
	s := math.Max(0.05, 1.48*m.residual)
	m.varX, m.varY, m.varWX = variance[0]*s*s, variance[1]*s*s, variance[2]*s*s
	return m, m.inliers > 0 && !math.IsNaN(p[0]+p[1]+m.varX+m.varY)
}

// minScale is the residual, pixels, at which a pair's weight is a quarter.
const minScale = 0.7

// groundMotion is what the ground's motion says.
type groundMotion struct {
	nod, sigma      float64 // pitch against the road, over the average's
	step, sigmaStep float64 // way between the frames over the camera's height
	inliers         int
}

// solveGround fits the plane: a ground point a becomes b ~ R a + s t (n.a), with n the plane's
// normal and s the way over the height (road obstacle contract, section 2.4). The rotation and the
// direction of the motion are those of m. The nod so far is a prior, since few points on a smooth
// road say step and pitch in nearly the same words; roll is held near what is known.
func (e *Estimator) solveGround(pairs []pair, m egomotion, pitch, roll float64) (g groundMotion, ok bool) {
	before := pitch + e.nod.angle
	norm := math.Sqrt(1 + m.tx*m.tx + m.ty*m.ty)
	t := v3{m.tx / norm, m.ty / norm, 1 / norm}
	w := v3{m.wx, m.wy, m.wz}
	p := [maxParams]float64{before, e.stepGuess(pairs, m, before, roll), roll}
	if !(p[1] > 0) {
		return g, false
	}
	predict := func(q *pair, p *[maxParams]float64) (x, y float64) {
		sp, cp := math.Sincos(p[0])
		sr, cr := math.Sincos(p[2])
		n := v3{-sr * cp, cr * cp, sp}
		a := v3{q.ax, q.ay, 1}
		r := cross(w, a)
		k := p[1] * dot(n, a)
		// The camera moves along t, so points move against it.
		z := a[2] + r[2] - k*t[2]
		return (a[0] + r[0] - k*t[0]) / z, (a[1] + r[1] - k*t[1]) / z
	}
	var n normal
	scale := 4.0
	for range 12 {
		n.reset(3)
		for i := range pairs {
			q := &pairs[i]
			x, y := predict(q, &p)
			rx, ry := (q.bx-x)/q.pixel, (q.by-y)/q.pixel
			var jx, jy [maxParams]float64
			for k := range 3 {
				const h = 1e-6
				s := p
				s[k] += h
				u, v := predict(q, &s)
				jx[k], jy[k] = (u-x)/h/q.pixel, (v-y)/h/q.pixel
			}
			c := 1 / (1 + (rx*rx+ry*ry)/(scale*scale))
			n.add(&jx, rx, c*c)
			n.add(&jy, ry, c*c)
		}
		n.prior(0, before-p[0], groundNoise*groundNoise/e.nod.variance)
		n.prior(2, roll-p[2], noise*noise/(rollSpread*rollSpread))
		d, _, solved := n.solve()
		if !solved {
			return g, false
		}
		for k := range 3 {
			p[k] += math.Max(-0.05, math.Min(0.05, d[k]))
		}
		scale = math.Max(minScale, scale*0.6)
	}
	_, variance, solved := n.solve()
	if !solved {
		return g, false
	}
	e.sort = e.sort[:0]
	for i := range pairs {
		x, y := predict(&pairs[i], &p)
		if r := math.Hypot(pairs[i].bx-x, pairs[i].by-y) / pairs[i].pixel; r < 3*minScale {
			e.sort = append(e.sort, r)
		}
	}
	g = groundMotion{nod: p[0] - pitch, sigma: math.Min(math.Sqrt(e.nod.variance), groundNoise*math.Sqrt(variance[0])),
		step: p[1], sigmaStep: noise * math.Sqrt(variance[1]), inliers: len(e.sort)}
	return g, !math.IsNaN(g.nod + g.step + g.sigma + g.sigmaStep)
}

// noise is the error of a ground point's motion, pixels: smooth asphalt is followed worse than
// corners are.
const noise = 0.7

// groundNoise is the same for pitch, in which the points of one frame err alike: shadows and
// edges of dashes slide over the ground.
const groundNoise = 4.0

// rollSpread is how far a road camera's roll may be from what is known of it, radians.
const rollSpread = 0.02

// stepGuess is the median over the pairs of the step that each alone asks for.
func (e *Estimator) stepGuess(pairs []pair, m egomotion, pitch, roll float64) float64 {
	sp, cp := math.Sincos(pitch)
	sr, cr := math.Sincos(roll)
	n := v3{-sr * cp, cr * cp, sp}
	e.sort = e.sort[:0]
	for i := range pairs {
		if nd := dot(n, v3{pairs[i].ax, pairs[i].ay, 1}); nd > 1e-3 {
			e.sort = append(e.sort, outward(&pairs[i], &m)/nd)
		}
	}
	return median(e.sort)
}

// outward is the share of its way from the focus of expansion that a point moved outward, after
// the rotation: the way between the frames over its depth.
func outward(q *pair, m *egomotion) float64 {
	a := v3{q.ax, q.ay, 1}
	r := cross(v3{m.wx, m.wy, m.wz}, a)
	ax, ay := (a[0]+r[0])/(a[2]+r[2]), (a[1]+r[1])/(a[2]+r[2])
	d2 := (q.bx-m.tx)*(q.bx-m.tx) + (q.by-m.ty)*(q.by-m.ty)
	return ((q.bx-ax)*(q.bx-m.tx) + (q.by-ay)*(q.by-m.ty)) / (d2 + 1e-6)
}

// median sorts v; 0 for none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// nod follows the camera's pitch about its average: the rotation from frame to frame adds up,
// and leaks away, since the average is nought.
type nod struct {
	angle, variance float64
}

const (
	nodTime   = 4.0                 // seconds in which it leaks away
	nodSpread = 0.4 * math.Pi / 180 // of it at any moment: KITTI's 0.41 degrees (contract, section 3.2)
	maxNod    = 4 * math.Pi / 180
)

// turn adds a rotation about the camera's x axis. A positive one moves the picture up, as when
// the camera looks down.
func (n *nod) turn(wx, variance, dt float64) {
	if n.variance == 0 {
		n.variance = nodSpread * nodSpread
		return
	}
	keep := math.Exp(-dt / nodTime)
	n.angle = keep * (n.angle + wx)
	n.variance = keep*keep*(n.variance+variance) + (1-keep*keep)*nodSpread*nodSpread
	if math.Abs(n.angle) > maxNod || math.IsNaN(n.angle) {
		*n = nod{}
	}
}
