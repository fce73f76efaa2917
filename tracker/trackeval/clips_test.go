package trackeval_test

import (
	"encoding/json"
	"image"
	"os"
	"path/filepath"
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

// TestDAVISFiguresOnVideos scores the truth of the frame before on real videos and holds J and F,
// their recall and decay, to what TrackEval says.
func TestDAVISFiguresOnVideos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	b, err := os.ReadFile("testdata/davis.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]float64
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	clips, err := trackeval.ReadClips(filepath.Join(filepath.Dir(sharedData(t)), "vos"))
	if err != nil {
		t.Skip("the videos are not here: ", err)
	}
	for _, c := range clips {
		var contour trackeval.Contour
		var js, fs []float64
		var before *mask.Mask
		for i, p := range c.Masks {
			masks, w, h, err := trackeval.ReadMasks(p)
			if err != nil || len(masks) != 1 {
				t.Fatal(p, len(masks), err)
			}
			if i > 0 && i < len(c.Masks)-1 {
				js = append(js, trackeval.Region(before, masks[1]))
				fs = append(fs, contour.F(before, masks[1], w, h))
			}
			before = masks[1]
		}
		j, f := trackeval.Summarize(js), trackeval.Summarize(fs)
		got := map[string]float64{
			"J-Mean": j.Mean, "J-Recall": j.Recall, "J-Decay": j.Decay, "F-Mean": f.Mean, "F-Recall": f.Recall, "F-Decay": f.Decay, "J&F": (j.Mean + f.Mean) / 2,
		}
		if len(want[c.Name]) != len(got) {
			t.Fatalf("%s: %d golden figures", c.Name, len(want[c.Name]))
		}
		compare(t, got, want[c.Name])
	}
}
