package fastsam_test

import (
	"errors"
	"testing"

	"outrider/models/fastsam"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Full-resolution masks are those of Segment, only finer.
func TestSegmentFull(t *testing.T) {
	f := videoFrames(t, 1)[0]
	m := newModel(t, &fastsam.Model{Drivable: true})
	coarse := segmentOne(t, m, f)
	defer coarse.Release()
	full, err := m.SegmentFull(t.Context(), f, fastsam.Strict)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Release()
	checkSegmentation(t, full, f.Width, f.Height, fastsam.DefaultMaxSegments)
	if len(full.Segments) != len(coarse.Segments) || len(full.Segments) < 10 {
		t.Fatalf("%d full segments, %d coarse", len(full.Segments), len(coarse.Segments))
	}
	if full.Grid != mask.FrameGrid(f.Width, f.Height) || full.Drivable == nil {
		t.Errorf("grid %v, drivable %v", full.Grid, full.Drivable)
	}
	sum := 0.0
	for i := range full.Segments {
		a, b := &full.Segments[i], &coarse.Segments[i]
		if a.Box != b.Box || a.Score != b.Score {
			t.Errorf("segment %d: box %v score %g, want %v %g", i, a.Box, a.Score, b.Box, b.Score)
		}
		sum += mask.IoU(a.Mask, b.Mask.Resample(full.Grid))
	}
	if mean := sum / float64(len(full.Segments)); mean < 0.85 {
		t.Errorf("mean IoU with the coarse masks %.3f", mean)
	}
}

// The reference programs stretch boxes near the border; strict does not.
func TestBorderBoxes(t *testing.T) {
	a := &echoAnswer{}
	a.flat()
	a.set(0, 22, 22, 40, 42, 0.9, 1)
	a.set(1, 24, 2, 40, 40, 0.8, 1)
	m := echoModel(t, &fastsam.Model{})
	boxes := func(mode fastsam.Mode) []pipeline.Box {
		s, err := m.SegmentFull(t.Context(), a.frame(t), mode)
		if err != nil {
			t.Fatal(mode, err)
		}
		defer s.Release()
		var out []pipeline.Box
		for _, g := range s.Segments {
			out = append(out, g.Box)
		}
		return out
	}
	strict, casia, ultra := boxes(fastsam.Strict), boxes(fastsam.CASIA), boxes(fastsam.Ultralytics)
	if len(strict) != 2 || len(casia) != 2 || len(ultra) != 2 {
		t.Fatalf("%v, %v, %v", strict, casia, ultra)
	}
	if strict[1].Y1 == 0 || casia[1].Y1 != 0 || ultra[1].Y1 != 0 || casia[0].Y1 == 0 {
		t.Errorf("strict %v, casia %v, ultralytics %v", strict, casia, ultra)
	}
}

// Two boxes over nearly all of the picture end the original program; strict mode keeps both
// (they are no duplicates by their masks) and a full-frame box is not the first by force.
func TestSeveralFullBoxes(t *testing.T) {
	a := &echoAnswer{}
	for y := range echoCells {
		for x := range echoCells {
			if x < 8 {
				*a.proto(0, x, y) = 255
			} else {
				*a.proto(1, x, y) = 255
			}
		}
	}
	a.set(0, 8, 8, 24, 24, 0.95, 1)
	a.set(1, 0, 0, 64, 64, 0.9, 1, -1)
	a.set(2, 0, 0, 62, 62, 0.8, -1, 1)
	m := echoModel(t, &fastsam.Model{IoU: 1})
	if _, err := m.SegmentFull(t.Context(), a.frame(t), fastsam.CASIA); !errors.Is(err, fastsam.ErrSeveralFull) {
		t.Errorf("casia: got %v", err)
	}
	for _, mode := range []fastsam.Mode{fastsam.Strict, fastsam.Ultralytics} {
		s, err := m.SegmentFull(t.Context(), a.frame(t), mode)
		if err != nil {
			t.Fatal(mode, err)
		}
		if len(s.Segments) != 3 || s.Segments[0].Box.W() > 30 {
			t.Errorf("%v: %d segments, the first %v", mode, len(s.Segments), s.Segments[0].Box)
		}
		s.Release()
	}
}

func TestParseMode(t *testing.T) {
	for in, want := range map[string]fastsam.Mode{"": fastsam.Strict, "strict": fastsam.Strict, "CASIA": fastsam.CASIA, "ultralytics": fastsam.Ultralytics} {
		if got, err := fastsam.ParseMode(in); err != nil || got != want {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
	if m, err := fastsam.ParseMode("sam"); err == nil {
		t.Errorf("sam was taken as %v", m)
	}
	if got := fastsam.Mode(9).String(); got != "mode 9" {
		t.Error(got)
	}
}
