package levels

import (
	"math"
	"slices"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// How a ladder takes to change.
const (
	// minSame is the mask IoU, motion taken out, from which a segment is the level of before.
	minSame = 0.4
	// newcomer is how many frames a level must have been seen before an existing ladder shows it:
	// a segmenter's single wrong cut is no level.
	newcomer = 3
	// keepUnseen is how long a level that is not seen keeps its place.
	keepUnseen = 2 * time.Second
)

// Ladder keeps the levels of one object from frame to frame: each has a key that stays with
// the same thing, though its number, counted from the finest, may change when a level comes
// or goes. The segments under the object's point are matched with the levels of before all
// at once (the assignment of the highest sum of mask IoUs); what is not seen keeps its place
// for two seconds, moved with the point, and what is new must be seen three times. The zero
// value is ready; one goroutine at a time.
type Ladder struct {
	rungs []*rung // fine to coarse
	spare []*rung
	at    pipeline.Point
	keys  uint64

	nest    nest
	chain   []int
	table   []float64
	match   matching
	shifted mask.Mask
	out     []pipeline.Level
}

// rung is one level.
type rung struct {
	key     uint64
	mask    mask.Mask // as last seen
	area    int
	at      pipeline.Point // the object's point then
	seen    time.Time
	score   float64
	segment int // in the newest frame, -1 when not seen
	frames  int // seen in
	shown   bool
}

// Reset forgets all levels; keys go on.
func (l *Ladder) Reset() {
	l.spare = append(l.spare, l.rungs...)
	l.rungs = l.rungs[:0]
}

// Step takes the next frame, in which the object's point is at, and returns the levels, fine
// to coarse and without masks, valid until the next call. It allocates nothing once it has
// seen as many levels as there will be.
func (l *Ladder) Step(r *pipeline.Result, at pipeline.Point) []pipeline.Level {
	l.at = at
	segs := r.Segments
	if len(segs) > 0 {
		l.rungs = l.drop(func(g *rung) bool { return g.mask.Grid() != segs[0].Mask.Grid() })
	}
	l.chain = l.nest.at(l.chain[:0], segs, at.X, at.Y)
	first := len(l.rungs) == 0
	l.compare(segs)
	taken := l.match.solve(l.table, len(l.rungs), len(l.chain))
	now := r.Frame.Captured
	for k, g := range l.rungs {
		g.segment = -1
		if c := taken[k]; c >= 0 {
			g.see(segs, l.chain[c], at, now)
			l.chain[c] = -1
		}
	}
	for _, i := range l.chain {
		if i >= 0 {
			g := l.rung()
			g.see(segs, i, at, now)
			g.shown = first
			l.rungs = append(l.rungs, g)
		}
	}
	l.tidy(now)
	return l.levels()
}

// compare fills the table of IoUs of rungs and segments.
func (l *Ladder) compare(segs []pipeline.Segment) {
	l.table = zeroed(l.table, len(l.rungs)*len(l.chain))
	for k, g := range l.rungs {
		m := g.moved(&l.shifted, l.at)
		area := m.Area()
		for c, i := range l.chain {
			s := segs[i].Mask
			if v := mask.IoUOfAreas(m, s, area, s.Area()); v >= minSame {
				l.table[k*len(l.chain)+c] = v
			}
		}
	}
}

// moved is the rung's mask where the object is now, in m's memory or the rung's own.
func (g *rung) moved(m *mask.Mask, at pipeline.Point) *mask.Mask {
	grid := g.mask.Grid()
	dx, dy := int(math.Round((at.X-g.at.X)/grid.SX)), int(math.Round((at.Y-g.at.Y)/grid.SY))
	if dx == 0 && dy == 0 {
		return &g.mask
	}
	m.ShiftFrom(&g.mask, dx, dy, nil)
	return m
}

func (g *rung) see(segs []pipeline.Segment, i int, at pipeline.Point, now time.Time) {
	g.mask.CopyFrom(segs[i].Mask, nil)
	g.area, g.at, g.seen, g.score, g.segment = g.mask.Area(), at, now, segs[i].Score, i
	g.frames++
	g.shown = g.shown || g.frames >= newcomer
}

// rung is a new one, in old memory where there is some.
func (l *Ladder) rung() *rung {
	l.keys++
	if n := len(l.spare); n > 0 {
		g := l.spare[n-1]
		l.spare = l.spare[:n-1]
		g.key, g.frames, g.shown = l.keys, 0, false
		return g
	}
	return &rung{key: l.keys}
}

// drop returns the rungs without those that gone names. While it runs, l.rungs still holds all
// that stay.
func (l *Ladder) drop(gone func(*rung) bool) []*rung {
	kept := l.rungs[:0]
	for _, g := range l.rungs {
		if gone(g) {
			l.spare = append(l.spare, g)
		} else {
			kept = append(kept, g)
		}
	}
	return kept
}

// tidy drops what has been out of sight too long, or stands where another level is now, and
// keeps Max of those that are shown.
func (l *Ladder) tidy(now time.Time) {
	slices.SortStableFunc(l.rungs, func(a, b *rung) int { return a.area - b.area })
	l.rungs = l.drop(func(g *rung) bool {
		if g.segment >= 0 {
			return false
		}
		if gone := now.Sub(g.seen); !g.shown || gone > keepUnseen || gone < 0 {
			return true
		}
		return slices.ContainsFunc(l.rungs, func(o *rung) bool {
			return o.segment >= 0 && o.shown && float64(min(o.area, g.area)) > MaxRatio*float64(max(o.area, g.area))
		})
	})
	for {
		shown, oldest := 0, -1
		for k, g := range l.rungs {
			if g.shown {
				shown++
			}
			if g.segment < 0 && (oldest < 0 || g.seen.Before(l.rungs[oldest].seen)) {
				oldest = k
			}
		}
		if shown <= Max || oldest < 0 {
			return
		}
		l.spare = append(l.spare, l.rungs[oldest])
		l.rungs = slices.Delete(l.rungs, oldest, oldest+1)
	}
}

// levels lists the shown rungs.
func (l *Ladder) levels() []pipeline.Level {
	l.out = l.out[:0]
	for _, g := range l.rungs {
		if !g.shown || len(l.out) == Max {
			continue
		}
		v := pipeline.Level{Level: len(l.out), Key: g.key, Score: g.score, Seen: g.segment >= 0, Segment: g.segment}
		m := g.moved(&l.shifted, l.at)
		v.Box.X1, v.Box.Y1, v.Box.X2, v.Box.Y2 = m.FrameBounds()
		v.Area = m.PixelArea()
		l.out = append(l.out, v)
	}
	return l.out
}

// Levels are the levels of the last Step, fine to coarse, with masks of their own of which
// each lies inside the next.
func (l *Ladder) Levels() []pipeline.Level {
	out := slices.Clone(l.levels())
	var masks []*mask.Mask
	for _, g := range l.rungs {
		if g.shown && len(masks) < len(out) {
			var m mask.Mask
			masks = append(masks, g.moved(&m, l.at))
		}
	}
	for i, m := range Nested(masks) {
		v := &out[i]
		v.Mask, v.Area = m, m.PixelArea()
		v.Box.X1, v.Box.Y1, v.Box.X2, v.Box.Y2 = m.FrameBounds()
	}
	return out
}
