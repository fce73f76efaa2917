package prompt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
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
}

// sameMeaning is the cosine of two texts from which they are no rivals: "person" and
// "pedestrian" mean one thing.
const sameMeaning = 0.75

// parse embeds the words of a text prompt.
func (s *Set) parse(ctx context.Context, p *pipeline.Prompt) (query, error) {
	if s.Texts == nil || s.Images == nil {
		return query{}, &pipeline.PromptError{ID: p.ID, Field: "text", Reason: "this camera runs without a text model; use a point, a box or a mask, or start with the text model on"}
	}
	var q query
	wanted, not, err := p.Words()
	if err != nil {
		return query{}, err
	}
	texts := slices.Concat(wanted, not)
	vecs, err := s.Texts.EncodeTexts(ctx, texts)
	if err != nil {
		return query{}, fmt.Errorf("prompt %q: %w", p.ID, err)
	}
	if len(vecs) != len(texts) {
		return query{}, fmt.Errorf("prompt %q: embed %d texts: got %d vectors", p.ID, len(texts), len(vecs))
	}
	for i, t := range texts {
		if w := (word{t, vecs[i]}); i < len(wanted) {
			q.any = append(q.any, w)
		} else {
			q.not = append(q.not, w)
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

// fit is the wanted word that v fits best, its cosine, and by how much that is above all others'.
func (q *query) fit(v []float32) (i int, cosine, lead float64) {
	i, cosine = best(q.any, v)
	_, rival := best(q.rivals, v)
	_, not := best(q.not, v)
	return i, cosine, cosine - max(rival, not)
}

// threshold is the least cosine that a prompt asks for.
func (s *Set) threshold(e *entry) float64 {
	if e.status.MinCos > 0 {
		return e.status.MinCos
	}
	return s.Threshold
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
		i, c, lead := q.fit(v)
		if c < s.threshold(e) || lead < s.Margin {
			return
		}
		b.yes++
		if lead >= 2*s.Margin {
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
// and leaves below a third. Of more than the prompt asks for, those of the best mean cosine
// stay.
func (s *Set) collect(r *pipeline.Result, e *entry) {
	st := &e.status
	st.State, st.TrackID, st.TrackIDs, st.AnswerBox, st.Score = pipeline.PromptSearching, 0, nil, nil, 0
	had := e.tracks
	e.tracks = nil
	e.ballot = slices.DeleteFunc(e.ballot, func(b ballot) bool { return s.looks.get(b.id) == nil })
	known, seen := 0, 0
	e.fits = e.fits[:0]
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
		in := e.status.Searches(t.Box.Center())
		switch {
		case mine:
			in = 3*b.yes >= b.n && b.yes > 0
		default:
			in = in && (b.yes >= needed && 2*b.yes > b.n || b.n < needed && b.clear > 0)
		}
		if in {
			e.fits = append(e.fits, fitting{track: i, ballot: b, mine: mine})
		}
	}
	fits := len(e.fits)
	for _, f := range s.best(e) {
		t, b, mine := &r.Tracks[f.track], f.ballot, f.mine
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
		st.Why = fmt.Sprintf("%d of the %d tracks in sight fit the words", fits, seen)
		if fits > len(st.TrackIDs) {
			st.Why += fmt.Sprintf("; the best %d are taken", len(st.TrackIDs))
		}
	case known < seen:
		st.Why = fmt.Sprintf("nothing there yet: %d of the %d tracks in sight have been looked at", known, seen)
	default:
		st.Why = fmt.Sprintf("nothing there: none of the %d tracks in sight fits the words", seen)
	}
}

// fitting is a track that fits a text prompt.
type fitting struct {
	track int // index into r.Tracks
	mine  bool
	ballot
}

// best are the tracks of e.fits that the prompt takes, ids ascending. One that it has already
// is dropped only for one that is clearly better.
func (s *Set) best(e *entry) []fitting {
	if k := e.status.TopK; k > 0 && len(e.fits) > k {
		worth := func(f *fitting) float64 {
			if f.mine {
				return f.sim + s.Margin/2
			}
			return f.sim
		}
		slices.SortStableFunc(e.fits, func(a, b fitting) int { return cmp.Compare(worth(&b), worth(&a)) })
		e.fits = e.fits[:k]
		slices.SortFunc(e.fits, func(a, b fitting) int { return a.track - b.track })
	}
	return e.fits
}

// choose lets the words of a point prompt pick one of the levels in a, found in moment k: the
// one that fits them best. The regions are those of the present frame, six at most, embedded
// at once, since somebody waits for the answer.
func (s *Set) choose(ctx context.Context, r *pipeline.Result, e *entry, k int, a *answer) error {
	var levels []int
	var regions []pipeline.Region
	for _, i := range a.levels {
		index, id := s.history.carry(k, i, func(id uint64) bool { return trackOf(r, id) != nil })
		switch {
		case index >= 0:
			regions = append(regions, regionOf(r.Segments[index].Box, r.Segments[index].Mask))
		case id != 0:
			t := trackOf(r, id)
			regions = append(regions, regionOf(t.Box, t.Mask))
		default:
			continue
		}
		levels = append(levels, i)
	}
	vecs, err := s.Images.EncodeRegions(ctx, r.Frame, regions)
	if err != nil {
		return fmt.Errorf("prompt %q: embed %d levels: %w", e.status.ID, len(regions), err)
	}
	top, most, nearest := -1, 0.0, -1.0
	for n, v := range vecs {
		if len(v) == 0 {
			continue
		}
		_, c, lead := e.words.fit(v)
		nearest = max(nearest, c)
		if c >= s.threshold(e) && lead >= s.Margin && (top < 0 || c > most) {
			top, most = n, c
		}
	}
	if top < 0 {
		a.index = -1
		a.why = fmt.Sprintf("nothing matches: of %d segments at the point the nearest has similarity %.2f, wanted is %.2f and %.2f more than any other word", len(levels), nearest, s.threshold(e), s.Margin)
		return nil
	}
	a.index, a.score = levels[top], most
	a.why = fmt.Sprintf("of %d segments at the point the one that fits the words best, similarity %.2f", len(levels), most)
	return nil
}

// undecided reports whether the words of a point prompt have fitted nothing at the point yet.
// Such a prompt takes nothing that merely stands there.
func (e *entry) undecided() bool {
	return e.target.kind == pipeline.PromptPoint && len(e.words.any) > 0 && len(e.tracks) == 0 && e.first == nil
}

// retry is the time between two answers of an undecided prompt.
const retry = time.Second

// retryWords answers an undecided prompt anew, now and then.
func (s *Set) retryWords(ctx context.Context, r *pipeline.Result, e *entry) error {
	if d := r.Frame.Captured.Sub(e.asked); d >= 0 && d < retry {
		return nil
	}
	return s.resolve(ctx, r, e)
}

func regionOf(b pipeline.Box, m *mask.Mask) pipeline.Region {
	g := pipeline.Region{Box: b}
	if m != nil {
		g.Mask = m
	}
	return g
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
