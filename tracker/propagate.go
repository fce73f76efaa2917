package tracker

import (
	"math"
	"slices"

	"outrider/pipeline"
	"outrider/pipeline/flow"
	"outrider/pipeline/mask"
)

// sight is what a stage sees in the pictures themselves: how the camera moved, and where the
// pixels of held objects went.
type sight struct {
	flow   flow.Pair
	camera flow.Camera
	pushed bool // the newest frame, into flow
	pair   bool // so was the one before it
	from   []pipeline.Point
	to     []pipeline.Point
	holds  []hold // by slot
	spare  []float32
	best   mask.Mask
	parts  []int32
	warp   Warp
}

func (s *sight) reset() {
	s.flow.Reset()
	s.camera.Reset()
	s.pushed, s.pair = false, false
	s.holds = s.holds[:0]
}

// watch reads the picture of a frame dt seconds after the last, where that is needed, and
// returns the camera's motion, nil for none.
func (t *Tracker) watch(f *pipeline.Frame, dt float64) *Warp {
	s := &t.sight
	s.camera.Frames = &s.flow
	push, estimate := false, false
	if !t.FixedCamera {
		push, estimate = s.camera.Look(dt)
	}
	s.pair = s.pushed
	s.pushed = push || t.holding()
	if !s.pushed {
		return nil
	}
	s.flow.Push(f)
	s.pair = s.pair && s.flow.Ready()
	if !estimate || !s.pair {
		return nil
	}
	m, ok := s.camera.Estimate(dt)
	if !ok {
		return nil
	}
	s.warp = Warp{A11: m.A, A12: -m.B, TX: m.TX, A21: m.B, A22: m.A, TY: m.TY}
	return &s.warp
}

// holding reports whether any object is held.
func (t *Tracker) holding() bool {
	for i := range t.sight.holds {
		if t.held(int32(i)) != nil {
			return true
		}
	}
	return false
}

// held is the shape of a slot's track, nil when that is not held.
func (t *Tracker) held(i int32) *hold {
	if int(i) >= len(t.sight.holds) {
		return nil
	}
	h, s := &t.sight.holds[i], &t.core.slots[i]
	if h.id == 0 || h.id != s.id || !s.pinned {
		return nil
	}
	return h
}

// take begins to hold the object of slot i in the shape of m.
func (s *sight) take(i int32, id uint64, m *mask.Mask, now float64) {
	if m == nil || m.Area() < holdLeast {
		return
	}
	for int(i) >= len(s.holds) {
		s.holds = append(s.holds, hold{})
	}
	s.holds[i].set(id, m, now)
}

// propagate moves the shapes of held objects with their pixels, lets the segments of the frame
// correct them, and claims for each object what is its own before the others are associated.
func (t *Tracker) propagate(r *pipeline.Result) {
	t.core.claims = t.core.claims[:0]
	if t.core.fits == nil {
		t.core.fits = func(i, det int32) bool {
			h := t.held(i)
			return h == nil || int(det) >= len(t.dets) || t.dets[det].Mask == nil || h.looks.fit(t.frame, t.dets[det].Mask, colorTake)
		}
	}
	t.frame = r.Frame
	for _, i := range t.core.live {
		h := t.held(i)
		t.core.slots[i].aloof = false
		if h == nil {
			continue
		}
		if h.grid != r.Grid || h.area < holdLeast {
			h.id = 0
			continue
		}
		t.carry(r, i, h)
	}
}

// carry brings one held object to the present frame.
func (t *Tracker) carry(r *pipeline.Result, i int32, h *hold) {
	s, slot := &t.sight, &t.core.slots[i]
	slot.aloof = true
	m, moved := t.goes(i, h)
	s.spare = resize(s.spare, h.grid.W*h.grid.H)
	s.spare = h.move(m, s.spare)
	if h.area < holdLeast {
		h.id, slot.aloof = 0, false
		return
	}
	det, like := s.match(h, t.dets)
	if like >= holdTake && like < colorSure && !h.looks.fit(r.Frame, &s.best, colorTake) {
		like = 0
	}
	if like < leapFrom {
		if d, v, shift := t.leap(r, i, h, like); d >= 0 {
			s.spare = h.move(shift, s.spare)
			s.best.CopyFrom(t.dets[d].Mask, nil)
			s.parts = append(s.parts[:0], d)
			det, like, moved = d, v, true
		}
	}
	seen := like >= holdTake
	switch {
	case seen && moved:
		h.blend(&s.best, holdRate)
	case seen:
		h.blend(&s.best, holdBlind)
	}
	c := t.core.claim()
	h.mask(&c.mask)
	switch {
	case c.mask.Area() < holdLeast:
		h.id, slot.aloof = 0, false
		fallthrough
	case !seen && (!moved || t.clock-h.since > holdAlone || !h.looks.fit(r.Frame, &c.mask, colorCarry)):
		t.core.claims = t.core.claims[:len(t.core.claims)-1]
		return
	}
	c.slot, c.det, c.score = i, -1, slot.score
	if !seen {
		return
	}
	h.since = t.clock
	h.looks.see(r.Frame, &c.mask)
	c.det = det
	for _, j := range s.parts {
		c.score = t.dets[j].Score
		if det < 0 {
			t.core.parts = append(t.core.parts, part{det: j, slot: i})
		}
	}
}

// goes is how the object of slot i moved since the frame before, and whether its pixels say
// so. When they do not, it goes on for a little as it went, and then as its track does.
func (t *Tracker) goes(i int32, h *hold) (flow.Similarity, bool) {
	if t.core.now-h.since <= holdAlone {
		if m, ok := t.sight.motion(h); ok {
			h.last, h.blind = m, 0
			return m, true
		}
		if h.blind++; h.blind <= holdGoes {
			return h.last, false
		}
	}
	s := &t.core.slots[i]
	tau := (t.clock - t.core.now) / stepUnit
	out := flow.Similarity{A: 1, TX: tau * s.motion.v[0], TY: tau * s.motion.v[1]}
	if t.moves != nil {
		c := h.box().Center()
		x, y := t.moves.apply(c.X, c.Y)
		out.TX, out.TY = out.TX+x-c.X, out.TY+y-c.Y
	}
	return out, false
}

// motion is how the pixels of an object moved since the frame before.
func (s *sight) motion(h *hold) (flow.Similarity, bool) {
	if !s.pair {
		return flow.Identity, false
	}
	scale := s.flow.Scale()
	cell := math.Max(holdCell*scale, math.Sqrt(h.area*h.grid.CellArea()/holdPoints))
	s.from = slices.DeleteFunc(s.flow.Corners(s.from[:0], cell, h.box()), func(p pipeline.Point) bool { return !h.at(p) })
	s.to = s.flow.Follow(s.to[:0], s.from)
	found := 0
	for _, q := range s.to {
		if !math.IsNaN(q.X) {
			found++
		}
	}
	m, n := flow.Fit(s.from, s.to, holdWithin*scale)
	k := m.Scale()
	if n < holdFewest || float64(n) < holdShare*float64(found) || k > holdScale || k < 1/holdScale {
		return flow.Identity, false
	}
	if n < holdTurns { // too few to tell a turn from noise
		c := h.box().Center()
		q := m.Apply(c)
		m = flow.Similarity{A: 1, TX: q.X - c.X, TY: q.Y - c.Y}
	}
	return m, true
}

// leap finds the one segment elsewhere that the object of slot i must be, the overlap with it,
// and how its shape must be moved; -1 for none or for several.
func (t *Tracker) leap(r *pipeline.Result, i int32, h *hold, like float64) (int32, float64, flow.Similarity) {
	best, most, second, lap := int32(-1), 0.0, 0.0, 0.0
	var shift flow.Similarity
	size := math.Sqrt(h.area)
	gone := t.clock - h.since
	reach := min(leapReach+leapAgain*gone, leapMost)
	ratio := min(leapArea+leapGrow*gone, leapOther)
	for j := range t.dets {
		d := &t.dets[j]
		if d.Mask == nil || d.Stuff || d.Mask.Grid() != h.grid {
			continue
		}
		n := float64(d.Mask.Area())
		if n < holdLeast || n > ratio*h.area || n < h.area/ratio {
			continue
		}
		x, y := centre(d.Mask)
		way := math.Hypot(x-h.cx, y-h.cy) / size
		if way > reach || t.others(i, h, d) {
			continue
		}
		dx, dy := int(math.Round(x-h.cx)), int(math.Round(y-h.cy))
		in := h.inside(d.Mask, dx, dy)
		v := in / (h.area + n - in)
		if v < leapLike {
			continue
		}
		if !h.looks.fit(r.Frame, d.Mask, colorLeap) {
			continue
		}
		switch w := v - leapCost*way; {
		case w > most:
			best, most, second, lap = int32(j), w, most, v
			shift = flow.Similarity{A: 1, TX: float64(dx) * h.grid.SX, TY: float64(dy) * h.grid.SY}
		case w > second:
			second = w
		}
	}
	if most < like+leapGain || most < second+leapGain {
		return -1, 0, shift
	}
	return best, lap, shift
}

// others reports whether a segment lies where another track is that was there already, apart
// from it, when the object of slot i was last met.
func (t *Tracker) others(i int32, h *hold, d *Detection) bool {
	for _, k := range t.core.live {
		s := &t.core.slots[k]
		if k == i || s.id == 0 || !s.shown || s.first >= h.since || s.box.IoU(d.Box) <= 0.5 {
			continue
		}
		mine := t.core.slots[i].newest()
		if both := mine.Intersect(s.box).Area(); both < 0.3*math.Min(mine.Area(), s.box.Area()) {
			return true
		}
	}
	return false
}

// centre of a mask, in cells.
func centre(m *mask.Mask) (x, y float64) {
	n, b := 0.0, m.Window()
	for r := b.Min.Y; r < b.Max.Y; r++ {
		for x0, x1, ok := m.NextRun(r, b.Min.X); ok; x0, x1, ok = m.NextRun(r, x1) {
			k := float64(x1 - x0)
			n += k
			x += k * float64(x0+x1) / 2
			y += k * (float64(r) + 0.5)
		}
	}
	return x / n, y / n
}

// match finds the segment, or the union of parts, that overlaps a shape most. It leaves its
// mask in s.best and the segments in s.parts, and returns the segment, -1 for a union, and
// the overlap.
func (s *sight) match(h *hold, dets []Detection) (int32, float64) {
	box := h.box()
	best, most := int32(-1), 0.0
	s.parts = s.parts[:0]
	s.best.Reset(h.grid, h.window, nil)
	for j := range dets {
		d := &dets[j]
		if d.Mask == nil || d.Mask.Grid() != h.grid || d.Box.Intersect(box).Area() == 0 {
			continue
		}
		n, in := float64(d.Mask.Area()), h.inside(d.Mask, 0, 0)
		if n < 1 {
			continue
		}
		if v := in / (h.area + n - in); v > most {
			best, most = int32(j), v
		}
		if in >= holdPart*n {
			s.best.Or(d.Mask)
			s.parts = append(s.parts, int32(j))
		}
	}
	if best < 0 {
		return -1, 0
	}
	if len(s.parts) > 1 {
		n, in := float64(s.best.Area()), h.inside(&s.best, 0, 0)
		if v := in / (h.area + n - in); v > most && (most < wholeLike || v > most+wholeLess) {
			return -1, v
		}
	}
	s.best.CopyFrom(dets[best].Mask, nil)
	s.parts = append(s.parts[:0], best)
	return best, most
}

// grasp begins to hold a track that was pinned in r.
func (t *Tracker) grasp(r *pipeline.Result, i int32) {
	s := &t.core.slots[i]
	if !s.shown || !s.hasMask {
		return // retake does it when it is seen
	}
	t.sight.take(i, s.id, &t.core.masks[i], t.clock)
	if !t.sight.pushed && t.wall.Equal(r.Frame.Captured) {
		t.sight.flow.Push(r.Frame)
		t.sight.pushed = true
	}
}

// retake holds pinned tracks that were seen, but not by their shape, in the shape that they
// were seen in.
func (t *Tracker) retake(r *pipeline.Result) {
	for _, i := range t.core.live {
		if s := &t.core.slots[i]; s.pinned && s.shown && !s.claimed {
			t.grasp(r, i)
		}
	}
}
