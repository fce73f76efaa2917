package onnxtest

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func bytesField(num int, b []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(num)<<3|2)
	out = binary.AppendUvarint(out, uint64(len(b)))
	return append(out, b...)
}

func stringField(num int, s string) []byte { return bytesField(num, []byte(s)) }

func intField(num int, v int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(num)<<3), uint64(v))
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// Element types of tensors.
const (
	Float32 = 1
	Int32   = 6
	Int64   = 7
	Float16 = 10
)

// Value describes an input or output; -1 is an open side.
func Value(name string, elem int64, shape ...int64) []byte {
	var dims []byte
	for _, d := range shape {
		if d < 0 {
			dims = append(dims, bytesField(1, stringField(2, "n"))...)
		} else {
			dims = append(dims, bytesField(1, intField(1, d))...)
		}
	}
	tensor := join(intField(1, elem), bytesField(2, dims))
	return join(stringField(1, name), bytesField(2, bytesField(1, tensor)))
}

// Floats is a weight.
func Floats(name string, data []float32, shape ...int64) []byte {
	var raw, dims []byte
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	for _, d := range shape {
		dims = append(dims, intField(1, d)...)
	}
	return join(dims, intField(2, Float32), stringField(8, name), bytesField(9, raw))
}

// Node is an operator; attrs are made by Int, Ints and String.
func Node(op string, in, out []string, attrs ...[]byte) []byte {
	var b []byte
	for _, s := range in {
		b = append(b, stringField(1, s)...)
	}
	for _, s := range out {
		b = append(b, stringField(2, s)...)
	}
	b = append(b, stringField(4, op)...)
	for _, a := range attrs {
		b = append(b, bytesField(5, a)...)
	}
	return b
}

// Int is an attribute.
func Int(name string, v int64) []byte {
	return join(stringField(1, name), intField(3, v), intField(20, 2))
}

// Ints is an attribute.
func Ints(name string, vs ...int64) []byte {
	b := stringField(1, name)
	for _, v := range vs {
		b = append(b, intField(8, v)...)
	}
	return append(b, intField(20, 7)...)
}

// String is an attribute.
func String(name, v string) []byte {
	return join(stringField(1, name), stringField(4, v), intField(20, 3))
}

// Int64s is a weight.
func Int64s(name string, data ...int64) []byte {
	var raw []byte
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return join(intField(1, int64(len(data))), intField(2, Int64), stringField(8, name), bytesField(9, raw))
}

// Graph is a model in the making.
type Graph struct{ Nodes, Weights, Inputs, Outputs [][]byte }

// Bytes is the model's file.
func (g Graph) Bytes() []byte {
	b := stringField(2, "g")
	for _, n := range g.Nodes {
		b = append(b, bytesField(1, n)...)
	}
	for _, w := range g.Weights {
		b = append(b, bytesField(5, w)...)
	}
	for _, v := range g.Inputs {
		b = append(b, bytesField(11, v)...)
	}
	for _, v := range g.Outputs {
		b = append(b, bytesField(12, v)...)
	}
	return join(intField(1, 8), bytesField(7, b), bytesField(8, intField(2, 13)))
}

// File writes a model beside the test and returns its path.
func File(t testing.TB, model []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(p, model, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}
