package event

import (
	"math"

	"outrider/pipeline"
)

// enough reports whether evidence of so many observations over so many seconds is settled: one
// frame alone is none, however long the wait.
func enough(hits int, since, now, needed float64) bool {
	return hits >= 2 && now-since >= needed-1e-9
}

// apartFrom is the side of a border that an offset speaks for: 0 within the margin, which
// breaks off any evidence, so that jitter about the border never adds up.
func apartFrom(offset, margin float64) int8 {
	switch {
	case offset >= margin:
		return 1
	case offset <= -margin:
		return -1
	}
	return 0
}

// stay is an object's relation to a zone.
type stay struct {
	inside bool // counted
	was    bool // settled outside before: it enters, else it appears

	candidate int8 // 1 seen inside, -1 outside, 0 on the border
	since     float64
	hits      int

	entered  float64 // when the stay began
	left     float64 // when the last one ended
	been     bool    // a stay that no trip has begun from
	loitered bool
	told     bool // left behind
}

// stay takes one object's position in one zone into account.
func (c *Counter) stay(r *pipeline.Result, i int, o *object) {
	z, s := c.zones[i], &o.stays[i]
	if z.rings == nil {
		return
	}
	if !o.seen {
		if s.inside {
			c.unseen(r, z, s, o)
		}
		return
	}
	margin := min(max(o.margin, pipeline.DefaultMargin*o.size), z.narrow)
	d := z.depth(o.at[anchorIndex(z.spec.Anchor)], margin)
	candidate := apartFrom(d, margin)
	if candidate != s.candidate {
		s.candidate, s.since, s.hits = candidate, c.clock, 0
	}
	s.hits++
	if candidate != 0 && enough(s.hits, s.since, c.clock, orDefault(z.spec.Inertia, pipeline.DefaultInertia)) {
		switch {
		case candidate > 0 && !s.inside && c.fits(o, &z.spec.Filter):
			c.enter(r, z, s, o)
		case candidate < 0 && s.inside:
			c.leave(r, z, s, o, false)
			s.was = true
		case candidate < 0:
			s.was = true
		}
	}
	if s.inside {
		c.loiter(r, z, s, o)
		c.leftBehind(r, z, s, o)
	}
}

func orDefault(v, missing float64) float64 {
	if v > 0 {
		return v
	}
	return missing
}

func (c *Counter) enter(r *pipeline.Result, z *zone, s *stay, o *object) {
	var data map[string]any
	if s.was {
		z.entered++
	} else {
		z.appeared++
		data = map[string]any{"appeared": true}
	}
	s.inside, s.entered, s.loitered, s.told = true, s.since, false, false
	c.zoneEvent(r, z, o, pipeline.EventZoneEnter, data)
	for k, from := range z.sources {
		if from < 0 {
			continue
		}
		a := &o.stays[from]
		if !a.been {
			continue
		}
		took := 0.
		if !a.inside {
			took = max(0, s.entered-a.left)
		}
		a.been = false
		t := &z.trips[k]
		t.Count++
		t.Seconds += (took - t.Seconds) / float64(t.Count)
		c.zoneEvent(r, z, o, pipeline.EventTrip, map[string]any{"from": t.From, "seconds": round(took)})
	}
	s.been = true
}

// leave ends a stay; vanished says that the object was not seen to go.
func (c *Counter) leave(r *pipeline.Result, z *zone, s *stay, o *object, vanished bool) {
	end := s.since
	if vanished {
		end = o.last
		z.vanished++
	} else {
		z.left++
	}
	s.inside, s.left = false, end
	data := map[string]any{"dwell_s": round(max(0, end-s.entered))}
	if vanished {
		data["vanished"] = true
		s.candidate, s.was = 0, false
	}
	c.zoneEvent(r, z, o, pipeline.EventZoneLeave, data)
}

// unseen lets an object that is not seen go on standing where it was, for a while.
func (c *Counter) unseen(r *pipeline.Result, z *zone, s *stay, o *object) {
	c.loiter(r, z, s, o)
	if c.missing(r, z, s, o) {
		return
	}
	if c.clock-o.last > c.patienceWith(o) && !(z.spec.Removed > 0 && c.awaited(o)) {
		c.leave(r, z, s, o, true)
	}
}

func (c *Counter) loiter(r *pipeline.Result, z *zone, s *stay, o *object) {
	if dwell := c.clock - s.entered; z.spec.Loiter > 0 && !s.loitered && dwell >= z.spec.Loiter {
		s.loitered = true
		z.loiters++
		c.zoneEvent(r, z, o, pipeline.EventLoitering, map[string]any{"dwell_s": round(dwell)})
	}
}

func (c *Counter) zoneEvent(r *pipeline.Result, z *zone, o *object, kind pipeline.EventKind, data map[string]any) {
	if z.spec.Alert {
		if data == nil {
			data = map[string]any{}
		}
		data["alert"] = true
	}
	c.tell(r, o, kind, data).Zone = z.spec.ID
	c.changed = true
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }
