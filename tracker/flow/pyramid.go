package flow

import (
	"math"

	"outrider/pipeline"
)

// LongSide is the length in pixels of the longer side of the pictures that motion is measured
// in. Half of it gives the same warps within a third of a pixel on moving cameras, but loses
// small objects; twice of it costs four times as much.
const LongSide = 320

// levels of a pyramid: the coarsest sees motion of up to levelReach pixels as one.
const levels = 4

// picture is a grey picture, rows tight.
type picture struct {
	w, h int
	pix  []float32
}

func (p *picture) size(w, h int) {
	p.w, p.h = w, h
	if cap(p.pix) < w*h {
		p.pix = make([]float32, w*h)
	}
	p.pix = p.pix[:w*h]
}

// pyramid is a frame at LongSide and its halves.
type pyramid struct {
	scale float64 // frame pixels per pixel of the finest level
	level [levels]picture
}

// load reads a frame. Each pixel is the mean green of four samples of its cell: green is what
// luma mostly is, and four samples are enough against aliasing at these scales.
func (p *pyramid) load(f *pipeline.Frame) {
	p.scale = math.Max(1, float64(max(f.Width, f.Height))/LongSide)
	top := &p.level[0]
	top.size(max(1, int(float64(f.Width)/p.scale)), max(1, int(float64(f.Height)/p.scale)))
	stride := 3 * f.Width
	for y := range top.h {
		y0 := min(int((float64(y)+0.25)*p.scale), f.Height-1) * stride
		y1 := min(int((float64(y)+0.75)*p.scale), f.Height-1) * stride
		row := top.pix[y*top.w : (y+1)*top.w]
		for x := range row {
			x0 := min(int((float64(x)+0.25)*p.scale), f.Width-1)*3 + 1
			x1 := min(int((float64(x)+0.75)*p.scale), f.Width-1)*3 + 1
			row[x] = float32(int(f.Data[y0+x0])+int(f.Data[y0+x1])+int(f.Data[y1+x0])+int(f.Data[y1+x1])) / 4
		}
	}
	for l := 1; l < levels; l++ {
		half(&p.level[l], &p.level[l-1])
	}
}

// half is the mean of two by two pixels.
func half(dst, src *picture) {
	dst.size(max(1, src.w/2), max(1, src.h/2))
	for y := range dst.h {
		a := src.pix[min(2*y, src.h-1)*src.w:]
		b := src.pix[min(2*y+1, src.h-1)*src.w:]
		row := dst.pix[y*dst.w : (y+1)*dst.w]
		for x := range row {
			x0, x1 := min(2*x, src.w-1), min(2*x+1, src.w-1)
			row[x] = (a[x0] + a[x1] + b[x0] + b[x1]) / 4
		}
	}
}

// patch samples the (2r+1) squared window around x, y bilinearly into dst, and reports
// whether it lies in the picture.
func (p *picture) patch(dst []float32, x, y float64, r int) bool {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx)-r, int(fy)-r
	n := 2*r + 1
	if ix < 0 || iy < 0 || ix+n >= p.w || iy+n >= p.h {
		return false
	}
	ax, ay := float32(x-fx), float32(y-fy)
	w00, w01, w10, w11 := (1-ax)*(1-ay), ax*(1-ay), (1-ax)*ay, ax*ay
	for j := range n {
		a := p.pix[(iy+j)*p.w+ix : (iy+j)*p.w+ix+n+1]
		b := p.pix[(iy+j+1)*p.w+ix : (iy+j+1)*p.w+ix+n+1]
		d := dst[j*n : j*n+n]
		for i := range d {
			d[i] = w00*a[i] + w01*a[i+1] + w10*b[i] + w11*b[i+1]
		}
	}
	return true
}
