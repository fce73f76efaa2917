package levels

import (
	"slices"

	"outrider/pipeline"
)

// Max is the highest number of levels that one click has.
const Max = 6

// Chain lists the segments under the frame position (x, y), smallest first, each inside the
// next by the rule of containment, at most Max of them: of a longer chain those stay that
// differ most in area from their neighbours, the smallest and the largest among them. It is
// nil when nothing is there. All masks must lie on one grid.
func Chain(segs []pipeline.Segment, x, y float64) []int {
	var under []int
	for i := range segs {
		if segs[i].Mask.At(x, y) {
			under = append(under, i)
		}
	}
	return Nest(segs, under)
}

// Nest makes a chain, as Chain describes it, of the given segments: it starts at the smallest.
func Nest(segs []pipeline.Segment, from []int) []int {
	type sized struct{ i, area int }
	all := make([]sized, len(from))
	for n, i := range from {
		all[n] = sized{i, segs[i].Mask.Area()}
	}
	slices.SortStableFunc(all, func(a, b sized) int { return a.area - b.area })
	chain := all[:0]
	for _, s := range all {
		if n := len(chain); n == 0 || Inside(segs[chain[n-1].i].Mask, segs[s.i].Mask, chain[n-1].area, s.area) {
			chain = append(chain, s)
		}
	}
	for len(chain) > Max {
		// Of each step between neighbours the area ratio tells how much it says.
		worst, best := 1, 0.0
		for n := 1; n < len(chain)-1; n++ {
			if r := float64(chain[n-1].area) / float64(chain[n].area); r > best {
				worst, best = n, r
			}
		}
		chain = slices.Delete(chain, worst, worst+1)
	}
	var out []int
	for _, s := range chain {
		out = append(out, s.i)
	}
	return out
}
