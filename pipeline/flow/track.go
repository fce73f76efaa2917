package flow

import (
	"math"

	"outrider/pipeline"
)

// weaker is the smaller eigenvalue of [[a, b], [b, c]].
func weaker(a, b, c float32) float32 {
	d := a - c
	return (a + c - float32(math.Sqrt(float64(d*d+4*b*b)))) / 2
}

// Tracker follows points. The zero value is ready.
type Tracker struct {
	// Affine lets each point's surroundings stretch and turn as well: for ground that comes
	// nearer between frames. It takes about half as much time again.
	Affine bool

	// Radius of the window around a point that is compared, in pixels of a level: 1 to 6, 0 for
	// 6. A smaller one keeps to small objects, a larger one is steadier.
	Radius int

	radius, side int
	template     [maxSide * maxSide]float32
	gx, gy       [maxSide * maxSide]float32
	wide         [(maxSide + 2) * (maxSide + 2)]float32
	patch        [maxSide * maxSide]float32
}

const (
	maxRadius  = 6
	maxSide    = 2*maxRadius + 1
	iterations = 12
	settled    = 0.005 // pixels of a level
	// maxBack is how far, in pixels of level 0, a point may be from its origin after the way
	// there and back.
	maxBack = 1
	// maxError is the mean difference, grey levels, of a point's surroundings there.
	maxError = 14
)

// Track follows each point of from, a position in frame a, into frame b. to holds first guesses
// on entry when guess is true, and the positions found on return; ok tells which of them are
// trusted: found, of like surroundings, and at home after the way back. to and ok must be as long
// as from, and both frames of one size.
func (t *Tracker) Track(a, b *Image, from, to []pipeline.Point, ok []bool, guess bool) {
	t.radius = t.Radius
	if t.radius < 1 || t.radius > maxRadius {
		t.radius = maxRadius
	}
	t.side = 2*t.radius + 1
	if a.width != b.width || a.height != b.height {
		clear(ok)
		return
	}
	for i, p := range from {
		start := p
		if guess {
			start = to[i]
		}
		q, good := t.one(a, b, p, start, t.Affine)
		if good {
			home, back := t.one(b, a, q, p, false)
			good = back && math.Hypot(home.X-p.X, home.Y-p.Y) <= maxBack*float64(a.reduce)
		}
		to[i], ok[i] = q, good
	}
}

// one follows a point from the coarsest level to the finest.
func (t *Tracker) one(a, b *Image, p, start pipeline.Point, affine bool) (pipeline.Point, bool) {
	k := float64(a.reduce)
	dx, dy := (start.X-p.X)/k, (start.Y-p.Y)/k // of level 0
	good := false
	for l := len(a.levels) - 1; l >= 0; l-- {
		s := float64(int(1) << l)
		x, y := p.X/k/s-.5, p.Y/k/s-.5
		ddx, ddy, ok := t.level(&a.levels[l], &b.levels[l], x, y, dx/s, dy/s, l == 0)
		good = ok
		if ok {
			dx, dy = ddx*s, ddy*s
		}
	}
	if good && affine {
		dx, dy, good = t.affine(&b.levels[0], p.X/k-.5, p.Y/k-.5, dx, dy)
	}
	return pipeline.Point{X: p.X + dx*k, Y: p.Y + dy*k}, good
}

// level refines the displacement (dx, dy) of the point (x, y), both in pixel indices of the
// level. The mean brightness of the surroundings may change: it is taken out on both sides.
func (t *Tracker) level(a, b *plane, x, y, dx, dy float64, last bool) (float64, float64, bool) {
	side, radius := t.side, float64(t.radius)
	if !sample(a, x-radius-1, y-radius-1, side+2, t.wide[:]) {
		return dx, dy, false
	}
	n := float32(side * side)
	var sx, sy, sxx, sxy, syy float32
	for j := range side {
		for i := range side {
			c := (j+1)*(side+2) + i + 1
			gx, gy := (t.wide[c+1]-t.wide[c-1])/2, (t.wide[c+side+2]-t.wide[c-side-2])/2
			t.template[j*side+i], t.gx[j*side+i], t.gy[j*side+i] = t.wide[c], gx, gy
			sx, sy = sx+gx, sy+gy
			sxx, sxy, syy = sxx+gx*gx, sxy+gx*gy, syy+gy*gy
		}
	}
	sxx, sxy, syy = sxx-sx*sx/n, sxy-sx*sy/n, syy-sy*sy/n
	det := sxx*syy - sxy*sxy
	if weaker(sxx, sxy, syy) < n*0.25 || det <= 0 {
		return dx, dy, false
	}
	for range iterations {
		if !sample(b, x+dx-radius, y+dy-radius, side, t.patch[:]) {
			return dx, dy, false
		}
		var e, ex, ey float32
		for i, v := range t.template[:side*side] {
			d := v - t.patch[i]
			e += d
			ex += d * t.gx[i]
			ey += d * t.gy[i]
		}
		ex, ey = ex-e*sx/n, ey-e*sy/n
		ux, uy := float64((syy*ex-sxy*ey)/det), float64((sxx*ey-sxy*ex)/det)
		dx, dy = dx+ux, dy+uy
		if math.Abs(ux) > 2*radius+1 || math.Abs(uy) > 2*radius+1 || math.IsNaN(ux+uy) {
			return dx, dy, false
		}
		if math.Abs(ux)+math.Abs(uy) < settled {
			break
		}
	}
	if !last {
		return dx, dy, true
	}
	if !sample(b, x+dx-radius, y+dy-radius, side, t.patch[:]) {
		return dx, dy, false
	}
	var mean, sum float32
	for i, v := range t.template[:side*side] {
		mean += v - t.patch[i]
	}
	mean /= n
	for i, v := range t.template[:side*side] {
		sum += float32(math.Abs(float64(v - t.patch[i] - mean)))
	}
	return dx, dy, sum/n <= maxError
}

// affine refines the displacement (dx, dy) of the point (x, y) of level 0 together with a linear
// map of its surroundings and their brightness (Shi and Tomasi, CVPR 1994). The template and its
// gradients are those of the last call of level.
func (t *Tracker) affine(b *plane, x, y, dx, dy float64) (float64, float64, bool) {
	side, radius := t.side, t.radius
	const n = 7 // dx, dy, the four of the map, brightness
	var h [n][n]float64
	for j := range side {
		for i := range side {
			c := t.columns(i, j)
			for r := range n {
				for k := 0; k <= r; k++ {
					h[r][k] += c[r] * c[k]
				}
			}
		}
	}
	// The map is expected to stay within a tenth of none, against noise of 4 grey levels.
	for r := 2; r < 6; r++ {
		h[r][r] += 16 / (0.1 * 0.1)
	}
	for r := range n { // Cholesky, in place
		for k := 0; k <= r; k++ {
			v := h[r][k]
			for m := range k {
				v -= h[r][m] * h[k][m]
			}
			if r != k {
				h[r][k] = v / h[k][k]
				continue
			}
			if !(v > 0) {
				return dx, dy, false
			}
			h[r][r] = math.Sqrt(v)
		}
	}
	var p [n]float64
	p[0], p[1] = dx, dy
	for step := 0; ; step++ {
		var g [n]float64
		sum := 0.0
		for j := range side {
			v := float64(j - radius)
			for i := range side {
				u := float64(i - radius)
				value, ok := at(b, x+u+p[0]+p[2]*u+p[3]*v, y+v+p[1]+p[4]*u+p[5]*v)
				if !ok {
					return dx, dy, false
				}
				e := float64(t.template[j*side+i]) - value - p[6]
				sum += math.Abs(e)
				for k, c := range t.columns(i, j) {
					g[k] += c * e
				}
			}
		}
		if step == iterations {
			return p[0], p[1], sum/float64(side*side) <= maxError
		}
		for r := 2; r < 6; r++ {
			g[r] -= 16 / (0.1 * 0.1) * p[r]
		}
		for r := range n {
			for m := range r {
				g[r] -= h[r][m] * g[m]
			}
			g[r] /= h[r][r]
		}
		for r := n - 1; r >= 0; r-- {
			for m := r + 1; m < n; m++ {
				g[r] -= h[m][r] * g[m]
			}
			g[r] /= h[r][r]
		}
		for k := range p {
			p[k] += g[k]
		}
		if math.Hypot(p[0]-dx, p[1]-dy) > float64(radius) { // it left the place that level found
			return dx, dy, false
		}
		if math.Abs(g[0])+math.Abs(g[1]) < settled {
			step = max(step, iterations-1)
		}
	}
}

// columns are the derivatives of a template pixel's brightness by the parameters of affine.
func (t *Tracker) columns(i, j int) [7]float64 {
	gx, gy := float64(t.gx[j*t.side+i]), float64(t.gy[j*t.side+i])
	u, v := float64(i-t.radius), float64(j-t.radius)
	return [7]float64{gx, gy, gx * u, gx * v, gy * u, gy * v, 1}
}

// at is the brightness at pixel indices (x, y).
func at(p *plane, x, y float64) (float64, bool) {
	if !(x >= 0 && y >= 0 && x < float64(p.w-1) && y < float64(p.h-1)) {
		return 0, false
	}
	ix, iy := int(x), int(y)
	fx, fy := x-float64(ix), y-float64(iy)
	r0, r1 := p.pix[iy*p.w+ix:], p.pix[(iy+1)*p.w+ix:]
	a, b := float64(r0[0])+fx*(float64(r0[1])-float64(r0[0])), float64(r1[0])+fx*(float64(r1[1])-float64(r1[0]))
	return a + fy*(b-a), true
}

// sample reads n x n values from (x, y) on, pixel indices, by bilinear interpolation; false
// when they do not all lie in the picture.
func sample(p *plane, x, y float64, n int, out []float32) bool {
	if !(x >= 0 && y >= 0 && x+float64(n) < float64(p.w) && y+float64(n) < float64(p.h)) {
		return false
	}
	ix, iy := int(x), int(y)
	fx, fy := float32(x-float64(ix)), float32(y-float64(iy))
	w00, w01, w10, w11 := (1-fx)*(1-fy), fx*(1-fy), (1-fx)*fy, fx*fy
	for j := range n {
		r0, r1 := p.pix[(iy+j)*p.w+ix:][:n+1], p.pix[(iy+j+1)*p.w+ix:][:n+1]
		o := out[j*n:][:n]
		a, c := float32(r0[0]), float32(r1[0])
		for i := range o {
			b, d := float32(r0[i+1]), float32(r1[i+1])
			o[i] = w00*a + w01*b + w10*c + w11*d
			a, c = b, d
		}
	}
	return true
}
