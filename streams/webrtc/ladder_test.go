package webrtc

import (
	"testing"
	"time"
)

func TestRungs(t *testing.T) {
	for _, c := range []struct {
		want, w, h       int
		rung, outW, outH int
	}{
		{sourceRung, 1280, 720, sourceRung, 1280, 720},
		{sourceRung, 161, 121, sourceRung, 160, 120},
		{rung720, 1920, 1080, rung720, 1280, 720},
		{rung720, 1280, 720, sourceRung, 1280, 720},
		{rung360, 1920, 1080, rung360, 640, 360},
		{rung360, 640, 480, rung360, 480, 360},
		{rung360, 640, 360, sourceRung, 640, 360},
		{rung360, 320, 449, sourceRung, 320, 448},
		{rung360, 3000, 450, rung360, 2400, 360},
		{rung360, 2, 2000, rung360, 2, 360},
	} {
		rung := nearestRung(c.want, c.h)
		if w, h := rungSize(rung, c.w, c.h); rung != c.rung || w != c.outW || h != c.outH {
			t.Errorf("rung %d of %dx%d: rung %d with %dx%d, want rung %d with %dx%d", c.want, c.w, c.h, rung, w, h, c.rung, c.outW, c.outH)
		}
	}
	for _, c := range []struct{ rung, h, above, below int }{
		{sourceRung, 1080, sourceRung, rung720}, {rung720, 1080, sourceRung, rung360}, {rung360, 1080, rung720, rung360},
		{sourceRung, 720, sourceRung, rung360}, {rung360, 720, sourceRung, rung360}, {sourceRung, 360, sourceRung, sourceRung},
	} {
		if above, below := neighbours(c.rung, c.h); above != c.above || below != c.below {
			t.Errorf("neighbours of %s at %d rows: %d and %d, want %d and %d", rungNames[c.rung], c.h, above, below, c.above, c.below)
		}
	}
	for text, want := range map[string]int{"": sourceRung, "auto": sourceRung, "source": sourceRung, "720p": rung720, "360P": rung360, "480p": -1, "0": -1} {
		if got, ok := parseRung(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("parseRung(%q) = %d, %v", text, got, ok)
		}
	}
}

// TestLadder plays a 1280x720 source to a line whose room changes, a frame each 40 ms. The
// ceilings are those of 720p and 360p at the default limit.
func TestLadder(t *testing.T) {
	ceilings := [rungs]int{2_500_000, 2_500_000, 921_600}
	lowest := rung360
	for _, c := range []struct {
		name   string
		shared bool
		best   int
		room   func(sec float64, at int) int
		thin   func(sec float64) bool
		length float64
		end    int
		most   int // changes
	}{
		{"a wide line stays at the source", true, 0, func(float64, int) int { return 5_000_000 }, nil, 60, sourceRung, 0},
		{"a thin one steps down", true, 0, func(float64, int) int { return 1_000_000 }, nil, 20, rung360, 1},
		{"alone it may have a soft picture", false, 0, func(float64, int) int { return 1_000_000 }, nil, 60, sourceRung, 0},
		{"a dip of half a second changes nothing", true, 0, func(s float64, _ int) int {
			if s > 5 && s < 5.5 {
				return 300_000
			}
			return 3_000_000
		}, nil, 60, sourceRung, 0},
		{"a line that recovers comes back", true, 0, func(s float64, at int) int {
			if s < 10 {
				return 500_000
			}
			// The estimate knows little above what is sent, and grows into it within seconds.
			return map[int]int{sourceRung: 2_400_000, rung720: 2_400_000, rung360: 1_300_000}[at]
		}, nil, 60, sourceRung, 2},
		{"a still picture does not keep it down", true, 0, func(s float64, at int) int {
			if s < 5 {
				return 500_000
			}
			return map[int]int{sourceRung: 2_000_000, rung720: 2_000_000, rung360: 800_000}[at]
		}, nil, 120, sourceRung, 2},
		{"a thin line is tried more and more seldom", true, 0, func(_ float64, at int) int {
			return map[int]int{sourceRung: 1_000_000, rung720: 1_000_000, rung360: 1_200_000}[at]
		}, nil, 600, -1, 20},
		{"key frames only go down at once", true, 0, func(float64, int) int { return 100_000 }, func(s float64) bool { return s > 1 }, 3, rung360, 1},
		{"no better than asked for", true, rung360, func(float64, int) int { return 9_000_000 }, nil, 60, rung360, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l ladder
			at, changes := c.best, 0
			start := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
			for i := range int(c.length * 25) {
				sec := float64(i) / 25
				above, below := neighbours(at, 720)
				next := l.choose(rungView{
					above: above, below: below, now: start.Add(time.Duration(i) * 40 * time.Millisecond), at: at, best: c.best, lowest: lowest,
					room: c.room(sec, at), ceiling: ceilings[at], alone: !c.shared, keyFramesOnly: c.thin != nil && c.thin(sec),
				})
				if next < c.best || next > lowest {
					t.Fatalf("rung %d at %v s", next, sec)
				}
				if next != at {
					changes++
				}
				at = next
			}
			if c.end >= 0 && at != c.end || changes > c.most {
				t.Errorf("ends at %s after %d changes, want %d and at most %d", rungNames[at], changes, c.end, c.most)
			}
		})
	}
}
