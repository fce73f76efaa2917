package event_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/tracker/event"
)

// stream feeds a counter frames as a tracker would fill them.
type stream struct {
	t       testing.TB
	counter *event.Counter
	w, h    int
	start   time.Time
	seq     uint64
	events  []pipeline.Event
	first   map[uint64]time.Time
	pixels  []byte
	last    *pipeline.Counts
	tracks  []pipeline.Track
}

func newStream(t testing.TB, c *event.Counter) *stream {
	return &stream{t: t, counter: c, w: 640, h: 480, start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), first: map[uint64]time.Time{}}
}

// at returns a track that stands with its feet at (x, y): 40 wide and 100 high unless sized.
func at(id uint64, x, y float64) pipeline.Track {
	return sized(id, x, y, 40, 100)
}

func sized(id uint64, x, y, w, h float64) pipeline.Track {
	return pipeline.Track{
		ID: id, Box: pipeline.Box{X1: x - w/2, Y1: y - h, X2: x + w/2, Y2: y}, State: pipeline.Confirmed,
		Observed: true, Score: .8, Segment: -1,
	}
}

func lost(id uint64, x, y float64) pipeline.Track {
	t := at(id, x, y)
	t.State, t.Observed = pipeline.Lost, false
	return t
}

// frame shows the tracks at a time in seconds and returns the frame's events.
func (s *stream) frame(sec float64, tracks ...pipeline.Track) []pipeline.Event {
	s.t.Helper()
	if n := 3 * s.w * s.h; len(s.pixels) != n {
		s.pixels = make([]byte, n)
	}
	f, err := pipeline.NewFrame("yard", s.w, s.h, s.pixels)
	if err != nil {
		s.t.Fatal(err)
	}
	s.seq++
	f.Seq, f.Captured = s.seq, s.start.Add(time.Duration(math.Round(sec*1e6))*time.Microsecond)
	r := pipeline.NewResult(f)
	f.Release()
	slices.SortFunc(tracks, func(a, b pipeline.Track) int { return int(a.ID) - int(b.ID) })
	for _, t := range tracks {
		if _, ok := s.first[t.ID]; !ok {
			s.first[t.ID] = f.Captured
		}
		t.FirstSeen = s.first[t.ID]
		r.Tracks = append(r.Tracks, t)
	}
	if err := s.counter.Process(context.Background(), r); err != nil {
		s.t.Fatal(err)
	}
	events := slices.Clone(r.Events)
	s.events = append(s.events, events...)
	s.last, s.tracks = r.Counts, slices.Clone(r.Tracks)
	r.Release()
	return events
}

// speed shows one track and returns the speed that its result has.
func (s *stream) speed(sec float64, tr pipeline.Track) pipeline.Speed {
	s.t.Helper()
	s.frame(sec, tr)
	return s.tracks[0].Speed
}

// play shows what tracks gives for each time from a to b (seconds) at so many frames a second.
func (s *stream) play(a, b, fps float64, tracks func(sec float64) []pipeline.Track) {
	s.t.Helper()
	for i := 0; ; i++ {
		sec := a + float64(i)/fps
		if sec >= b-1e-9 {
			return
		}
		s.frame(sec, tracks(sec)...)
	}
}

// kinds lists the events as "kind track", those of zones and lines with their place.
func (s *stream) kinds() []string {
	var out []string
	for _, e := range s.events {
		text := fmt.Sprintf("%s %d", e.Kind, e.Track.ID)
		if e.Line != "" {
			text += fmt.Sprintf(" %s %v", e.Line, e.Data["direction"])
		}
		if e.Zone != "" {
			text += " " + e.Zone
		}
		out = append(out, text)
	}
	return out
}

func (s *stream) of(kind pipeline.EventKind) []pipeline.Event {
	var out []pipeline.Event
	for _, e := range s.events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// line returns in and out of a line.
func (s *stream) line(id string) [2]uint64 {
	for _, l := range s.counter.Counts().Lines {
		if l.ID == id {
			return [2]uint64{l.In, l.Out}
		}
	}
	s.t.Fatalf("no line %q", id)
	return [2]uint64{}
}

func (s *stream) zone(id string) pipeline.ZoneCount {
	for _, z := range s.counter.Counts().Zones {
		if z.ID == id {
			if z.Entered+z.Appeared-z.Left-z.Vanished != uint64(z.Inside) {
				s.t.Errorf("zone %s: entered %d + appeared %d - left %d - vanished %d is not %d inside", id, z.Entered, z.Appeared, z.Left, z.Vanished, z.Inside)
			}
			return z
		}
	}
	s.t.Fatalf("no zone %q", id)
	return pipeline.ZoneCount{}
}

func withLine(t testing.TB, lines ...pipeline.Line) *event.Counter {
	t.Helper()
	c := &event.Counter{}
	for _, l := range lines {
		if err := c.SetLine(l); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func withZone(t testing.TB, zones ...pipeline.Zone) *event.Counter {
	t.Helper()
	c := &event.Counter{}
	for _, z := range zones {
		if err := c.SetZone(z); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func points(xy ...float64) []pipeline.Point {
	var out []pipeline.Point
	for i := 0; i < len(xy); i += 2 {
		out = append(out, pipeline.Point{X: xy[i], Y: xy[i+1]})
	}
	return out
}

// door is a horizontal line from (200, 300) to (400, 300): downwards is in.
func door() pipeline.Line {
	return pipeline.Line{ID: "door", From: pipeline.Point{X: 200, Y: 300}, To: pipeline.Point{X: 400, Y: 300}, Size: [2]int{640, 480}}
}

// hall is a square from (200, 200) to (400, 400).
func hall() pipeline.Zone {
	return pipeline.Zone{ID: "hall", Polygon: points(200, 200, 400, 200, 400, 400, 200, 400), Size: [2]int{640, 480}}
}
