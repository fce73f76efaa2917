package obstacle_test

import (
	"context"
	"math"
	"testing"
	"time"

	"outrider/calib"
	"outrider/pipeline"
	"outrider/pipeline/mask"
	. "outrider/tracker/obstacle"
)

const (
	frameW, frameH = 1280, 720
	cameraHeight   = 1.4
	front          = 1.5
)

// mount is the camera of the tests: two degrees down.
var mount = calib.Mount{Height: cameraHeight, Pitch: 2 * math.Pi / 180, Front: front}

func intrinsics() calib.Intrinsics {
	return calib.Intrinsics{Width: frameW, Height: frameH, FX: 1000, FY: 1000, CX: frameW / 2, CY: frameH / 2, Model: calib.PlumbBob}
}

func plane(t testing.TB, m calib.Mount) calib.Plane {
	t.Helper()
	cam, err := calib.New(intrinsics())
	if err != nil {
		t.Fatal(err)
	}
	p, err := calib.NewPlane(cam, m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// board is an upright board on the road, or a patch on it.
type board struct {
	id            uint64
	x, y          float64 // of its foot, from the camera
	width, height float64
	length        float64 // of what lies on the ground, instead of height
}

// mask draws the board as the camera sees it.
func (b board) mask(p calib.Plane) *mask.Mask {
	farX, top := b.x, b.height
	if b.length > 0 {
		farX, top = b.x+b.length, 0
	}
	var ring [][2]float64
	for _, c := range [4][3]float64{{b.x, b.y + b.width/2, 0}, {b.x, b.y - b.width/2, 0}, {farX, b.y - b.width/2, top}, {farX, b.y + b.width/2, top}} {
		if at, ok := p.Project(c[0], c[1], c[2]); ok {
			ring = append(ring, [2]float64{at.X, at.Y})
		}
	}
	return mask.FromPolygons(mask.FrameGrid(frameW, frameH), [][][2]float64{ring})
}

// world is a camera's view of boards on an endless road.
type world struct {
	t      testing.TB
	stage  *Stage
	see    calib.Plane // the truth
	road   *mask.Mask
	pool   pipeline.ResultPool
	pixels []byte
	seq    uint64
	now    time.Time
	ego    Ego
	noRoad bool
}

func (w *world) Ego(*pipeline.Frame) Ego { return w.ego }

func newWorld(t testing.TB, s *Stage) *world {
	w := &world{t: t, stage: s, see: plane(t, mount), pixels: make([]byte, 3*frameW*frameH), now: time.Unix(1_700_000_000, 0)}
	g := mask.Grid{W: frameW / 8, H: frameH / 8, SX: 8, SY: 8}
	w.road = mask.New(g, g.Bounds())
	for j := range g.H {
		for i := range g.W {
			if spot, ok := w.see.Ground(pipeline.Point{X: float64(i)*8 + 4, Y: float64(j)*8 + 4}); ok && math.Abs(spot.Y) < 5 && spot.X < 120 {
				w.road.Set(i, j)
			}
		}
	}
	s.Ego = w
	return w
}

// said is what the stage says of a frame.
type said struct {
	Road      pipeline.Road
	Obstacles []pipeline.Obstacle
	Events    []pipeline.Event
}

// step shows boards and returns a copy of what the stage says, checked for sanity.
func (w *world) step(dt float64, boards ...board) said {
	w.t.Helper()
	w.now = w.now.Add(time.Duration(dt * float64(time.Second)))
	w.seq++
	f, err := pipeline.NewFrame("road", frameW, frameH, w.pixels)
	if err != nil {
		w.t.Fatal(err)
	}
	f.Seq, f.Epoch, f.Captured = w.seq, 1, w.now
	r := w.pool.Get(f)
	f.Release()
	if !w.noRoad {
		r.Drivable = w.road
	}
	for _, b := range boards {
		m := b.mask(w.see)
		x1, y1, x2, y2 := m.FrameBounds()
		if m.Empty() {
			continue
		}
		r.Tracks = append(r.Tracks, pipeline.Track{ID: b.id, Box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}, Mask: m, State: pipeline.Confirmed, Observed: true, Score: 1, Segment: -1, Epoch: 1})
	}
	if err := w.stage.Process(context.Background(), r); err != nil {
		w.t.Fatal(err)
	}
	out := said{Road: r.Road}
	for i := range r.Obstacles {
		checkSane(w.t, &r.Obstacles[i])
		out.Obstacles = append(out.Obstacles, r.Obstacles[i].Clone())
	}
	out.Events = append(out.Events, r.Events...)
	r.Release()
	return out
}

// checkSane holds what must be true of every obstacle whatever the input.
func checkSane(t testing.TB, o *pipeline.Obstacle) {
	t.Helper()
	for name, v := range map[string]*float64{
		"distance": o.Distance, "lo": o.DistanceLo, "hi": o.DistanceHi, "lateral": o.Lateral, "width": o.Width,
		"height": o.Height, "closing": o.Closing, "ttc": o.TTC, "ttc sigma": o.TTCSigma,
	} {
		if v == nil {
			continue
		}
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			t.Fatalf("track %d: %s is %v", o.TrackID, name, *v)
		}
		if *v < 0 && name != "lateral" && name != "closing" {
			t.Fatalf("track %d: %s is %v", o.TrackID, name, *v)
		}
	}
	if o.Distance != nil && o.DistanceLo != nil && *o.DistanceLo > *o.Distance+1e-9 || o.DistanceHi != nil && *o.DistanceHi < *o.Distance-1e-9 {
		t.Fatalf("track %d: %g m is not within its interval", o.TrackID, *o.Distance)
	}
	if o.Level < pipeline.LevelNone || o.Level > pipeline.LevelCritical {
		t.Fatalf("track %d: level %d", o.TrackID, o.Level)
	}
	if math.IsNaN(o.Contact.X + o.Contact.Y) {
		t.Fatalf("track %d: contact %v", o.TrackID, o.Contact)
	}
}

// approach drives towards boards at speed v from t = 0 to the end, and calls look each frame.
func (w *world) approach(v, seconds float64, look func(t float64, r said), boards ...board) {
	const dt = 0.05
	moved := make([]board, len(boards))
	for i := 0; float64(i)*dt < seconds; i++ {
		for k := range boards {
			moved[k] = boards[k]
			moved[k].x -= v * float64(i) * dt
		}
		r := w.step(dt, moved...)
		if look != nil {
			look(float64(i)*dt, r)
		}
	}
}

func find(r said, id uint64) *pipeline.Obstacle {
	for i := range r.Obstacles {
		if r.Obstacles[i].TrackID == id {
			return &r.Obstacles[i]
		}
	}
	return nil
}

func fixed(t testing.TB) *Stage { return &Stage{Calibration: Fixed{Road: plane(t, mount)}} }

func TestApproach(t *testing.T) {
	for _, c := range []struct {
		name  string
		board board
		speed float64
		ego   bool
	}{
		{"a man", board{id: 1, x: 60, width: .6, height: 1.75}, 12, true},
		{"a man, own speed unknown", board{id: 1, x: 60, width: .6, height: 1.75}, 12, false},
		{"a tyre", board{id: 1, x: 45, y: -.4, width: .6, height: .3}, 8, true},
		{"a car", board{id: 1, x: 60, width: 1.8, height: 1.5}, 5, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, fixed(t))
			w.ego = Ego{Speed: c.speed, HasSpeed: c.ego}
			var last pipeline.WarningLevel
			rises, seen := 0, 0
			seconds := (c.board.x - front - 1.5) / c.speed
			w.approach(c.speed, seconds, func(at float64, r said) {
				o := find(r, 1)
				x := c.board.x - c.speed*at - front
				if o == nil {
					if at > 1 {
						t.Errorf("%.2f s: nothing is reported at %.1f m", at, x)
					}
					return
				}
				seen++
				if at > 1 && x > 3 {
					if e := math.Abs(*o.Distance-x) / x; e > .04 {
						t.Errorf("%.2f s: %.2f m, want %.2f", at, *o.Distance, x)
					}
					if ttc := x / c.speed; ttc < 4 && (o.TTC == nil || math.Abs(*o.TTC-ttc) > .12*ttc) {
						t.Errorf("%.2f s: time to collision %v, want %.2f", at, o.TTC, ttc)
					}
					if !o.InCorridor {
						t.Errorf("%.2f s: not in the way", at)
					}
				}
				if o.Level < last {
					t.Errorf("%.2f s: level %d after %d", at, o.Level, last)
				}
				if o.Level > last {
					rises++
				}
				last = o.Level
				for i := range r.Events {
					if e := &r.Events[i]; e.Kind != pipeline.EventObstacle || e.Data["distance_m"] == nil || e.ID == "" {
						t.Errorf("event %+v", e)
					}
				}
			}, c.board)
			if last != pipeline.LevelCritical || seen == 0 {
				t.Errorf("the last level is %v", last)
			}
		})
	}
}

func TestNoWarning(t *testing.T) {
	for _, c := range []struct {
		name  string
		board board
		speed float64
	}{
		{"beside the way", board{id: 1, x: 50, y: 3.4, width: 1.8, height: 1.5}, 10},
		{"beside the road", board{id: 1, x: 50, y: -7, width: .6, height: 1.7}, 10},
		{"a patch", board{id: 1, x: 50, width: 2, length: 3}, 12},
		{"a long shadow", board{id: 1, x: 50, width: 2.5, length: 6}, 12},
		{"a manhole", board{id: 1, x: 50, width: .7, length: .7}, 12},
		{"ahead at our speed", board{id: 1, x: 25, width: 1.8, height: 1.5}, 0},
		{"going away", board{id: 1, x: 15, width: 1.8, height: 1.5}, -4},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, fixed(t))
			w.ego = Ego{Speed: math.Max(c.speed, 12), HasSpeed: c.speed != -4}
			w.approach(c.speed, math.Min(4, (c.board.x-4)/math.Max(c.speed, 1)), func(at float64, r said) {
				if o := find(r, 1); o != nil && o.Level >= pipeline.LevelCaution {
					t.Errorf("%.2f s: level %v", at, o.Level)
				}
			}, c.board)
		})
	}
}

func TestIDSwitchInheritsTheLevel(t *testing.T) {
	w := newWorld(t, fixed(t))
	w.ego = Ego{Speed: 12, HasSpeed: true}
	b := board{x: 45, width: 1, height: 1.2}
	events, changes := 0, 0
	var last pipeline.WarningLevel
	const dt = .05
	for i := range 66 {
		now := b
		now.x -= 12 * dt * float64(i)
		now.id = 1 + uint64(i/9)
		r := w.step(dt, now)
		if o := find(r, now.id); o != nil {
			if o.Level != last {
				changes++
			}
			last = o.Level
		} else if i > 10 {
			t.Errorf("frame %d: lost with the id", i)
		}
		events += len(r.Events)
	}
	if last != pipeline.LevelCritical || changes > 4 || events > 3 {
		t.Errorf("level %v after %d changes and %d events", last, changes, events)
	}
}

// TestNearBlindZone: the foot leaves the picture at 4.1 m; from there the growth of the width
// tells the distance.
func TestNearBlindZone(t *testing.T) {
	w := newWorld(t, fixed(t))
	w.ego = Ego{Speed: 4, HasSpeed: true}
	blind := 0
	b := board{id: 1, x: 14, width: 1.2, height: 1.2}
	w.approach(4, (14-1.9)/4, func(at float64, r said) {
		x := 14 - 4*at
		foot, _ := w.see.Project(x, 0, 0)
		o := find(r, 1)
		if at < .5 || foot.Y < frameH {
			return
		}
		blind++
		if o == nil || math.Abs(*o.Distance-(x-front)) > .06*x {
			t.Errorf("at %.2f m: %+v", x-front, o)
		}
	}, b)
	if blind < 5 {
		t.Fatalf("only %d frames in the blind zone", blind)
	}
}

func TestUncalibrated(t *testing.T) {
	w := newWorld(t, &Stage{})
	top := pipeline.LevelNone
	w.approach(12, 3.3, func(at float64, r said) {
		if r.Road.Status != pipeline.RoadUncalibrated {
			t.Fatalf("status %q", r.Road.Status)
		}
		o := find(r, 1)
		if o == nil {
			return
		}
		if o.Distance != nil || o.DistanceLo != nil || o.Closing != nil || o.Lateral != nil || o.Width != nil {
			t.Fatalf("metres without calibration: %+v", o)
		}
		if want := (45 - 12*at) / 12; at > 1 && (o.TTC == nil || math.Abs(*o.TTC-want) > .15*want) {
			t.Errorf("%.2f s: time to collision %v, want %.2f", at, o.TTC, want)
		}
		top = max(top, o.Level)
	}, board{id: 1, x: 45, width: 1.8, height: 1.5})
	if top != pipeline.LevelCritical {
		t.Errorf("the highest level is %v", top)
	}
}

// TestBadInput: each of these must lead to a sane answer; step checks that nothing is NaN or
// negative.
func TestBadInput(t *testing.T) {
	car := board{id: 1, x: 30, width: 1.8, height: 1.5}
	t.Run("calibration of another aspect", func(t *testing.T) {
		in := intrinsics()
		in.Width, in.CX = 960, 480
		cam, err := calib.New(in)
		if err != nil {
			t.Fatal(err)
		}
		p, err := calib.NewPlane(cam, mount)
		if err != nil {
			t.Fatal(err)
		}
		r := newWorld(t, &Stage{Calibration: Fixed{Road: p}}).step(.05, car)
		if r.Road.Status != pipeline.RoadInvalid || r.Road.Reason == "" {
			t.Errorf("status %q, reason %q", r.Road.Status, r.Road.Reason)
		}
	})
	t.Run("calibration at half the size", func(t *testing.T) {
		in := intrinsics()
		in.Width, in.Height, in.FX, in.FY, in.CX, in.CY = 640, 360, 500, 500, 320, 180
		cam, err := calib.New(in)
		if err != nil {
			t.Fatal(err)
		}
		p, err := calib.NewPlane(cam, mount)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, &Stage{Calibration: Fixed{Road: p}})
		w.approach(8, 1.5, func(at float64, r said) {
			if o := find(r, 1); r.Road.Status != pipeline.RoadCalibrated || at > 1 && (o == nil || math.Abs(*o.Distance-(30-8*at-front)) > 1) {
				t.Errorf("%.2f s: %q %+v", at, r.Road.Status, o)
			}
		}, car)
	})
	t.Run("no calibration yet", func(t *testing.T) {
		if r := newWorld(t, &Stage{Calibration: none{}}).step(.05, car); r.Road.Status != pipeline.RoadUncalibrated {
			t.Errorf("status %q", r.Road.Status)
		}
	})
	t.Run("focal length", func(t *testing.T) {
		for _, f := range []float64{0, math.NaN(), math.Inf(1), -1000} {
			in := intrinsics()
			in.FX = f
			if _, err := calib.New(in); err == nil {
				t.Errorf("a focal length of %v was taken", f)
			}
		}
	})
	t.Run("horizon outside the picture", func(t *testing.T) {
		m := mount
		for _, pitch := range []float64{-40, 45} {
			m.Pitch = pitch * math.Pi / 180
			r := newWorld(t, &Stage{Calibration: Fixed{Road: plane(t, m)}}).step(.05, car)
			if r.Road.Status != pipeline.RoadInvalid {
				t.Errorf("pitch %g: status %q", pitch, r.Road.Status)
			}
		}
	})
	t.Run("camera upside down", func(t *testing.T) {
		cam, err := calib.New(intrinsics())
		if err != nil {
			t.Fatal(err)
		}
		m := mount
		m.Roll = math.Pi
		if _, err := calib.NewPlane(cam, m); err == nil {
			t.Error("it was taken")
		}
	})
	t.Run("night: nothing is seen", func(t *testing.T) {
		w := newWorld(t, fixed(t))
		w.noRoad = true
		for range 20 {
			if r := w.step(.05); len(r.Obstacles) != 0 || len(r.Road.Free) != 0 {
				t.Fatalf("%+v", r.Obstacles)
			}
		}
	})
	t.Run("rain drops stay where they are", func(t *testing.T) {
		w := newWorld(t, fixed(t))
		w.ego = Ego{Speed: 14, HasSpeed: true}
		for i := range 100 {
			// A drop stands still in the picture while the road rushes by.
			r := w.step(.05, board{id: 1, x: 12, width: .3, height: .4}, board{id: 2, x: 9, y: .5, width: .2, height: .2})
			for k := range r.Obstacles {
				if i > 10 && r.Obstacles[k].Level >= pipeline.LevelCaution {
					t.Fatalf("frame %d: level %v", i, r.Obstacles[k].Level)
				}
			}
		}
	})
	t.Run("standing still", func(t *testing.T) {
		w := newWorld(t, fixed(t))
		w.ego = Ego{HasSpeed: true}
		for range 60 {
			if r := w.step(.05, board{id: 1, x: 4.5, width: 1.8, height: 1.5}); len(r.Obstacles) > 0 && r.Obstacles[0].Level > 0 {
				t.Fatalf("level %v", r.Obstacles[0].Level)
			}
		}
	})
	t.Run("reverse", func(t *testing.T) {
		w := newWorld(t, fixed(t))
		w.ego = Ego{Speed: -3, HasSpeed: true}
		w.approach(-3, 3, func(_ float64, r said) {
			if o := find(r, 1); o != nil && (o.Level > 0 || o.TTC != nil && *o.TTC < 3) {
				t.Fatalf("%+v", o)
			}
		}, board{id: 1, x: 6, width: 1.8, height: 1.5})
	})
	t.Run("broken speed", func(t *testing.T) {
		w := newWorld(t, fixed(t))
		for i, v := range []float64{math.NaN(), math.Inf(1), 1e9, -1e9, 10, math.NaN()} {
			w.ego = Ego{Speed: v, HasSpeed: true, YawRate: v, HasYaw: true}
			for range 4 {
				w.step(.05, board{id: 1, x: 30 - float64(i), width: 1.8, height: 1.5})
			}
		}
	})
	t.Run("the clock jumps", func(t *testing.T) {
		w := newWorld(t, fixed(t))
		w.ego = Ego{Speed: 8, HasSpeed: true}
		for i, dt := range []float64{.05, .05, .05, .05, -3, .05, 0, .05, 3600, .05, .05, .05, .05, .05} {
			w.step(dt, board{id: 1, x: 30 - .4*float64(i), width: 1.8, height: 1.5})
		}
		if r := w.step(.05, board{id: 1, x: 24, width: 1.8, height: 1.5}); len(r.Obstacles) != 1 || math.Abs(*r.Obstacles[0].Distance-(24-front)) > 1.5 {
			t.Errorf("%+v", r.Obstacles)
		}
	})
	t.Run("a tunnel's mouth blinds the camera", func(t *testing.T) {
		w := newWorld(t, fixed(t))
		w.ego = Ego{Speed: 10, HasSpeed: true}
		for i := range 60 {
			x := 45 - .5*float64(i)
			w.noRoad = i >= 20 && i < 30
			if w.noRoad {
				w.step(.05)
				continue
			}
			r := w.step(.05, board{id: 1, x: x, width: 1.8, height: 1.5})
			if o := find(r, 1); i > 35 && (o == nil || math.Abs(*o.Distance-(x-front)) > .06*x) {
				t.Errorf("frame %d: %+v, want %.1f", i, o, x-front)
			}
		}
	})
	t.Run("masks without extent", func(t *testing.T) {
		w := newWorld(t, fixed(t))
		f, err := pipeline.NewFrame("road", frameW, frameH, w.pixels)
		if err != nil {
			t.Fatal(err)
		}
		f.Captured = w.now
		r := pipeline.NewResult(f)
		g := mask.FrameGrid(frameW, frameH)
		for i, m := range []*mask.Mask{nil, {}, mask.New(g, g.Bounds())} {
			r.Tracks = append(r.Tracks, pipeline.Track{ID: uint64(i + 1), Box: pipeline.Box{X1: 1, Y1: 1, X2: 9, Y2: 9}, Mask: m, State: pipeline.Confirmed, Observed: true})
		}
		r.Tracks = append(r.Tracks, pipeline.Track{ID: 9, Box: pipeline.Box{X1: math.NaN()}, State: pipeline.Lost})
		if err := w.stage.Process(context.Background(), r); err != nil || len(r.Obstacles) != 0 {
			t.Errorf("%v %+v", err, r.Obstacles)
		}
	})
}

// none is a calibration that is not there yet.
type none struct{}

func (none) Plane(time.Time) (calib.Plane, bool) { return calib.Plane{}, false }

// scene50 steps through frames with 50 tracks on the grid of a network's masks.
func scene50(t testing.TB) (step func() (obstacles int)) {
	s := fixed(t)
	w := newWorld(t, s)
	w.ego = Ego{Speed: 10, HasSpeed: true}
	g := mask.Grid{W: 160, H: 90, SX: 8, SY: 8}
	f, err := pipeline.NewFrame("road", frameW, frameH, w.pixels)
	if err != nil {
		t.Fatal(err)
	}
	f.Captured = w.now
	var tracks []pipeline.Track
	for i := 0; len(tracks) < 50; i++ {
		b := board{x: 6 + float64(i), y: float64(i%7) - 3, width: 1 + float64(i%3)*.4, height: .5 + float64(i%4)*.4}
		m := b.mask(w.see).Resample(g)
		if m.Empty() {
			continue
		}
		x1, y1, x2, y2 := m.FrameBounds()
		tracks = append(tracks, pipeline.Track{ID: uint64(i + 1), Box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}, Mask: m, State: pipeline.Confirmed, Observed: true, Segment: -1})
	}
	return func() int {
		f.Captured = f.Captured.Add(50 * time.Millisecond)
		r := w.pool.Get(f)
		defer r.Release()
		r.Drivable = w.road
		r.Tracks = append(r.Tracks, tracks...)
		if err := s.Process(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		return len(r.Obstacles)
	}
}

func TestNoAllocations(t *testing.T) {
	step := scene50(t)
	n := 0
	for range 40 {
		n = step()
	}
	if n < 20 {
		t.Fatalf("only %d obstacles of 50 tracks", n)
	}
	if n := testing.AllocsPerRun(100, func() { step() }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkStage50(b *testing.B) {
	step := scene50(b)
	for range 30 {
		step()
	}
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}
