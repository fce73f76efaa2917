package mask

import (
	"image"
	"math"
	"math/bits"
)

// Grid says how cells map to frame pixels: cell (i, j) covers the frame's
// [X0+i*SX, X0+(i+1)*SX) x [Y0+j*SY, Y0+(j+1)*SY). It is comparable; masks may be
// combined bit by bit only when their grids are equal.
type Grid struct {
	W, H   int     // cells
	X0, Y0 float64 // frame pixels of the grid's top-left corner
	SX, SY float64 // frame pixels a cell
}

// FrameGrid is the grid whose cells are the pixels of a w x h frame.
func FrameGrid(w, h int) Grid { return Grid{W: w, H: h, SX: 1, SY: 1} }

// ToCell maps a frame position to cell coordinates (not rounded).
func (g Grid) ToCell(x, y float64) (cx, cy float64) { return (x - g.X0) / g.SX, (y - g.Y0) / g.SY }

// ToFrame maps cell coordinates (corners, not centres) to frame pixels.
func (g Grid) ToFrame(cx, cy float64) (x, y float64) { return g.X0 + cx*g.SX, g.Y0 + cy*g.SY }

// CellArea is the area of one cell in square frame pixels.
func (g Grid) CellArea() float64 { return g.SX * g.SY }

// Bounds is the grid's whole extent in cells.
func (g Grid) Bounds() image.Rectangle { return image.Rect(0, 0, g.W, g.H) }

// Mask is a set of grid cells, stored as one bit a cell inside Window. Bits outside the
// window are unset; padding bits at a row's end are always zero. The zero Mask is empty.
type Mask struct {
	grid   Grid
	win    image.Rectangle
	stride int // words a row
	words  []uint64
}

// New returns an empty mask on g that can hold cells of r (clipped to the grid).
func New(g Grid, r image.Rectangle) *Mask {
	m := &Mask{}
	m.Reset(g, r, nil)
	return m
}

// WordsFor is the number of 64-bit words that a window of r needs: what Reset takes from buf.
func WordsFor(r image.Rectangle) int {
	if r.Empty() {
		return 0
	}
	return (r.Dx() + 63) / 64 * r.Dy()
}

// Reset makes m an empty mask on g with window r (clipped to the grid). The bits live in
// buf when it has WordsFor(r) words (the caller then owns their life), else in m's own
// memory, which is reused when large enough.
func (m *Mask) Reset(g Grid, r image.Rectangle, buf []uint64) {
	r = r.Intersect(g.Bounds())
	if r.Empty() {
		r = image.Rectangle{}
	}
	n := WordsFor(r)
	switch {
	case buf != nil && len(buf) >= n:
		m.words = buf[:n:n]
	case cap(m.words) >= n:
		m.words = m.words[:n]
	default:
		m.words = make([]uint64, n)
	}
	clear(m.words)
	m.grid, m.win, m.stride = g, r, (r.Dx()+63)/64
}

// CopyFrom makes m an equal of o, in m's own memory or in buf as Reset says.
func (m *Mask) CopyFrom(o *Mask, buf []uint64) {
	n := len(o.words)
	switch {
	case buf != nil && len(buf) >= n:
		m.words = buf[:n:n]
	case cap(m.words) >= n:
		m.words = m.words[:n]
	default:
		m.words = make([]uint64, n)
	}
	copy(m.words, o.words)
	m.grid, m.win, m.stride = o.grid, o.win, o.stride
}

// Clone returns a copy with memory of its own.
func (m *Mask) Clone() *Mask {
	c := &Mask{}
	c.CopyFrom(m, nil)
	return c
}

// Grid returns the grid that m lies on.
func (m *Mask) Grid() Grid { return m.grid }

// Window returns the stored cells' extent; set cells lie inside, not always tightly.
func (m *Mask) Window() image.Rectangle { return m.win }

// Row returns the words of grid row y: bit i of word j is the cell x = Window().Min.X + 64*j + i.
// It is nil outside the window. Writers must keep the padding bits zero.
func (m *Mask) Row(y int) []uint64 {
	if y < m.win.Min.Y || y >= m.win.Max.Y {
		return nil
	}
	o := (y - m.win.Min.Y) * m.stride
	return m.words[o : o+m.stride : o+m.stride]
}

// Set marks cell (x, y); cells outside the window are ignored.
func (m *Mask) Set(x, y int) {
	if !(image.Point{X: x, Y: y}).In(m.win) {
		return
	}
	i := x - m.win.Min.X
	m.words[(y-m.win.Min.Y)*m.stride+i>>6] |= 1 << (i & 63)
}

// Has reports whether cell (x, y) is set.
func (m *Mask) Has(x, y int) bool {
	if !(image.Point{X: x, Y: y}).In(m.win) {
		return false
	}
	i := x - m.win.Min.X
	return m.words[(y-m.win.Min.Y)*m.stride+i>>6]>>(i&63)&1 != 0
}

// At reports whether the frame position (x, y), in frame pixels, lies on the mask.
func (m *Mask) At(x, y float64) bool {
	if m.grid.SX == 0 {
		return false
	}
	cx, cy := m.grid.ToCell(x, y)
	fx, fy := math.Floor(cx), math.Floor(cy)
	if !(fx >= 0 && fy >= 0 && fx < float64(m.grid.W) && fy < float64(m.grid.H)) { // NaN too
		return false
	}
	return m.Has(int(fx), int(fy))
}

// Fill marks every cell of r that lies inside the window.
func (m *Mask) Fill(r image.Rectangle) {
	r = r.Intersect(m.win)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		setRun(m.Row(y), r.Min.X-m.win.Min.X, r.Max.X-m.win.Min.X)
	}
}

// setRun sets bits [a, b) of row.
func setRun(row []uint64, a, b int) {
	for a < b {
		w, o := a>>6, a&63
		n := min(64-o, b-a)
		row[w] |= (^uint64(0) >> (64 - n)) << o
		a += n
	}
}

// Area is the number of set cells.
func (m *Mask) Area() int {
	n := 0
	for _, w := range m.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// PixelArea is the area in square frame pixels.
func (m *Mask) PixelArea() float64 { return float64(m.Area()) * m.grid.CellArea() }

// Empty reports whether no cell is set.
func (m *Mask) Empty() bool {
	for _, w := range m.words {
		if w != 0 {
			return false
		}
	}
	return true
}

// Bounds returns the tight extent of the set cells, empty when there is none.
func (m *Mask) Bounds() image.Rectangle {
	r := image.Rectangle{}
	first := true
	for y := m.win.Min.Y; y < m.win.Max.Y; y++ {
		row := m.Row(y)
		lo, hi := -1, -1
		for i, w := range row {
			if w == 0 {
				continue
			}
			if lo < 0 {
				lo = i<<6 + bits.TrailingZeros64(w)
			}
			hi = i<<6 + 64 - bits.LeadingZeros64(w)
		}
		if lo < 0 {
			continue
		}
		row1 := image.Rect(m.win.Min.X+lo, y, m.win.Min.X+hi, y+1)
		if first {
			r, first = row1, false
		} else {
			r = r.Union(row1)
		}
	}
	return r
}

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
	n := 0
	nw := (r.Dx() + 63) / 64
	oa, ob := r.Min.X-a.win.Min.X, r.Min.X-b.win.Min.X
	for y := r.Min.Y; y < r.Max.Y; y++ {
		ra, rb := a.Row(y), b.Row(y)
		for w := 0; w < nw; w++ {
			// Bits past the overlap are zero in the mask whose window ends first.
			n += bits.OnesCount64(word(ra, oa+w<<6) & word(rb, ob+w<<6))
		}
	}
	return n
}

// IoU is |a and b| / |a or b|, 0 when both are empty.
func IoU(a, b *Mask) float64 {
	return iou(Intersection(a, b), a.Area(), b.Area())
}

func iou(inter, areaA, areaB int) float64 {
	if u := areaA + areaB - inter; u > 0 {
		return float64(inter) / float64(u)
	}
	return 0
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
	s := New(m.grid, m.win.Add(image.Pt(dx, dy)))
	off := s.win.Min.X - dx - m.win.Min.X
	last := ^uint64(0)
	if n := s.win.Dx() & 63; n != 0 {
		last = 1<<n - 1
	}
	for y := s.win.Min.Y; y < s.win.Max.Y; y++ {
		row, from := s.Row(y), m.Row(y-dy)
		for w := range row {
			row[w] = word(from, off+w<<6)
		}
		row[len(row)-1] &= last
	}
	return s
}

// Resample returns the mask on another grid: a cell is set when its centre lies on m.
func (m *Mask) Resample(g Grid) *Mask {
	if g == m.grid {
		return m.Clone()
	}
	b := m.Bounds()
	if b.Empty() {
		return New(g, image.Rectangle{})
	}
	x1, y1 := m.grid.ToFrame(float64(b.Min.X), float64(b.Min.Y))
	x2, y2 := m.grid.ToFrame(float64(b.Max.X), float64(b.Max.Y))
	cx1, cy1 := g.ToCell(x1, y1)
	cx2, cy2 := g.ToCell(x2, y2)
	out := New(g, image.Rect(int(math.Floor(cx1)), int(math.Floor(cy1)), int(math.Ceil(cx2)), int(math.Ceil(cy2))))
	for y := out.win.Min.Y; y < out.win.Max.Y; y++ {
		row := out.Row(y)
		for x := out.win.Min.X; x < out.win.Max.X; x++ {
			if fx, fy := g.ToFrame(float64(x)+.5, float64(y)+.5); m.At(fx, fy) {
				i := x - out.win.Min.X
				row[i>>6] |= 1 << (i & 63)
			}
		}
	}
	return out
}

// FrameBounds returns the tight extent in frame pixels: x1, y1, x2, y2; all zero when empty.
func (m *Mask) FrameBounds() (x1, y1, x2, y2 float64) {
	b := m.Bounds()
	if b.Empty() {
		return 0, 0, 0, 0
	}
	x1, y1 = m.grid.ToFrame(float64(b.Min.X), float64(b.Min.Y))
	x2, y2 = m.grid.ToFrame(float64(b.Max.X), float64(b.Max.Y))
	return x1, y1, x2, y2
}
