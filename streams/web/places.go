package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"outrider/pipeline"
)

type zoneList struct {
	Zones []pipeline.ZoneCount `json:"zones"`
}

type lineList struct {
	Lines []pipeline.LineCount `json:"lines"`
}

// placeChange tells the streams that a camera's zones or lines are no longer what they were.
type placeChange struct {
	Camera string `json:"camera"`
	ID     string `json:"id"`
	Change string `json:"change"` // created, changed, deleted, reset
}

// places finds the zones and lines of the camera in the path.
func (s *Server) places(r *http.Request) (pipeline.Places, error) {
	p, err := s.Directory.Places(r.PathValue("cam"))
	var unknown *pipeline.UnknownCameraError
	if err != nil && !errors.As(err, &unknown) {
		return nil, problem(http.StatusConflict, "%v", err)
	}
	return p, err
}

// entityTag names a version of what was set, whatever has been counted since.
func entityTag(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // no zone or line that was taken holds what JSON cannot say
		return ""
	}
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// checkMatch holds a change against If-Match and If-None-Match. tag is "" for what does not
// exist.
func checkMatch(r *http.Request, tag string) error {
	if want := r.Header.Get("If-Match"); want != "" && !listsTag(want, tag) {
		if tag == "" {
			return problem(http.StatusPreconditionFailed, "it does not exist any more; leave If-Match out to make it")
		}
		return problem(http.StatusPreconditionFailed, "somebody has changed it meanwhile: get it again and repeat your change with its new ETag")
	}
	if not := r.Header.Get("If-None-Match"); not != "" && listsTag(not, tag) {
		return problem(http.StatusPreconditionFailed, "it exists already")
	}
	return nil
}

// listsTag tells whether a header's list of tags, or *, holds the tag of something that exists.
func listsTag(list, tag string) bool {
	if tag == "" {
		return false
	}
	for t := range strings.SplitSeq(list, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == "*" || t == tag {
			return true
		}
	}
	return false
}

// placeKind is what zones and lines differ in.
type placeKind struct {
	name   string
	list   func(c *pipeline.Counts) any
	find   func(p pipeline.Places, id string) (spec, count any, err error)
	read   func(r *http.Request, id string) (set func(pipeline.Places) error, err error)
	delete func(p pipeline.Places, id string) error
	reset  func(p pipeline.Places, id string) error
}

var zones = &placeKind{
	name: "zone",
	list: func(c *pipeline.Counts) any { return zoneList{c.Zones} },
	find: func(p pipeline.Places, id string) (spec, count any, err error) {
		list := p.Counts().Zones
		if i := slices.IndexFunc(list, func(z pipeline.ZoneCount) bool { return z.ID == id }); i >= 0 {
			return list[i].Zone, list[i], nil
		}
		return nil, nil, fmt.Errorf("zone %q: %w", id, pipeline.ErrNoPlace)
	},
	read: func(r *http.Request, id string) (func(pipeline.Places) error, error) {
		var q pipeline.ZoneCount
		if err := readJSON(r, &q); err != nil {
			return nil, err
		}
		if err := checkPlaceID("zone", id, q.ID); err != nil {
			return nil, err
		}
		q.ID = id
		return func(p pipeline.Places) error { return p.SetZone(q.Zone) }, nil
	},
	delete: pipeline.Places.DeleteZone,
	reset:  pipeline.Places.ResetZone,
}

var lines = &placeKind{
	name: "line",
	list: func(c *pipeline.Counts) any { return lineList{c.Lines} },
	find: func(p pipeline.Places, id string) (spec, count any, err error) {
		list := p.Counts().Lines
		if i := slices.IndexFunc(list, func(l pipeline.LineCount) bool { return l.ID == id }); i >= 0 {
			return list[i].Line, list[i], nil
		}
		return nil, nil, fmt.Errorf("line %q: %w", id, pipeline.ErrNoPlace)
	},
	read: func(r *http.Request, id string) (func(pipeline.Places) error, error) {
		var q pipeline.LineCount
		if err := readJSON(r, &q); err != nil {
			return nil, err
		}
		if err := checkPlaceID("line", id, q.ID); err != nil {
			return nil, err
		}
		q.ID = id
		return func(p pipeline.Places) error { return p.SetLine(q.Line) }, nil
	},
	delete: pipeline.Places.DeleteLine,
	reset:  pipeline.Places.ResetLine,
}

// checkPlaceID refuses a body that names another place than the path.
func checkPlaceID(kind, path, body string) error {
	if body != "" && body != path {
		return &pipeline.PlaceError{Kind: kind, ID: path, Field: "id", Reason: fmt.Sprintf("the body names it %q; to rename it, put it under that name and delete this one", body)}
	}
	return nil
}

func (s *Server) listPlaces(k *placeKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.places(r)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, k.list(p.Counts()))
	}
}

func (s *Server) getPlace(k *placeKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.places(r)
		if err != nil {
			return err
		}
		return answerPlace(w, http.StatusOK, k, p, r.PathValue("id"))
	}
}

// answerPlace answers with a zone or line and its tag.
func answerPlace(w http.ResponseWriter, status int, k *placeKind, p pipeline.Places, id string) error {
	spec, count, err := k.find(p, id)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", entityTag(spec))
	return writeJSON(w, status, count)
}

// putPlace makes or changes a zone or line. What only the server says of one, its counts, is
// ignored in the body, so that what was got can be put.
func (s *Server) putPlace(k *placeKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.places(r)
		if err != nil {
			return err
		}
		id := r.PathValue("id")
		set, err := k.read(r, id)
		if err != nil {
			return err
		}
		s.changing.Lock()
		defer s.changing.Unlock()
		tag, change, status := "", "created", http.StatusCreated
		if spec, _, err := k.find(p, id); err == nil {
			tag, change, status = entityTag(spec), "changed", http.StatusOK
		}
		if err := checkMatch(r, tag); err != nil {
			return err
		}
		if err := set(p); err != nil {
			return err
		}
		cam := r.PathValue("cam")
		s.hub.send(k.name, "", placeChange{cam, id, change})
		if status == http.StatusCreated {
			w.Header().Set("Location", api+"/cameras/"+url.PathEscape(cam)+"/"+k.name+"s/"+url.PathEscape(id))
		}
		return answerPlace(w, status, k, p, id)
	}
}

func (s *Server) deletePlace(k *placeKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.places(r)
		if err != nil {
			return err
		}
		id := r.PathValue("id")
		s.changing.Lock()
		defer s.changing.Unlock()
		spec, _, err := k.find(p, id)
		if err != nil {
			return err
		}
		if err := checkMatch(r, entityTag(spec)); err != nil {
			return err
		}
		if err := k.delete(p, id); err != nil {
			return err
		}
		s.hub.send(k.name, "", placeChange{r.PathValue("cam"), id, "deleted"})
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// resetPlace sets totals to zero.
func (s *Server) resetPlace(k *placeKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.places(r)
		if err != nil {
			return err
		}
		id := r.PathValue("id")
		if err := k.reset(p, id); err != nil {
			return err
		}
		s.hub.send(k.name, "", placeChange{r.PathValue("cam"), id, "reset"})
		return answerPlace(w, http.StatusOK, k, p, id)
	}
}
