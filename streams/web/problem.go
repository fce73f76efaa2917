package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"outrider/pipeline"
)

// Problem is an error as RFC 9457 (application/problem+json) has it, with the member that
// was wrong in Field. It is an error too, so that handlers simply return it.
type Problem struct {
	Type   string   `json:"type"` // "about:blank": the status says it all
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail,omitempty"`
	Field  string   `json:"field,omitempty"` // the offending member as the request has it
	Known  []string `json:"known,omitempty"` // what would have been right
	Line   int      `json:"line,omitempty"`  // in a text that was sent, from 1
	Column int      `json:"column,omitempty"`
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

func problem(status int, format string, args ...any) *Problem {
	return &Problem{Status: status, Detail: fmt.Sprintf(format, args...)}
}

// asProblem turns any error into the problem that the client is told.
func asProblem(err error) *Problem {
	var (
		p       *Problem
		camera  *pipeline.UnknownCameraError
		prompt  *pipeline.PromptError
		place   *pipeline.PlaceError
		text    *pipeline.UnknownTextError
		tooLong *http.MaxBytesError
		config  *ConfigError
	)
	switch {
	case errors.As(err, &p):
	case errors.As(err, &camera):
		p = problem(http.StatusNotFound, "%v", err)
		p.Known = camera.Known
	case errors.As(err, &prompt):
		p = problem(http.StatusUnprocessableEntity, "%v", err)
		p.Field = prompt.Field
	case errors.As(err, &place):
		p = problem(http.StatusUnprocessableEntity, "%v", err)
		p.Field = place.Field
	case errors.As(err, &text):
		p = problem(http.StatusUnprocessableEntity, "%v", err)
		p.Field, p.Known = "text", text.Near
	case errors.As(err, &tooLong):
		p = problem(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", tooLong.Limit)
	case errors.Is(err, pipeline.ErrNoPrompt), errors.Is(err, pipeline.ErrNoTrack), errors.Is(err, pipeline.ErrNoPlace),
		errors.Is(err, ErrNoEvent), errors.Is(err, ErrNoRecording):
		p = problem(http.StatusNotFound, "%v", err)
	case errors.Is(err, pipeline.ErrPromptExists):
		p = problem(http.StatusConflict, "%v", err)
		p.Field = "id"
	case errors.As(err, &config):
		p = problem(http.StatusUnprocessableEntity, "%v", config)
		p.Field, p.Line, p.Column = config.Field, config.Line, config.Column
	case errors.Is(err, ErrConfigChanged):
		p = problem(http.StatusPreconditionFailed, "%v: read it again, and make your change there", err)
	case errors.Is(err, ErrNoConfigFile), errors.Is(err, ErrCameraExists):
		p = problem(http.StatusConflict, "%v", err)
	case errors.Is(err, ErrBadCursor):
		p = problem(http.StatusBadRequest, "cursor: %v", ErrBadCursor)
		p.Field = "cursor"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p = problem(http.StatusServiceUnavailable, "no answer in time: is the camera streaming?")
	default:
		p = problem(http.StatusInternalServerError, "%v", err)
	}
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	return p
}

// writeProblem answers with err.
func writeProblem(w http.ResponseWriter, err error) {
	p := asProblem(err)
	h := w.Header()
	h.Del("ETag")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone when this fails
}

// methodNotAllowed answers 405 and names the methods that a path has.
func methodNotAllowed(allow []string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		return problem(http.StatusMethodNotAllowed, "%s is not for %s; allowed: %s", r.URL.Path, r.Method, strings.Join(allow, ", "))
	}
}
