package fastsam

/*
#cgo CFLAGS: -O3
#cgo noescape outrider_pack
#cgo nocallback outrider_pack
#cgo noescape outrider_mask
#cgo nocallback outrider_mask
#cgo noescape outrider_logits
#cgo nocallback outrider_logits
#include "kernel.h"
*/
import "C"

import "image"

// The three inner loops of the package, in C for the sake of vector instructions; Go has none.

// pack writes w x h BGR pixels (rows of 3*w bytes) into the R, G and B planes of dst, 0..1,
// from element at of each plane on. The planes have plane elements in rows of pitch.
func pack(src []byte, w, h int, dst []float32, at, pitch, plane int) {
	_ = src[3*w*h-1]
	_ = dst[2*plane+at+(h-1)*pitch+w-1]
	C.outrider_pack((*C.uint8_t)(&src[0]), C.int64_t(3*w), C.int64_t(w), C.int64_t(h),
		(*C.float)(&dst[at]), C.int64_t(pitch), C.int64_t(plane))
}

// prototypes are the mask prototypes of one frame: n planes of w x h.
type prototypes struct {
	data    []float32 // readable for 64 elements more than n*w*h
	n, w, h int
}

// mask writes the cells of r whose logit is positive, in the layout of mask.Mask, and returns
// their number. r must lie within the prototypes and not be empty.
func (p prototypes) mask(coef []float32, r image.Rectangle, words []uint64) int {
	p.check(coef, r)
	_ = words[(r.Dx()+63)/64*r.Dy()-1]
	return int(C.outrider_mask((*C.float)(&p.data[0]), C.int64_t(p.w), C.int64_t(p.w*p.h), (*C.float)(&coef[0]), C.int64_t(p.n),
		C.int64_t(r.Min.X), C.int64_t(r.Max.X), C.int64_t(r.Min.Y), C.int64_t(r.Max.Y), (*C.uint64_t)(&words[0])))
}

// logits writes the logits of the cells of r row by row.
func (p prototypes) logits(coef []float32, r image.Rectangle, dst []float32) {
	p.check(coef, r)
	_ = dst[r.Dx()*r.Dy()-1]
	C.outrider_logits((*C.float)(&p.data[0]), C.int64_t(p.w), C.int64_t(p.w*p.h), (*C.float)(&coef[0]), C.int64_t(p.n),
		C.int64_t(r.Min.X), C.int64_t(r.Max.X), C.int64_t(r.Min.Y), C.int64_t(r.Max.Y), (*C.float)(&dst[0]))
}

// check keeps the C code inside its arrays whatever the caller does.
func (p prototypes) check(coef []float32, r image.Rectangle) {
	if r.Empty() || !r.In(image.Rect(0, 0, p.w, p.h)) || len(coef) < p.n || len(p.data) < p.n*p.w*p.h+slack {
		panic("fastsam: prototypes addressed outside their bounds")
	}
}

// slack is how far the C code reads past the end of the prototypes.
const slack = 64
