package pipetest

import (
	"fmt"
	"math"

	"outrider/pipeline"
)

// CheckFrame returns what is wrong with a frame, nil for nothing.
func CheckFrame(f *pipeline.Frame) error {
	switch {
	case f == nil:
		return fmt.Errorf("frame is nil")
	case f.Width <= 0 || f.Height <= 0:
		return fmt.Errorf("frame is %dx%d", f.Width, f.Height)
	case len(f.Data) != 3*f.Width*f.Height:
		return fmt.Errorf("frame of %dx%d has %d bytes, want %d", f.Width, f.Height, len(f.Data), 3*f.Width*f.Height)
	case f.MediaTime < 0:
		return fmt.Errorf("frame has media time %v", f.MediaTime)
	}
	return nil
}

// CheckSegmentation returns what is wrong with a segmenter's answer for f, nil for nothing.
func CheckSegmentation(f *pipeline.Frame, s *pipeline.Segmentation) error {
	if s == nil {
		return fmt.Errorf("segmentation is nil")
	}
	g := s.Grid
	if len(s.Segments) > 0 && !(g.W > 0 && g.H > 0 && g.SX > 0 && g.SY > 0) {
		return fmt.Errorf("grid %+v cannot hold a mask", g)
	}
	if s.Drivable != nil && s.Drivable.Grid() != g {
		return fmt.Errorf("drivable surface lies on grid %+v, the answer on %+v", s.Drivable.Grid(), g)
	}
	for i := range s.Segments {
		if err := checkSegment(f, s, i); err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
	}
	return nil
}

func checkSegment(f *pipeline.Frame, s *pipeline.Segmentation, i int) error {
	g := &s.Segments[i]
	switch {
	case g.Mask == nil:
		return fmt.Errorf("no mask")
	case g.Mask.Grid() != s.Grid:
		return fmt.Errorf("mask on grid %+v, want %+v", g.Mask.Grid(), s.Grid)
	case g.Mask.Empty():
		return fmt.Errorf("empty mask")
	case !(g.Score >= 0 && g.Score <= 1):
		return fmt.Errorf("score %g", g.Score)
	case i > 0 && g.Score > s.Segments[i-1].Score:
		return fmt.Errorf("score %g after %g: want best first", g.Score, s.Segments[i-1].Score)
	}
	if err := checkBox(g.Box, f); err != nil {
		return err
	}
	// A mask may reach out of its box by the cells that the box's border cuts.
	x1, y1, x2, y2 := g.Mask.FrameBounds()
	dx, dy := s.Grid.SX+1, s.Grid.SY+1
	if x1 < g.Box.X1-dx || y1 < g.Box.Y1-dy || x2 > g.Box.X2+dx || y2 > g.Box.Y2+dy {
		return fmt.Errorf("mask [%g %g %g %g] reaches out of box %v", x1, y1, x2, y2, g.Box)
	}
	switch {
	case g.Parent < -1 || g.Parent >= len(s.Segments) || g.Parent == i:
		return fmt.Errorf("parent %d of %d segments", g.Parent, len(s.Segments))
	case g.Parent == -1 && g.Level != 0:
		return fmt.Errorf("root at level %d", g.Level)
	case g.Parent >= 0 && g.Level != s.Segments[g.Parent].Level+1: // rules out circles too
		return fmt.Errorf("level %d under a parent at level %d", g.Level, s.Segments[g.Parent].Level)
	}
	return checkUnit(g.Embedding)
}

// checkBox refuses boxes that are not finite, empty, or outside the frame by more than a pixel.
func checkBox(b pipeline.Box, f *pipeline.Frame) error {
	switch {
	case !b.Finite():
		return fmt.Errorf("box %v is not finite", b)
	case b.W() <= 0 || b.H() <= 0:
		return fmt.Errorf("box %v is empty", b)
	case b.X1 < -1 || b.Y1 < -1 || b.X2 > float64(f.Width)+1 || b.Y2 > float64(f.Height)+1:
		return fmt.Errorf("box %v leaves the %dx%d frame", b, f.Width, f.Height)
	}
	return nil
}

// checkUnit refuses a vector that is neither nil nor of length one.
func checkUnit(v []float32) error {
	if v == nil {
		return nil
	}
	sum := 0.
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if !(math.Abs(sum-1) < 1e-3) {
		return fmt.Errorf("vector of %d numbers has squared length %g, want 1", len(v), sum)
	}
	return nil
}

// Lifecycle holds the results of one camera, given one after another, to the rules of tracks and
// events. The zero value is ready.
type Lifecycle struct {
	seen   map[uint64]pipeline.EventKind // newest event but updates, of every track
	events map[string]bool
	last   uint64 // frame
}

// Check returns the first rule that r breaks, nil for none.
func (l *Lifecycle) Check(r *pipeline.Result) error {
	if l.seen == nil {
		l.seen, l.events = map[uint64]pipeline.EventKind{}, map[string]bool{}
	}
	if r.Frame.Seq <= l.last {
		return fmt.Errorf("frame %d after %d", r.Frame.Seq, l.last)
	}
	l.last = r.Frame.Seq
	for i := range r.Events {
		if err := l.event(r, &r.Events[i]); err != nil {
			return fmt.Errorf("frame %d, event %d: %w", r.Frame.Seq, i, err)
		}
	}
	for i := range r.Tracks {
		if err := l.track(r, i); err != nil {
			return fmt.Errorf("frame %d, track #%d: %w", r.Frame.Seq, r.Tracks[i].ID, err)
		}
	}
	return nil
}

func (l *Lifecycle) track(r *pipeline.Result, i int) error {
	t := &r.Tracks[i]
	switch {
	case t.ID == 0:
		return fmt.Errorf("no id")
	case i > 0 && t.ID <= r.Tracks[i-1].ID:
		return fmt.Errorf("after #%d: want ascending ids", r.Tracks[i-1].ID)
	case t.State != pipeline.Confirmed && t.State != pipeline.Lost:
		return fmt.Errorf("state %q is not reported", t.State)
	case t.Observed && t.State != pipeline.Confirmed:
		return fmt.Errorf("observed and %s", t.State)
	case !t.Box.Finite() || t.Box.Area() <= 0:
		return fmt.Errorf("box %v", t.Box)
	case math.IsNaN(t.Velocity.X+t.Velocity.Y) || math.IsInf(t.Velocity.X+t.Velocity.Y, 0):
		return fmt.Errorf("velocity %v", t.Velocity)
	case !(t.Score >= 0 && t.Score <= 1):
		return fmt.Errorf("score %g", t.Score)
	case t.Segment < -1 || t.Segment >= len(r.Segments):
		return fmt.Errorf("segment %d of %d", t.Segment, len(r.Segments))
	case !t.Observed && t.Segment != -1:
		return fmt.Errorf("not observed, yet of segment %d", t.Segment)
	case t.Epoch != r.Frame.Epoch:
		return fmt.Errorf("epoch %d in a frame of epoch %d", t.Epoch, r.Frame.Epoch)
	case t.FirstSeen.After(t.LastSeen) || t.LastSeen.After(r.Frame.Captured):
		return fmt.Errorf("seen from %v to %v in a frame of %v", t.FirstSeen, t.LastSeen, r.Frame.Captured)
	case l.seen[t.ID] == pipeline.EventEnded:
		return fmt.Errorf("ended before")
	case l.seen[t.ID] == "" && !t.Stuff:
		return fmt.Errorf("never started")
	}
	return nil
}

func (l *Lifecycle) event(r *pipeline.Result, e *pipeline.Event) error {
	id, before := e.Track.ID, l.seen[e.Track.ID]
	switch {
	case e.ID == "" || l.events[e.ID]:
		return fmt.Errorf("id %q is empty or was used before", e.ID)
	case e.Camera != r.Frame.Camera || e.Seq != r.Frame.Seq || !e.Time.Equal(r.Frame.Captured):
		return fmt.Errorf("says camera %q, frame %d, %v; the frame is %q, %d, %v",
			e.Camera, e.Seq, e.Time, r.Frame.Camera, r.Frame.Seq, r.Frame.Captured)
	}
	l.events[e.ID] = true
	ok := true
	switch e.Kind {
	case pipeline.EventStarted:
		ok = before == ""
	case pipeline.EventUpdated:
		ok = before != "" && before != pipeline.EventEnded
		if ok {
			return nil
		}
	case pipeline.EventLost:
		ok = before == pipeline.EventStarted || before == pipeline.EventResumed
	case pipeline.EventResumed:
		ok = before == pipeline.EventLost
	case pipeline.EventEnded:
		ok = before != "" && before != pipeline.EventEnded
		if ok && e.Reason == "" {
			return fmt.Errorf("ended without a reason")
		}
	default: // zones, lines, obstacles: their own rules
		return nil
	}
	if !ok {
		return fmt.Errorf("track #%d: %s after %q", id, e.Kind, before)
	}
	l.seen[id] = e.Kind
	return nil
}
