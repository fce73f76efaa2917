package obstacle

import "math"

// standing tells what stands from what is painted on the ground, by how the upper and the lower
// edge move together while the distance changes. Let X be the distance of the foot and Z that
// of the ground behind the upper edge. Of a thing e metres high and l metres long, under a
// camera h metres high, Z = (X+l) h/(h-e): a straight line Z = A X + B, with A = 1 for paint,
// patches and shadows and A = h/(h-e) for what stands. The two differ by r = f d e/X^2 pixels
// after d metres of travel (road obstacle contract, section 2.4): the parallax against the
// plane. The vehicle's speed is not needed, and a moving object is judged as a still one.
type standing struct {
	a, b          float64 // of the line
	paa, pab, pbb float64 // their covariance
	n             int     // observations
	sky           int     // of those, with the upper edge at the horizon or above it
	growth        growth
}

const (
	// Before anything is seen: a thing is of any height, and hardly longer than a few metres.
	slopeSigma   = 0.6
	lengthMean   = 1.5
	lengthSigma  = 3.0
	lowest       = 0.07 // metres: what is lower does not stand in anybody's way
	repeatFrames = 4.0  // quantised edges stay where they are for a few frames
)

// observe takes the tangent of the lower edge, the difference of the edges' tangents, the
// camera's height, and the variance of an edge. The difference does not sway with the camera's
// pitch; bottom should come from a filter, so that it does not either.
func (s *standing) observe(bottom, difference, height, edge float64) {
	if bottom <= 0 || height <= 0 {
		return
	}
	if s.n++; s.n == 1 {
		s.a, s.b = 1, lengthMean
		s.paa, s.pab, s.pbb = slopeSigma*slopeSigma, 0, lengthSigma*lengthSigma
	}
	top := bottom - difference
	if top < 3*math.Sqrt(2*edge) {
		// No ground is there to be painted.
		s.sky++
		return
	}
	x, z := height/bottom, height/top
	expected := s.a*x + s.b
	worth := math.Max(z, expected)
	r := repeatFrames * 2 * edge * worth * worth * worth * worth / (height * height)
	pa, pb := s.paa*x+s.pab, s.pab*x+s.pbb
	v := pa*x + pb + r
	nu := z - expected
	if lim := 3 * math.Sqrt(v); math.Abs(nu) > lim {
		nu = math.Copysign(lim, nu)
	}
	s.a += pa / v * nu
	s.b += pb / v * nu
	s.paa -= pa * pa / v
	s.pab -= pa * pb / v
	s.pbb -= pb * pb / v
}

// probability that it stands, at least as high as what matters, under a camera so high.
func (s *standing) probability(height float64) float64 {
	if s.n == 0 {
		return s.growth.probability()
	}
	if s.sky >= 3 && 2*s.sky > s.n/2 {
		return 1
	}
	if s.n < 3 || s.paa <= 0 || height <= lowest {
		return 0.5
	}
	return phi((s.a - height/(height-lowest)) / math.Sqrt(s.paa))
}

// height is how high it stands under a camera so high, metres; 0 when it lies, and at least
// the camera's height when its upper edge is at the horizon.
func (s *standing) height(camera, bottom, difference float64) float64 {
	if s.sky >= 3 && 2*s.sky > s.n/2 {
		return camera * difference / bottom
	}
	if s.a <= 1 {
		return 0
	}
	return camera * (1 - 1/s.a)
}

// growth is the test without a horizon: the height of the picture of what stands grows as its
// width does, that of what lies as the width's square.
type growth struct {
	up, flat constant
	llr      float64 // logarithm of the likelihood ratio, positive for standing
}

// constant is an unknown constant under observation.
type constant struct{ mean, variance float64 }

// observe returns the logarithm of the probability density of a measurement.
func (c *constant) observe(z, r float64) float64 {
	if c.variance == 0 {
		c.mean, c.variance = z, r
		return 0
	}
	s := c.variance + r
	nu := z - c.mean
	c.mean += c.variance / s * nu
	c.variance *= r / s
	return -0.5 * (nu*nu/s + math.Log(s))
}

// observe takes the width and the height of a picture with the variance of either.
func (s *growth) observe(width, height, edge float64) {
	if !(width > 0 && height > 0) {
		return
	}
	w, h := math.Log(width), math.Log(height)
	rw, rh := repeatFrames*edge/(width*width), repeatFrames*edge/(height*height)
	first := s.flat.variance == 0
	up := s.up.observe(h-w, rh+rw)
	flat := s.flat.observe(h-2*w, rh+4*rw)
	if !first {
		s.llr = math.Max(-8, math.Min(8, s.llr+up-flat))
	}
}

func (s *growth) probability() float64 { return 1 / (1 + math.Exp(-s.llr)) }
