package event_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"outrider/calib"
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

func plane(t testing.TB) event.Ground {
	t.Helper()
	var marks []calib.Mark
	for _, p := range points(-4, 15, 4, 15, 4, 40, -4, 40) {
		marks = append(marks, calib.Mark{Image: road{}.see(p.X, p.Y), Ground: pipeline.Point{X: p.Y, Y: -p.X}}) // ahead, left
	}
	h, err := calib.NewHomography(1280, 720, nil, 2, marks)
	if err != nil {
		t.Fatal(err)
	}
	return h
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
