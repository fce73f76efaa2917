package tracker

import (
	"math"
	"sync/atomic"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Detection is one object that a detector or segmenter found in one frame.
type Detection struct {
	Box   pipeline.Box // frame pixels
	Score float64      // 0..1
	Mask  *mask.Mask   // nil for plain boxes; all masks of a frame lie on one grid; read during Step only

	// With a mask only:
	Parent int  // index of the smallest detection that this one is a part of, -1 for none
	Stuff  bool // background: compared by mask alone, never moved
}

// Object is one track as of the last step.
type Object struct {
	ID        uint64 // 0 while tentative
	Box       pipeline.Box
	Velocity  pipeline.Point // pixels a second
	State     pipeline.TrackState
	Observed  bool // in the last step
	Detection int  // index of the detection it took, -1 when unobserved or bridged by its parts
	Score     float64
	Parent    uint64 // id of the track that it is a part of
	Stuff     bool
	Pinned    bool
	Hits      int
	First     float64 // seconds, when first and last observed
	Last      float64

	slot int32
}

// change is a turn in a track's life during a step.
type change struct {
	kind   pipeline.EventKind
	reason pipeline.EndReason
	object Object
}

// Core associates the detections of one stream with its tracks. Fill Params, then call Step
// for each frame. Not safe for concurrent use; it allocates nothing once it has seen as many
// objects as there will be. Time per step grows with the number of overlapping pairs.
type Core struct {
	Params

	// Ground, where the camera is calibrated, keeps apart what overlaps in the picture but
	// stands in different places; nil for none.
	Ground Ground

	// Late counts the steps that were refused because their time was not after the last.
	Late uint64
	// Refused counts detections that were no boxes: not finite, empty, or far out of any frame.
	Refused uint64

	p       Params // with defaults
	ready   bool
	started bool
	now     float64
	steps   int
	frame   float64 // seconds between frames, as a low quantile of what came
	noise   noise
	traffic traffic

	slots   []slot
	masks   []mask.Mask // observed mask by slot
	moved   []mask.Mask // predicted mask by slot, where hasMask
	live    []int32     // slots in use, oldest first
	free    []int32
	dets    []det
	matched []int32 // slot by detection, -1 for none
	gate    gate
	assign  assigner
	pairs   []edge
	changes []change
	scratch mask.Mask
	parts   []part
	claims  []claim
	spots   []spot                     // by detection, with Ground
	fits    func(slot, det int32) bool // whether an aloof track may take a detection
	order   []int32
}

// slot holds one track.
type slot struct {
	motion  motion
	saved   motion // at the last observation
	box     pipeline.Box
	past    [6]observation // ring, newest at past[(seen-1)%6]
	seen    int            // observations pushed to past
	dir     [4]pipeline.Point
	id      uint64
	row     int32 // index in live
	parent  int32 // slot, -1 for none
	det     int32 // taken in this step, -1 for none
	state   pipeline.TrackState
	fresh   bool // observed in the step before this one
	shown   bool // observed in this step
	claimed bool // before the association
	aloof   bool // followed by its own pixels: takes by place only what fits
	hasMask bool
	stuff   bool
	pinned  bool
	cells   int     // area of the observed mask
	markX   float64 // centre of the measured box that the mask belongs to
	markY   float64
	score   float64
	before  float64 // score before that
	hits    int
	misses  int
	first   float64
	last    float64
	spot    spot
	still   float64        // since when it has not moved
	stillAt pipeline.Point // where
}

type observation struct {
	t   float64
	box pipeline.Box
}

// det is a Detection as the core works with it.
type det struct {
	box    pipeline.Box
	area   float64
	score  float64
	mask   *mask.Mask
	cells  int
	parent int32
	stuff  bool
	ok     bool
}

// ids counts tracks for the life of the process, so that no two cameras share an id.
var ids atomic.Uint64

// stepUnit is the time unit of velocities in seconds.
const stepUnit = 1.0 / 30

// Step takes the detections of the frame at t seconds. Times must grow; a step that does not
// is refused, counted in Late, and answered false. A frame without detections is a normal
// step; a frame that was lost must not be one: the next step just has more time to it. warp
// says how the camera moved since the last step, nil for not at all.
func (c *Core) Step(t float64, detections []Detection, warp *Warp) bool {
	c.prepare()
	c.changes = c.changes[:0]
	if math.IsNaN(t) || math.IsInf(t, 0) || c.started && t <= c.now {
		c.Late++
		return false
	}
	dt := 0.0
	if c.started {
		dt = t - c.now
		c.learnRate(dt)
	}
	c.started, c.now = true, t
	c.steps++
	c.load(detections)
	if warp.usable() {
		c.warp(warp)
	}
	c.predict(dt)
	c.stands()
	c.adopt()
	c.associate(dt)
	c.finish()
	return true
}

// Reset ends every track (as changes of reason EndReset) and forgets time. Ids go on.
func (c *Core) Reset() {
	c.prepare()
	c.changes = c.changes[:0]
	for _, s := range c.live {
		c.end(s, pipeline.EndReset)
		c.free = append(c.free, s)
	}
	c.live = c.live[:0]
	c.matched = c.matched[:0]
	c.started, c.frame, c.steps = false, 0, 0
	c.noise.reset()
	c.traffic.reset()
}

func (c *Core) prepare() {
	if !c.ready {
		c.ready, c.p = true, c.Params.withDefaults()
		c.noise.reset()
	}
}

// learnRate follows the time between frames from below, so that dropped frames do not count.
func (c *Core) learnRate(dt float64) {
	switch {
	case c.frame == 0:
		c.frame = dt
	case dt < c.frame:
		c.frame += 0.2 * (dt - c.frame)
	default:
		c.frame += 0.01 * (dt - c.frame)
	}
	c.frame = math.Min(math.Max(c.frame, 1e-3), 2)
}

// rate is the process noise for this stream relative to one of 30 frames/s.
func (c *Core) rate() float64 {
	if c.frame == 0 {
		return 1
	}
	return stepUnit / c.frame
}

// frames is how many of the stream's frames a time is.
func (c *Core) frames(dt float64) float64 {
	if c.frame == 0 {
		return 1
	}
	return dt / c.frame
}

// farOut bounds coordinates: beyond lies no frame, and squares would lose their precision.
// leastSide, in pixels, is below any real object, and keeps areas from becoming zero.
const (
	farOut    = 1e6
	leastSide = 1e-3
)

func (c *Core) load(detections []Detection) {
	c.dets = c.dets[:0]
	for i := range detections {
		d := &detections[i]
		b := d.Box
		n := det{box: b, score: d.Score, parent: -1}
		n.ok = b.Finite() && b.W() >= leastSide && b.H() >= leastSide &&
			math.Max(math.Max(math.Abs(b.X1), math.Abs(b.X2)), math.Max(math.Abs(b.Y1), math.Abs(b.Y2))) < farOut &&
			d.Score >= c.p.Low
		if n.ok {
			n.area, n.score = b.Area(), math.Min(d.Score, 1)
			if d.Mask != nil {
				n.cells = d.Mask.Area()
			}
			if n.cells > 0 {
				n.mask, n.stuff = d.Mask, d.Stuff
				if d.Parent >= 0 && d.Parent < len(detections) && d.Parent != i {
					n.parent = int32(d.Parent)
				}
			}
		} else if !(d.Score < c.p.Low) {
			c.Refused++
		}
		c.dets = append(c.dets, n)
	}
	c.matched = resize(c.matched, len(c.dets))
	fill(c.matched, -1)
}

func (c *Core) warp(w *Warp) {
	c.traffic.warp(w)
	for _, i := range c.live {
		s := &c.slots[i]
		s.motion.warp(w)
		s.saved.warp(w)
		for k := range s.past {
			s.past[k].box = w.box(s.past[k].box)
		}
		for k, d := range s.dir {
			s.dir[k].X, s.dir[k].Y = w.turn(d.X, d.Y)
		}
		s.markX, s.markY = w.apply(s.markX, s.markY)
		s.stillAt.X, s.stillAt.Y = w.apply(s.stillAt.X, s.stillAt.Y)
	}
}

// The longest time that motion is extrapolated for, and the gap from which it is not trusted.
const (
	longGap   = 2.0
	longMove  = 0.5
	lostDecay = 0.95 // of the velocity, each frame
)

func (c *Core) predict(dt float64) {
	frozen := dt > longGap
	if frozen {
		dt = longMove
	}
	tau := dt / stepUnit
	decay := math.Pow(lostDecay, c.frames(dt))
	for _, i := range c.live {
		s := &c.slots[i]
		s.fresh = s.shown
		s.det, s.shown, s.claimed = -1, false, false
		m := &s.motion
		if !s.fresh || s.state == pipeline.Tentative || frozen {
			m.v[2], m.v[3] = 0, 0
		}
		if !s.fresh {
			m.v[0] *= decay
			m.v[1] *= decay
		}
		if s.stuff {
			m.v = [4]float64{}
		}
		if tau > 0 {
			m.predict(tau, c.rate())
		}
		s.box = m.box()
		c.moveMask(i)
	}
}

// moveMask puts the observed mask where the track is now.
func (c *Core) moveMask(i int32) {
	s := &c.slots[i]
	if !s.hasMask {
		return
	}
	g := c.masks[i].Grid()
	dx := int(math.Round((s.motion.x[0] - s.markX) / g.SX))
	dy := int(math.Round((s.motion.x[1] - s.markY) / g.SY))
	if s.stuff {
		dx, dy = 0, 0
	}
	c.moved[i].ShiftFrom(&c.masks[i], dx, dy, nil)
}

// Append appends every track that is confirmed or lost to dst, ids ascending.
func (c *Core) Append(dst []Object) []Object {
	c.order = c.order[:0]
	for _, i := range c.live {
		if c.slots[i].id != 0 {
			c.order = append(c.order, i)
		}
	}
	// Confirmation mostly follows age: nearly sorted already.
	for a := 1; a < len(c.order); a++ {
		for b := a; b > 0 && c.slots[c.order[b]].id < c.slots[c.order[b-1]].id; b-- {
			c.order[b], c.order[b-1] = c.order[b-1], c.order[b]
		}
	}
	for _, i := range c.order {
		dst = append(dst, c.object(i))
	}
	return dst
}

func (c *Core) object(i int32) Object {
	s := &c.slots[i]
	o := Object{
		ID: s.id, Box: s.box, State: s.state, Observed: s.shown, Detection: int(s.det), Score: s.score,
		Velocity: pipeline.Point{X: s.motion.v[0] / stepUnit, Y: s.motion.v[1] / stepUnit},
		Stuff:    s.stuff, Pinned: s.pinned, Hits: s.hits, First: s.first, Last: s.last, slot: i,
	}
	if s.parent >= 0 {
		o.Parent = c.slots[s.parent].id
	}
	return o
}
