package mask

import (
	"math"
	"math/bits"
)

// Encoder turns masks into RLE without allocating once its memory has grown. The zero value
// is ready; not safe for concurrent use.
type Encoder struct {
	ends []int32  // per cell column of the window, the end of its part of rows
	rows []int32  // frame rows at which the cell columns change their value
	runs []uint32 // the frame's changes, then its runs
	out  []byte
}

// RLE encodes m as [Mask.RLE] does; only the string is new memory.
func (e *Encoder) RLE(m *Mask, w, h int) RLE {
	e.out = e.AppendCounts(e.out[:0], m, w, h)
	return RLE{Size: [2]int{h, w}, Counts: string(e.out)}
}

// AppendCounts appends the compressed string of m on a w x h frame to dst.
func (e *Encoder) AppendCounts(dst []byte, m *Mask, w, h int) []byte {
	return appendCounts(dst, e.Runs(m, w, h))
}

// Runs returns the plain runs of m on a w x h frame, column-major and zeros first, valid until
// the next call; none when a side is not positive.
//
// The work is that of the mask's vertical changes and the frame's columns, never of its
// pixels: cells become pixels only by the positions of their edges.
func (e *Encoder) Runs(m *Mask, w, h int) []uint32 {
	e.runs = e.runs[:0]
	if w <= 0 || h <= 0 {
		return e.runs
	}
	e.columns(m, h)
	g := m.grid
	from := int32(0)
	for i, to := range e.ends {
		changes := e.rows[from:to]
		from = to
		if len(changes) == 0 {
			continue
		}
		cx := m.win.Min.X + i
		x0, x1 := firstPixel(cx, g.X0, g.SX, w), firstPixel(cx+1, g.X0, g.SX, w)
		for x := x0; x < x1; x++ {
			for _, y := range changes {
				e.change(uint32(x*h + int(y)))
			}
			// A column that goes on below the frame ends with it.
			if len(changes)&1 != 0 {
				e.change(uint32((x + 1) * h))
			}
		}
	}
	total := uint32(w * h)
	if n := len(e.runs); n > 0 && e.runs[n-1] == total {
		e.runs = e.runs[:n-1]
	}
	e.runs = append(e.runs, total)
	last := uint32(0)
	for i, p := range e.runs {
		e.runs[i], last = p-last, p
	}
	return e.runs
}

// change notes that the value changes at pixel pos; twice at one place is not at all.
func (e *Encoder) change(pos uint32) {
	if n := len(e.runs); n > 0 && e.runs[n-1] == pos {
		e.runs = e.runs[:n-1]
		return
	}
	e.runs = append(e.runs, pos)
}

// columns sorts the mask's vertical changes by column: a counting sort over the words, rows
// ascending within a column. Changes below the frame are left out.
func (e *Encoder) columns(m *Mask, h int) {
	n := m.win.Dx()
	if cap(e.ends) < n {
		e.ends = make([]int32, n)
	}
	e.ends = e.ends[:n]
	clear(e.ends)
	total := int32(0)
	m.eachChange(h, func(i int, _ int32) { e.ends[i]++ })
	for i, k := range e.ends {
		e.ends[i] = total // for now where the column begins
		total += k
	}
	if cap(e.rows) < int(total) {
		e.rows = make([]int32, total, 2*total)
	}
	e.rows = e.rows[:total]
	m.eachChange(h, func(i int, y int32) {
		e.rows[e.ends[i]] = y
		e.ends[i]++
	})
}

// eachChange calls f for every window column i whose cell differs from the one above, with
// the frame row at which the lower cell begins, top to bottom, as long as that is above h.
func (m *Mask) eachChange(h int, f func(i int, y int32)) {
	for cy := m.win.Min.Y; cy <= m.win.Max.Y; cy++ {
		y := firstPixel(cy, m.grid.Y0, m.grid.SY, h)
		if y >= h {
			return
		}
		above, row := m.Row(cy-1), m.Row(cy)
		for j := range m.stride {
			var d uint64
			if above != nil {
				d = above[j]
			}
			if row != nil {
				d ^= row[j]
			}
			for ; d != 0; d &= d - 1 {
				f(j<<6+bits.TrailingZeros64(d), int32(y))
			}
		}
	}
}

// firstPixel is the first pixel of 0..n whose centre lies in cell i or a later one, by the very
// rule of At (the floor of the cell coordinate), n when there is none.
func firstPixel(i int, origin, size float64, n int) int {
	if !(size > 0) {
		return n
	}
	at := func(p int) bool { return math.Floor((float64(p)+.5-origin)/size) >= float64(i) }
	guess := math.Ceil(origin + float64(i)*size - .5)
	p := 0
	switch {
	case guess >= float64(n):
		p = n
	case guess > 0:
		p = int(guess)
	}
	// Rounding may put the guess one off.
	for p > 0 && at(p-1) {
		p--
	}
	for p < n && !at(p) {
		p++
	}
	return p
}
