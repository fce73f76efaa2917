package pipeline_test

import (
	"testing"
	"time"

	. "outrider/pipeline"
	"outrider/pipeline/mask"
)

func TestResultHoldsWhatItShows(t *testing.T) {
	var frames FramePool
	var results ResultPool
	f := frames.Get(8, 8)
	f.Captured = time.Now()
	r := results.Get(f)
	f.Release()
	if frames.Outstanding() != 1 || r.Frame != f || !r.Times.Captured.Equal(f.Captured) {
		t.Fatal("a result does not hold its frame")
	}
	freed := 0
	g := mask.FrameGrid(8, 8)
	s := &Segmentation{Segments: []Segment{{Mask: mask.New(g, g.Bounds())}}, Grid: g, Drivable: mask.New(g, g.Bounds()), Free: func() { freed++ }}
	r.SetSegmentation(s)
	if len(r.Segments) != 1 || r.Grid != g || r.Drivable != s.Drivable {
		t.Errorf("the result shows %d segments on %v", len(r.Segments), r.Grid)
	}
	r.Retain()
	r.Release()
	if freed != 0 || frames.Outstanding() != 1 {
		t.Error("given back while retained")
	}
	r.Release()
	if freed != 1 || frames.Outstanding() != 0 {
		t.Errorf("segments freed %d times, %d frames out", freed, frames.Outstanding())
	}
	if !panics(r.Release) {
		t.Error("a release too many does not panic")
	}
}

func TestResultPoolGivesEmptyResults(t *testing.T) {
	var frames FramePool
	var results ResultPool
	g := mask.FrameGrid(8, 8)
	for range 3 {
		f := frames.Get(8, 8)
		r := results.Get(f)
		f.Release()
		if len(r.Segments)+len(r.Tracks)+len(r.Obstacles)+len(r.Events) != 0 || r.Drivable != nil || !r.Times.Done.IsZero() {
			t.Fatalf("a result begins with what an earlier one held: %+v", r)
		}
		for range 2 {
			m := r.NewMask()
			if !m.Empty() || !m.Window().Empty() {
				t.Fatalf("a new mask begins with %d cells", m.Area())
			}
			m.Reset(g, g.Bounds(), nil)
			m.Fill(g.Bounds())
			r.Tracks = append(r.Tracks, Track{ID: 1, Mask: m})
		}
		r.Obstacles = append(r.Obstacles, Obstacle{TrackID: 1})
		r.Events = append(r.Events, Event{ID: "e"})
		r.SetSegmentation(&Segmentation{Segments: make([]Segment, 2), Grid: g, Drivable: r.Tracks[0].Mask})
		r.Times.Done = time.Now()
		r.Release()
	}
}

func TestResultWithoutPool(t *testing.T) {
	var frames FramePool
	f := frames.Get(8, 8)
	r := NewResult(f)
	f.Release()
	r.SetSegmentation(nil)
	r.Release()
	if frames.Outstanding() != 0 {
		t.Error("the frame is still out")
	}
}

func TestResultPoolDoesNotAllocate(t *testing.T) {
	var frames FramePool
	var results ResultPool
	g := mask.FrameGrid(64, 64)
	round := func() {
		f := frames.Get(8, 8)
		r := results.Get(f)
		f.Release()
		for range 5 {
			m := r.NewMask()
			m.Reset(g, g.Bounds(), nil)
			r.Tracks = append(r.Tracks, Track{Mask: m})
		}
		r.Release()
	}
	round()
	if n := testing.AllocsPerRun(50, round); n != 0 {
		t.Errorf("a result allocates %v times", n)
	}
}

func TestTimes(t *testing.T) {
	at := time.Now()
	times := Times{Captured: at, Done: at.Add(30 * time.Millisecond)}
	if times.Latency() != 30*time.Millisecond {
		t.Errorf("latency %v", times.Latency())
	}
	k := Track{FirstSeen: at}
	if k.Age(at.Add(time.Second)) != time.Second {
		t.Errorf("age %v", k.Age(at.Add(time.Second)))
	}
}
