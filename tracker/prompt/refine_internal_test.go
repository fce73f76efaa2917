package prompt

import (
	"image"
	"testing"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// corrected is an object of a 640 x 480 frame as a fast model cuts it, five pixels off its key
// frame, and its correction.
func corrected(b testing.TB) (*Set, *refined, pipeline.Track, *pipeline.Frame) {
	b.Helper()
	f, err := pipeline.NewFrame("yard", 640, 480, make([]byte, 3*640*480))
	if err != nil {
		b.Fatal(err)
	}
	coarse := mask.New(mask.Grid{W: 160, H: 120, SX: 4, SY: 4}, image.Rect(50, 30, 75, 90))
	coarse.Fill(coarse.Window())
	s := &Set{}
	s.Refine.defaults()
	pixels := mask.FrameGrid(640, 480)
	o := &refined{on: true, centre: pipeline.Point{X: 245, Y: 240}, area: coarse.PixelArea(), report: &pipeline.Refinement{Applied: true}}
	o.add.Reset(pixels, image.Rect(196, 120, 200, 360), nil)
	o.add.Fill(o.add.Window())
	o.cut.Reset(pixels, image.Rect(296, 120, 300, 360), nil)
	o.cut.Fill(o.cut.Window())
	return s, o, pipeline.Track{ID: 1, Mask: coarse, Box: pipeline.Box{X1: 200, Y1: 120, X2: 300, Y2: 360}}, f
}

// Between key frames a correction costs no memory.
func TestCorrectionAllocatesNothing(t *testing.T) {
	s, o, track, f := corrected(t)
	var pool pipeline.ResultPool
	step := func() {
		r := pool.Get(f)
		tr := track
		s.correct(r, &tr, o)
		if tr.Mask == track.Mask {
			t.Fatal("not corrected")
		}
		r.Release()
	}
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("%g allocations a frame", n)
	}
}

// BenchmarkCorrection is one object of 100 x 240 pixels.
func BenchmarkCorrection(b *testing.B) {
	s, o, track, f := corrected(b)
	var pool pipeline.ResultPool
	b.ReportAllocs()
	for b.Loop() {
		r := pool.Get(f)
		tr := track
		s.correct(r, &tr, o)
		r.Release()
	}
}
