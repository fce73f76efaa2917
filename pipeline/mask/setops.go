package mask

import (
	"image"
	"math/bits"
)

// word returns the 64 bits of row that start at bit position i, which may be negative or
// run past the row's end: what lies outside is zero.
func word(row []uint64, i int) uint64 {
	var v uint64
	w, o := i>>6, uint(i&63) // arithmetic shift floors for negative i
	if w >= 0 && w < len(row) {
		v = row[w] >> o
	}
	if o != 0 && w+1 >= 0 && w+1 < len(row) {
		v |= row[w+1] << (64 - o)
	}
	return v
}

// sameGrid panics when a and b lie on different grids: a programming error, since the
// counts would be meaningless.
func sameGrid(a, b *Mask) {
	if a.grid != b.grid && len(a.words) > 0 && len(b.words) > 0 {
		panic("mask: operation on masks of different grids")
	}
}

// Intersection is the number of cells set in both masks, which must share a grid.
func Intersection(a, b *Mask) int {
	sameGrid(a, b)
	r := a.win.Intersect(b.win)
	if r.Empty() {
		return 0
	}
	// The overlap begins where the window of one of them does: that one, a, is read word by
	// word, the other shifted. Bits past the overlap are padding, hence zero, in the mask whose
	// window ends first.
	if a.win.Min.X < b.win.Min.X {
		a, b = b, a
	}
	n := 0
	nw := (r.Dx() + 63) / 64
	skip, shift := (r.Min.X-b.win.Min.X)>>6, uint(r.Min.X-b.win.Min.X)&63
	for y := r.Min.Y; y < r.Max.Y; y++ {
		ra := a.Row(y)[:nw]
		rb := b.Row(y)[skip:]
		if shift == 0 {
			for i, v := range ra {
				n += bits.OnesCount64(v & rb[i])
			}
			continue
		}
		lo := rb[0] >> shift
		for i, v := range ra {
			w := lo
			if i+1 < len(rb) {
				next := rb[i+1]
				w |= next << (64 - shift)
				lo = next >> shift
			}
			n += bits.OnesCount64(v & w)
		}
	}
	return n
}

// IoU is |a and b| / |a or b|, 0 when both are empty.
func IoU(a, b *Mask) float64 {
	n := Intersection(a, b)
	if n == 0 {
		return 0
	}
	return float64(n) / float64(a.Area()+b.Area()-n)
}

// IoUOfAreas is IoU for who knows a.Area() and b.Area() already, as when each of many masks is
// compared with each other.
func IoUOfAreas(a, b *Mask, areaA, areaB int) float64 {
	n := Intersection(a, b)
	if n == 0 {
		return 0
	}
	return float64(n) / float64(areaA+areaB-n)
}

// Containment is the share of a that lies inside b: |a and b| / |a|, 0 when a is empty.
func Containment(a, b *Mask) float64 {
	n := a.Area()
	if n == 0 {
		return 0
	}
	return float64(Intersection(a, b)) / float64(n)
}

// combine writes f(m, o) into m for every word of m's window.
func (m *Mask) combine(o *Mask, f func(a, b uint64) uint64) {
	sameGrid(m, o)
	off := m.win.Min.X - o.win.Min.X
	last := ^uint64(0)
	if n := m.win.Dx() & 63; n != 0 {
		last = 1<<n - 1
	}
	for y := m.win.Min.Y; y < m.win.Max.Y; y++ {
		row, other := m.Row(y), o.Row(y)
		for w := range row {
			row[w] = f(row[w], word(other, off+w<<6))
		}
		row[len(row)-1] &= last
	}
}

// And keeps the cells that are in o too.
func (m *Mask) And(o *Mask) { m.combine(o, func(a, b uint64) uint64 { return a & b }) }

// AndNot removes the cells that are in o.
func (m *Mask) AndNot(o *Mask) { m.combine(o, func(a, b uint64) uint64 { return a &^ b }) }

// Or adds the cells of o that lie inside m's window; use Union where the window must grow.
func (m *Mask) Or(o *Mask) { m.combine(o, func(a, b uint64) uint64 { return a | b }) }

// Union returns a new mask holding the cells of every given mask (one grid), nil for none.
func Union(ms ...*Mask) *Mask {
	if len(ms) == 0 {
		return nil
	}
	r := image.Rectangle{}
	for _, m := range ms {
		r = r.Union(m.win)
	}
	u := New(ms[0].grid, r)
	for _, m := range ms {
		u.Or(m)
	}
	return u
}

// Shift returns a copy moved by (dx, dy) cells; what leaves the grid is lost.
func (m *Mask) Shift(dx, dy int) *Mask {
	s := &Mask{}
	s.ShiftFrom(m, dx, dy, nil)
	return s
}

// ShiftFrom makes m a copy of o moved by (dx, dy) cells, in m's own memory or in buf as Reset
// says. What leaves the grid is lost. m and o must not be one mask.
func (m *Mask) ShiftFrom(o *Mask, dx, dy int, buf []uint64) {
	m.Reset(o.grid, o.win.Add(image.Pt(dx, dy)), buf)
	off := m.win.Min.X - dx - o.win.Min.X
	last := ^uint64(0)
	if n := m.win.Dx() & 63; n != 0 {
		last = 1<<n - 1
	}
	for y := m.win.Min.Y; y < m.win.Max.Y; y++ {
		row, from := m.Row(y), o.Row(y-dy)
		for w := range row {
			row[w] = word(from, off+w<<6)
		}
		row[len(row)-1] &= last
	}
}
