package flow_test

import (
	"math"
	"testing"

	"outrider/pipeline"
	"outrider/pipeline/flow"
)

// scene is a picture w x h of blobs, seen through m: what is at p in the world is at m(p).
func scene(t testing.TB, w, h int, m flow.Similarity) *pipeline.Frame {
	t.Helper()
	data := make([]byte, 3*w*h)
	back := m.Invert()
	for y := range h {
		for x := range w {
			p := back.Apply(pipeline.Point{X: float64(x), Y: float64(y)})
			v := byte(128 + 50*(grain(p, 9)+grain(p, 30)+grain(p, 100)))
			i := 3 * (y*w + x)
			data[i], data[i+1], data[i+2] = v, v, v
		}
	}
	f, err := pipeline.NewFrame("yard", w, h, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// grain is a smooth picture of random values in -0.5..0.5, size pixels apart.
func grain(p pipeline.Point, size float64) float64 {
	x, y := p.X/size, p.Y/size
	fx, fy := math.Floor(x), math.Floor(y)
	at := func(i, j float64) float64 {
		h := uint32(int32(fx+i))*0x9e3779b1 ^ uint32(int32(fy+j))*0x85ebca6b ^ uint32(size)
		h = (h ^ h>>15) * 0x2c1b3c6d
		h = (h ^ h>>12) * 0x297a2d39
		return float64(h>>8)/(1<<24) - 0.5
	}
	ax, ay := x-fx, y-fy
	ax, ay = ax*ax*(3-2*ax), ay*ay*(3-2*ay)
	return (at(0, 0)*(1-ax)+at(1, 0)*ax)*(1-ay) + (at(0, 1)*(1-ax)+at(1, 1)*ax)*ay
}

func turned(angle, scale, x, y float64) flow.Similarity {
	return flow.Similarity{A: scale * math.Cos(angle), B: scale * math.Sin(angle), TX: x, TY: y}
}

func TestCameraMotion(t *testing.T) {
	const w, h = 640, 360
	for name, m := range map[string]flow.Similarity{
		"pan":        turned(0, 1, -11.3, 3.7),
		"small step": turned(0, 1, 1.4, -0.8),
		"fast pan":   turned(0, 1, 44, 5),
		"roll":       turned(0.03, 1, 2, -9),
		"zoom":       turned(0, 1.04, -12, -7),
	} {
		f := &flow.Pair{}
		c := flow.Camera{Frames: f}
		f.Push(scene(t, w, h, flow.Identity))
		f.Push(scene(t, w, h, m))
		got, ok := c.Estimate(0.04)
		if !ok {
			t.Errorf("%s: no motion found", name)
			continue
		}
		for _, p := range []pipeline.Point{{X: 30, Y: 30}, {X: 600, Y: 40}, {X: 320, Y: 330}} {
			a, b := m.Apply(p), got.Apply(p)
			if d := math.Hypot(a.X-b.X, a.Y-b.Y); d > 0.75 {
				t.Errorf("%s: %v is taken %.2f pixels from where it went", name, p, d)
			}
		}
	}
}

func TestCameraAtRest(t *testing.T) {
	f := &flow.Pair{}
	c := flow.Camera{Frames: f}
	still := scene(t, 320, 240, flow.Identity)
	looks := 0
	step := func(frame *pipeline.Frame) bool {
		push, estimate := c.Look(0.1)
		if push {
			f.Push(frame)
		}
		if !estimate {
			return false
		}
		looks++
		_, ok := c.Estimate(0.1)
		return ok
	}
	for range 25 {
		if step(still) {
			t.Fatal("a still picture moved")
		}
	}
	looks = 0
	for range 100 {
		step(still)
	}
	if looks != 10 {
		t.Errorf("%d looks at 100 frames of a camera at rest, want 10", looks)
	}
	// It pans: seen at the next look, and from then on at every frame.
	moved := 0
	for k := range 20 {
		if step(scene(t, 320, 240, turned(0, 1, 3*float64(k+1), 0))) {
			moved++
		}
	}
	if moved < 10 {
		t.Errorf("motion in %d of 20 frames of a pan, want at least 10", moved)
	}
}

func TestPicturesThatSayNothing(t *testing.T) {
	blank := func(w, h int) *pipeline.Frame {
		f, err := pipeline.NewFrame("yard", w, h, make([]byte, 3*w*h))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := &flow.Pair{}
	c := flow.Camera{Frames: f}
	for _, size := range [][2]int{{1, 1}, {1, 1}, {7, 3}, {7, 3}, {2000, 2}, {2000, 2}, {640, 480}, {640, 480}} {
		f.Push(blank(size[0], size[1]))
		if _, ok := c.Estimate(0.04); ok {
			t.Errorf("%v: a blank picture moved", size)
		}
		for _, q := range f.Follow(nil, []pipeline.Point{{X: 3, Y: 3}, {X: -1e9, Y: 1e9}, {X: math.NaN()}}) {
			if !math.IsNaN(q.X) {
				t.Errorf("%v: a point of a blank picture was found at %v", size, q)
			}
		}
	}
	// Another size is another picture.
	f.Push(scene(t, 320, 240, flow.Identity))
	if f.Ready() {
		t.Error("frames of two sizes were compared")
	}
}

func TestObjectBeforeTheCamera(t *testing.T) {
	// A third of the points go elsewhere: the rest decide.
	var from, to []pipeline.Point
	m := turned(0.02, 1.01, 5, -3)
	for i := range 90 {
		p := pipeline.Point{X: float64(i*37%640) + 0.5, Y: float64(i * 91 % 360)}
		q := m.Apply(p)
		if i%3 == 0 {
			q = pipeline.Point{X: p.X + 40, Y: p.Y}
		}
		if i%10 == 9 {
			q = pipeline.Point{X: math.NaN(), Y: math.NaN()}
		}
		from, to = append(from, p), append(to, q)
	}
	got, n := flow.Fit(from, to, 1)
	if n < 50 || math.Abs(got.A-m.A) > 1e-6 || math.Abs(got.TX-m.TX) > 1e-4 {
		t.Errorf("%d agree on %+v, want %+v", n, got, m)
	}
	if s, n := flow.Fit(from[:1], to[:1], 1); n != 0 || s != flow.Identity {
		t.Errorf("one point: %+v, %d", s, n)
	}
}

func TestCameraAllocatesNothing(t *testing.T) {
	f := &flow.Pair{}
	c := flow.Camera{Frames: f}
	a, b := scene(t, 640, 360, flow.Identity), scene(t, 640, 360, turned(0, 1, 5, 2))
	step := func() {
		f.Push(a)
		c.Estimate(0.04)
		f.Push(b)
		c.Estimate(0.04)
	}
	step()
	if n := testing.AllocsPerRun(5, step); n != 0 {
		t.Errorf("%v allocations for two frames", n)
	}
}

func BenchmarkCamera(b *testing.B) {
	f := &flow.Pair{}
	c := flow.Camera{Frames: f}
	frames := []*pipeline.Frame{scene(b, 1280, 720, flow.Identity), scene(b, 1280, 720, turned(0, 1, 9, 4))}
	k := 0
	for b.Loop() {
		f.Push(frames[k%2])
		c.Estimate(0.04)
		k++
	}
}
