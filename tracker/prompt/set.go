package prompt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Tracks is what prompts ask of the tracker, always from the camera's goroutine and with the
// result that the tracker has just filled.
type Tracks interface {
	// Pin ties a live track to a prompt and reports whether it lives. With hold the tracker
	// is patient when the track is lost, and careful.
	Pin(r *pipeline.Result, id uint64, prompt string, hold bool) bool
	// Unpin frees it.
	Unpin(r *pipeline.Result, id uint64)
	// Start returns the track of a segment of r, making one when needed, 0 when it cannot.
	Start(r *pipeline.Result, segment int) uint64
	// Outline gives a track the shape that the user drew, or starts one there for id 0.
	Outline(r *pipeline.Result, id uint64, m *mask.Mask) uint64
	// Name labels a live track.
	Name(r *pipeline.Result, id uint64, label string, similarity float64)
}

// Set holds the prompts of one camera. Fill the exported fields; zero values take the
// defaults named. It runs as the stage after the tracker. Its methods as pipeline.Prompts
// are safe for concurrent use; Process and Reset belong to the camera's goroutine.
type Set struct {
	Tracks Tracks // required

	// Texts and Images understand words; without both of them text prompts are refused.
	Texts  pipeline.TextEncoder
	Images pipeline.ImageEncoder

	// Distractors are words that compete with a prompt's: a track is taken only when the
	// prompt's words fit better than all of these. Words that mean the same as the prompt's
	// are left out by themselves. Unknown ones are ignored.
	Distractors []string

	// Labels are words that every track is named with, the best that fits; empty for none.
	Labels []string

	Budget    int           // regions embedded a frame at most, default 2
	Threshold float64       // least cosine of a word and a region, default 0.30
	Margin    float64       // least distance to competing words, default 0.05
	Refresh   time.Duration // time between embeddings of one known track, default 5 s

	History time.Duration // how far back a frame time may lie, default 2 s

	// NewLadder makes the levels of one object; nil for prompts without levels to list and choose.
	NewLadder func() Ladder

	// Refiner segments prompted objects anew on key frames; nil for none. Refine says when.
	Refiner pipeline.Refiner
	Refine  Refine

	mu      sync.Mutex // guards what follows
	prompts []*entry   // oldest first
	waiting []*request
	changes []*change
	freed   []uint64 // tracks of deleted prompts, to be unpinned
	w, h    int
	seq     uint64

	history history
	words   words
	looks   looks
	refined refinery
}

// entry is a prompt that has been answered at least once.
type entry struct {
	status pipeline.PromptStatus
	target target        // geometric prompts
	words  query         // text prompts
	tracks []uint64      // pinned or matched, ids ascending
	first  *pipeline.Box // where it was first answered
	last   sighting      // of the followed object
	anchor anchor        // how it looked at first
	lost   time.Time     // when its track ended
	anew   bool          // the stream was reset since, or the program started
	trial  trial
	ballot []ballot // of text prompts, ids ascending
	fits   []fitting
	climb  climb     // of geometric prompts
	asked  time.Time // when words were last asked about a point
}

// request is a Create that waits for a frame.
type request struct {
	prompt pipeline.Prompt
	target target
	words  query
	memory *pipeline.PromptMemory // of an earlier run, nil for none
	frames int                    // that have passed
	done   chan struct{}
	status pipeline.PromptStatus
	err    error
}

var (
	_ pipeline.Stage   = (*Set)(nil)
	_ pipeline.Prompts = (*Set)(nil)
)

// Create adds a prompt and waits for the frame that answers it, the next or the one after.
// A frame that never comes ends with ctx.
func (s *Set) Create(ctx context.Context, p pipeline.Prompt) (pipeline.PromptStatus, error) {
	q, err := s.submit(ctx, p, nil)
	if err != nil {
		return pipeline.PromptStatus{}, err
	}
	select {
	case <-q.done:
		return q.status, q.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-q.done: // answered at the last moment
		return q.status, q.err
	default:
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(o *request) bool { return o == q })
	s.remove(q.prompt.ID) // a text prompt may have begun
	return pipeline.PromptStatus{}, ctx.Err()
}

// Restore adds a prompt without waiting for its answer, for those of a configuration or of
// an earlier run, before or while frames come. The errors are Create's.
func (s *Set) Restore(ctx context.Context, p pipeline.Prompt) error {
	_, err := s.submit(ctx, p, nil)
	return err
}

// submit checks a prompt and queues it, with what is remembered of its object, nil for nothing.
func (s *Set) submit(ctx context.Context, p pipeline.Prompt, m *pipeline.PromptMemory) (*request, error) {
	q := &request{prompt: clonePrompt(p), memory: m, done: make(chan struct{})}
	s.mu.Lock()
	w, h := s.w, s.h
	s.mu.Unlock()
	if m != nil { // it will not look at its old place, in a frame that may have had another size
		w, h = 0, 0
	}
	if err := q.prompt.Validate(w, h); err != nil {
		return nil, err
	}
	var err error
	if q.target, err = newTarget(&q.prompt); err != nil {
		return nil, err
	}
	if len(p.Text) > 0 {
		if q.words, err = s.parse(ctx, &q.prompt); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.prompt.ID == "" {
		q.prompt.ID = "p-" + uuid.NewString()[:8]
	}
	if s.taken(q.prompt.ID) {
		return nil, fmt.Errorf("prompt %q: %w", q.prompt.ID, pipeline.ErrPromptExists)
	}
	if q.prompt.Created.IsZero() {
		q.prompt.Created = time.Now()
	}
	s.waiting = append(s.waiting, q)
	return q, nil
}

func (s *Set) taken(id string) bool {
	return s.index(id) >= 0 || slices.ContainsFunc(s.waiting, func(q *request) bool { return q.prompt.ID == id })
}

func clonePrompt(p pipeline.Prompt) pipeline.Prompt {
	p.Points, p.Labels, p.Text, p.Zone = slices.Clone(p.Points), slices.Clone(p.Labels), slices.Clone(p.Text), slices.Clone(p.Zone)
	if p.Box != nil {
		b := *p.Box
		p.Box = &b
	}
	if p.Mask != nil {
		m := *p.Mask
		p.Mask = &m
	}
	if p.At != nil {
		t := *p.At
		p.At = &t
	}
	return p
}

// List implements pipeline.Prompts. Prompts that no frame has answered yet are included, as
// searching.
func (s *Set) List() []pipeline.PromptStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]pipeline.PromptStatus, 0, len(s.prompts))
	for _, e := range s.prompts {
		out = append(out, e.copy())
	}
	for _, q := range s.waiting {
		if q.frames == 0 {
			out = append(out, q.pendingStatus())
		}
	}
	return out
}

// Get implements pipeline.Prompts.
func (s *Set) Get(id string) (pipeline.PromptStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(id); i >= 0 {
		return s.prompts[i].copy(), nil
	}
	for _, q := range s.waiting {
		if q.prompt.ID == id {
			return q.pendingStatus(), nil
		}
	}
	return pipeline.PromptStatus{}, fmt.Errorf("prompt %q: %w", id, pipeline.ErrNoPrompt)
}

func (q *request) pendingStatus() pipeline.PromptStatus {
	return pipeline.PromptStatus{Prompt: clonePrompt(q.prompt), State: pipeline.PromptSearching, Why: "no frame has been looked at yet"}
}

// Delete implements pipeline.Prompts. The tracks live on as ordinary ones. A Create that still
// waits for its answer ends with ErrNoPrompt.
func (s *Set) Delete(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := fmt.Errorf("prompt %q: %w", id, pipeline.ErrNoPrompt)
	known := s.remove(id)
	s.waiting = slices.DeleteFunc(s.waiting, func(q *request) bool {
		if q.prompt.ID != id {
			return false
		}
		known = true
		q.finish(pipeline.PromptStatus{}, gone)
		return true
	})
	if !known {
		return gone
	}
	return nil
}

// remove takes a prompt out and frees its tracks with the next frame.
func (s *Set) remove(id string) bool {
	i := s.index(id)
	if i < 0 {
		return false
	}
	s.freed = append(s.freed, s.prompts[i].tracks...)
	s.prompts = slices.Delete(s.prompts, i, i+1)
	return true
}

func (s *Set) index(id string) int {
	return slices.IndexFunc(s.prompts, func(e *entry) bool { return e.status.ID == id })
}

// copy is the status without memory that later frames change.
func (e *entry) copy() pipeline.PromptStatus {
	c := e.status
	c.Prompt = clonePrompt(c.Prompt)
	c.TrackIDs, c.Alternatives = slices.Clone(c.TrackIDs), slices.Clone(c.Alternatives)
	if c.AnswerBox != nil {
		b := *c.AnswerBox
		c.AnswerBox = &b
	}
	if c.Refined != nil {
		f := *c.Refined
		c.Refined = &f
	}
	return c
}

func (q *request) finish(st pipeline.PromptStatus, err error) {
	q.status, q.err = st, err
	close(q.done)
}

func (s *Set) defaults() {
	if s.Budget <= 0 {
		s.Budget = 2
	}
	if s.Threshold <= 0 {
		s.Threshold = 0.30
	}
	if s.Margin <= 0 {
		s.Margin = 0.05
	}
	if s.Refresh <= 0 {
		s.Refresh = 5 * time.Second
	}
	if s.History <= 0 {
		s.History = 2 * time.Second
	}
}

// Process answers new prompts and brings all of them up to date with the tracks of r. It
// fails when an encoder fails; geometric prompts are served all the same.
func (s *Set) Process(ctx context.Context, r *pipeline.Result) error {
	if s.Tracks == nil {
		return errors.New("prompts: no tracker is connected")
	}
	s.defaults()
	s.mu.Lock()
	s.w, s.h, s.seq = r.Frame.Width, r.Frame.Height, r.Frame.Seq
	for _, id := range s.freed {
		s.Tracks.Unpin(r, id)
		s.Tracks.Name(r, id, "", 0)
	}
	s.repin(r)
	s.freed = s.freed[:0]
	s.history.add(r, s.History)
	err := s.intake(ctx, r)
	for _, e := range s.prompts {
		if e.target.kind != pipeline.PromptText {
			if e.undecided() {
				err = errors.Join(err, s.retryWords(ctx, r, e))
			} else {
				s.follow(r, e)
			}
			s.step(r, e)
		}
	}
	s.change(r)
	needed := len(s.Labels) > 0 || slices.ContainsFunc(s.prompts, (*entry).wantsLooks)
	s.mu.Unlock()

	if needed && s.Images != nil && s.Texts != nil {
		err = errors.Join(err, s.look(ctx, r))
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.prompts {
		if e.target.kind == pipeline.PromptText {
			s.collect(r, e)
		} else {
			s.remember(e)
		}
	}
	s.label(r)
	s.answer()
	return errors.Join(err, s.refine(r))
}

// repin gives tracks that were freed of one prompt back to another that has them too.
func (s *Set) repin(r *pipeline.Result) {
	for _, id := range s.freed {
		for _, e := range s.prompts {
			if slices.Contains(e.tracks, id) {
				s.Tracks.Pin(r, id, e.status.ID, e.target.kind != pipeline.PromptText)
				break
			}
		}
	}
}

// intake makes entries of waiting requests. Those that the frame refuses are answered.
func (s *Set) intake(ctx context.Context, r *pipeline.Result) error {
	var err error
	keep := s.waiting[:0]
	for _, q := range s.waiting {
		if q.frames == 0 {
			if err := s.fits(q); err != nil && q.memory == nil {
				q.finish(pipeline.PromptStatus{}, err)
				continue
			}
			e := &entry{target: q.target, words: q.words}
			e.status = pipeline.PromptStatus{Prompt: q.prompt, State: pipeline.PromptSearching}
			s.prompts = append(s.prompts, e)
			switch {
			case q.memory != nil:
				e.recall(r, q.memory)
			case e.target.kind != pipeline.PromptText:
				err = errors.Join(err, s.resolve(ctx, r, e))
			}
		}
		q.frames++
		keep = append(keep, q)
	}
	clear(s.waiting[len(keep):])
	s.waiting = keep
	return err
}

// fits refuses a prompt that lies outside the frame.
func (s *Set) fits(q *request) error {
	if err := q.prompt.Validate(s.w, s.h); err != nil {
		return err
	}
	if size := q.target.maskSize; q.target.mask != nil && size != [2]int{s.w, s.h} {
		return &pipeline.PromptError{ID: q.prompt.ID, Field: "mask", Reason: fmt.Sprintf("it is %dx%d, the frame is %dx%d: give the mask at the frame's size", size[0], size[1], s.w, s.h)}
	}
	return nil
}

// answer wakes the requests whose prompt is settled: found, geometric, or two frames old.
func (s *Set) answer() {
	keep := s.waiting[:0]
	for _, q := range s.waiting {
		i := s.index(q.prompt.ID)
		if i < 0 { // came while the encoder worked: the next frame takes it in
			keep = append(keep, q)
			continue
		}
		e := s.prompts[i]
		if e.target.kind == pipeline.PromptText && e.status.State == pipeline.PromptSearching && q.frames < 2 {
			keep = append(keep, q)
			continue
		}
		q.finish(e.copy(), nil)
	}
	clear(s.waiting[len(keep):])
	s.waiting = keep
}

// Reset forgets the segments and tracks of the old stream; the prompts stay, searching.
func (s *Set) Reset(uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.clear()
	s.looks.clear()
	s.refined.clear()
	s.freed = s.freed[:0]
	s.w, s.h = 0, 0
	for _, e := range s.prompts {
		if len(e.tracks) > 0 {
			e.anew, e.lost = true, e.last.at
		}
		e.drop("the stream started anew")
		e.climb.reset()
	}
}
