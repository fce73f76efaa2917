package mask_test

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"outrider/pipeline/mask"
)

// naive is a mask as plain as can be: what the bitsets must agree with.
type naive struct {
	g    mask.Grid
	cell [][]bool // [y][x]
}

func newNaive(g mask.Grid) naive {
	n := naive{g: g, cell: make([][]bool, g.H)}
	for y := range n.cell {
		n.cell[y] = make([]bool, g.W)
	}
	return n
}

func toNaive(m *mask.Mask) naive {
	n := newNaive(m.Grid())
	n.each(func(x, y int) bool { return m.Has(x, y) })
	return n
}

func (n naive) each(f func(x, y int) bool) naive {
	for y := range n.cell {
		for x := range n.cell[y] {
			n.cell[y][x] = f(x, y)
		}
	}
	return n
}

func (n naive) has(x, y int) bool {
	return x >= 0 && y >= 0 && x < n.g.W && y < n.g.H && n.cell[y][x]
}

func (n naive) area() int {
	a := 0
	n.each(func(x, y int) bool {
		if n.cell[y][x] {
			a++
		}
		return n.cell[y][x]
	})
	return a
}

func (n naive) bounds() image.Rectangle {
	r := image.Rectangle{}
	n.each(func(x, y int) bool {
		if n.cell[y][x] {
			r = r.Union(image.Rect(x, y, x+1, y+1))
		}
		return n.cell[y][x]
	})
	return r
}

// at is the cell under the frame position (x, y).
func (n naive) at(x, y float64) bool {
	return n.has(int(math.Floor((x-n.g.X0)/n.g.SX)), int(math.Floor((y-n.g.Y0)/n.g.SY)))
}

// runs is the column-major run-length encoding of the mask on a w x h frame.
func (n naive) runs(w, h int) []uint32 {
	var runs []uint32
	count, value := uint32(0), false
	for x := range w {
		for y := range h {
			if v := n.at(float64(x)+.5, float64(y)+.5); v != value {
				runs = append(runs, count)
				count, value = 0, v
			}
			count++
		}
	}
	return append(runs, count)
}

// randomWindow is a rectangle that may be empty, and may stick out of the grid.
func randomWindow(r *rand.Rand, g mask.Grid) image.Rectangle {
	return image.Rect(r.IntN(g.W+6)-3, r.IntN(g.H+6)-3, r.IntN(g.W+6)-3, r.IntN(g.H+6)-3)
}

// randomMask has a random window, random density and a few solid blocks.
func randomMask(r *rand.Rand, g mask.Grid) *mask.Mask {
	m := mask.New(g, randomWindow(r, g))
	for range r.IntN(4) {
		m.Fill(randomWindow(r, g))
	}
	if share := r.Float64(); share < .6 {
		w := m.Window()
		for y := w.Min.Y; y < w.Max.Y; y++ {
			for x := w.Min.X; x < w.Max.X; x++ {
				if r.Float64() < share {
					m.Set(x, y)
				}
			}
		}
	}
	return m
}

// randomGrid is small, wide enough to cross words, and lies anywhere over the frame.
func randomGrid(r *rand.Rand) mask.Grid {
	g := mask.Grid{W: 1 + r.IntN(150), H: 1 + r.IntN(12), SX: 1, SY: 1}
	if r.IntN(2) == 0 {
		g.X0, g.Y0 = r.Float64()*20-15, r.Float64()*8-6
		g.SX, g.SY = .3+3*r.Float64(), .3+3*r.Float64()
	}
	return g
}

// check fails unless m holds exactly the cells of want and its padding bits are zero.
func check(t *testing.T, what string, m *mask.Mask, want naive) {
	t.Helper()
	if got := m.Grid(); got != want.g {
		t.Fatalf("%s: grid %v, want %v", what, got, want.g)
	}
	for y := -1; y <= want.g.H; y++ {
		for x := -1; x <= want.g.W; x++ {
			if m.Has(x, y) != want.has(x, y) {
				t.Fatalf("%s: cell (%d, %d) is %v, want %v; window %v", what, x, y, m.Has(x, y), want.has(x, y), m.Window())
			}
		}
	}
	if m.Area() != want.area() {
		t.Fatalf("%s: area %d, want %d: padding bits are set", what, m.Area(), want.area())
	}
	if got := m.Bounds(); got != want.bounds() {
		t.Fatalf("%s: bounds %v, want %v", what, got, want.bounds())
	}
	if m.Empty() != (want.area() == 0) {
		t.Fatalf("%s: Empty is %v", what, m.Empty())
	}
}
