package flow

import (
	"math"
	"slices"

	"outrider/pipeline"
)

// Camera estimates how the camera moved between processed frames. After a while without
// motion it looks at every tenth frame only, until something moves again. The zero value is
// ready; it belongs to one goroutine.
type Camera struct {
	Frames *Pair // of the stream

	rest  int     // frames until the next look
	quiet float64 // seconds without motion
	from  []pipeline.Point
	to    []pipeline.Point
	way   []float64
}

// What a camera's motion is believed with, and when it counts as none.
const (
	cellSide     = 24   // pixels of the compared picture: at most 13 x 8 corners
	agreeWithin  = 1.5  // pixels of the compared picture
	fewest       = 10   // pairs of points that agree
	fewestShare  = 0.4  // of all pairs
	leastScale   = 0.9  // from one frame to the next
	mostScale    = 1.1  //
	stillBelow   = 0.3  // pixels: the median way of the corners of a camera at rest
	restAfter    = 2.0  // seconds
	restInterval = 10   // frames
	longestGap   = 0.75 // seconds: beyond, two frames are not compared
)

// Look says whether the frame dt seconds after the last needs Estimate: not between the looks
// at a camera that rests. When it does, or when the next frame does, push is true, and the
// frame must be pushed into Frames.
func (c *Camera) Look(dt float64) (push, estimate bool) {
	if c.quiet < restAfter {
		return true, true
	}
	c.rest--
	switch {
	case c.rest == 1:
		return true, false // to be compared with the next
	case c.rest <= 0:
		c.rest = restInterval
		return true, true
	}
	return false, false
}

// Estimate compares the newest two frames, dt seconds apart, and returns the motion of the
// picture from one to the other in frame pixels. It is false when nothing moved or when the
// picture does not say.
func (c *Camera) Estimate(dt float64) (Similarity, bool) {
	t := c.Frames
	if !t.Ready() || dt > longestGap {
		return Identity, false
	}
	s := t.Scale()
	all := pipeline.Box{X2: float64(t.w), Y2: float64(t.h)}
	c.from = t.Corners(c.from[:0], cellSide*s, all)
	c.to = t.Follow(c.to[:0], c.from)
	c.way = c.way[:0]
	found := 0
	for i, q := range c.to {
		if !math.IsNaN(q.X) {
			c.way = append(c.way, math.Hypot(q.X-c.from[i].X, q.Y-c.from[i].Y)/s)
			found++
		}
	}
	if found < fewest {
		return Identity, false
	}
	slices.Sort(c.way)
	if c.way[found/2] < stillBelow {
		c.quiet += dt
		return Identity, false
	}
	c.quiet, c.rest = 0, restInterval
	m, n := Fit(c.from, c.to, agreeWithin*s)
	if k := m.Scale(); n < fewest || float64(n) < fewestShare*float64(found) || k < leastScale || k > mostScale {
		return Identity, false
	}
	return m, true
}

// Reset forgets that the camera rested.
func (c *Camera) Reset() { c.quiet, c.rest = 0, restInterval }
