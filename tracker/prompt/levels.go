package prompt

import (
	"context"
	"fmt"
	"slices"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Ladder keeps the levels of one object, part to whole, from frame to frame;
// models/levels.Ladder is one. One goroutine at a time.
type Ladder interface {
	// Step takes the segments of the next frame, in which a point of the object is at, and
	// returns the levels fine to coarse, without masks, valid until the next call.
	Step(r *pipeline.Result, at pipeline.Point) []pipeline.Level
	// Levels are those of the last Step with masks of their own.
	Levels() []pipeline.Level
	// Reset forgets them.
	Reset()
}

// climb is where a prompt stands on the ladder of its object.
type climb struct {
	ladder Ladder
	u, v   float64          // the object's point, as shares of its box
	aimed  bool             // u and v are set
	levels []pipeline.Level // of the newest frame, the ladder's memory; nil when it is not in sight
	key    uint64           // of the level that is followed
	at     time.Time
}

func (c *climb) reset() {
	c.levels, c.aimed, c.key = nil, false, 0
	if c.ladder != nil {
		c.ladder.Reset()
	}
}

// aim remembers which point of its object a prompt points at: the first click on it, or the
// middle of what was found.
func (e *entry) aim(g *segment) {
	at := g.box.Center()
	if len(e.target.on) > 0 {
		at = e.target.on[0]
	} else if g.mask != nil {
		at = inside(g.mask)
	}
	e.climb.reset()
	e.climb.place(g.box, at)
}

func (c *climb) place(b pipeline.Box, at pipeline.Point) {
	c.u, c.v, c.aimed = (at.X-b.X1)/b.W(), (at.Y-b.Y1)/b.H(), true
}

// point is where the object's point is in a frame that shows it as t. It stays on the mask.
func (c *climb) point(t *pipeline.Track) pipeline.Point {
	at := pipeline.Point{X: t.Box.X1 + c.u*t.Box.W(), Y: t.Box.Y1 + c.v*t.Box.H()}
	if c.aimed && (t.Mask == nil || t.Mask.At(at.X, at.Y)) {
		return at
	}
	if t.Mask != nil && !t.Mask.Empty() {
		at = inside(t.Mask)
	} else {
		at = t.Box.Center()
	}
	c.place(t.Box, at)
	return at
}

// inside is a point well inside a mask: the middle of the longest run of cells in the row
// that halves it.
func inside(m *mask.Mask) pipeline.Point {
	half, w := m.Area()/2, m.Window()
	y, seen := w.Min.Y, 0
	for ; y < w.Max.Y-1; y++ {
		for x := w.Min.X; x < w.Max.X; x++ {
			if m.Has(x, y) {
				seen++
			}
		}
		if seen > half {
			break
		}
	}
	best, from, run := 0, w.Min.X, 0
	for x := w.Min.X; x < w.Max.X; x++ {
		if !m.Has(x, y) {
			run = 0
			continue
		}
		if run++; run > best {
			best, from = run, x-run+1
		}
	}
	var p pipeline.Point
	p.X, p.Y = m.Grid().ToFrame(float64(from)+float64(best)/2, float64(y)+.5)
	return p
}

// step brings the ladder of a followed object up to date. The level that is followed keeps its
// key; its number may change.
func (s *Set) step(r *pipeline.Result, e *entry) {
	c := &e.climb
	c.levels = nil
	if s.NewLadder == nil || len(e.tracks) == 0 {
		return
	}
	t := trackOf(r, e.tracks[0])
	if t == nil || !t.Observed {
		return
	}
	if c.ladder == nil {
		c.ladder = s.NewLadder()
	}
	c.levels, c.at = c.ladder.Step(r, c.point(t)), r.Frame.Captured
	for i := range c.levels {
		v := &c.levels[i]
		if t.Segment >= 0 && v.Segment == t.Segment {
			c.key = v.Key
		}
		if v.Key == c.key {
			e.status.Level, e.target.level = v.Level, v.Level
		}
	}
}

// change is a Change that waits for a frame.
type change struct {
	id     string
	level  int
	frames int // that have passed
	done   chan struct{}
	status pipeline.PromptStatus
	err    error
}

// Change implements pipeline.Prompts. A new level takes effect with the next frame that shows
// it, without any inference; a refinement begins with the next frame.
func (s *Set) Change(ctx context.Context, id string, c pipeline.PromptChange) (pipeline.PromptStatus, error) {
	bad := func(field, format string, args ...any) (pipeline.PromptStatus, error) {
		return pipeline.PromptStatus{}, &pipeline.PromptError{ID: id, Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	if _, err := s.Get(id); err != nil {
		return pipeline.PromptStatus{}, err
	}
	if c.Refine && s.Refiner == nil {
		return bad("refine", "this camera runs without a precise model; start with --refine or model.refine")
	}
	if c.Level != nil {
		switch {
		case *c.Level < 0 || *c.Level > pipeline.MaxPromptLevel:
			return bad("level", "%d, want 0 to %d", *c.Level, pipeline.MaxPromptLevel)
		case s.NewLadder == nil:
			return bad("level", "this camera keeps no levels")
		}
	}
	s.mu.Lock()
	if i := s.index(id); i >= 0 && c.Refine {
		for _, t := range s.prompts[i].tracks {
			s.refined.ask(t)
		}
	}
	if c.Level == nil {
		s.mu.Unlock()
		return s.Get(id)
	}
	q := &change{id: id, level: *c.Level, done: make(chan struct{})}
	s.changes = append(s.changes, q)
	s.mu.Unlock()
	select {
	case <-q.done:
		return q.status, q.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-q.done:
		return q.status, q.err
	default:
	}
	s.changes = slices.DeleteFunc(s.changes, func(o *change) bool { return o == q })
	return pipeline.PromptStatus{}, ctx.Err()
}

// change makes the changes that wait for a frame.
func (s *Set) change(r *pipeline.Result) {
	s.changes = slices.DeleteFunc(s.changes, func(q *change) bool {
		err := s.choosing(r, q)
		q.frames++
		if err != nil && q.frames < 2 { // it may be seen in the next frame
			return false
		}
		if q.err = err; err == nil {
			q.status = s.prompts[s.index(q.id)].copy()
		}
		close(q.done)
		return true
	})
}

// choosing has a prompt follow the level that q names.
func (s *Set) choosing(r *pipeline.Result, q *change) error {
	bad := func(format string, args ...any) error {
		return &pipeline.PromptError{ID: q.id, Field: "level", Reason: fmt.Sprintf(format, args...)}
	}
	i := s.index(q.id)
	if i < 0 {
		return fmt.Errorf("prompt %q: %w", q.id, pipeline.ErrNoPrompt)
	}
	e := s.prompts[i]
	c := &e.climb
	switch {
	case e.target.kind == pipeline.PromptText:
		return bad("a text follows whole objects: point at one to choose its parts")
	case len(c.levels) == 0:
		return bad("nothing is in sight to choose from")
	case q.level >= len(c.levels):
		return bad("%d, the object has levels 0 to %d now", q.level, len(c.levels)-1)
	case !c.levels[q.level].Seen:
		return bad("level %d is not in sight in this frame", q.level)
	}
	to := c.levels[q.level]
	t := trackOf(r, e.tracks[0])
	if t == nil || to.Segment == t.Segment {
		return nil
	}
	at := c.point(t)
	id := s.Tracks.Start(r, to.Segment)
	if id == 0 {
		return bad("level %d cannot be followed", q.level)
	}
	s.freed = append(s.freed, e.tracks...)
	s.history.at(s.history.n - 1).segs[to.Segment].track = id
	e.first, e.anchor = nil, anchor{} // what the prompt means is another thing now
	s.take(r, e, id)
	if n := trackOf(r, id); n != nil {
		c.place(n.Box, at)
	}
	c.key = to.Key
	e.status.Level, e.target.level, e.status.Score = q.level, q.level, to.Score
	e.status.Why = fmt.Sprintf("level %d of %d, as chosen", q.level, len(c.levels)-1)
	return nil
}

// Levels implements pipeline.Prompts.
func (s *Set) Levels(id string) (pipeline.Levels, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		for _, q := range s.waiting {
			if q.prompt.ID == id {
				return pipeline.Levels{}, nil
			}
		}
		return pipeline.Levels{}, fmt.Errorf("prompt %q: %w", id, pipeline.ErrNoPrompt)
	}
	e := s.prompts[i]
	if len(e.climb.levels) == 0 {
		if e.status.TrackID != 0 && s.NewLadder != nil {
			return s.levelsOf(e.status.TrackID)
		}
		return pipeline.Levels{Seq: s.seq, Width: s.w, Height: s.h}, nil
	}
	ls := e.climb.ladder.Levels()
	for i := range ls {
		ls[i].Chosen = ls[i].Key == e.climb.key
	}
	slices.Reverse(ls)
	return pipeline.Levels{Seq: s.seq, Time: e.climb.at, Width: s.w, Height: s.h, Levels: ls}, nil
}

// TrackLevels implements pipeline.Prompts. The levels are those of the newest frame alone, so
// that their keys mean nothing beyond it.
func (s *Set) TrackLevels(track uint64) (pipeline.Levels, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.levelsOf(track)
}

func (s *Set) levelsOf(track uint64) (pipeline.Levels, error) {
	out := pipeline.Levels{Seq: s.seq, Width: s.w, Height: s.h}
	if s.history.n == 0 || s.NewLadder == nil {
		return out, fmt.Errorf("track %d: %w", track, pipeline.ErrNoTrack)
	}
	m := s.history.at(s.history.n - 1)
	i := slices.IndexFunc(m.segs, func(g segment) bool { return g.track == track && g.mask != nil })
	if i < 0 || track == 0 {
		return out, fmt.Errorf("track %d: %w", track, pipeline.ErrNoTrack)
	}
	r := pipeline.Result{Frame: &pipeline.Frame{Captured: m.at, Width: m.w, Height: m.h}}
	back := make([]int, 0, len(m.segs))
	for k := range m.segs {
		if g := &m.segs[k]; g.mask != nil {
			r.Segments = append(r.Segments, pipeline.Segment{Box: g.box, Mask: g.mask, Score: g.score, Parent: -1})
			back = append(back, k)
		}
	}
	l := s.NewLadder()
	l.Step(&r, inside(m.segs[i].mask))
	out.Time, out.Levels = m.at, l.Levels()
	for k := range out.Levels {
		v := &out.Levels[k]
		v.Segment = back[v.Segment]
		v.Chosen = v.Segment == i
	}
	slices.Reverse(out.Levels)
	return out, nil
}
