//go:build x264

package x264

/*
#cgo pkg-config: x264
#cgo CFLAGS: -O3
#include "encoder.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"outrider/streams/vpx"
)

// Encoder encodes pictures of one size. One goroutine at a time may use it.
type Encoder struct {
	w, h     int
	enc      *C.outrider_x264
	buf      []byte
	last     int64
	started  bool
	count    int64   // of pictures
	bitrate  int     // asked for, bits a second
	interval float64 // smoothed ticks between pictures
	kbps     int     // told to libx264, which takes every picture for 1/30 s long
}

// nominal is the length of a picture to libx264; slowest is the longest that the rate allows
// for: after it a picture is a new beginning.
const (
	nominal = vpx.ClockRate / 30
	slowest = vpx.ClockRate
)

// New returns an encoder for pictures of w x h, even sides from 16 to 4096 pixels, at a bit
// rate in bits a second. It holds memory of libx264 until Close.
func New(w, h, bitrate int) (*Encoder, error) {
	switch {
	case w < 16 || h < 16 || w > 4096 || h > 4096 || w%2 != 0 || h%2 != 0:
		return nil, fmt.Errorf("x264: size %dx%d: want even sides of 16 to 4096", w, h)
	case bitrate < vpx.MinBitrate || bitrate > vpx.MaxBitrate:
		return nil, fmt.Errorf("x264: bit rate %d: want %d to %d bit/s", bitrate, vpx.MinBitrate, vpx.MaxBitrate)
	}
	e := &Encoder{w: w, h: h, bitrate: bitrate, interval: nominal, kbps: bitrate / 1000, enc: C.outrider_x264_new(C.int(w), C.int(h), C.int(bitrate/1000))}
	if e.enc == nil {
		return nil, fmt.Errorf("x264: libx264 refuses an encoder for %dx%d at %d bit/s", w, h, bitrate)
	}
	return e, nil
}

// Encode encodes one picture of the encoder's size. pts is its time in ticks of vpx.ClockRate
// and must grow from call to call (vpx.ErrTimestamp); key asks for a key frame. One picture in,
// one packet out (Annex B, valid until the next call); an error leaves the encoder usable.
func (e *Encoder) Encode(m *vpx.I420, pts int64, key bool) (vpx.Packet, error) {
	if e.enc == nil {
		return vpx.Packet{}, fmt.Errorf("x264: encode: %w", vpx.ErrClosed)
	}
	if m == nil || m.Width != e.w || m.Height != e.h {
		return vpx.Packet{}, fmt.Errorf("x264: encode: a picture that is not %dx%d", e.w, e.h)
	}
	if len(m.Y) < m.YStride*(e.h-1)+e.w || len(m.U) < m.CStride*(e.h/2-1)+e.w/2 || len(m.V) < m.CStride*(e.h/2-1)+e.w/2 || m.YStride < e.w || m.CStride < e.w/2 {
		return vpx.Packet{}, errors.New("x264: encode: planes too short")
	}
	if pts < 0 || pts > 1<<53 || e.started && pts <= e.last {
		return vpx.Packet{}, fmt.Errorf("x264: encode: %w: %d after %d", vpx.ErrTimestamp, pts, e.last)
	}
	if e.started {
		e.interval += (float64(min(pts-e.last, slowest)) - e.interval) / 4
		if err := e.follow(); err != nil {
			return vpx.Packet{}, fmt.Errorf("x264: encode: %w", err)
		}
	}
	force := C.int(0)
	if key {
		force = 1
	}
	var data unsafe.Pointer
	var isKey C.int
	n := C.outrider_x264_encode(e.enc, (*C.uint8_t)(&m.Y[0]), (*C.uint8_t)(&m.U[0]), (*C.uint8_t)(&m.V[0]),
		C.int(m.YStride), C.int(m.CStride), C.int64_t(e.count), force, &data, &isKey)
	if n <= 0 {
		return vpx.Packet{}, fmt.Errorf("x264: encode: no packet came out (%d)", int(n))
	}
	e.last, e.started = pts, true
	e.count++
	e.buf = append(e.buf[:0], unsafe.Slice((*byte)(data), int(n))...)
	return vpx.Packet{Data: e.buf, Key: isKey != 0}, nil
}

// SetBitrate changes the bit rate, in bits a second, from the next picture on.
func (e *Encoder) SetBitrate(bps int) error {
	if e.enc == nil {
		return fmt.Errorf("x264: set bit rate: %w", vpx.ErrClosed)
	}
	if bps < vpx.MinBitrate || bps > vpx.MaxBitrate {
		return fmt.Errorf("x264: bit rate %d: want %d to %d bit/s", bps, vpx.MinBitrate, vpx.MaxBitrate)
	}
	e.bitrate = bps
	return e.follow()
}

// follow tells libx264 the rate that its clock of 30 pictures a second makes of ours.
func (e *Encoder) follow() error {
	kbps := max(10, int(float64(e.bitrate)/1000*e.interval/nominal))
	if d := kbps - e.kbps; d <= e.kbps/32 && -d <= e.kbps/32 {
		return nil
	}
	if rc := C.outrider_x264_bitrate(e.enc, C.int(kbps)); rc != 0 {
		return fmt.Errorf("x264: set bit rate to %d: libx264 refuses (%d)", e.bitrate, int(rc))
	}
	e.kbps = kbps
	return nil
}

// Close frees the encoder; twice is fine.
func (e *Encoder) Close() error {
	C.outrider_x264_free(e.enc)
	e.enc, e.buf = nil, nil
	return nil
}
