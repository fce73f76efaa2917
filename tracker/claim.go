package tracker

import (
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// claim is a track whose place in the next frame is known before the association: that of an
// object that is followed by its own pixels.
type claim struct {
	slot  int32
	det   int32 // the detection that it takes, -1 for none or for parts
	score float64
	mask  mask.Mask
}

// claim appends a claim whose memory is reused.
func (c *Core) claim() *claim {
	if n := len(c.claims); n < cap(c.claims) {
		c.claims = c.claims[:n+1]
	} else {
		c.claims = append(c.claims, claim{})
	}
	return &c.claims[len(c.claims)-1]
}

// adopt updates the tracks of the claims.
func (c *Core) adopt() {
	for k := range c.claims {
		q := &c.claims[k]
		s := &c.slots[q.slot]
		if q.det >= 0 && (int(q.det) >= len(c.matched) || c.matched[q.det] >= 0) {
			q.det = -1 // two objects claim one segment: each keeps its shape
		}
		if q.det >= 0 {
			c.matched[q.det] = q.slot
		}
		s.det, s.claimed = q.det, true
		x1, y1, x2, y2 := q.mask.FrameBounds()
		b := pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}
		s.motion.update(measure(b), c.noise.deviation())
		s.steer(b, c.now, c.frame)
		s.observe(c.now, b, q.score)
		c.masks[q.slot].CopyFrom(&q.mask, nil)
		at := b.Center()
		s.hasMask, s.cells, s.markX, s.markY = true, q.mask.Area(), at.X, at.Y
	}
	c.claims = c.claims[:0]
}
