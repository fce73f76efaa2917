package vpx

/*
#cgo pkg-config: vpx
#cgo CFLAGS: -O3
#include "encoder.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// Codec names a video format.
type Codec string

// The formats.
const (
	VP8 Codec = "vp8"
	VP9 Codec = "vp9"
)

// ClockRate is the number of time stamp ticks in a second, as in RTP.
const ClockRate = 90000

// Limits of Options.
const (
	MinSide    = 16
	MaxSide    = 16384 // VP8: 16382, its header has 14 bits
	MinBitrate = 10_000
	MaxBitrate = 500_000_000
	MaxThreads = 16
)

// ErrClosed is returned by an encoder that was closed.
var ErrClosed = errors.New("the encoder is closed")

// ErrTimestamp is returned for a picture that is not later than the one before it.
var ErrTimestamp = errors.New("time stamps must grow")

// Options say how to encode. Codec, Width, Height and Bitrate are needed.
type Options struct {
	Codec         Codec
	Width, Height int // pixels, even, MinSide to MaxSide
	Bitrate       int // bits a second, MinBitrate to MaxBitrate

	// Threads is the number of threads, default 1. VP8 spins between the rows of its threads:
	// beside any busy neighbour two threads were measured 10 times slower than one.
	Threads int

	// CPUUsed trades quality for time: VP8 -16..-1 (nearer 0 is slower and better), default -8;
	// VP9 1..9 (smaller is slower and better), default 8.
	CPUUsed int

	// KeyInterval is the greatest number of pictures between key frames; 0 for key frames on
	// demand only (and where the encoder sees a cut).
	KeyInterval int
}

func (o *Options) setDefaults() {
	if o.Threads == 0 {
		o.Threads = 1
	}
	if o.CPUUsed == 0 {
		o.CPUUsed = 8
		if o.Codec == VP8 {
			o.CPUUsed = -8
		}
	}
}

func (o Options) validate() error {
	largest := MaxSide
	lo, hi := 1, 9
	switch o.Codec {
	case VP8:
		largest = 16382
		lo, hi = -16, -1
	case VP9:
	default:
		return fmt.Errorf("codec %q: want %s or %s", o.Codec, VP8, VP9)
	}
	switch {
	case o.Width < MinSide || o.Height < MinSide || o.Width > largest || o.Height > largest:
		return fmt.Errorf("size %dx%d: want %d to %d a side", o.Width, o.Height, MinSide, largest)
	case o.Width%2 != 0 || o.Height%2 != 0:
		return fmt.Errorf("size %dx%d: want even sides", o.Width, o.Height)
	case o.Threads < 1 || o.Threads > MaxThreads:
		return fmt.Errorf("threads %d: want 1 to %d", o.Threads, MaxThreads)
	case o.CPUUsed < lo || o.CPUUsed > hi:
		return fmt.Errorf("cpu used %d: want %d to %d", o.CPUUsed, lo, hi)
	case o.KeyInterval < 0 || o.KeyInterval > 1<<30:
		return fmt.Errorf("key interval %d: want 0 or more", o.KeyInterval)
	}
	return checkBitrate(o.Bitrate)
}

func checkBitrate(bps int) error {
	if bps < MinBitrate || bps > MaxBitrate {
		return fmt.Errorf("bit rate %d: want %d to %d bit/s", bps, MinBitrate, MaxBitrate)
	}
	return nil
}

// Packet is one encoded picture. Data belongs to the encoder and is valid until its next
// Encode: who keeps it longer copies it.
type Packet struct {
	Data []byte
	Key  bool // can be decoded without an earlier one
}

// Encoder encodes pictures of one size. One goroutine at a time may use it.
type Encoder struct {
	opts    Options
	enc     *C.outrider_vpx
	buf     []byte
	last    int64
	started bool
}

// New returns an encoder, which holds memory of libvpx until Close. It fails on options out of
// range and when libvpx has no memory for the size.
func New(o Options) (*Encoder, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("vpx: %w", err)
	}
	vp9 := C.int(0)
	if o.Codec == VP9 {
		vp9 = 1
	}
	e := &Encoder{opts: o}
	if rc := C.outrider_vpx_new(&e.enc, vp9, C.int(o.Width), C.int(o.Height), C.int(o.Bitrate/1000),
		C.int(o.Threads), C.int(o.CPUUsed), C.int(o.KeyInterval)); rc != 0 {
		return nil, fmt.Errorf("vpx: open a %s encoder for %dx%d: %s", o.Codec, o.Width, o.Height, C.GoString(C.outrider_vpx_error(rc)))
	}
	return e, nil
}

// Options returns the options in use, defaults filled in and the bit rate as last set.
func (e *Encoder) Options() Options { return e.opts }

// Encode encodes one picture of the encoder's size. pts is its time in ticks of ClockRate and
// must grow from call to call (ErrTimestamp); key asks for a key frame. One picture in, one
// packet out; an error leaves the encoder usable.
func (e *Encoder) Encode(m *I420, pts int64, key bool) (Packet, error) {
	if e.enc == nil {
		return Packet{}, fmt.Errorf("vpx: encode: %w", ErrClosed)
	}
	if m == nil || m.Width != e.opts.Width || m.Height != e.opts.Height {
		w, h := 0, 0
		if m != nil {
			w, h = m.Width, m.Height
		}
		return Packet{}, fmt.Errorf("vpx: encode: picture of %dx%d, the encoder is for %dx%d", w, h, e.opts.Width, e.opts.Height)
	}
	if err := m.check(); err != nil {
		return Packet{}, fmt.Errorf("vpx: encode: %w", err)
	}
	if pts < 0 || pts > 1<<53 || e.started && pts <= e.last {
		return Packet{}, fmt.Errorf("vpx: encode: %w: %d after %d", ErrTimestamp, pts, e.last)
	}
	force := C.int(0)
	if key {
		force = 1
	}
	var data unsafe.Pointer
	var size C.size_t
	var isKey C.int
	rc := C.outrider_vpx_encode(e.enc, (*C.uint8_t)(&m.Y[0]), (*C.uint8_t)(&m.U[0]), (*C.uint8_t)(&m.V[0]),
		C.int(m.YStride), C.int(m.CStride), C.int64_t(pts), force, &data, &size, &isKey)
	if rc != 0 {
		return Packet{}, fmt.Errorf("vpx: encode: %s", e.reason(rc))
	}
	e.last, e.started = pts, true
	if size == 0 {
		return Packet{}, errors.New("vpx: encode: no packet came out")
	}
	e.buf = append(e.buf[:0], unsafe.Slice((*byte)(data), int(size))...)
	return Packet{Data: e.buf, Key: isKey != 0}, nil
}

// SetBitrate changes the bit rate, in bits a second, from the next picture on.
func (e *Encoder) SetBitrate(bps int) error {
	if e.enc == nil {
		return fmt.Errorf("vpx: set bit rate: %w", ErrClosed)
	}
	if err := checkBitrate(bps); err != nil {
		return fmt.Errorf("vpx: %w", err)
	}
	if bps/1000 == e.opts.Bitrate/1000 {
		e.opts.Bitrate = bps
		return nil
	}
	if rc := C.outrider_vpx_bitrate(e.enc, C.int(bps/1000)); rc != 0 {
		return fmt.Errorf("vpx: set bit rate to %d: %s", bps, e.reason(rc))
	}
	e.opts.Bitrate = bps
	return nil
}

// Close frees the encoder; twice is fine.
func (e *Encoder) Close() error {
	C.outrider_vpx_free(e.enc)
	e.enc, e.buf = nil, nil
	return nil
}

func (e *Encoder) reason(rc C.int) string {
	s := C.GoString(C.outrider_vpx_error(rc))
	if d := C.outrider_vpx_detail(e.enc); d != nil {
		s += ": " + C.GoString(d)
	}
	return s
}
