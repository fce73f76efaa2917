package tracker

import (
	"math"
	"time"

	"github.com/google/uuid"

	"outrider/pipeline"
)

// told is what subscribers know of a track, from its last event.
type told struct {
	at     time.Time
	box    pipeline.Box
	label  string
	prompt string
	parent uint64
}

// newEvent fills in an event; version 7 UUIDs sort by the time they were made, in order even
// within one millisecond.
func newEvent(f *pipeline.Frame, kind pipeline.EventKind, reason pipeline.EndReason, tr pipeline.Track) pipeline.Event {
	return pipeline.Event{
		ID: eventID(), Camera: f.Camera, Kind: kind, Time: f.Captured, Seq: f.Seq, Track: tr, Reason: reason,
	}
}

// eventID cannot fail: crypto/rand never returns an error.
func eventID() string { return uuid.Must(uuid.NewV7()).String() }

// emitParting reports the tracks that a reset ended, on the first frame after it.
func (t *Tracker) emitParting(r *pipeline.Result) {
	for i := range t.parting {
		t.emit(r, &t.parting[i])
	}
	t.parting = t.parting[:0]
}

// emitChanges turns the core's changes into events.
func (t *Tracker) emitChanges(r *pipeline.Result) {
	for i := range t.core.changes {
		t.emit(r, &t.core.changes[i])
	}
}

func (t *Tracker) emit(r *pipeline.Result, c *change) {
	f := r.Frame
	o := &c.object
	n := t.note(o, f.Captured)
	reason := c.reason
	if reason != "" && n.removed {
		reason = pipeline.EndPrompt
	}
	tr := t.track(o, f.Captured)
	tr.State = stateAfter(c.kind)
	if c.kind == pipeline.EventEnded {
		tr.Segment, tr.Observed = -1, false
	}
	r.Events = append(r.Events, newEvent(f, c.kind, reason, tr))
	n.tell(&tr, f.Captured)
	if c.kind == pipeline.EventEnded {
		*n = note{}
	}
}

func stateAfter(k pipeline.EventKind) pipeline.TrackState {
	switch k {
	case pipeline.EventLost:
		return pipeline.Lost
	case pipeline.EventEnded:
		return pipeline.Ended
	}
	return pipeline.Confirmed
}

func (n *note) tell(tr *pipeline.Track, at time.Time) {
	n.told = told{at: at, box: tr.Box, label: tr.Label, prompt: tr.PromptID, parent: tr.Parent}
}

// emitUpdates adds an updated event for each track that changed in a way that matters, or of
// which nothing was heard for long.
func (t *Tracker) emitUpdates(r *pipeline.Result) {
	now := r.Frame.Captured
	for i := range r.Tracks {
		tr := &r.Tracks[i]
		if tr.Stuff || tr.State != pipeline.Confirmed || i >= len(t.objects) || t.objects[i].ID != tr.ID {
			continue
		}
		n := &t.notes[t.objects[i].slot]
		since := now.Sub(n.told.at)
		if since < t.UpdateEvery && (since < t.UpdateGap || !n.changed(tr)) {
			continue
		}
		e := newEvent(r.Frame, pipeline.EventUpdated, "", *tr)
		e.Track.Mask = nil
		r.Events = append(r.Events, e)
		n.tell(tr, now)
	}
}

// changed reports whether a track differs from what was told: another name or prompt, moved
// by half its size, or grown by half.
func (n *note) changed(tr *pipeline.Track) bool {
	if tr.Label != n.told.label || tr.PromptID != n.told.prompt {
		return true
	}
	a, b := n.told.box, tr.Box
	size := math.Max(math.Max(a.W(), a.H()), 8)
	ca, cb := a.Center(), b.Center()
	if math.Abs(ca.X-cb.X) > size/2 || math.Abs(ca.Y-cb.Y) > size/2 {
		return true
	}
	small, large := math.Min(a.Area(), b.Area()), math.Max(a.Area(), b.Area())
	return large > 1.5*small
}
