package sam_test

import (
	"context"
	"errors"
	"image"
	"strings"
	"testing"

	"outrider/models/onnxtest"
	"outrider/models/sam"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// scene is a grey 320 x 240 picture with a red square in a pink one in a green one, and the
// squares: a pair that cuts by colour sees three levels in the red one.
func scene(t testing.TB) *pipeline.Frame {
	t.Helper()
	const w, h = 320, 240
	data := make([]byte, 3*w*h)
	for y := range h {
		for x := range w {
			c := [3]byte{90, 90, 90} // BGR
			switch at := image.Pt(x, y); {
			case at.In(part):
				c = [3]byte{40, 40, 220}
			case at.In(whole):
				c = [3]byte{44, 44, 210}
			case at.In(group):
				c = [3]byte{50, 70, 190}
			}
			copy(data[3*(y*w+x):], c[:])
		}
	}
	f, err := pipeline.NewFrame("scene", w, h, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Multiples of five pixels, the cells of the pair's masks on this picture.
var (
	part  = image.Rect(140, 100, 160, 120)
	whole = image.Rect(120, 80, 180, 140)
	group = image.Rect(100, 60, 200, 200)
)

func byColour(t testing.TB, m *sam.Model) *sam.Model {
	t.Helper()
	_, m.EncoderFile, m.DecoderFile = onnxtest.ColourPair(t)
	return initialized(t, m)
}

// covers is the IoU of a mask and a rectangle of the scene.
func covers(m *mask.Mask, r image.Rectangle) float64 {
	want := mask.New(mask.FrameGrid(320, 240), r)
	want.Fill(r)
	return mask.IoU(m.Resample(want.Grid()), want)
}

func answer(t *testing.T, m *sam.Model, f *pipeline.Frame, s *pipeline.Segmentation, p pipeline.Prompt) pipeline.Answer {
	t.Helper()
	p.ID = "gate"
	a, err := m.Answer(t.Context(), f, s, &p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnswerClick(t *testing.T) {
	m, f := byColour(t, &sam.Model{}), scene(t)
	click := []pipeline.Point{{X: 151, Y: 111}}
	for level, want := range []image.Rectangle{part, whole, group} {
		a := answer(t, m, f, nil, pipeline.Prompt{Points: click, Level: level})
		if !a.Found() || covers(a.Mask, want) < 0.8 || a.Level != level || len(a.Levels) != 3 || len(a.Alternatives) != 2 {
			t.Fatalf("level %d: box %v, level %d of %d: %s", level, a.Box, a.Level, len(a.Levels), a.Why)
		}
		if a.Mask.Grid() != mask.FrameGrid(320, 240) || a.Score != a.Levels[level].Score || a.Why == "" {
			t.Errorf("level %d: %+v", level, a)
		}
	}
	if a := answer(t, m, f, nil, pipeline.Prompt{Points: click, Level: 5}); covers(a.Mask, group) < 0.8 || !strings.Contains(a.Why, "there is no level 5") {
		t.Errorf("level 5: box %v: %s", a.Box, a.Why)
	}
	// A point off the object parts the levels, and two points on it are in one.
	off := pipeline.Prompt{Points: append(click, pipeline.Point{X: 110, Y: 190}), Labels: []int{1, 0}}
	if a := answer(t, m, f, nil, off); !a.Found() || a.Mask.At(110, 190) || !a.Mask.At(151, 111) {
		t.Errorf("with a point off the object: box %v: %s", a.Box, a.Why)
	}
	apart := pipeline.Prompt{Points: []pipeline.Point{{X: 151, Y: 111}, {X: 5, Y: 5}}}
	if a := answer(t, m, f, nil, apart); a.Found() || !strings.Contains(a.Why, "nothing there") {
		t.Errorf("points on two things: box %v: %s", a.Box, a.Why)
	}
}

// The segments of a fast model join the chain.
func TestAnswerMergesLevels(t *testing.T) {
	m, f := byColour(t, &sam.Model{}), scene(t)
	grid := mask.Grid{W: 80, H: 60, SX: 4, SY: 4}
	square := func(r image.Rectangle) pipeline.Segment {
		g := mask.New(grid, image.Rect(r.Min.X/4, r.Min.Y/4, r.Max.X/4, r.Max.Y/4))
		g.Fill(g.Window())
		return pipeline.Segment{Mask: g, Score: .5, Parent: -1, Box: pipeline.Box{X1: float64(r.Min.X), Y1: float64(r.Min.Y), X2: float64(r.Max.X), Y2: float64(r.Max.Y)}}
	}
	s := &pipeline.Segmentation{Grid: grid, Segments: []pipeline.Segment{square(image.Rect(40, 20, 280, 220)), square(image.Rect(0, 0, 40, 40))}}
	a := answer(t, m, f, s, pipeline.Prompt{Points: []pipeline.Point{{X: 151, Y: 111}}, Level: 3})
	if len(a.Levels) != 4 || a.Level != 3 || a.Box != s.Segments[0].Box || !strings.Contains(a.Why, "3 of the model's masks and 1 segments fit") {
		t.Fatalf("level %d of %d, box %v: %s", a.Level, len(a.Levels), a.Box, a.Why)
	}
	for _, l := range a.Levels {
		if l.Mask.Grid() != mask.FrameGrid(320, 240) || !l.Mask.At(151, 111) {
			t.Errorf("level of score %g lies on %+v", l.Score, l.Mask.Grid())
		}
	}
}

func TestAnswerBoxAndMask(t *testing.T) {
	m, f := byColour(t, &sam.Model{}), scene(t)
	box := func(r image.Rectangle) *pipeline.Box {
		return &pipeline.Box{X1: float64(r.Min.X), Y1: float64(r.Min.Y), X2: float64(r.Max.X), Y2: float64(r.Max.Y)}
	}
	a := answer(t, m, f, nil, pipeline.Prompt{Box: box(whole)})
	if !a.Found() || covers(a.Mask, whole) < 0.8 || a.Score < 0.8 || a.Score != a.Box.IoU(*box(whole)) {
		t.Errorf("box: score %g, box %v: %s", a.Score, a.Box, a.Why)
	}
	// A large box around a small thing is answered by nothing, and says what there is.
	a = answer(t, m, f, nil, pipeline.Prompt{Box: box(image.Rect(0, 0, 300, 219))})
	if a.Found() || a.Score >= 0.3 || len(a.Alternatives) != 1 || !strings.Contains(a.Why, "at least 0.30") {
		t.Errorf("loose box: score %g, %d alternatives: %s", a.Score, len(a.Alternatives), a.Why)
	}
	drawn := mask.New(mask.FrameGrid(320, 240), image.Rect(122, 84, 178, 138))
	drawn.Fill(drawn.Window())
	rle := drawn.RLE(320, 240)
	a = answer(t, m, f, nil, pipeline.Prompt{Mask: &rle})
	if !a.Found() || covers(a.Mask, whole) < 0.75 || a.Score < 0.7 || a.Score > 0.99 {
		t.Errorf("mask: score %g, box %v: %s", a.Score, a.Box, a.Why)
	}
}

// What no picture could answer is an error that names the prompt.
func TestAnswerRefuses(t *testing.T) {
	m, f := byColour(t, &sam.Model{}), scene(t)
	for _, p := range []pipeline.Prompt{
		{}, {Points: []pipeline.Point{{X: 400, Y: 1}}}, {Box: &pipeline.Box{X1: 5, Y1: 5, X2: 5, Y2: 9}},
		{Points: []pipeline.Point{{X: 4, Y: 1}}, Labels: []int{2}}, {Text: []string{"person"}},
	} {
		p.ID = "gate"
		var bad *pipeline.PromptError
		if _, err := m.Answer(t.Context(), f, nil, &p); !errors.As(err, &bad) || bad.ID != "gate" {
			t.Errorf("%+v: got %v", p, err)
		}
	}
}

// One encoding serves all prompts and refinements of a frame.
func TestAnswersShareAnEncoding(t *testing.T) {
	m, f := byColour(t, &sam.Model{CacheFrames: 4}), scene(t)
	for i := range 5 {
		answer(t, m, f, nil, pipeline.Prompt{Points: []pipeline.Point{{X: float64(20 * i), Y: 111}}})
	}
	if _, err := m.Refine(t.Context(), f, []pipeline.Region{{Box: pipeline.Box{X2: 50, Y2: 50}}}); err != nil {
		t.Fatal(err)
	}
	if n := m.CachedFrames(); n != 1 {
		t.Errorf("%d encodings of one frame", n)
	}
}

func TestRefine(t *testing.T) {
	m, f := byColour(t, &sam.Model{}), scene(t)
	rough := func(r image.Rectangle) pipeline.Region { // on the coarse raster of a fast model, and shifted
		g := mask.New(mask.Grid{W: 40, H: 30, SX: 8, SY: 8}, image.Rect(r.Min.X/8, r.Min.Y/8, r.Max.X/8, r.Max.Y/8))
		g.Fill(g.Window())
		b := pipeline.Box{X1: float64(r.Min.X) - 3, Y1: float64(r.Min.Y) - 3, X2: float64(r.Max.X) + 3, Y2: float64(r.Max.Y) + 3}
		return pipeline.Region{Box: b, Mask: g}
	}
	out, err := m.Refine(t.Context(), f, []pipeline.Region{rough(whole), rough(part), {Box: pipeline.Box{X1: 900, Y1: 0, X2: 950, Y2: 9}}})
	if err != nil || len(out) != 3 {
		t.Fatalf("%d answers: %v", len(out), err)
	}
	for i, want := range []image.Rectangle{whole, part} {
		if out[i].Mask == nil || covers(out[i].Mask, want) < 0.6 || out[i].Score <= 0 || out[i].Score > 1 || out[i].Mask.Grid() != mask.FrameGrid(320, 240) {
			t.Errorf("object %d: %+v", i, out[i])
		}
	}
	if out[2].Mask != nil {
		t.Error("a mask outside the frame")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Refine(ctx, f, []pipeline.Region{rough(whole)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if out, err := m.Refine(t.Context(), f, nil); err != nil || len(out) != 0 {
		t.Errorf("nothing to refine: %v, %v", out, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Refine(t.Context(), f, []pipeline.Region{rough(whole)}); !errors.Is(err, sam.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
