package decode

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestStreamClockTakesTheLeastDelay(t *testing.T) {
	var c streamClock
	// The stream starts at 1720 ms of its own time; delays vary; the second frame is fastest.
	for i, tt := range []struct{ arrival, pts, want time.Duration }{
		{1000 * ms, 1720 * ms, 1000 * ms},
		{1030 * ms, 1760 * ms, 1030 * ms}, // offset -730
		{1090 * ms, 1800 * ms, 1070 * ms},
		{1200 * ms, 1840 * ms, 1110 * ms},
	} {
		if got := c.captured(tt.arrival, tt.pts, true); got != tt.want {
			t.Errorf("frame %d: captured %v, want %v", i, got, tt.want)
		}
	}
}

func TestStreamClockFollowsDriftAndJumps(t *testing.T) {
	tests := []struct {
		name string
		pts  func(i int) time.Duration
	}{
		{"drift of 200 ppm", func(i int) time.Duration { return time.Duration(i) * 40 * ms * 9998 / 10000 }},
		{"jump of an hour forward", func(i int) time.Duration { return time.Duration(i)*40*ms + time.Duration(i/1000)*time.Hour }},
		{"jump of an hour back", func(i int) time.Duration {
			return time.Duration(i)*40*ms - time.Duration(i/1000)*time.Hour
		}},
		{"stands still", func(i int) time.Duration { return 5 * ms }},
		{"wraps", func(i int) time.Duration { return time.Duration(i%500) * 40 * ms }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c streamClock
			last := time.Duration(-1)
			for i := range 10000 {
				arrival := time.Minute + time.Duration(i)*40*ms
				got := c.captured(arrival, tt.pts(i), true)
				if got > arrival || got <= last {
					t.Fatalf("frame %d: captured %v, arrival %v, before %v", i, got, arrival, last)
				}
				if arrival-got > 20*ms {
					t.Fatalf("frame %d: delay of %v where there is none", i, arrival-got)
				}
				last = got
			}
		})
	}
}

func TestStreamClockWithoutStreamTime(t *testing.T) {
	var c streamClock
	if got := c.captured(7*time.Second, 0, false); got != 7*time.Second {
		t.Error(got)
	}
}

func TestStaleGate(t *testing.T) {
	g := staleGate{gap: 40 * ms}
	at := time.Duration(0)
	read := func(took, age time.Duration) bool {
		before := at
		at += took
		return g.stale(before, at, at-age)
	}
	for i := range 50 {
		if read(40*ms, 20*ms) {
			t.Fatalf("frame %d of a steady stream is stale", i)
		}
	}
	if !read(3*time.Second, 3*time.Second) {
		t.Error("the first picture after a silence of 3 s passed")
	}
	if !read(ms, 3*time.Second) {
		t.Error("the second old picture passed")
	}
	if read(ms, 10*ms) {
		t.Error("the first fresh picture was held")
	}
}

func TestStaleGateLearnsSlowCameras(t *testing.T) {
	g := staleGate{gap: 40 * ms} // announced 25 frames/s, delivers one in 1.5 s
	at, dropped := time.Duration(0), 0
	for range 20 {
		before := at
		at += 1500 * ms
		if g.stale(before, at, at) {
			dropped++
		}
	}
	if dropped > 2 {
		t.Errorf("%d of 20 pictures dropped", dropped)
	}
}

func TestLiveOptions(t *testing.T) {
	for target, want := range map[string]string{
		"rtsp://cam/s": "rtsp_transport;udp|fflags;nobuffer|flags;low_delay|timeout;2000000",
		"http://cam/s": "fflags;nobuffer|flags;low_delay|rw_timeout;2000000",
	} {
		l := Live{API: FFmpeg, Target: target, Transport: "udp", Timeout: 2 * time.Second}
		if got := l.options(); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}
