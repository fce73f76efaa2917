package event

import (
	"cmp"
	"slices"
	"time"

	"outrider/pipeline"
)

const (
	longestWay  = 5.0 // seconds without sight after which nobody knows which way an object took
	pendingTime = 5.0 // seconds that a crossing waits for what its filter asks for, a label mostly
)

// side is an object's relation to a line.
type side struct {
	settled   int8 // 1 on side B, -1 on side A, 0 not known
	candidate int8
	since     float64
	hits      int

	sign    int8 // of the offset when it was last not 0
	through bool // the last change of sign lay between the line's ends
	at      pipeline.Point
	when    time.Time

	pending      int8 // a crossing that waits to fit the filter
	pendingSince float64
	pendingPart  bool // since it was a part of something
}

// side takes one object's position about one line into account.
func (c *Counter) side(r *pipeline.Result, i int, o *object) {
	l, s := c.lines[i], &o.sides[i]
	if l.length == 0 || !o.seen {
		return
	}
	anchor := anchorIndex(l.spec.Anchor)
	p := o.at[anchor]
	d := l.offset(p)
	c.pass(l, s, o, anchor, d)
	margin := max(o.margin, orDefault(l.spec.Margin, pipeline.DefaultMargin)*o.size)
	candidate := apartFrom(d, margin)
	if candidate != s.candidate {
		s.candidate, s.since, s.hits = candidate, c.clock, 0
	}
	s.hits++
	if candidate != 0 && candidate != s.settled && enough(s.hits, s.since, c.clock, orDefault(l.spec.Settle, pipeline.DefaultSettle)) {
		if s.settled != 0 && s.through {
			s.pending, s.pendingSince, s.pendingPart = candidate, c.clock, o.whole != 0
		}
		s.settled, s.through = candidate, false
	}
	switch {
	case s.pending == 0:
	case c.clock-s.pendingSince > pendingTime:
		s.pending = 0
	case c.fits(o, &l.spec.Filter) && (!s.pendingPart || o.free || l.spec.Parts || o.whole != 0):
		c.cross(r, l, s, o)
	}
}

// pass notes where the way from the last sight to this one goes over the line. Touching the
// line is not passing it: only a change of sides is.
func (c *Counter) pass(l *line, s *side, o *object, anchor int, d float64) {
	sign := int8(0)
	switch {
	case d > 0:
		sign = 1
	case d < 0:
		sign = -1
	}
	if sign == 0 || sign == s.sign {
		return
	}
	if s.sign != 0 {
		a, b := o.before[anchor], o.at[anchor]
		da := l.offset(a)
		t := 0.
		if da != d && da*d <= 0 { // else another zone of the picture's size or a moved line
			t = da / (da - d)
		}
		s.at = pipeline.Point{X: a.X + t*(b.X-a.X), Y: a.Y + t*(b.Y-a.Y)}
		s.through = l.between(s.at)
		s.when = o.beforeWall.Add(time.Duration(t * float64(o.wall.Sub(o.beforeWall))))
	}
	s.sign = sign
}

// cross counts the crossing that is pending.
func (c *Counter) cross(r *pipeline.Result, l *line, s *side, o *object) {
	label := labelOf(o)
	i, found := slices.BinarySearchFunc(l.labels, label, func(n pipeline.LabelCrossing, label string) int { return cmp.Compare(n.Label, label) })
	if !found {
		l.labels = slices.Insert(l.labels, i, pipeline.LabelCrossing{Label: label})
	}
	way := pipeline.In
	if s.pending > 0 {
		l.in++
		l.labels[i].In++
	} else {
		way = pipeline.Out
		l.out++
		l.labels[i].Out++
	}
	s.pending = 0
	l.last = c.wall
	data := map[string]any{"direction": way, "crossed_at": s.when.UTC(), "point": pipeline.Point{X: round(s.at.X), Y: round(s.at.Y)}}
	if l.spec.Alert {
		data["alert"] = true
	}
	c.tell(r, o, pipeline.EventLineCrossed, data).Line = l.spec.ID
	c.changed = true
}
