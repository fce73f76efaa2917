package prompt

import (
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// maxHistory bounds the frames kept, whatever their rate.
const maxHistory = 90

// history is a ring of the newest frames' segments, in memory of its own.
type history struct {
	ring []moment
	next int // where the next frame goes
	n    int
}

// moment is what one frame held.
type moment struct {
	at   time.Time
	w, h int
	segs []segment
	mem  []mask.Mask
}

// segment is a segment of the past (or, with a borrowed mask, of the present).
type segment struct {
	box    pipeline.Box
	mask   *mask.Mask
	cells  int
	score  float64
	parent int
	track  uint64 // that took it, 0 for none
}

// add copies the segments of r and drops what is older than keep.
func (h *history) add(r *pipeline.Result, keep time.Duration) {
	now := r.Frame.Captured
	if h.n > 0 && now.Before(h.at(h.n-1).at) {
		h.clear() // time went back
	}
	for h.n > 0 && now.Sub(h.at(0).at) > keep {
		h.n--
	}
	if h.n == maxHistory {
		h.n--
	}
	// The ring grows only while all of it is in use.
	if h.n == len(h.ring) {
		grown := make([]moment, len(h.ring)+16)
		for i := range h.n {
			grown[i] = *h.at(i)
		}
		h.ring, h.next = grown, h.n
	}
	m := &h.ring[h.next]
	h.next = (h.next + 1) % len(h.ring)
	h.n++
	m.fill(r)
}

// at returns moment i, 0 the oldest.
func (h *history) at(i int) *moment {
	return &h.ring[(h.next-h.n+i+len(h.ring))%len(h.ring)]
}

func (h *history) clear() { h.n = 0 }

// nearest is the index of the moment whose time is nearest to t, and how far off it is; -1
// when there is none.
func (h *history) nearest(t time.Time) (int, time.Duration) {
	best, off := -1, time.Duration(0)
	for i := range h.n {
		if d := h.at(i).at.Sub(t).Abs(); best < 0 || d <= off {
			best, off = i, d
		}
	}
	return best, off
}

func (m *moment) fill(r *pipeline.Result) {
	m.at, m.w, m.h = r.Frame.Captured, r.Frame.Width, r.Frame.Height
	m.segs = m.segs[:0]
	for len(m.mem) < len(r.Segments) {
		m.mem = append(m.mem, mask.Mask{})
	}
	for i := range r.Segments {
		s := &r.Segments[i]
		g := segment{box: s.Box, score: s.Score, parent: s.Parent}
		if s.Mask != nil {
			m.mem[i].CopyFrom(s.Mask, nil)
			g.cells = m.mem[i].Area()
		}
		m.segs = append(m.segs, g)
	}
	// Pointers only now: append may have moved the masks.
	for i := range m.segs {
		if r.Segments[i].Mask != nil {
			m.segs[i].mask = &m.mem[i]
		}
	}
	for i := range r.Tracks {
		if t := &r.Tracks[i]; t.Observed && t.Segment >= 0 && t.Segment < len(m.segs) {
			m.segs[t.Segment].track = t.ID
		}
	}
}

// Carrying a segment forward: how well it must be met again in each next frame.
const (
	carryIoU   = 0.4
	carryTwice = 0.1 // and how much better than the second best
)

// carry follows segment i of moment k to the newest moment, and returns its index there or
// the live track that took it on the way; -1 and 0 when it was lost.
func (h *history) carry(k, i int, live func(id uint64) bool) (int, uint64) {
	for ; ; k++ {
		m := h.at(k)
		if id := m.segs[i].track; id != 0 && live(id) {
			return -1, id
		}
		if k == h.n-1 {
			return i, 0
		}
		if i = h.at(k + 1).meet(&m.segs[i]); i < 0 {
			return -1, 0
		}
	}
}

// meet finds a segment of the frame before again, -1 when nothing or too much fits.
func (m *moment) meet(from *segment) int {
	best, first, second := -1, 0.0, 0.0
	for i := range m.segs {
		g := &m.segs[i]
		if g.box.Intersect(from.box).Area() == 0 {
			continue
		}
		v := overlap(from, g)
		switch {
		case v > first:
			best, first, second = i, v, first
		case v > second:
			second = v
		}
	}
	if first < carryIoU || first < 0.6 && first-second < carryTwice {
		return -1
	}
	return best
}

// overlap is the mask IoU where both have one on the same grid, else the box IoU.
func overlap(a, b *segment) float64 {
	if a.mask != nil && b.mask != nil && a.mask.Grid() == b.mask.Grid() {
		return mask.IoUOfAreas(a.mask, b.mask, a.cells, b.cells)
	}
	return a.box.IoU(b.box)
}
