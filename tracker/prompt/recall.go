package prompt

import (
	"context"
	"math"
	"slices"

	"outrider/pipeline"
)

// anchor is how the object that a user pointed at looked in its first embeddings. It is not
// changed later, so that a prompt cannot drift from one object to the next.
type anchor struct {
	vec []float32 // unit vector, nil before the first embedding
	n   int       // embeddings in it
}

// Recall adds a prompt of an earlier run without waiting for its answer, like Restore, with
// what Memory said of its object then. A prompt that points at a place does not take what is
// there now: it searches until its object is seen again. The errors are Create's.
func (s *Set) Recall(ctx context.Context, p pipeline.Prompt, m pipeline.PromptMemory) error {
	if m.First == nil || len(p.Text) > 0 { // never answered: its place is all that it has
		return s.Restore(ctx, p)
	}
	_, err := s.submit(ctx, p, &m)
	return err
}

// Memory is what is known of a prompt's object, to be given to Recall in a later run; false
// when there is no such prompt.
func (s *Set) Memory(id string) (pipeline.PromptMemory, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(id); i >= 0 {
		e := s.prompts[i]
		if e.first == nil {
			return pipeline.PromptMemory{}, true
		}
		first := *e.first
		return pipeline.PromptMemory{
			First: &first, Box: e.last.box, Area: e.last.area, Width: e.last.w, Height: e.last.h, Seen: e.last.at,
			Anchor: slices.Clone(e.anchor.vec),
		}, true
	}
	for _, q := range s.waiting {
		if q.prompt.ID == id {
			if q.memory != nil {
				return *q.memory, true
			}
			return pipeline.PromptMemory{}, true
		}
	}
	return pipeline.PromptMemory{}, false
}

// recall makes an entry search for the object of an earlier run.
func (e *entry) recall(r *pipeline.Result, m *pipeline.PromptMemory) {
	first := *m.First
	e.first = &first
	e.last = sighting{at: m.Seen, box: m.Box, area: m.Area, w: m.Width, h: m.Height}
	e.lost, e.anew = r.Frame.Captured, true
	if unit(m.Anchor) {
		e.anchor = anchor{slices.Clone(m.Anchor), enough}
	}
	e.status.Why = "not seen again yet since the program started"
}

func unit(v []float32) bool {
	n := math.Sqrt(dot(v, v))
	return n > 0.99 && n < 1.01
}

// remember takes embeddings of the followed track into the anchor until there are enough.
func (s *Set) remember(e *entry) {
	if len(e.tracks) == 0 || e.anchor.n >= enough {
		return
	}
	k := s.looks.get(e.tracks[0])
	if k == nil || k.n <= e.anchor.n {
		return
	}
	e.anchor = anchor{k.mean(), k.n}
}

// mean is the unit vector amid the remembered embeddings, nil when there are none.
func (k *look) mean() []float32 {
	var sum []float32
	k.each(func(v []float32) {
		if sum == nil {
			sum = make([]float32, len(v))
		}
		for i := range min(len(v), len(sum)) {
			sum[i] += v[i]
		}
	})
	n := math.Sqrt(dot(sum, sum))
	if n == 0 {
		return nil
	}
	for i := range sum {
		sum[i] /= float32(n)
	}
	return sum
}

// wantsLooks reports whether a prompt needs embeddings: for its anchor, or to compare with it.
func (e *entry) wantsLooks() bool {
	if e.target.kind == pipeline.PromptText {
		return true
	}
	if len(e.tracks) > 0 {
		return e.anchor.n < enough
	}
	return e.anchor.vec != nil
}

// resembles reports whether a track looks as the prompt's object did, which nobody can tell who
// has not embedded both. What was not looked at yet has to wait.
func (s *Set) resembles(e *entry, id uint64) bool {
	if e.anchor.vec == nil {
		return true
	}
	k := s.looks.get(id)
	return k != nil && k.n > 0 && dot(k.mean(), e.anchor.vec) >= againNear
}

// What makes a track the object of an earlier stream or run. With the embedded pair on a
// street of pedestrians, who look alike, the cosine of an anchor and a later embedding has a
// median of 0.79 for its own object, and for others 0.72 is passed by one in twenty, 0.80 by one
// in a hundred. Taking the stream's mean away from both changed little.
const (
	againPlace  = 0.5  // IoU with where it was last seen that counts as its place
	againLooks  = 2    // embeddings of a candidate
	againNear   = 0.6  // least cosine of their mean with the anchor, at its place
	againFar    = 0.85 // and elsewhere
	againMargin = 0.1  // more than any other track
	againSmall  = 0.4  // of its area
	againLarge  = 2.5  // of its area
)

// again is the track that must be the object of a stream or run before this one, 0 for none
// or many. One at its place must look like it; one elsewhere must besides look more like it
// than everything else in sight. Without an embedding only what stood still and stands there
// still is taken.
func (s *Set) again(r *pipeline.Result, e *entry) uint64 {
	last, area := e.last.scaled(r.Frame.Width, r.Frame.Height)
	stood := e.first.IoU(e.last.box) > againPlace
	var near, far uint64
	best, second := -1.0, -1.0
	for i := range r.Tracks {
		t := &r.Tracks[i]
		fits := s.free(t) && t.Box.Area() > 0
		if fits && area > 0 {
			a := t.Box.Area()
			if t.Mask != nil {
				a = t.Mask.PixelArea()
			}
			fits = a >= againSmall*area && a <= againLarge*area
		}
		here := t.Box.IoU(last) > againPlace
		if e.anchor.vec == nil {
			if fits && here && stood {
				if near != 0 {
					return 0
				}
				near = t.ID
			}
			continue
		}
		k := s.looks.get(t.ID)
		if k == nil || k.n == 0 {
			continue
		}
		c := dot(k.mean(), e.anchor.vec)
		if c > best {
			best, second = c, best
			far = 0
			if fits && k.n >= againLooks && c >= againFar {
				far = t.ID
			}
		} else {
			second = max(second, c)
		}
		if fits && here && k.n >= againLooks && c >= againNear {
			if near != 0 {
				return 0
			}
			near = t.ID
		}
	}
	switch {
	case near != 0:
		return near
	case best-second >= againMargin:
		return far
	}
	return 0
}

// scaled is where a sighting would be in a frame of another size, and its area there.
func (g *sighting) scaled(w, h int) (pipeline.Box, float64) {
	if g.w <= 0 || g.h <= 0 || g.w == w && g.h == h {
		return g.box, g.area
	}
	x, y := float64(w)/float64(g.w), float64(h)/float64(g.h)
	return pipeline.Box{X1: g.box.X1 * x, Y1: g.box.Y1 * y, X2: g.box.X2 * x, Y2: g.box.Y2 * y}, g.area * x * y
}
