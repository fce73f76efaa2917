package event_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"outrider/pipeline"
)

// move is a way at a constant pace from (x1, y1) to (x2, y2) between two times.
type move struct{ t1, x1, y1, t2, x2, y2 float64 }

// along is where the moves say that something is; false outside all of them.
func along(moves []move, sec float64) (x, y float64, ok bool) {
	for _, m := range moves {
		if sec >= m.t1-1e-9 && sec < m.t2-1e-9 {
			k := (sec - m.t1) / (m.t2 - m.t1)
			return m.x1 + k*(m.x2-m.x1), m.y1 + k*(m.y2-m.y1), true
		}
	}
	return 0, 0, false
}

func TestLine(t *testing.T) {
	tests := []struct {
		name  string
		moves []move
		want  [2]uint64
	}{
		{"downwards is in", []move{{0, 300, 200, 2, 300, 400}}, [2]uint64{1, 0}},
		{"upwards is out", []move{{0, 300, 400, 2, 300, 200}}, [2]uint64{0, 1}},
		{"there and back", []move{{0, 300, 200, 2, 300, 400}, {2, 300, 400, 4, 300, 200}}, [2]uint64{1, 1}},
		{"slantwise", []move{{0, 220, 240, 2, 390, 360}}, [2]uint64{1, 0}},
		{"fast", []move{{0, 300, 60, .5, 300, 100}, {.5, 300, 100, .7, 300, 470}, {.7, 300, 470, 1.2, 300, 475}}, [2]uint64{1, 0}},
		{"up to it and back", []move{{0, 300, 200, 1, 300, 299}, {1, 300, 299, 2, 300, 200}}, [2]uint64{}},
		{"exactly onto it and back", []move{{0, 300, 200, 1, 300, 300}, {1, 300, 300, 2, 300, 300}, {2, 300, 300, 3, 300, 200}}, [2]uint64{}},
		{"onto it, a rest, and over", []move{{0, 300, 200, 1, 300, 300}, {1, 300, 300, 3, 300, 300}, {3, 300, 300, 4, 300, 400}}, [2]uint64{1, 0}},
		{"along it", []move{{0, 150, 300, 4, 450, 300}}, [2]uint64{}},
		{"along it, a hair above and below", []move{{0, 150, 299, 2, 300, 301}, {2, 300, 301, 4, 450, 299}}, [2]uint64{}},
		{"a tangent by an arc of two pixels", []move{{0, 210, 290, 1, 300, 302}, {1, 300, 302, 2, 390, 290}}, [2]uint64{}},
		{"past its left end", []move{{0, 180, 200, 2, 180, 400}}, [2]uint64{}},
		{"past its right end", []move{{0, 420, 200, 2, 420, 400}}, [2]uint64{}},
		{"over it, and back round its end", []move{{0, 300, 200, 1, 300, 380}, {1, 300, 380, 2, 460, 380}, {2, 460, 380, 3, 460, 200}}, [2]uint64{1, 0}},
		{"round its end twice", []move{{0, 460, 200, 1, 460, 400}, {1, 460, 400, 2, 460, 200}}, [2]uint64{}},
		{"begins on it", []move{{0, 300, 300, 1, 300, 300}, {1, 300, 300, 2, 300, 400}}, [2]uint64{}},
		{"begins just before it", []move{{0, 300, 285, .1, 300, 315}, {.1, 300, 315, 1, 300, 400}}, [2]uint64{}},
		{"ends just behind it", []move{{0, 300, 200, 1, 300, 312}}, [2]uint64{}},
		{"over it in one flicker", []move{{0, 300, 200, 1, 300, 250}, {1, 300, 350, 1.04, 300, 350}, {1.04, 300, 250, 2, 300, 200}}, [2]uint64{}},
		{"three flickers", []move{{0, 300, 250, 1, 300, 250}, {1, 300, 350, 1.04, 300, 350}, {1.04, 300, 250, 1.5, 300, 250},
			{1.5, 300, 350, 1.54, 300, 350}, {1.54, 300, 250, 2, 300, 250}, {2, 300, 350, 2.04, 300, 350}, {2.04, 300, 250, 3, 300, 250}}, [2]uint64{}},
		{"a flicker back while it crosses", []move{{0, 300, 200, 1, 300, 340}, {1, 300, 260, 1.04, 300, 260}, {1.04, 300, 340, 2, 300, 400}}, [2]uint64{1, 0}},
		{"unseen while it crosses", []move{{0, 300, 200, 1, 300, 280}, {2, 300, 320, 3, 300, 400}}, [2]uint64{1, 0}},
		{"unseen for so long that the way is anyone's guess", []move{{0, 300, 200, 1, 300, 280}, {30, 300, 320, 31, 300, 400}}, [2]uint64{}},
	}
	for _, fps := range []float64{5, 25, 60} {
		for _, tc := range tests {
			if fps == 5 && (tc.name == "fast" || tc.name == "a flicker back while it crosses") {
				continue // there is too little to see at this rate
			}
			t.Run(tc.name, func(t *testing.T) {
				s := newStream(t, withLine(t, door()))
				end := 0.
				for _, m := range tc.moves {
					end = max(end, m.t2)
				}
				s.play(0, end, fps, func(sec float64) []pipeline.Track {
					x, y, ok := along(tc.moves, sec)
					if !ok {
						return nil
					}
					return []pipeline.Track{at(1, x, y)}
				})
				if got := s.line("door"); got != tc.want {
					t.Errorf("at %g frames/s: in, out = %v, want %v (%v)", fps, got, tc.want, s.kinds())
				}
				if n := len(s.of(pipeline.EventLineCrossed)); uint64(n) != tc.want[0]+tc.want[1] {
					t.Errorf("at %g frames/s: %d events", fps, n)
				}
			})
		}
	}
}

// Someone who stands on a line and sways, as boxes and people do, is not counted. One who then
// walks on is, once.
func TestJitterOnTheLine(t *testing.T) {
	for _, size := range []float64{20, 100, 300} {
		rng := rand.New(rand.NewPCG(1, uint64(size)))
		s := newStream(t, withLine(t, door()))
		shake := 0.05 * size // of the box's height: far more than a detector's
		person := func(y float64) []pipeline.Track {
			return []pipeline.Track{sized(1, 300+shake*rng.NormFloat64(), y+shake*rng.NormFloat64(), .4*size, size)}
		}
		s.play(0, 2, 25, func(sec float64) []pipeline.Track { return person(300 - size*(1-sec/2)) })
		s.play(2, 120, 25, func(float64) []pipeline.Track { return person(300) })
		if got := s.line("door"); got != [2]uint64{} {
			t.Errorf("size %g: in, out = %v while standing on the line", size, got)
		}
		s.play(120, 122, 25, func(sec float64) []pipeline.Track { return person(300 + size*(sec-120)/2) })
		if got := s.line("door"); got != [2]uint64{1, 0} {
			t.Errorf("size %g: in, out = %v, want one in", size, got)
		}
	}
}

func TestCrossingSaysWhereAndWhen(t *testing.T) {
	s := newStream(t, withLine(t, door()))
	s.play(0, 2, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(7, 250+50*sec, 210+100*sec)} })
	events := s.of(pipeline.EventLineCrossed)
	if len(events) != 1 {
		t.Fatalf("events %v", s.kinds())
	}
	e := events[0]
	if e.Line != "door" || e.Camera != "yard" || e.Track.ID != 7 || e.ID == "" || e.Data["direction"] != pipeline.In {
		t.Errorf("event %+v", e)
	}
	if p := e.Data["point"].(pipeline.Point); math.Abs(p.X-295) > .01 || math.Abs(p.Y-300) > .01 {
		t.Errorf("point %v, want (295, 300)", p)
	}
	if d := e.Data["crossed_at"].(time.Time).Sub(s.start.Add(900 * time.Millisecond)); d.Abs() > time.Millisecond {
		t.Errorf("crossed %v beside its time", d)
	}
}

func TestTwoLinesAtOnce(t *testing.T) {
	low := door()
	low.ID, low.From.Y, low.To.Y = "low", 301, 301
	back := door()
	back.ID, back.From, back.To = "back", back.To, back.From
	s := newStream(t, withLine(t, door(), low, back))
	// One frame is above both, the next below both.
	s.play(0, .6, 25, func(float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 250)} })
	s.play(.6, 2, 25, func(float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 350)} })
	for id, want := range map[string][2]uint64{"door": {1, 0}, "low": {1, 0}, "back": {0, 1}} {
		if got := s.line(id); got != want {
			t.Errorf("%s: in, out = %v, want %v", id, got, want)
		}
	}
	// A cross of two lines, passed near its middle.
	a := pipeline.Line{ID: "a", From: pipeline.Point{X: 200, Y: 200}, To: pipeline.Point{X: 400, Y: 400}}
	b := pipeline.Line{ID: "b", From: pipeline.Point{X: 400, Y: 200}, To: pipeline.Point{X: 200, Y: 400}}
	s = newStream(t, withLine(t, a, b))
	s.play(0, 2, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 200+100*sec, 301)} })
	if a, b := s.line("a"), s.line("b"); a != [2]uint64{0, 1} || b != [2]uint64{0, 1} {
		t.Errorf("cross: a %v, b %v", a, b)
	}
}

// The number of an object changes just where it crosses: it is counted once all the same, since
// the new number takes over what was known of the old one.
func TestIDSwitchOnTheLine(t *testing.T) {
	for _, gap := range []float64{0, .2, .8} {
		s := newStream(t, withLine(t, door()))
		walk := func(sec float64) float64 { return 200 + 100*sec }
		v := pipeline.Point{Y: 100}
		s.play(0, 1, 25, func(sec float64) []pipeline.Track {
			a := at(1, 300, walk(sec))
			a.Velocity = v
			return []pipeline.Track{a}
		})
		s.play(1, 1+gap, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{lost(1, 300, walk(sec))} })
		s.play(1+gap, 3, 25, func(sec float64) []pipeline.Track {
			b := at(2, 300, walk(sec))
			b.Velocity = v
			return []pipeline.Track{lost(1, 300, walk(sec)), b}
		})
		if got := s.line("door"); got != [2]uint64{1, 0} {
			t.Errorf("gap %g s: in, out = %v, want one in (%v)", gap, got, s.kinds())
		}
	}
	// Another object that comes up elsewhere, or beside a track that is still seen, is no heir.
	s := newStream(t, withLine(t, door()))
	s.play(0, 1, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 250)} })
	s.play(1, 3, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{lost(1, 300, 250), at(2, 380, 380)} })
	if got := s.line("door"); got != [2]uint64{} {
		t.Errorf("elsewhere: in, out = %v", got)
	}
	s = newStream(t, withLine(t, door()))
	s.play(0, 1, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 290)} })
	s.play(1, 3, 25, func(sec float64) []pipeline.Track {
		return []pipeline.Track{at(1, 300, 290), at(2, 300, 310)}
	})
	if got := s.line("door"); got != [2]uint64{} {
		t.Errorf("beside: in, out = %v", got)
	}
}

func TestLostAndResumedAcrossTheLine(t *testing.T) {
	s := newStream(t, withLine(t, door()))
	s.play(0, 1, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 200+80*sec)} })
	// Predictions cross the line and come back: they are nobody's steps.
	s.play(1, 1.5, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{lost(1, 300, 280+200*(sec-1))} })
	if got := s.line("door"); got != [2]uint64{} {
		t.Errorf("predicted: in, out = %v", got)
	}
	s.play(1.5, 3, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 330+40*(sec-1.5))} })
	if got := s.line("door"); got != [2]uint64{1, 0} {
		t.Errorf("resumed: in, out = %v, want one in", got)
	}
}

// Tracks that are tentative, without an id, background, or broken numbers count nowhere.
func TestWhatCountsNowhere(t *testing.T) {
	nan := math.NaN()
	for name, change := range map[string]func(*pipeline.Track){
		"tentative":    func(t *pipeline.Track) { t.State = pipeline.Tentative },
		"no id":        func(t *pipeline.Track) { t.ID = 0 },
		"background":   func(t *pipeline.Track) { t.Stuff = true },
		"predicted":    func(t *pipeline.Track) { t.Observed = false },
		"ended":        func(t *pipeline.Track) { t.State = pipeline.Ended },
		"not a number": func(t *pipeline.Track) { t.Box.Y2 = nan },
		"infinite":     func(t *pipeline.Track) { t.Box.X1 = math.Inf(-1) },
		"no width":     func(t *pipeline.Track) { t.Box.X2 = t.Box.X1 },
		"inside out":   func(t *pipeline.Track) { t.Box.Y1, t.Box.Y2 = t.Box.Y2, t.Box.Y1 },
	} {
		c := withLine(t, door())
		if err := c.SetZone(hall()); err != nil {
			t.Fatal(err)
		}
		s := newStream(t, c)
		s.play(0, 4, 25, func(sec float64) []pipeline.Track {
			a := at(1, 300, 180+60*sec)
			change(&a)
			return []pipeline.Track{a}
		})
		if got, z := s.line("door"), s.zone("hall"); got != [2]uint64{} || z.Inside != 0 || z.Entered != 0 || z.Appeared != 0 || len(s.events) != 0 {
			t.Errorf("%s: in, out = %v, zone %+v, events %v", name, got, z, s.kinds())
		}
	}
}

func TestLineFollowsTheFrameSize(t *testing.T) {
	l := door()
	l.Size = [2]int{} // pixels of the stream as it is first seen
	c := withLine(t, l)
	s := newStream(t, c)
	cross := func(from float64, id uint64) {
		k := float64(s.h) / 480
		s.play(from, from+2, 25, func(sec float64) []pipeline.Track {
			return []pipeline.Track{sized(id, 300*k, (200+100*(sec-from))*k, 40*k, 100*k)}
		})
	}
	cross(0, 1)
	s.w, s.h = 1280, 960
	c.Reset(2)
	cross(3, 2)
	s.w, s.h = 320, 240
	c.Reset(3)
	cross(6, 3)
	if got := s.line("door"); got != [2]uint64{3, 0} {
		t.Errorf("in, out = %v, want three in", got)
	}
	if got := c.Counts().Lines[0]; got.Size != [2]int{640, 480} || got.Ends[0] != (pipeline.Point{X: 100, Y: 150}) {
		t.Errorf("size %v, ends %v", got.Size, got.Ends)
	}
	// Shares of the picture.
	s = newStream(t, withLine(t, pipeline.Line{ID: "door", From: pipeline.Point{X: .3, Y: .625}, To: pipeline.Point{X: .7, Y: .625}}))
	s.w, s.h = 320, 240
	cross(0, 1)
	if got := s.line("door"); got != [2]uint64{1, 0} {
		t.Errorf("shares: in, out = %v", got)
	}
	// The size changes while someone is on the way: its track ends with the old size, and the
	// new one goes on from where it was.
	s = newStream(t, withLine(t, door()))
	s.play(0, .8, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 220+100*sec)} })
	s.w, s.h = 1280, 960
	s.counter.Reset(2)
	s.play(.8, 2, 25, func(sec float64) []pipeline.Track {
		return []pipeline.Track{sized(2, 600, 2*(220+100*sec), 80, 200)}
	})
	if got := s.line("door"); got != [2]uint64{1, 0} {
		t.Errorf("in mid-way: in, out = %v, want one in (%v)", got, s.kinds())
	}
}

func TestLineFilter(t *testing.T) {
	walk := func(s *stream, id uint64, label func(sec float64) string) {
		s.play(0, 4, 25, func(sec float64) []pipeline.Track {
			a := at(id, 300, 200+50*sec)
			a.Label = label(sec)
			return []pipeline.Track{a}
		})
	}
	cars := door()
	cars.Labels = []string{"car"}
	for _, tc := range []struct {
		name  string
		label func(sec float64) string
		want  [2]uint64
	}{
		{"from the start", func(float64) string { return "car" }, [2]uint64{1, 0}},
		{"another", func(float64) string { return "person" }, [2]uint64{}},
		{"named after it crossed", func(sec float64) string {
			if sec < 3.5 {
				return ""
			}
			return "car"
		}, [2]uint64{1, 0}},
	} {
		s := newStream(t, withLine(t, cars))
		walk(s, 1, tc.label)
		if got := s.line("door"); got != tc.want {
			t.Errorf("%s: in, out = %v, want %v", tc.name, got, tc.want)
		}
	}
	for name, set := range map[string]func(*pipeline.Line){
		"prompts":   func(l *pipeline.Line) { l.Prompts = []string{"gate"} },
		"min_score": func(l *pipeline.Line) { l.MinScore = .9 },
		"min_area":  func(l *pipeline.Line) { l.MinArea = .05 },
	} {
		l := door()
		set(&l)
		s := newStream(t, withLine(t, l))
		walk(s, 1, func(float64) string { return "" })
		if got := s.line("door"); got != [2]uint64{} {
			t.Errorf("%s: in, out = %v", name, got)
		}
	}
	s := newStream(t, withLine(t, door()))
	walk(s, 1, func(float64) string { return "person" })
	if got, want := s.counter.Counts().Lines[0].ByLabel, []pipeline.LabelCrossing{{Label: "person", In: 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("labels %v, want %v", got, want)
	}
}

// A person with a coat, each a segment and a track, is one person.
func TestPartsAreNotCounted(t *testing.T) {
	walk := func(s *stream, coatLonger bool) {
		s.play(0, 6, 25, func(sec float64) []pipeline.Track {
			var out []pipeline.Track
			if sec < 3 || !coatLonger {
				out = append(out, at(1, 300, 200+50*sec))
			}
			coat := sized(2, 300, 180+50*sec, 36, 40)
			if sec < 3 {
				coat.Parent = 1
			}
			if int(sec*25)%7 == 0 {
				coat.Parent = 0 // now and then the tracker does not see it
			}
			return append(out, coat)
		})
	}
	for _, longer := range []bool{false, true} {
		s := newStream(t, withLine(t, door()))
		walk(s, longer)
		if got := s.line("door"); got != [2]uint64{1, 0} {
			t.Errorf("coat stays %t: in, out = %v, want one (%v)", longer, got, s.kinds())
		}
	}
	all := door()
	all.Parts = true
	s := newStream(t, withLine(t, all))
	walk(s, false)
	if got := s.line("door"); got != [2]uint64{2, 0} {
		t.Errorf("with parts: in, out = %v, want two", got)
	}
	// A walker before a house is a part of it for the tracker, not for us.
	s = newStream(t, withLine(t, door()))
	s.play(0, 12, 25, func(sec float64) []pipeline.Track {
		walker := at(2, 300, 150+20*sec)
		walker.Parent = 1
		return []pipeline.Track{sized(1, 320, 470, 500, 440), walker}
	})
	if got := s.line("door"); got != [2]uint64{1, 0} {
		t.Errorf("before a house: in, out = %v, want one (%v)", got, s.kinds())
	}
}
