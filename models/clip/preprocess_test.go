package clip_test

import (
	"encoding/json"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"outrider/models/clip"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// readFrame decodes a PNG or JPEG file into a frame.
func readFrame(t testing.TB, path string) *pipeline.Frame {
	t.Helper()
	img := readImage(t, path)
	b := img.Bounds()
	data := make([]byte, 0, 3*b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			data = append(data, byte(bl>>8), byte(g>>8), byte(r>>8))
		}
	}
	f, err := pipeline.NewFrame("test", b.Dx(), b.Dy(), data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func readImage(t testing.TB, path string) image.Image {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	img, _, err := image.Decode(in)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return img
}

func noiseFrame(w, h int, seed uint64) *pipeline.Frame {
	rng := rand.New(rand.NewPCG(seed, 1))
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

func whole(f *pipeline.Frame) pipeline.Region {
	return pipeline.Region{Box: pipeline.Box{X2: float64(f.Width), Y2: float64(f.Height)}}
}

func TestPreprocessAgainstPIL(t *testing.T) {
	b, err := os.ReadFile(shared(t, "data", "clip", "preprocess.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Cases []string }
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	p := &clip.Preprocessor{Size: 224, CenterCrop: true}
	for _, name := range list.Cases {
		f := readFrame(t, shared(t, "data", "clip", name+".png"))
		want := readFrame(t, shared(t, "data", "clip", name+".224.png"))
		got, err := p.RGB(f, whole(f))
		if err != nil {
			t.Fatal(err)
		}
		worst, differ := 0, 0
		for i := range got {
			d := int(got[i]) - int(want.Data[i/3*3+2-i%3])
			if d < 0 {
				d = -d
			}
			if d > 0 {
				differ++
			}
			worst = max(worst, d)
		}
		if worst > 0 {
			t.Errorf("%s: %d values differ from PIL's, by up to %d", name, differ, worst)
		}
	}
}

// padded makes the masked, padded square by hand.
func padded(f *pipeline.Frame, x1, y1, w, h int, m pipeline.Masker) *pipeline.Frame {
	side := max(w, h)
	data := make([]byte, 3*side*side)
	left, top := (side-w)/2, (side-h)/2
	for y := range h {
		for x := range w {
			if m == nil || m.At(float64(x1+x)+.5, float64(y1+y)+.5) {
				copy(data[3*((y+top)*side+x+left):][:3], f.Data[3*((y1+y)*f.Width+x1+x):])
			}
		}
	}
	out, err := pipeline.NewFrame("test", side, side, data)
	if err != nil {
		panic(err)
	}
	return out
}

type ellipse struct{ x, y, rx, ry float64 }

func (e ellipse) At(x, y float64) bool {
	dx, dy := (x-e.x)/e.rx, (y-e.y)/e.ry
	return dx*dx+dy*dy < 1
}

// The region path must equal cutting, masking and padding first and resizing the result.
func TestRegionEqualsPaddedCrop(t *testing.T) {
	f := noiseFrame(320, 240, 7)
	oval := ellipse{100, 90, 40, 70}
	quarter := mask.New(mask.Grid{W: 80, H: 60, SX: 4, SY: 4}, image.Rect(10, 3, 48, 55))
	offset := mask.New(mask.Grid{W: 50, H: 40, X0: -3.5, Y0: -10, SX: 6.6, SY: 6.6}, image.Rect(0, 0, 50, 40))
	for _, m := range []*mask.Mask{quarter, offset} {
		for y := range 60 {
			for x := range 80 {
				if fx, fy := m.Grid().ToFrame(float64(x)+.5, float64(y)+.5); oval.At(fx, fy) {
					m.Set(x, y)
				}
			}
		}
	}
	for _, c := range []struct {
		name       string
		box        pipeline.Box
		x, y, w, h int
		mask       pipeline.Masker
	}{
		{"wide", pipeline.Box{X1: 10, Y1: 20, X2: 210, Y2: 60}, 10, 20, 200, 40, nil},
		{"tall, odd padding", pipeline.Box{X1: 5.5, Y1: 0, X2: 35.2, Y2: 240}, 5, 0, 31, 240, nil},
		{"small", pipeline.Box{X1: 100, Y1: 100, X2: 107, Y2: 103}, 100, 100, 7, 3, nil},
		{"one pixel", pipeline.Box{X1: 1.2, Y1: 1.2, X2: 1.8, Y2: 1.8}, 1, 1, 1, 1, nil},
		{"beyond the frame", pipeline.Box{X1: -50, Y1: 200, X2: 60, Y2: 999}, 0, 200, 60, 40, nil},
		{"any masker", pipeline.Box{X1: 60, Y1: 20, X2: 140, Y2: 160}, 60, 20, 80, 140, oval},
		{"bit mask", pipeline.Box{X1: 60, Y1: 20, X2: 140, Y2: 160}, 60, 20, 80, 140, quarter},
		{"bit mask, box beyond its window", pipeline.Box{X1: 0, Y1: 0, X2: 320, Y2: 240}, 0, 0, 320, 240, quarter},
		{"bit mask off the frame's raster", pipeline.Box{X1: 60, Y1: 20, X2: 140, Y2: 160}, 60, 20, 80, 140, offset},
		{"nil mask", pipeline.Box{X1: 60, Y1: 20, X2: 140, Y2: 160}, 60, 20, 80, 140, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &clip.Preprocessor{Size: 64}
			got, err := p.RGB(f, pipeline.Region{Box: c.box, Mask: c.mask})
			if err != nil {
				t.Fatal(err)
			}
			square := padded(f, c.x, c.y, c.w, c.h, c.mask)
			want, err := (&clip.Preprocessor{Size: 64}).RGB(square, whole(square))
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("value %d is %d, want %d", i, got[i], want[i])
				}
			}
		})
	}
}

func TestPreprocessNormalises(t *testing.T) {
	f := noiseFrame(9, 9, 3)
	for _, c := range []struct {
		name      string
		p         clip.Preprocessor
		mean, std [3]float32
	}{
		{"CLIP by default", clip.Preprocessor{Size: 9}, clip.CLIPMean, clip.CLIPStd},
		{"SigLIP", clip.Preprocessor{Size: 9, Mean: clip.SigLIPMean, Std: clip.SigLIPStd}, clip.SigLIPMean, clip.SigLIPStd},
	} {
		dst := make([]float32, 3*81)
		if err := c.p.Fill(dst, f, whole(f)); err != nil {
			t.Fatal(err)
		}
		for i := range 81 {
			for ch := range 3 { // RGB planes of BGR pixels
				want := (float64(f.Data[3*i+2-ch])/255 - float64(c.mean[ch])) / float64(c.std[ch])
				if got := float64(dst[ch*81+i]); math.Abs(got-want) > 1e-5 {
					t.Fatalf("%s: channel %d pixel %d is %g, want %g", c.name, ch, i, got, want)
				}
			}
		}
	}
}

func TestPreprocessRefuses(t *testing.T) {
	f := noiseFrame(20, 10, 1)
	nan := math.NaN()
	for _, c := range []struct {
		name string
		size int
		room int
		box  pipeline.Box
	}{
		{"outside", 8, 192, pipeline.Box{X1: 30, Y1: 0, X2: 40, Y2: 5}},
		{"empty", 8, 192, pipeline.Box{X1: 3, Y1: 3, X2: 3, Y2: 5}},
		{"inside out", 8, 192, pipeline.Box{X1: 9, Y1: 3, X2: 3, Y2: 5}},
		{"NaN", 8, 192, pipeline.Box{X1: nan, Y1: 0, X2: 4, Y2: 5}},
		{"infinite", 8, 192, pipeline.Box{X1: 0, Y1: 0, X2: math.Inf(1), Y2: 5}},
		{"no size", 0, 0, pipeline.Box{X2: 5, Y2: 5}},
		{"too little room", 8, 100, pipeline.Box{X2: 5, Y2: 5}},
	} {
		p := &clip.Preprocessor{Size: c.size}
		if err := p.Fill(make([]float32, c.room), f, pipeline.Region{Box: c.box}); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
	short := &pipeline.Frame{Width: 20, Height: 10, Data: make([]byte, 10)}
	if _, err := (&clip.Preprocessor{Size: 8}).RGB(short, whole(f)); err == nil {
		t.Error("a frame with too few bytes: no error")
	}
}

func TestPreprocessReusesBuffers(t *testing.T) {
	f := noiseFrame(320, 240, 2)
	m := mask.New(mask.FrameGrid(320, 240), image.Rect(0, 0, 320, 240))
	m.Fill(image.Rect(50, 50, 150, 150))
	p := &clip.Preprocessor{Size: 224}
	dst := make([]float32, 3*224*224)
	r := pipeline.Region{Box: pipeline.Box{X1: 40, Y1: 40, X2: 160, Y2: 160}, Mask: m}
	n := testing.AllocsPerRun(5, func() {
		if err := p.Fill(dst, f, r); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 { // the masker's closure
		t.Errorf("%v allocations a region, want at most 1", n)
	}
}
