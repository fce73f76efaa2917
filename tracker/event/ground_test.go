package event_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"outrider/pipeline"
	"outrider/tracker/event"
)

// road is a camera 6 m above a flat road that looks down it, pitched by 12 degrees, with a
// focal length of 900 pixels on 1280 x 720.
type road struct{}

const pitch = 12 * math.Pi / 180

// see projects a point of the road, x metres to the right and y ahead.
func (road) see(x, y float64) pipeline.Point {
	depth := y*math.Cos(pitch) + 6*math.Sin(pitch)
	down := 6*math.Cos(pitch) - y*math.Sin(pitch)
	return pipeline.Point{X: 640 + 900*x/depth, Y: 360 + 900*down/depth}
}

func plane(t testing.TB) *event.Plane {
	t.Helper()
	ground := points(-4, 15, 4, 15, 4, 40, -4, 40)
	var picture, metres []pipeline.Point
	for _, p := range ground {
		picture = append(picture, road{}.see(p.X, p.Y))
		metres = append(metres, pipeline.Point{X: p.Y, Y: -p.X}) // ahead, left
	}
	p, err := event.NewPlane(picture, metres)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlane(t *testing.T) {
	p := plane(t)
	for _, g := range points(0, 12, -3, 20, 6, 60, -20, 100) {
		q := road{}.see(g.X, g.Y)
		at, cov, ok := p.Metres(q)
		if !ok || math.Hypot(at.X-g.Y, at.Y+g.X) > 1e-6*g.Y {
			t.Errorf("(%g, %g) -> %+v, %t", g.X, g.Y, at, ok)
		}
		// The covariance is what small errors of the picture do.
		rng := rand.New(rand.NewPCG(1, 1))
		var xx, xy, yy float64
		const n, scale = 4000, .01
		for range n {
			a, _, _ := p.Metres(pipeline.Point{X: q.X + 2*scale*rng.NormFloat64(), Y: q.Y + 2*scale*rng.NormFloat64()})
			dx, dy := (a.X-at.X)/scale, (a.Y-at.Y)/scale
			xx, xy, yy = xx+dx*dx/n, xy+dx*dy/n, yy+dy*dy/n
		}
		for i, want := range []float64{xx, xy, yy} {
			if math.Abs(cov[i]-want) > .1*math.Sqrt(xx*yy)+.1*math.Abs(want) {
				t.Errorf("(%g, %g): covariance %g, want %g, %g, %g", g.X, g.Y, cov, xx, xy, yy)
				break
			}
		}
	}
	for _, q := range []pipeline.Point{{X: 640, Y: 100}, {X: 640, Y: 168}, {X: math.NaN(), Y: 400}, {X: 640, Y: math.Inf(-1)}, {X: 640, Y: math.Inf(1)}} {
		if at, _, ok := p.Metres(q); ok {
			t.Errorf("%v is ground: %+v", q, at)
		}
	}
}

func TestPlaneRefuses(t *testing.T) {
	good := points(100, 400, 500, 400, 400, 200, 200, 200)
	metres := points(0, 0, 8, 0, 8, 20, 0, 20)
	for name, tc := range map[string]struct {
		picture, ground []pipeline.Point
		want            string
	}{
		"three points":    {good[:3], metres[:3], "want 4 and 4"},
		"in a line":       {points(100, 400, 300, 400, 500, 400, 200, 200), metres, "points 1, 2 and 3 lie in a line in the picture"},
		"in a line below": {good, points(0, 0, 4, 0, 8, 0, 0, 20), "lie in a line on the ground"},
		"the same twice":  {points(100, 400, 100, 400, 400, 200, 200, 200), metres, "lie in a line in the picture"},
		"another order":   {good, points(0, 0, 8, 20, 8, 0, 0, 20), "do not go round in one order"},
		"not a number":    {points(math.NaN(), 400, 500, 400, 400, 200, 200, 200), metres, "point 1 is not a number"},
	} {
		if _, err := event.NewPlane(tc.picture, tc.ground); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// A walker and a car at known speeds, with boxes that waver by two pixels: the speed told is
// right within the error told nearly always, and the error is a useful one.
func TestSpeed(t *testing.T) {
	for _, tc := range []struct {
		name          string
		x, y, vx, vy  float64
		width, height float64 // metres
		within        float64 // of the median error told
		least         float64 // share of frames with a speed
	}{
		{"a walker across", -4, 15, 1.4, 0, .5, 1.8, 0.9, .8},
		{"a walker towards us", 0, 25, 0, -1.4, .5, 1.8, 2, .3},
		{"a car away", 2, 12, 0, 14, 1.8, 1.5, 6, .8},
		{"a standing one", 1, 15, 0, 0, .5, 1.8, 0.9, .8},
	} {
		for _, fps := range []float64{6, 25} {
			frames, told, right := 0, 0, 0
			var errors []float64
			for seed := range uint64(12) {
				rng := rand.New(rand.NewPCG(seed, uint64(fps)))
				s := newStream(t, &event.Counter{Ground: plane(t)})
				s.w, s.h = 1280, 720
				for i := range int(2.6 * fps) {
					sec := float64(i) / fps
					x, y := tc.x+tc.vx*sec, tc.y+tc.vy*sec
					a, b := road{}.see(x-tc.width/2, y), road{}.see(x+tc.width/2, y)
					h := (b.X - a.X) / tc.width * tc.height
					shake := func() float64 { return 2 * rng.NormFloat64() }
					sp := s.speed(sec, pipeline.Track{ID: 1, State: pipeline.Confirmed, Observed: true, Score: .9,
						Box: pipeline.Box{X1: a.X + shake(), Y1: a.Y - h + shake(), X2: b.X + shake(), Y2: a.Y + shake()}})
					if sec < 1 {
						continue
					}
					frames++
					if sp == (pipeline.Speed{}) {
						continue
					}
					told++
					errors = append(errors, sp.Error)
					if math.Abs(sp.MPS-math.Hypot(tc.vx, tc.vy)) <= sp.Error {
						right++
					}
					if want := math.Mod(math.Atan2(tc.vx, tc.vy)*180/math.Pi+360, 360); tc.vy > 5 && math.Abs(math.Mod(sp.Heading-want+540, 360)-180) > 15 {
						t.Errorf("%s: heading %g, want %g", tc.name, sp.Heading, want)
					}
				}
			}
			t.Logf("%s at %g frames/s: told in %d of %d frames, right in %d, median error %.2f m/s", tc.name, fps, told, frames, right, median(errors))
			if float64(told) < tc.least*float64(frames) || float64(right) < .9*float64(told) || median(errors) > tc.within {
				t.Errorf("%s at %g frames/s: told in %d of %d frames, right within its error in %d, median error %g", tc.name, fps, told, frames, right, median(errors))
			}
		}
	}
	// Without calibration there is no speed.
	s := newStream(t, &event.Counter{})
	for i := range 50 {
		if sp := s.speed(float64(i)/25, at(1, 300+float64(i), 300)); sp != (pipeline.Speed{}) {
			t.Fatalf("speed %+v without a ground plane", sp)
		}
	}
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	w := slices.Sorted(slices.Values(v))
	return w[len(w)/2]
}
