package vpx

// #include "convert.h"
import "C"

import "fmt"

// Converter makes I420 pictures out of BGR frames. The zero value is ready; it keeps its
// buffers, so that one size after another costs no memory. One goroutine at a time may use it.
type Converter struct {
	scratch []byte
}

// Convert writes the frame bgr, w x h pixels of 8-bit BGR in tight rows, into dst, whose size
// it takes: as large as the frame, or smaller, each pixel then being the mean of the area that
// it covers. A dst one pixel less on a side than the frame is that frame cut to even sides at
// its right and bottom edge. Colours are BT.601, limited range, to within one step. It fails
// when bgr is too short, dst is larger than the frame, or not a valid picture with tight
// planes.
func (c *Converter) Convert(dst *I420, bgr []byte, w, h int) error {
	if w < 2 || h < 2 || w > 2*MaxSide || h > 2*MaxSide || len(bgr) != 3*w*h {
		return fmt.Errorf("vpx: convert: %d bytes for %dx%d BGR", len(bgr), w, h)
	}
	if err := dst.check(); err != nil {
		return fmt.Errorf("vpx: convert: %w", err)
	}
	if dst.YStride != dst.Width || dst.CStride != dst.Width/2 {
		return fmt.Errorf("vpx: convert: strides %d, %d for a width of %d: want tight planes", dst.YStride, dst.CStride, dst.Width)
	}
	if dst.Width > w || dst.Height > h {
		return fmt.Errorf("vpx: convert: %dx%d to %dx%d: it can only get smaller", w, h, dst.Width, dst.Height)
	}
	if n := 16*w + 12*dst.Width + 64; len(c.scratch) < n {
		c.scratch = make([]byte, n)
	}
	src, scratch := (*C.uint8_t)(&bgr[0]), (*C.uint8_t)(&c.scratch[0])
	y, u, v := (*C.uint8_t)(&dst.Y[0]), (*C.uint8_t)(&dst.U[0]), (*C.uint8_t)(&dst.V[0])
	if dst.Width == w&^1 && dst.Height == h&^1 {
		C.outrider_bgr_i420(src, C.int(3*w), C.int(dst.Width), C.int(dst.Height), y, u, v, scratch)
	} else {
		C.outrider_bgr_i420_scaled(src, C.int(3*w), C.int(w), C.int(h), C.int(dst.Width), C.int(dst.Height), y, u, v, scratch)
	}
	return nil
}
