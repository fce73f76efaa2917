package sam

import (
	"context"
	"fmt"
	"strings"

	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

var _ pipeline.Answerer = (*Model)(nil)

// least is the IoU with a box or mask prompt below which a mask does not answer it.
const least = 0.3

// Answer implements pipeline.Answerer: the network is asked, and what it says of several
// points, of a box or of a mask is fed back once to be refined. A click's masks (part, larger
// part, whole) make a chain of levels with the segments of s under it, which may be nil; only
// masks that hold every point on the object and none off it count. Of a box the score is the
// IoU of the mask's own box with it, of a mask the IoU with it; below 0.3 nothing is there.
func (m *Model) Answer(ctx context.Context, f *pipeline.Frame, s *pipeline.Segmentation, p *pipeline.Prompt) (pipeline.Answer, error) {
	if err := p.Validate(f.Width, f.Height); err != nil {
		return pipeline.Answer{}, err
	}
	switch p.Kind() {
	case pipeline.PromptPoint:
		return m.click(ctx, f, s, p)
	case pipeline.PromptBox:
		box := *p.Box
		return m.like(ctx, f, p, Prompt{Box: &box}, func(g *pipeline.Segment) float64 { return g.Box.IoU(box) })
	case pipeline.PromptMask:
		want, err := p.Mask.Mask()
		if err != nil {
			return pipeline.Answer{}, &pipeline.PromptError{ID: p.ID, Field: "mask", Reason: err.Error()}
		}
		var box pipeline.Box
		box.X1, box.Y1, box.X2, box.Y2 = want.FrameBounds()
		q := Prompt{Box: &box, Mask: m.MaskLogits(f.Width, f.Height, want)}
		return m.like(ctx, f, p, q, func(g *pipeline.Segment) float64 { return mask.IoU(g.Mask.Resample(want.Grid()), want) })
	}
	return pipeline.Answer{}, &pipeline.PromptError{ID: p.ID, Field: "text", Reason: "text needs a text encoder"}
}

// click answers points.
func (m *Model) click(ctx context.Context, f *pipeline.Frame, s *pipeline.Segmentation, p *pipeline.Prompt) (pipeline.Answer, error) {
	q := Prompt{Points: p.Points, Multimask: len(p.Points) == 1}
	if len(p.Labels) > 0 {
		q.Labels = p.Labels
	}
	got, err := m.ask(ctx, f, q, !q.Multimask)
	if err != nil {
		return pipeline.Answer{}, err
	}
	said := got.Segments()
	fits := func(g *pipeline.Segment) bool {
		for i, at := range p.Points {
			if on := i >= len(p.Labels) || p.Labels[i] == 1; g.Mask.At(at.X, at.Y) != on {
				return false
			}
		}
		return true
	}
	var all []pipeline.Segment
	masks := 0
	for i := range said {
		if fits(&said[i]) {
			all = append(all, said[i])
			masks++
		}
	}
	if s != nil && len(got.Masks) > 0 {
		for i := range s.Segments {
			if g := s.Segments[i]; fits(&g) {
				g.Mask = g.Mask.Resample(got.Masks[0].Grid())
				if !g.Mask.Empty() {
					all = append(all, g)
				}
			}
		}
	}
	if len(all) == 0 {
		return pipeline.Answer{Why: fmt.Sprintf("nothing there: none of the %d masks that the model gives holds every point on the object and none off it", len(said))}, nil
	}
	from := make([]int, len(all))
	for i := range from {
		from[i] = i
	}
	chain := levels.Nest(all, from)
	n := min(p.Level, len(chain)-1)
	a := pipeline.Answer{Level: n}
	for i, k := range chain {
		g := all[k]
		g.Parent, g.Level = -1, 0
		a.Levels = append(a.Levels, g)
		if i != n {
			a.Alternatives = append(a.Alternatives, pipeline.Alternative{Box: g.Box, Score: g.Score, Level: i})
		}
	}
	g := a.Levels[n]
	a.Mask, a.Box, a.Score = g.Mask, g.Box, g.Score
	why := []string{fmt.Sprintf("level %d of %d at the point, predicted IoU %.2f", n, len(chain), g.Score)}
	if len(all) > masks {
		why = append(why, fmt.Sprintf("%d of the model's masks and %d segments fit", masks, len(all)-masks))
	}
	if n < p.Level {
		why = append(why, fmt.Sprintf("there is no level %d", p.Level))
	}
	a.Why = strings.Join(why, "; ")
	return a, nil
}

// like answers a box or a mask with the one mask that the network gives.
func (m *Model) like(ctx context.Context, f *pipeline.Frame, p *pipeline.Prompt, q Prompt, score func(*pipeline.Segment) float64) (pipeline.Answer, error) {
	got, err := m.ask(ctx, f, q, true)
	if err != nil {
		return pipeline.Answer{}, err
	}
	kind := p.Kind()
	said := got.Segments()
	if len(said) == 0 {
		return pipeline.Answer{Why: fmt.Sprintf("nothing there: the model sees nothing in the %s", kind)}, nil
	}
	g := said[0]
	a := pipeline.Answer{Score: score(&g)}
	if a.Score < least {
		a.Alternatives = []pipeline.Alternative{{Box: g.Box, Score: a.Score}}
		a.Why = fmt.Sprintf("nothing there: the model's mask has an IoU of %.2f with the %s, at least %.2f is asked for", a.Score, kind, least)
		return a, nil
	}
	a.Mask, a.Box, a.Levels = g.Mask, g.Box, said[:1]
	a.Why = fmt.Sprintf("the model's mask, of IoU %.2f with the %s and predicted IoU %.2f", a.Score, kind, g.Score)
	return a, nil
}

// ask predicts one prompt; with again the best mask's logits are fed back once.
func (m *Model) ask(ctx context.Context, f *pipeline.Frame, q Prompt, again bool) (Answer, error) {
	got, err := m.Predict(ctx, f, q)
	if err != nil {
		return Answer{}, err
	}
	if !again {
		return got[0], nil
	}
	q.Mask, q.Multimask = got[0].LowRes[got[0].Best()], false
	if got, err = m.Predict(ctx, f, q); err != nil {
		return Answer{}, err
	}
	return got[0], nil
}
