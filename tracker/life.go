package tracker

import (
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// finish moves every track through its life and starts new ones.
func (c *Core) finish() {
	for _, i := range c.live {
		c.settle(i)
	}
	c.families()
	keep := c.live[:0]
	for _, i := range c.live {
		if c.over(i) {
			c.free = append(c.free, i)
		} else {
			keep = append(keep, i)
		}
	}
	c.live = keep
	for _, i := range c.live {
		if p := c.slots[i].parent; p >= 0 && c.slots[p].state == "" {
			c.slots[i].parent = -1 // it ended
		}
	}
	c.start()
	for row, i := range c.live {
		c.slots[i].row = int32(row)
	}
}

// settle updates the state of a track after the step's observations.
func (c *Core) settle(i int32) {
	s := &c.slots[i]
	switch {
	case s.shown && s.state == pipeline.Tentative:
		if s.hits >= c.p.MinHits {
			c.confirm(i)
		}
	case s.shown && s.state == pipeline.Lost:
		s.state = pipeline.Confirmed
		c.tell(i, pipeline.EventResumed)
	case s.shown:
	default:
		s.misses++
		s.box = s.motion.box()
		if s.state == pipeline.Confirmed && s.misses >= 2 && c.now-s.last > c.p.LostAfter && !c.coasts(s) {
			s.state = pipeline.Lost
			c.tell(i, pipeline.EventLost)
		}
	}
}

// coastFor is how long a part may be missing while its whole is seen.
const coastFor = 1.0

// coasts reports whether a missing track is a part of one that is in sight.
func (c *Core) coasts(s *slot) bool {
	return s.parent >= 0 && c.slots[s.parent].shown && c.now-s.last < coastFor
}

func (c *Core) confirm(i int32) {
	s := &c.slots[i]
	s.state, s.id = pipeline.Confirmed, ids.Add(1)
	c.tell(i, pipeline.EventStarted)
}

// tell records a change, except of background.
func (c *Core) tell(i int32, kind pipeline.EventKind) {
	if !c.slots[i].stuff {
		c.changes = append(c.changes, change{kind: kind, object: c.object(i)})
	}
}

// over ends a track whose time has come and reports it.
func (c *Core) over(i int32) bool {
	s := &c.slots[i]
	if !s.motion.finite() {
		c.end(i, pipeline.EndTimeout)
		return true
	}
	if s.shown {
		return false
	}
	if s.state == pipeline.Tentative {
		c.end(i, pipeline.EndTimeout)
		return true
	}
	ttl, reason := c.p.TTL, pipeline.EndTimeout
	switch {
	case s.pinned:
		ttl = c.p.PinnedTTL
	case c.leaves(s):
		ttl, reason = c.p.LeftTTL, pipeline.EndLeft
	case s.last-s.still >= c.p.StationaryAge:
		ttl = c.p.StationaryTTL
	}
	if c.now-s.last <= ttl+1e-9 {
		return false
	}
	c.end(i, reason)
	return true
}

// leaves reports whether the track moved out of the frame: most of its box is outside.
func (c *Core) leaves(s *slot) bool {
	if c.p.Width <= 0 || c.p.Height <= 0 {
		return false
	}
	in := s.box.Intersect(pipeline.Box{X2: c.p.Width, Y2: c.p.Height})
	return in.Area() < 0.5*s.box.Area()
}

// end tells of a track's end and clears its slot's references.
func (c *Core) end(i int32, reason pipeline.EndReason) {
	s := &c.slots[i]
	if s.id != 0 {
		s.state = pipeline.Ended
		if !s.stuff {
			c.changes = append(c.changes, change{kind: pipeline.EventEnded, reason: reason, object: c.object(i)})
		}
	}
	*s = slot{parent: -1, det: -1, row: -1}
}

// families sets each observed track's parent from the nesting of the detections.
func (c *Core) families() {
	for j := range c.dets {
		i := c.matched[j]
		if i < 0 || c.slots[i].det != int32(j) {
			continue
		}
		s := &c.slots[i]
		s.parent = -1
		if p := c.dets[j].parent; p >= 0 {
			if m := c.matched[p]; m >= 0 && m != i && c.slots[m].id != 0 {
				s.parent = m
			}
		}
	}
}

// start makes tracks of the detections that nobody took and that overlap nothing known.
func (c *Core) start() {
	c.order = c.order[:0]
	for j := range c.dets {
		if d := &c.dets[j]; d.ok && c.matched[j] < 0 && d.score > c.p.Init && !c.covered(d) {
			c.order = append(c.order, int32(j))
		}
	}
	// Of candidates that overlap each other the best wins.
	for a, j := range c.order {
		d := &c.dets[j]
		beaten := false
		for b, k := range c.order {
			o := &c.dets[k]
			if b == a || o.score < d.score || o.score == d.score && (d.mask == nil || b > a) {
				continue
			}
			if c.same(d.box, d.mask, d.cells, o.box, o.mask, o.cells) {
				beaten = true
				break
			}
		}
		if beaten {
			continue
		}
		if len(c.live) >= c.p.MaxTracks {
			return
		}
		c.birth(j)
	}
}

// covered reports whether a live track stands where d would start one.
func (c *Core) covered(d *det) bool {
	for _, i := range c.live {
		s := &c.slots[i]
		if !s.shown && (s.misses > 1 || !s.hasMask) || s.stuff != d.stuff {
			continue
		}
		m := (*mask.Mask)(nil)
		if s.hasMask {
			if m = &c.masks[i]; !s.shown {
				m = &c.moved[i]
			}
		}
		if c.same(d.box, d.mask, d.cells, s.box, m, s.cells) {
			return true
		}
	}
	return false
}

// same reports whether two regions overlap so much that they are one thing: by their masks
// where both have one, since a part and its whole share a box easily.
func (c *Core) same(a pipeline.Box, am *mask.Mask, an int, b pipeline.Box, bm *mask.Mask, bn int) bool {
	if a.Intersect(b).Area() == 0 {
		return false
	}
	if am != nil && bm != nil && am.Grid() == bm.Grid() {
		return mask.IoUOfAreas(am, bm, an, bn) > c.p.maskOverlap
	}
	return a.IoU(b) > c.p.Suppress
}

// birth starts a track from detection j.
func (c *Core) birth(j int32) int32 {
	d := &c.dets[j]
	i := c.take()
	s := &c.slots[i]
	s.motion.start(d.box)
	if !d.stuff {
		v := c.traffic.expect(&s.motion, c.now)
		s.motion.v[0], s.motion.v[1] = v.X, v.Y
	}
	s.state, s.parent, s.det = pipeline.Tentative, -1, j
	s.first, s.stuff = c.now, d.stuff
	s.observe(c.now, d.box, d.score)
	s.before = d.score
	c.step(s, j)
	s.still, s.stillAt = c.now, d.box.Center()
	if d.mask != nil {
		c.masks[i].CopyFrom(d.mask, nil)
		at := d.box.Center()
		s.hasMask, s.cells, s.markX, s.markY = true, d.cells, at.X, at.Y
	}
	c.matched[j] = i
	s.row = int32(len(c.live))
	c.live = append(c.live, i)
	if d.score >= c.p.Instant || s.hits >= c.p.MinHits {
		c.confirm(i)
	} else if c.steps == 1 {
		s.hits = max(s.hits, c.p.MinHits-1) // what is there from the start is no surprise
	}
	return i
}

// take returns a free slot.
func (c *Core) take() int32 {
	if n := len(c.free); n > 0 {
		i := c.free[n-1]
		c.free = c.free[:n-1]
		return i
	}
	c.slots = append(c.slots, slot{})
	c.masks = append(c.masks, mask.Mask{})
	c.moved = append(c.moved, mask.Mask{})
	return int32(len(c.slots) - 1)
}
