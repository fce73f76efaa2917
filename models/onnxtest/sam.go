package onnxtest

import (
	"os"
	"path/filepath"
	"testing"
)

// colourCells are the cells of a ColourPair's embedding along each side.
const colourCells = 64

// ColourPair writes an encoder and a decoder with the contract of Segment Anything that cut a
// picture by colour, into one folder, and returns it and their paths. The embedding is the
// picture in cells of 16 x 16 network pixels; the four masks are the cells whose colour is
// like that in the middle of the points on the object, or of the box: within 0.5, 0.1, 0.5
// and 1.5 (summed over the channels, in units of SAM's standard deviations), so that the last
// three nest. What lies outside a box or a mask input is cut off.
func ColourPair(t testing.TB) (dir, encoder, decoder string) {
	t.Helper()
	dir = t.TempDir()
	encoder, decoder = filepath.Join(dir, "colour_encoder.onnx"), filepath.Join(dir, "colour_decoder.onnx")
	for path, g := range map[string]Graph{encoder: colourEncoder(), decoder: colourDecoder()} {
		if err := os.WriteFile(path, g.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, encoder, decoder
}

func colourEncoder() Graph {
	return Graph{
		Nodes: [][]byte{Node("AveragePool", []string{"image"}, []string{"image_embeddings"},
			Ints("kernel_shape", 16, 16), Ints("strides", 16, 16))},
		Inputs:  [][]byte{Value("image", Float32, 1, 3, 16*colourCells, 16*colourCells)},
		Outputs: [][]byte{Value("image_embeddings", Float32, 1, 3, colourCells, colourCells)},
	}
}

func colourDecoder() Graph {
	const n = colourCells
	at := make([]float32, n) // the middles of the cells, network pixels
	for i := range at {
		at[i] = 16 * (float32(i) + .5)
	}
	g := Graph{
		Weights: [][]byte{
			Floats("zero", []float32{0}), Floats("one", []float32{1}), Floats("cell", []float32{16}), Floats("top", []float32{n - 1}),
			Floats("reach", []float32{.5, .1, .5, 1.5}, 4, 1, 1), Floats("steep", []float32{20}), Floats("scales", []float32{1, 1, 4, 4}, 4),
			Floats("middles", at, n), Floats("much", []float32{1e4}), Floats("corner", []float32{1.5}),
			Floats("quality", []float32{.9, .95, .93, .91}, 1, 4),
			Int64s("first", 0), Int64s("second", 1), Int64s("last", -1), Int64s("yx", 1, 0), Int64s("both", 0, 1),
		},
		Inputs: [][]byte{
			Value("image_embeddings", Float32, 1, 3, n, n), Value("point_coords", Float32, 1, -1, 2), Value("point_labels", Float32, 1, -1),
			Value("mask_input", Float32, 1, 1, 4*n, 4*n), Value("has_mask_input", Float32, 1), Value("orig_im_size", Float32, 2),
		},
		Outputs: [][]byte{Value("iou_predictions", Float32, 1, 4), Value("low_res_masks", Float32, 1, 4, 4*n, 4*n)},
	}
	node := func(op, out string, in []string, attrs ...[]byte) {
		g.Nodes = append(g.Nodes, Node(op, in, []string{out}, attrs...))
	}
	// The middle of the points on the object; the corners of a box count as such.
	node("Clip", "on", []string{"point_labels", "zero", "one"})
	node("Unsqueeze", "on2", []string{"on", "last"})
	node("Mul", "kept", []string{"point_coords", "on2"})
	node("ReduceSum", "sum", []string{"kept", "second"}, Int("keepdims", 0))
	node("ReduceSum", "count", []string{"on", "second"})
	node("Max", "some", []string{"count", "one"})
	node("Div", "middle", []string{"sum", "some"})
	node("Div", "cells", []string{"middle", "cell"})
	node("Floor", "floor", []string{"cells"})
	node("Clip", "inside", []string{"floor", "zero", "top"})
	node("Gather", "turned", []string{"inside", "yx"}, Int("axis", 1))
	node("Cast", "index", []string{"turned"}, Int("to", Int64))
	// How unlike that cell's colour each cell's is.
	node("Squeeze", "planes", []string{"image_embeddings", "first"})
	node("Transpose", "pixels", []string{"planes"}, Ints("perm", 1, 2, 0))
	node("GatherND", "colour", []string{"pixels", "index"})
	node("Sub", "differ", []string{"pixels", "colour"})
	node("Abs", "apart", []string{"differ"})
	node("ReduceSum", "distance", []string{"apart", "last"}, Int("keepdims", 0))
	// Outside the box: a corner's label is above 1.5. Without a box its sides are far away.
	node("Greater", "corners", []string{"point_labels", "corner"})
	node("Cast", "corner01", []string{"corners"}, Int("to", Float32))
	node("Unsqueeze", "corner2", []string{"corner01", "last"})
	node("Sub", "other2", []string{"one", "corner2"})
	node("Mul", "farther", []string{"other2", "much"})
	node("Mul", "cornered", []string{"point_coords", "corner2"})
	node("Add", "low0", []string{"cornered", "farther"})
	node("Sub", "high0", []string{"cornered", "farther"})
	node("ReduceMin", "low", []string{"low0"}, Ints("axes", 1), Int("keepdims", 0))
	node("ReduceMax", "high", []string{"high0"}, Ints("axes", 1), Int("keepdims", 0))
	// With no corner low is above high: swap them, and everything is inside.
	node("Min", "from", []string{"low", "high"})
	node("Max", "to", []string{"low", "high"})
	for i, side := range []string{"x", "y"} {
		axis := []string{"first", "second"}[i]
		node("Gather", "from_"+side, []string{"from", axis}, Int("axis", 1))
		node("Gather", "to_"+side, []string{"to", axis}, Int("axis", 1))
		node("Squeeze", "f_"+side, []string{"from_" + side, "both"})
		node("Squeeze", "t_"+side, []string{"to_" + side, "both"})
		node("Less", "before_"+side, []string{"middles", "f_" + side})
		node("Greater", "after_"+side, []string{"middles", "t_" + side})
		node("Or", "out_"+side, []string{"before_" + side, "after_" + side})
		node("Cast", "cut_"+side, []string{"out_" + side}, Int("to", Float32))
	}
	node("Unsqueeze", "rows", []string{"cut_y", "second"})
	node("Add", "cut", []string{"cut_x", "rows"})
	node("Mul", "cut_off", []string{"cut", "much"})
	node("Add", "far", []string{"distance", "cut_off"})
	node("Sub", "near", []string{"reach", "far"})
	node("Mul", "logits", []string{"near", "steep"})
	node("Unsqueeze", "batch", []string{"logits", "first"})
	node("Resize", "alike", []string{"batch", "", "scales"}, String("mode", "nearest"))
	// Outside the mask input, where there is one.
	node("Sub", "no_mask", []string{"one", "has_mask_input"})
	node("Mul", "anywhere", []string{"no_mask", "much"})
	node("Mul", "given", []string{"mask_input", "has_mask_input"})
	node("Add", "allowed", []string{"given", "anywhere"})
	node("Min", "low_res_masks", []string{"alike", "allowed"})
	node("Identity", "iou_predictions", []string{"quality"})
	return g
}
