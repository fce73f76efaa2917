package prompt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"outrider/pipeline"
)

// words caches the embeddings of competing words.
type words struct {
	mu     sync.Mutex
	loaded bool
	rivals []word
	labels []word
}

type word struct {
	text string
	vec  []float32
}

// query is a text prompt's meaning.
type query struct {
	any    []word // one of these
	not    []word // none of these
	rivals []word // better than these
	where  *pipeline.Box
}

// negation excludes what follows it.
const negation = "not:"

// sameMeaning is the cosine of two texts from which they are no rivals: "person" and
// "pedestrian" mean one thing.
const sameMeaning = 0.75

// parse embeds the words of a text prompt.
func (s *Set) parse(ctx context.Context, p *pipeline.Prompt) (query, error) {
	if s.Texts == nil || s.Images == nil {
		return query{}, &pipeline.PromptError{ID: p.ID, Field: "text", Reason: "this camera runs without a text model; use a point, a box or a mask, or start with the text model on"}
	}
	var q query
	var texts []string
	var excluded []bool
	for i, t := range p.Text {
		t = strings.TrimSpace(t)
		not := false
		if len(t) >= len(negation) && strings.EqualFold(t[:len(negation)], negation) {
			not, t = true, strings.TrimSpace(t[len(negation):])
		}
		if t == "" {
			return query{}, &pipeline.PromptError{ID: p.ID, Field: "text", Reason: fmt.Sprintf("text %d is empty", i)}
		}
		texts, excluded = append(texts, t), append(excluded, not)
	}
	if !slices.Contains(excluded, false) {
		return query{}, &pipeline.PromptError{ID: p.ID, Field: "text", Reason: `only exclusions: say what to look for besides "not: ..."`}
	}
	vecs, err := s.Texts.EncodeTexts(ctx, texts)
	if err != nil {
		return query{}, fmt.Errorf("prompt %q: %w", p.ID, err)
	}
	if len(vecs) != len(texts) {
		return query{}, fmt.Errorf("prompt %q: embed %d texts: got %d vectors", p.ID, len(texts), len(vecs))
	}
	for i, t := range texts {
		if w := (word{t, vecs[i]}); excluded[i] {
			q.not = append(q.not, w)
		} else {
			q.any = append(q.any, w)
		}
	}
	rivals, err := s.competitors(ctx)
	if err != nil {
		return query{}, err
	}
	for _, r := range rivals {
		if !slices.ContainsFunc(q.any, func(w word) bool { return dot(w.vec, r.vec) > sameMeaning }) {
			q.rivals = append(q.rivals, r)
		}
	}
	if p.Box != nil {
		b := *p.Box
		q.where = &b
	}
	return q, nil
}

// competitors embeds Distractors and Labels, once.
func (s *Set) competitors(ctx context.Context) ([]word, error) {
	s.words.mu.Lock()
	defer s.words.mu.Unlock()
	if s.words.loaded {
		return s.words.rivals, nil
	}
	embed := func(texts []string) ([]word, error) {
		var out []word
		for _, t := range texts {
			v, err := s.Texts.EncodeTexts(ctx, []string{t})
			var unknown *pipeline.UnknownTextError
			switch {
			case errors.As(err, &unknown):
				continue
			case err != nil:
				return nil, fmt.Errorf("prompts: embed %q: %w", t, err)
			case len(v) == 1:
				out = append(out, word{t, v[0]})
			}
		}
		return out, nil
	}
	labels, err := embed(s.Labels)
	if err != nil {
		return nil, err
	}
	rivals, err := embed(s.Distractors)
	if err != nil {
		return nil, err
	}
	s.words.loaded, s.words.labels, s.words.rivals = true, labels, append(rivals, labels...)
	return s.words.rivals, nil
}

// best is the highest cosine of v with one of the words.
func best(ws []word, v []float32) (int, float64) {
	k, c := -1, -1.0
	for i := range ws {
		if d := dot(ws[i].vec, v); d > c {
			k, c = i, d
		}
	}
	return k, c
}

// ballot is what the embeddings of one track say of a query: of n, yes speak for it (clear of
// them by twice the margin), most of them for the word index, with mean cosine sim. It holds as long as look.n is at.
type ballot struct {
	id     uint64
	at     int
	yes, n int
	clear  int
	index  int
	sim    float64
}

// tally counts the ballot of a track, from memory when nothing was added since.
func (s *Set) tally(e *entry, k *look) ballot {
	i, ok := slices.BinarySearchFunc(e.ballot, k.id, func(b ballot, id uint64) int { return cmp.Compare(b.id, id) })
	if !ok {
		e.ballot = slices.Insert(e.ballot, i, ballot{id: k.id, at: -1})
	}
	b := &e.ballot[i]
	if b.at == k.n {
		return *b
	}
	*b = ballot{id: k.id, at: k.n}
	q := &e.words
	count := make([]int, len(q.any))
	k.each(func(v []float32) {
		b.n++
		i, c := best(q.any, v)
		_, rival := best(q.rivals, v)
		_, not := best(q.not, v)
		if c < s.Threshold || c < rival+s.Margin || c < not+s.Margin {
			return
		}
		b.yes++
		if m := 2 * s.Margin; c >= rival+m && c >= not+m {
			b.clear++
		}
		b.sim += c
		if count[i]++; count[i] > count[b.index] {
			b.index = i
		}
	})
	if b.yes > 0 {
		b.sim /= float64(b.yes)
	}
	return *b
}

// needed is how many embeddings must speak for a track before a prompt takes it on a narrow
// margin.
const needed = 2

// collect gives a text prompt the tracks that fit it, and takes away those that turn out not
// to: a track joins with two votes and the majority, or at its first look when that is clear,
// and leaves below a third.
func (s *Set) collect(r *pipeline.Result, e *entry) {
	st := &e.status
	st.State, st.TrackID, st.TrackIDs, st.AnswerBox, st.Score = pipeline.PromptSearching, 0, nil, nil, 0
	had := e.tracks
	e.tracks = nil
	e.ballot = slices.DeleteFunc(e.ballot, func(b ballot) bool { return s.looks.get(b.id) == nil })
	known, seen := 0, 0
	for i := range r.Tracks {
		t := &r.Tracks[i]
		mine := slices.Contains(had, t.ID)
		k := s.looks.get(t.ID)
		if k == nil {
			continue
		}
		seen++
		if k.n > 0 {
			known++
		}
		b := s.tally(e, k)
		in := e.words.where == nil || e.words.where.Contains(t.Box.Center())
		switch {
		case mine:
			in = 3*b.yes >= b.n && b.yes > 0
		default:
			in = in && (b.yes >= needed && 2*b.yes > b.n || b.n < needed && b.clear > 0)
		}
		if !in {
			continue
		}
		e.tracks = append(e.tracks, t.ID)
		st.TrackIDs = append(st.TrackIDs, t.ID)
		if t.PromptID == "" {
			s.Tracks.Pin(r, t.ID, st.ID, false)
		}
		if !mine || t.Label == "" {
			s.Tracks.Name(r, t.ID, e.words.any[b.index].text, b.sim)
		}
		if st.TrackID == 0 || b.sim > st.Score {
			at := t.Box
			st.State, st.TrackID, st.AnswerBox, st.Score = pipeline.PromptTracking, t.ID, &at, b.sim
		}
	}
	for _, id := range had {
		if !slices.Contains(e.tracks, id) {
			s.Tracks.Unpin(r, id)
			s.Tracks.Name(r, id, "", 0)
		}
	}
	switch {
	case st.TrackID != 0:
		st.Why = fmt.Sprintf("%d of the %d tracks in sight fit the words", len(st.TrackIDs), seen)
	case known < seen:
		st.Why = fmt.Sprintf("nothing there yet: %d of the %d tracks in sight have been looked at", known, seen)
	default:
		st.Why = fmt.Sprintf("nothing there: none of the %d tracks in sight fits the words", seen)
	}
}

// label names every track that no text prompt has named with the best of Labels.
func (s *Set) label(r *pipeline.Result) {
	if len(s.Labels) == 0 {
		return
	}
	ws := s.words.labels
	for i := range r.Tracks {
		t := &r.Tracks[i]
		k := s.looks.get(t.ID)
		if k == nil || k.n == 0 || s.promised(t.ID) {
			continue
		}
		name, sim := k.vote()
		switch {
		case name >= 0 && (t.Label != ws[name].text):
			s.Tracks.Name(r, t.ID, ws[name].text, sim)
		case name < 0 && t.Label != "" && k.n >= enough:
			s.Tracks.Name(r, t.ID, "", 0)
		}
	}
}

// promised reports whether a text prompt has a track, whose word then is its name.
func (s *Set) promised(id uint64) bool {
	return slices.ContainsFunc(s.prompts, func(e *entry) bool {
		return e.target.kind == pipeline.PromptText && slices.Contains(e.tracks, id)
	})
}

// vote is the label that most embeddings of a track agree on, -1 when less than half do.
func (k *look) vote() (int, float64) {
	n := min(k.n, votes)
	top, most, sum := -1, 0, 0.0
	for a := range n {
		if k.name[a] < 0 {
			continue
		}
		c, t := 0, 0.0
		for b := range n {
			if k.name[b] == k.name[a] {
				c++
				t += k.cos[b]
			}
		}
		if c > most {
			top, most, sum = k.name[a], c, t
		}
	}
	if most == 0 || 2*most <= n {
		return -1, 0
	}
	return top, sum / float64(most)
}

// name is the label that an embedding speaks for, -1 when none fits or a word of another
// meaning comes too near.
func (w *words) name(v []float32, threshold, margin float64) (int, float64) {
	i, c := best(w.labels, v)
	if i < 0 || c < threshold {
		return -1, c
	}
	for j := range w.rivals {
		if r := &w.rivals[j]; dot(r.vec, v) > c-margin && dot(r.vec, w.labels[i].vec) <= sameMeaning {
			return -1, c
		}
	}
	return i, c
}
