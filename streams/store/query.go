package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"outrider/pipeline"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// ErrNoEvent is returned for an event id that is not kept (any more).
var ErrNoEvent = errors.New("no such event")

// ErrBadCursor is returned for a cursor that no page has given.
var ErrBadCursor = errors.New("not a cursor of an earlier page")

// Filter selects events. Zero fields select everything.
type Filter struct {
	Camera     string
	Kinds      []pipeline.EventKind // any of these
	Label      string
	Zone       string
	Line       string
	Unreviewed bool
	Flagged    bool
	From       time.Time // at or after
	To         time.Time // before

	Cursor      string // Page.Next of the page before, with the same filter
	Limit       int    // default 100, at most 1000
	OldestFirst bool   // else newest first
}

// Page is a part of an answer. Next asks for the following part, empty when there is none.
type Page struct {
	Events []pipeline.ReviewedEvent
	Next   string
}

// Events returns a page of events in the order of their time. Tracks in them have no mask.
func (s *Store) Events(ctx context.Context, f Filter) (Page, error) {
	order, after := "DESC", "<"
	if f.OldestFirst {
		order, after = "ASC", ">"
	}
	where, args := f.where()
	if f.Cursor != "" {
		t, seq, err := parseCursor(f.Cursor)
		if err != nil {
			return Page{}, err
		}
		where += join(where) + "(time, seq) " + after + " (?, ?)"
		args = append(args, t, seq)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	q := selectEvents + where + " ORDER BY time " + order + ", seq " + order + " LIMIT ?"
	rows, err := s.reader.QueryContext(ctx, q, append(args, limit+1)...)
	if err != nil {
		return Page{}, fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	p := Page{Events: []pipeline.ReviewedEvent{}}
	var seq, t int64
	for rows.Next() {
		if len(p.Events) == limit {
			p.Next = cursor(t, seq)
			break
		}
		e, at, n, err := scanEvent(rows)
		if err != nil {
			return Page{}, fmt.Errorf("read events: %w", err)
		}
		seq, t = n, at
		p.Events = append(p.Events, e)
	}
	if err := rows.Err(); err != nil {
		return Page{}, fmt.Errorf("read events: %w", err)
	}
	return p, nil
}

const selectEvents = `SELECT seq, time, data, coalesce(reviewed, 0), coalesce(flagged, 0), coalesce(note, '')
	FROM events LEFT JOIN reviews ON event = id`

// scanEvent reads a row of selectEvents.
func scanEvent(row interface{ Scan(...any) error }) (e pipeline.ReviewedEvent, at, seq int64, err error) {
	var data []byte
	if err := row.Scan(&seq, &at, &data, &e.Reviewed, &e.Flagged, &e.Note); err != nil {
		return e, 0, 0, err
	}
	if err := json.Unmarshal(data, &e.Event); err != nil {
		return e, 0, 0, fmt.Errorf("event %d: %w", seq, err)
	}
	e.Track.Segment = -1
	return e, at, seq, nil
}

// where is the condition of a filter, cursor apart, and its arguments.
func (f *Filter) where() (string, []any) {
	text := ""
	var args []any
	and := func(cond string, v ...any) {
		text += join(text) + cond
		args = append(args, v...)
	}
	if f.Camera != "" {
		and("camera = ?", f.Camera)
	}
	if len(f.Kinds) > 0 {
		var kinds []any
		for _, k := range f.Kinds {
			kinds = append(kinds, string(k))
		}
		and("kind IN (?"+strings.Repeat(", ?", len(kinds)-1)+")", kinds...)
	}
	if f.Label != "" {
		and("label = ?", f.Label)
	}
	if f.Zone != "" {
		and("data ->> '$.zone' = ?", f.Zone)
	}
	if f.Line != "" {
		and("data ->> '$.line' = ?", f.Line)
	}
	if f.Unreviewed {
		and("coalesce(reviewed, 0) = 0")
	}
	if f.Flagged {
		and("flagged = 1")
	}
	if !f.From.IsZero() {
		and("time >= ?", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		and("time < ?", f.To.UnixMicro())
	}
	return text, args
}

// join is what stands before the next condition.
func join(where string) string {
	if where == "" {
		return " WHERE "
	}
	return " AND "
}

// Event returns one event or ErrNoEvent.
func (s *Store) Event(ctx context.Context, id string) (pipeline.ReviewedEvent, error) {
	e, _, _, err := scanEvent(s.reader.QueryRowContext(ctx, selectEvents+" WHERE id = ?", id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return e, fmt.Errorf("event %q: %w", id, ErrNoEvent)
	case err != nil:
		return e, fmt.Errorf("read event %q: %w", id, err)
	}
	return e, nil
}

// CursorAfter returns the cursor that follows an event, or ErrNoEvent: with OldestFirst it
// yields what came later, as a stream that resumes needs.
func (s *Store) CursorAfter(ctx context.Context, id string) (string, error) {
	var t, seq int64
	err := s.reader.QueryRowContext(ctx, "SELECT time, seq FROM events WHERE id = ?", id).Scan(&t, &seq)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", ErrNoEvent
	case err != nil:
		return "", fmt.Errorf("read event %q: %w", id, err)
	}
	return cursor(t, seq), nil
}

func cursor(t, seq int64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", t, seq))
}

func parseCursor(c string) (t, seq int64, err error) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil || len(b) > 48 {
		return 0, 0, fmt.Errorf("cursor %.64q: %w", c, ErrBadCursor)
	}
	if _, err := fmt.Sscanf(string(b), "%d.%d", &t, &seq); err != nil || cursor(t, seq) != c {
		return 0, 0, fmt.Errorf("cursor %.64q: %w", c, ErrBadCursor)
	}
	return t, seq, nil
}

// TrackSummary is the life of a track in one row.
type TrackSummary struct {
	Session  string    `json:"session"` // of the program: ID is unique within one
	ID       uint64    `json:"id"`
	Camera   string    `json:"camera"`
	Label    string    `json:"label,omitempty"`
	PromptID string    `json:"prompt_id,omitempty"`
	Started  time.Time `json:"started"`
	Last     time.Time `json:"last"`           // of its newest event
	Ended    time.Time `json:"ended,omitzero"` // zero while it lives
	Reason   string    `json:"reason,omitempty"`
	TopScore float64   `json:"top_score"`
	Events   int       `json:"events"`
}

// Tracks returns the newest tracks first, of one camera or of all (""), at most limit
// (default 100, at most 1000).
func (s *Store) Tracks(ctx context.Context, camera string, limit int) ([]TrackSummary, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	rows, err := s.reader.QueryContext(ctx, `SELECT session, id, camera, label, prompt, started, last, ended, reason, top_score, events
		FROM tracks WHERE ? IN ('', camera) ORDER BY started DESC, id DESC LIMIT ?`, camera, min(limit, maxLimit))
	if err != nil {
		return nil, fmt.Errorf("read tracks: %w", err)
	}
	defer rows.Close()
	out := []TrackSummary{}
	for rows.Next() {
		var t TrackSummary
		var id, started, last int64
		var ended sql.NullInt64
		if err := rows.Scan(&t.Session, &id, &t.Camera, &t.Label, &t.PromptID, &started, &last, &ended, &t.Reason, &t.TopScore, &t.Events); err != nil {
			return nil, fmt.Errorf("read tracks: %w", err)
		}
		t.ID, t.Started, t.Last = uint64(id), time.UnixMicro(started).UTC(), time.UnixMicro(last).UTC()
		if ended.Valid {
			t.Ended = time.UnixMicro(ended.Int64).UTC()
		}
		out = append(out, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read tracks: %w", err)
	}
	return out, nil
}
