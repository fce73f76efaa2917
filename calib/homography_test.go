package calib_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"outrider/calib"
	"outrider/pipeline"
)

// yard is a fixed camera 6 m up that looks down steeply, with the lens given.
func yard(t testing.TB, in calib.Intrinsics) calib.Plane {
	return newPlane(t, in, calib.Mount{Height: 6, Pitch: 25 * degree, Roll: 3 * degree, Yaw: 10 * degree})
}

func marksOf(t testing.TB, p calib.Plane, ground ...[2]float64) []calib.Mark {
	var m []calib.Mark
	for _, g := range ground {
		at, ok := p.Project(g[0], g[1], 0)
		if !ok {
			t.Fatal(g)
		}
		m = append(m, calib.Mark{Image: at, Ground: pipeline.Point{X: g[0], Y: g[1]}})
	}
	return m
}

var corners = [][2]float64{{8, 3}, {8, -3}, {25, -5}, {25, 5}}

func TestHomographyFindsThePlane(t *testing.T) {
	for name, in := range cameras {
		p := yard(t, in)
		cam := newCamera(t, in)
		h, err := calib.NewHomography(in.Width, in.Height, cam, 0.5, marksOf(t, p, corners...))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range h.Residuals() {
			if r.Pixels > 1e-6 || r.Metres > 1e-6 {
				t.Errorf("%s: residual %+v of an exact fit", name, r)
			}
		}
		half, err := h.Scale(in.Width/2, in.Height/2)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range [][2]float64{{10, 0}, {15, 2}, {30, -4}} {
			at, _ := p.Project(g[0], g[1], 0)
			s, ok := h.Ground(at)
			if !ok || math.Hypot(s.X-g[0], s.Y-g[1]) > 1e-5 {
				t.Errorf("%s: %v lies at %+v (%v)", name, g, s, ok)
			}
			small, ok := half.Ground(pipeline.Point{X: at.X / 2, Y: at.Y / 2})
			if !ok || math.Hypot(small.X-g[0], small.Y-g[1]) > 1e-5 {
				t.Errorf("%s: at half the size %v lies at %+v", name, g, small)
			}
			back, ok := h.Project(pipeline.Point{X: g[0], Y: g[1]})
			if !ok || math.Hypot(back.X-at.X, back.Y-at.Y) > 1e-5 {
				t.Errorf("%s: %v is seen at %v, not %v", name, g, back, at)
			}
		}
		row, ok := p.Horizon(in.CX)
		if ok {
			if s, ok := h.Ground(pipeline.Point{X: in.CX, Y: row - 5}); ok {
				t.Errorf("%s: the sky lies at %+v", name, s)
			}
		}
	}
}

// TestHomographyCovariance clicks the marks and the point with an error a few hundred times:
// the spread of the answers is the covariance told.
func TestHomographyCovariance(t *testing.T) {
	in := cameras["pinhole"]
	p := yard(t, in)
	exact := marksOf(t, p, append(corners, [2]float64{15, 1}, [2]float64{12, -2})...)
	const sigma = 0.5
	at, _ := p.Project(18, 2, 0)
	h, err := calib.NewHomography(in.Width, in.Height, nil, sigma, exact)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := h.Ground(at)
	r := rand.New(rand.NewPCG(3, 4))
	click := func(p pipeline.Point) pipeline.Point {
		return pipeline.Point{X: p.X + sigma*r.NormFloat64(), Y: p.Y + sigma*r.NormFloat64()}
	}
	var xx, xy, yy float64
	const n = 600
	for range n {
		marks := append([]calib.Mark(nil), exact...)
		for i := range marks {
			marks[i].Image = click(marks[i].Image)
		}
		h, err := calib.NewHomography(in.Width, in.Height, nil, sigma, marks)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := h.Ground(click(at))
		xx += (s.X - 18) * (s.X - 18) / n
		xy += (s.X - 18) * (s.Y - 2) / n
		yy += (s.Y - 2) * (s.Y - 2) / n
	}
	if math.Abs(xx/want.XX-1) > 0.2 || math.Abs(yy/want.YY-1) > 0.2 || math.Abs(xy-want.XY) > 0.2*math.Sqrt(want.XX*want.YY) {
		t.Errorf("covariance %v %v %v, clicks scatter by %v %v %v", want.XX, want.XY, want.YY, xx, xy, yy)
	}
}

func TestHomographyShowsAWrongMark(t *testing.T) {
	in := cameras["pinhole"]
	p := yard(t, in)
	marks := marksOf(t, p, append(corners, [2]float64{15, 1}, [2]float64{12, -2})...)
	marks[4].Ground.X += 1 // the tape slipped
	h, err := calib.NewHomography(in.Width, in.Height, nil, 0.5, marks)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0
	for i, r := range h.Residuals() {
		if r.Pixels > h.Residuals()[worst].Pixels {
			worst = i
		}
	}
	if worst != 4 || h.Residuals()[4].Metres < 0.3 {
		t.Errorf("residuals %+v", h.Residuals())
	}
}

func TestHomographyRefuses(t *testing.T) {
	in := cameras["pinhole"]
	p := yard(t, in)
	good := marksOf(t, p, corners...)
	with := func(f func([]calib.Mark) []calib.Mark) []calib.Mark { return f(append([]calib.Mark(nil), good...)) }
	for want, marks := range map[string][]calib.Mark{
		"3 points, want four": good[:3],
		"points 1 and 3 are the same in the picture": with(func(m []calib.Mark) []calib.Mark {
			m[2].Image = m[0].Image
			return m
		}),
		"points 2 and 4 are the same on the ground": with(func(m []calib.Mark) []calib.Mark {
			m[3].Ground = m[1].Ground
			return m
		}),
		"points 1, 2 and 3 lie on one line": marksOf(t, p, [2]float64{8, 2}, [2]float64{12, 2}, [2]float64{16, 2}, [2]float64{12, -2}),
		"all points lie on one line":        marksOf(t, p, [2]float64{8, 2}, [2]float64{12, 2}, [2]float64{16, 2}, [2]float64{20, 2}, [2]float64{24, 2}),
		"order": with(func(m []calib.Mark) []calib.Mark {
			m[0].Ground, m[1].Ground = m[1].Ground, m[0].Ground
			return m
		}),
		"point 2 is not a number": with(func(m []calib.Mark) []calib.Mark {
			m[1].Image.X = math.NaN()
			return m
		}),
	} {
		_, err := calib.NewHomography(in.Width, in.Height, nil, 1, marks)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if strings.Contains(want, "line") && !errors.Is(err, calib.ErrDegenerate) {
			t.Errorf("%v is not ErrDegenerate", err)
		}
	}
	h, err := calib.NewHomography(in.Width, in.Height, nil, 1, good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Scale(640, 480); err == nil {
		t.Error("another aspect is taken")
	}
}

func FuzzHomography(f *testing.F) {
	f.Add(100.0, 600.0, 1100.0, 620.0, 900.0, 300.0, 300.0, 310.0, 8.0, 3.0, 8.0, -3.0, 25.0, -5.0, 25.0, 5.0, 600.0, 500.0)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, u, v float64) {
		hg, err := calib.NewHomography(1280, 720, nil, 1, []calib.Mark{
			{Image: pipeline.Point{X: a, Y: b}, Ground: pipeline.Point{X: j, Y: k}},
			{Image: pipeline.Point{X: c, Y: d}, Ground: pipeline.Point{X: l, Y: m}},
			{Image: pipeline.Point{X: e, Y: g}, Ground: pipeline.Point{X: n, Y: o}},
			{Image: pipeline.Point{X: h, Y: i}, Ground: pipeline.Point{X: p, Y: q}},
		})
		if err != nil {
			return
		}
		s, ok := hg.Ground(pipeline.Point{X: u, Y: v})
		if sum := s.X + s.Y + s.XX + s.XY + s.YY; ok && (math.IsNaN(sum) || math.IsInf(sum, 0) || s.XX < 0 || s.YY < 0) {
			t.Fatalf("%+v", s)
		}
	})
}
