package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"outrider/pipeline"
)

const (
	defaultEvents = 100
	maxEvents     = 1000
	streamPing    = 15 * time.Second // a comment, so that proxies keep the stream
)

func (s *Server) past() Events {
	if s.Events != nil {
		return s.Events
	}
	return &s.hub
}

func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) error {
	q, err := s.eventQuery(r)
	if err != nil {
		return err
	}
	n, err := number(r, "limit", defaultEvents, 1, maxEvents)
	if err != nil {
		return err
	}
	q.Limit, q.Cursor = int(n), r.URL.Query().Get("cursor")
	page, err := s.past().Query(r.Context(), q)
	if err != nil {
		return fmt.Errorf("query events: %w", err)
	}
	list := eventList{Events: make([]eventItem, 0, len(page.Events)), Next: page.Next}
	for i := range page.Events {
		list.Events = append(list.Events, s.item(&page.Events[i]))
	}
	return writeJSON(w, http.StatusOK, list)
}

type eventList struct {
	Events []eventItem `json:"events"`
	Next   string      `json:"next,omitempty"`
}

// eventItem is an event with what can be seen of it.
type eventItem struct {
	pipeline.ReviewedEvent
	Snapshot bool `json:"snapshot"`
	Clip     bool `json:"clip"`
}

func (s *Server) item(e *pipeline.ReviewedEvent) eventItem {
	there := func(f fs.File, err error) bool {
		if err != nil {
			return false
		}
		f.Close()
		return true
	}
	i := eventItem{ReviewedEvent: *e}
	if s.Recordings != nil {
		i.Snapshot = there(s.Recordings.Snapshot(e.Camera, e.Track.FirstSeen, e.Track.ID, false))
		i.Clip = there(s.Recordings.Clip(e.Camera, e.Time))
	}
	return i
}

// eventQuery reads the filters that lists and counts of events share.
func (s *Server) eventQuery(r *http.Request) (EventQuery, error) {
	v := r.URL.Query()
	q := EventQuery{Camera: v.Get("camera"), Label: v.Get("label"), Zone: v.Get("zone"), Line: v.Get("line")}
	if k := v.Get("kind"); k != "" {
		q.Kinds = strings.Split(k, ",")
	}
	switch state := v.Get("state"); state {
	case "", "all":
	case "unreviewed":
		q.Unreviewed = true
	case "flagged":
		q.Flagged = true
	default:
		return q, badQuery("state", "%q, want unreviewed, flagged or all", state)
	}
	var err error
	if q.From, err = moment(r, "from"); err != nil {
		return q, err
	}
	if q.To, err = moment(r, "to"); err != nil {
		return q, err
	}
	if q.Camera != "" {
		if _, err := s.Directory.Status(q.Camera); err != nil {
			return q, err
		}
	}
	return q, nil
}

type eventSummary struct {
	Step   float64      `json:"step_s"`
	Counts []EventCount `json:"counts"`
}

// summarise counts events for a timeline. ?step= is a Go duration.
func (s *Server) summarise(w http.ResponseWriter, r *http.Request) error {
	q, err := s.eventQuery(r)
	if err != nil {
		return err
	}
	step := time.Hour
	if v := r.URL.Query().Get("step"); v != "" {
		if step, err = time.ParseDuration(v); err != nil || step < time.Second || step > 30*24*time.Hour {
			return badQuery("step", "%q, want a duration from 1s to 720h", v)
		}
	}
	counts, err := s.past().Summary(r.Context(), q, step)
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	if counts == nil {
		counts = []EventCount{}
	}
	return writeJSON(w, http.StatusOK, eventSummary{step.Seconds(), counts})
}

func (s *Server) getEvent(w http.ResponseWriter, r *http.Request) error {
	e, err := s.past().Event(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.item(&e))
}

// maxNote bounds what people say about an event, in bytes.
const maxNote = 2000

// reviewRequest is a change of a review: missing members stay as they are.
type reviewRequest struct {
	Reviewed *bool   `json:"reviewed"`
	Flagged  *bool   `json:"flagged"`
	Note     *string `json:"note"`
}

func (s *Server) patchEvent(w http.ResponseWriter, r *http.Request) error {
	var q reviewRequest
	if err := readJSON(r, &q); err != nil {
		return err
	}
	if q.Note != nil && len(*q.Note) > maxNote {
		p := problem(http.StatusUnprocessableEntity, "note: %d bytes, at most %d are kept", len(*q.Note), maxNote)
		p.Field = "note"
		return p
	}
	s.reviewing.Lock() // two people may each change one member
	defer s.reviewing.Unlock()
	e, err := s.past().Event(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if q.Reviewed != nil {
		e.Reviewed = *q.Reviewed
	}
	if q.Flagged != nil {
		e.Flagged = *q.Flagged
		if s.Recordings != nil {
			if err := s.Recordings.Protect(e.Camera, e.Time, e.Track.FirstSeen, e.Track.ID, e.Flagged); err != nil && !errors.Is(err, ErrNoRecording) {
				return err
			}
		}
	}
	if q.Note != nil {
		e.Note = *q.Note
	}
	if err := s.past().SetReview(r.Context(), e.ID, e.Review); err != nil {
		return err
	}
	s.hub.send("review", "", reviewChange{e.ID, e.Review})
	return writeJSON(w, http.StatusOK, s.item(&e))
}

// reviewChange tells the streams what was said about an event.
type reviewChange struct {
	ID string `json:"id"`
	pipeline.Review
}

// eventPicture answers with the best picture of an event's track; ?overlay=1 the one with what
// is known drawn on it.
func (s *Server) eventPicture(w http.ResponseWriter, r *http.Request) error {
	e, err := s.past().Event(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.serveSnapshot(w, r, e.Camera, &e.Track)
}

// trackPicture answers with the best picture so far of a live track.
func (s *Server) trackPicture(w http.ResponseWriter, r *http.Request) error {
	res, _, err := s.latest(r)
	if err != nil {
		return err
	}
	if res != nil {
		defer res.Release()
		for i := range res.Tracks {
			if t := &res.Tracks[i]; strconv.FormatUint(t.ID, 10) == r.PathValue("track") {
				return s.serveSnapshot(w, r, res.Frame.Camera, t)
			}
		}
	}
	return problem(http.StatusNotFound, "camera %q has no track %s now", r.PathValue("cam"), r.PathValue("track"))
}

func (s *Server) serveSnapshot(w http.ResponseWriter, r *http.Request, camera string, t *pipeline.Track) error {
	marked, err := flag(r, "overlay", false)
	if err != nil {
		return err
	}
	if s.Recordings == nil {
		return ErrNoRecording
	}
	f, err := s.Recordings.Snapshot(camera, t.FirstSeen, t.ID, marked)
	if err != nil {
		return err
	}
	return serveFile(w, r, f, "image/jpeg")
}

// eventClip answers with the clip that shows an event. Parts of it can be asked for (Range).
func (s *Server) eventClip(w http.ResponseWriter, r *http.Request) error {
	e, err := s.past().Event(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if s.Recordings == nil {
		return ErrNoRecording
	}
	f, err := s.Recordings.Clip(e.Camera, e.Time)
	if err != nil {
		return err
	}
	return serveFile(w, r, f, "video/mp4")
}

// fileTime bounds the sending of a file.
const fileTime = 10 * time.Minute

// serveFile answers with a file or parts of it, and closes it.
func serveFile(w http.ResponseWriter, r *http.Request, f fs.File, kind string) error {
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	body, ok := f.(io.ReadSeeker)
	if !ok {
		return fmt.Errorf("recording %s: cannot be sought", i.Name())
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileTime))
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache") // a better picture may take its place
	http.ServeContent(w, r, "", i.ModTime(), body)
	return nil
}

// streamEvents is the stream of server-sent events: hello, event, review, prompt, camera,
// config. With
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
		out.json("event", e.ID, &e.Event)
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
