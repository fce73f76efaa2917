package vpxtest

/*
#cgo pkg-config: vpx
#include <stdlib.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>

static vpx_codec_ctx_t *open_decoder(int vp9) {
  vpx_codec_ctx_t *c = calloc(1, sizeof *c);
  if (c && vpx_codec_dec_init(c, vp9 ? vpx_codec_vp9_dx() : vpx_codec_vp8_dx(), NULL, 0)) {
    free(c);
    return NULL;
  }
  return c;
}

static void close_decoder(vpx_codec_ctx_t *c) {
  if (!c) return;
  vpx_codec_destroy(c);
  free(c);
}

static vpx_image_t *decode(vpx_codec_ctx_t *c, const uint8_t *data, unsigned n, int *rc) {
  vpx_codec_iter_t it = NULL;
  *rc = vpx_codec_decode(c, data, n, NULL, 0);
  return *rc ? NULL : vpx_codec_get_frame(c, &it);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"outrider/streams/vpx"
)

// Decoder decodes one stream. One goroutine at a time may use it.
type Decoder struct{ ctx *C.vpx_codec_ctx_t }

// NewDecoder returns a decoder for codec; Close frees it.
func NewDecoder(codec vpx.Codec) (*Decoder, error) {
	vp9 := C.int(0)
	if codec == vpx.VP9 {
		vp9 = 1
	}
	c := C.open_decoder(vp9)
	if c == nil {
		return nil, fmt.Errorf("open a %s decoder", codec)
	}
	return &Decoder{c}, nil
}

// Decode decodes one packet and returns the picture in memory of its own. It fails on broken
// data and when no picture comes out.
func (d *Decoder) Decode(data []byte) (*vpx.I420, error) {
	if len(data) == 0 {
		return nil, errors.New("decode: no data")
	}
	var rc C.int
	m := C.decode(d.ctx, (*C.uint8_t)(&data[0]), C.unsigned(len(data)), &rc)
	if rc != 0 {
		return nil, fmt.Errorf("decode: %s", C.GoString(C.vpx_codec_err_to_string(C.vpx_codec_err_t(rc))))
	}
	if m == nil {
		return nil, errors.New("decode: no picture came out")
	}
	out, err := vpx.NewI420(int(m.d_w), int(m.d_h))
	if err != nil {
		return nil, err
	}
	for i, p := range [...]struct {
		dst  []byte
		w, h int
	}{{out.Y, out.Width, out.Height}, {out.U, out.Width / 2, out.Height / 2}, {out.V, out.Width / 2, out.Height / 2}} {
		for y := range p.h {
			row := unsafe.Add(unsafe.Pointer(m.planes[i]), y*int(m.stride[i]))
			copy(p.dst[y*p.w:(y+1)*p.w], unsafe.Slice((*byte)(row), p.w))
		}
	}
	return out, nil
}

// Close frees the decoder; twice is fine.
func (d *Decoder) Close() error {
	C.close_decoder(d.ctx)
	d.ctx = nil
	return nil
}

// PSNR is the peak signal-to-noise ratio of two pictures of one size over all planes, in dB;
// infinite when they are equal.
func PSNR(a, b *vpx.I420) float64 {
	var sum, n float64
	for _, p := range [...][2][]byte{{a.Y, b.Y}, {a.U, b.U}, {a.V, b.V}} {
		for i := range p[0] {
			d := float64(p[0][i]) - float64(p[1][i])
			sum += d * d
		}
		n += float64(len(p[0]))
	}
	return 10 * math.Log10(255*255*n/sum)
}
