package synth

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func render(s *Scene, t float64) ([]byte, Truth) {
	pix := make([]byte, 3*s.Camera.Width*s.Camera.Height)
	r := Renderer{Scene: s}
	return pix, r.Render(t, pix)
}

func TestSameSeedSameBytes(t *testing.T) {
	a, ta := render(Road(7, 320, 180), 3.5)
	// A renderer that drew other moments before draws the same.
	r := Renderer{Scene: Road(7, 320, 180)}
	b := make([]byte, len(a))
	r.Render(1, b)
	tb := r.Render(3.5, b)
	if !bytes.Equal(a, b) {
		t.Error("the same seed and time gave other pixels")
	}
	if len(ta.Objects) != len(tb.Objects) || len(ta.Objects) < 8 {
		t.Errorf("%d and %d objects", len(ta.Objects), len(tb.Objects))
	}
	c, _ := render(Road(8, 320, 180), 3.5)
	if bytes.Equal(a, c) {
		t.Error("another seed gave the same pixels")
	}
}

// TestProjectInverts checks that the ray of a projected ground point comes back to it, for
// rolled, pitched and yawed cameras.
func TestProjectInverts(t *testing.T) {
	for _, rot := range [][3]float64{{0, 0, 0}, {.05, 0, 0}, {.03, .04, -.06}, {-.02, -.1, .08}} {
		c := DefaultCamera(640, 360)
		c.Pitch, c.Roll, c.Yaw = rot[0], rot[1], rot[2]
		v := c.view()
		for _, p := range []vec{{5, 1, 0}, {20, -3, 0}, {60, 4, 0}} {
			u, w, ok := c.Project(p.x, p.y, p.z)
			if !ok {
				t.Fatalf("%v is behind the camera", p)
			}
			d := v.ray(u, w)
			k := c.HeightM / -d.z
			if g := d.scale(k); math.Hypot(g.x-p.x, g.y-p.y) > 1e-6 {
				t.Errorf("rotation %v: %v came back as %v", rot, p, g)
			}
		}
	}
}

// TestFlatGroundFormula holds the geometry against X = h / tan(pitch + atan((v-cy)/fy)) and
// the horizon against cy - fy*tan(pitch).
func TestFlatGroundFormula(t *testing.T) {
	c := DefaultCamera(640, 360)
	for _, x := range []float64{4, 10, 30, 80} {
		_, v, _ := c.Project(x, 0, 0)
		if got := c.HeightM / math.Tan(c.Pitch+math.Atan((v-c.CY)/c.FY)); math.Abs(got-x) > 1e-6*x {
			t.Errorf("ground point at %v m reads %v m", x, got)
		}
	}
	_, v, _ := c.Project(1e9, 0, 0)
	if want := c.CY - c.FY*math.Tan(c.Pitch); math.Abs(v-want) > 1e-3 {
		t.Errorf("horizon at %v, want %v", v, want)
	}
}

func TestTruthAgreesWithPixelsAndGeometry(t *testing.T) {
	s := Road(3, 640, 360)
	for _, at := range []float64{0, 2, 7.3, 31} {
		_, truth := render(s, at)
		all := mask.New(mask.FrameGrid(640, 360), image.Rect(0, 0, 640, 360))
		lead := false
		for _, o := range truth.Objects {
			if o.Mask.Area() != o.Visible {
				t.Errorf("t=%v object %x: mask %d, visible %d", at, o.ID, o.Mask.Area(), o.Visible)
			}
			x1, y1, x2, y2 := o.Mask.FrameBounds()
			if (pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}) != o.Box {
				t.Errorf("t=%v object %x: box %v, mask bounds %v", at, o.ID, o.Box, []float64{x1, y1, x2, y2})
			}
			if mask.Intersection(all, o.Mask) != 0 {
				t.Errorf("t=%v object %x shares pixels with another", at, o.ID)
			}
			all.Or(o.Mask)
			grown := pipeline.Box{X1: o.FullBox.X1 - 2, Y1: o.FullBox.Y1 - 2, X2: o.FullBox.X2 + 2, Y2: o.FullBox.Y2 + 2}
			if o.Class != Pole && grown.Intersect(o.Box) != o.Box {
				t.Errorf("t=%v %s %x: visible box %v leaves full box %v", at, o.Class, o.ID, o.Box, o.FullBox)
			}
			if o.ID == s.id(0, 3, 7) {
				lead = true
				if o.Distance < 12 || o.Distance > 30 || o.Visible < 100 {
					t.Errorf("t=%v the car ahead: %.1f m, %d px", at, o.Distance, o.Visible)
				}
				// Its contact line, read through the ground formula, gives its distance.
				v := (o.Contact[0].Y + o.Contact[1].Y) / 2
				c := truth.Camera
				if got := c.HeightM/math.Tan(c.Pitch+math.Atan((v-c.CY)/c.FY)) - c.FrontM; math.Abs(got-o.Distance) > .01 {
					t.Errorf("t=%v contact line says %.2f m, truth %.2f m", at, got, o.Distance)
				}
			}
		}
		if !lead {
			t.Errorf("t=%v: no car ahead", at)
		}
	}
}

// TestSpeedsAgreeWithMotion differentiates distances over time.
func TestSpeedsAgreeWithMotion(t *testing.T) {
	s := Road(3, 320, 180)
	const dt = 1e-3
	_, a := render(s, 5)
	_, b := render(s, 5+dt)
	later := map[uint64]Object{}
	for _, o := range b.Objects {
		later[o.ID] = o
	}
	n := 0
	for _, o := range a.Objects {
		p, ok := later[o.ID]
		if !ok {
			continue
		}
		n++
		if got := (o.Distance - p.Distance) / dt; math.Abs(got-o.Closing) > .05 {
			t.Errorf("%s %x: closes at %.2f m/s, truth says %.2f", o.Class, o.ID, got, o.Closing)
		}
		if o.Closing > 0 && o.Distance > 0 && math.Abs(o.TTC-o.Distance/o.Closing) > 1e-9 {
			t.Errorf("%s %x: TTC %v", o.Class, o.ID, o.TTC)
		}
	}
	if n < 8 {
		t.Errorf("only %d objects live through a millisecond", n)
	}
}

func TestParse(t *testing.T) {
	s, err := Parse("road?seed=3&size=320x180&fps=20&frames=4")
	if err != nil {
		t.Fatal(err)
	}
	if s.Scene.Seed != 3 || s.Scene.Camera.Width != 320 || s.FPS != 20 || s.Frames != 4 {
		t.Errorf("%+v", s)
	}
	for spec, want := range map[string]string{
		"moon":            "only scene is road",
		"road?sed=3":      `unknown parameter "sed"`,
		"road?size=5":     "out of range",
		"road?size=1x1":   "out of range",
		"road?fps=NaN":    "out of range",
		"road?frames=-1":  "out of range",
		"road?seed=%zz":   "invalid URL escape",
		"road?seed=1e300": "out of range",
	} {
		if _, err := Parse(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", spec, err, want)
		}
	}
}

func TestSource(t *testing.T) {
	s, err := Parse("road?size=128x72&frames=5&fps=100")
	if err != nil {
		t.Fatal(err)
	}
	truths := 0
	s.Each = func(f *pipeline.Frame, tr Truth) {
		truths++
		if tr.Time != f.MediaTime.Seconds() {
			t.Errorf("truth of %v with a frame of %v", tr.Time, f.MediaTime)
		}
	}
	var media []float64
	err = s.Run(t.Context(), func(f *pipeline.Frame) {
		media = append(media, f.MediaTime.Seconds())
		f.Release()
	})
	if !errors.Is(err, io.EOF) {
		t.Errorf("Run: %v, want io.EOF", err)
	}
	if len(media) != 5 || truths != 5 || math.Abs(media[4]-.04) > 1e-9 {
		t.Errorf("media times %v, %d truths", media, truths)
	}
	if n := s.pool.Outstanding(); n != 0 {
		t.Errorf("%d frames not released", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.Frames, s.Paced, s.FPS = 0, true, .1
	n := 0
	err = s.Run(ctx, func(f *pipeline.Frame) { n++; f.Release(); cancel() })
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("cancelled Run: %v after %d frames", err, n)
	}
}

// TestPicture writes a frame for people to look at when OUTRIDER_PICTURES names a folder.
func TestPicture(t *testing.T) {
	dir := os.Getenv("OUTRIDER_PICTURES")
	if dir == "" {
		t.Skip("OUTRIDER_PICTURES is not set")
	}
	for i, at := range []float64{1, 6, 12} {
		pix, _ := render(Road(1, 960, 540), at)
		img := image.NewNRGBA(image.Rect(0, 0, 960, 540))
		for p := 0; p < len(pix); p += 3 {
			img.Set(p/3%960, p/3/960, color.NRGBA{pix[p+2], pix[p+1], pix[p], 255})
		}
		f, err := os.Create(dir + "/synth-road-" + string(rune('0'+i)) + ".png")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, img), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkRender640x360(b *testing.B) {
	s := Road(1, 640, 360)
	pix := make([]byte, 3*640*360)
	r := Renderer{Scene: s}
	t := 0.0
	for b.Loop() {
		r.Render(t, pix)
		t += .04
	}
}
