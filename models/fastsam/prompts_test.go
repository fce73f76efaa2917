package fastsam_test

import (
	"errors"
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"outrider/models/fastsam"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// scene is a frame of 100x80: everything (0), a person (1) with a head (2) and a bag (3), a
// car (4) with a wheel (5), and a dog (6) that overlaps person and car.
func scene() *pipeline.Segmentation {
	g := mask.FrameGrid(100, 80)
	s := &pipeline.Segmentation{Grid: g}
	for i, r := range []image.Rectangle{
		image.Rect(0, 0, 100, 80), image.Rect(10, 10, 30, 70), image.Rect(14, 10, 26, 22), image.Rect(12, 40, 20, 50),
		image.Rect(50, 30, 90, 60), image.Rect(54, 50, 62, 58), image.Rect(24, 50, 56, 66),
	} {
		m := mask.New(g, r)
		m.Fill(r)
		s.Segments = append(s.Segments, pipeline.Segment{
			Box:  pipeline.Box{X1: float64(r.Min.X), Y1: float64(r.Min.Y), X2: float64(r.Max.X), Y2: float64(r.Max.Y)},
			Mask: m, Score: 0.9 - 0.1*float64(i), Parent: -1,
		})
	}
	return s
}

func TestPoints(t *testing.T) {
	s := scene()
	for name, c := range map[string]struct {
		at      []pipeline.Point
		labels  []int
		level   int
		want    []int
		others  int // alternatives
		explain string
	}{
		"smallest":                 {[]pipeline.Point{{X: 20, Y: 15}}, nil, 0, []int{2}, 2, "smallest segment that holds the point, of 3 levels"},
		"a level up":               {[]pipeline.Point{{X: 20, Y: 15}}, nil, 1, []int{1}, 2, "level 1"},
		"the whole":                {[]pipeline.Point{{X: 20, Y: 15}}, nil, 2, []int{0}, 2, "level 2"},
		"above the whole":          {[]pipeline.Point{{X: 20, Y: 15}}, nil, 5, []int{0}, 2, "there is no level 5"},
		"two on one":               {[]pipeline.Point{{X: 20, Y: 15}, {X: 15, Y: 45}}, []int{1, 1}, 0, []int{1}, 1, "all 2 points"},
		"not the head":             {[]pipeline.Point{{X: 22, Y: 30}, {X: 20, Y: 15}}, []int{1, 0}, 0, []int{1}, 0, "1 cut out"},
		"origin is a point":        {[]pipeline.Point{{X: 0, Y: 0}}, nil, 0, []int{0}, 0, "smallest"},
		"a close negative":         {[]pipeline.Point{{X: 15, Y: 45}, {X: 28, Y: 45}}, []int{1, 0}, 0, []int{3}, 0, "none of the points off"},
		"negative on nothing else": {[]pipeline.Point{{X: 58, Y: 54}, {X: 99, Y: 79}}, []int{1, 0}, 0, []int{5}, 1, "none of the points off"},
		"last pixel":               {[]pipeline.Point{{X: 99.9, Y: 79.9}}, nil, 0, []int{0}, 0, "smallest"},
	} {
		a, err := fastsam.Points(s, c.at, c.labels, c.level, 100, 80)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !a.Found() || !slices.Equal(a.Segments, c.want) || len(a.Alternatives) != c.others || !strings.Contains(a.Why, c.explain) {
			t.Errorf("%s: got %v, %d alternatives, %q; want %v, %d, %q", name, a.Segments, len(a.Alternatives), a.Why, c.want, c.others, c.explain)
		}
		for i, p := range c.at {
			on := len(c.labels) == 0 || c.labels[i] == 1
			if a.Found() && a.Mask.At(p.X, p.Y) != on {
				t.Errorf("%s: the answer and point %d disagree", name, i)
			}
		}
	}
}

// Where no segment fits, segments are joined and cut; the original is not touched.
func TestPointsCompose(t *testing.T) {
	s := scene()
	s.Segments = s.Segments[1:] // without the whole
	a, err := fastsam.Points(s, []pipeline.Point{{X: 28, Y: 30}, {X: 80, Y: 40}, {X: 28, Y: 60}}, []int{1, 1, 0}, 0, 100, 80)
	if err != nil {
		t.Fatal(err)
	}
	want := 20*60 + 40*30 - 6*16 - 6*10
	if !slices.Equal(a.Segments, []int{0, 3}) || a.Mask.Area() != want || a.Why != "no single segment fits: 2 segments joined, 1 cut out" {
		t.Errorf("got %v of %d pixels (want %d), %q", a.Segments, a.Mask.Area(), want, a.Why)
	}
	if s.Segments[0].Mask.Area() != 20*60 || a.Box != (pipeline.Box{X1: 10, Y1: 10, X2: 90, Y2: 70}) || a.Score != s.Segments[3].Score {
		t.Errorf("box %v, score %g, area of the first segment %d", a.Box, a.Score, s.Segments[0].Mask.Area())
	}
}

func TestPointsFindNothing(t *testing.T) {
	s := scene()
	s.Segments = s.Segments[1:]
	for name, c := range map[string]struct {
		s      *pipeline.Segmentation
		at     []pipeline.Point
		labels []int
		why    string
	}{
		"no segments": {&pipeline.Segmentation{Grid: s.Grid}, []pipeline.Point{{X: 5, Y: 5}}, nil, "no segment holds the point (5, 5)"},
		"beside":      {s, []pipeline.Point{{X: 1, Y: 1}}, nil, "no segment holds the point (1, 1)"},
		"one beside":  {s, []pipeline.Point{{X: 15, Y: 45}, {X: 1, Y: 1}}, nil, "no segment holds the point (1, 1)"},
		"one segment": {s, []pipeline.Point{{X: 80, Y: 40}, {X: 85, Y: 40}}, []int{1, 0}, "no segment parts the point (85, 40)"},
	} {
		a, err := fastsam.Points(c.s, c.at, c.labels, 0, 100, 80)
		if err != nil || a.Found() || len(a.Segments) != 0 || !strings.Contains(a.Why, c.why) {
			t.Errorf("%s: got %+v, %v; want %q", name, a, err, c.why)
		}
	}
}

// One answer a box, in the order given, none for a box that fits nothing.
func TestBoxes(t *testing.T) {
	s := scene()
	boxes := []pipeline.Box{{X1: 52, Y1: 28, X2: 88, Y2: 62}, {X1: 92, Y1: 2, X2: 98, Y2: 8}, {X1: 11, Y1: 11, X2: 29, Y2: 69}, {X1: -50, Y1: -50, X2: 500, Y2: 500}, {X1: 52, Y1: 28, X2: 88, Y2: 62}}
	before := slices.Clone(boxes)
	got, err := fastsam.Boxes(s, boxes, 100, 80)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(boxes, before) {
		t.Error("the caller's boxes were changed")
	}
	for i, want := range [][]int{{4}, nil, {1}, {0}, {4}} {
		if !slices.Equal(got[i].Segments, want) || got[i].Found() != (want != nil) {
			t.Errorf("box %d: got %v (%s), want %v", i, got[i].Segments, got[i].Why, want)
		}
	}
	if math.Abs(got[2].Score-18.0*58/(20*60)) > 1e-9 || got[1].Score >= fastsam.MinPromptIoU || len(got[1].Alternatives) == 0 {
		t.Errorf("scores %g and %g", got[2].Score, got[1].Score)
	}
	none, err := fastsam.Boxes(&pipeline.Segmentation{Grid: s.Grid}, boxes[:1], 100, 80)
	if err != nil || none[0].Found() {
		t.Errorf("no segments: got %+v, %v", none, err)
	}
}

func TestMaskPrompt(t *testing.T) {
	s := scene()
	want := mask.New(mask.FrameGrid(100, 80), image.Rect(50, 30, 90, 62))
	want.Fill(want.Window())
	rle := want.RLE(100, 80)
	a, err := fastsam.Prompt(s, &pipeline.Prompt{Mask: &rle}, 100, 80)
	if err != nil || !slices.Equal(a.Segments, []int{4}) || math.Abs(a.Score-30.0/32) > 1e-9 {
		t.Errorf("got %+v, %v", a, err)
	}
}

// What no picture could answer is an error that names the member.
func TestPromptRefuses(t *testing.T) {
	empty := mask.RLE{Size: [2]int{80, 100}, Counts: ""}
	nothing := mask.New(mask.FrameGrid(100, 80), image.Rect(0, 0, 1, 1)).RLE(100, 80)
	small := mask.New(mask.FrameGrid(10, 8), image.Rect(0, 0, 1, 1)).RLE(10, 8)
	for name, c := range map[string]struct {
		p    pipeline.Prompt
		want string
	}{
		"outside":       {pipeline.Prompt{Points: []pipeline.Point{{X: 100, Y: 5}}}, "points"},
		"negative":      {pipeline.Prompt{Points: []pipeline.Point{{X: -1, Y: 5}}}, "points"},
		"not a number":  {pipeline.Prompt{Points: []pipeline.Point{{X: math.NaN(), Y: 5}}}, "points"},
		"label":         {pipeline.Prompt{Points: []pipeline.Point{{X: 1, Y: 5}}, Labels: []int{2}}, "labels"},
		"only negative": {pipeline.Prompt{Points: []pipeline.Point{{X: 1, Y: 5}}, Labels: []int{0}}, "labels"},
		"empty box":     {pipeline.Prompt{Box: &pipeline.Box{X1: 5, Y1: 5, X2: 5, Y2: 9}}, "box"},
		"box outside":   {pipeline.Prompt{Box: &pipeline.Box{X1: 200, Y1: 5, X2: 300, Y2: 9}}, "box"},
		"infinite box":  {pipeline.Prompt{Box: &pipeline.Box{X1: 5, Y1: 5, X2: math.Inf(1), Y2: 9}}, "box"},
		"broken mask":   {pipeline.Prompt{Mask: &empty}, "mask"},
		"empty mask":    {pipeline.Prompt{Mask: &nothing}, "mask"},
		"other size":    {pipeline.Prompt{Mask: &small}, "mask"},
		"text":          {pipeline.Prompt{Text: []string{"car"}}, "text"},
		"nothing":       {pipeline.Prompt{}, "points"},
	} {
		c.p.ID = "p1"
		_, err := fastsam.Prompt(scene(), &c.p, 100, 80)
		var pe *pipeline.PromptError
		if !errors.As(err, &pe) || pe.Field != c.want || pe.ID != "p1" {
			t.Errorf("%s: got %v, want an error of %s", name, err, c.want)
		}
	}
	_, err := fastsam.Boxes(scene(), []pipeline.Box{{X2: 5, Y2: 5}, {}}, 100, 80)
	if err == nil || !strings.HasPrefix(err.Error(), "box 1: ") {
		t.Errorf("got %v, want an error of box 1", err)
	}
}

// The reference programs' faults, each beside the strict answer.
func TestCompatFaults(t *testing.T) {
	s := scene()
	boxes := []pipeline.Box{{X1: 50, Y1: 30, X2: 90, Y2: 60}, {X1: 10, Y1: 10, X2: 30, Y2: 70}, {X1: 50, Y1: 30, X2: 90, Y2: 60}}

	// Order and number of the boxes are lost.
	if got := fastsam.UltralyticsBoxes(s, boxes); !slices.Equal(got, []int{1, 4}) {
		t.Errorf("ultralytics boxes %v", got)
	}
	if got := fastsam.CASIABoxes(s, boxes); !slices.Equal(got, []int{1, 4}) {
		t.Errorf("casia boxes %v", got)
	}
	// A box far from everything gets an answer all the same.
	far := []pipeline.Box{{X1: 98, Y1: 0, X2: 100, Y2: 1}}
	if got := fastsam.CASIABoxes(s, far); len(got) != 1 {
		t.Errorf("casia: %v for a box on nothing", got)
	}
	if got, err := fastsam.Boxes(s, far, 100, 80); err != nil || got[0].Found() {
		t.Errorf("strict: %+v for a box on nothing, %v", got, err)
	}
	// Without segments the answer is empty, not a failure.
	none := &pipeline.Segmentation{Grid: s.Grid}
	if a, b := fastsam.CASIABoxes(none, boxes), fastsam.UltralyticsBoxes(none, boxes); len(a)+len(b) != 0 {
		t.Errorf("boxes on no segments: %v %v", a, b)
	}
	// One point gets every segment under it.
	if got := fastsam.UltralyticsPoints(s, []image.Point{{20, 15}}, []int{1}); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("ultralytics points %v", got)
	}
	// Only negative points: all that hold none.
	if got := fastsam.UltralyticsPoints(s, []image.Point{{20, 15}}, []int{0}); !slices.Equal(got, []int{3, 4, 5, 6}) {
		t.Errorf("ultralytics negative points %v", got)
	}
	// A negative point wipes all segments that hold it, in order of their size, so a positive
	// one on the small segment beside it is lost with the large one or kept by luck.
	got := fastsam.CASIAPoints(s, []image.Point{{20, 15}, {22, 30}}, []int{1, 0})
	if !got.Has(20, 15) || got.Has(22, 30) || got.Area() != 12*12 {
		t.Errorf("casia points: %d pixels", got.Area())
	}
	// A negative point outside every painted segment changes nothing.
	if a, b := fastsam.CASIAPoints(s, []image.Point{{20, 15}}, []int{1}), fastsam.CASIAPoints(s, []image.Point{{20, 15}, {20, 15}}, []int{1, 0}); a.Area() != 8000 || b.Area() != 0 {
		t.Errorf("casia points: %d and %d pixels", a.Area(), b.Area())
	}
}
