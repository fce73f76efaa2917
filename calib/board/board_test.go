package board_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"outrider/calib"
	"outrider/calib/board"
	"outrider/pipeline"
)

// golden is corners that OpenCV 4.6 found in the 20 boards of CarND (MIT) and what its
// calibrateCamera and fisheye::calibrate made of them.
type golden struct {
	Subpix, Rational, Fisheye struct {
		RMS, FX, FY, CX, CY float64
		D                   []float64
	}
	Views []struct {
		Name    string
		Corners [][2]float64
	}
}

func carnd(t testing.TB) (golden, []board.View) {
	t.Helper()
	data, err := os.ReadFile("testdata/carnd.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	var views []board.View
	for _, v := range g.Views {
		w := board.View{Name: v.Name}
		for _, c := range v.Corners { // OpenCV counts from the centre of the first pixel
			w.Corners = append(w.Corners, pipeline.Point{X: c[0] + .5, Y: c[1] + .5})
		}
		views = append(views, w)
	}
	return g, views
}

// TestCarND holds RMS, focal length and centre to OpenCV's calibrateCamera: one part in a
// thousand is asked for.
func TestCarND(t *testing.T) {
	g, views := carnd(t)
	r, err := board.Calibrate(views, board.Options{Pattern: board.Pattern{Columns: 9, Rows: 6, Square: 1}, Width: 1280, Height: 720, KeepAll: true, Bootstrap: -1})
	if err != nil {
		t.Fatal(err)
	}
	in, want := r.Intrinsics, g.Subpix
	for name, v := range map[string][2]float64{"rms": {r.RMS, want.RMS}, "fx": {in.FX, want.FX}, "fy": {in.FY, want.FY}, "cx": {in.CX - .5, want.CX}, "cy": {in.CY - .5, want.CY}} {
		if math.Abs(v[0]/v[1]-1) > 2e-5 {
			t.Errorf("%s = %v, OpenCV has %v", name, v[0], v[1])
		}
	}
	for i, d := range want.D {
		if math.Abs(in.D[i]-d) > 2e-4 {
			t.Errorf("coefficient %d = %v, OpenCV has %v", i+1, in.D[i], d)
		}
	}
	t.Logf("rms %.6f (OpenCV %.6f), f %.4f %.4f (%.4f %.4f)", r.RMS, want.RMS, in.FX, in.FY, want.FX, want.FY)
}

// TestCarNDOtherModels: the longer models fit no worse than OpenCV's fits of them.
func TestCarNDOtherModels(t *testing.T) {
	g, views := carnd(t)
	for model, want := range map[calib.Model]float64{calib.Rational: g.Rational.RMS, calib.Equidistant: g.Fisheye.RMS} {
		r, err := board.Calibrate(views, board.Options{Pattern: board.Pattern{Columns: 9, Rows: 6, Square: 1}, Width: 1280, Height: 720, Model: model, KeepAll: true, Bootstrap: -1})
		if err != nil {
			t.Errorf("%s: %v", model, err)
			continue
		}
		if r.RMS > want*1.001 {
			t.Errorf("%s: rms %v, OpenCV reached %v", model, r.RMS, want)
		}
		t.Logf("%s: rms %.6f (OpenCV %.6f) f %.2f %.2f", model, r.RMS, want, r.Intrinsics.FX, r.Intrinsics.FY)
	}
}

// shots are views of a synthetic board by a known lens, with noise.
func shots(t testing.TB, in calib.Intrinsics, p board.Pattern, n int, noise float64, r *rand.Rand) []board.View {
	t.Helper()
	cam, err := calib.New(in)
	if err != nil {
		t.Fatal(err)
	}
	var views []board.View
	for len(views) < n {
		// A board somewhere in sight, tilted up to 45 degrees each way.
		w := [3]float64{(r.Float64() - .5) * 1.5, (r.Float64() - .5) * 1.5, (r.Float64() - .5) * 0.6}
		z := float64(p.Columns) * p.Square * (0.9 + 1.2*r.Float64()) * math.Min(in.FX/float64(in.Width), 1) * 1.3
		x, y := (r.Float64()-.5)*z*float64(in.Width)/in.FX*0.7, (r.Float64()-.5)*z*float64(in.Height)/in.FY*0.7
		v := board.View{Name: fmt.Sprintf("shot%d", len(views))}
		a, b, c := w[0], w[1], w[2]
		sa, ca := math.Sincos(a)
		sb, cb := math.Sincos(b)
		sc, cc := math.Sincos(c)
		ok := true
		for row := range p.Rows {
			for col := range p.Columns {
				u, s := (float64(col)-float64(p.Columns-1)/2)*p.Square, (float64(row)-float64(p.Rows-1)/2)*p.Square
				u, s = cc*u-sc*s, sc*u+cc*s
				px, py, pz := cb*u, ca*s+sa*sb*u, sa*s-ca*sb*u
				q, inside := cam.Project(px+x, py+y, pz+z)
				ok = ok && inside && q.X > 0 && q.Y > 0 && q.X < float64(in.Width) && q.Y < float64(in.Height)
				v.Corners = append(v.Corners, pipeline.Point{X: q.X + noise*r.NormFloat64(), Y: q.Y + noise*r.NormFloat64()})
			}
		}
		if ok {
			views = append(views, v)
		}
	}
	return views
}

var (
	pattern = board.Pattern{Columns: 9, Rows: 6, Square: 0.025}
	lenses  = map[string]calib.Intrinsics{
		"plumb_bob": {Width: 1280, Height: 720, FX: 1000, FY: 1004, CX: 652, CY: 351, Model: calib.PlumbBob, D: [8]float64{-0.28, 0.09, 0.0006, -0.0004, -0.01}},
		"fisheye":   {Width: 1280, Height: 960, FX: 600, FY: 601, CX: 631, CY: 487, Model: calib.Equidistant, D: [8]float64{-0.012, 0.004, -0.003, 0.0005}},
		"rational":  {Width: 1920, Height: 1080, FX: 1300, FY: 1300, CX: 955, CY: 545, Model: calib.Rational, D: [8]float64{0.6, 0.1, 1e-4, -5e-5, 0.01, 0.9, 0.3, 0.02}},
	}
)

// TestSyntheticBoards holds the contract's row: RMS at most 0.3 px and the focal length within
// 0.5 %, for every lens, with corners found to a tenth of a pixel; and the spread told is honest.
func TestSyntheticBoards(t *testing.T) {
	for name, in := range lenses {
		r := rand.New(rand.NewPCG(5, 6))
		got, err := board.Calibrate(shots(t, in, pattern, 18, 0.1, r), board.Options{Pattern: pattern, Width: in.Width, Height: in.Height, Model: in.Model, Bootstrap: 15})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g := got.Intrinsics
		t.Logf("%s: rms %.3f f %.2f±%.2f %.2f±%.2f c %.2f±%.2f %.2f±%.2f coverage %.2f %q", name, got.RMS, g.FX, got.FX, g.FY, got.FY, g.CX, got.CX, g.CY, got.CY, got.Coverage.Share, got.Coverage.Missing)
		if got.RMS > 0.15 || math.Abs(g.FX/in.FX-1) > 0.002 || math.Abs(g.FY/in.FY-1) > 0.002 || got.Used != 18 {
			t.Errorf("%s: rms %v, f %v %v, %d views used", name, got.RMS, g.FX, g.FY, got.Used)
		}
		for what, v := range map[string][2]float64{"fx": {g.FX - in.FX, got.FX}, "fy": {g.FY - in.FY, got.FY}, "cx": {g.CX - in.CX, got.CX}, "cy": {g.CY - in.CY, got.CY}} {
			if !(v[1] > 0) || math.Abs(v[0]) > 5*v[1]+0.05 {
				t.Errorf("%s: %s is off by %v, the spread told is %v", name, what, v[0], v[1])
			}
		}
	}
}

func TestOutlierViewsAreDropped(t *testing.T) {
	in := lenses["plumb_bob"]
	r := rand.New(rand.NewPCG(9, 9))
	views := shots(t, in, pattern, 12, 0.1, r)
	for i := range views[4].Corners { // the board was bent, or the hand shook
		views[4].Corners[i].X += 3 * r.NormFloat64()
	}
	got, err := board.Calibrate(views, board.Options{Pattern: pattern, Width: in.Width, Height: in.Height, Bootstrap: -1})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got.Views {
		if v.Dropped != (i == 4) {
			t.Errorf("view %d: %+v", i, v)
		}
	}
	if got.Used != 11 || got.RMS > 0.15 || got.Views[4].RMS < 1 || got.FX != -1 {
		t.Errorf("%+v", got)
	}
}

func TestRefusals(t *testing.T) {
	in := lenses["plumb_bob"]
	r := rand.New(rand.NewPCG(2, 3))
	good := shots(t, in, pattern, 4, 0, r)
	line := board.View{Name: "edge on"}
	for i := range 54 {
		line.Corners = append(line.Corners, pipeline.Point{X: float64(100 + i), Y: float64(100 + i)})
	}
	short := board.View{Name: "half", Corners: good[0].Corners[:20]}
	nan := board.View{Name: "nan", Corners: append([]pipeline.Point(nil), good[0].Corners...)}
	nan.Corners[3].X = math.NaN()
	for want, c := range map[string]struct {
		views []board.View
		o     board.Options
	}{
		"2 of them show the whole board": {good[:2], board.Options{Pattern: pattern, Width: 1280, Height: 720}},
		"view half has 20 corners":       {append(good[:3:3], short), board.Options{Pattern: pattern, Width: 1280, Height: 720}},
		"view nan has a corner":          {append(good[:3:3], nan), board.Options{Pattern: pattern, Width: 1280, Height: 720}},
		"view edge on shows the board":   {append(good[:3:3], line), board.Options{Pattern: pattern, Width: 1280, Height: 720}},
		"inner corners: want 3 to 64":    {good, board.Options{Pattern: board.Pattern{Columns: 2, Rows: 6, Square: 1}, Width: 1280, Height: 720}},
		"squares of 0 m":                 {good, board.Options{Pattern: board.Pattern{Columns: 9, Rows: 6}, Width: 1280, Height: 720}},
		`"omni" is not known`:            {good, board.Options{Pattern: pattern, Width: 1280, Height: 720, Model: "omni"}},
		"pictures of 0x0":                {good, board.Options{Pattern: pattern}},
	} {
		if _, err := board.Calibrate(c.views, c.o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	// One view three times fixes nothing; an answer, if any, must be a lens.
	got, err := board.Calibrate([]board.View{good[0], good[0], good[0]}, board.Options{Pattern: pattern, Width: 1280, Height: 720, Bootstrap: -1})
	if err == nil && got.Intrinsics.Validate() != nil {
		t.Errorf("%+v", got)
	}
	if _, err := board.Calibrate(good[:1], board.Options{Pattern: pattern, Width: 1280, Height: 720}); !errors.Is(err, board.ErrViews) {
		t.Errorf("%v is not ErrViews", err)
	}
}

func TestCoverage(t *testing.T) {
	_, views := carnd(t)
	c := board.Cover(views, 1280, 720)
	if c.Share < 0.8 || c.Share > 1 {
		t.Errorf("CarND covers %.2f", c.Share)
	}
	if c := board.Cover(nil, 1280, 720); c.Share != 0 || !strings.Contains(c.Missing, "top left") {
		t.Errorf("nothing: %+v", c)
	}
	half := board.View{}
	for i := range 54 {
		half.Corners = append(half.Corners, pipeline.Point{X: float64(i%9)*70 + 30, Y: float64(i/9)*115 + 20})
	}
	if c := board.Cover([]board.View{half}, 1280, 720); !strings.Contains(c.Missing, "right") {
		t.Errorf("left half: %q", c.Missing)
	}
	full := board.View{}
	for i := range 54 {
		full.Corners = append(full.Corners, pipeline.Point{X: float64(i%9)*150 + 30, Y: float64(i/9)*130 + 20})
	}
	if c := board.Cover([]board.View{full}, 1280, 720); !strings.Contains(c.Missing, "tilt") {
		t.Errorf("flat: %q", c.Missing)
	}
}
