package prompt

import (
	"fmt"
	"slices"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// target is where a prompt points.
type target struct {
	kind     pipeline.PromptKind
	on, off  []pipeline.Point
	box      pipeline.Box
	mask     *mask.Mask // on the frame's grid
	onGrid   *mask.Mask // mask on the segments' grid, made when first needed
	level    int
	maskSize [2]int // w, h
}

func newTarget(p *pipeline.Prompt) (target, error) {
	t := target{kind: p.Kind(), level: p.Level}
	switch t.kind {
	case pipeline.PromptPoint:
		for i, q := range p.Points {
			if i < len(p.Labels) && p.Labels[i] == 0 {
				t.off = append(t.off, q)
			} else {
				t.on = append(t.on, q)
			}
		}
	case pipeline.PromptBox:
		t.box = *p.Box
	case pipeline.PromptMask:
		m, err := p.Mask.Mask()
		if err != nil {
			return t, &pipeline.PromptError{ID: p.ID, Field: "mask", Reason: err.Error()}
		}
		if m.Empty() {
			return t, &pipeline.PromptError{ID: p.ID, Field: "mask", Reason: "no pixel is set"}
		}
		t.mask, t.maskSize = m, [2]int{p.Mask.Size[1], p.Mask.Size[0]}
		x1, y1, x2, y2 := m.FrameBounds()
		t.box = pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}
	}
	return t, nil
}

// answer is what a target finds among the segments of a frame.
type answer struct {
	index        int        // -1 for nothing
	levels       []int      // a point's: what it can mean, fine to coarse
	joined       *mask.Mask // without an index: what several segments make, nil for nothing
	score        float64
	why          string
	alternatives []pipeline.Alternative
}

// least overlap of a box or mask with a segment that it means.
const leastOverlap = 0.3

// maxAlternatives bounds the answers offered besides the one taken.
const maxAlternatives = 5

func (t *target) find(segs []segment) answer {
	if t.kind == pipeline.PromptPoint {
		return t.findPoint(segs)
	}
	return t.findRegion(segs)
}

// at reports whether a segment holds a point.
func (s *segment) at(p pipeline.Point) bool {
	if s.mask != nil {
		return s.mask.At(p.X, p.Y)
	}
	return s.box.Contains(p)
}

func (s *segment) area() float64 {
	if s.mask != nil {
		return float64(s.cells) * s.mask.Grid().CellArea()
	}
	return s.box.Area()
}

// findPoint takes the smallest segment that holds every point on the object and none of the
// others; each level steps out to the next that is clearly larger.
func (t *target) findPoint(segs []segment) answer {
	var fit []int
	excluded := 0
	for i := range segs {
		s := &segs[i]
		holds := func(p pipeline.Point) bool { return s.at(p) }
		if !slices.ContainsFunc(t.on, func(p pipeline.Point) bool { return !s.at(p) }) {
			if slices.ContainsFunc(t.off, holds) {
				excluded++
			} else {
				fit = append(fit, i)
			}
		}
	}
	slices.SortFunc(fit, func(a, b int) int {
		switch x, y := segs[a].area(), segs[b].area(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return a - b
	})
	if len(fit) == 0 {
		if a := t.join(segs); a.joined != nil {
			return a
		}
		why := "nothing there: no segment holds the point"
		switch {
		case excluded > 0:
			why = fmt.Sprintf("nothing there: %d segments hold the points, but all of them hold an excluded point too", excluded)
		case len(t.on) > 1:
			why = "nothing there: no segment holds all the points"
		}
		return answer{index: -1, why: why}
	}
	levels := chain(segs, fit)
	level := min(t.level, len(levels)-1)
	a := answer{index: levels[level], levels: levels, score: segs[levels[level]].score}
	switch {
	case len(fit) == 1:
		a.why = "the only segment at the point"
	case level == 0:
		a.why = fmt.Sprintf("the smallest of %d segments at the point", len(fit))
	default:
		a.why = fmt.Sprintf("level %d of %d at the point", level, len(levels)-1)
	}
	if level < t.level {
		a.why += fmt.Sprintf(" (level %d was asked for, %d is the highest here)", t.level, level)
	}
	for _, i := range fit {
		if i != a.index && len(a.alternatives) < maxAlternatives {
			a.alternatives = append(a.alternatives, pipeline.Alternative{Box: segs[i].box, Score: segs[i].score, Level: levelOf(segs, levels, i)})
		}
	}
	return a
}

// join makes the object where no single segment fits: it joins the smallest segments under the
// points on it and cuts out those under the points off it. Without a segment for each, or one
// that tells them apart, it is nothing.
func (t *target) join(segs []segment) answer {
	none := answer{index: -1}
	smallest := func(p pipeline.Point, without []pipeline.Point) int {
		best := -1
		for i := range segs {
			s := &segs[i]
			if s.mask != nil && s.at(p) && !slices.ContainsFunc(without, s.at) && (best < 0 || s.cells < segs[best].cells) {
				best = i
			}
		}
		return best
	}
	var parts []int
	a := answer{index: -1, score: 1}
	for _, p := range t.on {
		i := smallest(p, t.off)
		if i < 0 {
			i = smallest(p, nil)
		}
		if i < 0 {
			return none
		}
		if !slices.Contains(parts, i) {
			parts = append(parts, i)
			a.score = min(a.score, segs[i].score)
		}
	}
	masks := make([]*mask.Mask, len(parts))
	for n, i := range parts {
		masks[n] = segs[i].mask
	}
	a.joined = mask.Union(masks...)
	cut := 0
	for _, p := range t.off {
		if !a.joined.At(p.X, p.Y) {
			continue
		}
		i := smallest(p, t.on)
		if i < 0 {
			return none
		}
		a.joined.AndNot(segs[i].mask)
		cut++
	}
	a.why = "no single segment fits: "
	if len(parts) > 1 {
		a.why += fmt.Sprintf("%d segments joined", len(parts))
	}
	if cut > 0 {
		if len(parts) > 1 {
			a.why += ", "
		}
		a.why += fmt.Sprintf("%d cut out", cut)
	}
	return a
}

// levelStep is how much larger the next level is at least.
const levelStep = 1.25

// chain picks the levels out of segments sorted by area: each clearly larger than the one
// before, the better scored of those alike.
func chain(segs []segment, fit []int) []int {
	out := []int{fit[0]}
	for _, i := range fit[1:] {
		last := out[len(out)-1]
		if segs[i].area() >= levelStep*segs[last].area() {
			out = append(out, i)
		} else if segs[i].score > segs[last].score && len(out) > 1 {
			out[len(out)-1] = i
		}
	}
	if len(out) > pipeline.MaxPromptLevel+1 {
		out = out[:pipeline.MaxPromptLevel+1]
	}
	return out
}

// levelOf is the level whose area is nearest below.
func levelOf(segs []segment, levels []int, i int) int {
	l := 0
	for k, j := range levels {
		if segs[j].area() <= segs[i].area()*1.0001 {
			l = k
		}
	}
	return l
}

// findRegion takes the segment that overlaps the box or mask most.
func (t *target) findRegion(segs []segment) answer {
	name := "box"
	if t.mask != nil {
		name = "mask"
	}
	best, most := -1, 0.0
	a := answer{index: -1}
	for i := range segs {
		v := t.like(&segs[i])
		if v >= leastOverlap {
			a.alternatives = append(a.alternatives, pipeline.Alternative{Box: segs[i].box, Score: v})
		}
		if v > most {
			best, most = i, v
		}
	}
	if most < leastOverlap {
		switch {
		case best < 0:
			a.why = fmt.Sprintf("nothing there: no segment overlaps the %s", name)
		default:
			a.why = fmt.Sprintf("nothing there: the best of the segments overlaps the %s by %.0f %%, less than %.0f %%", name, 100*most, 100*leastOverlap)
		}
		return a
	}
	a.index, a.score = best, most
	a.why = fmt.Sprintf("the segment that overlaps the %s most, by %.0f %%", name, 100*most)
	a.alternatives = slices.DeleteFunc(a.alternatives, func(x pipeline.Alternative) bool { return x.Box == segs[best].box && x.Score == most })
	slices.SortStableFunc(a.alternatives, func(x, y pipeline.Alternative) int {
		switch {
		case x.Score > y.Score:
			return -1
		case x.Score < y.Score:
			return 1
		}
		return 0
	})
	if len(a.alternatives) > maxAlternatives {
		a.alternatives = a.alternatives[:maxAlternatives]
	}
	return a
}

// like is the IoU of a segment and the target's region.
func (t *target) like(s *segment) float64 {
	if s.box.Intersect(t.box).Area() == 0 {
		return 0
	}
	if t.mask == nil || s.mask == nil {
		return s.box.IoU(t.box)
	}
	if t.onGrid == nil || t.onGrid.Grid() != s.mask.Grid() {
		t.onGrid = t.mask.Resample(s.mask.Grid())
	}
	if t.onGrid.Empty() { // smaller than a cell
		return s.box.IoU(t.box)
	}
	return mask.IoU(t.onGrid, s.mask)
}
