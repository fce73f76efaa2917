package pipetest_test

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/pipetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frames runs s and returns copies of what it emits.
func frames(t *testing.T, s *pipetest.Squares) []*pipeline.Frame {
	t.Helper()
	var out []*pipeline.Frame
	err := s.Run(context.Background(), func(f *pipeline.Frame) {
		c, err := pipeline.NewFrame("", f.Width, f.Height, slices.Clone(f.Data))
		if err != nil {
			t.Fatal(err)
		}
		c.Captured, c.MediaTime, c.Epoch = f.Captured, f.MediaTime, f.Epoch
		out = append(out, c)
		f.Release()
	})
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if n := s.Pool.Outstanding(); n != 0 {
		t.Fatalf("%d frames are still out", n)
	}
	return out
}

// TestSegmenterFindsTheTruth runs source and segmenter against each other, also with squares that
// cover one another, bounce, appear and vanish.
func TestSegmenterFindsTheTruth(t *testing.T) {
	for name, s := range map[string]*pipetest.Squares{
		"default": {Frames: 60},
		"busy": {Frames: 60, Width: 333, Height: 97, Rate: 10, Objects: []pipetest.Square{
			{Color: 0, Size: 30, X: 50, Y: 50, VX: 70, VY: 33},
			{Color: 1, Size: 20, X: 200, Y: 20, VX: -90, VY: 15},
			{Color: 3, Size: 14, X: 100, Y: 60, VX: 10, Appear: time.Second, Vanish: 3 * time.Second},
			{Color: 4, Size: 200, X: 10, Y: 10}, // larger than the frame is high
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var seg pipetest.ThresholdSegmenter
			for i, f := range frames(t, s) {
				if f.MediaTime != s.MediaTime(i) {
					t.Fatalf("frame %d has media time %v, want %v", i, f.MediaTime, s.MediaTime(i))
				}
				out, err := seg.Segment(t.Context(), []*pipeline.Frame{f})
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range s.Truth(f.MediaTime) {
					union := mask.New(want.Mask.Grid(), want.Mask.Grid().Bounds())
					for _, g := range out[0].Segments {
						if g.Label == want.Color.Name {
							union.Or(g.Mask)
						}
					}
					// The segmenter may leave out slivers of fewer than MinArea pixels.
					if d := want.Mask.Area() - union.Area(); d < 0 || d > 6 || mask.Intersection(union, want.Mask) != union.Area() {
						t.Fatalf("frame %d: %s covers %d pixels, truth %d", i, want.Color.Name, union.Area(), want.Mask.Area())
					}
				}
				out[0].Release()
			}
			if n := seg.Outstanding(); n != 0 {
				t.Errorf("%d answers are still out", n)
			}
		})
	}
}

func TestThresholdSegmenterOnCells(t *testing.T) {
	s := &pipetest.Squares{Frames: 1, Width: 161, Height: 119}
	f := frames(t, s)[0]
	seg := pipetest.ThresholdSegmenter{Cell: 4}
	out, err := seg.Segment(t.Context(), []*pipeline.Frame{f})
	if err != nil {
		t.Fatal(err)
	}
	defer out[0].Release()
	truth := s.Truth(0)
	if len(out[0].Segments) != len(truth) {
		t.Fatalf("%d segments, want %d", len(out[0].Segments), len(truth))
	}
	for _, g := range out[0].Segments {
		i := slices.IndexFunc(truth, func(x pipetest.Truth) bool { return x.Color.Name == g.Label })
		if iou := g.Box.IoU(truth[i].Box); iou < .6 {
			t.Errorf("%s: box %v, truth %v: IoU %.2f", g.Label, g.Box, truth[i].Box, iou)
		}
	}
}

func TestSquaresBounceWithinTheFrame(t *testing.T) {
	s := &pipetest.Squares{Objects: []pipetest.Square{{Size: 20, X: 80, Y: 60, VX: 173, VY: -91}}}
	var last pipeline.Point
	for i := range 1000 {
		truth := s.Truth(s.MediaTime(i))
		if len(truth) != 1 || truth[0].Box.Area() != 400 || truth[0].Box.X1 < 0 || truth[0].Box.Y2 > 120 {
			t.Fatalf("frame %d: %v", i, truth)
		}
		c := truth[0].Box.Center()
		if i > 0 && (math.Abs(c.X-last.X) > 173./25+1 || math.Abs(c.Y-last.Y) > 91./25+1) {
			t.Fatalf("frame %d: jumped from %v to %v", i, last, c)
		}
		last = c
	}
}

func TestSquaresRefuseNegativeSizes(t *testing.T) {
	for _, s := range []*pipetest.Squares{{Width: -1}, {Height: -1}, {Rate: -1}} {
		if err := s.Run(t.Context(), func(*pipeline.Frame) {}); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%dx%d at %g: %v", s.Width, s.Height, s.Rate, err)
		}
	}
}

func TestSquaresKeepTheClock(t *testing.T) {
	s := &pipetest.Squares{Frames: 6, Rate: 50, Realtime: true}
	start := time.Now()
	fs := frames(t, s)
	if d := time.Since(start); d < 100*time.Millisecond {
		t.Errorf("six frames at 50 frames/s took %v", d)
	}
	if d := fs[5].Captured.Sub(fs[0].Captured); d != 100*time.Millisecond {
		t.Errorf("captured over %v, want 100ms", d)
	}
}

func TestStamp(t *testing.T) {
	s := &pipetest.Squares{Frames: 300, Width: 100, Stamp: true}
	for i, f := range frames(t, s) {
		if n, ok := pipetest.ReadStamp(f.Data, f.Width, f.Height); !ok || n != uint32(i+1) {
			t.Fatalf("frame %d: read %d %v", i+1, n, ok)
		}
	}
	plain := frames(t, &pipetest.Squares{Frames: 1, Width: 100})[0]
	if n, ok := pipetest.ReadStamp(plain.Data, plain.Width, plain.Height); ok {
		t.Errorf("read %d where no stamp is", n)
	}
	clear(plain.Data)
	if n, ok := pipetest.ReadStamp(plain.Data, plain.Width, plain.Height); ok {
		t.Errorf("read %d from a black picture", n)
	}
	for _, w := range []int{0, 10, 74} {
		if _, ok := pipetest.ReadStamp(plain.Data, w, 10); ok {
			t.Errorf("read a stamp of %d pixels", w)
		}
	}
}

func TestRecorder(t *testing.T) {
	var seg pipetest.ThresholdSegmenter
	var rec pipetest.Recorder
	f := frames(t, &pipetest.Squares{Frames: 1})[0]
	out, err := seg.Segment(t.Context(), []*pipeline.Frame{f})
	if err != nil {
		t.Fatal(err)
	}
	r := pipeline.NewResult(f)
	r.SetSegmentation(out[0])
	m := out[0].Segments[0].Mask
	r.Tracks = append(r.Tracks, pipeline.Track{ID: 7, Mask: m})
	rec.Publish(r)
	want := m.Area()
	r.Release()
	m.Reset(m.Grid(), m.Window(), nil)
	got := rec.Await(t, 1)[0]
	if got.Segments != 3 || got.Tracks[0].ID != 7 || got.Tracks[0].Mask.Area() != want {
		t.Errorf("recorded %+v", got)
	}
}
