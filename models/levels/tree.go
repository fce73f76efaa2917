package levels

import (
	"slices"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// The rule of containment.
const (
	MinInside = 0.95 // share of the child that lies inside the parent
	MaxRatio  = 0.80 // the child's area over the parent's
)

// Inside reports whether a is a part of b: the rule of containment. areaA and areaB are the
// masks' areas in cells.
func Inside(a, b *mask.Mask, areaA, areaB int) bool {
	if areaA == 0 || float64(areaA) > MaxRatio*float64(areaB) || !a.Window().Overlaps(b.Window()) {
		return false
	}
	return float64(mask.Intersection(a, b)) >= MinInside*float64(areaA)
}

// Tree builds containment trees and keeps its memory for the next frame. The zero value is
// ready; one goroutine at a time.
type Tree struct {
	area  []int
	order []int // by area, small first
}

// Build sets Parent and Level of every segment: Parent is the index of the smallest segment
// that holds it, -1 for a root; Level is the number of its ancestors. All masks must lie on
// one grid. Segments keep their order.
func (t *Tree) Build(segs []pipeline.Segment) {
	t.area, t.order = t.area[:0], t.order[:0]
	for i := range segs {
		t.area = append(t.area, segs[i].Mask.Area())
		t.order = append(t.order, i)
	}
	slices.SortStableFunc(t.order, func(a, b int) int { return t.area[a] - t.area[b] })
	// Large ones first, so that a parent's level is known before its children's.
	for n := len(t.order) - 1; n >= 0; n-- {
		i := t.order[n]
		segs[i].Parent, segs[i].Level = -1, 0
		for _, j := range t.order[n+1:] {
			if Inside(segs[i].Mask, segs[j].Mask, t.area[i], t.area[j]) {
				segs[i].Parent, segs[i].Level = j, segs[j].Level+1
				break
			}
		}
	}
}
