package clip_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"outrider/models/clip"
	"outrider/models/onnxtest"
	"outrider/models/ort"
	"outrider/pipeline"
)

var ctx = context.Background()

func needRuntime(t testing.TB) {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip("needs ONNX Runtime: ", err)
	}
}

// open initializes m and closes it with the test; it skips without ONNX Runtime.
func open(t testing.TB, m *clip.Model) *clip.Model {
	t.Helper()
	needRuntime(t)
	m.Runtime.Device = ort.DeviceCPU
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error("second close: ", err)
		}
	})
	return m
}

func length(v []float32) float64 {
	s := 0.0
	for _, x := range v {
		s += float64(x) * float64(x)
	}
	return math.Sqrt(s)
}

func cosine(a, b []float32) float64 {
	_, _, s := clip.Search(a, [][]float32{b}, nil)
	return float64(s[0])
}

func TestEmbeddedPair(t *testing.T) {
	m := open(t, &clip.Model{})
	if m.Width() != 512 || m.Side() != 224 || m.Provider().Name != ort.DeviceCPU {
		t.Errorf("width %d side %d provider %v, want 512, 224, cpu", m.Width(), m.Side(), m.Provider())
	}
	words := clip.EmbeddedVocabulary().Words()
	texts, err := m.EncodeTexts(ctx, words)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range texts {
		if len(v) != 512 || math.Abs(length(v)-1) > 1e-4 {
			t.Errorf("%q: %d numbers of length %g", words[i], len(v), length(v))
		}
	}
	f := noiseFrame(200, 150, 5)
	regions := make([]pipeline.Region, 11)
	for i := range regions {
		regions[i].Box = pipeline.Box{X1: float64(10 * i), Y1: 5, X2: float64(10*i + 60), Y2: 100}
	}
	vecs, err := m.EncodeRegions(ctx, f, regions)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range regions { // a batch answers as one at a time does
		one, err := m.EncodeRegions(ctx, f, []pipeline.Region{r})
		if err != nil {
			t.Fatal(err)
		}
		if c := cosine(one[0], vecs[i]); c < 0.9999 || math.Abs(length(vecs[i])-1) > 1e-4 {
			t.Errorf("region %d: cosine of batched and single is %g, length %g", i, c, length(vecs[i]))
		}
	}
	none, err := m.EncodeRegions(ctx, f, nil)
	if err != nil || len(none) != 0 {
		t.Errorf("no regions: %v, %v", none, err)
	}
}

func TestClosedVocabulary(t *testing.T) {
	m := open(t, &clip.Model{})
	same := func(a, b string) {
		t.Helper()
		v, err := m.EncodeTexts(ctx, []string{a, b})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v[0], v[1]) {
			t.Errorf("%q and %q differ", a, b)
		}
	}
	same("a photo of two Cars.", "car")
	same("xylophone car", "car") // "phone" is a piece of it
	same("lamp post", "lamppost")
	for _, c := range []struct{ text, near string }{
		{"light", "traffic light"},
		{"bicicle", "bicycle"},
		{"xylophone", ""},
		{"   ", ""},
		{"", ""},
		{"日本", ""},
	} {
		_, err := m.EncodeTexts(ctx, []string{"car", c.text})
		var unknown *pipeline.UnknownTextError
		if !errors.As(err, &unknown) {
			t.Errorf("%q: error is %v, want an UnknownTextError", c.text, err)
			continue
		}
		if unknown.Text != c.text || c.near != "" && !slices.Contains(unknown.Near, c.near) || !strings.Contains(unknown.Hint, "models pull") {
			t.Errorf("%q: %+v, want %q among the near words and how to get more", c.text, unknown, c.near)
		}
	}
}

// Texts that name a region's class are nearer to each other than to other groups' words.
func TestWordsOfAGroupAreNear(t *testing.T) {
	m := open(t, &clip.Model{})
	v, err := m.EncodeTexts(ctx, []string{"car", "automobile", "tree"})
	if err != nil {
		t.Fatal(err)
	}
	if near, far := cosine(v[0], v[1]), cosine(v[0], v[2]); near < far+0.2 {
		t.Errorf("cosine of car and automobile is %g, of car and tree %g", near, far)
	}
}

func TestConcurrentUse(t *testing.T) {
	m := open(t, &clip.Model{})
	f := noiseFrame(64, 64, 1)
	want, err := m.EncodeRegions(ctx, f, []pipeline.Region{whole(f)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := m.EncodeRegions(ctx, f, []pipeline.Region{whole(f), whole(f)})
			if err != nil || cosine(got[0], want[0]) < 0.9999 || cosine(got[1], want[0]) < 0.9999 {
				t.Errorf("regions: %v", err)
			}
			if _, err := m.EncodeTexts(ctx, []string{"dog", "cat"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Sizes come from the model: 768 wide, side 256, SigLIP's normalisation, fixed batches, int32
// tokens, an attention mask, several outputs.
func TestOtherShapes(t *testing.T) {
	needRuntime(t)
	for _, c := range []struct {
		name        string
		image, text onnxtest.Graph
		model       clip.Model
		side, width int
	}{
		{"SigLIP's size", meanColour(-1, 256, 768), tokenSums(-1, 77, 768, onnxtest.Int64, false), clip.Model{Mean: clip.SigLIPMean, Std: clip.SigLIPStd}, 256, 768},
		{"fixed batch of one", meanColour(1, 64, 512), tokenSums(1, 77, 512, onnxtest.Int32, false), clip.Model{}, 64, 512},
		{"fixed batch of three, attention mask", meanColour(3, 64, 512), tokenSums(3, 77, 512, onnxtest.Int64, true), clip.Model{}, 64, 512},
		{"open side", meanColour(-1, -1, 640), tokenSums(-1, 77, 640, onnxtest.Int32, true), clip.Model{Size: 96, CenterCrop: true}, 96, 640},
		{"open side by default", meanColour(-1, -1, 16), tokenSums(-1, 77, 16, onnxtest.Int64, false), clip.Model{Batch: 2}, 224, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &c.model
			m.ImageFile, m.TextFile = onnxtest.File(t, c.image.Bytes()), onnxtest.File(t, c.text.Bytes())
			open(t, m)
			if m.Side() != c.side || m.Width() != c.width {
				t.Fatalf("side %d, width %d, want %d, %d", m.Side(), m.Width(), c.side, c.width)
			}
			// One colour a region: the embedding is the normalised colour's direction.
			data := make([]byte, 3*100*40)
			for i := range 100 * 40 {
				x := i % 100 / 20
				data[3*i], data[3*i+1], data[3*i+2] = byte(10+40*x), 200, byte(250-30*x)
			}
			f, err := pipeline.NewFrame("t", 100, 40, data)
			if err != nil {
				t.Fatal(err)
			}
			regions := make([]pipeline.Region, 5)
			for i := range regions {
				regions[i].Box = pipeline.Box{X1: float64(20 * i), Y1: 0, X2: float64(20*i + 20), Y2: 20}
			}
			vecs, err := m.EncodeRegions(ctx, f, regions)
			if err != nil {
				t.Fatal(err)
			}
			mean, std := m.Mean, m.Std
			if std == [3]float32{} {
				mean, std = clip.CLIPMean, clip.CLIPStd
			}
			for i, v := range vecs {
				want := make([]float32, c.width)
				for ch, p := range []float32{float32(250 - 30*i), 200, float32(10 + 40*i)} {
					want[ch] = (p/255 - mean[ch]) / std[ch]
				}
				if got := cosine(v, want) / length(want); got < 0.9999 {
					t.Errorf("region %d: cosine to the colour is %g", i, got)
				}
			}
			a, err := m.EncodeTexts(ctx, []string{"any word at all", "xylophone"})
			if err != nil {
				t.Fatal(err)
			}
			if len(a[0]) != c.width || math.Abs(length(a[0])-1) > 1e-4 || slices.Equal(a[0], a[1]) {
				t.Errorf("texts: width %d, length %g", len(a[0]), length(a[0]))
			}
		})
	}
}

// A text's embedding is the mean direction of its templates'.
func TestTemplatesAreAveraged(t *testing.T) {
	needRuntime(t)
	text := onnxtest.File(t, tokenSums(-1, 77, 512, onnxtest.Int64, false).Bytes())
	encode := func(templates []string, s string) []float32 {
		m := open(t, &clip.Model{TextFile: text, Templates: templates})
		v, err := m.EncodeTexts(ctx, []string{s})
		if err != nil {
			t.Fatal(err)
		}
		return v[0]
	}
	a, b := encode([]string{"{}"}, "a red car"), encode([]string{"{}"}, "the car, a car")
	both := encode([]string{"a red {}", "the {}, a {}"}, "car")
	mean := make([]float32, len(a))
	for i := range mean {
		mean[i] = a[i] + b[i]
	}
	if c := cosine(mean, both) / length(mean); c < 0.9999 {
		t.Errorf("cosine to the mean of the two is %g", c)
	}
}

func TestTextCacheForgetsTheOldest(t *testing.T) {
	m := open(t, &clip.Model{CacheTexts: 2})
	first, err := m.EncodeTexts(ctx, []string{"car"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.EncodeTexts(ctx, []string{"cars"})
	if err != nil {
		t.Fatal(err)
	}
	if &first[0][0] != &again[0][0] {
		t.Error("the same word was encoded twice")
	}
	if _, err := m.EncodeTexts(ctx, []string{"dog", "cat"}); err != nil {
		t.Fatal(err)
	}
	after, err := m.EncodeTexts(ctx, []string{"car"})
	if err != nil {
		t.Fatal(err)
	}
	if &first[0][0] == &after[0][0] || !slices.Equal(first[0], after[0]) {
		t.Error("want the word encoded anew, and the same")
	}
}

func TestRefusedModels(t *testing.T) {
	needRuntime(t)
	image := onnxtest.File(t, meanColour(-1, 64, 512).Bytes())
	text := onnxtest.File(t, tokenSums(-1, 77, 512, onnxtest.Int64, false).Bytes())
	three := tokenSums(-1, 77, 512, onnxtest.Int64, true)
	three.Inputs = append(three.Inputs, onnxtest.Value("pixel_values", onnxtest.Float32, -1, 3, 64, 64))
	oblong := meanColour(-1, 64, 512)
	oblong.Inputs = [][]byte{onnxtest.Value("pixels", onnxtest.Float32, -1, 3, 64, 32)}
	half := meanColour(-1, 64, 512)
	half.Inputs = [][]byte{onnxtest.Value("pixels", onnxtest.Float16, -1, 3, 64, 64)}
	for _, c := range []struct {
		name  string
		model clip.Model
		want  string
	}{
		{"missing file", clip.Model{ImageFile: "no/such.onnx"}, "no/such.onnx"},
		{"text as a model", clip.Model{ImageFile: onnxtest.File(t, []byte("hello, this is text"))}, "text or a web page"},
		{"empty file", clip.Model{TextFile: onnxtest.File(t, nil)}, "empty"},
		{"swapped", clip.Model{ImageFile: text, TextFile: image}, "image encoder: input is input_ids int64"},
		{"text encoder of pictures", clip.Model{TextFile: image}, "text encoder: input is pixels"},
		{"not of one pair", clip.Model{ImageFile: onnxtest.File(t, meanColour(-1, 64, 768).Bytes()), TextFile: text}, "not of one pair"},
		{"both in one file", clip.Model{TextFile: onnxtest.File(t, three.Bytes())}, "two files"},
		{"SentencePiece", clip.Model{TextFile: onnxtest.File(t, tokenSums(-1, 64, 512, onnxtest.Int64, false).Bytes())}, "SentencePiece"},
		{"no square", clip.Model{ImageFile: onnxtest.File(t, oblong.Bytes())}, "want a square"},
		{"half precision input", clip.Model{ImageFile: onnxtest.File(t, half.Bytes())}, "float32"},
		{"which output", clip.Model{ImageFile: onnxtest.File(t, func() []byte {
			g := meanColour(-1, 64, 512)
			g.Nodes = append(g.Nodes, onnxtest.Node("Identity", []string{"mean"}, []string{"a"}))
			g.Outputs = [][]byte{onnxtest.Value("mean", onnxtest.Float32, -1, 3), onnxtest.Value("a", onnxtest.Float32, -1, 3)}
			return g.Bytes()
		}())}, "outputs are mean"},
		{"another side", clip.Model{ImageFile: image, Size: 224}, "side 64, asked for 224"},
		{"template without place", clip.Model{Templates: []string{"a photo"}}, "{}"},
		{"negative batch", clip.Model{Batch: -1}, "negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.model.Initialize()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
			if err := c.model.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	f := noiseFrame(32, 32, 1)
	regions := []pipeline.Region{whole(f), {Box: pipeline.Box{X1: 90, Y1: 90, X2: 95, Y2: 95}}}
	fresh := &clip.Model{}
	if _, err := fresh.EncodeRegions(ctx, f, regions); !errors.Is(err, clip.ErrClosed) {
		t.Errorf("not initialized: %v", err)
	}
	if _, err := fresh.EncodeTexts(ctx, []string{"car"}); !errors.Is(err, clip.ErrClosed) {
		t.Errorf("not initialized: %v", err)
	}
	needRuntime(t)
	m := open(t, &clip.Model{})
	if _, err := m.EncodeRegions(ctx, f, regions); err == nil || !strings.Contains(err.Error(), "region 1") {
		t.Errorf("region outside the frame: %v", err)
	}
	if _, err := m.EncodeTexts(ctx, []string{strings.Repeat("car ", 2000)}); err == nil {
		t.Error("a text of 8000 bytes is taken")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := m.EncodeRegions(ended, f, regions[:1]); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	if _, err := m.EncodeTexts(ended, []string{"car"}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	only := open(t, &clip.Model{TextFile: onnxtest.File(t, tokenSums(-1, 77, 8, onnxtest.Int64, false).Bytes())})
	if _, err := only.EncodeRegions(ctx, f, regions); !errors.Is(err, clip.ErrNoEncoder) {
		t.Errorf("no image encoder: %v", err)
	}
	if _, err := only.EncodeTexts(ctx, []string{" "}); err == nil {
		t.Error("an empty text is taken")
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.EncodeRegions(ctx, f, regions[:1]); !errors.Is(err, clip.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := m.EncodeTexts(ctx, []string{"car"}); !errors.Is(err, clip.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
