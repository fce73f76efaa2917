package fastsam_test

import (
	"math"
	"testing"

	"outrider/models/fastsam"
	"outrider/pipeline"
)

func TestLetterbox(t *testing.T) {
	type size struct{ w, h int }
	for _, c := range []struct {
		frame, input, resized size
		left, top             int
		got                   fastsam.Letterbox
	}{
		{size{1920, 1080}, size{1024, 576}, size{1024, 576}, 0, 0, fastsam.FitRect(1920, 1080, 1024)},
		{size{1920, 1080}, size{640, 384}, size{640, 360}, 0, 12, fastsam.FitRect(1920, 1080, 640)},
		{size{768, 576}, size{640, 480}, size{640, 480}, 0, 0, fastsam.FitRect(768, 576, 640)},
		{size{1080, 1920}, size{384, 640}, size{360, 640}, 12, 0, fastsam.FitRect(1080, 1920, 640)},
		{size{32, 32}, size{640, 640}, size{640, 640}, 0, 0, fastsam.FitRect(32, 32, 640)},
		{size{1, 1000}, size{32, 640}, size{1, 640}, 15, 0, fastsam.FitRect(1, 1000, 640)},
		{size{1920, 1080}, size{1024, 1024}, size{1024, 576}, 0, 224, fastsam.FitInto(1920, 1080, 1024, 1024)},
		{size{810, 1080}, size{640, 640}, size{480, 640}, 80, 0, fastsam.FitInto(810, 1080, 640, 640)},
		{size{640, 425}, size{640, 640}, size{640, 425}, 0, 107, fastsam.FitInto(640, 425, 640, 640)},
		// 121 / 2 rounds to the even neighbour.
		{size{1280, 121}, size{640, 640}, size{640, 60}, 0, 290, fastsam.FitInto(1280, 121, 640, 640)},
		{size{41, 31}, size{640, 640}, size{640, 484}, 0, 78, fastsam.FitInto(41, 31, 640, 640)},
	} {
		g := c.got
		if (size{g.W, g.H}) != c.input || (size{g.NewW, g.NewH}) != c.resized || g.Left != c.left || g.Top != c.top {
			t.Errorf("%v: got %+v, want input %v, resized %v, left %d, top %d", c.frame, g, c.input, c.resized, c.left, c.top)
		}
	}
}

// A mask's grid and a box mapped back agree on where the picture is, and both on its corners.
func TestLetterboxGeometry(t *testing.T) {
	for w := 1; w < 400; w += 37 {
		for h := 1; h < 400; h += 41 {
			for _, l := range []fastsam.Letterbox{fastsam.FitRect(w, h, 160), fastsam.FitInto(w, h, 128, 96)} {
				if l.W%32 != 0 || l.H%32 != 0 || l.Left < 0 || l.Top < 0 || l.Left+l.NewW > l.W || l.Top+l.NewH > l.H {
					t.Fatalf("%dx%d: the picture leaves the input: %+v", w, h, l)
				}
				g := l.Grid(l.W/4, l.H/4)
				x1, y1 := g.ToFrame(float64(l.Left)/4, float64(l.Top)/4)
				x2, y2 := g.ToFrame(float64(l.Left+l.NewW)/4, float64(l.Top+l.NewH)/4)
				whole := l.ToFrame(pipeline.Box{X2: float64(l.W), Y2: float64(l.H)})
				for i, d := range []float64{x1, y1, x2 - float64(w), y2 - float64(h), whole.X1, whole.Y1, whole.X2 - float64(w), whole.Y2 - float64(h)} {
					if math.Abs(d) > 1e-9*float64(w+h) {
						t.Fatalf("%dx%d: corner %d is off by %g: %+v", w, h, i, d, l)
					}
				}
			}
		}
	}
}
