package mask_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"outrider/pipeline/mask"
)

// The strings were made with pycocotools 2.0.
var goldenRLE = []struct {
	name   string
	w, h   int
	has    func(x, y int) bool
	counts string
	runs   []uint32
}{
	{"empty", 7, 5, func(x, y int) bool { return false }, "S1", []uint32{35}},
	{"full", 7, 5, func(x, y int) bool { return true }, "0S1", []uint32{0, 35}},
	{"first pixel", 7, 5, func(x, y int) bool { return x == 0 && y == 0 }, "01R1", []uint32{0, 1, 34}},
	{"last pixel", 7, 5, func(x, y int) bool { return x == 6 && y == 4 }, "R11", []uint32{34, 1}},
	{"box", 7, 5, func(x, y int) bool { return x >= 2 && x < 5 && y >= 1 && y < 4 }, ";320009", []uint32{11, 3, 2, 3, 2, 3, 11}},
	{"chessboard", 6, 4, func(x, y int) bool { return (x+y)%2 == 1 }, "11110O10O10O10O10O0",
		[]uint32{1, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1}},
	{"whole columns", 3, 6, func(x, y int) bool { return x > 0 }, "6<", []uint32{6, 12}},
	{"big box", 1280, 720, func(x, y int) bool { return x >= 300 && x < 1000 && y >= 100 && y < 400 },
		"TQc6\\9T=" + strings.Repeat("0", 1397) + "lhT6", nil},
	{"ellipse", 100, 48, func(x, y int) bool {
		dx, dy := float64(x)-50.5, float64(y)-24
		return dx*dx/900+dy*dy/300 < 1
	}, "UP17W14M2M4M2O0O2N2N2O0O2O0O2O000O2O00000O2O0000000O2O0000000000000000000001N100000001N1000001N10001N101N101N2N2N101N3L3N3Lmk0", nil},
}

func TestRLEGolden(t *testing.T) {
	for _, c := range goldenRLE {
		t.Run(c.name, func(t *testing.T) {
			g := mask.FrameGrid(c.w, c.h)
			want := newNaive(g).each(c.has)
			m := mask.New(g, g.Bounds())
			want.each(func(x, y int) bool {
				if c.has(x, y) {
					m.Set(x, y)
				}
				return c.has(x, y)
			})
			r := m.RLE(c.w, c.h)
			if r.Counts != c.counts || r.Size != [2]int{c.h, c.w} {
				t.Errorf("got %v %q, want [%d %d] %q", r.Size, r.Counts, c.h, c.w, c.counts)
			}
			back, err := r.Mask()
			if err != nil {
				t.Fatal(err)
			}
			check(t, "decoded", back, want)
			runs, err := r.Runs()
			if err != nil || c.runs != nil && !slices.Equal(runs, c.runs) {
				t.Errorf("runs %v (%v), want %v", runs, err, c.runs)
			}
			packed, err := mask.EncodeRuns(c.w, c.h, runs)
			if err != nil || packed != r {
				t.Errorf("EncodeRuns gave %v (%v), want %v", packed, err, r)
			}
		})
	}
}

func TestRLEAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var e mask.Encoder
	for range 3000 {
		m := randomMask(r, randomGrid(r))
		w, h := 1+r.IntN(90), 1+r.IntN(30)
		if r.IntN(3) == 0 {
			w, h = m.Grid().W, m.Grid().H
		}
		want := toNaive(m).runs(w, h)
		if got := e.Runs(m, w, h); !slices.Equal(got, want) {
			t.Fatalf("grid %v on %dx%d: runs %v, want %v", m.Grid(), w, h, got, want)
		}
		code := e.RLE(m, w, h)
		if one := m.RLE(w, h); one != code {
			t.Fatalf("Mask.RLE gave %v, Encoder.RLE %v", one, code)
		}
		back, err := code.Mask()
		if err != nil {
			t.Fatalf("decode %v: %v", code, err)
		}
		// The decoded mask is the frame's pixels under the grid's cells.
		n := toNaive(m)
		check(t, "decoded", back, newNaive(mask.FrameGrid(w, h)).each(func(x, y int) bool {
			return n.at(float64(x)+.5, float64(y)+.5)
		}))
		if w, b := back.Window(), back.Bounds(); w.Min.X != b.Min.X || w.Max.X != b.Max.X {
			t.Fatalf("window %v of cells %v is wider than needed", w, b)
		}
	}
}

func TestRLEOfNothing(t *testing.T) {
	var zero mask.Mask
	if r := zero.RLE(7, 5); r.Counts != "S1" {
		t.Errorf("zero mask: %q, want the empty picture S1", r.Counts)
	}
	if r := mask.New(mask.FrameGrid(4, 4), mask.FrameGrid(4, 4).Bounds()).RLE(0, 5); r.Counts != "" {
		t.Errorf("frame of no width: %q, want nothing", r.Counts)
	}
}

func TestRLERefusesBadInput(t *testing.T) {
	for _, c := range []struct {
		name string
		r    mask.RLE
		want string // part of the message
	}{
		{"zero value", mask.RLE{}, "both positive"},
		{"negative side", mask.RLE{Size: [2]int{-5, 7}, Counts: "S1"}, "both positive"},
		{"huge", mask.RLE{Size: [2]int{1 << 20, 1 << 20}, Counts: "0"}, "above"},
		{"size that overflows", mask.RLE{Size: [2]int{1 << 62, 1 << 62}, Counts: "0"}, "above"},
		{"no counts", mask.RLE{Size: [2]int{5, 7}}, "add up"},
		{"too few", mask.RLE{Size: [2]int{5, 7}, Counts: "5"}, "add up to 5"},
		{"too many", mask.RLE{Size: [2]int{5, 6}, Counts: "S1"}, "add up to 35"},
		{"below the alphabet", mask.RLE{Size: [2]int{5, 7}, Counts: "S1/"}, "byte 2"},
		{"above the alphabet", mask.RLE{Size: [2]int{5, 7}, Counts: "\xff"}, "byte 0"},
		{"cut short", mask.RLE{Size: [2]int{5, 7}, Counts: "S"}, "run 0"},
		{"endless number", mask.RLE{Size: [2]int{5, 7}, Counts: "ooooooooooooooooo"}, "run 0"},
		{"negative run", mask.RLE{Size: [2]int{5, 7}, Counts: "O"}, "run 0 of counts is -1"},
		{"run that would overflow", mask.RLE{Size: [2]int{5, 7}, Counts: "000ooooo?"}, "not a COCO"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := c.r.Mask()
			if err == nil || m != nil {
				t.Fatalf("got mask %v, want an error", m)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
		})
	}
	if _, err := mask.EncodeRuns(7, 5, []uint32{1, 2}); err == nil {
		t.Error("EncodeRuns took runs that do not fill the picture")
	}
	if _, err := mask.EncodeRuns(1<<30, 1<<30, nil); err == nil {
		t.Error("EncodeRuns took a huge picture")
	}
}

func TestRLEJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want mask.RLE
	}{
		{`{"size":[5,7],"counts":";320009"}`, mask.RLE{Size: [2]int{5, 7}, Counts: ";320009"}},
		{`{"counts":[11,3,2,3,2,3,11],"size":[5,7]}`, mask.RLE{Size: [2]int{5, 7}, Counts: ";320009"}},
	} {
		var got mask.RLE
		if err := json.Unmarshal([]byte(c.in), &got); err != nil || got != c.want {
			t.Errorf("%s: got %v (%v), want %v", c.in, got, err, c.want)
		}
		out, err := json.Marshal(got)
		if err != nil || string(out) != `{"size":[5,7],"counts":";320009"}` {
			t.Errorf("marshalled as %s (%v)", out, err)
		}
	}
	for _, in := range []string{
		`[]`, `7`, `{"size":[5],"counts":""}`, `{"size":[5,7,1],"counts":""}`, `{"size":[5,7]}`, `{"size":[5,7],"counts":null}`,
		`{"size":[5,7],"counts":7}`, `{"size":[5,7],"counts":[1.5]}`, `{"size":[5,7],"counts":[-1,36]}`,
		`{"size":[5,7],"counts":[1,2]}`, `{"size":[5,7],"counts":"S1","more":1}`, `{"size":["5",7],"counts":"S1"}`,
	} {
		var got mask.RLE
		if err := json.Unmarshal([]byte(in), &got); err == nil {
			t.Errorf("%s was taken as %v", in, got)
		}
	}
}

// FuzzRLE feeds the decoder anything: it must answer with an error or with a mask whose
// encoding means the same.
func FuzzRLE(f *testing.F) {
	for _, c := range goldenRLE {
		f.Add(c.h, c.w, c.counts)
	}
	f.Add(1<<40, 1<<40, "0")
	f.Add(3, 3, "ooooooooo")
	f.Fuzz(func(t *testing.T, h, w int, counts string) {
		r := mask.RLE{Size: [2]int{h, w}, Counts: counts}
		if w > 0 && h > 0 && w > 1<<20/h {
			// Large pictures are slow to compare, not different.
			_, _ = r.Runs()
			return
		}
		m, err := r.Mask()
		if err != nil {
			return
		}
		area := uint32(0)
		runs, err := r.Runs()
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range runs {
			area += n * uint32(i&1)
		}
		if m.Area() != int(area) {
			t.Fatalf("area %d, the runs say %d", m.Area(), area)
		}
		again, err := m.RLE(w, h).Mask()
		if err != nil {
			t.Fatalf("own encoding does not decode: %v", err)
		}
		if n := mask.Intersection(m, again); n != m.Area() || n != again.Area() {
			t.Fatalf("own encoding decodes to another mask: %d of %d cells", n, m.Area())
		}
	})
}

// FuzzRLEJSON feeds the JSON reader anything.
func FuzzRLEJSON(f *testing.F) {
	f.Add([]byte(`{"size":[5,7],"counts":";320009"}`))
	f.Add([]byte(`{"size":[5,7],"counts":[11,3,2,3,2,3,11]}`))
	f.Add([]byte(`{"size":[5,7],"counts":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r mask.RLE
		if json.Unmarshal(b, &r) != nil {
			return
		}
		out, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back mask.RLE
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%s does not read back: %v", out, err)
		}
	})
}
