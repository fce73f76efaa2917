package sam_test

import (
	"context"
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"outrider/models/levels"
	"outrider/models/sam"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

func noise(w, h int) *pipeline.Frame {
	rng := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	data := make([]byte, 3*w*h)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	f, err := pipeline.NewFrame("test", w, h, data)
	if err != nil {
		panic(err)
	}
	return f
}

func point(x, y float64) sam.Prompt { return sam.Prompt{Points: []pipeline.Point{{X: x, Y: y}}} }

// predict answers one prompt.
func predict(t testing.TB, m *sam.Model, f *pipeline.Frame, p sam.Prompt) sam.Answer {
	t.Helper()
	a, err := m.Predict(t.Context(), f, p)
	if err != nil {
		t.Fatal(err)
	}
	return a[0]
}

// A decoder exported to give one mask chooses among the four by segment-anything's rule: the
// first for more than one point, else the best of the others.
func TestSingleMaskDecoder(t *testing.T) {
	multi := open(t, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	single := open(t, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-single.onnx")
	if multi.Outputs() != 4 || single.Outputs() != 1 || multi.Side() != 1024 {
		t.Fatalf("outputs %d and %d, side %d", multi.Outputs(), single.Outputs(), multi.Side())
	}
	f := noise(320, 200)
	for _, c := range []struct {
		name string
		p    sam.Prompt
	}{
		{"one point", point(100, 50)},
		{"three points", sam.Prompt{Points: []pipeline.Point{{X: 1, Y: 1}, {X: 30, Y: 100}, {X: 300, Y: 5}}, Labels: []int{1, 0, 1}}},
		{"box and point", sam.Prompt{Points: []pipeline.Point{{X: 20, Y: 20}}, Box: &pipeline.Box{X1: 10, Y1: 10, X2: 200, Y2: 150}}},
	} {
		got := predict(t, single, f, c.p)
		want := predict(t, multi, f, c.p)
		if c.name == "one point" {
			c.p.Multimask = true
			all := predict(t, multi, f, c.p)
			b := all.Best()
			want = sam.Answer{Masks: all.Masks[b : b+1], IoU: all.IoU[b : b+1]}
		}
		if len(got.Masks) != 1 || math.Abs(got.IoU[0]-want.IoU[0]) > 1e-4 || mask.IoU(got.Masks[0], want.Masks[0]) < 0.999 {
			t.Errorf("%s: IoU %g, want %g", c.name, got.IoU[0], want.IoU[0])
		}
	}
}

// Masks on the decoder's raster are the same masks, coarser.
func TestLowResolution(t *testing.T) {
	full := open(t, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	low := open(t, &sam.Model{LowResolution: true}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	f := noise(333, 517)
	p := sam.Prompt{Points: []pipeline.Point{{X: 100, Y: 50}}, Multimask: true}
	a, b := predict(t, full, f, p), predict(t, low, f, p)
	if len(a.Masks) != 3 || len(b.Masks) != 3 {
		t.Fatalf("%d and %d masks, want 3", len(a.Masks), len(b.Masks))
	}
	g := b.Masks[0].Grid()
	if g.H != 256 || math.Abs(float64(g.W)*g.SX-333) > g.SX || g == a.Masks[0].Grid() {
		t.Errorf("grid %+v for a 333x517 frame", g)
	}
	for k := range a.Masks {
		// The contract weights are random: masks of noise are jagged, and agree only by and large.
		if iou := mask.IoU(a.Masks[k], b.Masks[k].Resample(a.Masks[k].Grid())); iou < 0.6 {
			t.Errorf("mask %d: IoU of the two resolutions is %g", k, iou)
		}
		for y := range g.H {
			for x := range g.W {
				if b.Masks[k].Has(x, y) != (b.LowRes[k][y*256+x] > 0) {
					t.Fatalf("mask %d: cell (%d, %d) is not what its logit says", k, x, y)
				}
			}
		}
		if !slices.Equal(a.LowRes[k], b.LowRes[k]) {
			t.Errorf("mask %d: logits differ", k)
		}
	}
}

// A frame's prompts share one embedding, known by the picture and not by where it lies.
func TestFrameIsEncodedOnce(t *testing.T) {
	m := open(t, &sam.Model{CacheFrames: 2, LowResolution: true}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	a, b, c := noise(64, 48), noise(48, 64), noise(50, 50)
	same, err := pipeline.NewFrame("other", 64, 48, slices.Clone(a.Data))
	if err != nil {
		t.Fatal(err)
	}
	first := predict(t, m, a, point(5, 5))
	for i, f := range []*pipeline.Frame{a, same, b, c, a, b} {
		p := point(5, 5)
		got := predict(t, m, f, p)
		if f.Width == 64 && !slices.Equal(got.LowRes[0], first.LowRes[0]) {
			t.Errorf("frame %d: other logits for the same picture", i)
		}
		if want := []int{1, 1, 2, 2, 2, 2}[i]; m.CachedFrames() != want {
			t.Errorf("frame %d: %d embeddings are kept, want %d", i, m.CachedFrames(), want)
		}
	}
	// The same memory with another picture is another frame.
	for i := range a.Data {
		a.Data[i] = 255 - a.Data[i]
	}
	if got := predict(t, m, a, point(5, 5)); slices.Equal(got.LowRes[0], first.LowRes[0]) {
		t.Error("a changed picture has the old answer")
	}
}

func TestMaskPrompt(t *testing.T) {
	m := open(t, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	f := noise(400, 300)
	p := point(200, 150)
	plain := predict(t, m, f, p)
	disc := mask.New(mask.FrameGrid(400, 300), image.Rect(0, 0, 400, 300))
	disc.Fill(image.Rect(100, 60, 300, 240))
	p.Mask = m.MaskLogits(400, 300, disc)
	if n := len(p.Mask); n != 256*256 || p.Mask[0] > 0 || p.Mask[96*256+128] < 0 { // the middle of the used part
		t.Fatalf("%d logits, corner %g, middle %g", n, p.Mask[0], p.Mask[96*256+128])
	}
	with := predict(t, m, f, p)
	if slices.Equal(plain.LowRes[0], with.LowRes[0]) {
		t.Error("the mask changes nothing")
	}
	p.Mask = nil
	if again := predict(t, m, f, p); !slices.Equal(plain.LowRes[0], again.LowRes[0]) {
		t.Error("the mask of one prompt is left in the next")
	}
}

// Three masks of one click make a chain of levels.
func TestMultimaskMakesLevels(t *testing.T) {
	m := open(t, &sam.Model{LowResolution: true}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	p := point(30, 30)
	p.Multimask = true
	a := predict(t, m, noise(100, 100), p)
	segs := a.Segments()
	if len(segs) == 0 {
		t.Fatal("no segment")
	}
	all := make([]int, len(segs))
	for i, s := range segs {
		all[i] = i
		if s.Score < 0 || s.Score > 1 || s.Box.Area() <= 0 || s.Parent != -1 {
			t.Errorf("segment %d: %+v", i, s)
		}
	}
	if chain := levels.Nest(segs, all); len(chain) < 1 || len(chain) > 3 {
		t.Errorf("chain %v of three masks", chain)
	}
}

func TestRefusedPrompts(t *testing.T) {
	m := open(t, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	f := noise(100, 80)
	nan := math.NaN()
	box := func(x1, y1, x2, y2 float64) sam.Prompt {
		return sam.Prompt{Box: &pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}}
	}
	for _, c := range []struct {
		name, field string
		p           sam.Prompt
	}{
		{"nothing", "points", sam.Prompt{}},
		{"only a mask", "points", sam.Prompt{Mask: make([]float32, 256*256)}},
		{"outside", "points", point(100, 5)},
		{"negative", "points", point(-1, 5)},
		{"NaN", "points", point(nan, 5)},
		{"too many", "points", sam.Prompt{Points: make([]pipeline.Point, 1001)}},
		{"labels missing", "labels", sam.Prompt{Points: make([]pipeline.Point, 2), Labels: []int{1}}},
		{"label 2", "labels", sam.Prompt{Points: make([]pipeline.Point, 1), Labels: []int{2}}},
		{"all negative", "labels", sam.Prompt{Points: make([]pipeline.Point, 1), Labels: []int{0}}},
		{"empty box", "box", box(5, 5, 5, 9)},
		{"inverted box", "box", box(9, 9, 5, 5)},
		{"box outside", "box", box(200, 5, 300, 9)},
		{"box of NaN", "box", box(nan, 5, 300, 9)},
		{"immense box", "box", box(-1e9, 5, 1e9, 9)},
		{"short mask", "mask", sam.Prompt{Points: make([]pipeline.Point, 1), Mask: make([]float32, 9)}},
		{"mask of NaN", "mask", sam.Prompt{Points: make([]pipeline.Point, 1), Mask: slices.Repeat([]float32{float32(nan)}, 256*256)}},
	} {
		_, err := m.Predict(t.Context(), f, point(1, 1), c.p)
		var bad *pipeline.PromptError
		if !errors.As(err, &bad) || bad.Field != c.field || !strings.Contains(err.Error(), "2 of 2") {
			t.Errorf("%s: %v, want a PromptError on %s of the second prompt", c.name, err, c.field)
		}
	}
	if a, err := m.Predict(t.Context(), f); err != nil || len(a) != 0 {
		t.Errorf("no prompts: %v, %v", a, err)
	}
	if _, err := m.Predict(t.Context(), &pipeline.Frame{Width: 9, Height: 9}, point(1, 1)); err == nil {
		t.Error("a frame without pixels: no error")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Predict(ended, f, point(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}

func TestClosed(t *testing.T) {
	f := noise(10, 10)
	fresh := &sam.Model{}
	if _, err := fresh.Predict(t.Context(), f, point(1, 1)); !errors.Is(err, sam.ErrClosed) {
		t.Errorf("not initialized: %v", err)
	}
	m := open(t, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				_, err := m.Predict(context.Background(), f, point(1, 1), point(2, 2))
				if err != nil {
					if !errors.Is(err, sam.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	predict(t, m, f, point(3, 3))
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := m.Segment(t.Context(), []*pipeline.Frame{f}); !errors.Is(err, sam.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
