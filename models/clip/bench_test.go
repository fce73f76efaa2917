package clip_test

import (
	"fmt"
	"image"
	"testing"

	"outrider/models/clip"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// regions of the sizes that a 640x480 stream's segments have.
var benchRegions = []struct{ w, h int }{{40, 60}, {120, 200}, {400, 300}}

func benchRegion(w, h int) pipeline.Region {
	m := mask.New(mask.Grid{W: 160, H: 120, SX: 4, SY: 4}, image.Rect(0, 0, 160, 120))
	m.Fill(image.Rect(5, 5, 5+w/4, 5+h/4))
	return pipeline.Region{Box: pipeline.Box{X1: 20, Y1: 20, X2: float64(20 + w), Y2: float64(20 + h)}, Mask: m}
}

func BenchmarkPreprocess(b *testing.B) {
	f := noiseFrame(640, 480, 1)
	dst := make([]float32, 3*224*224)
	for _, s := range benchRegions {
		b.Run(fmt.Sprintf("%dx%d", s.w, s.h), func(b *testing.B) {
			p := &clip.Preprocessor{Size: 224}
			r := benchRegion(s.w, s.h)
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Fill(dst, f, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTokenizer(b *testing.B) {
	tok := tokenizer(b)
	dst := make([]int64, clip.ContextLength)
	for b.Loop() {
		tok.Tokenize(dst, "a photo of a red car on the road")
	}
}

// One region is one op, so the batch sizes compare.
func BenchmarkEncodeRegions(b *testing.B) {
	m := open(b, &clip.Model{})
	f := noiseFrame(640, 480, 1)
	for _, n := range []int{1, 4, 8} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			regions := make([]pipeline.Region, n)
			for i := range regions {
				regions[i] = benchRegion(120, 200)
			}
			if _, err := m.EncodeRegions(ctx, f, regions); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.EncodeRegions(ctx, f, regions); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/region")
		})
	}
}

func BenchmarkEncodeText(b *testing.B) {
	for _, c := range []struct {
		name  string
		texts []string
	}{{"cached", []string{"car"}}, {"new", []string{"car", "person"}}} {
		b.Run(c.name, func(b *testing.B) {
			m := open(b, &clip.Model{CacheTexts: 1}) // two texts push each other out
			i := 0
			for b.Loop() {
				if _, err := m.EncodeTexts(ctx, c.texts[i%len(c.texts):][:1]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkSearch(b *testing.B) {
	bank := make([][]float32, 144)
	for i := range bank {
		bank[i] = make([]float32, 512)
	}
	sims := make([]float32, 0, len(bank))
	b.ReportAllocs()
	for b.Loop() {
		_, _, sims = clip.Search(bank[0], bank, sims)
	}
}
