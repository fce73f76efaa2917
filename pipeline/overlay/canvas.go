package overlay

import (
	"encoding/binary"
	"image"
	"math"
)

// canvas is the picture under the brush, and a coverage plane of its size: shapes are first
// drawn there and then laid on the picture in one go, so that overlapping strokes of one shape do
// not darken each other.
type canvas struct {
	pix   []byte // BGR
	w, h  int
	cover []byte // zero outside dirty
	dirty image.Rectangle
}

// reset takes a picture.
func (c *canvas) reset(pix []byte, w, h int) {
	c.pix, c.w, c.h = pix, w, h
	if n := w * h; cap(c.cover) < n {
		c.cover = make([]byte, n)
	} else {
		c.cover = c.cover[:n]
	}
	c.dirty = image.Rectangle{}
}

func (c *canvas) bounds() image.Rectangle { return image.Rect(0, 0, c.w, c.h) }

// mark raises the coverage of a pixel to a share of strength.
func (c *canvas) mark(x, y int, share float64, strength byte) {
	if i, v := y*c.w+x, byte(share*float64(strength)+.5); v > c.cover[i] {
		c.cover[i] = v
	}
}

// grow adds r, cut by the picture, to what flush looks at.
func (c *canvas) grow(r image.Rectangle) { c.dirty = c.dirty.Union(r.Intersect(c.bounds())) }

// flush lays paint on the picture as the coverage says, and clears the coverage.
func (c *canvas) flush(paint rgb) {
	r := c.dirty
	c.dirty = image.Rectangle{}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.cover[y*c.w+r.Min.X : y*c.w+r.Max.X]
		pix := c.pix[3*(y*c.w+r.Min.X) : 3*(y*c.w+r.Max.X)]
		for x := 0; x < len(row); {
			if len(row)-x >= 8 && binary.LittleEndian.Uint64(row[x:]) == 0 {
				x += 8
				continue
			}
			if v := row[x]; v != 0 {
				row[x] = 0
				blend(pix[3*x:3*x+3], paint, uint32(v))
			}
			x++
		}
	}
}

// blend mixes paint into the pixel p with a share of a/255.
func blend(p []byte, paint rgb, a uint32) {
	_ = p[2]
	a += a >> 7 // 255 to 256, so that full cover is exact
	p[0] = byte((uint32(p[0])*(256-a) + uint32(paint.b)*a) >> 8)
	p[1] = byte((uint32(p[1])*(256-a) + uint32(paint.g)*a) >> 8)
	p[2] = byte((uint32(p[2])*(256-a) + uint32(paint.r)*a) >> 8)
}

// tint is paint mixed into any value of each channel, for large areas.
type tint struct{ b, g, r [256]byte }

// set prepares a share of a/256.
func (t *tint) set(paint rgb, a uint32) {
	for v := range uint32(256) {
		t.b[v] = byte((v*(256-a) + uint32(paint.b)*a) >> 8)
		t.g[v] = byte((v*(256-a) + uint32(paint.g)*a) >> 8)
		t.r[v] = byte((v*(256-a) + uint32(paint.r)*a) >> 8)
	}
}

// span tints the pixels [x0, x1) of row y, which lie in the picture.
func (c *canvas) span(y, x0, x1 int, t *tint) {
	p := c.pix[3*(y*c.w+x0) : 3*(y*c.w+x1)]
	for len(p) >= 3 {
		p[0], p[1], p[2] = t.b[p[0]], t.g[p[1]], t.r[p[2]]
		p = p[3:]
	}
}

// rect lays paint over r with a share of a/255.
func (c *canvas) rect(r image.Rectangle, paint rgb, a uint32) {
	r = r.Intersect(c.bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		p := c.pix[3*(y*c.w+r.Min.X) : 3*(y*c.w+r.Max.X)]
		for ; len(p) >= 3; p = p[3:] {
			blend(p, paint, a)
		}
	}
}

// pill is rect with round ends of the given radius.
func (c *canvas) pill(r image.Rectangle, radius int, paint rgb, a uint32) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		in := 0
		if d := max(radius-(y-r.Min.Y), radius-(r.Max.Y-1-y)); d > 0 {
			rad := float64(radius)
			in = radius - int(math.Sqrt(rad*rad-(float64(d)-.5)*(float64(d)-.5))+.5)
		}
		c.rect(image.Rect(r.Min.X+in, y, r.Max.X-in, y+1), paint, a)
	}
}
