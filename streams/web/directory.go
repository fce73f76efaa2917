package web

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"outrider/pipeline"
)

// Directory is what the server asks of the cameras. *pipeline.Engine is one. Safe for
// concurrent use. A camera that does not exist is a *pipeline.UnknownCameraError.
type Directory interface {
	// Cameras returns the names, sorted.
	Cameras() []string
	// Status returns a camera as of now.
	Status(name string) (pipeline.CameraStatus, error)
	// Latest returns the newest result, which the caller releases; nil before the first one.
	Latest(name string) (*pipeline.Result, error)
	// Prompts returns the prompts of a camera.
	Prompts(name string) (pipeline.Prompts, error)
	// Places returns the zones and lines of a camera.
	Places(name string) (pipeline.Places, error)
	// Calibration returns the calibration of a camera.
	Calibration(name string) (pipeline.Calibrator, error)
}

var _ Directory = (*pipeline.Engine)(nil)

// EventQuery says which events are wanted. Zero fields do not filter.
type EventQuery struct {
	Camera     string
	Kinds      []string // any of these
	Label      string
	Zone       string
	Line       string
	Unreviewed bool
	Flagged    bool
	From       time.Time // inclusive
	To         time.Time // exclusive
	Cursor     string    // Next of the page before
	After      string    // only events whose id sorts after this one, oldest first
	Limit      int       // at most so many, positive
}

// EventPage is one page of past events, newest first (oldest first with EventQuery.After).
type EventPage struct {
	Events []pipeline.ReviewedEvent `json:"events"`
	Next   string                   `json:"next,omitempty"` // cursor of the next page, empty on the last one
}

// EventCount counts the events of one camera from Start on, one step of a timeline long.
type EventCount struct {
	Camera string    `json:"camera"`
	Start  time.Time `json:"start"`
	Events int       `json:"events"`
}

// Errors of Events.
var (
	ErrNoEvent   = errors.New("no such event")
	ErrBadCursor = errors.New("not a cursor of an earlier page")
)

// Events are the events of the past. Safe for concurrent use.
type Events interface {
	Query(ctx context.Context, q EventQuery) (EventPage, error)
	// Event returns one event or ErrNoEvent.
	Event(ctx context.Context, id string) (pipeline.ReviewedEvent, error)
	// SetReview replaces what is said about an event, or returns ErrNoEvent.
	SetReview(ctx context.Context, id string, r pipeline.Review) error
	// Summary counts events in steps of time, the oldest first; empty steps are left out.
	Summary(ctx context.Context, q EventQuery, step time.Duration) ([]EventCount, error)
}

// ErrNoRecording is returned for a moment or a track that was not recorded, or not kept.
var ErrNoRecording = errors.New("nothing was recorded of it, or it is not kept any more: recordings are of what prompts follow, of zones, lines and obstacles")

// Recordings are the pictures and clips of the past. Safe for concurrent use. What is not
// there is ErrNoRecording. Files are for reading and seeking; the caller closes them.
type Recordings interface {
	// Snapshot opens the best picture of a track, a JPEG, with its overlay when marked.
	// firstSeen is the track's: ids begin anew with each start of the program.
	Snapshot(camera string, firstSeen time.Time, track uint64, marked bool) (fs.File, error)
	// Clip opens the clip, an MP4, that shows a moment.
	Clip(camera string, at time.Time) (fs.File, error)
	// Protect keeps what shows a moment and a track from being removed, or gives it back to
	// its fate.
	Protect(camera string, at, firstSeen time.Time, track uint64, keep bool) error
}
