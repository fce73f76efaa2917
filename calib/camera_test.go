package calib_test

import (
	"math"
	"strings"
	"testing"

	"outrider/calib"
	"outrider/pipeline"
)

// cameras are real lenses, one for each model.
var cameras = map[string]calib.Intrinsics{
	"pinhole": {Width: 1280, Height: 720, FX: 1000, FY: 1010, CX: 640, CY: 360, Model: calib.PlumbBob},
	"dashcam": {Width: 1280, Height: 720, FX: 1156.9, FY: 1152.1, CX: 666.5, CY: 387.6, Model: calib.PlumbBob,
		D: [8]float64{-0.2379, -0.0854, -0.00079, -0.000102, 0.1053}},
	"decentred": {Width: 640, Height: 480, FX: 500, FY: 500, CX: 330, CY: 230, Model: calib.PlumbBob,
		D: [8]float64{-0.3, 0.1, 0.01, -0.012, 0}},
	"rational": {Width: 1920, Height: 1080, FX: 980, FY: 980, CX: 955, CY: 545, Model: calib.Rational,
		D: [8]float64{4.2, 2.1, 1e-4, -5e-5, 0.08, 4.6, 3.4, 0.5}},
	"fisheye": {Width: 1280, Height: 960, FX: 580, FY: 580, CX: 640, CY: 480, Model: calib.Equidistant,
		D: [8]float64{-0.012, 0.004, -0.003, 0.0005}},
}

func newCamera(t testing.TB, in calib.Intrinsics) *calib.Camera {
	t.Helper()
	c, err := calib.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestProjectAsOpenCV holds the models to numbers computed with OpenCV 4.6's projectPoints
// and fisheye::projectPoints (Python), half a pixel added for our origin.
func TestProjectAsOpenCV(t *testing.T) {
	for _, c := range []struct {
		camera  string
		x, y, z float64
		u, v    float64
	}{
		{"pinhole", 0.1, -0.2, 1, 740.0000000000, 158.0000000000},
		{"pinhole", -0.4, 0.25, 1.5, 373.3333333333, 528.3333333333},
		{"pinhole", 0.5, 0.3, 1, 1140.0000000000, 663.0000000000},
		{"dashcam", 0.1, -0.2, 1, 780.8189881786, 159.8533875647},
		{"dashcam", -0.4, 0.25, 1.5, 365.5301739674, 574.8284176868},
		{"dashcam", 0.5, 0.3, 1, 1194.4716250736, 702.7831553209},
		{"decentred", 0.1, -0.2, 1, 378.6425000000, 132.3650000000},
		{"decentred", -0.4, 0.25, 1.5, 198.6007242798, 312.2481584362},
		{"decentred", 0.5, 0.3, 1, 553.8500000000, 367.2340000000},
		{"rational", 0.1, -0.2, 1, 1051.1488633522, 352.7022732957},
		{"rational", -0.4, 0.25, 1.5, 702.8933457592, 702.5733215394},
		{"rational", 0.5, 0.3, 1, 1395.1456754350, 809.1307212610},
		{"fisheye", 0.1, -0.2, 1, 697.0287140295, 365.9425719410},
		{"fisheye", -0.4, 0.25, 1.5, 490.3110651527, 573.5555842796},
		{"fisheye", 0.5, 0.3, 1, 901.7346002253, 637.0407601352},
	} {
		p, ok := newCamera(t, cameras[c.camera]).Project(c.x, c.y, c.z)
		if !ok || math.Hypot(p.X-c.u, p.Y-c.v) > 1e-8 {
			t.Errorf("%s (%v %v %v): got %v %v, want %v %v", c.camera, c.x, c.y, c.z, p, ok, c.u, c.v)
		}
	}
}

func TestUnprojectThereAndBack(t *testing.T) {
	for name, in := range cameras {
		c := newCamera(t, in)
		for v := 0; v <= in.Height; v += in.Height / 24 {
			for u := 0; u <= in.Width; u += in.Width / 32 {
				p := pipeline.Point{X: float64(u), Y: float64(v)}
				x, y, ok := c.Unproject(p)
				if !ok {
					t.Errorf("%s: %v has no direction", name, p)
					continue
				}
				q, ok := c.Project(x, y, 1)
				if d := math.Hypot(q.X-p.X, q.Y-p.Y); !ok || d > 1e-9 {
					t.Errorf("%s: %v came back as %v (%v)", name, p, q, ok)
				}
				i, _ := c.Undistort(p)
				if b, ok := c.Distort(i); !ok || math.Hypot(b.X-p.X, b.Y-p.Y) > 1e-9 {
					t.Errorf("%s: %v undistorts to %v and back to %v (%v)", name, p, i, b, ok)
				}
			}
		}
	}
}

// TestFold asks beyond the radius at which a strong barrel distortion turns back.
func TestFold(t *testing.T) {
	c := newCamera(t, calib.Intrinsics{Width: 640, Height: 480, FX: 300, FY: 300, CX: 320, CY: 240, Model: calib.PlumbBob, D: [8]float64{-0.3}})
	// r (1 - 0.3 r^2) turns at r = 1.054, where it is 0.703, 211 pixels.
	if _, _, ok := c.Unproject(pipeline.Point{X: 320 + 215, Y: 240}); ok {
		t.Error("a pixel beyond the fold has a direction")
	}
	if x, _, ok := c.Unproject(pipeline.Point{X: 320 + 205, Y: 240}); !ok || x > 1.054 {
		t.Errorf("a pixel before the fold: %v %v", x, ok)
	}
	if _, ok := c.Project(1.2, 0, 1); ok {
		t.Error("a direction beyond the fold has a pixel")
	}
}

func TestScale(t *testing.T) {
	c := newCamera(t, cameras["dashcam"])
	half, err := c.Scale(640, 360)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.Project(0.3, 0.2, 1)
	q, _ := half.Project(0.3, 0.2, 1)
	if math.Hypot(p.X/2-q.X, p.Y/2-q.Y) > 1e-9 {
		t.Errorf("%v is %v at half the size", p, q)
	}
	if same, err := c.Scale(1280, 720); err != nil || same != c {
		t.Errorf("same size: %v", err)
	}
	if _, err := c.Scale(854, 480); err != nil {
		t.Errorf("a rounded side: %v", err)
	}
	for _, s := range [][2]int{{640, 480}, {720, 1280}, {0, 0}, {-1280, -720}, {0, 720}} {
		if _, err := c.Scale(s[0], s[1]); err == nil || !strings.Contains(err.Error(), "calibrat") {
			t.Errorf("%v: %v", s, err)
		}
	}
}

func TestBadIntrinsics(t *testing.T) {
	nan := math.NaN()
	for want, spoil := range map[string]func(*calib.Intrinsics){
		`model "omni" is not known`: func(in *calib.Intrinsics) { in.Model = "omni" },
		`fx = 0`:                    func(in *calib.Intrinsics) { in.FX = 0 },
		`fx = NaN`:                  func(in *calib.Intrinsics) { in.FX = nan },
		`fy = +Inf`:                 func(in *calib.Intrinsics) { in.FY = math.Inf(1) },
		`fy = -1000`:                func(in *calib.Intrinsics) { in.FY = -1000 },
		`cx = -5`:                   func(in *calib.Intrinsics) { in.CX = -5 },
		`cy = NaN`:                  func(in *calib.Intrinsics) { in.CY = nan },
		`size 0x720`:                func(in *calib.Intrinsics) { in.Width = 0 },
		`coefficient 2 = NaN`:       func(in *calib.Intrinsics) { in.D[1] = nan },
		`has only 5`:                func(in *calib.Intrinsics) { in.D[6] = 1 },
	} {
		in := cameras["pinhole"]
		spoil(&in)
		if _, err := calib.New(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// FuzzCamera holds the promise of the model: whatever has a direction comes back to within a
// millionth of a pixel, and nothing is ever NaN.
func FuzzCamera(f *testing.F) {
	for _, in := range cameras {
		m := map[calib.Model]uint8{calib.PlumbBob: 0, calib.Rational: 1, calib.Equidistant: 2}[in.Model]
		d := in.D
		f.Add(m, in.FX, in.FY, in.CX, in.CY, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], 12.5, 700.0)
	}
	f.Fuzz(func(t *testing.T, m uint8, fx, fy, cx, cy, d0, d1, d2, d3, d4, d5, d6, d7, u, v float64) {
		in := calib.Intrinsics{Width: 1280, Height: 720, FX: fx, FY: fy, CX: cx, CY: cy,
			Model: [3]calib.Model{calib.PlumbBob, calib.Rational, calib.Equidistant}[m%3],
			D:     [8]float64{d0, d1, d2, d3, d4, d5, d6, d7}}
		for i := in.Model.Coefficients(); i < 8; i++ {
			in.D[i] = 0
		}
		c, err := calib.New(in)
		if err != nil {
			return
		}
		p := pipeline.Point{X: u, Y: v}
		x, y, ok := c.Unproject(p)
		if !ok {
			return
		}
		if math.IsNaN(x+y) || math.IsInf(x+y, 0) {
			t.Fatalf("%+v: %v has direction %v %v", in, p, x, y)
		}
		q, ok := c.Project(x, y, 1)
		if !ok || !(math.Hypot(q.X-p.X, q.Y-p.Y) < 1e-6) {
			t.Fatalf("%+v: %v came back as %v (%v)", in, p, q, ok)
		}
	})
}

func BenchmarkUnproject(b *testing.B) {
	for name, in := range cameras {
		c := newCamera(b, in)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				c.Unproject(pipeline.Point{X: float64(i % in.Width), Y: float64(i % in.Height)})
			}
		})
	}
}
