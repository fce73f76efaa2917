package event_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/tracker/event"
)

func fullCounter(t testing.TB) *event.Counter {
	c := &event.Counter{Ground: plane(t)}
	ring := hall()
	ring.Holes = [][]pipeline.Point{points(260, 260, 340, 260, 340, 340, 260, 340)}
	ring.Loiter, ring.LeftBehind, ring.Removed = 2, 3, 3
	gate := pipeline.Zone{ID: "gate", Polygon: points(0, .2, .4, .2, .4, 1, 0, 1), TripsFrom: []string{"hall"}}
	cross := pipeline.Line{ID: "cross", From: pipeline.Point{X: .9, Y: .1}, To: pipeline.Point{X: .1, Y: .9}}
	for _, z := range []pipeline.Zone{ring, gate} {
		if err := c.SetZone(z); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []pipeline.Line{door(), cross} {
		if err := c.SetLine(l); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// FuzzCounter walks tracks at random, with broken numbers, clocks and sizes: the balance of
// each zone holds, nothing is counted that is not told, and all numbers can be told as JSON.
func FuzzCounter(f *testing.F) {
	for i := range uint64(8) {
		f.Add(i, uint8(i*30))
	}
	f.Fuzz(func(t *testing.T, seed uint64, wild uint8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		c := fullCounter(t)
		s := newStream(t, c)
		sec := 0.
		crossed := uint64(0)
		type walker struct {
			id           uint64
			x, y, vx, vy float64
		}
		var crowd []walker
		next := uint64(1)
		for range 150 {
			sec += .04 + .3*rng.Float64()
			if rng.IntN(256) < int(wild)/8 {
				sec += 20 * (rng.Float64() - .5)
			}
			if rng.IntN(256) < int(wild)/16 {
				s.w, s.h = 320+rng.IntN(3)*320, 240+rng.IntN(3)*240
				c.Reset(uint32(rng.IntN(9)))
			}
			if len(crowd) < 12 && rng.IntN(3) == 0 {
				crowd = append(crowd, walker{next, rng.Float64(), rng.Float64(), rng.NormFloat64() / 5, rng.NormFloat64() / 5})
				next++
			}
			var tracks []pipeline.Track
			for i := range crowd {
				w := &crowd[i]
				w.x, w.y = w.x+.1*w.vx, w.y+.1*w.vy
				if rng.IntN(40) == 0 { // another number
					w.id = next
					next++
				}
				k := float64(s.h) / 480
				tr := sized(w.id, w.x*float64(s.w), w.y*float64(s.h), 40*k, 100*k)
				tr.Parent = uint64(rng.IntN(int(next)))
				tr.Label = []string{"", "person", "car"}[rng.IntN(3)]
				tr.Velocity = pipeline.Point{X: w.vx * float64(s.w), Y: w.vy * float64(s.h)}
				if rng.IntN(256) < int(wild)/4 {
					*[]*float64{&tr.Box.X1, &tr.Box.Y1, &tr.Box.X2, &tr.Box.Y2, &tr.Velocity.X, &tr.Score}[rng.IntN(6)] =
						[]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1e300, 1e300}[rng.IntN(6)]
				}
				if rng.IntN(10) == 0 {
					tr.State, tr.Observed = pipeline.Lost, false
				}
				tracks = append(tracks, tr)
			}
			if len(crowd) > 0 && rng.IntN(20) == 0 {
				crowd = append(crowd[:0], crowd[1:]...)
			}
			for _, e := range s.frame(sec, tracks...) {
				e.Track.Mask = nil
				e.Track.Score, e.Track.Box, e.Track.Velocity = 0, pipeline.Box{}, pipeline.Point{} // the tracker's own
				if _, err := json.Marshal(e); err != nil {
					t.Fatalf("%s: %v", e.Kind, err)
				}
				if e.Kind == pipeline.EventLineCrossed {
					crossed++
				}
			}
			s.zone("hall")
			s.zone("gate")
			if _, err := json.Marshal(c.Counts()); err != nil {
				t.Fatal(err)
			}
		}
		a, b := s.line("door"), s.line("cross")
		if a[0]+a[1]+b[0]+b[1] != crossed {
			t.Errorf("lines %v and %v, but %d events", a, b, crossed)
		}
	})
}

// The same frames give the same counts and events.
func TestDeterministic(t *testing.T) {
	run := func() ([]string, *pipeline.Counts) {
		rng := rand.New(rand.NewPCG(5, 5))
		s := newStream(t, fullCounter(t))
		for i := range 400 {
			var tracks []pipeline.Track
			for id := uint64(1); id < 9; id++ {
				a := float64(i)/30 + float64(id)
				tr := at(id+8*uint64(i/100), 300+150*math.Sin(a)+rng.NormFloat64(), 300+120*math.Cos(1.3*a))
				tr.Label = []string{"person", "car"}[id%2]
				tracks = append(tracks, tr)
			}
			s.frame(float64(i)/25, tracks...)
		}
		return s.kinds(), s.counter.Counts()
	}
	k1, c1 := run()
	k2, c2 := run()
	if !reflect.DeepEqual(k1, k2) || !reflect.DeepEqual(c1, c2) {
		t.Error("two runs differ")
	}
	if len(k1) < 50 {
		t.Errorf("only %d events", len(k1))
	}
}

// Zones and lines may be changed and read while frames come.
func TestConcurrentChanges(t *testing.T) {
	c := fullCounter(t)
	s := newStream(t, c)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				z := hall()
				z.ID = string(rune('a' + rng.IntN(6)))
				l := door()
				l.ID = z.ID
				switch rng.IntN(6) {
				case 0:
					_ = c.SetZone(z)
				case 1:
					_ = c.DeleteZone(z.ID)
				case 2:
					_ = c.SetLine(l)
				case 3:
					_ = c.DeleteLine(l.ID)
				case 4:
					_ = c.ResetZone("hall")
				default:
					c.Counts()
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	s.play(0, 20, 25, func(sec float64) []pipeline.Track {
		return []pipeline.Track{at(1, 300+100*math.Sin(sec), 300), at(2, 300, 300+100*math.Sin(sec))}
	})
	close(stop)
	wg.Wait()
}

// crowd is a result with n tracks that move but cross nothing.
func crowd(t testing.TB, n int) (*pipeline.Result, func(i int)) {
	f, err := pipeline.NewFrame("yard", 640, 480, make([]byte, 3*640*480))
	if err != nil {
		t.Fatal(err)
	}
	f.Captured = time.Unix(1e9, 0)
	r := pipeline.NewResult(f)
	for i := range n {
		r.Tracks = append(r.Tracks, at(uint64(i+1), 210+float64(i*13%170), 210+float64(i*7%180)))
		r.Tracks[i].FirstSeen = f.Captured
	}
	return r, func(k int) {
		r.Events = r.Events[:0]
		f.Captured = f.Captured.Add(40 * time.Millisecond)
		d := 2 * math.Sin(float64(k))
		for i := range r.Tracks {
			b := &r.Tracks[i].Box
			b.X1, b.X2 = b.X1+d, b.X2+d
		}
	}
}

func TestNoAllocation(t *testing.T) {
	c := fullCounter(t)
	r, step := crowd(t, 100)
	k := 0
	run := func() {
		k++
		step(k)
		if err := c.Process(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	for range 500 {
		run()
	}
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%g allocations a frame", n)
	}
}

func BenchmarkProcess(b *testing.B) {
	for _, n := range []int{10, 100, 300} {
		b.Run(strconv.Itoa(n)+" tracks", func(b *testing.B) {
			c := fullCounter(b)
			r, step := crowd(b, n)
			k := 0
			b.ReportAllocs()
			for b.Loop() {
				k++
				step(k)
				_ = c.Process(context.Background(), r)
			}
		})
	}
}
