package fastsam

import (
	"context"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Answer is what a prompt means on one frame.
type Answer = pipeline.Answer

var _ pipeline.Answerer = (*Model)(nil)

// Answer implements pipeline.Answerer by the segments of f, in the strict way of Prompt.
func (m *Model) Answer(_ context.Context, f *pipeline.Frame, s *pipeline.Segmentation, p *pipeline.Prompt) (Answer, error) {
	return Prompt(s, p, f.Width, f.Height)
}

// MinPromptIoU is the IoU with a box or mask prompt below which no segment answers it.
const MinPromptIoU = 0.3

// maxAlternatives bounds an answer's alternatives, as six levels do.
const maxAlternatives = levels.Max - 1

// Prompt answers a prompt of kind point, box or mask on a w x h frame in the strict way. An
// error is a *pipeline.PromptError: the prompt means nothing whatever the picture.
func Prompt(s *pipeline.Segmentation, p *pipeline.Prompt, w, h int) (Answer, error) {
	if err := p.Validate(w, h); err != nil {
		return Answer{}, err
	}
	switch p.Kind() {
	case pipeline.PromptPoint:
		return points(s, p), nil
	case pipeline.PromptMask:
		m, err := p.Mask.Mask()
		if err != nil {
			return Answer{}, &pipeline.PromptError{ID: p.ID, Field: "mask", Reason: err.Error()}
		}
		if m.Grid() != mask.FrameGrid(w, h) {
			return Answer{}, &pipeline.PromptError{ID: p.ID, Field: "mask", Reason: fmt.Sprintf("size %v, the frame is %dx%d", p.Mask.Size, w, h)}
		}
		if m.Empty() {
			return Answer{}, &pipeline.PromptError{ID: p.ID, Field: "mask", Reason: "no pixel is set"}
		}
		return like(s, m.Resample(s.Grid), "mask"), nil
	case pipeline.PromptBox:
		return like(s, boxMask(s.Grid, *p.Box), "box"), nil
	}
	return Answer{}, &pipeline.PromptError{ID: p.ID, Field: "text", Reason: "text needs a text encoder"}
}

// Points answers points on one object, 1 a label for a point on it, 0 for one off it, none
// meaning all on it: the smallest segment that holds every point on it and none off it, else
// the join of the smallest segments under the points on it less those under the points off
// it. level walks from the smallest to the segments that hold it, at most five steps.
func Points(s *pipeline.Segmentation, at []pipeline.Point, labels []int, level, w, h int) (Answer, error) {
	return Prompt(s, &pipeline.Prompt{Points: at, Labels: labels, Level: level}, w, h)
}

// Boxes answers each box in the order given, the segment of the highest IoU with it.
func Boxes(s *pipeline.Segmentation, boxes []pipeline.Box, w, h int) ([]Answer, error) {
	out := make([]Answer, len(boxes))
	for i := range boxes {
		a, err := Prompt(s, &pipeline.Prompt{Box: &boxes[i]}, w, h)
		if err != nil {
			return nil, fmt.Errorf("box %d: %w", i, err)
		}
		out[i] = a
	}
	return out, nil
}

// points answers a valid point prompt.
func points(s *pipeline.Segmentation, p *pipeline.Prompt) Answer {
	var on, off []pipeline.Point
	for i, q := range p.Points {
		if i < len(p.Labels) && p.Labels[i] == 0 {
			off = append(off, q)
		} else {
			on = append(on, q)
		}
	}
	var fit []int
	for i := range s.Segments {
		m := s.Segments[i].Mask
		if all(m, on) && !anyOf(m, off) {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		return compose(s, on, off)
	}
	chain := levels.Nest(s.Segments, fit)
	n := min(p.Level, len(chain)-1)
	seg := &s.Segments[chain[n]]
	a := Answer{Segments: []int{chain[n]}, Mask: seg.Mask, Box: seg.Box, Score: seg.Score, Levels: pick(s.Segments, chain), Level: n}
	for i, c := range chain {
		if i != n {
			a.Alternatives = append(a.Alternatives, pipeline.Alternative{Box: s.Segments[c].Box, Score: s.Segments[c].Score, Level: i})
		}
	}
	which := "the smallest segment"
	if n > 0 {
		which = fmt.Sprintf("level %d of the segments", n)
	}
	what := "holds the point"
	if len(on) > 1 {
		what = fmt.Sprintf("holds all %d points", len(on))
	}
	if len(off) > 0 {
		what += " and none of the points off the object"
	}
	a.Why = fmt.Sprintf("%s that %s, of %d levels", which, what, len(chain))
	if n < p.Level {
		a.Why += fmt.Sprintf("; there is no level %d", p.Level)
	}
	return a
}

// pick are the segments with these indices.
func pick(segs []pipeline.Segment, from []int) []pipeline.Segment {
	out := make([]pipeline.Segment, len(from))
	for n, i := range from {
		out[n] = segs[i]
	}
	return out
}

// wholes are segment i and what it is a part of, fine to coarse.
func wholes(segs []pipeline.Segment, i int) []int {
	from := []int{i}
	area := segs[i].Mask.Area()
	for j := range segs {
		if j != i && levels.Inside(segs[i].Mask, segs[j].Mask, area, segs[j].Mask.Area()) {
			from = append(from, j)
		}
	}
	return levels.Nest(segs, from)
}

func all(m *mask.Mask, at []pipeline.Point) bool {
	for _, p := range at {
		if !m.At(p.X, p.Y) {
			return false
		}
	}
	return true
}

func anyOf(m *mask.Mask, at []pipeline.Point) bool {
	for _, p := range at {
		if m.At(p.X, p.Y) {
			return true
		}
	}
	return false
}

// compose answers where no single segment does: it joins the smallest segments under the
// points on the object and cuts those under the points off it.
func compose(s *pipeline.Segmentation, on, off []pipeline.Point) Answer {
	var joined []int
	score := 1.0
	for _, p := range on {
		i := smallest(s, p, nil, off)
		if i < 0 {
			i = smallest(s, p, nil, nil)
		}
		if i < 0 {
			return Answer{Why: fmt.Sprintf("nothing there: no segment holds the point (%g, %g)", p.X, p.Y)}
		}
		if !slices.Contains(joined, i) {
			joined = append(joined, i)
			score = math.Min(score, s.Segments[i].Score)
		}
	}
	masks := make([]*mask.Mask, len(joined))
	for n, i := range joined {
		masks[n] = s.Segments[i].Mask
	}
	u := mask.Union(masks...)
	cut := 0
	for _, p := range off {
		if !u.At(p.X, p.Y) {
			continue
		}
		i := smallest(s, p, nil, on)
		if i < 0 {
			return Answer{Why: fmt.Sprintf("no segment parts the point (%g, %g) from those on the object", p.X, p.Y)}
		}
		u.AndNot(s.Segments[i].Mask)
		cut++
	}
	a := Answer{Segments: joined, Mask: u, Score: score}
	a.Box.X1, a.Box.Y1, a.Box.X2, a.Box.Y2 = u.FrameBounds()
	var why []string
	if len(joined) > 1 {
		why = append(why, fmt.Sprintf("%d segments joined", len(joined)))
	}
	if cut > 0 {
		why = append(why, fmt.Sprintf("%d cut out", cut))
	}
	a.Why = "no single segment fits: " + strings.Join(why, ", ")
	return a
}

// smallest is the smallest segment that holds p, every one of with and none of without, -1
// when there is none.
func smallest(s *pipeline.Segmentation, p pipeline.Point, with, without []pipeline.Point) int {
	best, area := -1, 0
	for i := range s.Segments {
		m := s.Segments[i].Mask
		if !m.At(p.X, p.Y) || !all(m, with) || anyOf(m, without) {
			continue
		}
		if n := m.Area(); best < 0 || n < area {
			best, area = i, n
		}
	}
	return best
}

// boxMask is a box on a grid: the cells whose centres lie in it, at least one.
func boxMask(g mask.Grid, b pipeline.Box) *mask.Mask {
	x1, y1 := g.ToCell(b.X1, b.Y1)
	x2, y2 := g.ToCell(b.X2, b.Y2)
	limit := func(v float64, n int) float64 { return math.Max(-1, math.Min(v, float64(n)+1)) }
	c0, c1 := cells(limit(x1, g.W), limit(x2, g.W))
	r0, r1 := cells(limit(y1, g.H), limit(y2, g.H))
	m := mask.New(g, image.Rect(c0, r0, c1, r1))
	m.Fill(m.Window())
	return m
}

// like answers with the segment of the highest IoU with want, the first of equals.
func like(s *pipeline.Segmentation, want *mask.Mask, kind string) Answer {
	type scored struct {
		i   int
		iou float64
	}
	var list []scored
	area := want.Area()
	for i := range s.Segments {
		m := s.Segments[i].Mask
		if v := mask.IoUOfAreas(m, want, m.Area(), area); v > 0 {
			list = append(list, scored{i, v})
		}
	}
	slices.SortStableFunc(list, func(a, b scored) int {
		switch {
		case a.iou > b.iou:
			return -1
		case a.iou < b.iou:
			return 1
		}
		return 0
	})
	if len(list) == 0 {
		return Answer{Why: "nothing there: no segment touches the " + kind}
	}
	a := Answer{Score: list[0].iou}
	rest := list
	if list[0].iou >= MinPromptIoU {
		seg := &s.Segments[list[0].i]
		a.Segments, a.Mask, a.Box = []int{list[0].i}, seg.Mask, seg.Box
		a.Levels = pick(s.Segments, wholes(s.Segments, list[0].i))
		a.Why = fmt.Sprintf("the segment of the highest IoU with the %s: %.2f", kind, list[0].iou)
		rest = list[1:]
	} else {
		a.Why = fmt.Sprintf("nothing there: the best segment has an IoU of %.2f with the %s, at least %.2f is asked for", list[0].iou, kind, MinPromptIoU)
	}
	for _, c := range rest[:min(len(rest), maxAlternatives)] {
		seg := &s.Segments[c.i]
		a.Alternatives = append(a.Alternatives, pipeline.Alternative{Box: seg.Box, Score: c.iou, Level: seg.Level})
	}
	return a
}
