package pipetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// request is a prompt that waits for a frame to answer it.
type request struct {
	prompt pipeline.Prompt
	status pipeline.PromptStatus
	done   chan struct{}
}

// Create implements pipeline.Prompts.
func (s *Follower) Create(ctx context.Context, p pipeline.Prompt) (pipeline.PromptStatus, error) {
	q := &request{prompt: p, done: make(chan struct{})}
	if err := s.accept(q); err != nil {
		return pipeline.PromptStatus{}, err
	}
	select {
	case <-q.done:
		return q.status, nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-q.done: // answered at the last moment
		return q.status, nil
	default:
	}
	s.pending = slices.DeleteFunc(s.pending, func(o *request) bool { return o == q })
	return pipeline.PromptStatus{}, ctx.Err()
}

// accept checks a request and queues it for the next frame.
func (s *Follower) accept(q *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &q.prompt
	if err := p.Validate(s.w, s.h); err != nil {
		return err
	}
	for _, t := range p.Text {
		if len(colorsIn(t)) == 0 {
			return unknownText(t)
		}
	}
	if p.Mask != nil {
		if _, err := p.Mask.Mask(); err != nil {
			return &pipeline.PromptError{ID: p.ID, Field: "mask", Reason: err.Error()}
		}
	}
	if p.ID == "" {
		s.made++
		p.ID = fmt.Sprintf("prompt-%d", s.made)
	}
	taken := slices.ContainsFunc(s.pending, func(o *request) bool { return o.prompt.ID == p.ID })
	if taken || s.index(p.ID) >= 0 {
		return fmt.Errorf("prompt %q: %w", p.ID, pipeline.ErrPromptExists)
	}
	if p.Created.IsZero() {
		p.Created = time.Now()
	}
	s.pending = append(s.pending, q)
	return nil
}

// List implements pipeline.Prompts.
func (s *Follower) List() []pipeline.PromptStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]pipeline.PromptStatus, 0, len(s.prompts))
	for _, p := range s.prompts {
		out = append(out, copyStatus(p))
	}
	return out
}

// Get implements pipeline.Prompts.
func (s *Follower) Get(id string) (pipeline.PromptStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(id); i >= 0 {
		return copyStatus(s.prompts[i]), nil
	}
	return pipeline.PromptStatus{}, fmt.Errorf("prompt %q: %w", id, pipeline.ErrNoPrompt)
}

// Delete implements pipeline.Prompts.
func (s *Follower) Delete(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		return fmt.Errorf("prompt %q: %w", id, pipeline.ErrNoPrompt)
	}
	s.prompts = slices.Delete(s.prompts, i, i+1)
	for _, t := range s.tracks {
		if t.PromptID == id {
			t.PromptID = ""
		}
	}
	return nil
}

// Change implements pipeline.Prompts: squares have one level, and there is nothing to refine them.
func (s *Follower) Change(_ context.Context, id string, c pipeline.PromptChange) (pipeline.PromptStatus, error) {
	st, err := s.Get(id)
	switch {
	case err != nil:
	case c.Level != nil && *c.Level != 0:
		err = &pipeline.PromptError{ID: id, Field: "level", Reason: fmt.Sprintf("%d, the object has level 0 only", *c.Level)}
	case c.Refine:
		err = &pipeline.PromptError{ID: id, Field: "refine", Reason: "there is no precise model"}
	}
	return st, err
}

// Levels implements pipeline.Prompts.
func (s *Follower) Levels(id string) (pipeline.Levels, error) {
	st, err := s.Get(id)
	if err != nil || st.TrackID == 0 {
		return pipeline.Levels{}, err
	}
	return s.TrackLevels(st.TrackID)
}

// TrackLevels implements pipeline.Prompts.
func (s *Follower) TrackLevels(track uint64) (pipeline.Levels, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tracks {
		if t.ID == track {
			return pipeline.Levels{Width: s.w, Height: s.h, Levels: []pipeline.Level{{
				Key: track, Box: t.Box, Area: t.mask.PixelArea(), Score: t.Score, Chosen: true, Seen: t.Observed, Mask: t.mask.Clone(), Segment: -1,
			}}}, nil
		}
	}
	return pipeline.Levels{}, fmt.Errorf("track %d: %w", track, pipeline.ErrNoTrack)
}

func (s *Follower) index(id string) int {
	return slices.IndexFunc(s.prompts, func(p *pipeline.PromptStatus) bool { return p.ID == id })
}

// copyStatus is p without memory that the next frame changes.
func copyStatus(p *pipeline.PromptStatus) pipeline.PromptStatus {
	c := *p
	c.TrackIDs = slices.Clone(p.TrackIDs)
	return c
}

// answer resolves new prompts and brings all of them up to date with the tracks of r.
func (s *Follower) answer(r *pipeline.Result) {
	first := len(s.prompts)
	for _, q := range s.pending {
		p := &pipeline.PromptStatus{Prompt: q.prompt, State: pipeline.PromptSearching}
		s.prompts = append(s.prompts, p)
		if len(p.Text) == 0 {
			if t := s.resolve(&q.prompt); t != nil {
				t.PromptID = p.ID
			}
		}
	}
	for _, p := range s.prompts {
		p.State, p.TrackID, p.TrackIDs, p.Why = pipeline.PromptSearching, 0, nil, "nothing there"
		p.AnswerBox, p.Score = nil, 0
		for _, t := range s.tracks {
			if len(p.Text) > 0 && t.PromptID == "" && named(p.Text, t.Label) {
				t.PromptID = p.ID
			}
			if t.PromptID != p.ID || t.State != pipeline.Confirmed {
				continue
			}
			if p.TrackID == 0 {
				box := t.Box
				p.State, p.TrackID, p.AnswerBox, p.Score = pipeline.PromptTracking, t.ID, &box, t.Score
				p.Why = fmt.Sprintf("the %s square", t.Label)
			}
			p.TrackIDs = append(p.TrackIDs, t.ID)
		}
	}
	for i, q := range s.pending {
		q.status = copyStatus(s.prompts[first+i])
		close(q.done)
	}
	s.pending = s.pending[:0]
}

// named tells whether one of the texts names the colour.
func named(texts []string, label string) bool {
	for _, t := range texts {
		for _, i := range colorsIn(t) {
			if Palette[i].Name == label {
				return true
			}
		}
	}
	return false
}

// resolve is the observed track that a point, box or mask prompt means, nil for none.
func (s *Follower) resolve(p *pipeline.Prompt) *followed {
	var best *followed
	most := 0.
	for _, t := range s.tracks {
		if !t.Observed {
			continue
		}
		score := 0.
		switch {
		case len(p.Points) > 0:
			if hits(p, t.mask) {
				score = 1 / t.mask.PixelArea() // the smallest
			}
		case p.Box != nil:
			score = thresholded(t.Box.IoU(*p.Box))
		case p.Mask != nil:
			if m, err := p.Mask.Mask(); err == nil {
				score = thresholded(mask.IoU(m.Resample(t.mask.Grid()), t.mask))
			}
		}
		if score > most {
			best, most = t, score
		}
	}
	return best
}

// thresholded is an overlap, 0 when it is too small to mean the same thing.
func thresholded(iou float64) float64 {
	if iou < .3 {
		return 0
	}
	return iou
}

// hits tells whether m holds all points on the object and none of the others.
func hits(p *pipeline.Prompt, m *mask.Mask) bool {
	for i, q := range p.Points {
		if on := i >= len(p.Labels) || p.Labels[i] == 1; m.At(q.X, q.Y) != on {
			return false
		}
	}
	return true
}
