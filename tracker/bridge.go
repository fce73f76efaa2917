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

// bridge keeps tracks alive whose object was cut differently in this frame: a whole that came
// in parts is updated from their union, so that it keeps its id. Only segments that nobody
// took, and those of the track's own parts, count.
func (c *Core) bridge() {
	for _, i := range c.live {
		s := &c.slots[i]
		if s.shown || s.state != pipeline.Confirmed || s.stuff || !s.hasMask || s.cells < 16 {
			continue
		}
		whole := &c.moved[i]
		var box pipeline.Box
		parts, outside := 0, 0
		best := 0.0
		for j := range c.dets {
			d := &c.dets[j]
			if d.mask == nil || d.stuff || d.cells >= s.cells || d.mask.Grid() != whole.Grid() || d.box.Intersect(s.box).Area() == 0 {
				continue
			}
			if m := c.matched[j]; m >= 0 && c.slots[m].parent != i {
				continue
			}
			in := mask.Intersection(d.mask, whole)
			if float64(in) < partInside*float64(d.cells) {
				continue
			}
			if parts == 0 {
				c.scratch.Reset(whole.Grid(), whole.Window(), nil)
				box = d.box
			} else {
				box = pipeline.Box{X1: min(box.X1, d.box.X1), Y1: min(box.Y1, d.box.Y1), X2: max(box.X2, d.box.X2), Y2: max(box.Y2, d.box.Y2)}
			}
			c.scratch.Or(d.mask)
			parts++
			outside += d.cells - in
			best = max(best, d.score)
			c.order = append(c.order[:parts-1], int32(j))
		}
		if parts == 0 {
			continue
		}
		covered := mask.Intersection(&c.scratch, whole)
		if float64(covered) < partsCover*float64(s.cells) || float64(outside) > partsOutside*float64(s.cells) {
			continue
		}
		for _, j := range c.order[:parts] {
			if c.matched[j] < 0 {
				c.matched[j] = i // taken: it starts no track of its own
			}
		}
		z := measure(box)
		s.motion.update(z, c.noise.deviation())
		s.observe(c.now, box, best)
		s.bridged = true
		// The mask stays the last whole one: a union of parts has holes and grows ragged.
		c.masks[i].CopyFrom(whole, nil)
		s.markX, s.markY = z[0], z[1]
	}
}
