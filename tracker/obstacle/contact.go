package obstacle

import (
	"math"
	"math/bits"
	"slices"

	"outrider/pipeline/mask"
)

// outline is what a mask says of an object's extent, frame pixels.
type outline struct {
	top, bottom   float64 // rows of the upper and the lower edge; bottom is where it meets the ground
	left, right   float64 // extreme columns
	footL, footR  float64 // columns between which it meets the ground
	width, height float64 // of the broad part, and from top to bottom
	cutLeft       bool    // it goes on beyond the picture
	cutRight      bool
	cutTop        bool
	cutBottom     bool
	cell          float64 // size of a mask's cell, frame pixels
}

// tracer measures masks and keeps its memory.
type tracer struct {
	top, bottom []int32 // of each column of the window
	lo, hi      []int32 // of each row of the window
	seen        []uint64
	count       []int32
}

// measure reads the outline of m in a frame of w x h pixels. ok is false for a mask without
// extent.
//
// The lower edge is the 90th percentile of the columns' lowest cells over the middle 80 % of
// the columns (road obstacle contract, section 2.1), not the corner of a box: a mirror or a
// stray cell must not move it. The upper edge is its mirror image.
func (t *tracer) measure(m *mask.Mask, w, h int) (o outline, ok bool) {
	if m == nil {
		return o, false
	}
	win, g := m.Window(), m.Grid()
	n, rows := win.Dx(), win.Dy()
	if n <= 0 || rows <= 0 || !(g.SX > 0 && g.SY > 0) {
		return o, false
	}
	t.resize(n, rows)
	x0, x1, y0, y1 := t.scan(m)
	if x1 < x0 {
		return o, false
	}
	o.left, _ = g.ToFrame(float64(win.Min.X+x0), 0)
	o.right, _ = g.ToFrame(float64(win.Min.X+x1+1), 0)
	margin := (x1 - x0 + 1) / 10
	a, b := x0+margin, x1-margin
	low := t.percentile(t.bottom[a:b+1], y0, y1, 0.9)
	high := t.percentile(t.top[a:b+1], y0, y1, 0.1)
	if low < high {
		return o, false
	}
	_, o.bottom = g.ToFrame(0, float64(win.Min.Y+low+1))
	_, o.top = g.ToFrame(0, float64(win.Min.Y+high))
	o.height = o.bottom - o.top
	o.width = t.typicalWidth(y0, y1) * g.SX
	// It stands on the columns that reach down nearly as far.
	slack := int32(max(2, (low-high)/12))
	f0, f1 := x1, x0
	for x := x0; x <= x1; x++ {
		if t.bottom[x] >= int32(low)-slack {
			f0, f1 = min(f0, x), max(f1, x)
		}
	}
	o.footL, _ = g.ToFrame(float64(win.Min.X+f0), 0)
	o.footR, _ = g.ToFrame(float64(win.Min.X+f1+1), 0)
	o.cell = math.Max(g.SX, g.SY)
	// A picture's last cells may lie partly outside; half a cell of slack covers that.
	_, lowest := g.ToFrame(0, float64(win.Min.Y+y1+1))
	_, highest := g.ToFrame(0, float64(win.Min.Y+y0))
	o.cutLeft, o.cutRight = o.left <= 0.5*g.SX, o.right >= float64(w)-0.5*g.SX
	o.cutTop, o.cutBottom = highest <= 0.5*g.SY, lowest >= float64(h)-0.5*g.SY
	return o, true
}

func (t *tracer) resize(n, rows int) {
	if cap(t.top) < n {
		t.top, t.bottom = make([]int32, n), make([]int32, n)
		t.seen = make([]uint64, (n+63)/64)
	}
	t.top, t.bottom, t.seen = t.top[:n], t.bottom[:n], t.seen[:(n+63)/64]
	if cap(t.lo) < rows {
		t.lo, t.hi, t.count = make([]int32, rows), make([]int32, rows), make([]int32, rows)
	}
	t.lo, t.hi, t.count = t.lo[:rows], t.hi[:rows], t.count[:rows]
}

// scan fills the extents of rows and columns, counted from the window's corner, and returns
// those of the whole; x1 < x0 when no cell is set. A column without cells has top > bottom.
func (t *tracer) scan(m *mask.Mask) (x0, x1, y0, y1 int) {
	win := m.Window()
	n := len(t.top)
	x0, x1, y0, y1 = n, -1, len(t.lo), -1
	for x := range n {
		t.top[x], t.bottom[x] = math.MaxInt32, -1
	}
	clear(t.seen)
	for y := range t.lo {
		t.lo[y], t.hi[y] = math.MaxInt32, -1
		for i, word := range m.Row(win.Min.Y + y) {
			if word == 0 {
				continue
			}
			if t.lo[y] == math.MaxInt32 {
				t.lo[y] = int32(i<<6 + bits.TrailingZeros64(word))
			}
			t.hi[y] = int32(i<<6 + 63 - bits.LeadingZeros64(word))
			for fresh := word &^ t.seen[i]; fresh != 0; fresh &= fresh - 1 {
				t.top[i<<6+bits.TrailingZeros64(fresh)] = int32(y)
			}
			t.seen[i] |= word
		}
		if t.hi[y] >= 0 {
			x0, x1 = min(x0, int(t.lo[y])), max(x1, int(t.hi[y]))
			y0, y1 = min(y0, y), y
		}
	}
	clear(t.seen)
	for y := y1; y >= y0 && y >= 0; y-- {
		for i, word := range m.Row(win.Min.Y + y) {
			for fresh := word &^ t.seen[i]; fresh != 0; fresh &= fresh - 1 {
				t.bottom[i<<6+bits.TrailingZeros64(fresh)] = int32(y)
			}
			t.seen[i] |= word
		}
	}
	return x0, x1, y0, y1
}

// percentile of row numbers between y0 and y1; others (of columns without cells) are left out.
func (t *tracer) percentile(v []int32, y0, y1 int, q float64) int {
	count := t.count[:y1-y0+1]
	clear(count)
	n := 0
	for _, y := range v {
		if int(y) >= y0 && int(y) <= y1 {
			count[int(y)-y0]++
			n++
		}
	}
	want := int(math.Ceil(q * float64(n)))
	for i, c := range count {
		if want -= int(c); want <= 0 && n > 0 {
			return y0 + i
		}
	}
	return y0
}

// typicalWidth is the extent that nine in ten rows do not exceed, cells: that of the broad
// part, whatever part of the object the picture cuts off.
func (t *tracer) typicalWidth(y0, y1 int) float64 {
	w := t.count[:0]
	for y := y0; y <= y1; y++ {
		if t.hi[y] >= 0 {
			w = append(w, t.hi[y]-t.lo[y]+1)
		}
	}
	if len(w) == 0 {
		return 0
	}
	slices.Sort(w)
	return float64(w[(len(w)-1)*9/10])
}
