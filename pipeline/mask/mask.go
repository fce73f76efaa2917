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
	own    []uint64 // memory of m's own, kept apart from buffers that others lend
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
	m.take(WordsFor(r), buf)
	clear(m.words)
	m.grid, m.win, m.stride = g, r, (r.Dx()+63)/64
}

// CopyFrom makes m an equal of o, in m's own memory or in buf as Reset says.
func (m *Mask) CopyFrom(o *Mask, buf []uint64) {
	from := o.words // o may be m
	m.take(len(from), buf)
	copy(m.words, from)
	m.grid, m.win, m.stride = o.grid, o.win, o.stride
}

// take makes room for n words with undefined contents.
func (m *Mask) take(n int, buf []uint64) {
	if buf != nil && len(buf) >= n {
		m.words = buf[:n:n]
		return
	}
	if cap(m.own) < n {
		m.own = make([]uint64, n)
	}
	m.words = m.own[:n]
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
