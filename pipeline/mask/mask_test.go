package mask_test

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"outrider/pipeline/mask"
)

func TestOperationsAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		g := randomGrid(r)
		a, b := randomMask(r, g), randomMask(r, g)
		na, nb := toNaive(a), toNaive(b)
		check(t, "a", a, na)
		both := newNaive(g).each(func(x, y int) bool { return na.has(x, y) && nb.has(x, y) })
		either := newNaive(g).each(func(x, y int) bool { return na.has(x, y) || nb.has(x, y) })

		if got := mask.Intersection(a, b); got != both.area() {
			t.Fatalf("Intersection %d, want %d; windows %v %v", got, both.area(), a.Window(), b.Window())
		}
		want := 0.
		if either.area() > 0 {
			want = float64(both.area()) / float64(either.area())
		}
		if got := mask.IoU(a, b); got != want || got != mask.IoU(b, a) || got != mask.IoUOfAreas(a, b, a.Area(), b.Area()) {
			t.Fatalf("IoU %v, want %v", got, want)
		}
		want = 0
		if na.area() > 0 {
			want = float64(both.area()) / float64(na.area())
		}
		if got := mask.Containment(a, b); got != want {
			t.Fatalf("Containment %v, want %v", got, want)
		}

		m := a.Clone()
		m.And(b)
		check(t, "And", m, both)
		m.CopyFrom(a, nil)
		m.AndNot(b)
		check(t, "AndNot", m, newNaive(g).each(func(x, y int) bool { return na.has(x, y) && !nb.has(x, y) }))
		m.CopyFrom(a, make([]uint64, 4096))
		m.Or(b)
		check(t, "Or", m, newNaive(g).each(func(x, y int) bool {
			return na.has(x, y) || nb.has(x, y) && (image.Point{X: x, Y: y}).In(a.Window())
		}))
		check(t, "Union", mask.Union(a, b), either)
		dx, dy := r.IntN(2*g.W+1)-g.W, r.IntN(2*g.H+1)-g.H
		check(t, "Shift", a.Shift(dx, dy), newNaive(g).each(func(x, y int) bool { return na.has(x-dx, y-dy) }))
		check(t, "a afterwards", a, na)
		check(t, "b afterwards", b, nb)

		o := randomGrid(r)
		check(t, "Resample", a.Resample(o), newNaive(o).each(func(x, y int) bool {
			return na.at(o.ToFrame(float64(x)+.5, float64(y)+.5))
		}))
		for range 20 {
			fx, fy := r.Float64()*200-40, r.Float64()*40-20
			if a.At(fx, fy) != na.at(fx, fy) {
				t.Fatalf("At(%g, %g) is %v", fx, fy, a.At(fx, fy))
			}
		}
		x1, y1, x2, y2 := a.FrameBounds()
		if c := a.Bounds(); !c.Empty() {
			wx1, wy1 := g.ToFrame(float64(c.Min.X), float64(c.Min.Y))
			wx2, wy2 := g.ToFrame(float64(c.Max.X), float64(c.Max.Y))
			if x1 != wx1 || y1 != wy1 || x2 != wx2 || y2 != wy2 {
				t.Fatalf("FrameBounds %v %v %v %v of %v", x1, y1, x2, y2, c)
			}
		} else if x1 != 0 || y1 != 0 || x2 != 0 || y2 != 0 {
			t.Fatalf("FrameBounds of nothing: %v %v %v %v", x1, y1, x2, y2)
		}
		if got, want := a.PixelArea(), float64(na.area())*g.SX*g.SY; math.Abs(got-want) > 1e-9*want {
			t.Fatalf("PixelArea %v, want %v", got, want)
		}
	}
}

func TestRunsAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		g := randomGrid(r)
		m := randomMask(r, g)
		n := toNaive(m)
		for range 3 {
			y, x0, x1 := r.IntN(g.H+2)-1, r.IntN(g.W+6)-3, r.IntN(g.W+6)-3
			v := r.IntN(2) == 0
			if v {
				m.SetRun(y, x0, x1)
			} else {
				m.ClearRun(y, x0, x1)
			}
			for x := max(0, x0); x < min(x1, g.W); x++ {
				if (image.Point{X: x, Y: y}).In(m.Window()) {
					n.cell[y][x] = v
				}
			}
			check(t, "SetRun, ClearRun", m, n)
		}
		got := newNaive(g)
		for y := -1; y <= g.H; y++ {
			last := -1
			for x0, x1, ok := m.NextRun(y, -5); ok; x0, x1, ok = m.NextRun(y, x1) {
				if x0 <= last || x1 <= x0 {
					t.Fatalf("run [%d, %d) after %d", x0, x1, last)
				}
				for x := x0; x < x1; x++ {
					got.cell[y][x] = true
				}
				last = x1
			}
		}
		check(t, "the runs of", m, got)
	}
}

func TestNextRunFromWithin(t *testing.T) {
	m := fromRows([]string{"..####..##"})
	for _, c := range []struct{ x, x0, x1 int }{{0, 2, 6}, {3, 3, 6}, {6, 8, 10}, {9, 9, 10}} {
		if x0, x1, ok := m.NextRun(0, c.x); !ok || x0 != c.x0 || x1 != c.x1 {
			t.Errorf("from %d: [%d, %d) %v, want [%d, %d)", c.x, x0, x1, ok, c.x0, c.x1)
		}
	}
	if x0, x1, ok := m.NextRun(0, 10); ok {
		t.Errorf("from the end: [%d, %d)", x0, x1)
	}
}

// TestLentBuffer guards against a mask that goes on using a buffer which was lent to it once
// and is somebody else's by now.
func TestLentBuffer(t *testing.T) {
	g := mask.FrameGrid(100, 10)
	buf := make([]uint64, mask.WordsFor(g.Bounds()))
	var m mask.Mask
	m.Reset(g, g.Bounds(), buf)
	m.Set(3, 3)
	var second mask.Mask
	second.Reset(g, g.Bounds(), buf)
	m.Reset(g, g.Bounds(), nil)
	m.Set(5, 5)
	if second.Area() != 0 {
		t.Error("Reset without a buffer wrote into the one lent before")
	}
	m.Reset(g, g.Bounds(), buf)
	m.CopyFrom(&m, nil)
	second.Reset(g, g.Bounds(), buf)
	second.Fill(g.Bounds())
	if m.Area() != 0 {
		t.Error("CopyFrom without a buffer kept the one lent before")
	}
	if n := testing.AllocsPerRun(10, func() { m.Reset(g, g.Bounds(), nil) }); n != 0 {
		t.Errorf("a second Reset allocates %v times", n)
	}
	if short := make([]uint64, 1); true {
		m.Reset(g, g.Bounds(), short)
		m.Fill(g.Bounds())
		if m.Area() != 1000 || short[0] != 0 {
			t.Error("a buffer that is too short was used")
		}
	}
}

func TestDifferentGridsPanic(t *testing.T) {
	a := mask.New(mask.FrameGrid(10, 10), image.Rect(0, 0, 10, 10))
	b := mask.New(mask.FrameGrid(20, 10), image.Rect(0, 0, 10, 10))
	for name, f := range map[string]func(){
		"Intersection": func() { mask.Intersection(a, b) },
		"And":          func() { a.And(b) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of masks of different grids did not panic", name)
				}
			}()
			f()
		}()
	}
}

func TestEmptyMasks(t *testing.T) {
	var zero mask.Mask
	g := mask.FrameGrid(10, 10)
	outside := mask.New(g, image.Rect(20, 20, 30, 30))
	full := mask.New(g, g.Bounds())
	full.Fill(g.Bounds())
	for name, m := range map[string]*mask.Mask{"zero": &zero, "outside": outside} {
		m.Set(0, 0)
		m.SetRun(0, 0, 5)
		m.Fill(g.Bounds())
		if !m.Empty() || m.Area() != 0 || !m.Bounds().Empty() || m.At(1, 1) || m.Has(0, 0) {
			t.Errorf("%s: not empty", name)
		}
		if mask.IoU(m, full) != 0 || mask.Containment(m, full) != 0 || mask.IoU(m, m) != 0 {
			t.Errorf("%s: overlaps something", name)
		}
		if n := m.DropIslands(.5); n != 0 || !m.LargestComponent().Empty() {
			t.Errorf("%s: has components", name)
		}
		if !m.Shift(1, 1).Empty() || !m.Resample(mask.FrameGrid(4, 4)).Empty() {
			t.Errorf("%s: copies are not empty", name)
		}
	}
	if mask.Union() != nil {
		t.Error("union of nothing is something")
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
		if full.At(x, 1) || full.At(1, x) {
			t.Errorf("At(%g) is on the mask", x)
		}
	}
}
