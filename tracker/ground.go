package tracker

import (
	"math"

	"outrider/pipeline"
)

// Ground tells where on the ground a pixel lies; calib.Plane and calib.Homography do.
type Ground interface {
	// Metres returns the position in metres, y to the left of x, and the covariance xx, xy, yy
	// of its error in square metres. ok is false where the picture shows no ground, such as
	// above the horizon.
	Metres(at pipeline.Point) (pos pipeline.Point, cov [3]float64, ok bool)
}

// spot is where an object stands: its contact with the ground, the middle of its box's bottom.
type spot struct {
	at    pipeline.Point // metres
	cov   [3]float64
	speed pipeline.Point // metres/s
	t     float64
	seen  int
}

// The gate on the ground: positions further apart than chi squared allows at 0.99 with two
// degrees of freedom are of two objects. An object whose speed is known may deviate by
// groundPlay metres and groundTurn metres/s, another move by groundRun metres/s at once: a
// person runs, a car comes into view at 50 km/h.
const (
	groundGate  = 9.21
	groundPlay  = 0.3
	groundTurn  = 3.0
	groundRun   = 15.0
	groundKnown = 3   // observations until the speed is known
	groundRate  = 0.3 // weight of the newest speed
	groundFar   = 120 // metres: beyond, a pixel is too many of them
	groundEdge  = 2.0 // pixels from the border: a box cut there does not show its contact
)

// stand finds the contact of a box with the ground; seen is 0 for none.
func (c *Core) stand(b pipeline.Box) spot {
	if c.p.Height > 0 && b.Y2 > c.p.Height-groundEdge {
		return spot{}
	}
	at, cov, ok := c.Ground.Metres(pipeline.Point{X: (b.X1 + b.X2) / 2, Y: b.Y2})
	// Written so that what is not a number fails.
	if !ok || !(math.Hypot(at.X, at.Y) < groundFar) || !(cov[0] >= 0 && cov[2] >= 0) || math.IsNaN(cov[1]) {
		return spot{}
	}
	return spot{at: at, cov: cov, seen: 1}
}

// stands finds the contacts of all detections.
func (c *Core) stands() {
	if c.Ground == nil {
		return
	}
	c.spots = c.spots[:0]
	for j := range c.dets {
		s := spot{}
		if d := &c.dets[j]; d.ok && !d.stuff {
			s = c.stand(d.box)
		}
		c.spots = append(c.spots, s)
	}
}

// apart reports whether track i cannot have come to where detection j stands.
func (c *Core) apart(i, j int32) bool {
	if c.Ground == nil || int(j) >= len(c.spots) {
		return false
	}
	a, b := &c.slots[i].spot, &c.spots[j]
	if a.seen == 0 || b.seen == 0 {
		return false
	}
	dt := c.now - a.t
	dx, dy, play := b.at.X-a.at.X, b.at.Y-a.at.Y, groundPlay+groundRun*dt
	if a.seen >= groundKnown {
		dx, dy, play = dx-a.speed.X*dt, dy-a.speed.Y*dt, groundPlay+groundTurn*dt
	}
	xx, xy, yy := a.cov[0]+b.cov[0]+sq(play), a.cov[1]+b.cov[1], a.cov[2]+b.cov[2]+sq(play)
	det := xx*yy - xy*xy
	return det > 0 && (yy*dx*dx-2*xy*dx*dy+xx*dy*dy)/det > groundGate
}

// step moves a track's contact to that of detection j.
func (c *Core) step(s *slot, j int32) {
	if c.Ground == nil || int(j) >= len(c.spots) || c.spots[j].seen == 0 {
		return
	}
	b, a := c.spots[j], &s.spot
	b.t = c.now
	if dt := c.now - a.t; a.seen > 0 && dt > 0 {
		v := pipeline.Point{X: (b.at.X - a.at.X) / dt, Y: (b.at.Y - a.at.Y) / dt}
		if b.seen, b.speed = a.seen+1, v; a.seen > 1 {
			b.speed.X = a.speed.X + groundRate*(v.X-a.speed.X)
			b.speed.Y = a.speed.Y + groundRate*(v.Y-a.speed.Y)
		}
	}
	*a = b
}
