package levels

import (
	"slices"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Max is the highest number of levels that one click has.
const Max = 6

// Chain lists the segments under the frame position (x, y), smallest first, each inside the
// next by the rule of containment, at most Max of them: of a longer chain those stay that
// differ most in area from their neighbours, the smallest and the largest among them. It is
// nil when nothing is there. All masks must lie on one grid.
func Chain(segs []pipeline.Segment, x, y float64) []int {
	var n nest
	return n.at(nil, segs, x, y)
}

// Nest makes a chain, as Chain describes it, of the given segments: it starts at the smallest.
func Nest(segs []pipeline.Segment, from []int) []int {
	var n nest
	for _, i := range from {
		n.add(segs, i)
	}
	return n.chain(nil, segs)
}

// Nested are copies of the masks of a chain, fine to coarse, of which each lies wholly inside
// the next: containment forgives a child one part in twenty outside its parent, which is
// added to the parent here.
func Nested(masks []*mask.Mask) []*mask.Mask {
	out := make([]*mask.Mask, len(masks))
	for i, m := range masks {
		if i == 0 {
			out[i] = m.Clone()
		} else {
			out[i] = mask.Union(m, out[i-1])
		}
	}
	return out
}

// nest makes chains and keeps its memory for the next one.
type nest struct{ all []sized }

// sized is a segment and its area.
type sized struct{ i, area int }

func (n *nest) add(segs []pipeline.Segment, i int) {
	n.all = append(n.all, sized{i, segs[i].Mask.Area()})
}

// at appends the chain under a position to dst.
func (n *nest) at(dst []int, segs []pipeline.Segment, x, y float64) []int {
	n.all = n.all[:0]
	for i := range segs {
		if segs[i].Mask.At(x, y) {
			n.add(segs, i)
		}
	}
	return n.chain(dst, segs)
}

// chain appends the chain of what was added to dst.
func (n *nest) chain(dst []int, segs []pipeline.Segment) []int {
	slices.SortStableFunc(n.all, func(a, b sized) int { return a.area - b.area })
	chain := n.all[:0]
	for _, s := range n.all {
		if k := len(chain); k == 0 || Inside(segs[chain[k-1].i].Mask, segs[s.i].Mask, chain[k-1].area, s.area) {
			chain = append(chain, s)
		}
	}
	for len(chain) > Max {
		// Of each step between neighbours the area ratio tells how much it says.
		worst, best := 1, 0.0
		for k := 1; k < len(chain)-1; k++ {
			if r := float64(chain[k-1].area) / float64(chain[k].area); r > best {
				worst, best = k, r
			}
		}
		chain = slices.Delete(chain, worst, worst+1)
	}
	for _, s := range chain {
		dst = append(dst, s.i)
	}
	return dst
}
