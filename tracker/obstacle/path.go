package obstacle

import "math"

// path is the way that the vehicle will take, in the road frame: y = C0 + C1 x + Kappa x^2/2
// (road obstacle contract, section 2.5).
type path struct {
	c0, c1, kappa float64 // metres, -, 1/metres; left positive
	half          float64 // half the width: the vehicle's and a margin, metres
	sigmaC1       float64
	sigmaKappa    float64
	source        string // "straight", "yaw rate", "surface"
}

func (p *path) at(x float64) float64 { return p.c0 + x*(p.c1+x*p.kappa/2) }

// overlap is the probability that an object between yr and yl (right and left end, yl >= yr)
// at distance x of relative standard deviation sx lies in the path:
// Phi((y_p+B-y_r)/s) - Phi((y_p-B-y_l)/s) with s the standard deviation of the lateral
// position (contract, section 2.5).
func (p *path) overlap(x, yl, yr, sx float64) float64 {
	y := (yl + yr) / 2
	a, b, c := y*sx, x*p.sigmaC1, x*x/2*p.sigmaKappa
	s := math.Sqrt(a*a + b*b + c*c + 0.05*0.05)
	m := p.at(x)
	return phi((m+p.half-yr)/s) - phi((m-p.half-yl)/s)
}

// phi is the standard normal distribution function.
func phi(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// curveFit estimates the path's direction and curvature from the edges of the drivable
// surface: both edges share them.
type curveFit struct {
	x, left, right [curveRows]float64
	hasL, hasR     [curveRows]bool
	n              int
}

// Distances at which the edges are looked for, metres.
const (
	curveRows = 14
	curveNear = 6.0
	curveStep = 3.0
)

// solve fits y = cl (or cr) + c1 x + kappa x^2/2 to the edges by least squares, reweighted
// against corners and parked cars. ok is false with too few of them. c1 is held near zero by
// prior, since the mount's yaw is known.
func (f *curveFit) solve() (c1, kappa, sigma float64, ok bool) {
	type obs struct {
		x, y  float64
		right bool
		w     float64
	}
	var list [2 * curveRows]obs
	n, nl, nr := 0, 0, 0
	for i := range f.n {
		if f.hasL[i] {
			list[n] = obs{f.x[i], f.left[i], false, 1}
			n++
			nl++
		}
		if f.hasR[i] {
			list[n] = obs{f.x[i], f.right[i], true, 1}
			n++
			nr++
		}
	}
	if nl < 5 && nr < 5 {
		return 0, 0, 0, false
	}
	var cl, cr float64
	for range 6 {
		// Normal equations for (cl, cr, c1, kappa).
		var a [4][5]float64
		a[0][0], a[1][1] = 1e-6, 1e-6
		a[2][2] = 1 / (0.02 * 0.02) // of c1
		a[3][3] = 1 / (0.01 * 0.01) // of kappa
		for _, o := range list[:n] {
			g := [4]float64{1, 0, o.x, o.x * o.x / 2}
			if o.right {
				g[0], g[1] = 0, 1
			}
			w := o.w / (edgeNoise * edgeNoise)
			for i := range 4 {
				for j := range 4 {
					a[i][j] += w * g[i] * g[j]
				}
				a[i][4] += w * g[i] * o.y
			}
		}
		s, inverse, good := solve4(&a)
		if !good {
			return 0, 0, 0, false
		}
		cl, cr, c1, kappa = s[0], s[1], s[2], s[3]
		sigma = math.Sqrt(inverse)
		for i := range list[:n] {
			o := &list[i]
			c := cl
			if o.right {
				c = cr
			}
			r := math.Abs(o.y-c-o.x*(c1+o.x*kappa/2)) / edgeNoise
			o.w = 1 / (1 + r*r) // Cauchy
		}
	}
	return c1, kappa, sigma, true
}

// edgeNoise is the standard deviation of an edge's lateral place, metres.
const edgeNoise = 0.3

// solve4 solves four normal equations by Gauss-Jordan and returns the last unknown's variance.
func solve4(a *[4][5]float64) (x [4]float64, lastVariance float64, ok bool) {
	var inv [4]float64 // last column of the inverse
	inv[3] = 1
	for i := range 4 {
		p := i
		for j := i + 1; j < 4; j++ {
			if math.Abs(a[j][i]) > math.Abs(a[p][i]) {
				p = j
			}
		}
		a[i], a[p] = a[p], a[i]
		inv[i], inv[p] = inv[p], inv[i]
		if math.Abs(a[i][i]) < 1e-12 {
			return x, 0, false
		}
		for j := range 4 {
			if j == i {
				continue
			}
			k := a[j][i] / a[i][i]
			for c := i; c < 5; c++ {
				a[j][c] -= k * a[i][c]
			}
			inv[j] -= k * inv[i]
		}
	}
	for i := range 4 {
		x[i] = a[i][4] / a[i][i]
	}
	return x, math.Max(inv[3]/a[3][3], 0), true
}
