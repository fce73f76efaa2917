package levels_test

import (
	"image"
	"math/rand/v2"
	"slices"
	"testing"

	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

func rects(g mask.Grid, rs ...image.Rectangle) []pipeline.Segment {
	out := make([]pipeline.Segment, len(rs))
	for i, r := range rs {
		m := mask.New(g, r)
		m.Fill(r)
		out[i] = pipeline.Segment{Mask: m, Parent: 99, Level: 99}
	}
	return out
}

func TestBuild(t *testing.T) {
	g := mask.FrameGrid(100, 100)
	for name, c := range map[string]struct {
		rects   []image.Rectangle
		parents []int
		levels  []int
	}{
		"nothing":      {nil, []int{}, []int{}},
		"alone":        {[]image.Rectangle{image.Rect(0, 0, 9, 9)}, []int{-1}, []int{0}},
		"three deep":   {[]image.Rectangle{image.Rect(4, 4, 6, 6), image.Rect(0, 0, 90, 90), image.Rect(2, 2, 20, 20)}, []int{2, -1, 1}, []int{2, 0, 1}},
		"siblings":     {[]image.Rectangle{image.Rect(0, 0, 50, 50), image.Rect(1, 1, 9, 9), image.Rect(20, 20, 29, 29)}, []int{-1, 0, 0}, []int{0, 1, 1}},
		"same twice":   {[]image.Rectangle{image.Rect(0, 0, 50, 50), image.Rect(0, 0, 50, 50)}, []int{-1, -1}, []int{0, 0}},
		"too alike":    {[]image.Rectangle{image.Rect(0, 0, 50, 50), image.Rect(0, 0, 50, 41)}, []int{-1, -1}, []int{0, 0}},
		"just unlike":  {[]image.Rectangle{image.Rect(0, 0, 50, 50), image.Rect(0, 0, 50, 40)}, []int{-1, 0}, []int{0, 1}},
		"sticks out":   {[]image.Rectangle{image.Rect(0, 0, 50, 50), image.Rect(40, 0, 60, 20)}, []int{-1, -1}, []int{0, 0}},
		"95 % inside":  {[]image.Rectangle{image.Rect(0, 0, 50, 50), image.Rect(31, 0, 51, 20)}, []int{-1, 0}, []int{0, 1}},
		"empty masks":  {[]image.Rectangle{image.Rect(0, 0, 50, 50), {}}, []int{-1, -1}, []int{0, 0}},
		"two parents":  {[]image.Rectangle{image.Rect(0, 0, 60, 60), image.Rect(0, 0, 30, 30), image.Rect(5, 5, 10, 10)}, []int{-1, 0, 1}, []int{0, 1, 2}},
		"equal parent": {[]image.Rectangle{image.Rect(5, 5, 10, 10), image.Rect(0, 0, 30, 30), image.Rect(0, 0, 30, 30)}, []int{1, -1, -1}, []int{1, 0, 0}},
	} {
		segs := rects(g, c.rects...)
		var tree levels.Tree
		for range 2 { // the second build reuses the memory
			tree.Build(segs)
			for i := range segs {
				if segs[i].Parent != c.parents[i] || segs[i].Level != c.levels[i] {
					t.Errorf("%s: segment %d has parent %d and level %d, want %d and %d", name, i, segs[i].Parent, segs[i].Level, c.parents[i], c.levels[i])
				}
			}
		}
	}
}

func randomSegments(r *rand.Rand, n int) []pipeline.Segment {
	var rs []image.Rectangle
	box := image.Rect(0, 0, 200, 200)
	for range n {
		x, y := box.Min.X+r.IntN(box.Dx()), box.Min.Y+r.IntN(box.Dy())
		b := image.Rect(x, y, x+1+r.IntN(box.Max.X-x), y+1+r.IntN(box.Max.Y-y))
		rs = append(rs, b)
		if r.IntN(3) > 0 && b.Dx() > 8 && b.Dy() > 8 {
			box = b // often a part of the last
		} else {
			box = image.Rect(0, 0, 200, 200)
		}
	}
	return rects(mask.FrameGrid(200, 200), rs...)
}

// Whatever the segments, a chain is ordered, nested, under the click and short.
func TestChainProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	deepest := 0
	for range 200 {
		segs := randomSegments(r, 30)
		for range 20 {
			x, y := r.Float64()*200, r.Float64()*200
			chain := levels.Chain(segs, x, y)
			deepest = max(deepest, len(chain))
			checkChain(t, segs, chain, x, y)
			under := slices.ContainsFunc(segs, func(s pipeline.Segment) bool { return s.Mask.At(x, y) })
			if under != (len(chain) > 0) {
				t.Fatalf("a segment under the click: %v, chain %v", under, chain)
			}
		}
	}
	if deepest < 4 {
		t.Errorf("the deepest chain has %d levels: the test says little", deepest)
	}
}

// checkChain checks what every chain promises.
func checkChain(t *testing.T, segs []pipeline.Segment, chain []int, x, y float64) {
	t.Helper()
	if len(chain) > levels.Max {
		t.Fatalf("%d levels", len(chain))
	}
	for n, i := range chain {
		if !segs[i].Mask.At(x, y) {
			t.Fatalf("level %d does not hold the click", n)
		}
		if n == 0 {
			continue
		}
		a, b := segs[chain[n-1]].Mask, segs[i].Mask
		if float64(a.Area()) > levels.MaxRatio*float64(b.Area()) {
			t.Fatalf("level %d has %d cells, level %d has %d", n-1, a.Area(), n, b.Area())
		}
	}
}

// Of a long chain the smallest and the largest stay, and the most different between.
func TestChainIsCut(t *testing.T) {
	var rs []image.Rectangle
	for _, side := range []int{4, 8, 10, 12, 40, 46, 100, 180} {
		rs = append(rs, image.Rect(0, 0, side, side))
	}
	segs := rects(mask.FrameGrid(200, 200), rs...)
	got := levels.Chain(segs, 1, 1)
	if !slices.Equal(got, []int{0, 1, 2, 4, 6, 7}) {
		t.Errorf("got %v", got)
	}
	if got := levels.Chain(segs, 199, 1); got != nil {
		t.Errorf("%v where nothing is", got)
	}
}

func TestBuildAllocations(t *testing.T) {
	segs := randomSegments(rand.New(rand.NewPCG(5, 6)), 100)
	var tree levels.Tree
	tree.Build(segs)
	if n := testing.AllocsPerRun(20, func() { tree.Build(segs) }); n > 0 {
		t.Errorf("%g allocations a build", n)
	}
}

func BenchmarkBuild100(b *testing.B) {
	segs := randomSegments(rand.New(rand.NewPCG(5, 6)), 100)
	var tree levels.Tree
	b.ReportAllocs()
	for b.Loop() {
		tree.Build(segs)
	}
}
