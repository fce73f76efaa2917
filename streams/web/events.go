package web

import (
	"fmt"
	"net/http"
	"time"

	"outrider/pipeline"
)

const (
	defaultEvents = 100
	maxEvents     = 1000
	streamPing    = 15 * time.Second // a comment, so that proxies keep the stream
)

type eventList struct {
	Events []pipeline.Event `json:"events"`
	Next   string           `json:"next,omitempty"`
}

func (s *Server) past() Events {
	if s.Events != nil {
		return s.Events
	}
	return &s.hub
}

func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	q := EventQuery{Camera: v.Get("camera"), Kind: v.Get("kind"), Label: v.Get("label"), Cursor: v.Get("cursor")}
	var err error
	if q.From, err = moment(r, "from"); err != nil {
		return err
	}
	if q.To, err = moment(r, "to"); err != nil {
		return err
	}
	n, err := number(r, "limit", defaultEvents, 1, maxEvents)
	if err != nil {
		return err
	}
	q.Limit = int(n)
	if q.Camera != "" {
		if _, err := s.Directory.Status(q.Camera); err != nil {
			return err
		}
	}
	page, err := s.past().Query(r.Context(), q)
	if err != nil {
		return fmt.Errorf("query events: %w", err)
	}
	if page.Events == nil {
		page.Events = []pipeline.Event{}
	}
	return writeJSON(w, http.StatusOK, eventList(page))
}

// streamEvents is the stream of server-sent events: hello, event, prompt, camera. With
// Last-Event-ID it begins with what was missed.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) error {
	c := s.hub.open()
	if c == nil {
		w.Header().Set("Retry-After", "10")
		return problem(http.StatusServiceUnavailable, "%d event streams are open already; close one", maxStreams)
	}
	defer s.hub.close(c)
	var missed EventPage
	last := r.Header.Get("Last-Event-ID")
	if last != "" {
		var err error
		if missed, err = s.past().Query(r.Context(), EventQuery{After: last, Limit: maxEvents}); err != nil {
			return fmt.Errorf("query missed events: %w", err)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	out := &eventWriter{w: w, c: http.NewResponseController(w)}
	out.json("hello", "", hello{Version: s.Build.Version, UI: s.assets.version, Time: time.Now()})
	for i := range missed.Events {
		e := &missed.Events[i]
		out.json("event", e.ID, e)
		last = e.ID
	}
	ping := time.NewTicker(streamPing)
	defer ping.Stop()
	for out.flush() == nil {
		select {
		case m, open := <-c:
			if !open {
				return nil // it fell behind and shall come again
			}
			if m.id == "" || m.id > last { // else replayed already
				out.write(m)
			}
		case <-ping.C:
			out.comment()
		case <-r.Context().Done():
			return nil
		}
	}
	return nil
}

// hello is the first message of a stream.
type hello struct {
	Version string    `json:"version"` // of the program
	UI      string    `json:"ui"`      // of the dashboard: another than the page's own asks for a reload
	Time    time.Time `json:"time"`
}
