package prompt_test

import (
	"context"
	"testing"

	"outrider/pipeline"
	"outrider/tracker"
	"outrider/tracker/prompt"
)

// BenchmarkProcess is tracker and prompts on one frame of 40 segments, with a point, a box
// and a text prompt whose encoder costs nothing.
func BenchmarkProcess(b *testing.B) {
	o := newOracle()
	tr := &tracker.Tracker{}
	set := &prompt.Set{Tracks: tr, Texts: o, Images: o, Distractors: []string{"car", "dog", "tree"}}
	var objects []object
	for i := range 40 {
		objects = append(objects, object{float64(i%8) * 40, float64(i/8) * 48, 30, 40})
	}
	for _, p := range []pipeline.Prompt{
		{ID: "point", Points: []pipeline.Point{{X: 15, Y: 20}}},
		{ID: "box", Box: &pipeline.Box{X1: 40, Y1: 0, X2: 70, Y2: 40}},
		{ID: "text", Text: []string{"person"}},
	} {
		if err := set.Restore(context.Background(), p); err != nil {
			b.Fatal(err)
		}
	}
	var pool pipeline.ResultPool
	var frames pipeline.FramePool
	seg := segmentation(objects)
	s := &stream{start: epochStart}
	step := func() {
		f := frames.Get(width, height)
		s.seq++
		f.Seq, f.Epoch, f.Captured = s.seq, 1, s.now()
		r := pool.Get(f)
		f.Release()
		r.SetSegmentation(seg)
		if err := tr.Process(context.Background(), r); err != nil {
			b.Fatal(err)
		}
		if err := set.Process(context.Background(), r); err != nil {
			b.Fatal(err)
		}
		r.Release()
	}
	for range 300 {
		step()
	}
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}
