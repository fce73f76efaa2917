package clip_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// A writer of tiny ONNX models: just enough of the protocol buffer for stand-ins of encoders
// with shapes that the embedded pair does not have.

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

const (
	float32Type = 1
	int32Type   = 6
	int64Type   = 7
)

// valueInfo describes an input or output; -1 is an open side.
func valueInfo(name string, elem int64, shape ...int64) []byte {
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

func floats(name string, data []float32, shape ...int64) []byte {
	var raw, dims []byte
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	for _, d := range shape {
		dims = append(dims, intField(1, d)...)
	}
	return join(dims, intField(2, float32Type), stringField(8, name), bytesField(9, raw))
}

// node is an operator; attrs are encoded attributes.
func node(op string, in, out []string, attrs ...[]byte) []byte {
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

func intAttr(name string, v int64) []byte {
	return join(stringField(1, name), intField(3, v), intField(20, 2))
}

func intsAttr(name string, vs ...int64) []byte {
	b := stringField(1, name)
	for _, v := range vs {
		b = append(b, intField(8, v)...)
	}
	return append(b, intField(20, 7)...)
}

type graph struct{ nodes, weights, inputs, outputs [][]byte }

func (g graph) bytes() []byte {
	b := stringField(2, "g")
	for _, n := range g.nodes {
		b = append(b, bytesField(1, n)...)
	}
	for _, w := range g.weights {
		b = append(b, bytesField(5, w)...)
	}
	for _, v := range g.inputs {
		b = append(b, bytesField(11, v)...)
	}
	for _, v := range g.outputs {
		b = append(b, bytesField(12, v)...)
	}
	return join(intField(1, 8), bytesField(7, b), bytesField(8, intField(2, 13)))
}

// meanColour is an image encoder whose embedding begins with the mean of the input's
// channels and goes on with zeros.
func meanColour(batch, side, width int64) graph {
	w := make([]float32, 3*width)
	for c := range int64(3) {
		w[c*width+c] = 1
	}
	return graph{
		nodes: [][]byte{
			node("ReduceMean", []string{"pixels"}, []string{"mean"}, intsAttr("axes", 2, 3), intAttr("keepdims", 0)),
			node("MatMul", []string{"mean", "w"}, []string{"embedding"}),
		},
		weights: [][]byte{floats("w", w, 3, width)},
		inputs:  [][]byte{valueInfo("pixels", float32Type, batch, 3, side, side)},
		outputs: [][]byte{valueInfo("embedding", float32Type, batch, width)},
	}
}

// tokenSums is a text encoder whose embedding is the ids times fixed weights by place.
func tokenSums(batch, tokens, width int64, elem int64, attention bool) graph {
	w := make([]float32, tokens*width)
	for i := range w {
		w[i] = float32(math.Sin(float64(i)))
	}
	g := graph{
		nodes:   [][]byte{node("Cast", []string{"input_ids"}, []string{"ids"}, intAttr("to", float32Type))},
		weights: [][]byte{floats("w", w, tokens, width)},
		inputs:  [][]byte{valueInfo("input_ids", elem, batch, tokens)},
		outputs: [][]byte{valueInfo("hidden", float32Type, batch, tokens), valueInfo("text_embeds", float32Type, batch, width)},
	}
	last := "ids"
	if attention {
		g.inputs = append(g.inputs, valueInfo("attention_mask", elem, batch, tokens))
		g.nodes = append(g.nodes,
			node("Cast", []string{"attention_mask"}, []string{"mask"}, intAttr("to", float32Type)),
			node("Mul", []string{"ids", "mask"}, []string{"seen"}))
		last = "seen"
	}
	g.nodes = append(g.nodes,
		node("Identity", []string{last}, []string{"hidden"}),
		node("MatMul", []string{last, "w"}, []string{"text_embeds"}))
	return g
}

// modelFile writes a model beside the test and returns its path.
func modelFile(t testing.TB, model []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(p, model, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}
