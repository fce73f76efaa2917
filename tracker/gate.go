package tracker

import (
	"cmp"
	"math"
	"slices"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// gate finds the pairs of tracks and detections that overlap, without looking at all of them.
// Detections are sorted by their left edge; a track looks at those whose left edge can make
// them overlap. Wide ones, which would stretch that range for all, are kept apart.
type gate struct {
	narrow, wide []int32
	width        float64 // of the widest narrow detection
	widths       []float64
	buffer       float64
	from         int     // where the present track's pairs begin
	worst        float64 // cost from which a pair need not be kept
	pairs        []edge  // by row (index into Core.live), with the cost of the pair
}

// maxPairs bounds the pairs of one track: in a crowd so dense the far ones never win.
const maxPairs = 48

func (g *gate) sort(dets []det) {
	g.narrow, g.wide, g.widths = g.narrow[:0], g.wide[:0], g.widths[:0]
	for i := range dets {
		if dets[i].ok {
			g.widths = append(g.widths, dets[i].box.W())
		}
	}
	if len(g.widths) == 0 {
		return
	}
	slices.Sort(g.widths)
	g.width = 3 * g.widths[len(g.widths)/2]
	for i := range dets {
		switch d := &dets[i]; {
		case !d.ok:
		case d.box.W() > g.width:
			g.wide = append(g.wide, int32(i))
		default:
			g.narrow = append(g.narrow, int32(i))
		}
	}
	slices.SortFunc(g.narrow, func(a, b int32) int {
		if x, y := dets[a].box.X1, dets[b].box.X1; x != y {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(a, b)
	})
}

// first is the first narrow detection whose left edge is not left of x.
func (g *gate) first(dets []det, x float64) int {
	lo, hi := 0, len(g.narrow)
	for lo < hi {
		if m := (lo + hi) / 2; dets[g.narrow[m]].box.X1 < x {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// buffer grows both boxes of a pair on each side, by their size, before they are compared
// (C-BIoU): what moves in jumps still overlaps. It grows with the time between frames.
const (
	buffer     = 0.1
	bufferTime = 0.05 // seconds
	bufferMax  = 0.5
)

func bufferAfter(dt float64) float64 {
	return min(buffer*max(1, dt/bufferTime), bufferMax)
}

func buffered(b pipeline.Box, k float64) pipeline.Box {
	w, h := b.W()*k, b.H()*k
	return pipeline.Box{X1: b.X1 - w, Y1: b.Y1 - h, X2: b.X2 + w, Y2: b.Y2 + h}
}

// collect fills g.pairs with the gated pairs of all live tracks and their costs.
func (c *Core) collect(dt float64) {
	g := &c.gate
	g.buffer = bufferAfter(dt)
	g.sort(c.dets)
	g.pairs = g.pairs[:0]
	for row, i := range c.live {
		s := &c.slots[i]
		b := buffered(s.box, g.buffer)
		old := s.reference(c.now - 3*c.frame*0.99)
		g.from, g.worst = len(g.pairs), math.Inf(1)
		for k := g.first(c.dets, b.X1-g.width*(1+g.buffer)); k < len(g.narrow); k++ {
			j := g.narrow[k]
			if c.dets[j].box.X1-g.width*g.buffer >= b.X2 {
				break
			}
			c.pair(int32(row), i, j, b, old)
		}
		for _, j := range g.wide {
			c.pair(int32(row), i, j, b, old)
		}
		g.trim(maxPairs)
	}
}

// add appends a pair of the present track unless enough better ones are known.
func (g *gate) add(e edge) {
	if e.cost >= g.worst {
		return
	}
	g.pairs = append(g.pairs, e)
	if len(g.pairs)-g.from >= 4*maxPairs {
		g.trim(maxPairs)
		g.worst = g.pairs[len(g.pairs)-1].cost
	}
}

// trim keeps the n best pairs of the present track.
func (g *gate) trim(n int) {
	own := g.pairs[g.from:]
	if len(own) <= n {
		return
	}
	slices.SortFunc(own, func(a, b edge) int {
		if a.cost != b.cost {
			return cmp.Compare(a.cost, b.cost)
		}
		return cmp.Compare(a.col, b.col)
	})
	g.pairs = g.pairs[:g.from+n]
}

// maxGrowth is the greatest ratio of areas between a track's mask and the next: beyond, one
// is a part of the other, however well their boxes overlap.
const maxGrowth = 2.2

// acrossPools is the mask IoU from which background and objects may be the same thing: what
// is on the border between the two keeps its track.
const acrossPools = 0.7

// pair appends the pair of track i (buffered box b) and detection j when it passes the gate.
func (c *Core) pair(row, i, j int32, b, old pipeline.Box) {
	s, d := &c.slots[i], &c.dets[j]
	z := buffered(d.box, c.gate.buffer)
	if z.X2 <= b.X1 || z.X1 >= b.X2 || z.Y2 <= b.Y1 || z.Y1 >= b.Y2 {
		return
	}
	inter := (min(b.X2, z.X2) - max(b.X1, z.X1)) * (min(b.Y2, z.Y2) - max(b.Y1, z.Y1))
	iou := inter / (b.Area() + z.Area() - inter)
	if !(iou > c.p.Gate) {
		return
	}
	if c.apart(i, j) {
		return
	}
	hiou := (min(s.box.Y2, d.box.Y2) - max(s.box.Y1, d.box.Y1)) / (max(s.box.Y2, d.box.Y2) - min(s.box.Y1, d.box.Y1))
	like := iou * max(hiou, 0)
	if s.hasMask && d.mask != nil && c.masks[i].Grid() == d.mask.Grid() {
		if r := float64(d.cells) / float64(s.cells); r > maxGrowth || r < 1/maxGrowth {
			return
		}
		over := mask.IoUOfAreas(&c.moved[i], d.mask, s.cells, d.cells)
		switch {
		case s.stuff != d.stuff && over < acrossPools:
			return
		case s.stuff:
			like = over
		default:
			// Small masks are coarse: boxes, which the network places finer, steady them.
			like = 0.5 * (over + like)
		}
	} else if s.stuff || d.stuff {
		return
	}
	cost := 1 - like + c.p.Confidence*math.Abs(2*s.score-s.before-d.score)
	if cost >= max(c.p.Match, c.p.MatchLow) || cost >= c.gate.worst {
		return // no stage takes it
	}
	if c.p.Angle > 0 && !s.stuff {
		cost += c.p.Angle * s.turn(old, d.box) * d.score
	}
	c.gate.add(edge{row, j, cost})
}

// corners lists a box's corners.
func corners(b pipeline.Box) [4]pipeline.Point {
	return [4]pipeline.Point{{X: b.X1, Y: b.Y1}, {X: b.X1, Y: b.Y2}, {X: b.X2, Y: b.Y1}, {X: b.X2, Y: b.Y2}}
}

// turn is the mean angle between the track's direction at each corner and the way from the
// older box to z, from 0 (straight on) to 1 (back). A resting corner counts as a half.
func (s *slot) turn(old, z pipeline.Box) float64 {
	from, to := corners(old), corners(z)
	sum := 0.0
	for k, d := range s.dir {
		dx, dy := to[k].X-from[k].X, to[k].Y-from[k].Y
		n := (math.Sqrt(dx*dx+dy*dy) + 1e-5) * (math.Sqrt(d.X*d.X+d.Y*d.Y) + 1e-5)
		sum += math.Acos(min(1, max(-1, (d.X*dx+d.Y*dy)/n))) / math.Pi / 4
	}
	return sum
}

// reference is the newest observation that is not younger than t, else the oldest kept.
func (s *slot) reference(t float64) pipeline.Box {
	n := min(s.seen, len(s.past))
	for k := 1; k <= n; k++ {
		if o := &s.past[(s.seen-k)%len(s.past)]; o.t <= t || k == n {
			return o.box
		}
	}
	return s.box
}

// newest is the last observed box.
func (s *slot) newest() pipeline.Box { return s.past[(s.seen-1)%len(s.past)].box }
