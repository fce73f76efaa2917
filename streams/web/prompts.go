package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// promptWait is how long a new prompt may wait for its answer: two frames of a slow camera.
const promptWait = 10 * time.Second

// maxPromptID bounds the ids that clients choose.
const maxPromptID = 64

// promptRequest is the body of a new prompt: the members of a pipeline.Prompt that are the
// client's to say.
type promptRequest struct {
	ID     string           `json:"id"`
	Points []pipeline.Point `json:"points"`
	Labels []int            `json:"labels"`
	Box    *pipeline.Box    `json:"box"`
	Text   []string         `json:"text"`
	Zone   []pipeline.Point `json:"zone"`
	Mask   *mask.RLE        `json:"mask"`
	Level  int              `json:"level"`
	TopK   int              `json:"top_k"`
	MinCos float64          `json:"threshold"`
	At     *time.Time       `json:"frame_time"`
}

type promptList struct {
	Prompts []pipeline.PromptStatus `json:"prompts"`
}

// promptChange tells the streams that a camera's prompts are no longer what they were.
type promptChange struct {
	Camera string `json:"camera"`
	ID     string `json:"id"`
	Change string `json:"change"` // created, changed, deleted, state
}

// prompts finds the prompts of the camera in the path.
func (s *Server) prompts(r *http.Request) (pipeline.Prompts, error) {
	p, err := s.Directory.Prompts(r.PathValue("cam"))
	var unknown *pipeline.UnknownCameraError
	if err != nil && !errors.As(err, &unknown) {
		return nil, problem(http.StatusConflict, "%v", err)
	}
	return p, err
}

func (s *Server) listPrompts(w http.ResponseWriter, r *http.Request) error {
	p, err := s.prompts(r)
	if err != nil {
		return err
	}
	list := p.List()
	if list == nil {
		list = []pipeline.PromptStatus{}
	}
	return writeJSON(w, http.StatusOK, promptList{list})
}

func (s *Server) getPrompt(w http.ResponseWriter, r *http.Request) error {
	p, err := s.prompts(r)
	if err != nil {
		return err
	}
	st, err := p.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, st)
}

func (s *Server) createPrompt(w http.ResponseWriter, r *http.Request) error {
	cam := r.PathValue("cam")
	prompts, err := s.prompts(r)
	if err != nil {
		return err
	}
	var q promptRequest
	if err := readJSON(r, &q); err != nil {
		return err
	}
	if err := checkPromptID(q.ID); err != nil {
		return err
	}
	p := pipeline.Prompt{
		ID: q.ID, Camera: cam, Points: q.Points, Labels: q.Labels, Box: q.Box, Text: q.Text,
		Zone: q.Zone, Mask: q.Mask, Level: q.Level, TopK: q.TopK, MinCos: q.MinCos, At: q.At,
	}
	if err := s.fits(cam, &p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), promptWait)
	defer cancel()
	st, err := prompts.Create(ctx, p)
	if err != nil {
		return err
	}
	s.hub.send("prompt", "", promptChange{cam, st.ID, "created"})
	w.Header().Set("Location", api+"/cameras/"+url.PathEscape(cam)+"/prompts/"+url.PathEscape(st.ID))
	return writeJSON(w, http.StatusCreated, st)
}

// fits refuses a prompt that cannot be one of the camera's pictures.
func (s *Server) fits(cam string, p *pipeline.Prompt) error {
	status, err := s.Directory.Status(cam)
	if err != nil {
		return err
	}
	return p.Validate(status.Width, status.Height)
}

// promptPatch changes a prompt: missing members stay as they are, and a new place (points,
// box, mask) replaces the old one whatever its kind.
type promptPatch struct {
	Points *[]pipeline.Point `json:"points"`
	Labels *[]int            `json:"labels"`
	Box    *pipeline.Box     `json:"box"`
	Text   *[]string         `json:"text"`
	Zone   *[]pipeline.Point `json:"zone"`
	Mask   *mask.RLE         `json:"mask"`
	Level  *int              `json:"level"`
	TopK   *int              `json:"top_k"`
	MinCos *float64          `json:"threshold"`
	At     *time.Time        `json:"frame_time"`
	Refine bool              `json:"refine"`
}

// keeps reports whether the prompt stays what it is: at most another level of what it follows
// is chosen, and a refinement asked for.
func (q *promptPatch) keeps() bool {
	return q.Points == nil && q.Labels == nil && q.Box == nil && q.Text == nil && q.Zone == nil && q.Mask == nil &&
		q.TopK == nil && q.MinCos == nil && q.At == nil && (q.Level != nil || q.Refine)
}

// apply returns p changed. now is where p's object is, nil when nobody knows: a prompt that
// keeps its place but asks otherwise must look there, since the object has moved since.
func (q *promptPatch) apply(p pipeline.Prompt, now *pipeline.Point) pipeline.Prompt {
	placed := q.Points != nil || q.Box != nil || q.Mask != nil
	switch {
	case placed:
		p.Points, p.Labels, p.Box, p.Mask = nil, nil, q.Box, q.Mask
		if q.Points != nil {
			p.Points = *q.Points
		}
	case now != nil && p.Kind() != pipeline.PromptText:
		p.Points, p.Labels, p.Box, p.Mask = []pipeline.Point{*now}, nil, nil, nil
	}
	if q.Labels != nil {
		p.Labels = *q.Labels
	}
	if q.Text != nil {
		p.Text = *q.Text
	}
	if q.Zone != nil {
		p.Zone = *q.Zone
	}
	if q.Level != nil {
		p.Level = *q.Level
	}
	if q.TopK != nil {
		p.TopK = *q.TopK
	}
	if q.MinCos != nil {
		p.MinCos = *q.MinCos
	}
	p.At = q.At
	return p
}

// patchPrompt has a prompt that follows something follow another level of it, without
// inference, or replaces it by a changed one of the same id. When the changed one is refused,
// the old one stays.
func (s *Server) patchPrompt(w http.ResponseWriter, r *http.Request) error {
	cam, id := r.PathValue("cam"), r.PathValue("id")
	prompts, err := s.prompts(r)
	if err != nil {
		return err
	}
	var q promptPatch
	if err := readJSON(r, &q); err != nil {
		return err
	}
	old, err := prompts.Get(id)
	if err != nil {
		return err
	}
	if q.keeps() && (old.TrackID != 0 || q.Level == nil) {
		ctx, cancel := context.WithTimeout(r.Context(), promptWait)
		defer cancel()
		st, err := prompts.Change(ctx, id, pipeline.PromptChange{Level: q.Level, Refine: q.Refine})
		if err != nil {
			return err
		}
		s.hub.send("prompt", "", promptChange{cam, st.ID, "changed"})
		return writeJSON(w, http.StatusOK, st)
	}
	p := q.apply(old.Prompt, s.within(cam, old.TrackID))
	if err := s.fits(cam, &p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), promptWait)
	defer cancel()
	if err := prompts.Delete(id); err != nil {
		return err
	}
	st, err := prompts.Create(ctx, p)
	if err != nil {
		// The request may have ended, the prompt must not.
		back, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), promptWait)
		defer cancel()
		if _, e := prompts.Create(back, old.Prompt); e != nil {
			s.Log.Error("prompt lost while it was changed", "camera", cam, "prompt", id, "error", e)
		}
		return err
	}
	s.hub.send("prompt", "", promptChange{cam, st.ID, "changed"})
	return writeJSON(w, http.StatusOK, st)
}

// within is a point of what a track covers now, nil when it is not seen.
func (s *Server) within(cam string, track uint64) *pipeline.Point {
	res, err := s.Directory.Latest(cam)
	if err != nil || res == nil {
		return nil
	}
	defer res.Release()
	for i := range res.Tracks {
		t := &res.Tracks[i]
		if t.ID != track || !t.Box.Finite() {
			continue
		}
		b := t.Box.Clip(res.Frame.Width, res.Frame.Height)
		c := b.Center()
		if b.Area() <= 0 {
			return nil
		}
		if t.Mask == nil || t.Mask.At(c.X, c.Y) {
			return &c
		}
		// Rows from the middle outwards, the middle of the first run that covers anything.
		for d := range 16 {
			for _, y := range [2]float64{c.Y + float64(d)*b.H()/32, c.Y - float64(d)*b.H()/32} {
				for i := range 33 {
					// From the middle of the row to its ends.
					x := c.X + float64((i+1)/2)*b.W()/34*float64(1-2*(i%2))
					if t.Mask.At(x, y) {
						return &pipeline.Point{X: x, Y: y}
					}
				}
			}
		}
	}
	return nil
}

func (s *Server) deletePrompt(w http.ResponseWriter, r *http.Request) error {
	p, err := s.prompts(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := p.Delete(id); err != nil {
		return err
	}
	s.hub.send("prompt", "", promptChange{r.PathValue("cam"), id, "deleted"})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// levelList is what a prompt or a track can mean, coarse to fine.
type levelList struct {
	frameRef
	Levels []levelItem `json:"levels"`
}

type levelItem struct {
	pipeline.Level
	Mask *mask.RLE `json:"mask,omitempty"` // unless ?masks=0, at the frame's size
}

func (s *Server) promptLevels(w http.ResponseWriter, r *http.Request) error {
	p, err := s.prompts(r)
	if err != nil {
		return err
	}
	l, err := p.Levels(r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeLevels(w, r, l)
}

func (s *Server) trackLevels(w http.ResponseWriter, r *http.Request) error {
	p, err := s.prompts(r)
	if err != nil {
		return err
	}
	id, err := strconv.ParseUint(r.PathValue("track"), 10, 64)
	if err != nil {
		return fmt.Errorf("track %q: %w", r.PathValue("track"), pipeline.ErrNoTrack)
	}
	l, err := p.TrackLevels(id)
	if err != nil {
		return err
	}
	return writeLevels(w, r, l)
}

func writeLevels(w http.ResponseWriter, r *http.Request, l pipeline.Levels) error {
	masks, err := flag(r, "masks", true)
	if err != nil {
		return err
	}
	list := levelList{frameRef{r.PathValue("cam"), l.Seq, l.Time, l.Width, l.Height}, []levelItem{}}
	var e mask.Encoder
	for _, v := range l.Levels {
		item := levelItem{Level: v}
		if masks {
			item.Mask = encode(&e, v.Mask, list.frameRef)
		}
		list.Levels = append(list.Levels, item)
	}
	return writeJSON(w, http.StatusOK, list)
}

// checkPromptID lets through letters, digits, - and _: ids become parts of URLs and topics.
func checkPromptID(id string) error {
	if len(id) > maxPromptID {
		return &pipeline.PromptError{Field: "id", Reason: "longer than 64 characters"}
	}
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return &pipeline.PromptError{ID: id, Field: "id", Reason: "only letters, digits, - and _ are taken"}
		}
	}
	return nil
}
