package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"outrider/pipeline"
)

// message is one server-sent event, encoded once for all streams.
type message struct {
	name string
	id   string // for Last-Event-ID; empty on what cannot be replayed
	data []byte
}

// hub hands messages to the open streams and remembers the newest events. The zero value is
// ready; safe for concurrent use.
//
// A stream that does not keep up is ended: its client connects again and says by
// Last-Event-ID where to go on, so that nothing is missed silently.
type hub struct {
	mu      sync.Mutex
	streams map[chan message]struct{}
	recent  []pipeline.ReviewedEvent // oldest first
}

const (
	maxRecent    = 512
	maxStreams   = 256
	streamBuffer = 128
)

// event remembers e and sends it.
func (h *hub) event(e *pipeline.Event) {
	kept := *e
	kept.Track.Mask = nil // lives only as long as the result
	h.mu.Lock()
	if len(h.recent) == maxRecent {
		copy(h.recent, h.recent[1:])
		h.recent = h.recent[:maxRecent-1]
	}
	h.recent = append(h.recent, pipeline.ReviewedEvent{Event: kept})
	h.mu.Unlock()
	h.send("event", kept.ID, kept)
	if kept.Track.PromptID != "" && kept.Kind != pipeline.EventUpdated {
		h.send("prompt", "", promptChange{kept.Camera, kept.Track.PromptID, "state"})
	}
}

// send encodes v and gives it to every stream.
func (h *hub) send(name, id string, v any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) == 0 {
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		return // only Event.Data could: it is the emitter's to keep marshalable
	}
	m := message{name, id, data}
	for c := range h.streams {
		select {
		case c <- m:
		default:
			delete(h.streams, c)
			close(c)
		}
	}
}

// open adds a stream, nil when there are too many. Its channel is closed when the stream
// falls behind.
func (h *hub) open() chan message {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= maxStreams {
		return nil
	}
	if h.streams == nil {
		h.streams = map[chan message]struct{}{}
	}
	c := make(chan message, streamBuffer)
	h.streams[c] = struct{}{}
	return c
}

func (h *hub) close(c chan message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, c)
}

// Query answers from the events that are remembered, so that a process without a store has
// a recent past too.
func (h *hub) Query(_ context.Context, q EventQuery) (EventPage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	page := EventPage{Events: []pipeline.ReviewedEvent{}}
	if q.After != "" {
		for i := range h.recent {
			if e := &h.recent[i]; e.ID > q.After && q.matches(e) && len(page.Events) < q.Limit {
				page.Events = append(page.Events, *e)
			}
		}
		return page, nil
	}
	for i := len(h.recent) - 1; i >= 0; i-- {
		e := &h.recent[i]
		if !q.matches(e) || q.Cursor != "" && e.ID >= q.Cursor {
			continue
		}
		if len(page.Events) == q.Limit {
			page.Next = page.Events[q.Limit-1].ID
			break
		}
		page.Events = append(page.Events, *e)
	}
	return page, nil
}

// Event returns one of the remembered events.
func (h *hub) Event(_ context.Context, id string) (pipeline.ReviewedEvent, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.find(id); e != nil {
		return *e, nil
	}
	return pipeline.ReviewedEvent{}, fmt.Errorf("event %q: %w", id, ErrNoEvent)
}

// SetReview is remembered as long as the event.
func (h *hub) SetReview(_ context.Context, id string, r pipeline.Review) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.find(id)
	if e == nil {
		return fmt.Errorf("event %q: %w", id, ErrNoEvent)
	}
	e.Review = r
	return nil
}

// find returns a remembered event or nil. Call it with mu held.
func (h *hub) find(id string) *pipeline.ReviewedEvent {
	for i := range h.recent {
		if h.recent[i].ID == id {
			return &h.recent[i]
		}
	}
	return nil
}

// Summary counts the remembered events.
func (h *hub) Summary(_ context.Context, q EventQuery, step time.Duration) ([]EventCount, error) {
	type slot struct {
		camera string
		start  int64
	}
	counts := map[slot]int{}
	h.mu.Lock()
	for i := range h.recent {
		if e := &h.recent[i]; q.matches(e) {
			at := e.Time.UnixNano()
			counts[slot{e.Camera, at - at%int64(step)}]++
		}
	}
	h.mu.Unlock()
	out := []EventCount{}
	for s, n := range counts {
		out = append(out, EventCount{s.camera, time.Unix(0, s.start).UTC(), n})
	}
	slices.SortFunc(out, func(a, b EventCount) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Camera, b.Camera))
	})
	return out, nil
}

func (q *EventQuery) matches(e *pipeline.ReviewedEvent) bool {
	return (q.Camera == "" || e.Camera == q.Camera) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, string(e.Kind))) &&
		(q.Label == "" || e.Track.Label == q.Label) &&
		(q.Zone == "" || e.Zone == q.Zone) && (q.Line == "" || e.Line == q.Line) &&
		!(q.Unreviewed && e.Reviewed) && !(q.Flagged && !e.Flagged) &&
		(q.From.IsZero() || !e.Time.Before(q.From)) &&
		(q.To.IsZero() || e.Time.Before(q.To))
}
