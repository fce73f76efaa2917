package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"outrider/models/clip"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// reply is what a prompt found on one picture.
type reply struct {
	pipeline.Answer
	segments []pipeline.Segment // best first
}

// NeedsSegments reports whether the prompts, or none, need the picture cut into segments: a
// pair of encoder and decoder answers points, boxes and masks without.
func (m *modelSet) NeedsSegments(prompts []pipeline.Prompt) bool {
	return m.sam == nil || len(prompts) == 0 ||
		slices.ContainsFunc(prompts, func(p pipeline.Prompt) bool { return p.Kind() == pipeline.PromptText })
}

// Ask answers a prompt on one picture with the segments s.
func (m *modelSet) Ask(ctx context.Context, f *pipeline.Frame, s *pipeline.Segmentation, p *pipeline.Prompt) (reply, error) {
	if p.Kind() == pipeline.PromptText {
		return m.askText(ctx, f, s, p)
	}
	a, err := m.Answerer().Answer(ctx, f, s, p)
	if err != nil {
		return reply{}, err
	}
	if a.Found() && len(p.Text) > 0 {
		if err := m.chooseLevel(ctx, f, p, &a); err != nil {
			return reply{}, err
		}
	}
	r := reply{Answer: a}
	if a.Found() {
		r.segments = []pipeline.Segment{{Box: a.Box, Mask: a.Mask, Score: a.Score, Parent: -1}}
	}
	return r, nil
}

// words are what a text prompt compares segments with.
type words struct {
	wanted []string
	bank   [][]float32 // wanted first, then what must not fit as well
	least  float64     // cosine
}

// readWords embeds a prompt's words, its exclusions and all words of other meaning that the
// encoder knows.
func (m *modelSet) readWords(ctx context.Context, p *pipeline.Prompt) (words, error) {
	wanted, not, err := p.Words()
	if err != nil {
		return words{}, err
	}
	w := words{wanted: wanted, least: clip.Threshold}
	if p.MinCos > 0 {
		w.least = p.MinCos
	}
	vocabulary := clip.EmbeddedVocabulary()
	rivals := vocabulary.Contrast(wanted[0])
	for _, t := range wanted[1:] {
		other := vocabulary.Contrast(t)
		rivals = slices.DeleteFunc(rivals, func(r string) bool { return !slices.Contains(other, r) })
	}
	if w.bank, err = m.text.EncodeTexts(ctx, slices.Concat(wanted, not, rivals)); err != nil {
		return w, fmt.Errorf("prompt %q: %w", p.ID, err)
	}
	return w, nil
}

// judge compares regions with the words: the word that each fits, -1 when it fits none well
// enough, and its cosine with the nearest wanted word.
func (m *modelSet) judge(ctx context.Context, f *pipeline.Frame, w words, segs []pipeline.Segment) (word []int, cosine []float64, err error) {
	regions := make([]pipeline.Region, len(segs))
	for i := range segs {
		regions[i] = pipeline.Region{Box: segs[i].Box, Mask: segs[i].Mask}
	}
	vectors, err := m.text.EncodeRegions(ctx, f, regions)
	if err != nil {
		return nil, nil, err
	}
	var sims []float32
	for _, v := range vectors {
		_, _, sims = clip.Search(v, w.bank, sims)
		best, rival := 0, -1.0
		for i, s := range sims {
			switch {
			case i >= len(w.wanted):
				rival = max(rival, float64(s))
			case s > sims[best]:
				best = i
			}
		}
		c := float64(sims[best])
		cosine = append(cosine, c)
		if c < w.least || c < rival+clip.Margin {
			best = -1
		}
		word = append(word, best)
	}
	return word, cosine, nil
}

// askText finds every segment where the prompt searches that its words name better than any
// other word does.
func (m *modelSet) askText(ctx context.Context, f *pipeline.Frame, s *pipeline.Segmentation, p *pipeline.Prompt) (reply, error) {
	w, err := m.readWords(ctx, p)
	if err != nil {
		return reply{}, err
	}
	var segs []pipeline.Segment
	for _, g := range s.Segments {
		if p.Searches(g.Box.Center()) {
			segs = append(segs, g)
		}
	}
	word, cosine, err := m.judge(ctx, f, w, segs)
	if err != nil {
		return reply{}, err
	}
	var r reply
	nearest := -1.0
	for i, g := range segs {
		nearest = max(nearest, cosine[i])
		if word[i] >= 0 {
			g.Label, g.Similarity = w.wanted[word[i]], cosine[i]
			r.segments = append(r.segments, g)
		}
	}
	slices.SortStableFunc(r.segments, func(a, b pipeline.Segment) int { return cmp.Compare(b.Similarity, a.Similarity) })
	fits := len(r.segments)
	switch {
	case len(segs) == 0:
		r.Why = "nothing matches: there is no segment where the text searches"
	case fits == 0:
		r.Why = fmt.Sprintf("nothing matches; the nearest segment has similarity %.2f, wanted is %.2f and %.2f more than any other word", nearest, w.least, clip.Margin)
	default:
		r.Why = fmt.Sprintf("%d of %d segments, the best with similarity %.2f", fits, len(segs), r.segments[0].Similarity)
	}
	if p.TopK > 0 && fits > p.TopK {
		r.segments = r.segments[:p.TopK]
		r.Why += fmt.Sprintf("; the best %d are taken", p.TopK)
	}
	return r, m.refineAll(ctx, f, r.segments)
}

// leastRefined is the IoU with a segment below which a refined mask means something else.
const leastRefined = 0.5

// refineAll gives segments the masks of the precise model, where there is one that agrees.
func (m *modelSet) refineAll(ctx context.Context, f *pipeline.Frame, segs []pipeline.Segment) error {
	if m.refine == nil || len(segs) == 0 {
		return nil
	}
	regions := make([]pipeline.Region, len(segs))
	for i := range segs {
		regions[i] = pipeline.Region{Box: segs[i].Box, Mask: segs[i].Mask}
	}
	out, err := m.refine.Refine(ctx, f, regions)
	if err != nil {
		return err
	}
	for i, o := range out {
		if g := &segs[i]; o.Mask != nil && !o.Mask.Empty() && mask.IoU(g.Mask.Resample(o.Mask.Grid()), o.Mask) >= leastRefined {
			g.Mask = o.Mask
			g.Box.X1, g.Box.Y1, g.Box.X2, g.Box.Y2 = o.Mask.FrameBounds()
		}
	}
	return nil
}

// chooseLevel lets the words of a point prompt pick one of the levels that it can mean.
func (m *modelSet) chooseLevel(ctx context.Context, f *pipeline.Frame, p *pipeline.Prompt, a *pipeline.Answer) error {
	w, err := m.readWords(ctx, p)
	if err != nil {
		return err
	}
	segs := a.Levels
	if len(segs) == 0 { // joined of several
		segs = []pipeline.Segment{{Box: a.Box, Mask: a.Mask, Score: a.Score}}
	}
	word, cosine, err := m.judge(ctx, f, w, segs)
	if err != nil {
		return err
	}
	top := -1
	for i := range segs {
		if word[i] >= 0 && (top < 0 || cosine[i] > cosine[top]) {
			top = i
		}
	}
	a.Alternatives = nil
	for i, g := range segs {
		if i != top {
			a.Alternatives = append(a.Alternatives, pipeline.Alternative{Box: g.Box, Score: cosine[i], Level: i})
		}
	}
	if top < 0 {
		a.Mask = nil
		a.Why = fmt.Sprintf("nothing matches: of %d segments at the point the nearest has similarity %.2f, wanted is %.2f and %.2f more than any other word", len(segs), slices.Max(cosine), w.least, clip.Margin)
		return nil
	}
	a.Level, a.Mask, a.Box, a.Score = top, segs[top].Mask, segs[top].Box, cosine[top]
	a.Why = fmt.Sprintf("of %d segments at the point the one that fits the words best, similarity %.2f", len(segs), cosine[top])
	return nil
}
