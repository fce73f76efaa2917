package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
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
	Mask   *mask.RLE        `json:"mask"`
	Level  int              `json:"level"`
	At     *time.Time       `json:"frame_time"`
}

type promptList struct {
	Prompts []pipeline.PromptStatus `json:"prompts"`
}

// promptChange tells the streams that a camera's prompts are no longer what they were.
type promptChange struct {
	Camera string `json:"camera"`
	ID     string `json:"id"`
	Change string `json:"change"` // created, deleted, state
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
		Mask: q.Mask, Level: q.Level, At: q.At,
	}
	status, err := s.Directory.Status(cam)
	if err != nil {
		return err
	}
	if err := p.Validate(status.Width, status.Height); err != nil {
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
