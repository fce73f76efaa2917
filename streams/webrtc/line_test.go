package webrtc

import (
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	start := time.Now()
	var l line
	for _, s := range []struct {
		at       float64 // seconds
		thin     bool
		feedback float64 // seconds before; negative: never any
		want     bool
	}{
		{0, false, -1, false},
		{30, false, -1, false}, // no feedback ever: nothing can be said
		{31, false, .1, false},
		{32, true, .1, false},
		{33, false, .1, false}, // it recovers
		{34, true, .1, false},
		{35.9, true, .1, false},
		{36.1, true, .1, true},
		{45, false, .1, true}, // 10 s of rest
		{46.2, false, .1, false},
		{47, false, 1.6, false}, // silent
		{49.1, false, 3, true},
		{68, false, .1, true}, // 20 s of rest
		{69.2, false, .1, false},
		{129.3, false, .1, false}, // a good minute
		{140, true, .1, false},
		{142.1, true, .1, true},
		{151.9, false, .1, true},
		{152.2, false, .1, false}, // 10 s again
	} {
		now := start.Add(time.Duration(s.at * float64(time.Second)))
		var feedback time.Time
		if s.feedback >= 0 {
			feedback = now.Add(-time.Duration(s.feedback * float64(time.Second)))
		}
		if got := l.starved(now, s.thin, feedback); got != s.want {
			t.Errorf("at %v s: starved %v, want %v", s.at, got, s.want)
		}
	}
}
