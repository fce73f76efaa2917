package fastsam

import (
	"image"
	"math"

	"outrider/pipeline/mask"
)

// axis maps pixels to prototype cells: pixel i has its centre at (i+0.5)*scale+offset, in
// cells. Beyond the centres of cells lo and hi their values go on.
type axis struct {
	scale, offset float64
	lo, hi        int
}

// sample is where a pixel lies between the centres of two cells.
type sample struct {
	cell int     // the lower one; the other is the next, where weight is not 0
	w    float32 // weight of the other
}

func (a axis) at(i int) sample {
	v := (float64(i)+0.5)*a.scale + a.offset - 0.5
	v = math.Max(float64(a.lo), math.Min(v, float64(a.hi)))
	c := math.Floor(v)
	return sample{cell: int(c), w: float32(v - c)}
}

// upsampler draws masks at the frame's resolution by bilinear interpolation of logits. It
// keeps its memory; one goroutine at a time.
type upsampler struct {
	proto  prototypes
	grid   mask.Grid
	x, y   axis
	logits []float32
	row    []float32
	xs     []sample
}

// mask draws the pixels of win whose logit is positive.
func (u *upsampler) mask(coef []float32, win image.Rectangle) *mask.Mask {
	m := mask.New(u.grid, win)
	win = m.Window()
	if win.Empty() {
		return m
	}
	y0, y1 := u.y.at(win.Min.Y).cell, u.y.at(win.Max.Y-1).cell
	u.xs = u.xs[:0]
	for x := win.Min.X; x < win.Max.X; x++ {
		u.xs = append(u.xs, u.x.at(x))
	}
	x0, x1 := u.xs[0].cell, u.xs[len(u.xs)-1].cell
	// One cell more on either axis, as the second neighbour.
	r := image.Rect(x0, y0, min(x1+2, u.proto.w), min(y1+2, u.proto.h))
	w := r.Dx()
	if n := w * r.Dy(); cap(u.logits) < n {
		u.logits = make([]float32, n)
	}
	u.logits = u.logits[:w*r.Dy()]
	u.proto.logits(coef, r, u.logits)
	if cap(u.row) < w+1 {
		u.row = make([]float32, w+1)
	}
	u.row = u.row[:w+1]
	for y := win.Min.Y; y < win.Max.Y; y++ {
		s := u.y.at(y)
		a := u.logits[(s.cell-y0)*w:][:w]
		if s.w == 0 {
			copy(u.row, a)
		} else {
			b := u.logits[(s.cell-y0+1)*w:][:w]
			for i, v := range a {
				u.row[i] = v*(1-s.w) + b[i]*s.w
			}
		}
		u.row[w] = u.row[w-1] // the neighbour of the last cell, with weight 0
		bits := m.Row(y)
		for i, s := range u.xs {
			p := u.row[s.cell-x0:]
			if p[0]*(1-s.w)+p[1]*s.w > 0 {
				bits[i>>6] |= 1 << (i & 63)
			}
		}
	}
	return m
}
