package flow

import (
	"math"

	"outrider/pipeline"
)

// Tracker follows points from the frame before to the newest one. The zero value is ready; it
// belongs to one goroutine and allocates nothing once it has seen a frame of each size.
type Tracker struct {
	now, before pyramid
	frames      int
	w, h        int

	template, moved [side * side]float32
	gradient        [2][side * side]float32
	around          [(side + 2) * (side + 2)]float32
}

// The window of a point: wide enough to hold texture at this size of picture, narrow enough to
// keep to one object.
const (
	radius = 4
	side   = 2*radius + 1
)

// Push makes f the newest frame. A frame of another size starts anew.
func (t *Tracker) Push(f *pipeline.Frame) {
	if f.Width != t.w || f.Height != t.h {
		t.w, t.h, t.frames = f.Width, f.Height, 0
	}
	t.now, t.before = t.before, t.now
	t.now.load(f)
	t.frames = min(t.frames+1, 2)
}

// Reset forgets the frames.
func (t *Tracker) Reset() { t.frames = 0 }

// Ready reports whether there are two frames to compare.
func (t *Tracker) Ready() bool { return t.frames == 2 }

// Scale is how many frame pixels one pixel of the compared pictures is.
func (t *Tracker) Scale() float64 { return t.now.scale }

// The iterations of one level end when a step is shorter than settled, in pixels, or at their
// number. least is the smaller eigenvalue of the gradients, a pixel, below which a window has
// too little texture in one direction. apart is how far the way back may miss the start.
const (
	iterations = 10
	settled    = 0.02
	least      = 1.0
	apart      = 1.0
)

// Follow appends to dst where each point of the frame before, in frame pixels, is in the
// newest one, NaN where it is not found again. With check the way back must lead to it too,
// which costs as much again.
func (t *Tracker) Follow(dst, points []pipeline.Point, check bool) []pipeline.Point {
	for _, p := range points {
		q, ok := pipeline.Point{}, false
		if t.Ready() {
			s := t.now.scale
			x, y := p.X/s-0.5, p.Y/s-0.5
			var u, v float64
			if u, v, ok = t.step(&t.before, &t.now, x, y); ok && check {
				bx, by, back := t.step(&t.now, &t.before, u, v)
				ok = back && math.Hypot(bx-x, by-y) <= apart
			}
			q = pipeline.Point{X: (u + 0.5) * s, Y: (v + 0.5) * s}
		}
		if !ok {
			q = pipeline.Point{X: math.NaN(), Y: math.NaN()}
		}
		dst = append(dst, q)
	}
	return dst
}

// step follows one point, in pixels of the finest level, from a to b.
func (t *Tracker) step(a, b *pyramid, x, y float64) (float64, float64, bool) {
	dx, dy, found := 0.0, 0.0, false
	for l := levels - 1; l >= 0; l-- {
		k := 1 / float64(int(1)<<l)
		px, py := (x+0.5)*k-0.5, (y+0.5)*k-0.5
		ex, ey, ok := t.level(&a.level[l], &b.level[l], px, py, dx*k, dy*k)
		if !ok {
			if l == 0 {
				return 0, 0, false
			}
			continue // too near the border, or no texture: a finer level decides
		}
		dx, dy, found = ex/k, ey/k, true
	}
	return x + dx, y + dy, found
}

// level improves the displacement dx, dy of the point x, y of a to b.
func (t *Tracker) level(a, b *picture, x, y, dx, dy float64) (float64, float64, bool) {
	const wide = side + 2
	if !a.patch(t.around[:], x, y, radius+1) {
		return 0, 0, false
	}
	var gxx, gxy, gyy float32
	for j := range side {
		for i := range side {
			c := (j+1)*wide + i + 1
			n := j*side + i
			t.template[n] = t.around[c]
			gx, gy := (t.around[c+1]-t.around[c-1])/2, (t.around[c+wide]-t.around[c-wide])/2
			t.gradient[0][n], t.gradient[1][n] = gx, gy
			gxx += gx * gx
			gxy += gx * gy
			gyy += gy * gy
		}
	}
	det := gxx*gyy - gxy*gxy
	if smaller(gxx, gxy, gyy) < least*side*side || det <= 0 {
		return 0, 0, false
	}
	for range iterations {
		if !b.patch(t.moved[:], x+dx, y+dy, radius) {
			return 0, 0, false
		}
		var bx, by float32
		for n, v := range t.moved {
			e := t.template[n] - v
			bx += e * t.gradient[0][n]
			by += e * t.gradient[1][n]
		}
		sx, sy := float64((gyy*bx-gxy*by)/det), float64((gxx*by-gxy*bx)/det)
		dx += sx
		dy += sy
		if math.Abs(dx) > LongSide || math.Abs(dy) > LongSide || math.IsNaN(dx+dy) {
			return 0, 0, false
		}
		if sx*sx+sy*sy < settled*settled {
			break
		}
	}
	return dx, dy, true
}

// smaller eigenvalue of a symmetric matrix.
func smaller(xx, xy, yy float32) float32 {
	d := float64(xx - yy)
	return float32((float64(xx+yy) - math.Sqrt(d*d+4*float64(xy)*float64(xy))) / 2)
}

// Corners appends points of the frame before that can be followed well: the best of each
// cell x cell pixels of a grid over the compared picture, where keep (nil for everywhere, in
// frame pixels) agrees.
func (t *Tracker) Corners(dst []pipeline.Point, cell int, area pipeline.Box, keep func(p pipeline.Point) bool) []pipeline.Point {
	if t.frames == 0 || cell < 2 {
		return dst
	}
	p := &t.before.level[0]
	if t.frames == 1 {
		p = &t.now.level[0]
	}
	s := t.now.scale
	edge := radius + 2
	x0, y0 := max(edge, int(area.X1/s)), max(edge, int(area.Y1/s))
	x1, y1 := min(p.w-edge, int(math.Ceil(area.X2/s))), min(p.h-edge, int(math.Ceil(area.Y2/s)))
	for cy := y0; cy < y1; cy += cell {
		for cx := x0; cx < x1; cx += cell {
			best, at := float32(least), pipeline.Point{}
			for y := cy; y < min(cy+cell, y1); y += 2 {
				for x := cx; x < min(cx+cell, x1); x += 2 {
					v := p.corner(x, y)
					if v <= best {
						continue
					}
					q := pipeline.Point{X: (float64(x) + 0.5) * s, Y: (float64(y) + 0.5) * s}
					if keep == nil || keep(q) {
						best, at = v, q
					}
				}
			}
			if best > least {
				dst = append(dst, at)
			}
		}
	}
	return dst
}

// corner is how well a pixel can be followed: the smaller eigenvalue of the gradients in the
// 5 x 5 pixels around it, a pixel.
func (p *picture) corner(x, y int) float32 {
	var xx, xy, yy float32
	for j := -2; j <= 2; j++ {
		r := p.pix[(y+j)*p.w+x-3 : (y+j)*p.w+x+4]
		up, down := p.pix[(y+j-1)*p.w+x-3:], p.pix[(y+j+1)*p.w+x-3:]
		for i := 1; i < 6; i++ {
			gx, gy := r[i+1]-r[i-1], down[i]-up[i]
			xx += gx * gx
			xy += gx * gy
			yy += gy * gy
		}
	}
	return smaller(xx, xy, yy) / 100
}
