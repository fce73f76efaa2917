package decode

import "time"

// streamClock maps the time of a live stream to the local clock.
//
// A frame is taken at stream time p and arrives at a = p + offset + delay, with a delay that
// is never negative. The least a - p seen is the best estimate of the offset; the rest is
// delay, so the frame was captured at p + min(a - p). The minimum is taken over the last one
// to two windows, so that the drift of the camera's clock is followed.
type streamClock struct {
	started   bool
	windowAt  time.Duration // arrival at which the current window began
	previous  time.Duration // least a - p of the window before
	current   time.Duration // and of this one
	lastPTS   time.Duration
	lastStamp time.Duration
}

const (
	clockWindow = 30 * time.Second
	// maxDelay is the most that can be called delay: beyond, the camera's clock has jumped.
	maxDelay = 20 * time.Second
)

// captured returns when a frame was taken, on the clock of arrival: never after arrival, and
// never before the frame before it. pts counts only when known is true.
func (c *streamClock) captured(arrival, pts time.Duration, known bool) time.Duration {
	stamp := arrival
	if known {
		offset := arrival - pts
		jumped := c.started && (pts <= c.lastPTS || offset-min(c.previous, c.current) > maxDelay ||
			min(c.previous, c.current)-offset > maxDelay)
		switch {
		case !c.started || jumped:
			c.started, c.windowAt, c.previous, c.current = true, arrival, offset, offset
		case arrival-c.windowAt > clockWindow:
			c.windowAt, c.previous, c.current = arrival, c.current, offset
		default:
			c.current = min(c.current, offset)
		}
		c.lastPTS = pts
		stamp = min(arrival, pts+min(c.previous, c.current))
	}
	c.lastStamp = max(c.lastStamp, stamp)
	return c.lastStamp
}
