package main

import (
	"testing"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/streams/capture/synth"
)

// TestModelSegmentsTheRoad holds the rendered street to its purpose: the embedded model finds
// the cars and people in it, so that tests of what comes after mean something.
func TestModelSegmentsTheRoad(t *testing.T) {
	c := config.Default()
	m := newModelSet(c)
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	pix := make([]byte, 3*640*360)
	found, total := map[synth.Class]int{}, map[synth.Class]int{}
	for i := range 36 {
		r := synth.Renderer{Scene: synth.Road(uint64(1+i%3), 640, 360)}
		truth := r.Render(float64(i/3)*1.7, pix)
		f, err := pipeline.NewFrame("synth", 640, 360, pix)
		if err != nil {
			t.Fatal(err)
		}
		segs, err := m.Segmenter().Segment(t.Context(), []*pipeline.Frame{f})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range truth.Objects {
			if o.Class != synth.Car && o.Class != synth.Pedestrian || o.Visible < 1000 {
				continue
			}
			total[o.Class]++
			on := o.Mask.Resample(segs[0].Grid)
			best := 0.0
			for _, s := range segs[0].Segments {
				best = max(best, mask.IoU(on, s.Mask))
			}
			if best >= .5 {
				found[o.Class]++
			}
		}
		segs[0].Release()
	}
	t.Logf("found %v of %v", found, total)
	if total[synth.Car] < 30 || found[synth.Car]*10 < total[synth.Car]*6 {
		t.Errorf("cars: %d of %d found", found[synth.Car], total[synth.Car])
	}
}
