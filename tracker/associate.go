package tracker

import (
	"math"

	"outrider/pipeline"
)

// associate assigns detections to tracks in stages and updates what it assigned.
func (c *Core) associate(dt float64) {
	c.collect(dt)
	c.bridge()
	confirmed := func(s *slot) bool { return s.state != pipeline.Tentative }
	high := func(d *det) bool { return d.score > c.p.High }
	c.stage(confirmed, high, c.p.Match)
	c.stage(func(s *slot) bool { return confirmed(s) && s.fresh },
		func(d *det) bool { return !high(d) }, c.p.MatchLow)
	c.recover(confirmed, high)
	c.stage(func(s *slot) bool { return !confirmed(s) }, high, c.p.Match)
	c.settleParts()
	c.parts = c.parts[:0]
}

// nested is how much cheaper a pair is when the parents of both belong together.
const nested = 0.1

// stage assigns the tracks and detections that take part and are still alone.
func (c *Core) stage(tracks func(*slot) bool, dets func(*det) bool, limit float64) {
	c.pairs = c.pairs[:0]
	parts := false
	for _, e := range c.gate.pairs {
		if e.cost >= limit || c.matched[e.col] >= 0 || !dets(&c.dets[e.col]) {
			continue
		}
		if s := &c.slots[c.live[e.row]]; s.shown || !tracks(s) {
			continue
		}
		if s := &c.slots[c.live[e.row]]; s.pinned && c.now-s.last > pinnedSure && e.cost >= pinnedCost {
			continue
		}
		if s := &c.slots[c.live[e.row]]; s.aloof && !c.fits(c.live[e.row], e.col) {
			continue
		}
		e.cost = math.Max(e.cost, 0)
		parts = parts || c.dets[e.col].parent >= 0
		c.pairs = append(c.pairs, e)
	}
	if len(c.pairs) == 0 {
		return
	}
	match := c.assign.solve(len(c.live), len(c.dets), c.pairs, limit)
	if parts && c.favourFamilies(match) {
		match = c.assign.solve(len(c.live), len(c.dets), c.pairs, limit)
	}
	for row, col := range match {
		if col >= 0 && !(c.slots[c.live[row]].pinned && c.inDoubt(int32(row), col, match)) {
			c.hit(c.live[row], col)
		}
	}
}

// A pinned track is somebody's object: a wrong jump is worse than a loss. When it was last
// seen longer ago than pinnedSure seconds it takes only what lies within pinnedCost, and at
// any time it takes nothing at a cost above doubtFrom when another detection that nobody
// else claims comes within doubtStep.
const (
	pinnedSure = 0.5
	pinnedCost = 0.6
	doubtFrom  = 0.4
	doubtStep  = 0.1
)

// inDoubt reports whether a row's detection col is not clearly better than the others.
func (c *Core) inDoubt(row, col int32, match []int32) bool {
	own := 2.0
	for _, e := range c.pairs {
		if e.row == row && e.col == col {
			own = e.cost
		}
	}
	if own <= doubtFrom {
		return false
	}
	for _, e := range c.pairs {
		if e.row != row || e.col == col || e.cost > own+doubtStep {
			continue
		}
		claimed := false
		for r, k := range match {
			claimed = claimed || k == e.col && int32(r) != row
		}
		if !claimed && !c.nests(e.col, col) {
			return true
		}
	}
	return false
}

// nests reports whether one of two detections is a part of the other.
func (c *Core) nests(a, b int32) bool { return c.dets[a].parent == b || c.dets[b].parent == a }

// favourFamilies makes pairs cheaper whose parents were assigned to one another, and reports
// whether there were any. Parts of one object look like the same part of its neighbour; what
// they belong to tells them apart.
func (c *Core) favourFamilies(match []int32) bool {
	changed := false
	for k := range c.pairs {
		e := &c.pairs[k]
		sp, dp := c.slots[c.live[e.row]].parent, c.dets[e.col].parent
		if sp < 0 || dp < 0 {
			continue
		}
		if c.matched[dp] == sp || c.rowOf(sp) >= 0 && match[c.rowOf(sp)] == dp {
			e.cost = math.Max(e.cost-nested, 0)
			changed = true
		}
	}
	return changed
}

// rowOf is the position of a slot in live, -1 when it is not there.
func (c *Core) rowOf(slot int32) int32 { return c.slots[slot].row }

// recover gives tracks that are still alone the detections that overlap where they were seen
// last: motion that no filter predicts.
func (c *Core) recover(tracks func(*slot) bool, dets func(*det) bool) {
	g := &c.gate
	c.pairs = c.pairs[:0]
	limit := 1 - c.p.Recover
	for row, i := range c.live {
		s := &c.slots[i]
		if s.shown || s.stuff || !tracks(s) || s.hasMask && !s.fresh {
			continue
		}
		b := s.newest()
		add := func(j int32) {
			d := &c.dets[j]
			if c.matched[j] >= 0 || d.stuff || !dets(d) || s.aloof && !c.fits(i, j) {
				return
			}
			if s.hasMask && d.mask != nil {
				if r := float64(d.cells) / float64(s.cells); r > maxGrowth || r < 1/maxGrowth {
					return
				}
			}
			if cost := 1 - b.IoU(d.box); cost < limit && !c.apart(i, j) {
				c.pairs = append(c.pairs, edge{int32(row), j, cost})
			}
		}
		for k := g.first(c.dets, b.X1-g.width); k < len(g.narrow) && c.dets[g.narrow[k]].box.X1 < b.X2; k++ {
			add(g.narrow[k])
		}
		for _, j := range g.wide {
			add(j)
		}
	}
	if len(c.pairs) == 0 {
		return
	}
	for row, col := range c.assign.solve(len(c.live), len(c.dets), c.pairs, limit) {
		if col >= 0 {
			c.hit(c.live[row], col)
		}
	}
}

// hit updates a track from a detection.
func (c *Core) hit(i, j int32) {
	s, d := &c.slots[i], &c.dets[j]
	c.matched[j] = i
	s.det = j
	z := measure(d.box)
	dev := c.noise.deviation()
	if s.state != pipeline.Tentative && !s.fresh {
		c.replay(s, z, dev)
	}
	s.motion.update(z, dev)
	if n := s.seen; n >= 2 && s.hits >= 4 && d.score > c.p.High {
		o2, o1 := &s.past[(n-2)%len(s.past)], &s.past[(n-1)%len(s.past)]
		if math.Abs((c.now-o1.t)-(o1.t-o2.t)) < 0.1*c.frame {
			c.noise.learn(measure(o2.box), measure(o1.box), z)
		}
	}
	s.steer(d.box, c.now, c.frame)
	c.step(s, j)
	if !s.stuff {
		c.traffic.learn(&s.motion, c.now)
	}
	s.observe(c.now, d.box, d.score)
	if d.mask != nil {
		c.masks[i].CopyFrom(d.mask, nil)
		s.hasMask, s.cells, s.markX, s.markY = true, d.cells, z[0], z[1]
	}
}

// steer sets the direction of each corner: the sum of unit vectors from the boxes 1, 2 and 3
// frames ago.
func (s *slot) steer(b pipeline.Box, now, frame float64) {
	to := corners(b)
	s.dir = [4]pipeline.Point{}
	for q := 1; q <= 3; q++ {
		from := corners(s.reference(now - (float64(q)-0.01)*frame))
		for k := range to {
			dx, dy := to[k].X-from[k].X, to[k].Y-from[k].Y
			n := math.Sqrt(dx*dx+dy*dy) + 1e-5
			s.dir[k].X += dx / n
			s.dir[k].Y += dy / n
		}
	}
}

// observe records an observation at the track's present state.
func (s *slot) observe(t float64, b pipeline.Box, score float64) {
	s.past[s.seen%len(s.past)] = observation{t, b}
	s.seen++
	s.before, s.score = s.score, score
	s.hits++
	s.misses = 0
	s.shown = true
	s.last = t
	s.box = s.motion.box()
	s.saved = s.motion
	// Still means that the centre stays within a tenth of the size of where it was.
	at := b.Center()
	if lim := 0.1 * math.Max(b.W(), b.H()); math.Abs(at.X-s.stillAt.X) > lim || math.Abs(at.Y-s.stillAt.Y) > lim {
		s.still, s.stillAt = t, at
	}
}

// maxReplay bounds the virtual observations of one gap.
const maxReplay = 60

// replay goes over the time since the last observation again, now that its end is known: the
// filter restarts from where it was and takes virtual observations on a straight line to z
// (observation-centric re-update of OC-SORT), so that the drift of the gap leaves no trace.
func (c *Core) replay(s *slot, z, dev [4]float64) {
	gap := c.now - s.last
	n := int(math.Round(c.frames(gap)))
	if n < 2 {
		return
	}
	n = min(n, maxReplay)
	from := measure(s.newest())
	s.motion = s.saved
	tau := gap / float64(n) / stepUnit
	for k := 1; k <= n; k++ {
		s.motion.predict(tau, c.rate())
		if k == n {
			break
		}
		var v [4]float64
		for a := range v {
			v[a] = from[a] + (z[a]-from[a])*float64(k)/float64(n)
		}
		s.motion.update(v, dev)
	}
}
