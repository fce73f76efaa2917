package road

import (
	"math"

	"outrider/calib"
	"outrider/pipeline"
	"outrider/pipeline/flow"
)

// laneFinder finds the point in which the lines along the road meet.
type laneFinder struct {
	edges []edge
	open  []chain
	bins  [2 * laneBins]float64
}

// edge is a short piece of a line: a direction (x, y, 1) on it and its unit normal in the
// plane z = 1.
type edge struct {
	x, y, nx, ny float64
	rows         float64 // it was seen in
	w            float64
}

// vanishing is where the lines meet, as the camera's attitude.
type vanishing struct {
	pitch, yaw float64
	width      float64 // of the lane, in camera heights; 0 when its lines were not seen
}

const (
	maxEdges  = 1000
	maxChains = 400
	minChain  = 8   // rows
	edgeSteep = 48  // least response of Scharr's operator over four: 12 grey levels over two pixels
	gateAngle = 0.2 // radians between a line and the expected direction
	minRows   = 80  // of lines, in all
	laneBins  = 60  // each side, of laneBin camera heights
	laneBin   = 0.05
)

// find gathers pieces of lines below the horizon that point about where the lines are expected
// to meet, and moves that point to where they do: the least squares of the angles, reweighted.
func (l *laneFinder) find(im *flow.Image, cam *calib.Camera, pitch, yaw, roll float64) (v vanishing, ok bool) {
	vx, vy := direction(pitch, yaw, roll)
	at, ok := cam.Project(vx, vy, 1)
	if !ok {
		return v, false
	}
	l.gather(im, cam, at)
	scale := 0.12
	var a, b, c float64
	for range 10 {
		a, b, c = 0, 0, 0
		var gx, gy float64
		for i := range l.edges {
			e := &l.edges[i]
			dx, dy := vx-e.x, vy-e.y
			d2 := dx*dx + dy*dy + 1e-6
			r := (e.nx*dx + e.ny*dy) / math.Sqrt(d2) // the sine of the angle by which it misses
			e.w = 1 / (1 + r*r/(scale*scale))
			e.w *= e.w
			// The angle of a line through n places is known in proportion to n^-1.5.
			w := e.w * e.rows * e.rows * e.rows / d2
			a, b, c = a+w*e.nx*e.nx, b+w*e.nx*e.ny, c+w*e.ny*e.ny
			k := w * (e.nx*e.x + e.ny*e.y)
			gx, gy = gx+k*e.nx, gy+k*e.ny
		}
		det := a*c - b*b
		if !(det > 1e-9*(a+c)*(a+c)) {
			return v, false
		}
		vx, vy = (c*gx-b*gy)/det, (a*gy-b*gx)/det
		scale = math.Max(0.02, scale*0.7)
	}
	left, right, sum, weight := 0.0, 0.0, 0.0, 0.0
	for i := range l.edges {
		e := &l.edges[i]
		if e.w < 0.25 {
			continue
		}
		dx, dy := vx-e.x, vy-e.y
		r := (e.nx*dx + e.ny*dy) / math.Hypot(dx, dy)
		n3 := e.rows * e.rows * e.rows
		sum += n3 * r * r
		weight++
		if e.x < vx {
			left += e.rows
		} else {
			right += e.rows
		}
	}
	if left < minRows/4 || right < minRows/4 || left+right < minRows {
		return v, false
	}
	det := a*c - b*b
	if sigma := math.Sqrt(sum / weight * math.Max(a, c) / det); !(sigma < 0.3*math.Pi/180) {
		return v, false
	}
	v.pitch, v.yaw = angles(vx, vy, roll)
	v.width = l.lane(v, roll)
	return v, true
}

// gather fills edges from the picture below the row of the vanishing point at: steps of
// brightness that go on from row to row, each as the line through its places in a dozen rows or more.
func (l *laneFinder) gather(im *flow.Image, cam *calib.Camera, at pipeline.Point) {
	l.edges = l.edges[:0]
	pix, w, h, reduce := im.Grey()
	k := float64(reduce)
	l.open = l.open[:0]
	first, last := max(1, int(at.Y/k+0.03*float64(h))), min(h-2, int(0.9*float64(h)))
	for y := first; y < last; y++ {
		up, mid, down := pix[(y-1)*w:][:w], pix[y*w:][:w], pix[(y+1)*w:][:w]
		across := func(x int) int { // Scharr's operator over four
			return (3*(int(up[x+1])-int(up[x-1])+int(down[x+1])-int(down[x-1])) + 10*(int(mid[x+1])-int(mid[x-1]))) / 4
		}
		was, here := 0, across(1)
		for x := 1; x < w-2; x++ {
			after := across(x + 1)
			g, p, n := here, was, after
			was, here = here, after
			rising := g > 0
			if !rising {
				g, p, n = -g, -p, -n
			}
			if g < edgeSteep || p > g || n >= g {
				continue
			}
			sub := 0.0 // the top of the parabola
			if den := float64(2*g - p - n); den > 0 {
				sub = 0.5 * float64(n-p) / den
			}
			l.link(float64(x)+sub, y, rising)
		}
		// Chains that found no place in this row end.
		kept := l.open[:0]
		for i := range l.open {
			if c := &l.open[i]; c.last == y {
				kept = append(kept, *c)
			} else {
				l.end(c, cam, at, k)
			}
		}
		l.open = kept
	}
	for i := range l.open {
		l.end(&l.open[i], cam, at, k)
	}
	l.open = l.open[:0]
}

// chain is a step of brightness in consecutive rows.
type chain struct {
	n                float64
	sx, sy, sxy, syy float64
	x, dx            float64 // where it was last, and by how much it moves a row
	first, last      int
	rising           bool
}

// link adds a place to the chain that it continues, or begins one.
func (l *laneFinder) link(x float64, y int, rising bool) {
	best, where := 1.5, -1
	for i := range l.open {
		c := &l.open[i]
		if c.last != y-1 || c.rising != rising {
			continue
		}
		if d := math.Abs(c.x + c.dx - x); d < best {
			best, where = d, i
		}
	}
	if where < 0 {
		if len(l.open) < maxChains {
			l.open = append(l.open, chain{n: 1, sx: x, sy: float64(y), sxy: x * float64(y), syy: float64(y) * float64(y), x: x, first: y, last: y, rising: rising})
		}
		return
	}
	c := &l.open[where]
	if c.n > 1 {
		c.dx += 0.3 * (x - c.x - c.dx)
	} else {
		c.dx = x - c.x
	}
	f := float64(y)
	c.n, c.sx, c.sy, c.sxy, c.syy = c.n+1, c.sx+x, c.sy+f, c.sxy+x*f, c.syy+f*f
	c.x, c.last = x, y
}

// end turns a chain that is long enough and points about at the place expected into an edge.
func (l *laneFinder) end(c *chain, cam *calib.Camera, at pipeline.Point, k float64) {
	if c.n < minChain || len(l.edges) >= maxEdges {
		return
	}
	my := c.sy / c.n
	dx := (c.sxy - c.sx*my) / (c.syy - c.sy*my) // columns a row
	mx := c.sx / c.n
	px, py := (mx+.5)*k, (my+.5)*k
	ex, ey := at.X-px, at.Y-py
	n := math.Sqrt(1 + dx*dx)
	if (-dx*ex-ey)/n < math.Cos(gateAngle)*math.Hypot(ex, ey) {
		return
	}
	half := (c.n - 1) / 2 * k
	ax, ay, aok := cam.Unproject(pipeline.Point{X: px - dx*half, Y: py - half})
	bx, by, bok := cam.Unproject(pipeline.Point{X: px + dx*half, Y: py + half})
	d := math.Hypot(bx-ax, by-ay)
	if !aok || !bok || d == 0 {
		return
	}
	l.edges = append(l.edges, edge{x: (ax + bx) / 2, y: (ay + by) / 2, nx: -(by - ay) / d, ny: (bx - ax) / d, rows: c.n})
}

// lane is the distance between the nearest lines left and right of the vehicle, in camera
// heights: the peaks of the lateral positions of the edges.
func (l *laneFinder) lane(v vanishing, roll float64) float64 {
	clear(l.bins[:])
	sp, cp := math.Sincos(v.pitch)
	sr, cr := math.Sincos(roll)
	sy, cy := math.Sincos(v.yaw)
	// Rows of R, as in package calib: Rz Rx Ry.
	r0 := v3{cr*cy - sr*sp*sy, -sr * cp, cr*sy + sr*sp*cy}
	r1 := v3{sr*cy + cr*sp*sy, cr * cp, sr*sy - cr*sp*cy}
	r2 := v3{-cp * sy, sp, cp * cy}
	for i := range l.edges {
		e := &l.edges[i]
		if e.w < 0.25 {
			continue
		}
		lx := r0[0]*e.x + r1[0]*e.y + r2[0]
		ly := r0[1]*e.x + r1[1]*e.y + r2[1]
		lz := r0[2]*e.x + r1[2]*e.y + r2[2]
		if ly < 0.02 {
			continue
		}
		x, y := lz/ly, -lx/ly
		if x < 3 || x > 14 {
			continue
		}
		f := y/laneBin + laneBins
		if j := int(math.Floor(f)); j >= 0 && j < len(l.bins) {
			l.bins[j]++
		}
	}
	peak := func(from, to, step int) float64 {
		best, where := 0.0, 0
		for j := from; j != to; j += step {
			s := l.bins[j-1] + l.bins[j] + l.bins[j+1]
			if s > 1.5*best { // the nearest strong line wins over one a little stronger behind it
				best, where = s, j
			}
		}
		if best < 10 {
			return math.NaN()
		}
		sum, mean := 0.0, 0.0
		for j := where - 2; j <= where+2; j++ {
			sum += l.bins[j]
			mean += l.bins[j] * (float64(j-laneBins) + .5) * laneBin
		}
		return mean / sum
	}
	left, right := peak(laneBins+10, 2*laneBins-4, 1), peak(laneBins-10, 4, -1)
	if width := left - right; width > 1 && width < 4.5 {
		return width
	}
	return 0
}
