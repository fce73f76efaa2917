package mask_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"outrider/pipeline/mask"
)

// filled is the mask with its holes filled: all that cannot be reached from outside over
// sides of unset cells.
func (n naive) filled() naive {
	out := newNaive(n.g).each(func(x, y int) bool { return true })
	queue := [][2]int{{-1, -1}}
	seen := map[[2]int]bool{{-1, -1}: true}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, d := range [][2]int{{0, 1}, {1, 0}, {0, -1}, {-1, 0}} {
			q := [2]int{p[0] + d[0], p[1] + d[1]}
			if q[0] < -1 || q[1] < -1 || q[0] > n.g.W || q[1] > n.g.H || seen[q] || n.has(q[0], q[1]) {
				continue
			}
			seen[q] = true
			queue = append(queue, q)
			if q[0] >= 0 && q[1] >= 0 && q[0] < n.g.W && q[1] < n.g.H {
				out.cell[q[1]][q[0]] = false
			}
		}
	}
	return out
}

// outer is the number of connected parts that are not inside a hole of another.
func (n naive) outer() int { return len(n.filled().parts()) }

func vertices(rings [][][2]float64) int {
	n := 0
	for _, r := range rings {
		n += len(r)
	}
	return n
}

// ringArea is the enclosed area, positive when clockwise on the screen.
func ringArea(r [][2]float64) float64 {
	a := 0.
	for i, p := range r {
		q := r[(i+1)%len(r)]
		a += p[0]*q[1] - q[0]*p[1]
	}
	return a / 2
}

// evenOdd fills the rings all together by the even-odd rule.
func evenOdd(g mask.Grid, rings [][][2]float64) *mask.Mask {
	m := mask.New(g, g.Bounds())
	for _, ring := range rings {
		one := mask.FromPolygons(g, [][][2]float64{ring})
		both := one.Clone()
		both.And(m)
		m.Or(one)
		m.AndNot(both)
	}
	return m
}

func TestPolygonsAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	var tr mask.Tracer
	for range 800 {
		g := randomGrid(r)
		m := randomMask(r, g)
		n := toNaive(m)
		rings := tr.Polygons(m, 0)
		if len(rings) < n.outer() {
			t.Fatalf("%d outlines of %d parts", len(rings), n.outer())
		}
		for i, ring := range rings {
			if a := ringArea(ring); !(a > 0) || i > 0 && a > ringArea(rings[i-1])*(1+1e-9) {
				t.Fatalf("outline %d encloses %g, the one before %g", i, a, ringArea(rings[max(0, i-1)]))
			}
		}
		check(t, "filled outlines", mask.FromPolygons(g, rings), n.filled())
		if one := m.Polygons(0); len(one) != len(rings) || len(one) > 0 && !reflect.DeepEqual(one, rings) {
			t.Fatalf("Mask.Polygons gave %v, Tracer.Polygons %v", one, rings)
		}
		// With the holes, a cell is set when an odd number of outlines go around it.
		holes := mask.Tracer{Holes: true}
		check(t, "outlines with holes", evenOdd(g, holes.Polygons(m, 0)), n)
		limit := 1 + r.IntN(40)
		first := fmt.Sprint(tr.Polygons(m, limit))
		few := m.Polygons(limit)
		if fmt.Sprint(few) != first {
			t.Fatalf("two runs differ: %v and %v", first, few)
		}
		if k := vertices(few); k > max(3, limit) || m.Empty() != (k == 0) {
			t.Fatalf("%d vertices, at most %d wanted, %d at first", k, limit, vertices(rings))
		}
		for _, ring := range few {
			if len(ring) < 3 {
				t.Fatalf("outline of %d points", len(ring))
			}
		}
	}
}

func TestPolygonsTable(t *testing.T) {
	for _, c := range []struct {
		name string
		rows []string
		want [][][2]float64
	}{
		{"nothing", []string{"..."}, nil},
		{"cell", []string{"...", ".#."}, [][][2]float64{{{1, 1}, {2, 1}, {2, 2}, {1, 2}}}},
		{"main first", []string{"#....", "..###", "..###"},
			[][][2]float64{{{2, 1}, {5, 1}, {5, 3}, {2, 3}}, {{0, 0}, {1, 0}, {1, 1}, {0, 1}}}},
		{"hole left out", []string{"###", "#.#", "###"}, [][][2]float64{{{0, 0}, {3, 0}, {3, 3}, {0, 3}}}},
		{"corners touch", []string{"#.", ".#"},
			[][][2]float64{{{0, 0}, {1, 0}, {1, 1}, {2, 1}, {2, 2}, {1, 2}, {1, 1}, {0, 1}}}},
		{"L", []string{"#.", "##"}, [][][2]float64{{{0, 0}, {1, 0}, {1, 1}, {2, 1}, {2, 2}, {0, 2}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fromRows(c.rows).Polygons(0); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestPolygonsFrameUnits(t *testing.T) {
	g := mask.Grid{W: 10, H: 10, X0: -2, Y0: 3, SX: 4, SY: 5}
	m := mask.New(g, g.Bounds())
	m.Set(1, 2)
	want := [][][2]float64{{{2, 13}, {6, 13}, {6, 18}, {2, 18}}}
	if got := m.Polygons(48); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestPolygonsFidelity says how much a simplified outline may differ from what it outlines.
func TestPolygonsFidelity(t *testing.T) {
	for name, has := range shapes {
		g := mask.Grid{W: 160, H: 96, SX: 8, SY: 7.5}
		m := mask.New(g, g.Bounds())
		toNaive(m).each(func(x, y int) bool {
			if has(float64(x), float64(y)) {
				m.Set(x, y)
			}
			return false
		})
		for _, c := range []struct {
			limit int
			iou   float64
		}{{96, .97}, {48, .96}, {24, .95}} {
			got := mask.IoU(m, mask.FromPolygons(g, m.Polygons(c.limit)))
			t.Logf("%s, %d of %d vertices: IoU %.3f", name, c.limit, vertices(m.Polygons(0)), got)
			if got < c.iou {
				t.Errorf("%s with %d vertices: IoU %.3f, want at least %g", name, c.limit, got, c.iou)
			}
		}
	}
}

// shapes are outlines of things as networks see them, on a 160 x 96 grid.
var shapes = map[string]func(x, y float64) bool{
	"disc":    func(x, y float64) bool { return math.Hypot(x-80, y-48) < 30 },
	"ellipse": func(x, y float64) bool { return math.Hypot((x-80)/3, y-48) < 20 },
	"slope":   func(x, y float64) bool { return math.Abs(y-48-.35*(x-80)) < 6 && math.Abs(x-80) < 60 },
	"walker": func(x, y float64) bool {
		legs := y >= 56 && y < 90 && (math.Abs(x-74-(y-56)*-.25) < 5 || math.Abs(x-86-(y-56)*.2) < 5)
		return math.Hypot(x-80, y-14) < 8 || math.Abs(x-80) < 13 && y > 20 && y < 58 || legs
	},
}

func TestFromPolygons(t *testing.T) {
	g := mask.FrameGrid(8, 6)
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name  string
		rings [][][2]float64
		area  int
	}{
		{"none", nil, 0},
		{"two points", [][][2]float64{{{0, 0}, {8, 6}}}, 0},
		{"square", [][][2]float64{{{1, 1}, {4, 1}, {4, 4}, {1, 4}}}, 9},
		{"the other way round", [][][2]float64{{{1, 4}, {4, 4}, {4, 1}, {1, 1}}}, 9},
		{"closed twice", [][][2]float64{{{1, 1}, {4, 1}, {4, 4}, {1, 4}, {1, 1}}}, 9},
		{"two that overlap", [][][2]float64{{{1, 1}, {4, 1}, {4, 4}, {1, 4}}, {{2, 2}, {2, 5}, {5, 5}, {5, 2}}}, 14},
		{"wound twice", [][][2]float64{{{1, 1}, {4, 1}, {4, 4}, {1, 4}, {1, 1}, {4, 1}, {4, 4}, {1, 4}}}, 9},
		{"out of the grid", [][][2]float64{{{-100, -100}, {100, -100}, {100, 100}, {-100, 100}}}, 48},
		{"beside the grid", [][][2]float64{{{10, 0}, {20, 0}, {20, 5}}}, 0},
		{"far away", [][][2]float64{{{1e300, 0}, {2e300, 0}, {2e300, 5}}}, 0},
		{"enormous", [][][2]float64{{{-1e300, -1e300}, {1e300, -1e300}, {1e300, 1e300}, {-1e300, 1e300}}}, 48},
		{"not a number", [][][2]float64{{{1, 1}, {nan, 1}, {4, 4}, {1, 4}}}, 0},
		{"infinite", [][][2]float64{{{1, 1}, {inf, 1}, {4, 4}, {1, 4}}}, 0},
		{"narrower than a cell", [][][2]float64{{{1.6, 0}, {2.4, 0}, {2.4, 6}, {1.6, 6}}}, 0},
		{"triangle", [][][2]float64{{{0, 0}, {6, 0}, {0, 6}}}, 15},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mask.FromPolygons(g, c.rings).Area(); got != c.area {
				t.Errorf("%d cells, want %d", got, c.area)
			}
		})
	}
	if !mask.FromPolygons(mask.Grid{W: 4, H: 4}, [][][2]float64{{{0, 0}, {1, 0}, {0, 1}}}).Empty() {
		t.Error("a grid without a scale has cells")
	}
}
