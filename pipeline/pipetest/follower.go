package pipetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Follower is a Stage that follows segments by their label and place, and takes prompts. A
// segment that no track claims starts one, confirmed at once; a track without a segment is
// lost, and ends a second later. Prompts are answered by the next frame. The zero value is
// ready. Process and Reset belong to one goroutine; the prompts are safe for concurrent use.
type Follower struct {
	mu      sync.Mutex
	tracks  []*followed
	prompts []*pipeline.PromptStatus // oldest first
	pending []*request
	w, h    int
	events  uint64
	made    uint64 // prompts without an id of their own
}

var (
	_ pipeline.Stage   = (*Follower)(nil)
	_ pipeline.Prompts = (*Follower)(nil)
)

// followed is a track with a mask of its own.
type followed struct {
	pipeline.Track
	mask *mask.Mask
}

// lastID counts the tracks of all followers: ids are never reused in a process.
var lastID atomic.Uint64

// endAfter is how long a lost track is kept.
const endAfter = time.Second

// Process implements pipeline.Stage.
func (s *Follower) Process(_ context.Context, r *pipeline.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w, s.h = r.Frame.Width, r.Frame.Height
	taken := make([]bool, len(r.Segments))
	for _, t := range s.tracks {
		t.Observed, t.Segment = false, -1
		if i := nearest(t, r.Segments, taken); i >= 0 {
			taken[i] = true
			s.observe(r, t, i)
		}
	}
	for i := range r.Segments {
		if !taken[i] {
			t := &followed{mask: &mask.Mask{}}
			t.ID, t.FirstSeen, t.Label = lastID.Add(1), r.Frame.Captured, r.Segments[i].Label
			s.tracks = append(s.tracks, t)
			s.observe(r, t, i)
		}
	}
	s.tracks = slices.DeleteFunc(s.tracks, func(t *followed) bool {
		switch {
		case t.Observed:
			return false
		case r.Frame.Captured.Sub(t.LastSeen) >= endAfter:
			t.State = pipeline.Ended
			s.event(r, t, pipeline.EventEnded, pipeline.EndTimeout)
			return true
		case t.State != pipeline.Lost:
			t.State = pipeline.Lost
			s.event(r, t, pipeline.EventLost, "")
		}
		return false
	})
	s.answer(r)
	for _, t := range s.tracks {
		k := t.Track
		k.Mask = r.NewMask()
		k.Mask.CopyFrom(t.mask, nil)
		r.Tracks = append(r.Tracks, k)
	}
	return nil
}

// Reset implements pipeline.Stage: all tracks are forgotten, prompts stay.
func (s *Follower) Reset(uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracks = nil
	for _, p := range s.prompts {
		p.State, p.TrackID, p.TrackIDs = pipeline.PromptSearching, 0, nil
	}
}

// nearest is the free segment of the track's label that overlaps it most, or failing that lies
// nearest within a box's size; -1 for none.
func nearest(t *followed, segments []pipeline.Segment, taken []bool) int {
	best, most := -1, 0.
	for i := range segments {
		g := &segments[i]
		if taken[i] || g.Label != t.Label {
			continue
		}
		a, b := t.Box.Center(), g.Box.Center()
		reach := t.Box.W() + t.Box.H()
		near := 1 - (abs(a.X-b.X)+abs(a.Y-b.Y))/reach
		if score := near + g.Box.IoU(t.Box); near > 0 && score > most {
			best, most = i, score
		}
	}
	return best
}

func abs(v float64) float64 { return max(v, -v) }

// observe moves t to segment i of r.
func (s *Follower) observe(r *pipeline.Result, t *followed, i int) {
	g, now := &r.Segments[i], r.Frame.Captured
	before := t.State
	if dt := now.Sub(t.LastSeen).Seconds(); t.Hits > 0 && dt > 0 {
		a, b := t.Box.Center(), g.Box.Center()
		t.Velocity = pipeline.Point{X: (b.X - a.X) / dt, Y: (b.Y - a.Y) / dt}
	}
	t.Box, t.Score, t.Segment, t.Observed, t.State = g.Box, g.Score, i, true, pipeline.Confirmed
	t.LastSeen, t.Epoch = now, r.Frame.Epoch
	t.Hits++
	t.mask.CopyFrom(g.Mask, nil)
	switch before {
	case "":
		s.event(r, t, pipeline.EventStarted, "")
	case pipeline.Lost:
		s.event(r, t, pipeline.EventResumed, "")
	}
}

// event adds an event about t to r.
func (s *Follower) event(r *pipeline.Result, t *followed, kind pipeline.EventKind, reason pipeline.EndReason) {
	s.events++
	k := t.Track
	k.Mask = nil
	r.Events = append(r.Events, pipeline.Event{
		ID:     fmt.Sprintf("%s-%d-%d-%08d", r.Frame.Camera, r.Frame.Epoch, t.ID, s.events),
		Camera: r.Frame.Camera, Kind: kind, Time: r.Frame.Captured, Seq: r.Frame.Seq, Track: k, Reason: reason,
	})
}
