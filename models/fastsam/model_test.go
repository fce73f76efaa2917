package fastsam_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"outrider/models/fastsam"
	"outrider/models/ort"
	"outrider/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func needLibrary(t testing.TB) {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// A model that does not fit is refused by the name of the tensor, with what was expected and
// what was found.
func TestContract(t *testing.T) {
	needLibrary(t)
	for name, want := range map[string][]string{
		"undeclared": {`output "output0"`, "[1, 4+classes+32, 84] for a 64x64 input", "[1, 84, 37]"},
		"transposed": {`output "output0"`, "4+classes+32", "[1, 84, 37]"},
		"nms":        {`output "output0"`, "[1, 300, 38]", "without built-in NMS"},
		"few":        {`output "output0"`, "[1, 36, 84]"},
		"names":      {`output "output0"`, "[1, 39, 84]", "[1, 38, 84]"},
		"protos":     {`output "output1"`, "[1, 32, 16, 16]", "[1, 16, 16, 16]"},
		"stride":     {`output "output1"`, "[1, 32, 16, 16]", "[1, 32, 32, 32]"},
		"detector":   {`output "output1"`, "float32 [batch, 32, height/4, width/4]", "output0 float32 [1, 37, 84]"},
		"double":     {`output "output0"`, "float32", "float64"},
		"nhwc":       {`input "images"`, "float32 [batch, 3, height, width]", "[1, 64, 64, 3]"},
		"odd":        {`input "images"`, "multiples of 32", "[1, 3, 60, 60]"},
		"half":       {`input "images"`, "float32", "float16"},
		"inputs":     {"inputs", "one input", "2: images"},
	} {
		m := &fastsam.Model{Path: filepath.Join("testdata", name+".onnx")}
		err := m.Initialize()
		var contract *fastsam.ContractError
		if !errors.As(err, &contract) {
			t.Errorf("%s: got %v, want a contract error", name, err)
			continue
		}
		for _, w := range append(want, m.Path) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want %q in it", name, err, w)
			}
		}
		if err := m.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
	}
	for _, name := range []string{"good", "renamed", "classes", "batch"} {
		m := newModel(t, &fastsam.Model{Path: filepath.Join("testdata", name+".onnx")})
		if w, h := m.InputSize(1920, 1080); w != 64 || h != 64 {
			t.Errorf("%s: input %dx%d", name, w, h)
		}
		if name == "classes" {
			if c := m.Classes(); len(c) != 3 || c[1] != "cat's" {
				t.Errorf("classes %q", c)
			}
		}
		f, err := pipeline.NewFrame("", 40, 30, make([]byte, 3600))
		if err != nil {
			t.Fatal(err)
		}
		s := segmentOne(t, m, f)
		if len(s.Segments) != 0 {
			t.Errorf("%s: %d segments of nothing", name, len(s.Segments))
		}
		s.Release()
	}
}

func TestInitializeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		m    *fastsam.Model
		want string
	}{
		"confidence": {&fastsam.Model{Confidence: 1.5}, "confidence 1.5"},
		"IoU":        {&fastsam.Model{IoU: -1}, "IoU -1"},
		"mask IoU":   {&fastsam.Model{MaskIoU: 2}, "mask IoU 2"},
		"segments":   {&fastsam.Model{MaxSegments: 301}, "maximum of segments 301"},
		"batch":      {&fastsam.Model{Batch: -1}, "batch -1"},
		"input":      {&fastsam.Model{Input: 100}, "input size 100: want a multiple of 32"},
		"shape":      {&fastsam.Model{Shape: [2]int{640, 100}}, "shape 640x100: want multiples of 32"},
		"half shape": {&fastsam.Model{Shape: [2]int{640, 0}}, "shape 640x0"},
		"other":      {&fastsam.Model{Path: "testdata/good.onnx", Shape: [2]int{640, 384}}, "the model's is fixed to 64x64"},
		"fixed":      {&fastsam.Model{Path: "testdata/good.onnx", Input: 640}, "fixed to 64x64"},
		"no file":    {&fastsam.Model{Path: "testdata/none.onnx"}, "no such file"},
		"no model":   {&fastsam.Model{Bytes: []byte("hello")}, "this is text"},
		"empty":      {&fastsam.Model{Bytes: []byte{}}, "the file is empty"},
		"device":     {&fastsam.Model{Session: ort.Options{Device: "abacus"}}, `device "abacus"`},
	} {
		if err := c.m.Initialize(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
		if err := errors.Join(c.m.Close(), c.m.Close()); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
	}
}

// A fixed shape gives the segments that the same letterbox gives an open model.
func TestShape(t *testing.T) {
	needLibrary(t)
	m := newModel(t, &fastsam.Model{Shape: [2]int{128, 96}, Confidence: 0.05})
	if w, h := m.InputSize(1920, 1080); w != 128 || h != 96 {
		t.Errorf("input %dx%d", w, h)
	}
	open := newModel(t, &fastsam.Model{Input: 128, Confidence: 0.05})
	pix := make([]byte, 3*128*96)
	for i := range pix {
		pix[i] = byte(i * i >> 7)
	}
	f, err := pipeline.NewFrame("", 128, 96, pix)
	if err != nil {
		t.Fatal(err)
	}
	a, b := segmentOne(t, m, f), segmentOne(t, open, f)
	defer a.Release()
	defer b.Release()
	if len(a.Segments) != len(b.Segments) {
		t.Fatalf("%d segments fixed, %d open", len(a.Segments), len(b.Segments))
	}
	for i := range a.Segments {
		if x, y := a.Segments[i], b.Segments[i]; math.Abs(x.Score-y.Score) > 1e-4 || math.Abs(x.Box.X1-y.Box.X1) > 0.1 {
			t.Errorf("segment %d: %v %v, open %v %v", i, x.Score, x.Box, y.Score, y.Box)
		}
	}
}

func TestSegmentRefuses(t *testing.T) {
	m := echoModel(t, &fastsam.Model{})
	good := (&echoAnswer{}).frame(t)
	for name, f := range map[string]*pipeline.Frame{
		"none":    nil,
		"empty":   {},
		"short":   {Width: 10, Height: 10, Data: make([]byte, 299)},
		"huge":    {Width: 1 << 20, Height: 1, Data: make([]byte, 3<<20)},
		"minus":   {Width: -1, Height: -100, Data: make([]byte, 300)},
		"no data": {Width: 10, Height: 10},
	} {
		if out, err := m.Segment(t.Context(), []*pipeline.Frame{good, f}); err == nil {
			t.Errorf("%s: got %v", name, out)
		}
		if _, err := m.SegmentFull(t.Context(), f, fastsam.Strict); err == nil {
			t.Errorf("%s: a full segmentation was made", name)
		}
	}
	if n := m.Outstanding(); n != 0 {
		t.Errorf("%d segmentations outstanding", n)
	}
	if err := m.Warm(0, 5); err == nil {
		t.Error("warmed up for no pixels")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Segment(ctx, []*pipeline.Frame{good}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if out, err := m.Segment(t.Context(), nil); err != nil || len(out) != 0 {
		t.Errorf("no frames: got %v, %v", out, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Segment(t.Context(), []*pipeline.Frame{good}); !errors.Is(err, ort.ErrClosed) {
		t.Errorf("after close: got %v", err)
	}
}

// Frames of all sizes, also lines and dots, pass in one call, alone and in batches; the
// answers come in order.
func TestSegmentSizes(t *testing.T) {
	needLibrary(t)
	for _, batch := range []int{1, 3} {
		m := newModel(t, &fastsam.Model{Input: 96, Batch: batch, Confidence: 0.01})
		var frames []*pipeline.Frame
		for _, s := range [][2]int{{64, 48}, {64, 48}, {64, 48}, {64, 48}, {1, 1}, {300, 1}, {1, 300}, {97, 31}, {96, 96}, {64, 48}} {
			data := make([]byte, 3*s[0]*s[1])
			for i := range data {
				data[i] = byte(i * 7)
			}
			f, err := pipeline.NewFrame("", s[0], s[1], data)
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, f)
		}
		out, err := m.Segment(t.Context(), frames)
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != len(frames) {
			t.Fatalf("%d answers", len(out))
		}
		for i, s := range out {
			checkSegmentation(t, s, frames[i].Width, frames[i].Height, fastsam.DefaultMaxSegments)
			for j := range s.Segments {
				if i > 0 && i < 4 && (len(s.Segments) != len(out[0].Segments) || s.Segments[j].Box.IoU(out[0].Segments[j].Box) < 0.99) {
					t.Errorf("batch %d: frame %d differs from its equal", batch, i)
				}
			}
		}
		for _, s := range out {
			s.Release()
		}
		if n := m.Outstanding(); n != 0 {
			t.Errorf("%d segmentations outstanding", n)
		}
	}
}

// A model of fixed batch takes any number of frames.
func TestFixedBatch(t *testing.T) {
	needLibrary(t)
	m := newModel(t, &fastsam.Model{Path: "testdata/batch.onnx"})
	f := (&echoAnswer{}).frame(t)
	for n := 1; n <= 5; n++ {
		frames := make([]*pipeline.Frame, n)
		for i := range frames {
			frames[i] = f
		}
		out, err := m.Segment(t.Context(), frames)
		if err != nil || len(out) != n {
			t.Fatalf("%d frames: %d answers, %v", n, len(out), err)
		}
		for _, s := range out {
			s.Release()
		}
	}
}

func TestDrivable(t *testing.T) {
	a := &echoAnswer{}
	for y := range echoCells {
		for x := range echoCells {
			if y >= 8 {
				a[37*echoAnchors+32*echoCells*echoCells+y*echoCells+x] = 255
			}
		}
	}
	s := segmentOne(t, echoModel(t, &fastsam.Model{Drivable: true}), a.frame(t))
	if s.Drivable == nil || s.Drivable.Grid() != s.Grid || s.Drivable.Area() != 128 || s.Drivable.At(32, 31) || !s.Drivable.At(32, 33) {
		t.Errorf("drivable %v", s.Drivable)
	}
	s.Release()
	s = segmentOne(t, echoModel(t, &fastsam.Model{}), a.frame(t))
	if s.Drivable != nil {
		t.Error("a drivable mask nobody asked for")
	}
	s.Release()
}

// The letterbox's margins hold no segment and no road, whatever the network sees there.
func TestMarginsAreEmpty(t *testing.T) {
	a := &echoAnswer{}
	a.flat()
	a.set(0, 0, 0, 64, 64, 0.9, 1, 1)
	f := a.frame(t)
	// A frame twice as wide as high: the network's answer is what lies in the middle rows, so
	// only its margins matter here; the grey ones say logits below zero.
	wide, err := pipeline.NewFrame("", 64, 32, f.Data[:3*64*32])
	if err != nil {
		t.Fatal(err)
	}
	m := echoModel(t, &fastsam.Model{Drivable: true, Confidence: 0.01})
	s := segmentOne(t, m, wide)
	defer s.Release()
	checkSegmentation(t, s, 64, 32, 300)
	for i := range s.Segments {
		if _, y1, _, y2 := s.Segments[i].Mask.FrameBounds(); y1 < 0 || y2 > 32 {
			t.Errorf("segment %d reaches from %g to %g", i, y1, y2)
		}
	}
	if _, y1, _, y2 := s.Drivable.FrameBounds(); y1 < 0 || y2 > 32 {
		t.Errorf("the road reaches from %g to %g", y1, y2)
	}
}

func TestReleaseTwicePanics(t *testing.T) {
	s := segmentOne(t, echoModel(t, &fastsam.Model{}), (&echoAnswer{}).frame(t))
	s.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s.Release()
}

// A steady stream allocates the slice that Segment returns and what OpenCV's binding needs.
func TestAllocations(t *testing.T) {
	a := &echoAnswer{}
	a.flat()
	for i := range 40 {
		x, y := float64(i%8)*8, float64(i/8)*8
		a.set(i, x, y, x+8, y+8, 0.5+float64(i)/100, 1)
	}
	small := a.frame(t)
	big, err := pipeline.NewFrame("", 100, 80, make([]byte, 24000))
	if err != nil {
		t.Fatal(err)
	}
	m := echoModel(t, &fastsam.Model{})
	for name, f := range map[string]*pipeline.Frame{"as it is": small, "resized": big} {
		frames := []*pipeline.Frame{f}
		n := testing.AllocsPerRun(50, func() {
			out, err := m.Segment(t.Context(), frames)
			if err != nil {
				t.Fatal(err)
			}
			out[0].Release()
		})
		if n > 2 {
			t.Errorf("%s: %g allocations a frame", name, n)
		}
	}
}
