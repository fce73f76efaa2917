package event

import (
	"math"
	"slices"
	"time"

	"outrider/pipeline"
)

// object is what is known of a track beyond the frame, until it is gone for good.
type object struct {
	track pipeline.Track // as last seen, without its mask
	index int            // in this frame's tracks, -1 when it is not among them
	seen  bool           // observed in this frame
	gone  bool           // handed over to a successor

	first, last float64 // seconds of the counter's clock
	wall        time.Time
	at, before  [anchors]pipeline.Point // now, and when seen last before
	beforeAt    float64
	beforeWall  time.Time
	origin      pipeline.Point // centre when first seen
	size        float64        // diagonal of the box, pixels
	margin      float64        // least distance that tells sides apart, pixels
	top         float64        // best score

	// whole is the track that it is a part of, 0 for none. A part that has moved against its
	// whole is none: a walker before a house.
	whole      uint64
	wholeUntil float64
	against    pipeline.Point // centre relative to the whole's when that was first seen
	free       bool

	rest       pipeline.Point // centre since restAt
	restAt     float64
	roused     float64 // since when it is off its rest, negative for not
	stationary bool
	travelled  bool // it has been off a rest

	owner   uint64 // who was nearest when it came to rest
	aloneAt float64
	missing float64 // seconds that its place has been seen without it
	carried float64 // since when it is away from where it had rested, negative for not
	place   pipeline.Box
	rested  float64 // seconds that it had rested there

	speed odometer
	stays []stay // by zone
	sides []side // by line
	zones uint64 // that it is counted in, by index
}

// begin makes o the object of a track that is new, in memory that may have been another's.
func (o *object) begin(t *pipeline.Track, now float64, zones, lines int) {
	stays, sides := o.stays, o.sides
	*o = object{index: -1, first: now, last: now, roused: -1, carried: -1}
	o.track.ID = t.ID
	o.stays = append(stays[:0], make([]stay, zones)...)
	o.sides = append(sides[:0], make([]side, lines)...)
}

// observe takes in the track as seen in this frame.
func (o *object) observe(t *pipeline.Track, now float64, wall time.Time, cell float64) {
	if o.size > 0 {
		o.before, o.beforeAt, o.beforeWall = o.at, o.last, o.wall
	}
	o.track = *t
	o.track.Mask = nil
	o.seen, o.last, o.wall = true, now, wall
	o.at = [anchors]pipeline.Point{ground: contact(t), bottom: {X: (t.Box.X1 + t.Box.X2) / 2, Y: t.Box.Y2}, center: t.Box.Center()}
	o.top = max(o.top, t.Score)
	fresh := o.size == 0
	o.size = math.Hypot(t.Box.W(), t.Box.H())
	o.margin = max(2, cell)
	if fresh {
		o.origin, o.rest, o.restAt = o.at[center], o.at[center], now
	}
}

// usable tells whether a track's box says where it is.
func usable(t *pipeline.Track) bool {
	return t.State == pipeline.Confirmed && t.Observed && t.Box.Finite() && t.Box.W() > 0 && t.Box.H() > 0
}

// scale moves what is known to frames of another size.
func (o *object) scale(kx, ky float64) {
	at := func(p *pipeline.Point) { p.X, p.Y = p.X*kx, p.Y*ky }
	for i := range o.at {
		at(&o.at[i])
		at(&o.before[i])
	}
	for _, p := range []*pipeline.Point{&o.origin, &o.against, &o.rest, &o.track.Velocity} {
		at(p)
	}
	for _, b := range []*pipeline.Box{&o.track.Box, &o.place} {
		b.X1, b.X2, b.Y1, b.Y2 = b.X1*kx, b.X2*kx, b.Y1*ky, b.Y2*ky
	}
	o.size = math.Hypot(o.track.Box.W(), o.track.Box.H())
	o.speed.reset()
}

// passes tells whether the object itself passes a filter.
func (o *object) passes(f *pipeline.Filter, frame float64) bool {
	return (len(f.Prompts) == 0 || slices.Contains(f.Prompts, o.track.PromptID)) &&
		(len(f.Labels) == 0 || slices.Contains(f.Labels, o.track.Label)) &&
		o.top >= f.MinScore && o.track.Box.Area() >= f.MinArea*frame
}

// How a part is told from an object before a larger one.
const (
	partMoves = 0.7 // of its size, against its whole: no part
	partKept  = 2.0 // seconds that it stays a part when the tracker says no more that it is
)

// family finds what an object seen in this frame is a part of.
func (c *Counter) family(o *object) {
	id := o.track.Parent
	if o.free || id == 0 {
		if o.free || c.clock > o.wholeUntil {
			o.whole = 0
		}
		return
	}
	whole := c.find(id)
	if whole == nil || !whole.seen {
		return
	}
	a, b := o.at[center], whole.at[center]
	against := pipeline.Point{X: a.X - b.X, Y: a.Y - b.Y}
	if o.whole != id {
		o.whole, o.against = id, against
	}
	o.wholeUntil = c.clock + partKept
	if distance(against, o.against) > partMoves*o.size || whole.stationary && distance(a, o.origin) > o.size {
		o.free, o.whole = true, 0
	}
}

// fits tells whether an object counts under a filter: it passes, and nothing that it is a part
// of does.
func (c *Counter) fits(o *object, f *pipeline.Filter) bool {
	frame := float64(c.w * c.h)
	if !o.passes(f, frame) {
		return false
	}
	if f.Parts {
		return true
	}
	for p, n := o, 0; p.whole != 0 && n < 8; n++ {
		if p = c.find(p.whole); p == nil {
			return true
		}
		if p.passes(f, frame) {
			return false
		}
	}
	return true
}

func distance(a, b pipeline.Point) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }

// How far an object may waver and still rest, and how long it must be off its place to have
// left it.
const (
	restRadius = 0.15 // of its size
	restLeast  = 3    // pixels
	restRoused = 0.5  // seconds
)

// settle finds out whether an object rests.
func (c *Counter) settle(r *pipeline.Result, o *object) {
	p := o.at[center]
	if distance(p, o.rest) <= max(restLeast, restRadius*o.size) {
		o.roused = -1
	} else {
		if o.roused < 0 {
			o.roused = c.clock
		}
		switch {
		case !o.stationary:
			o.travelled, o.roused = true, -1
			o.rest, o.restAt = p, c.clock
			c.own(o)
		case c.clock-o.roused >= restRoused:
			o.rested = c.clock - o.restAt
			o.stationary, o.travelled, o.carried = false, true, o.roused
			o.rest, o.restAt, o.roused = p, c.clock, -1
			o.track.Stationary = false
			c.tell(r, o, pipeline.EventMoving, nil)
		}
	}
	if !o.stationary && c.clock-o.restAt >= c.stationaryAfter() {
		o.stationary = true
		o.track.Stationary = true
		if o.carried < 0 || !c.guards() || o.track.Box.IoU(o.place) > 0.3 { // else its old place is still looked at
			o.carried, o.place = -1, o.track.Box
		}
		if o.travelled { // what never moved did not come to rest
			c.tell(r, o, pipeline.EventStationary, nil)
		}
	}
	o.track.Stationary = o.stationary
}

// measure adds the object's place on the ground to its odometer.
func (c *Counter) measure(o *object) {
	// A box that the picture's lower border cuts does not show where its object stands.
	if c.Ground == nil || o.track.Box.Y2 >= float64(c.h)-2 {
		return
	}
	p := o.at[ground]
	if s := c.GroundSize; s[0] > 0 && s[1] > 0 {
		p.X, p.Y = p.X*float64(s[0])/float64(c.w), p.Y*float64(s[1])/float64(c.h)
	}
	if at, cov, ok := c.Ground.Metres(p); ok {
		o.speed.add(c.clock, at, cov)
	}
}

// What a successor must share with the object whose place it takes.
const (
	heirOverlap = 0.3 // IoU of its box and where the other's would be now
	heirGrowth  = 2.5 // ratio of their areas at most
	heirAhead   = 1.0 // seconds that the other is moved ahead at most
)

// inherit looks for the object whose track a new one continues under another id, and takes over
// its stays and sides. That object was lost when this one began, and was about here.
func (c *Counter) inherit(o *object) {
	var best *object
	most := heirOverlap
	for _, p := range c.objects {
		if p == o || p.seen || p.gone || p.size == 0 || p.track.PromptID != o.track.PromptID || p.wall.After(o.track.FirstSeen.Add(c.gap)) {
			continue
		}
		if a, b := p.track.Label, o.track.Label; a != "" && b != "" && a != b {
			continue
		}
		if c.clock-p.last > c.patienceWith(p) {
			continue
		}
		ahead := min(c.clock-p.last, heirAhead)
		b := p.track.Box
		if v := p.track.Velocity; !math.IsNaN(v.X+v.Y) && !math.IsInf(v.X+v.Y, 0) {
			b.X1, b.X2, b.Y1, b.Y2 = b.X1+v.X*ahead, b.X2+v.X*ahead, b.Y1+v.Y*ahead, b.Y2+v.Y*ahead
		}
		small, large := min(b.Area(), o.track.Box.Area()), max(b.Area(), o.track.Box.Area())
		if iou := b.IoU(o.track.Box); iou > most && large <= heirGrowth*small {
			best, most = p, iou
		}
	}
	if best == nil {
		return
	}
	copy(o.stays, best.stays)
	copy(o.sides, best.sides)
	clear(best.stays)
	clear(best.sides)
	best.gone = true
	o.first, o.origin = best.first, best.origin
	o.before, o.beforeAt, o.beforeWall = best.at, best.last, best.wall
	o.free, o.travelled = best.free, best.travelled
	o.owner, o.aloneAt, o.missing, o.carried = best.owner, best.aloneAt, 0, best.carried
	o.place, o.rested = best.place, best.rested
	if distance(o.at[center], best.rest) <= max(restLeast, 2*restRadius*o.size) {
		o.stationary, o.rest, o.restAt = best.stationary, best.rest, best.restAt
	}
	for _, p := range c.objects {
		if p.owner == best.track.ID {
			p.owner = o.track.ID
		}
	}
}
