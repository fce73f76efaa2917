package calib_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"outrider/calib"
	"outrider/pipeline"
	"outrider/streams/capture/synth"
)

const degree = math.Pi / 180

func newPlane(t testing.TB, in calib.Intrinsics, m calib.Mount) calib.Plane {
	t.Helper()
	p, err := calib.NewPlane(newCamera(t, in), m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlaneAsSynth holds projection and ground intersection to the renderer's own geometry,
// which was written apart from it.
func TestPlaneAsSynth(t *testing.T) {
	for _, a := range [][3]float64{{0, 0, 0}, {2, 0, 0}, {5, 3, -4}, {-1, -2, 6}} {
		s := synth.DefaultCamera(640, 360)
		s.Pitch, s.Roll, s.Yaw = a[0]*degree, a[1]*degree, a[2]*degree
		p := newPlane(t, calib.Intrinsics{Width: 640, Height: 360, FX: s.FX, FY: s.FY, CX: s.CX, CY: s.CY, Model: calib.PlumbBob},
			calib.Mount{Height: s.HeightM, Pitch: s.Pitch, Roll: s.Roll, Yaw: s.Yaw, Front: s.FrontM})
		for _, q := range [][2]float64{{3, 1}, {5, 0}, {20, -3}, {60, 4}, {120, -10}} {
			u, v, _ := s.Project(q[0], q[1], 0)
			at, ok := p.Project(q[0], q[1], 0)
			if !ok || math.Hypot(at.X-u, at.Y-v) > 1e-9 {
				t.Errorf("%v: %v projects to %v, the renderer's camera to %v %v", a, q, at, u, v)
			}
			g, ok := p.Ground(pipeline.Point{X: u, Y: v})
			if !ok || math.Hypot(g.X-q[0], g.Y-q[1]) > 1e-6 {
				t.Errorf("%v: %v lies at %+v (%v)", a, q, g, ok)
			}
			u, v, _ = s.Project(q[0], q[1], 1.2)
			y, z, ok := p.Upright(pipeline.Point{X: u, Y: v}, q[0])
			if !ok || math.Abs(y-q[1]) > 1e-9 || math.Abs(z-1.2) > 1e-9 {
				t.Errorf("%v: the top over %v is at %v %v (%v)", a, q, y, z, ok)
			}
		}
		// Far away on the road is near the vanishing point, and the horizon passes through it.
		far, _ := p.Project(1e7, 0, 0)
		vp, ok := p.Vanishing()
		if !ok || math.Hypot(far.X-vp.X, far.Y-vp.Y) > 1e-3 {
			t.Errorf("%v: vanishing point %v, far road %v", a, vp, far)
		}
		if row, ok := p.Horizon(vp.X); !ok || math.Abs(row-vp.Y) > 1e-6 {
			t.Errorf("%v: horizon at %v, vanishing point %v", a, row, vp)
		}
	}
}

// TestHorizonThroughLens holds the horizon of distorted cameras to far points of the road.
func TestHorizonThroughLens(t *testing.T) {
	for name, in := range cameras {
		p := newPlane(t, in, calib.Mount{Height: 1.4, Pitch: 4 * degree, Roll: 2 * degree, Yaw: -3 * degree})
		for _, bearing := range []float64{-20, -5, 0, 10, 20} {
			far, ok := p.Project(1e8*math.Cos(bearing*degree), 1e8*math.Sin(bearing*degree), 0)
			if !ok {
				continue
			}
			if row, ok := p.Horizon(far.X); !ok || math.Abs(row-far.Y) > 1e-3 {
				t.Errorf("%s: at %v degrees the horizon is at %v (%v), far ground at %v", name, bearing, row, ok, far)
			}
		}
		if _, ok := p.Ground(pipeline.Point{X: in.CX, Y: 0}); ok {
			t.Errorf("%s: the sky has a distance", name)
		}
	}
}

// TestVarianceAsContract compares var(X) with the closed formula for roll = yaw = 0.
func TestVarianceAsContract(t *testing.T) {
	in := cameras["pinhole"]
	sp := calib.Spread{Height: 0.04, Pitch: 0.2 * degree, Slope: 0.5 * degree, Pixel: 0.7}
	m := calib.Mount{Height: 1.3, Pitch: 3 * degree, Spread: sp}
	p := newPlane(t, in, m)
	for _, x := range []float64{4, 10, 30, 50} {
		at, _ := p.Project(x, 0, 0)
		s, ok := p.Ground(at)
		if !ok {
			t.Fatal(x)
		}
		k := (x*x + m.Height*m.Height) / m.Height
		dv := at.Y - in.CY
		pixel := sp.Pixel * in.FY / (in.FY*in.FY + dv*dv)
		want := math.Pow(x/m.Height*sp.Height, 2) + k*k*(sp.Pitch*sp.Pitch+pixel*pixel) + math.Pow(x*x/m.Height*sp.Slope, 2)
		if math.Abs(s.XX/want-1) > 1e-6 {
			t.Errorf("%v m: var(X) = %v, the formula says %v", x, s.XX, want)
		}
		rho, sigma := s.Inverse()
		if math.Abs(rho*x-1) > 1e-9 || math.Abs(sigma*x*x/math.Sqrt(want)-1) > 1e-6 {
			t.Errorf("%v m: inverse %v +- %v", x, rho, sigma)
		}
	}
	// The contract's table: at 1.3 m a pitch error of 0.25 degrees costs 9.2 % at 30 m.
	tilted, ok := p.Tilted(-0.25 * degree)
	if !ok {
		t.Fatal("not tilted")
	}
	at, _ := p.Project(30, 0, 0)
	s, _ := tilted.Ground(at)
	if e := s.X/30 - 1; math.Abs(e-0.115) > 0.025 {
		t.Errorf("0.25 degrees of pitch cost %.1f %% at 30 m", 100*e)
	}
}

// TestCovariance compares the covariance with finite differences, under all angles and lenses.
func TestCovariance(t *testing.T) {
	for name, in := range cameras {
		base := calib.Mount{Height: 1.5, Pitch: 4 * degree, Roll: 3 * degree, Yaw: -5 * degree}
		p := newPlane(t, in, base)
		at, ok := p.Project(12, -2.5, 0)
		if !ok {
			t.Fatal(name)
		}
		zero, _ := p.Ground(at)
		const d = 1e-6
		type part struct {
			name   string
			sigma  func(*calib.Spread, float64)
			change func(*calib.Mount, *pipeline.Point)
		}
		for _, c := range []part{
			{"height", func(s *calib.Spread, v float64) { s.Height = v }, func(m *calib.Mount, _ *pipeline.Point) { m.Height += d }},
			{"pitch", func(s *calib.Spread, v float64) { s.Pitch = v }, func(m *calib.Mount, _ *pipeline.Point) { m.Pitch += d }},
			{"roll", func(s *calib.Spread, v float64) { s.Roll = v }, func(m *calib.Mount, _ *pipeline.Point) { m.Roll += d }},
			{"yaw", func(s *calib.Spread, v float64) { s.Yaw = v }, func(m *calib.Mount, _ *pipeline.Point) { m.Yaw += d }},
		} {
			m, q := base, at
			c.change(&m, &q)
			moved, _ := func() (calib.Spot, bool) { g := newPlane(t, in, m); return g.Ground(q) }()
			gx, gy := (moved.X-zero.X)/d, (moved.Y-zero.Y)/d
			m = base
			c.sigma(&m.Spread, 0.01)
			g := newPlane(t, in, m)
			s, _ := g.Ground(at)
			for i, v := range [3][2]float64{{s.XX, gx * gx}, {s.XY, gx * gy}, {s.YY, gy * gy}} {
				if math.Abs(v[0]-v[1]*1e-4) > 1e-5*(1+math.Abs(v[1])) {
					t.Errorf("%s, %s: covariance %d is %v, differences say %v", name, c.name, i, v[0], v[1]*1e-4)
				}
			}
		}
		m := base
		m.Spread.Pixel = 0.01
		g := newPlane(t, in, m)
		s, _ := g.Ground(at)
		u, _ := p.Ground(pipeline.Point{X: at.X + d, Y: at.Y})
		v, _ := p.Ground(pipeline.Point{X: at.X, Y: at.Y + d})
		ux, uy, vx, vy := (u.X-zero.X)/d, (u.Y-zero.Y)/d, (v.X-zero.X)/d, (v.Y-zero.Y)/d
		for i, w := range [3][2]float64{{s.XX, ux*ux + vx*vx}, {s.XY, ux*uy + vx*vy}, {s.YY, uy*uy + vy*vy}} {
			if math.Abs(w[0]-w[1]*1e-4) > 1e-4*(1e-5+w[0]) {
				t.Errorf("%s, pixel: covariance %d is %v, differences say %v", name, i, w[0], w[1]*1e-4)
			}
		}
		pos, cov, ok := g.Metres(at)
		if !ok || pos.X != s.X || pos.Y != s.Y || cov != [3]float64{s.XX, s.XY, s.YY} {
			t.Errorf("%s: Metres says %v %v", name, pos, cov)
		}
	}
}

func TestBadMount(t *testing.T) {
	good := calib.Mount{Height: 1.4}
	for want, spoil := range map[string]func(*calib.Mount){
		"height = NaN":             func(m *calib.Mount) { m.Height = math.NaN() },
		"height = 0":               func(m *calib.Mount) { m.Height = 0 },
		"height = -1":              func(m *calib.Mount) { m.Height = -1 },
		"upside down":              func(m *calib.Mount) { m.Roll = math.Pi },
		"pitch = NaN":              func(m *calib.Mount) { m.Pitch = math.NaN() },
		"pitch = 90":               func(m *calib.Mount) { m.Pitch = 90 * degree },
		"yaw = +Inf":               func(m *calib.Mount) { m.Yaw = math.Inf(1) },
		"bumper = NaN":             func(m *calib.Mount) { m.Front = math.NaN() },
		"deviation of pitch = NaN": func(m *calib.Mount) { m.Spread.Pitch = math.NaN() },
		"deviation of height = -1": func(m *calib.Mount) { m.Spread.Height = -1 },
	} {
		m := good
		spoil(&m)
		if _, err := calib.NewPlane(newCamera(t, cameras["pinhole"]), m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for _, pitch := range []float64{-25, 25} {
		p := newPlane(t, cameras["pinhole"], calib.Mount{Height: 1.4, Pitch: pitch * degree})
		if err := p.CheckRoad(); !errors.Is(err, calib.ErrHorizon) {
			t.Errorf("pitch %v: %v", pitch, err)
		}
	}
	p := newPlane(t, cameras["pinhole"], good)
	if err := p.CheckRoad(); err != nil {
		t.Error(err)
	}
	var zero calib.Plane
	if _, ok := zero.Ground(pipeline.Point{X: 1, Y: 1}); ok || zero.CheckRoad() == nil {
		t.Error("the zero plane claims to know something")
	}
}

func FuzzGround(f *testing.F) {
	f.Add(1.4, 0.03, 0.0, 0.0, 640.0, 600.0)
	f.Add(8.0, 1.2, 0.3, -2.0, 10.0, 20.0)
	names := []string{"pinhole", "dashcam", "decentred", "rational", "fisheye"}
	f.Fuzz(func(t *testing.T, h, pitch, roll, yaw, u, v float64) {
		for _, n := range names {
			c := newCamera(t, cameras[n])
			p, err := calib.NewPlane(c, calib.Mount{Height: h, Pitch: pitch, Roll: roll, Yaw: yaw,
				Spread: calib.Spread{Height: .1, Pitch: .01, Roll: .01, Yaw: .01, Slope: .01, Pixel: 1}})
			if err != nil {
				return
			}
			s, ok := p.Ground(pipeline.Point{X: u, Y: v})
			if !ok {
				continue
			}
			for _, x := range []float64{s.X, s.Y, s.XX, s.XY, s.YY} {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("%s: %+v", n, s)
				}
			}
			if s.X <= 0 || s.XX < 0 || s.YY < 0 {
				t.Fatalf("%s: %+v", n, s)
			}
			if row, ok := p.Horizon(u); ok && math.IsNaN(row) {
				t.Fatalf("%s: horizon NaN", n)
			}
		}
	})
}

func TestGroundAllocatesNothing(t *testing.T) {
	p := newPlane(t, cameras["dashcam"], calib.Mount{Height: 1.4, Pitch: 2 * degree, Spread: calib.Spread{Height: .1, Pitch: .01, Roll: .01, Yaw: .01, Slope: .01, Pixel: 1}})
	if n := testing.AllocsPerRun(100, func() {
		q, _ := p.Tilted(0.01)
		q.Ground(pipeline.Point{X: 600, Y: 500})
		q.Horizon(300)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGround(b *testing.B) {
	p := newPlane(b, cameras["dashcam"], calib.Mount{Height: 1.4, Pitch: 2 * degree, Spread: calib.Spread{Height: .1, Pitch: .01, Roll: .01, Yaw: .01, Slope: .01, Pixel: 1}})
	b.ReportAllocs()
	for i := range b.N {
		p.Ground(pipeline.Point{X: float64(i % 1280), Y: float64(400 + i%300)})
	}
}
