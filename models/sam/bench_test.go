package sam_test

import (
	"testing"

	"outrider/models/sam"
	"outrider/pipeline"
)

// The contract models are small: the times of the networks say nothing of real ones, those of
// what is around them do.

// BenchmarkPredict answers one point on a picture that is encoded already.
func BenchmarkPredict(b *testing.B) {
	for _, c := range []struct {
		name string
		m    *sam.Model
	}{{"full", &sam.Model{}}, {"low", &sam.Model{LowResolution: true}}} {
		b.Run(c.name, func(b *testing.B) {
			m := open(b, c.m, "sam-encoder.onnx", "sam-decoder-multi.onnx")
			f := noise(1280, 720)
			p := point(300, 300)
			predict(b, m, f, p)
			b.ReportAllocs()
			for b.Loop() {
				predict(b, m, f, p)
			}
		})
	}
}

// BenchmarkLogits is the resize of one mask to 1280 x 720.
func BenchmarkLogits(b *testing.B) {
	m := open(b, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	low := predict(b, m, noise(1280, 720), point(9, 9)).LowRes[0]
	for b.Loop() {
		m.Logits(1280, 720, low)
	}
}

// BenchmarkEncode is a new picture of 1280 x 720: resize, normalise, the small encoder.
func BenchmarkEncode(b *testing.B) {
	m := open(b, &sam.Model{CacheFrames: 1, LowResolution: true}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	frames := []*pipeline.Frame{noise(1280, 720), noise(1280, 718)}
	i := 0
	for b.Loop() {
		predict(b, m, frames[i%2], point(9, 9))
		i++
	}
}
