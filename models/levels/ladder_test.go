package levels_test

import (
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// walk shows a ladder frames of nested rectangles: a head in a person in a group, say.
type walk struct {
	t      *testing.T
	ladder levels.Ladder
	now    time.Time
}

func newWalk(t *testing.T) *walk {
	return &walk{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// frame shows rectangles, a tenth of a second after the last one.
func (w *walk) frame(x, y float64, rs ...image.Rectangle) []pipeline.Level {
	w.now = w.now.Add(100 * time.Millisecond)
	r := &pipeline.Result{Frame: &pipeline.Frame{Captured: w.now}, Segments: rects(mask.FrameGrid(200, 200), rs...)}
	out := w.ladder.Step(r, pipeline.Point{X: x, Y: y})
	checkLevels(w.t, w.ladder.Levels(), x, y)
	return out
}

// checkLevels checks what every list of levels promises: few, strictly nested, ordered by
// area, and all of them under the point.
func checkLevels(t *testing.T, ls []pipeline.Level, x, y float64) {
	t.Helper()
	if len(ls) > levels.Max {
		t.Fatalf("%d levels", len(ls))
	}
	for i, l := range ls {
		if l.Level != i || !l.Mask.At(x, y) {
			t.Fatalf("level %d has number %d; it holds the point: %v", i, l.Level, l.Mask.At(x, y))
		}
		if i > 0 && (mask.Containment(ls[i-1].Mask, l.Mask) != 1 || ls[i-1].Area >= l.Area) {
			t.Fatalf("level %d (area %g) does not lie inside level %d (%g)", i-1, ls[i-1].Area, i, l.Area)
		}
	}
}

func keys(ls []pipeline.Level) []uint64 {
	var out []uint64
	for _, l := range ls {
		out = append(out, l.Key)
	}
	return out
}

// square is a rectangle of a side around (x, y).
func square(x, y, side int) image.Rectangle {
	return image.Rect(x-side/2, y-side/2, x+side/2, y+side/2)
}

func TestLadderKeepsKeys(t *testing.T) {
	w := newWalk(t)
	head, person, group := 10, 30, 80
	first := keys(w.frame(100, 100, square(100, 100, head), square(100, 100, person), square(100, 100, group)))
	if len(first) != 3 {
		t.Fatalf("levels %v, want three at once", first)
	}
	// It moves, and the middle is missing for a while.
	for i := 1; i <= 10; i++ {
		x := 100 + 3*i
		ls := w.frame(float64(x), 100, square(x, 100, head), square(x, 100, group))
		if k := keys(ls); len(k) != 3 || k[0] != first[0] || k[1] != first[1] || k[2] != first[2] {
			t.Fatalf("frame %d: levels %v, want %v", i, k, first)
		}
		if !ls[0].Seen || ls[1].Seen || !ls[2].Seen || ls[1].Segment != -1 || ls[2].Segment != 1 {
			t.Fatalf("frame %d: %+v", i, ls)
		}
		if c := ls[1].Box.Center(); c.X != float64(x) {
			t.Errorf("frame %d: the unseen level is at %v, the object at %d", i, c, x)
		}
	}
	if k := keys(w.frame(130, 100, square(130, 100, head), square(130, 100, person), square(130, 100, group))); k[1] != first[1] {
		t.Errorf("the middle came back as %d, want %d", k[1], first[1])
	}
	// Two seconds later it is forgotten.
	var ls []pipeline.Level
	for range 25 {
		ls = w.frame(130, 100, square(130, 100, head), square(130, 100, group))
	}
	if k := keys(ls); len(k) != 2 || k[0] != first[0] || k[1] != first[2] {
		t.Errorf("levels %v, want %d and %d", k, first[0], first[2])
	}
}

// A single wrong cut is no level; one that stays becomes one, and the others keep their keys.
func TestLadderTakesNewcomersSlowly(t *testing.T) {
	w := newWalk(t)
	base := []image.Rectangle{square(100, 100, 10), square(100, 100, 80)}
	first := keys(w.frame(100, 100, base...))
	if n := len(w.frame(100, 100, append(base, square(100, 100, 40))...)); n != 2 {
		t.Fatalf("%d levels after one wrong cut", n)
	}
	w.frame(100, 100, base...)
	var ls []pipeline.Level
	for range 3 {
		ls = w.frame(100, 100, append(base, square(100, 100, 40))...)
	}
	if k := keys(ls); len(k) != 3 || k[0] != first[0] || k[2] != first[1] || k[1] == first[0] || k[1] == first[1] {
		t.Errorf("levels %v, want a new one between %v", k, first)
	}
}

// All pairs are matched at once: a greedy choice would give the new middle the wrong key.
func TestLadderMatchesTogether(t *testing.T) {
	w := newWalk(t)
	first := keys(w.frame(100, 100, square(100, 100, 40), square(100, 100, 60)))
	// 40 became 50 and 60 became 70: alone, 50 is as near to 60 (0.69) as to 40 (0.64).
	got := keys(w.frame(100, 100, square(100, 100, 50), square(100, 100, 70)))
	if len(got) != 2 || got[0] != first[0] || got[1] != first[1] {
		t.Errorf("levels %v, want %v", got, first)
	}
}

// Whatever the segments, levels are few, nested, ordered and under the point.
func TestLadderProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	most := 0
	for range 40 {
		w := newWalk(t)
		var rs []image.Rectangle
		for range 10 {
			rs = append(rs, square(100, 100, 4+2*r.IntN(98)))
		}
		for range 30 {
			k := r.IntN(len(rs))
			if r.IntN(3) == 0 {
				rs[k] = square(100, 100, 4+2*r.IntN(98))
			}
			from := r.IntN(len(rs))
			most = max(most, len(w.frame(100, 100, rs[from:]...)))
		}
		w.ladder.Reset()
		if n := len(w.frame(5, 5)); n != 0 {
			t.Fatalf("%d levels of nothing", n)
		}
	}
	if most < 4 {
		t.Errorf("at most %d levels: the test says little", most)
	}
}

func TestLadderAllocations(t *testing.T) {
	r := &pipeline.Result{Frame: &pipeline.Frame{}, Segments: randomSegments(rand.New(rand.NewPCG(5, 6)), 100)}
	var l levels.Ladder
	at := pipeline.Point{X: 100, Y: 100}
	for range 3 {
		l.Step(r, at)
	}
	if n := testing.AllocsPerRun(20, func() { l.Step(r, at) }); n > 0 {
		t.Errorf("%g allocations a step", n)
	}
}
