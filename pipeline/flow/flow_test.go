package flow_test

import (
	"math"
	"slices"
	"testing"

	"outrider/pipeline"
	"outrider/pipeline/flow"
)

// noise is a smooth random value at a place, without period.
func noise(x, y float64) float64 {
	cell := func(i, j int) float64 {
		h := uint32(i)*0x9e3779b1 ^ uint32(j)*0x85ebca77
		h = (h ^ h>>15) * 0x2c1b3c6d
		h = (h ^ h>>12) * 0x297a2d39
		return float64(h>>16)/32768 - 1
	}
	i, j := math.Floor(x), math.Floor(y)
	fx, fy := x-i, y-j
	fx, fy = fx*fx*(3-2*fx), fy*fy*(3-2*fy)
	a, b := cell(int(i), int(j)), cell(int(i)+1, int(j))
	c, d := cell(int(i), int(j)+1), cell(int(i)+1, int(j)+1)
	return a + (b-a)*fx + (c-a)*fy + (a-b-c+d)*fx*fy
}

// texture is a pattern of w x h BGR pixels, moved by (dx, dy), zoomed about the middle and
// brighter by gain.
func texture(w, h int, dx, dy, zoom, gain float64) []byte {
	pix := make([]byte, 3*w*h)
	for y := range h {
		for x := range w {
			u, v := (float64(x)+.5-float64(w)/2-dx)/zoom, (float64(y)+.5-float64(h)/2-dy)/zoom
			g := byte(math.Max(0, math.Min(255, 110+30*noise(u/6, v/6)+40*noise(u/23, v/23)+gain)))
			i := 3 * (y*w + x)
			pix[i], pix[i+1], pix[i+2] = g, g, g
		}
	}
	return pix
}

func whole(w, h int) pipeline.Box { return pipeline.Box{X2: float64(w), Y2: float64(h)} }

func TestTrackShift(t *testing.T) {
	for _, size := range [][2]int{{320, 240}, {1100, 300}} {
		w, h := size[0], size[1]
		for _, c := range []struct{ dx, dy, zoom, gain float64 }{{0.3, -0.7, 1, 0}, {5.25, 3.5, 1, 20}, {-14, 9, 1, -10}, {2, 1, 1.03, 0}} {
			var a, b flow.Image
			a.Load(texture(w, h, 0, 0, 1, 0), w, h)
			b.Load(texture(w, h, c.dx, c.dy, c.zoom, c.gain), w, h)
			median, share := follow(t, &a, &b, &flow.Tracker{}, c.dx, c.dy, c.zoom)
			if share < 0.5 || median > 0.1 {
				t.Errorf("%v %+v: %.0f %% followed, median error %.3f px", size, c, 100*share, median)
			}
		}
	}
}

// follow returns the median error, pixels, of the points followed, and their share.
func follow(t *testing.T, a, b *flow.Image, tr *flow.Tracker, dx, dy, zoom float64) (median, share float64) {
	t.Helper()
	w, h := a.Size()
	from := a.Corners(nil, 32, whole(w, h))
	if len(from) < w*h/(32*32)/2 {
		t.Fatalf("%d corners", len(from))
	}
	to, ok := make([]pipeline.Point, len(from)), make([]bool, len(from))
	tr.Track(a, b, from, to, ok, false)
	var errs []float64
	for i, p := range from {
		if ok[i] {
			x := (p.X-float64(w)/2)*zoom + float64(w)/2 + dx
			y := (p.Y-float64(h)/2)*zoom + float64(h)/2 + dy
			errs = append(errs, math.Hypot(to[i].X-x, to[i].Y-y))
		}
	}
	if len(errs) == 0 {
		return math.Inf(1), 0
	}
	slices.Sort(errs)
	return errs[len(errs)/2], float64(len(errs)) / float64(len(from))
}

// TestAffine follows points of a picture that grows by a tenth, as near ground does.
func TestAffine(t *testing.T) {
	const w, h, zoom = 320, 240, 1.1
	var a, b flow.Image
	a.Load(texture(w, h, 0, 0, 1, 0), w, h)
	b.Load(texture(w, h, 0, 0, zoom, 0), w, h)
	plain, _ := follow(t, &a, &b, &flow.Tracker{}, 0, 0, zoom)
	affine, _ := follow(t, &a, &b, &flow.Tracker{Affine: true}, 0, 0, zoom)
	if affine > 0.08 || affine > plain/2 {
		t.Errorf("median error %.3f px with the affine step, %.3f without", affine, plain)
	}
}

func TestFlat(t *testing.T) {
	var a flow.Image
	a.Load(make([]byte, 3*64*48), 64, 48)
	if c := a.Corners(nil, 16, whole(64, 48)); len(c) != 0 {
		t.Errorf("a black frame has corners: %v", c)
	}
	var tr flow.Tracker
	from := []pipeline.Point{{X: 30, Y: 20}, {X: -5, Y: 3}, {X: math.NaN(), Y: 1}, {X: math.Inf(1), Y: 1}}
	to, ok := make([]pipeline.Point, len(from)), make([]bool, len(from))
	tr.Track(&a, &a, from, to, ok, false)
	for i := range ok {
		if ok[i] {
			t.Errorf("%v was followed", from[i])
		}
	}
	var b flow.Image
	b.Load(make([]byte, 3*32*32), 32, 32)
	ok[0] = true
	tr.Track(&a, &b, from, to, ok, false)
	if ok[0] {
		t.Error("frames of two sizes")
	}
	a.Load([]byte{1, 2, 3}, 1, 1)
	a.Corners(nil, 16, whole(1, 1))
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	pix := texture(320, 240, 0, 0, 1, 0)
	var a, b flow.Image
	var tr flow.Tracker
	var from []pipeline.Point
	to, ok := make([]pipeline.Point, 400), make([]bool, 400)
	if n := testing.AllocsPerRun(5, func() {
		a.Load(pix, 320, 240)
		b.Load(pix, 320, 240)
		from = a.Corners(from[:0], 24, whole(320, 240))
		tr.Track(&a, &b, from, to[:len(from)], ok[:len(from)], false)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLoad(b *testing.B) {
	pix := texture(1280, 720, 0, 0, 1, 0)
	var im flow.Image
	b.ReportAllocs()
	for range b.N {
		im.Load(pix, 1280, 720)
	}
}

func BenchmarkCorners(b *testing.B) {
	var im flow.Image
	im.Load(texture(640, 360, 0, 0, 1, 0), 640, 360)
	var c []pipeline.Point
	for range b.N {
		c = im.Corners(c[:0], 24, whole(640, 360))
	}
}

// BenchmarkTrack is one point, there and back.
func BenchmarkTrack(b *testing.B) {
	var x, y flow.Image
	x.Load(texture(640, 360, 0, 0, 1, 0), 640, 360)
	y.Load(texture(640, 360, 3, 2, 1, 0), 640, 360)
	from := x.Corners(nil, 24, whole(640, 360))
	to, ok := make([]pipeline.Point, len(from)), make([]bool, len(from))
	var tr flow.Tracker
	b.ResetTimer()
	for i := range b.N {
		k := i % len(from)
		tr.Track(&x, &y, from[k:k+1], to[k:k+1], ok[k:k+1], false)
	}
}
