package event

import (
	"math"

	"outrider/pipeline"
)

const (
	ownerReach = 0.5  // of the owner's size: as near as this belongs to it
	ownerGone  = 1.5  // of the owner's size: farther than this it has left
	ownerLeast = 0.8  // of the thing's size: nothing smaller owns it
	covers     = 0.3  // share of a place that hides what may be there
	awaitMost  = 60.0 // seconds that a hidden thing is waited for
)

// watches tells whether any zone looks for what is left behind.
func (c *Counter) watches() bool {
	for _, z := range c.zones {
		if z.spec.LeftBehind > 0 {
			return true
		}
	}
	return false
}

// own finds who is with an object that has just come or moved: the nearest larger one that is
// not at rest.
func (c *Counter) own(o *object) {
	if !c.watches() {
		return
	}
	best, least := uint64(0), ownerReach
	for _, p := range c.objects {
		if p == o || !p.seen || p.stationary || p.whole == o.track.ID || p.size < ownerLeast*o.size {
			continue
		}
		if d := apart(p.track.Box, o.track.Box) / p.size; d < least {
			best, least = p.track.ID, d
		}
	}
	if best != 0 {
		o.owner, o.aloneAt = best, c.clock
	}
}

// apart is the distance of two boxes in pixels, 0 when they touch.
func apart(a, b pipeline.Box) float64 {
	dx := max(0, a.X1-b.X2, b.X1-a.X2)
	dy := max(0, a.Y1-b.Y2, b.Y1-a.Y2)
	return math.Hypot(dx, dy)
}

// leftBehind tells of an object that was brought, rests in the zone, and whose owner has gone.
func (c *Counter) leftBehind(r *pipeline.Result, z *zone, s *stay, o *object) {
	if z.spec.LeftBehind <= 0 || s.told || o.owner == 0 {
		return
	}
	if p := c.find(o.owner); p != nil && p.seen && apart(p.track.Box, o.track.Box) <= ownerGone*p.size || !o.stationary {
		o.aloneAt = c.clock
		return
	}
	if c.clock-max(o.aloneAt, o.restAt) >= z.spec.LeftBehind {
		s.told = true
		c.zoneEvent(r, z, o, pipeline.EventLeftBehind, map[string]any{"owner": o.owner, "rests_s": round(c.clock - o.restAt)})
	}
}

// guards tells whether any zone looks for what is removed.
func (c *Counter) guards() bool {
	for _, z := range c.zones {
		if z.spec.Removed > 0 {
			return true
		}
	}
	return false
}

// await measures for how long the place of an object that rested has been seen without it.
func (c *Counter) await(o *object) {
	switch {
	case o.seen:
		o.missing = 0
	case c.clock-o.last-o.missing > awaitMost:
		o.missing = -1 // hidden for too long to say
	case o.stationary && o.missing >= 0 && !c.hidden(o):
		o.missing += c.gap.Seconds()
	}
}

// awaited tells whether a zone still looks at the place of an unseen object.
func (c *Counter) awaited(o *object) bool {
	if o.carried >= 0 && c.guards() {
		return true
	}
	if !o.stationary || o.missing < 0 {
		return false
	}
	for i := range o.stays {
		if o.stays[i].inside && c.zones[i].spec.Removed > 0 {
			return true
		}
	}
	return false
}

// missing tells of an object that rested in the zone and is no longer seen there, though
// nothing hides its place. It reports whether the stay is over with that.
func (c *Counter) missing(r *pipeline.Result, z *zone, s *stay, o *object) bool {
	if z.spec.Removed <= 0 || !o.stationary || o.missing < z.spec.Removed {
		return false
	}
	c.removed(r, z, o, o.last-o.restAt)
	c.leave(r, z, s, o, true)
	return true
}

// hidden tells whether something that came later stands before an object's place.
func (c *Counter) hidden(o *object) bool {
	place := o.track.Box
	for _, p := range c.objects {
		if p == o || !p.seen || p.stationary && p.restAt <= o.restAt+1 {
			continue // what rested there before it, such as the table under it, does not hide it
		}
		if place.Intersect(p.track.Box).Area() >= covers*place.Area() {
			return true
		}
	}
	return false
}

// carriedOff tells of an object that rested in a zone and was seen moving away from there.
func (c *Counter) carriedOff(r *pipeline.Result, o *object) {
	if o.carried < 0 {
		return
	}
	waits := false
	for _, z := range c.zones {
		at := pipeline.Point{X: (o.place.X1 + o.place.X2) / 2, Y: o.place.Y2}
		if z.spec.Removed <= 0 || z.rings == nil || z.depth(at, 0) <= 0 || !c.fits(o, &z.spec.Filter) {
			continue
		}
		switch away := distance(o.at[center], o.place.Center()) > o.size; {
		case c.clock-o.carried < z.spec.Removed || !away && o.seen && !o.stationary:
			waits = true
		case away:
			c.removed(r, z, o, o.rested)
		}
	}
	if !waits {
		o.carried = -1
		if o.stationary {
			o.place = o.track.Box
		}
	}
}

func (c *Counter) removed(r *pipeline.Result, z *zone, o *object, rested float64) {
	c.zoneEvent(r, z, o, pipeline.EventRemoved, map[string]any{"rested_s": round(rested)})
}
