package levels

import (
	"sort"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Rule of the tree: a child lies at least Inside in its parent and has at most Ratio of the
// parent's area.
const (
	Inside = 0.95
	Ratio  = 0.8
	// MaxLevels is the most nested segments that one click offers.
	MaxLevels = 6
)

// Builder builds containment trees. It reuses its memory and is not safe for concurrent use.
type Builder struct {
	area  []int
	order []int
}

// Build sets Parent and Level of every segment. All masks must lie on one grid.
func (b *Builder) Build(segs []pipeline.Segment) {
	n := len(segs)
	b.area, b.order = b.area[:0], b.order[:0]
	for i := range segs {
		b.area = append(b.area, segs[i].Mask.Area())
		b.order = append(b.order, i)
	}
	sort.Sort(b) // small first; stable by index
	for k, i := range b.order {
		segs[i].Parent, segs[i].Level = -1, 0
		ai := float64(b.area[i])
		if ai == 0 {
			continue
		}
		wi := segs[i].Mask.Window()
		for _, j := range b.order[k+1 : n] {
			if ai > Ratio*float64(b.area[j]) {
				continue
			}
			// Boxes are cheap: a child's box overlaps its parent's.
			if !wi.Overlaps(segs[j].Mask.Window()) {
				continue
			}
			if float64(mask.Intersection(segs[i].Mask, segs[j].Mask)) >= Inside*ai {
				segs[i].Parent = j
				break
			}
		}
	}
	for k := n - 1; k >= 0; k-- { // parents are larger, so they come first here
		i := b.order[k]
		if p := segs[i].Parent; p >= 0 {
			segs[i].Level = segs[p].Level + 1
		}
	}
}

func (b *Builder) Len() int      { return len(b.order) }
func (b *Builder) Swap(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] }
func (b *Builder) Less(i, j int) bool {
	x, y := b.order[i], b.order[j]
	if b.area[x] != b.area[y] {
		return b.area[x] < b.area[y]
	}
	return x < y
}
