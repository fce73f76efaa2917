package sam_test

import (
	"math"
	"strings"
	"testing"

	"outrider/models/onnxtest"
	"outrider/models/ort"
	"outrider/models/sam"
	"outrider/pipeline"
)

// cells is an encoder whose embedding is each 16 x 16 cell's mean colour, spread over 256 channels.
// planes takes [1, 3, 1024, 1024]; else it takes [h, w, 3] and normalises by itself.
func cells(planes bool, h, w int64) onnxtest.Graph {
	spread := make([]float32, 256*3)
	for i := range spread {
		spread[i] = float32(i%7) - 3
	}
	g := onnxtest.Graph{
		Weights: [][]byte{onnxtest.Floats("spread", spread, 256, 3, 1, 1)},
		Outputs: [][]byte{onnxtest.Value("image_embeddings", onnxtest.Float32, 1, 256, 64, 64)},
	}
	last := "image"
	if planes {
		g.Inputs = [][]byte{onnxtest.Value("image", onnxtest.Float32, 1, 3, 1024, 1024)}
	} else {
		g.Inputs = [][]byte{onnxtest.Value("image", onnxtest.Float32, h, w, 3)}
		g.Weights = append(g.Weights,
			onnxtest.Floats("mean", []float32{123.675, 116.28, 103.53}, 3),
			onnxtest.Floats("std", []float32{58.395, 57.12, 57.375}, 3),
			onnxtest.Int64s("first", 0))
		g.Nodes = append(g.Nodes,
			onnxtest.Node("Sub", []string{"image", "mean"}, []string{"centred"}),
			onnxtest.Node("Div", []string{"centred", "std"}, []string{"normal"}),
			onnxtest.Node("Transpose", []string{"normal"}, []string{"turned"}, onnxtest.Ints("perm", 2, 0, 1)),
			onnxtest.Node("Unsqueeze", []string{"turned", "first"}, []string{"planes"}))
		last = "planes"
		if h > 0 && h < 1024 {
			g.Weights = append(g.Weights, onnxtest.Int64s("pads", 0, 0, 0, 0, 0, 0, 1024-h, 1024-w))
			g.Nodes = append(g.Nodes, onnxtest.Node("Pad", []string{last, "pads"}, []string{"padded"}))
			last = "padded"
		}
		if h < 0 { // any size: stretch it
			g.Weights = append(g.Weights, onnxtest.Int64s("sizes", 1, 3, 1024, 1024))
			g.Nodes = append(g.Nodes, onnxtest.Node("Resize", []string{last, "", "", "sizes"}, []string{"stretched"}))
			last = "stretched"
		}
	}
	g.Nodes = append(g.Nodes,
		onnxtest.Node("AveragePool", []string{last}, []string{"pooled"}, onnxtest.Ints("kernel_shape", 16, 16), onnxtest.Ints("strides", 16, 16)),
		onnxtest.Node("Conv", []string{"pooled", "spread"}, []string{"image_embeddings"}))
	return g
}

// What an encoder sees does not depend on who normalises and pads.
func TestEncoderForms(t *testing.T) {
	decoder := shared(t, "models", "sam-contract", "sam-decoder-multi.onnx")
	if err := ort.Init(); err != nil {
		t.Skip("needs ONNX Runtime: ", err)
	}
	embed := func(g onnxtest.Graph, n sam.Normalization, f *pipeline.Frame) []float32 {
		t.Helper()
		m := &sam.Model{EncoderFile: onnxtest.File(t, g.Bytes()), DecoderFile: decoder, Normalize: n}
		m.Session.Device = ort.DeviceCPU
		if err := m.Initialize(); err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		v, err := m.EmbeddingOf(f)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	f := noise(300, 200)
	want := embed(cells(true, 0, 0), sam.NormalizeAuto, f)
	for _, c := range []struct {
		name string
		got  []float32
	}{
		{"[1024, 1024, 3]", embed(cells(false, 1024, 1024), sam.NormalizeAuto, f)},
		{"[684, 1024, 3]", embed(cells(false, 684, 1024), sam.NormalizeInside, f)},
	} {
		for i, v := range c.got {
			if math.Abs(float64(v-want[i])) > 1e-3 {
				t.Errorf("%s: value %d is %g, want %g", c.name, i, v, want[i])
				break
			}
		}
	}
	// An encoder of open size gets the picture without padding: no cell is grey padding.
	flat, err := pipeline.NewFrame("flat", 90, 30, make([]byte, 3*90*30))
	if err != nil {
		t.Fatal(err)
	}
	open := embed(cells(false, -1, -1), sam.NormalizeAuto, flat)
	if a, b := open[0], open[64*64-1]; a != b {
		t.Errorf("the corners of a black picture are %g and %g", a, b)
	}
}

func TestRefusedPairs(t *testing.T) {
	encoder := shared(t, "models", "sam-contract", "sam-encoder.onnx")
	decoder := shared(t, "models", "sam-contract", "sam-decoder-multi.onnx")
	hqDecoder := shared(t, "models", "sam-contract", "hq-decoder.onnx")
	if err := ort.Init(); err != nil {
		t.Skip("needs ONNX Runtime: ", err)
	}
	change := func(f func(*onnxtest.Graph)) string {
		g := cells(true, 0, 0)
		f(&g)
		return onnxtest.File(t, g.Bytes())
	}
	for _, c := range []struct {
		name, encoder, decoder, want string
		normalize                    sam.Normalization
	}{
		{"no files", "", "", "give both", ""},
		{"missing file", "no/such.onnx", decoder, "no/such.onnx", ""},
		{"text", onnxtest.File(t, []byte("hello, this is text")), decoder, "text or a web page", ""},
		{"swapped", decoder, encoder, "encoder: inputs are", ""},
		{"two encoders", encoder, encoder, "decoder: inputs are", ""},
		{"HQ decoder on a plain encoder", encoder, hqDecoder, "interm_embeddings", ""},
		{"unknown normalization", encoder, decoder, `normalization "both"`, "both"},
		{"one channel", change(func(g *onnxtest.Graph) {
			g.Inputs = [][]byte{onnxtest.Value("image", onnxtest.Float32, 1, 1, 1024, 1024)}
		}), decoder, "want [1, 3, side, side]", ""},
		{"half precision input", change(func(g *onnxtest.Graph) {
			g.Inputs = [][]byte{onnxtest.Value("image", onnxtest.Float16, 1, 3, 1024, 1024)}
		}), decoder, "float32", ""},
		{"another side", change(func(g *onnxtest.Graph) {
			g.Inputs = [][]byte{onnxtest.Value("image", onnxtest.Float32, 1, 3, 512, 512)}
		}), decoder, "not of one pair", ""},
		{"no embedding", change(func(g *onnxtest.Graph) {
			g.Outputs = [][]byte{onnxtest.Value("pooled", onnxtest.Float32, 1, 3)}
		}), decoder, "image_embeddings", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &sam.Model{EncoderFile: c.encoder, DecoderFile: c.decoder, Normalize: c.normalize}
			err := m.Initialize()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
