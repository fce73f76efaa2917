package webrtc

import (
	"fmt"
	"math"
	"testing"
	"time"

	"outrider/pipeline"
)

func TestGate(t *testing.T) {
	// Each step pushes frames, adds answers, or takes at a time in ms; a take says what it got
	// as "frame/answer", or "wait ms".
	type step struct {
		at     int
		push   uint64
		answer uint64
		want   string
	}
	for _, c := range []struct {
		name   string
		budget time.Duration
		steps  []step
	}{
		{"own answer", 120 * time.Millisecond, []step{{0, 1, 0, ""}, {0, 0, 0, "wait 120"}, {50, 0, 0, "wait 70"}, {60, 0, 1, ""}, {60, 0, 0, "1/1"}, {60, 0, 0, "wait 0"}}},
		{"answer of a newer frame", 120 * time.Millisecond, []step{{0, 1, 0, ""}, {40, 2, 0, ""}, {80, 3, 0, ""}, {90, 0, 3, ""}, {90, 0, 0, "1/-"}, {90, 0, 0, "2/-"}, {90, 0, 0, "3/3"}}},
		{"two answers at once", 120 * time.Millisecond, []step{{0, 5, 0, ""}, {0, 6, 0, ""}, {0, 7, 0, ""}, {9, 0, 5, ""}, {9, 0, 7, ""}, {9, 0, 0, "5/5"}, {9, 0, 0, "6/5"}, {9, 0, 0, "7/7"}}},
		{"budget over", 120 * time.Millisecond, []step{{0, 1, 0, ""}, {119, 0, 0, "wait 1"}, {120, 0, 0, "1/-"}}},
		{"late answer serves later frames", 50 * time.Millisecond, []step{{0, 1, 0, ""}, {50, 0, 0, "1/-"}, {60, 2, 0, ""}, {61, 0, 1, ""}, {61, 0, 0, "wait 49"}, {110, 0, 0, "2/1"}}},
		{"live", 0, []step{{0, 1, 0, ""}, {0, 0, 0, "1/-"}, {30, 0, 1, ""}, {40, 2, 0, ""}, {40, 0, 0, "2/1"}}},
		{"encoder too slow", 0, []step{{0, 1, 0, ""}, {40, 2, 0, ""}, {80, 3, 0, ""}, {150, 0, 0, "3/-"}}},
		{"a last late frame is still sent", 0, []step{{0, 1, 0, ""}, {900, 0, 0, "1/-"}}},
		{"camera set up anew", 120 * time.Millisecond, []step{{0, 100, 0, ""}, {0, 0, 99, ""}, {10, 1, 0, ""}, {10, 0, 0, "wait 120"}, {20, 0, 1, ""}, {20, 0, 0, "1/1"}}},
		{"old answers are ignored", 120 * time.Millisecond, []step{{0, 3, 0, ""}, {0, 0, 3, ""}, {0, 0, 2, ""}, {0, 0, 0, "3/3"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pool pipeline.FramePool
			frame := func(seq uint64) *pipeline.Frame {
				f := pool.Get(2, 2)
				f.Seq = seq
				return f
			}
			g := gate{budget: c.budget}
			start := time.Now()
			for i, s := range c.steps {
				now := start.Add(time.Duration(s.at) * time.Millisecond)
				switch {
				case s.push > 0:
					f := frame(s.push)
					g.push(f, now)
					f.Release()
				case s.answer > 0:
					f := frame(s.answer)
					r := pipeline.NewResult(f)
					g.answer(r)
					r.Release()
					f.Release()
				default:
					f, r, wait := g.next(now)
					got := fmt.Sprintf("wait %d", wait.Milliseconds())
					if f != nil {
						got = fmt.Sprintf("%d/-", f.Seq)
						if r != nil {
							got = fmt.Sprintf("%d/%d", f.Seq, r.Frame.Seq)
							r.Release()
						}
						f.Release()
					}
					if got != s.want {
						t.Errorf("step %d: %s, want %s", i, got, s.want)
					}
				}
			}
			g.clear()
			if n := pool.Outstanding(); n != 0 {
				t.Errorf("%d frames not given back", n)
			}
		})
	}
}

func TestGateIsBounded(t *testing.T) {
	var pool pipeline.FramePool
	g := gate{budget: time.Hour}
	for i := range uint64(100) {
		f := pool.Get(2, 2)
		f.Seq = i + 1
		g.push(f, time.Now())
		r := pipeline.NewResult(f)
		r.Frame.Seq = i + 1
		g.answer(r)
		r.Release()
		f.Release()
	}
	if len(g.frames) != maxWaiting || len(g.answers) != maxAnswers || g.dropped != 100-maxWaiting {
		t.Errorf("%d frames, %d answers, %d dropped", len(g.frames), len(g.answers), g.dropped)
	}
	g.clear()
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames not given back", n)
	}
}

func TestClock(t *testing.T) {
	at := time.Now()
	var c clock
	for i, s := range []struct {
		t    time.Duration
		want int64
	}{
		{0, 0}, {40 * time.Millisecond, 3600}, {40 * time.Millisecond, 3690}, {30 * time.Millisecond, 3780},
		{time.Second, 90000}, {25 * time.Hour, 25 * 3600 * 90000},
		{time.Hour, 25*3600*90000 + 3000}, {time.Hour + 40*time.Millisecond, 25*3600*90000 + 6600},
	} {
		if got := c.ticks(at.Add(s.t)); math.Abs(float64(got-s.want)) > 1 {
			t.Errorf("step %d: %d, want %d", i, got, s.want)
		}
	}
}
