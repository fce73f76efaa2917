package tracker_test

import (
	"context"
	"image"
	"math"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/pipetest"
	"outrider/tracker"
)

const (
	frameW, frameH, cell = 320, 240, 4
	fps                  = 25
)

// stage runs a Tracker on drawn segments, and holds its results to the rules of a life.
type stage struct {
	t     *testing.T
	track tracker.Tracker
	life  pipetest.Lifecycle
	seq   uint64
	start time.Time
	last  *pipeline.Result
	count map[pipeline.EventKind]int
}

func newStage(t *testing.T) *stage {
	return &stage{t: t, start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), count: map[pipeline.EventKind]int{}}
}

// rect is a segment in frame pixels.
type rect struct{ x, y, w, h, score float64 }

func (s *stage) frame(rects ...rect) {
	s.t.Helper()
	f, err := pipeline.NewFrame("yard", frameW, frameH, make([]byte, 3*frameW*frameH))
	if err != nil {
		s.t.Fatal(err)
	}
	s.seq++
	f.Seq, f.Epoch, f.Captured = s.seq, 1, s.start.Add(time.Duration(s.seq)*time.Second/fps)
	r := pipeline.NewResult(f)
	g := mask.Grid{W: frameW / cell, H: frameH / cell, SX: cell, SY: cell}
	seg := &pipeline.Segmentation{Grid: g}
	for _, q := range rects {
		if q.score == 0 {
			q.score = 0.6
		}
		c := func(v float64) int { return int(math.Round(v / cell)) }
		m := mask.New(g, image.Rect(c(q.x), c(q.y), c(q.x+q.w), c(q.y+q.h)))
		m.Fill(m.Window())
		seg.Segments = append(seg.Segments, pipeline.Segment{Box: box(q.x, q.y, q.w, q.h), Mask: m, Score: q.score, Parent: -1})
	}
	for i := range seg.Segments {
		a := &seg.Segments[i]
		for j := range seg.Segments {
			b := &seg.Segments[j]
			if i != j && mask.Containment(a.Mask, b.Mask) >= 0.95 && float64(a.Mask.Area()) <= 0.8*float64(b.Mask.Area()) {
				a.Parent = j
			}
		}
	}
	r.SetSegmentation(seg)
	if err := s.track.Process(context.Background(), r); err != nil {
		s.t.Fatal(err)
	}
	if err := s.life.Check(r); err != nil {
		s.t.Fatalf("frame %d: %v", s.seq, err)
	}
	for _, e := range r.Events {
		s.count[e.Kind]++
	}
	s.last = r
}

func (s *stage) frames(n int, at func(k int) []rect) {
	s.t.Helper()
	for k := range n {
		s.frame(at(k)...)
	}
}

// on is the confirmed track that overlaps a rectangle most.
func (s *stage) on(q rect) pipeline.Track {
	s.t.Helper()
	best, most := pipeline.Track{}, 0.5
	for _, t := range s.last.Tracks {
		if v := t.Box.IoU(box(q.x, q.y, q.w, q.h)); v > most && t.State == pipeline.Confirmed {
			best, most = t, v
		}
	}
	if best.ID == 0 {
		s.t.Fatalf("frame %d: no confirmed track on %+v", s.seq, q)
	}
	return best
}

var (
	person = rect{x: 100, y: 60, w: 40, h: 120}
	upper  = rect{x: 100, y: 60, w: 40, h: 60}
	lower  = rect{x: 100, y: 120, w: 40, h: 60}
)

// moved is a rectangle k frames later, going right.
func moved(q rect, k int) rect { q.x += float64(k); return q }

func TestWholeThatComesInPartsKeepsItsID(t *testing.T) {
	s := newStage(t)
	at := 0
	show := func(parts bool) {
		at++
		if parts {
			s.frame(moved(upper, at), moved(lower, at))
		} else {
			s.frame(moved(person, at))
		}
	}
	for range 10 {
		show(false)
	}
	id := s.on(moved(person, at)).ID
	for k := range 60 {
		show(k%3 != 0) // whole, parts, parts, whole, ...
		if got := s.on(moved(person, at)); got.ID != id || !got.Observed {
			t.Fatalf("frame %d: track %d observed %v, want %d observed", s.seq, got.ID, got.Observed, id)
		}
	}
	if s.count[pipeline.EventStarted] != 1 || s.count[pipeline.EventLost] != 0 {
		t.Errorf("events %v, want one start and no loss", s.count)
	}
}

func TestPartAndWholeStayApart(t *testing.T) {
	s := newStage(t)
	s.frames(10, func(k int) []rect { return []rect{person, upper} })
	whole, part := s.on(person), s.on(upper)
	if whole.ID == part.ID || part.Parent != whole.ID || whole.Parent != 0 {
		t.Fatalf("whole %d (parent %d), part %d (parent %d)", whole.ID, whole.Parent, part.ID, part.Parent)
	}
	// The part is missed now and then: it waits for its whole's sake, and nothing swaps.
	for k := range 100 {
		if k%10 < 4 {
			s.frame(person)
		} else {
			s.frame(upper, person)
			if w, p := s.on(person), s.on(upper); w.ID != whole.ID || p.ID != part.ID {
				t.Fatalf("frame %d: whole %d part %d, want %d and %d", s.seq, w.ID, p.ID, whole.ID, part.ID)
			}
		}
	}
	if s.count[pipeline.EventLost] != 0 || s.count[pipeline.EventStarted] != 2 {
		t.Errorf("events %v", s.count)
	}
}

func TestBackgroundHasNoEvents(t *testing.T) {
	s := newStage(t)
	road := rect{x: 0, y: 120, w: 320, h: 120}
	s.frames(20, func(k int) []rect { return []rect{road, person} })
	if tr := s.on(road); !tr.Stuff {
		t.Errorf("the road is no background: %+v", tr)
	}
	if tr := s.on(person); tr.Stuff {
		t.Errorf("the person is background: %+v", tr)
	}
	s.frames(120, func(int) []rect { return nil })
	if s.count[pipeline.EventStarted] != 1 || s.count[pipeline.EventEnded] != 1 {
		t.Errorf("events %v, want those of the person only", s.count)
	}
}

func TestParkedCarStaysOneTrack(t *testing.T) {
	s := newStage(t)
	car := rect{x: 200, y: 140, w: 80, h: 48}
	s.frames(10*fps, func(int) []rect { return []rect{car} })
	id := s.on(car).ID
	for round := range 5 {
		// A lorry stands before it for six seconds, then it is seen for a while.
		s.frames(6*fps, func(k int) []rect { return []rect{{x: 160, y: 80, w: 150, h: 130}} })
		s.frames(4*fps, func(int) []rect { return []rect{car} })
		if got := s.on(car); got.ID != id {
			t.Fatalf("round %d: the car is %d, want %d", round, got.ID, id)
		}
	}
}

func TestUpdatesAreRateLimited(t *testing.T) {
	s := newStage(t)
	s.frames(30*fps, func(int) []rect { return []rect{person} })
	if n := s.count[pipeline.EventUpdated]; n < 2 || n > 3 {
		t.Errorf("%d updates of a resting object in 30 s, want one each 10 s", n)
	}
	s = newStage(t)
	s.frames(10*fps, func(k int) []rect {
		return []rect{{x: 10 + 60*math.Abs(math.Mod(float64(k)/fps, 4)-2), y: 60, w: 24, h: 60}}
	})
	if n := s.count[pipeline.EventUpdated]; n < 4 || n > 10 {
		t.Errorf("%d updates of a moving object in 10 s, want at most one a second", n)
	}
}

func TestLeavingEndsSoon(t *testing.T) {
	s := newStage(t)
	k := 0
	for ; 200+4*k < frameW+60; k++ {
		x := 200 + 4*float64(k)
		s.frame(rect{x: x, y: 60, w: math.Min(40, frameW-x), h: 100})
	}
	s.frames(fps, func(int) []rect { return nil })
	if s.count[pipeline.EventEnded] != 1 {
		t.Errorf("a second after it left: events %v, want it ended", s.count)
	}
}

func TestResetEndsAllTracks(t *testing.T) {
	s := newStage(t)
	s.frames(10, func(int) []rect { return []rect{person} })
	id := s.on(person).ID
	s.track.Reset(2)

	var got []pipeline.Event
	s.frame(person)
	for _, e := range s.last.Events {
		if e.Kind == pipeline.EventEnded {
			got = append(got, e)
		}
	}
	if len(got) != 1 || got[0].Reason != pipeline.EndReset || got[0].Track.ID != id || got[0].Track.State != pipeline.Ended {
		t.Fatalf("events %+v", got)
	}
	s.frames(10, func(int) []rect { return []rect{person} })
	if next := s.on(person).ID; next <= id {
		t.Errorf("id %d after %d", next, id)
	}
}
