package clip_test

import (
	"math"

	"outrider/models/onnxtest"
)

// meanColour is an image encoder whose embedding begins with the mean of the input's
// channels and goes on with zeros.
func meanColour(batch, side, width int64) onnxtest.Graph {
	w := make([]float32, 3*width)
	for c := range int64(3) {
		w[c*width+c] = 1
	}
	return onnxtest.Graph{
		Nodes: [][]byte{
			onnxtest.Node("ReduceMean", []string{"pixels"}, []string{"mean"}, onnxtest.Ints("axes", 2, 3), onnxtest.Int("keepdims", 0)),
			onnxtest.Node("MatMul", []string{"mean", "w"}, []string{"embedding"}),
		},
		Weights: [][]byte{onnxtest.Floats("w", w, 3, width)},
		Inputs:  [][]byte{onnxtest.Value("pixels", onnxtest.Float32, batch, 3, side, side)},
		Outputs: [][]byte{onnxtest.Value("embedding", onnxtest.Float32, batch, width)},
	}
}

// tokenSums is a text encoder whose embedding is the ids times fixed weights by place.
func tokenSums(batch, tokens, width int64, elem int64, attention bool) onnxtest.Graph {
	w := make([]float32, tokens*width)
	for i := range w {
		w[i] = float32(math.Sin(float64(i)))
	}
	g := onnxtest.Graph{
		Nodes:   [][]byte{onnxtest.Node("Cast", []string{"input_ids"}, []string{"ids"}, onnxtest.Int("to", onnxtest.Float32))},
		Weights: [][]byte{onnxtest.Floats("w", w, tokens, width)},
		Inputs:  [][]byte{onnxtest.Value("input_ids", elem, batch, tokens)},
		Outputs: [][]byte{onnxtest.Value("hidden", onnxtest.Float32, batch, tokens), onnxtest.Value("text_embeds", onnxtest.Float32, batch, width)},
	}
	last := "ids"
	if attention {
		g.Inputs = append(g.Inputs, onnxtest.Value("attention_mask", elem, batch, tokens))
		g.Nodes = append(g.Nodes,
			onnxtest.Node("Cast", []string{"attention_mask"}, []string{"mask"}, onnxtest.Int("to", onnxtest.Float32)),
			onnxtest.Node("Mul", []string{"ids", "mask"}, []string{"seen"}))
		last = "seen"
	}
	g.Nodes = append(g.Nodes,
		onnxtest.Node("Identity", []string{last}, []string{"hidden"}),
		onnxtest.Node("MatMul", []string{last, "w"}, []string{"text_embeds"}))
	return g
}
