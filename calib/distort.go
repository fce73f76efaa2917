package calib

import "math"

// maxRadius bounds the undistorted radius: tan of 89.4 degrees off the axis.
const maxRadius = 100

// distort takes an undistorted direction (x, y, 1) to the distorted one.
func (c *Camera) distort(x, y float64) (xd, yd float64, ok bool) {
	r := math.Hypot(x, y)
	if c.in.Model == Equidistant {
		theta := math.Atan(r)
		if !(theta <= c.limit) {
			return 0, 0, false
		}
		s := 1.0
		if r > 1e-12 {
			s = c.radial(theta) / r
		}
		return x * s, y * s, true
	}
	if !(r <= c.limit) {
		return 0, 0, false
	}
	xd, yd, j := c.in.brown(x, y)
	return xd, yd, j.det() > 0
}

// jacobian is d(xd, yd)/d(x, y); it is symmetric for every model here.
type jacobian struct{ xx, xy, yy float64 }

func (j jacobian) det() float64 { return j.xx*j.yy - j.xy*j.xy }

// brown is the plumb_bob and rational distortion with its derivative.
func (in *Intrinsics) brown(x, y float64) (xd, yd float64, j jacobian) {
	p1, p2 := in.D[2], in.D[3]
	s := x*x + y*y
	g, dg := in.gain(s)
	xd = x*g + 2*p1*x*y + p2*(s+2*x*x)
	yd = y*g + p1*(s+2*y*y) + 2*p2*x*y
	j.xx = g + 2*x*x*dg + 2*p1*y + 6*p2*x
	j.xy = 2*x*y*dg + 2*p1*x + 2*p2*y
	j.yy = g + 2*y*y*dg + 6*p1*y + 2*p2*x
	return xd, yd, j
}

// gain is the radial factor at squared radius s and its derivative by s.
func (in *Intrinsics) gain(s float64) (g, dg float64) {
	d := &in.D
	n := 1 + s*(d[0]+s*(d[1]+s*d[4]))
	dn := d[0] + s*(2*d[1]+3*s*d[4])
	if in.Model == PlumbBob {
		return n, dn
	}
	q := 1 + s*(d[5]+s*(d[6]+s*d[7]))
	dq := d[5] + s*(2*d[6]+3*s*d[7])
	return n / q, (dn - n/q*dq) / q
}

// radial is the distorted radius at an undistorted radius (fisheye: angle).
func (c *Camera) radial(r float64) float64 {
	f, _ := c.in.slope(r)
	return f
}

// slope is radial with its derivative.
func (in *Intrinsics) slope(r float64) (f, df float64) {
	s := r * r
	if in.Model == Equidistant {
		d := &in.D
		f = r * (1 + s*(d[0]+s*(d[1]+s*(d[2]+s*d[3]))))
		df = 1 + s*(3*d[0]+s*(5*d[1]+s*(7*d[2]+s*9*d[3])))
		return f, df
	}
	g, dg := in.gain(s)
	return r * g, g + 2*s*dg
}

// fold finds the radius (angle) up to which the radial distortion grows: beyond it two
// directions share a pixel and the polynomial means nothing.
func (c *Camera) fold() float64 {
	end := float64(maxRadius)
	if c.in.Model == Equidistant {
		end = math.Atan(maxRadius)
	}
	grows := func(r float64) bool {
		f, df := c.in.slope(r)
		q := 1.0
		if c.in.Model == Rational {
			s := r * r
			q = 1 + s*(c.in.D[5]+s*(c.in.D[6]+s*c.in.D[7]))
		}
		return f > 0 && df > minSlope && q > 1e-6 && finite(f)
	}
	good := 0.0
	for r := 1e-3; r < end; r *= 1.005 {
		if grows(r) {
			good = r
			continue
		}
		lo, hi := good, r
		for range 60 {
			if m := (lo + hi) / 2; m > 0 && grows(m) {
				lo = m
			} else {
				hi = m
			}
		}
		return lo
	}
	return end
}

// minSlope ends the valid region a little before the fold, where an error of 1e-9 pixels
// would already move the direction by 1e-6.
const minSlope = 1e-3

// undistort inverts distort by safeguarded Newton steps on the radius, then, when there is a
// tangential part, on both coordinates.
func (c *Camera) undistort(xd, yd float64) (x, y float64, ok bool) {
	rd := math.Hypot(xd, yd)
	if rd < 1e-12 || c.straight && rd <= c.limit {
		return xd, yd, true
	}
	tangential := c.in.Model != Equidistant && (c.in.D[2] != 0 || c.in.D[3] != 0)
	if rd > c.reach && !tangential {
		return 0, 0, false
	}
	r := c.unradial(math.Min(rd, c.reach))
	if c.in.Model == Equidistant {
		s := math.Tan(r) / rd
		return xd * s, yd * s, true
	}
	x, y = xd*r/rd, yd*r/rd
	if !tangential {
		return x, y, true
	}
	scale := 1 + rd
	for range 30 {
		fx, fy, j := c.in.brown(x, y)
		ex, ey := xd-fx, yd-fy
		det := j.det()
		if !(det > 0) {
			return 0, 0, false
		}
		if math.Abs(ex)+math.Abs(ey) < 1e-14*scale {
			break
		}
		dx, dy := (j.yy*ex-j.xy*ey)/det, (j.xx*ey-j.xy*ex)/det
		// A step is never longer than a fifth of the radius: near the fold it would leap over it.
		if l := math.Hypot(dx, dy); l > 0.2*(r+1e-3) {
			k := 0.2 * (r + 1e-3) / l
			dx, dy = dx*k, dy*k
		}
		x, y = x+dx, y+dy
	}
	fx, fy, ok := c.distort(x, y)
	return x, y, ok && math.Abs(xd-fx)+math.Abs(yd-fy) < 1e-12*scale
}

// unradial inverts radial on [0, limit], where it grows.
func (c *Camera) unradial(rd float64) float64 {
	lo, hi := 0.0, c.limit
	r := math.Min(rd, c.limit)
	for range 100 {
		f, df := c.in.slope(r)
		if f > rd {
			hi = r
		} else {
			lo = r
		}
		next := r - (f-rd)/df
		if !(next > lo && next < hi) {
			next = (lo + hi) / 2
		}
		if math.Abs(next-r) <= 1e-14*(1+r) {
			return next
		}
		r = next
	}
	return r
}

// perPixel is how the undistorted direction (x, y) changes with the column and with the row:
// the inverse of the projection's derivative.
func (c *Camera) perPixel(x, y float64) (ux, uy, vx, vy float64) {
	j := c.derivative(x, y)
	det := j.det()
	return j.yy / det / c.in.FX, -j.xy / det / c.in.FX, -j.xy / det / c.in.FY, j.xx / det / c.in.FY
}

// derivative is that of the distortion at (x, y).
func (c *Camera) derivative(x, y float64) jacobian {
	if c.in.Model != Equidistant {
		_, _, j := c.in.brown(x, y)
		return j
	}
	r := math.Hypot(x, y)
	if r < 1e-9 {
		return jacobian{xx: 1, yy: 1}
	}
	f, df := c.in.slope(math.Atan(r))
	across := f / r         // perpendicular to the radius
	along := df / (1 + r*r) // d theta/d r = 1/(1+r^2)
	cx, cy := x/r, y/r
	return jacobian{
		xx: along*cx*cx + across*cy*cy,
		xy: (along - across) * cx * cy,
		yy: along*cy*cy + across*cx*cx,
	}
}

// Apply takes the direction (x, y, 1) to frame pixels by the formulas alone: no parameter is
// checked and no direction is too far off. It is for fitting parameters; use Camera.Project for
// everything else.
func (in *Intrinsics) Apply(x, y float64) (u, v float64) {
	if in.Model == Equidistant {
		s := 1.0
		if r := math.Hypot(x, y); r > 1e-12 {
			s, _ = in.slope(math.Atan(r))
			s /= r
		}
		return in.FX*x*s + in.CX, in.FY*y*s + in.CY
	}
	xd, yd, _ := in.brown(x, y)
	return in.FX*xd + in.CX, in.FY*yd + in.CY
}
