package trackeval_test

import (
	"image"
	"testing"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/pipetest"
	"outrider/tracker/trackeval"
)

func TestInnermost(t *testing.T) {
	g := mask.FrameGrid(100, 80)
	m := mask.New(g, g.Bounds())
	m.Fill(image.Rect(10, 10, 20, 60)) // a thin bar and a block: the block's middle
	m.Fill(image.Rect(40, 20, 71, 51))
	if x, y, ok := trackeval.Innermost(m); !ok || x != 55 || y != 35 {
		t.Errorf("got %d, %d, %v, want 55, 35", x, y, ok)
	}
	if _, _, ok := trackeval.Innermost(mask.New(g, g.Bounds())); ok {
		t.Error("an empty mask has no inside")
	}
}

// TestPartsAreSegments holds what the perfect segmenter gives to the vocabulary's rules.
func TestPartsAreSegments(t *testing.T) {
	const w, h = 200, 120
	g := mask.FrameGrid(w, h)
	object := func(r image.Rectangle) *mask.Mask {
		m := mask.New(g, r)
		m.Fill(r)
		return m
	}
	f, err := pipeline.NewFrame("x", w, h, make([]byte, 3*w*h))
	if err != nil {
		t.Fatal(err)
	}
	p, q := &trackeval.Parts{Seed: 5}, &trackeval.Parts{Seed: 5}
	sum, wholes := 0, 0
	for i := range 200 {
		truth := []*mask.Mask{object(image.Rect(i, 10, i+60, 70)), object(image.Rect(150, 100, 151, 120)), object(image.Rectangle{})}
		s := p.Segment(w, h, truth)
		if err := pipetest.CheckSegmentation(f, s); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		sum += len(s.Segments)
		if again := q.Segment(w, h, truth); len(again.Segments) != len(s.Segments) {
			t.Fatal("one seed, two answers")
		}
		for k := range s.Segments {
			if s.Segments[k].Score >= 0.9 && mask.IoU(s.Segments[k].Mask, truth[0].Resample(s.Grid)) > 0.8 {
				wholes++
			}
		}
	}
	if mean := float64(sum) / 200; mean < 10 || mean > 20 {
		t.Errorf("%.1f segments a frame", mean)
	}
	if wholes < 150 || wholes > 195 {
		t.Errorf("the object was whole in %d of 200 frames, want nine of ten", wholes)
	}
}
