package webrtc

import (
	"time"

	"outrider/streams/vpx"
)

const (
	// minStep keeps time stamps apart when a source stamps two frames alike: 1 ms.
	minStep = vpx.ClockRate / 1000
	// maxBack is the step back of the capture clock after which the stream starts anew from
	// where it is, instead of waiting for the clock to catch up.
	maxBack = time.Second
)

// clock turns capture times into ticks of the RTP clock that grow strictly, so that the
// distance of two time stamps is the distance of two pictures, whatever the encoder's load.
type clock struct {
	zero  time.Time
	last  int64
	begun bool
}

// ticks returns the time stamp of a frame captured at t, counted from the first frame.
func (c *clock) ticks(t time.Time) int64 {
	if !c.begun {
		c.zero, c.begun = t, true
		return 0
	}
	// Whole and broken seconds apart: nanoseconds times the clock rate overflow after a day.
	d := t.Sub(c.zero)
	n := int64(d/time.Second)*vpx.ClockRate + int64(d%time.Second)*vpx.ClockRate/int64(time.Second)
	switch {
	case n < c.last-int64(maxBack.Seconds())*vpx.ClockRate:
		c.last += vpx.ClockRate / 30
		c.zero = t.Add(-ticksDuration(c.last))
	case n < c.last+minStep:
		c.last += minStep
	default:
		c.last = n
	}
	return c.last
}

func ticksDuration(n int64) time.Duration {
	return time.Duration(n/vpx.ClockRate)*time.Second + time.Duration(n%vpx.ClockRate)*time.Second/vpx.ClockRate
}
