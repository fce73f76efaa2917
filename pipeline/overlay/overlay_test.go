package overlay_test

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/overlay"
)

var update = flag.Bool("update", false, "write the golden pictures anew")

var clock = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// background is a picture with dark, bright and coloured parts.
func background(w, h int) []byte {
	pix := make([]byte, 3*w*h)
	for y := range h {
		for x := range w {
			i := 3 * (y*w + x)
			pix[i] = byte(40 + 180*x/w)
			pix[i+1] = byte(60 + 150*y/h)
			pix[i+2] = byte(90 + 60*((x*16/w+y*9/h)%2))
		}
	}
	return pix
}

// shape is the mask of what has holds, on a 160 x 90 grid over a 640 x 360 frame.
func shape(has func(x, y float64) bool) *mask.Mask {
	g := mask.Grid{W: 160, H: 90, SX: 4, SY: 4}
	m := mask.New(g, g.Bounds())
	for y := range g.H {
		for x := range g.W {
			if has(4*float64(x)+2, 4*float64(y)+2) {
				m.Set(x, y)
			}
		}
	}
	return m
}

func disc(cx, cy, r, hole float64) *mask.Mask {
	return shape(func(x, y float64) bool {
		d := math.Hypot(x-cx, y-cy)
		return d < r && d >= hole
	})
}

// boxed sets the track's box from its mask.
func boxed(t pipeline.Track) pipeline.Track {
	t.Box.X1, t.Box.Y1, t.Box.X2, t.Box.Y2 = t.Mask.FrameBounds()
	return t
}

// scene is a 640 x 360 result i tenths of a second after the clock's beginning.
func scene(t testing.TB, i int) *pipeline.Result {
	f, err := pipeline.NewFrame("yard", 640, 360, make([]byte, 3*640*360))
	if err != nil {
		t.Fatal(err)
	}
	f.Captured = clock.Add(time.Duration(i) * 100 * time.Millisecond)
	r := pipeline.NewResult(f)
	dx := 3 * float64(i)
	f2 := func(v float64) *float64 { return &v }
	r.Tracks = []pipeline.Track{
		boxed(pipeline.Track{ID: 1, State: pipeline.Confirmed, Observed: true, Label: "person", Score: .83, Mask: disc(40+dx, 150, 40, 0)}),
		boxed(pipeline.Track{ID: 10, State: pipeline.Confirmed, Observed: true, Label: "ring with a hole", Score: .5, Mask: disc(300, 110, 60, 25)}),
		boxed(pipeline.Track{ID: 20, State: pipeline.Confirmed, Observed: true, Score: 1, Mask: disc(300, 110, 20, 0)}),
		{ID: 3, State: pipeline.Confirmed, Label: "predicted", Score: .4, Box: pipeline.Box{X1: 420, Y1: 60, X2: 500, Y2: 180}},
		{ID: 4, State: pipeline.Lost, Label: "bag", LastSeen: f.Captured.Add(-4 * time.Second), Box: pipeline.Box{X1: 540, Y1: 5, X2: 620, Y2: 90}},
		{ID: 5, State: pipeline.Confirmed, Observed: true, Label: "at the very edge of the picture", Score: .7, Box: pipeline.Box{X1: 600, Y1: 300, X2: 700, Y2: 400}},
		{ID: 6, State: pipeline.Ended, Label: "ended", Box: pipeline.Box{X1: 10, Y1: 10, X2: 60, Y2: 60}},
	}
	for k := range 8 { // a crowd whose pills collide
		r.Tracks = append(r.Tracks, pipeline.Track{
			ID: 30 + uint64(k), State: pipeline.Confirmed, Observed: true, Label: "crowd", Score: .9,
			Box: pipeline.Box{X1: 60 + 12*float64(k), Y1: 240, X2: 100 + 12*float64(k), Y2: 300},
		})
	}
	r.Obstacles = []pipeline.Obstacle{
		{TrackID: 10, Contact: pipeline.Point{X: 300, Y: 170}, Distance: f2(23.2), DistanceLo: f2(20), DistanceHi: f2(27), TTC: f2(1.94), Level: 4},
		{TrackID: 3, Contact: pipeline.Point{X: 460, Y: 180}, Distance: f2(57), DistanceLo: f2(42), Level: 2},
		{TrackID: 1, Contact: pipeline.Point{X: 40 + dx, Y: 190}, Level: 1},
	}
	return r
}

// golden compares a picture with testdata/name.png.
func golden(t *testing.T, name string, pix []byte, w, h int) {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		img.SetNRGBA(i%w, i/w, color.NRGBA{pix[3*i+2], pix[3*i+1], pix[3*i], 255})
	}
	path := filepath.Join("testdata", name+".png")
	if *update {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if want.Bounds() != img.Bounds() {
		t.Fatalf("%s is %v, want %v", path, want.Bounds(), img.Bounds())
	}
	// Other processors may round floating point otherwise: a few pixels may be a little off.
	off, worst := 0, 0
	for i := range w * h {
		c := color.NRGBAModel.Convert(want.At(i%w, i/w)).(color.NRGBA)
		d := max(diff(c.R, pix[3*i+2]), diff(c.G, pix[3*i+1]), diff(c.B, pix[3*i]))
		if d > 2 {
			off++
		}
		worst = max(worst, d)
	}
	if off > w*h/2000 {
		t.Errorf("%d pixels differ from %s, the worst by %d; look at it after -update", off, path, worst)
	}
}

func diff(a, b byte) int { return max(int(a)-int(b), int(b)-int(a)) }

func TestGoldenTracks(t *testing.T) {
	var p overlay.Painter
	pix := background(640, 360)
	for i := range 40 { // the trails need a past
		copy(pix, background(640, 360))
		p.Draw(pix, 640, 360, scene(t, i))
	}
	golden(t, "tracks", pix, 640, 360)
}

// counts are a zone with a hole and two lines, one of which was just crossed.
func counts() *pipeline.Counts {
	z := pipeline.ZoneCount{Zone: pipeline.Zone{ID: "drive"}, Inside: 2, Outline: [][]pipeline.Point{
		{{X: 40, Y: 60}, {X: 300, Y: 60}, {X: 260, Y: 330}, {X: 40, Y: 330}}, {{X: 100, Y: 120}, {X: 160, Y: 120}, {X: 130, Y: 180}},
	}}
	l := pipeline.LineCount{Line: pipeline.Line{ID: "door"}, In: 3, Out: 1, Ends: [2]pipeline.Point{{X: 350, Y: 200}, {X: 600, Y: 240}}}
	m := pipeline.LineCount{Line: pipeline.Line{ID: "exit"}, Out: 12, Ends: [2]pipeline.Point{{X: 500, Y: 340}, {X: 500, Y: 60}}, Last: clock}
	return &pipeline.Counts{Zones: []pipeline.ZoneCount{z}, Lines: []pipeline.LineCount{l, m}}
}

func TestGoldenPlaces(t *testing.T) {
	var p overlay.Painter
	pix := background(640, 360)
	r := scene(t, 5)
	r.Tracks, r.Obstacles = r.Tracks[:0], r.Obstacles[:0]
	r.Counts = counts()
	p.Draw(pix, 640, 360, r)
	golden(t, "places", pix, 640, 360)
	// Zones and lines can be switched off, and broken ones harm nothing.
	p.Layers = overlay.DefaultLayers &^ overlay.Places
	off := background(640, 360)
	p.Draw(off, 640, 360, r)
	if !bytes.Equal(off, background(640, 360)) {
		t.Error("places are drawn with their layer off")
	}
	p.Layers = 0
	nan := math.NaN()
	r.Counts.Zones[0].Outline[0][1].X, r.Counts.Zones[0].Outline[1] = nan, nil
	r.Counts.Lines[0].Ends[0], r.Counts.Lines[1].Ends[1] = pipeline.Point{X: nan, Y: math.Inf(1)}, r.Counts.Lines[1].Ends[0]
	p.Draw(pix, 640, 360, r)
}

func TestGoldenScaled(t *testing.T) {
	p := overlay.Painter{Layers: overlay.Masks | overlay.Labels}
	pix := background(960, 300)
	p.Draw(pix, 960, 300, scene(t, 10))
	golden(t, "scaled", pix, 960, 300)
}

// pieces are segments within segments.
func pieces() []pipeline.Segment {
	var out []pipeline.Segment
	for _, m := range []*mask.Mask{
		shape(func(x, y float64) bool { return y > 200-.1*x }), disc(200, 150, 60, 0), disc(200, 150, 20, 0),
		disc(420, 170, 90, 50), disc(500, 60, 30, 0), disc(560, 60, 30, 0),
		shape(func(x, y float64) bool { return x < 100 && y < 120 }), {},
	} {
		out = append(out, pipeline.Segment{Mask: m, Score: 1, Parent: -1})
	}
	return out
}

func TestGoldenSegments(t *testing.T) {
	var p overlay.Painter
	pix := background(640, 360)
	p.DrawSegments(pix, 640, 360, pieces(), 640, 360)
	golden(t, "segments", pix, 640, 360)
}

func TestDrawDoesNothingWithoutGround(t *testing.T) {
	var p overlay.Painter
	r := scene(t, 0)
	small := make([]byte, 100)
	for _, c := range []struct {
		pix  []byte
		w, h int
		r    *pipeline.Result
	}{
		{nil, 640, 360, r}, {small, 640, 360, r}, {small, 0, 5, r}, {small, 5, 0, r}, {small, -1, 5, r},
		{small, math.MaxInt, math.MaxInt, r}, {small, 5, 5, nil}, {small, 5, 5, &pipeline.Result{}},
	} {
		p.Draw(c.pix, c.w, c.h, c.r)
		p.DrawSegments(c.pix, c.w, c.h, pieces(), 0, 0)
	}
	if !bytes.Equal(small, make([]byte, 100)) {
		t.Error("something was drawn")
	}
}

// TestDrawStaysInThePicture draws what no frame should hold, in pictures of any size, between
// guard bytes.
func TestDrawStaysInThePicture(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	r := scene(t, 3)
	far := disc(100, 100, 50, 0)
	for i, b := range []pipeline.Box{
		{X1: -1e9, Y1: -1e9, X2: 1e9, Y2: 1e9}, {X1: nan, Y1: nan, X2: nan, Y2: nan}, {X1: -inf, Y1: -inf, X2: inf, Y2: inf},
		{X1: 50, Y1: 50, X2: 10, Y2: 10}, {X1: 639, Y1: 359, X2: 640, Y2: 360}, {X1: 1e300, Y1: 0, X2: 2e300, Y2: 5}, {},
	} {
		for _, m := range []*mask.Mask{nil, far, {}} {
			for _, s := range []pipeline.TrackState{pipeline.Confirmed, pipeline.Lost} {
				r.Tracks = append(r.Tracks, pipeline.Track{ID: uint64(100 + i), State: s, Observed: m != nil, Box: b, Mask: m, Label: "\xff人"})
			}
		}
		r.Obstacles = append(r.Obstacles, pipeline.Obstacle{TrackID: uint64(100 + i), Contact: pipeline.Point{X: b.X2, Y: b.Y2}, Level: pipeline.WarningLevel(i), TTC: &inf, Distance: &nan})
	}
	r.Segments = pieces()
	p := overlay.Painter{Layers: overlay.DefaultLayers | overlay.Segments}
	for _, s := range [][2]int{{1, 1}, {3, 200}, {200, 3}, {17, 9}, {64, 36}, {640, 360}, {1300, 700}} {
		n := 3 * s[0] * s[1]
		buf := bytes.Repeat([]byte{77}, n+20)
		p.Draw(buf[10:10+n], s[0], s[1], r)
		if !bytes.Equal(buf[:10], bytes.Repeat([]byte{77}, 10)) || !bytes.Equal(buf[10+n:], buf[:10]) {
			t.Errorf("%dx%d: drew beyond the picture", s[0], s[1])
		}
	}
}

func TestLayers(t *testing.T) {
	plain := background(640, 360)
	draw := func(l overlay.Layers, r *pipeline.Result) []byte {
		p := overlay.Painter{Layers: l}
		pix := background(640, 360)
		p.Draw(pix, 640, 360, r)
		return pix
	}
	r := scene(t, 0)
	r.Segments = pieces()
	seen := map[string]overlay.Layers{}
	for _, l := range []overlay.Layers{overlay.Segments, overlay.Masks, overlay.Labels, overlay.Obstacles} {
		pix := draw(l, r)
		if bytes.Equal(pix, plain) {
			t.Errorf("layer %b draws nothing", l)
		}
		if other, ok := seen[string(pix)]; ok {
			t.Errorf("layers %b and %b draw the same", l, other)
		}
		seen[string(pix)] = l
	}
	if !bytes.Equal(draw(0, r), draw(overlay.DefaultLayers, r)) {
		t.Error("the zero value draws other layers than the default ones")
	}
	empty := scene(t, 0)
	empty.Tracks, empty.Obstacles = nil, nil
	if !bytes.Equal(draw(0, empty), plain) {
		t.Error("a result without tracks changes the picture")
	}
}

// TestMaskIsTinted: inside an observed mask the picture moves 30 % towards the colour, and the
// object stays visible.
func TestMaskIsTinted(t *testing.T) {
	p := overlay.Painter{Layers: overlay.Masks}
	r := scene(t, 0)
	pix, plain := background(640, 360), background(640, 360)
	p.Draw(pix, 640, 360, r)
	c := overlay.TrackColor(1)
	i := 3 * (150*640 + 40) // the middle of track 1
	for k, want := range [3]float64{
		.7*float64(plain[i]) + .3*float64(c.B), .7*float64(plain[i+1]) + .3*float64(c.G), .7*float64(plain[i+2]) + .3*float64(c.R),
	} {
		if got := float64(pix[i+k]); math.Abs(got-want) > 2 {
			t.Errorf("channel %d is %g, want %g", k, got, want)
		}
	}
	i = 3 * (120*640 + 460) // the middle of the predicted track
	if !bytes.Equal(pix[i:i+3], plain[i:i+3]) {
		t.Error("a predicted track is filled")
	}
}

// TestTrailsForget: trails end with their stream, and after five seconds.
func TestTrailsForget(t *testing.T) {
	draw := func(p *overlay.Painter, r *pipeline.Result) []byte {
		pix := background(640, 360)
		p.Draw(pix, 640, 360, r)
		return pix
	}
	bare := scene(t, 200)
	bare.Obstacles = nil
	fresh := draw(&overlay.Painter{Layers: overlay.Trails}, bare)
	for name, change := range map[string]func(r *pipeline.Result){
		"same stream":  func(r *pipeline.Result) {},
		"epoch":        func(r *pipeline.Result) { r.Frame.Epoch++ },
		"camera":       func(r *pipeline.Result) { r.Frame.Camera = "gate" },
		"back in time": func(r *pipeline.Result) { r.Frame.Captured = clock.Add(-time.Hour) },
		"later":        func(r *pipeline.Result) { r.Frame.Captured = clock.Add(time.Hour) },
	} {
		p := &overlay.Painter{Layers: overlay.Trails}
		for i := 180; i < 200; i++ {
			draw(p, scene(t, i))
		}
		r := scene(t, 200)
		change(r)
		if kept := !bytes.Equal(draw(p, r), fresh); kept != (name == "same stream") {
			t.Errorf("%s: trail kept is %v", name, kept)
		}
	}
}

func TestDrawDoesNotAllocate(t *testing.T) {
	p := overlay.Painter{Layers: overlay.DefaultLayers | overlay.Segments}
	r := scene(t, 0)
	r.Segments = pieces()
	r.Counts = counts()
	pix := background(640, 360)
	draw := func() {
		r.Frame.Captured = r.Frame.Captured.Add(40 * time.Millisecond)
		p.Draw(pix, 640, 360, r)
	}
	for range 140 {
		draw()
	}
	if n := testing.AllocsPerRun(10, draw); n != 0 {
		t.Errorf("Draw allocates %v times a frame", n)
	}
}
