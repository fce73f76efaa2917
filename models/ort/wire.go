package ort

import (
	"encoding/binary"
	"errors"
)

// Just enough of the protocol buffers wire format to walk an ONNX file.

var errWire = errors.New("broken protocol buffer")

// The wire types.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// field is one field of a message: a number, or bytes that alias the message.
type field struct {
	num    int
	wire   int
	number uint64
	bytes  []byte
	raw    []byte // tag and value together, as they stand
}

// next reads the first field of b and returns the rest.
func next(b []byte) (f field, rest []byte, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return f, nil, errWire
	}
	f.num, f.wire = int(tag>>3), int(tag&7)
	i := n
	switch f.wire {
	case wireVarint:
		v, n := binary.Uvarint(b[i:])
		if n <= 0 {
			return f, nil, errWire
		}
		f.number, i = v, i+n
	case wireFixed64, wireFixed32:
		n := 8
		if f.wire == wireFixed32 {
			n = 4
		}
		if len(b)-i < n {
			return f, nil, errWire
		}
		f.bytes, i = b[i:i+n], i+n
	case wireBytes:
		v, n := binary.Uvarint(b[i:])
		if n <= 0 || v > uint64(len(b)-i-n) {
			return f, nil, errWire
		}
		i += n
		f.bytes, i = b[i:i+int(v)], i+int(v)
	default:
		// Groups are no part of ONNX.
		return f, nil, errWire
	}
	f.raw = b[:i]
	return f, b[i:], nil
}

// each calls f for every field of message b until f or the message fails.
func each(b []byte, f func(field) error) error {
	for len(b) > 0 {
		v, rest, err := next(b)
		if err != nil {
			return err
		}
		if err := f(v); err != nil {
			return err
		}
		b = rest
	}
	return nil
}
