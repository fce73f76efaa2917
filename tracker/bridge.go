package tracker

import (
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// How much of a whole its parts must cover, how much of a part must lie inside, and how much
// of the whole's area they may have outside.
const (
	partInside   = 0.8
	partsCover   = 0.8
	partsOutside = 0.2
)

// The mask IoU from which a detection is the whole itself, so that no bridge is needed, and
// the cost below which a part is another track's own.
const (
	wholeAgain = 0.7
	partOwned  = 0.5
)

// bridge keeps tracks alive whose object is cut into parts in this frame: such a whole is
// updated from their union and keeps its id. It goes before the assignment, where the whole
// would shrink onto one of its parts. The parts stay free for tracks of their own; what then
// nobody took, settleParts takes out.
func (c *Core) bridge() {
	for row, i := range c.live {
		s := &c.slots[i]
		if s.shown || s.aloof || s.state != pipeline.Confirmed || s.stuff || !s.hasMask || s.cells < leastWhole {
			continue
		}
		c.bridgeOne(int32(row), i)
	}
}

// leastWhole is the least area of a bridged track, in cells: masks of a few cells have no
// parts.
const leastWhole = 16

func (c *Core) bridgeOne(row, i int32) {
	s := &c.slots[i]
	whole := &c.moved[i]
	from := len(c.parts)
	outside := 0
	var box pipeline.Box
	best := 0.0
	for j := range c.dets {
		d := &c.dets[j]
		if d.mask == nil || d.stuff || d.mask.Grid() != whole.Grid() || d.box.Intersect(s.box).Area() == 0 {
			continue
		}
		in := mask.Intersection(d.mask, whole)
		if float64(in) >= wholeAgain*float64(s.cells+d.cells-in) {
			c.parts = c.parts[:from]
			return
		}
		if float64(in) < partInside*float64(d.cells) || d.cells >= s.cells || c.owned(int32(j), row, i) {
			continue
		}
		if len(c.parts) == from {
			c.scratch.Reset(whole.Grid(), whole.Window(), nil)
			box = d.box
		} else {
			box = pipeline.Box{X1: min(box.X1, d.box.X1), Y1: min(box.Y1, d.box.Y1), X2: max(box.X2, d.box.X2), Y2: max(box.Y2, d.box.Y2)}
		}
		c.scratch.Or(d.mask)
		c.parts = append(c.parts, part{det: int32(j), slot: i})
		outside += d.cells - in
		best = max(best, d.score)
	}
	covered := 0
	if len(c.parts)-from >= 2 {
		covered = mask.Intersection(&c.scratch, whole)
	}
	if covered == 0 || float64(covered) < partsCover*float64(s.cells) || float64(outside) > partsOutside*float64(s.cells) {
		c.parts = c.parts[:from]
		return
	}
	z := measure(box)
	s.motion.update(z, c.noise.deviation())
	s.observe(c.now, box, best)
	// The mask stays the last whole one, moved: a union of parts has holes and grows ragged.
}

// part is a detection that helped to bridge a track.
type part struct{ det, slot int32 }

// owned reports whether a detection clearly belongs to a track that is no part of slot i: two
// people who once came as one segment are not that segment's parts.
func (c *Core) owned(j, row, i int32) bool {
	for _, e := range c.gate.pairs {
		if e.col != j || e.row == row || e.cost > partOwned {
			continue
		}
		if s := &c.slots[c.live[e.row]]; s.state == pipeline.Confirmed && s.parent != i {
			return true
		}
	}
	return false
}

// settleParts takes out the parts that no track took: they start none of their own.
func (c *Core) settleParts() {
	for _, p := range c.parts {
		if c.matched[p.det] < 0 {
			c.matched[p.det] = p.slot
		}
	}
}
