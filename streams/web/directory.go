package web

import (
	"context"
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
}

var _ Directory = (*pipeline.Engine)(nil)

// EventQuery says which events are wanted. Zero fields do not filter.
type EventQuery struct {
	Camera string
	Kind   string
	Label  string
	From   time.Time // inclusive
	To     time.Time // exclusive
	Cursor string    // Next of the page before
	After  string    // only events whose id sorts after this one, oldest first
	Limit  int       // at most so many, positive
}

// EventPage is one page of past events, newest first (oldest first with EventQuery.After).
type EventPage struct {
	Events []pipeline.Event
	Next   string // cursor of the next page, empty on the last one
}

// Events are the events of the past. Safe for concurrent use.
type Events interface {
	Query(ctx context.Context, q EventQuery) (EventPage, error)
}
