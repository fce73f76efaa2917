package mask

import (
	"image"
	"math/bits"
)

// Fill marks every cell of r that lies inside the window.
func (m *Mask) Fill(r image.Rectangle) {
	r = r.Intersect(m.win)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		setRun(m.Row(y), r.Min.X-m.win.Min.X, r.Max.X-m.win.Min.X)
	}
}

// SetRun marks the cells [x0, x1) of row y that lie inside the window.
func (m *Mask) SetRun(y, x0, x1 int) {
	x0, x1 = max(x0, m.win.Min.X), min(x1, m.win.Max.X)
	if row := m.Row(y); row != nil {
		setRun(row, x0-m.win.Min.X, x1-m.win.Min.X)
	}
}

// ClearRun unmarks the cells [x0, x1) of row y.
func (m *Mask) ClearRun(y, x0, x1 int) {
	x0, x1 = max(x0, m.win.Min.X), min(x1, m.win.Max.X)
	if row := m.Row(y); row != nil {
		clearRun(row, x0-m.win.Min.X, x1-m.win.Min.X)
	}
}

// NextRun finds the first run of set cells of row y that ends after x: cells [x0, x1) with
// x0 >= x are set and bounded by unset ones (or x, or the window). ok is false when there is
// none. Walk a row with
//
//	for x0, x1, ok := m.NextRun(y, m.Window().Min.X); ok; x0, x1, ok = m.NextRun(y, x1) { ... }
func (m *Mask) NextRun(y, x int) (x0, x1 int, ok bool) {
	row := m.Row(y)
	a := nextBit(row, max(x-m.win.Min.X, 0), 0)
	if a >= len(row)<<6 {
		return 0, 0, false
	}
	// Padding bits are unset, so the run ends inside the window or at the last word's end.
	b := nextBit(row, a, ^uint64(0))
	return m.win.Min.X + a, m.win.Min.X + b, true
}

// nextBit is the first bit from i on that is set in row xor flip, the number of bits when
// there is none.
func nextBit(row []uint64, i int, flip uint64) int {
	w := i >> 6
	if w >= len(row) {
		return len(row) << 6
	}
	v := (row[w] ^ flip) >> (i & 63) << (i & 63)
	for v == 0 {
		w++
		if w == len(row) {
			return w << 6
		}
		v = row[w] ^ flip
	}
	return w<<6 + bits.TrailingZeros64(v)
}

// runWord is the mask of the bits of [a, b) that lie in a's word, and their number.
func runWord(a, b int) (uint64, int) {
	o := a & 63
	n := min(64-o, b-a)
	return (^uint64(0) >> (64 - n)) << o, n
}

// setRun sets bits [a, b) of row.
func setRun(row []uint64, a, b int) {
	for a < b {
		v, n := runWord(a, b)
		row[a>>6] |= v
		a += n
	}
}

// clearRun clears bits [a, b) of row.
func clearRun(row []uint64, a, b int) {
	for a < b {
		v, n := runWord(a, b)
		row[a>>6] &^= v
		a += n
	}
}

// flipRun inverts bits [a, b) of row.
func flipRun(row []uint64, a, b int) {
	for a < b {
		v, n := runWord(a, b)
		row[a>>6] ^= v
		a += n
	}
}
