package event_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"outrider/pipeline"
)

func TestZone(t *testing.T) {
	ring := hall() // a square with a square hole
	ring.Holes = [][]pipeline.Point{points(260, 260, 340, 260, 340, 340, 260, 340)}
	horseshoe := hall() // concave: open at the top
	horseshoe.Polygon = points(200, 200, 260, 200, 260, 340, 340, 340, 340, 200, 400, 200, 400, 400, 200, 400)
	tests := []struct {
		name                              string
		zone                              pipeline.Zone
		moves                             []move
		entered, appeared, left, vanished uint64
		inside                            int
	}{
		{"walks in and stays", hall(), []move{{0, 100, 300, 2, 300, 300}, {2, 300, 300, 4, 300, 300}}, 1, 0, 0, 0, 1},
		{"walks through", hall(), []move{{0, 100, 300, 4, 500, 300}}, 1, 0, 1, 0, 0},
		{"is there from the start", hall(), []move{{0, 300, 300, 4, 300, 300}}, 0, 1, 0, 0, 1},
		{"is there and goes", hall(), []move{{0, 300, 300, 2, 300, 300}, {2, 300, 300, 4, 100, 300}}, 0, 1, 1, 0, 0},
		{"walks in and is gone", hall(), []move{{0, 100, 300, 2, 300, 300}, {20, 0, 0, 21, 0, 0}}, 1, 0, 0, 1, 0},
		{"walks by", hall(), []move{{0, 100, 150, 4, 500, 150}}, 0, 0, 0, 0, 0},
		{"along the border", hall(), []move{{0, 150, 200, 4, 450, 200}}, 0, 0, 0, 0, 0},
		{"cuts a corner too fast to have been there", hall(), []move{{0, 150, 240, 1, 190, 215}, {1, 190, 215, 1.2, 220, 195}, {1.2, 220, 195, 2, 300, 120}}, 0, 0, 0, 0, 0},
		{"one flicker inside", hall(), []move{{0, 100, 300, 1, 100, 300}, {1, 300, 300, 1.04, 300, 300}, {1.04, 100, 300, 2, 100, 300}}, 0, 0, 0, 0, 0},
		{"one flicker outside", hall(), []move{{0, 300, 300, 1, 300, 300}, {1, 100, 300, 1.04, 100, 300}, {1.04, 300, 300, 2, 300, 300}}, 0, 1, 0, 0, 1},
		{"unseen for a moment", hall(), []move{{0, 300, 300, 1, 300, 300}, {2, 300, 300, 3, 300, 300}}, 0, 1, 0, 0, 1},
		{"into the hole", ring, []move{{0, 300, 100, 3, 300, 300}, {3, 300, 300, 5, 300, 300}}, 1, 0, 1, 0, 0},
		{"round the hole", ring, []move{{0, 230, 230, 2, 370, 230}, {2, 370, 230, 4, 370, 370}, {4, 370, 370, 6, 230, 370}}, 0, 1, 0, 0, 1},
		{"in the bay of a concave zone", horseshoe, []move{{0, 300, 100, 2, 300, 300}, {2, 300, 300, 4, 300, 300}}, 0, 0, 0, 0, 0},
		{"into an arm of it", horseshoe, []move{{0, 230, 100, 2, 230, 300}, {2, 230, 300, 4, 230, 300}}, 1, 0, 0, 0, 1},
	}
	for _, fps := range []float64{5, 25} {
		for _, tc := range tests {
			t.Run(tc.name, func(t *testing.T) {
				s := newStream(t, withZone(t, tc.zone))
				end := 0.
				for _, m := range tc.moves {
					end = max(end, m.t2)
				}
				s.play(0, end, fps, func(sec float64) []pipeline.Track {
					if x, y, ok := along(tc.moves, sec); ok && y > 0 {
						return []pipeline.Track{at(1, x, y)}
					}
					return nil
				})
				z := s.zone("hall")
				if z.Entered != tc.entered || z.Appeared != tc.appeared || z.Left != tc.left || z.Vanished != tc.vanished || z.Inside != tc.inside {
					t.Errorf("at %g frames/s: entered %d, appeared %d, left %d, vanished %d, inside %d; want %d, %d, %d, %d, %d (%v)", fps,
						z.Entered, z.Appeared, z.Left, z.Vanished, z.Inside, tc.entered, tc.appeared, tc.left, tc.vanished, tc.inside, s.kinds())
				}
				if n := len(s.of(pipeline.EventZoneEnter)); uint64(n) != tc.entered+tc.appeared {
					t.Errorf("%d zone_enter", n)
				}
				if n := len(s.of(pipeline.EventZoneLeave)); uint64(n) != tc.left+tc.vanished {
					t.Errorf("%d zone_leave", n)
				}
			})
		}
	}
}

func TestDwell(t *testing.T) {
	z := hall()
	z.Loiter = 3
	s := newStream(t, withZone(t, z))
	s.play(0, 1, 10, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 100, 300)} })
	s.play(1, 8, 10, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 300)} })
	s.play(8, 10, 10, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 500, 300)} })
	want := []string{"zone_enter 1 hall", "loitering 1 hall", "zone_leave 1 hall"}
	if got := s.kinds(); !reflect.DeepEqual(without(got, "stationary", "moving"), want) {
		t.Fatalf("events %v, want %v", got, want)
	}
	if d := s.of(pipeline.EventLoitering)[0].Data["dwell_s"].(float64); math.Abs(d-3) > .11 {
		t.Errorf("loitering after %g s, want 3", d)
	}
	if d := s.of(pipeline.EventZoneLeave)[0].Data["dwell_s"].(float64); math.Abs(d-7) > .11 {
		t.Errorf("dwell %g s, want 7", d)
	}
	// Time is what counts, not frames: at one frame in two seconds it is the same.
	s = newStream(t, withZone(t, z))
	s.play(0, 20, .5, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 300)} })
	if n := len(s.of(pipeline.EventLoitering)); n != 1 {
		t.Errorf("at 0.5 frames/s: %d times loitering", n)
	}
}

func without(list []string, prefixes ...string) []string {
	var out []string
next:
	for _, s := range list {
		for _, p := range prefixes {
			if strings.HasPrefix(s, p+" ") {
				continue next
			}
		}
		out = append(out, s)
	}
	return out
}

// Whoever loses a number and gets another one inside has not come in again, and loiters on.
func TestIDSwitchInTheZone(t *testing.T) {
	z := hall()
	z.Loiter = 5
	s := newStream(t, withZone(t, z))
	for id := uint64(1); id <= 8; id++ { // a new number each second
		from := float64(id - 1)
		s.play(from, from+1, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(id, 300+2*sec, 300)} })
	}
	n := s.zone("hall")
	if n.Appeared != 1 || n.Entered != 0 || n.Left != 0 || n.Vanished != 0 || n.Inside != 1 || n.Loiters != 1 {
		t.Errorf("counts %+v, want one visit (%v)", n, s.kinds())
	}
}

func TestOccupancy(t *testing.T) {
	z := hall()
	s := newStream(t, withZone(t, z))
	tracks := func(sec float64) []pipeline.Track {
		a, b, c := at(1, 250, 300), at(2, 300, 300), at(3, 300+60*math.Sin(3*sec), 380)
		a.Label, b.Label = "person", "person"
		return []pipeline.Track{a, b, c, at(4, 500, 300)}
	}
	s.play(0, 8, 10, tracks)
	n := s.zone("hall")
	if !reflect.DeepEqual(n.ActiveByLabel, map[string]int{"object": 1}) {
		t.Errorf("active by label %v", n.ActiveByLabel)
	}
	if n.Inside != 3 || n.Active != 1 || !reflect.DeepEqual(n.ByLabel, map[string]int{"person": 2, "object": 1}) {
		t.Errorf("inside %d, active %d, labels %v; want 3, 1, person 2 object 1", n.Inside, n.Active, n.ByLabel)
	}
	s.play(8, 12, 10, func(sec float64) []pipeline.Track { return nil })
	if n = s.zone("hall"); n.Inside != 2 { // the two at rest are waited for
		t.Errorf("inside %d after 4 s without sight, want 2", n.Inside)
	}
	s.play(12, 20, 10, func(sec float64) []pipeline.Track { return nil })
	if n = s.zone("hall"); n.Inside != 0 || len(n.ByLabel) != 0 || n.Vanished != 3 {
		t.Errorf("at last: %+v", n)
	}
}

func TestTrackSaysItsZones(t *testing.T) {
	other := hall()
	other.ID, other.Polygon = "all", points(0, 0, 640, 0, 640, 480, 0, 480)
	c := withZone(t, hall(), other)
	s := newStream(t, c)
	s.play(0, 2, 10, func(float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 300), at(2, 500, 300)} })
	events := s.of(pipeline.EventZoneEnter)
	if len(events) != 3 || events[0].Track.Zones != 3 || events[2].Track.Zones != 1 || s.last.Zones[0].ID != "all" {
		t.Errorf("events %v, zones %b %b", s.kinds(), events[0].Track.Zones, events[2].Track.Zones)
	}
}

func TestTrip(t *testing.T) {
	gate, dock := hall(), hall()
	gate.ID, gate.Polygon = "gate", points(0, 200, 150, 200, 150, 400, 0, 400)
	dock.ID, dock.Polygon, dock.TripsFrom = "dock", points(450, 200, 600, 200, 600, 400, 450, 400), []string{"gate"}
	s := newStream(t, withZone(t, gate, dock))
	there := []move{{0, 75, 300, 2, 75, 300}, {2, 75, 300, 7, 525, 300}, {7, 525, 300, 9, 525, 300}}
	s.play(0, 9, 25, func(sec float64) []pipeline.Track {
		x, y, _ := along(there, sec)
		return []pipeline.Track{at(1, x, y), at(2, 525, 350)}
	})
	trips := s.of(pipeline.EventTrip)
	if len(trips) != 1 || trips[0].Track.ID != 1 || trips[0].Zone != "dock" || trips[0].Data["from"] != "gate" {
		t.Fatalf("trips %v", s.kinds())
	}
	// Out of the gate at x = 150 and into the dock at x = 450, at 90 pixels a second.
	if took := trips[0].Data["seconds"].(float64); math.Abs(took-300./90) > .2 {
		t.Errorf("took %g s, want about %.2f", took, 300./90)
	}
	if n := s.zone("dock").Trips; len(n) != 1 || n[0].Count != 1 || n[0].From != "gate" {
		t.Errorf("counts %+v", n)
	}
	// Out of the dock and in again is no second trip.
	s.play(9, 11, 25, func(float64) []pipeline.Track { return []pipeline.Track{at(1, 350, 300)} })
	s.play(11, 13, 25, func(float64) []pipeline.Track { return []pipeline.Track{at(1, 525, 300)} })
	if n := s.zone("dock").Trips[0].Count; n != 1 {
		t.Errorf("%d trips, want 1", n)
	}
}

func TestRest(t *testing.T) {
	s := newStream(t, withZone(t, hall()))
	rng := rand.New(rand.NewPCG(3, 3))
	shaky := func(sec, x float64) []pipeline.Track {
		return []pipeline.Track{at(1, x+2*rng.NormFloat64(), 300+2*rng.NormFloat64()), at(2, 100+rng.NormFloat64(), 200)}
	}
	s.play(0, 3, 25, func(sec float64) []pipeline.Track { return shaky(sec, 100+50*sec) })
	s.play(3, 30, 25, func(sec float64) []pipeline.Track { return shaky(sec, 250) })
	s.play(30, 32, 25, func(sec float64) []pipeline.Track { return shaky(sec, 250+50*(sec-30)) })
	got := []string{}
	for _, e := range s.events {
		if e.Kind == pipeline.EventStationary || e.Kind == pipeline.EventMoving {
			got = append(got, string(e.Kind))
			if e.Track.ID != 1 {
				t.Errorf("%s of track %d, which never moved", e.Kind, e.Track.ID)
			}
		}
	}
	if !reflect.DeepEqual(got, []string{"stationary", "moving"}) {
		t.Errorf("events %v", s.kinds())
	}
}

func TestLeftBehind(t *testing.T) {
	z := hall()
	z.LeftBehind = 5
	person := func(x float64) pipeline.Track { return at(1, x, 320) }
	bag := func(x float64) pipeline.Track { return sized(2, x, 320, 30, 25) }
	for _, tc := range []struct {
		name  string
		leave func(sec float64) []pipeline.Track // from second 4 on
		want  int
	}{
		{"its owner goes", func(sec float64) []pipeline.Track { return []pipeline.Track{person(280 + 60*(sec-4)), bag(300)} }, 1},
		{"its owner stays", func(sec float64) []pipeline.Track { return []pipeline.Track{person(270), bag(300)} }, 0},
		{"its owner is out of sight", func(sec float64) []pipeline.Track { return []pipeline.Track{bag(300)} }, 1},
		{"its owner comes back in time", func(sec float64) []pipeline.Track {
			if x := 280 + 60*(sec-4); sec < 8 {
				return []pipeline.Track{person(x), bag(300)}
			}
			return []pipeline.Track{person(280), bag(300)}
		}, 0},
	} {
		s := newStream(t, withZone(t, z))
		s.play(0, 3, 10, func(sec float64) []pipeline.Track { return []pipeline.Track{person(100 + 60*sec), bag(120 + 60*sec)} })
		s.play(3, 4, 10, func(sec float64) []pipeline.Track { return []pipeline.Track{person(280), bag(300)} })
		s.play(4, 25, 10, tc.leave)
		if got := s.of(pipeline.EventLeftBehind); len(got) != tc.want || tc.want > 0 && (got[0].Track.ID != 2 || got[0].Data["owner"] != uint64(1)) {
			t.Errorf("%s: %v, want %d left_behind", tc.name, s.kinds(), tc.want)
		}
	}
	// What always stood there was left by nobody.
	s := newStream(t, withZone(t, z))
	s.play(0, 30, 10, func(sec float64) []pipeline.Track { return []pipeline.Track{bag(300), person(500 - 10*sec)} })
	if got := s.of(pipeline.EventLeftBehind); len(got) != 0 {
		t.Errorf("furniture: %v", s.kinds())
	}
}

func TestRemoved(t *testing.T) {
	z := hall()
	z.Removed, z.Labels = 4, []string{"vase"} // else whoever stands still and goes has been removed too
	vase := func(x float64) pipeline.Track {
		t := sized(2, x, 320, 30, 40)
		t.Label = "vase"
		return t
	}
	table := sized(1, 300, 400, 150, 90)
	for _, tc := range []struct {
		name string
		then func(sec float64) []pipeline.Track // from second 10 on
		want int
	}{
		{"it stays", func(float64) []pipeline.Track { return []pipeline.Track{table, vase(300)} }, 0},
		{"it is gone", func(float64) []pipeline.Track { return []pipeline.Track{table} }, 1},
		{"it is carried off", func(sec float64) []pipeline.Track { return []pipeline.Track{table, vase(300 + 40*(sec-10))} }, 1},
		{"it is carried off and out of sight", func(sec float64) []pipeline.Track {
			if sec < 12 {
				return []pipeline.Track{table, vase(300 + 100*(sec-10))}
			}
			return []pipeline.Track{table}
		}, 1},
		{"it is hidden for a while", func(sec float64) []pipeline.Track {
			if sec < 20 {
				return []pipeline.Track{table, at(3, 300+5*math.Sin(9*sec), 330)}
			}
			return []pipeline.Track{table, vase(300)}
		}, 0},
		{"it is not seen for a moment", func(sec float64) []pipeline.Track {
			if sec < 13 {
				return []pipeline.Track{table}
			}
			return []pipeline.Track{table, vase(300)}
		}, 0},
		{"it is found again under another number", func(sec float64) []pipeline.Track {
			if sec < 13 {
				return []pipeline.Track{table}
			}
			v := vase(300)
			v.ID = 9
			return []pipeline.Track{table, v}
		}, 0},
		{"it is moved a little", func(sec float64) []pipeline.Track { return []pipeline.Track{table, vase(300 + min(20, 20*(sec-10)))} }, 0},
	} {
		s := newStream(t, withZone(t, z))
		s.play(0, 10, 10, func(float64) []pipeline.Track { return []pipeline.Track{table, vase(300)} })
		s.play(10, 40, 10, tc.then)
		if got := s.of(pipeline.EventRemoved); len(got) != tc.want || tc.want > 0 && (got[0].Track.ID != 2 || got[0].Zone != "hall") {
			t.Errorf("%s: %v, want %d removed", tc.name, s.kinds(), tc.want)
		}
		s.zone("hall") // for its balance
	}
}

func TestRestartKeepsCounts(t *testing.T) {
	z := hall()
	z.Loiter = 20
	c := withZone(t, z)
	if err := c.SetLine(door()); err != nil {
		t.Fatal(err)
	}
	s := newStream(t, c)
	s.play(0, 2, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 200+80*sec)} })
	s.play(2, 12, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 360)} })
	// The camera is away for three seconds; then everything has a new number.
	c.Reset(2)
	s.play(15, 25, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(2, 300, 360)} })
	n := s.zone("hall")
	if got := s.line("door"); got != [2]uint64{1, 0} || n.Entered+n.Appeared != 1 || n.Inside != 1 || n.Loiters != 1 {
		t.Errorf("line %v, zone %+v", got, n)
	}
	// It moved on while the camera was away.
	c.Reset(3)
	s.play(28, 40, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(3, 100, 250)} })
	n = s.zone("hall")
	if got := s.line("door"); got != [2]uint64{1, 0} || n.Inside != 0 || n.Vanished != 1 {
		t.Errorf("after it moved: line %v, zone %+v", got, n)
	}
}

func TestClockStandsStillAndJumps(t *testing.T) {
	c := withZone(t, hall())
	s := newStream(t, c)
	for i := range 50 { // no time passes: nothing settles
		s.frame(1, at(1, 300, 300))
		if i > 0 && s.zone("hall").Inside != 0 {
			t.Fatal("entered in no time")
		}
	}
	for i := range 20 {
		s.frame(1+float64(i)/10, at(1, 300, 300))
	}
	s.frame(-3600, at(1, 300, 300)) // the wall clock is set back
	for i := range 20 {
		s.frame(-3600+float64(i)/10, at(1, 300, 300))
	}
	if n := s.zone("hall"); n.Appeared != 1 || n.Inside != 1 {
		t.Errorf("%+v", n)
	}
}

func TestReload(t *testing.T) {
	for _, size := range [][2]int{{640, 480}, {}} { // {}: pixels of the stream
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			testReload(t, func() pipeline.Zone { z := hall(); z.Size = size; return z }, func() pipeline.Line { l := door(); l.Size = size; return l })
		})
	}
}

func testReload(t *testing.T, hall func() pipeline.Zone, door func() pipeline.Line) {
	c := withZone(t, hall())
	if err := c.SetLine(door()); err != nil {
		t.Fatal(err)
	}
	s := newStream(t, c)
	s.play(0, 3, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 150+80*sec)} })
	s.play(3, 4, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 390)} })
	check := func(what string, line [2]uint64, entered uint64, inside int) {
		t.Helper()
		s.play(s.now(), s.now()+.2, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, 390)} })
		n := s.counter.Counts().Zones[0]
		if got := s.line("door"); got != line || n.Entered != entered || n.Inside != inside {
			t.Errorf("%s: line %v, entered %d, inside %d; want %v, %d, %d", what, got, n.Entered, n.Inside, line, entered, inside)
		}
	}
	check("before", [2]uint64{1, 0}, 1, 1)
	set := func(z pipeline.Zone, l pipeline.Line) {
		t.Helper()
		if err := errors.Join(c.SetZone(z), c.SetLine(l)); err != nil {
			t.Fatal(err)
		}
	}
	z, l := hall(), door()
	set(z, l)
	check("the same again", [2]uint64{1, 0}, 1, 1)
	z.Loiter, z.Labels, l.Settle = 9, []string{"person"}, 1
	set(z, l)
	check("other rules", [2]uint64{1, 0}, 1, 1)
	other := hall()
	other.ID = "a-new-one"
	if err := c.SetZone(other); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteZone("a-new-one"); err != nil {
		t.Fatal(err)
	}
	check("another zone came and went", [2]uint64{1, 0}, 1, 1)
	told := c.Counts() // with the size that was found out
	set(told.Zones[0].Zone, told.Lines[0].Line)
	check("what was told, put back", [2]uint64{1, 0}, 1, 1)
	z.Polygon = points(200, 210, 400, 200, 400, 400, 200, 400)
	l.To.X++
	set(z, l)
	check("another geometry", [2]uint64{}, 0, 0)
	if err := c.DeleteLine("door"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.DeleteLine("door"), c.ResetZone("none"), c.ResetLine("none"), c.DeleteZone("none")); !errors.Is(err, pipeline.ErrNoPlace) {
		t.Errorf("unknown ids: %v", err)
	}
}

func (s *stream) now() float64 { return float64(s.seq) } // later than any frame before

func TestResetAndRestore(t *testing.T) {
	z := hall()
	c := withZone(t, z)
	if err := c.SetLine(door()); err != nil {
		t.Fatal(err)
	}
	s := newStream(t, c)
	s.play(0, 4, 25, func(sec float64) []pipeline.Track { return []pipeline.Track{at(1, 300, min(390, 150+80*sec))} })
	kept := c.Counts()
	again := withZone(t, z)
	if err := again.SetLine(door()); err != nil {
		t.Fatal(err)
	}
	again.Restore(kept)
	n, l := again.Counts().Zones[0], again.Counts().Lines[0]
	if n.Entered != 1 || n.Vanished != 1 || n.Inside != 0 || l.In != 1 || !l.Since.Equal(kept.Lines[0].Since) {
		t.Errorf("restored %+v, %+v", n, l)
	}
	moved := z
	moved.Polygon = points(0, 0, 100, 0, 100, 100)
	fresh := withZone(t, moved)
	fresh.Restore(kept)
	if n := fresh.Counts().Zones[0]; n.Entered != 0 {
		t.Errorf("another geometry took the counts over: %+v", n)
	}
	if err := errors.Join(c.ResetZone("hall"), c.ResetLine("door")); err != nil {
		t.Fatal(err)
	}
	n, l = c.Counts().Zones[0], c.Counts().Lines[0]
	if n.Entered != 0 || n.Inside != 1 || l.In != 0 || len(l.ByLabel) != 0 {
		t.Errorf("after a reset %+v, %+v", n, l)
	}
}
