package tracker_test

import (
	"context"
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/pipetest"
	"outrider/tracker"
)

func TestParkedCarForHours(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 9))
	j := func() float64 { return rnd.NormFloat64() }
	c := tracker.Core{Params: tracker.Params{StationaryTTL: 10}}
	var id uint64
	for k := range 4 * 3600 {
		var d []tracker.Detection
		// Each five minutes a lorry stands before it for eight seconds.
		if k%300 >= 8 || k < 300 {
			d = append(d, tracker.Detection{Box: box(200+j(), 140+j(), 80+j(), 48+j()), Score: 0.75 + 0.05*j(), Parent: -1})
		}
		if !c.Step(float64(k), d, nil) {
			t.Fatalf("step %d refused", k)
		}
		for _, o := range c.Append(nil) {
			if id == 0 {
				id = o.ID
			}
			if o.ID != id {
				t.Fatalf("after %d s: track %d, want %d all the time", k, o.ID, id)
			}
		}
	}
	if o := c.Append(nil); len(o) != 1 || o[0].Hits < 12000 {
		t.Fatalf("after four hours: %+v", o)
	}
}

func TestTwoSegmentsOfOneThingAreOneTrack(t *testing.T) {
	s := newStage(t)
	s.frames(20, func(int) []rect {
		return []rect{person, {x: person.x, y: person.y + 4, w: person.w, h: person.h - 4, score: 0.55}}
	})
	if s.count[pipeline.EventStarted] != 1 {
		t.Errorf("%d tracks of one thing", s.count[pipeline.EventStarted])
	}
}

func TestPictureSizeChangesInMidStream(t *testing.T) {
	var tr tracker.Tracker
	var life pipetest.Lifecycle
	count := map[pipeline.EventKind]int{}
	seq := 0
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	show := func(w, h int) *pipeline.Result {
		t.Helper()
		f, err := pipeline.NewFrame("yard", w, h, make([]byte, 3*w*h))
		if err != nil {
			t.Fatal(err)
		}
		seq++
		f.Seq, f.Epoch, f.Captured = uint64(seq), 1, start.Add(time.Duration(seq)*40*time.Millisecond)
		r := pipeline.NewResult(f)
		g := mask.Grid{W: w / 4, H: h / 4, SX: 4, SY: 4}
		m := mask.New(g, image.Rect(g.W/4, g.H/4, g.W/2, g.H/2))
		m.Fill(m.Window())
		x1, y1, x2, y2 := m.FrameBounds()
		r.SetSegmentation(&pipeline.Segmentation{Grid: g, Segments: []pipeline.Segment{
			{Box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}, Mask: m, Score: 0.6, Parent: -1},
		}})
		if err := tr.Process(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		if err := life.Check(r); err != nil {
			t.Fatalf("frame %d: %v", seq, err)
		}
		for _, e := range r.Events {
			count[e.Kind]++
			if e.Kind == pipeline.EventEnded && e.Reason != pipeline.EndReset {
				t.Errorf("ended by %s", e.Reason)
			}
		}
		return r
	}
	sizes := [][2]int{{320, 240}, {640, 480}, {64, 48}, {320, 240}}
	for _, size := range sizes {
		for range 10 {
			r := show(size[0], size[1])
			for _, o := range r.Tracks {
				tr.Pin(r, o.ID, "p", true)
				if o.Box.X2 > float64(size[0]) || o.Box.Y2 > float64(size[1]) {
					t.Fatalf("%v: box %+v", size, o.Box)
				}
			}
		}
	}
	if count[pipeline.EventStarted] != len(sizes) || count[pipeline.EventEnded] != len(sizes)-1 {
		t.Errorf("events %v for %d sizes", count, len(sizes))
	}
}
