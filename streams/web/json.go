package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// writeJSON answers with v. Answers are about this moment, so nothing may keep them.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client is gone when this fails
	return nil
}

// readJSON decodes the body into v: one document, no unknown member. The error is a *Problem.
func readJSON(r *http.Request, v any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return problem(http.StatusUnsupportedMediaType, "the body must be application/json, the request says %q", r.Header.Get("Content-Type"))
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badJSON(err)
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return badJSON(errors.New("there is more than one JSON document"))
	}
	return nil
}

func badJSON(err error) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return err
	}
	p := problem(http.StatusBadRequest, "the body is not the JSON that is wanted: %v", err)
	var kind *json.UnmarshalTypeError
	switch name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); {
	case unknown:
		p.Field = strings.Trim(name, `"`)
	case errors.As(err, &kind):
		p.Field = kind.Field
	case errors.Is(err, io.EOF):
		p.Detail = "the body is empty"
	}
	return p
}
