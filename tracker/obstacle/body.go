package obstacle

import (
	"math"

	"outrider/pipeline"
)

// body is one track as the road stage knows it.
type body struct {
	id          uint64
	track       int // index in the frame's tracks, while reported
	first, seen float64
	box         pipeline.Box
	label       string
	shown       bool // measured in this frame
	reported    bool // among the tracks of this frame

	out                 outline
	grounded            bool    // out.bottom is where it meets the ground
	down, top           float64 // tangents below the horizon of its lower and upper edge
	leftFoot, rightFoot float64 // tangents of the bearings of its contact's ends
	middle              float64 // and of its middle
	wide                float64 // width as a multiple of the focal length, 0 when the picture cuts it

	rng      rangeFilter
	ranged   bool
	updates  int
	standing standing
	road     float64 // how well it stands on the road, 0 to 1, over time
	sized    bool    // its usual size was taken into account
	common   float64 // variance of the inverse distance that all objects share

	y         float64 // lateral place of its middle, metres
	off, vOff float64 // the same beside the way ahead, and its speed
	hasY      int
	motion    pipeline.Motion
	inPath    float64
	alert     alert
	direct    float64 // distance of this frame's contact alone, metres
	hasDirect bool
}

// relativeAcceleration is what traffic does against the vehicle now and then, m/s^2.
const relativeAcceleration = 2.5

func (b *body) predict(dt float64, g *sight) {
	if b.ranged && dt > 0 {
		b.rng.predict(dt, relativeAcceleration)
		b.off += b.vOff * dt
	}
}

// ready reports whether there is enough to say something.
func (b *body) ready() bool { return b.ranged && b.updates >= 3 }

// urgency orders obstacles: the inverse of the time to collision.
func (b *body) urgency() float64 { return b.rng.x[iRate] }

// edge is the standard deviation of a mask's edge, frame pixels: half a cell of a mask at the
// picture's resolution, where only rounding moves it, and a whole one of a network's.
func (o *outline) edge() float64 {
	if o.cell > 1 {
		return o.cell
	}
	return 0.5 * o.cell
}

// measure updates a body's filters with what this frame shows of it.
func (s *Stage) measure(b *body, dt float64, ego Ego) {
	g := &s.sight
	edge := b.out.edge() / g.focal
	height := b.down - b.top
	if !g.calibrated {
		s.measureScale(b, edge)
		return
	}
	slope := (1 + b.down*b.down) / g.height // d rho / d pitch
	rho := b.down / g.height
	variance := s.contactVariance(edge, slope)
	b.hasDirect = b.grounded
	if b.grounded {
		b.direct = 1 / rho
	}
	// The pitch of this frame is what all objects say it is.
	lack, all, slow := s.tilt.error()
	rho += lack * slope
	if !b.ranged {
		if !b.grounded || !s.startRange(b, rho, variance+all*slope*slope, ego) {
			return
		}
	} else if b.grounded {
		// What of the pitch is unknown for long is no noise from frame to frame: it is added to
		// the spread of what is reported.
		frames := math.Max(1, 2*swayTime/math.Max(dt, 1e-3))
		b.rng.contact(rho, variance+math.Max(all-slow, 0.1*all)*slope*slope*frames)
	}
	b.common = slope * slope * slow
	b.updates++
	if b.wide > 0 {
		b.rng.size(byWidth, b.wide, b.widthNoise(edge))
	}
	upright := b.grounded && !b.out.cutTop && height > 0
	if upright && (s.Off.Standing || b.stands(g) > 0.7) {
		b.rng.size(byHeight, height, b.heightNoise(edge))
	}
	if !b.sized && b.updates > 2 {
		b.expectSize()
	}
	if upright {
		rho, _ := b.rng.rho()
		b.standing.observe(rho*g.height, height, g.height, edge*edge)
	}
	s.sideways(b, dt)
	b.motion = b.moves(ego)
}

// widthNoise is the standard deviation of the width that a body's near end takes: of an object
// beside the line of travel a flank shows too, and ever more of it.
func (b *body) widthNoise(edge float64) float64 {
	beside := math.Max(0, math.Max(b.rightFoot, -b.leftFoot))
	return math.Hypot(edge*math.Sqrt2, usualLength*beside*b.wide)
}

// heightNoise is the same of the height: of an object lower than the camera the upper side
// shows too.
func (b *body) heightNoise(edge float64) float64 {
	above := math.Max(0, b.top)
	return math.Hypot(edge*math.Sqrt2, usualLength*above*b.wide)
}

// usualLength is the length of an object over its width.
const usualLength = 1.5

func (b *body) stands(g *sight) float64 { return b.standing.probability(g.height) }

// contactVariance is the variance of the inverse distance of a contact, but for the camera's
// swaying: the mask's edge and the road's unevenness (contract, section 2.2).
func (s *Stage) contactVariance(edge, slope float64) float64 {
	pixel := edge / s.sight.height
	v := pixel * pixel
	if up := s.sight.plane.Mount().Spread.Slope; up > 0 {
		v += slope * slope * up * up
	}
	return v
}

// startRange begins the filter at the first contact of which the distance is not wholly
// uncertain.
func (s *Stage) startRange(b *body, rho, variance float64, ego Ego) bool {
	sigma := math.Sqrt(variance)
	if !(rho > 0) || sigma > 0.5*rho {
		return false
	}
	k, sigmaK := 0.0, 1.0
	if ego.HasSpeed {
		k = ego.Speed * rho
		sigmaK = 0.6*math.Abs(k) + 3*rho
	}
	b.rng.start(rho, sigma, k, sigmaK)
	b.ranged = true
	return true
}

// measureScale is measure without metres: only growth counts, and the distance is in units of
// its first.
func (s *Stage) measureScale(b *body, edge float64) {
	if !b.ranged {
		const unit = 1.0 / 30 // as if it were 30 m away: relative acceleration wants a scale
		b.rng.start(unit, 1e-4*unit, 0, 1)
		b.ranged = true
	}
	b.updates++
	height := b.down - b.top
	if b.wide > 0 {
		b.rng.size(byWidth, b.wide, edge*math.Sqrt2)
	}
	if !b.out.cutBottom && !b.out.cutTop && height > 0 {
		b.rng.size(byHeight, height, edge*math.Sqrt2)
		if b.wide > 0 {
			b.standing.growth.observe(b.wide, height, 2*edge*edge)
		}
	}
	b.motion = pipeline.MotionUnknown
}

// usualHeight is how high things of that name are, metres, and the relative spread of that.
func usualHeight(label string) (metres, spread float64, ok bool) {
	switch label {
	case "car":
		return 1.52, 0.09, true
	case "person", "pedestrian", "cyclist":
		return 1.72, 0.08, true
	case "van":
		return 2.1, 0.12, true
	case "bus", "truck":
		return 3.1, 0.20, true
	}
	return 0, 0, false
}

// expectSize tells the filter the usual height of what has a name.
func (b *body) expectSize() {
	h, spread, ok := usualHeight(b.label)
	if !ok || b.rng.p[iHeight][iHeight] >= unknownSize {
		return
	}
	b.sized = true
	b.rng.expect(iHeight, math.Log(h), spread)
}

// sideways follows the lateral place with an alpha-beta filter, measured from the way ahead:
// in a curve, what stands still keeps its place beside the way and not beside the camera's axis.
func (s *Stage) sideways(b *body, dt float64) {
	rho, _ := b.rng.rho()
	x := 1 / rho
	off := b.middle*x - s.path.at(x)
	b.hasY++
	if b.hasY == 1 {
		b.off, b.vOff = off, 0
	}
	alpha, beta := 0.3, 0.04
	if n := float64(b.hasY); n < 8 {
		alpha = math.Max(alpha, 1/n)
	}
	e := off - b.off
	b.off += alpha * e
	if dt > 0 {
		b.vOff += beta * e / dt
	}
	b.y = b.off + s.path.at(x)
}

// drift is how far the body will have moved sideways when the vehicle is there, metres.
func (b *body) drift(ttc float64) float64 {
	if b.hasY < 12 || math.Abs(b.vOff) < 0.5 || !(ttc < 5) {
		return 0
	}
	return b.vOff * math.Min(ttc, 2.5)
}

// moves tells whether the body moves over the ground: what does not comes nearer as fast as
// the vehicle drives (road obstacle contract, section 2.3: |k X/v - 1| < 0.3).
func (b *body) moves(ego Ego) pipeline.Motion {
	if !ego.HasSpeed || math.Abs(ego.Speed) < minEgo {
		return pipeline.MotionUnknown
	}
	rho, rel := b.rng.rho()
	ratio := b.rng.x[iRate] / rho / ego.Speed
	sigma := math.Hypot(math.Sqrt(b.rng.p[iRate][iRate])/rho/math.Abs(ego.Speed), ratio*rel)
	switch off := math.Abs(ratio - 1); {
	case off < 0.3 && sigma < 0.3:
		return pipeline.MotionStatic
	case off-sigma > 0.3:
		return pipeline.MotionMoving
	}
	return pipeline.MotionUnknown
}

// situation is what the level depends on.
func (b *body) situation(g *sight, ego Ego) Situation {
	sit := Situation{Distance: math.NaN(), Closing: math.NaN(), TTC: math.Inf(1), Ego: math.NaN(), Static: b.motion == pipeline.MotionStatic}
	if ego.HasSpeed {
		sit.Ego = ego.Speed
	}
	k, _ := b.rate(ego)
	if !g.calibrated {
		if k > 0.02 {
			sit.TTC = 1 / k
		}
		return sit
	}
	rho, _ := b.rng.rho()
	front := g.plane.Mount().Front
	sit.Distance = math.Max(0, 1/rho-front)
	sit.Closing = k / rho
	if sit.Closing > 0.1 {
		sit.TTC = sit.Distance / sit.Closing
	}
	return sit
}

// tall is the height of the body, metres, 0 while it is not known.
func (b *body) tall(g *sight) float64 {
	if b.standing.n == 0 || b.down <= 0 {
		return 0
	}
	return b.standing.height(g.height, b.down, b.down-b.top)
}

// rate is the closing speed over the distance, 1/s, with its standard deviation. For what does
// not move, the vehicle's own speed over the distance is a second opinion; the two are fused
// by inverse variance (contract, section 2.3). The filter itself is not told: it must stay able
// to contradict.
func (b *body) rate(ego Ego) (k, sigma float64) {
	k, sigma = b.rng.x[iRate], math.Sqrt(b.rng.p[iRate][iRate])
	if b.motion != pipeline.MotionStatic || !ego.HasSpeed {
		return k, sigma
	}
	rho, rel := b.rng.rho()
	k2 := ego.Speed * rho
	sigma2 := math.Abs(k2) * math.Hypot(rel, speedError)
	w1, w2 := 1/(sigma*sigma), 1/(sigma2*sigma2)
	return (k*w1 + k2*w2) / (w1 + w2), 1 / math.Sqrt(w1+w2)
}

// speedError is the relative standard deviation of a vehicle's speedometer.
const speedError = 0.03

// ttcSigma is the standard deviation of the time to collision: the filter's noise is Gaussian
// in the rate, 1/TTC (contract, section 2.3).
func (b *body) ttcSigma(ttc float64, ego Ego) float64 {
	k, sigma := b.rate(ego)
	if k <= 0 {
		return math.Inf(1)
	}
	return ttc * sigma / k
}

const (
	vague = 0.5 // relative standard deviation of a time to collision that says nothing
	// What must be seen of a growth before a level is built on it alone.
	scaleOnly   = 1.0 // seconds
	scaleFrames = 15
)

// careful is the situation as it is to be believed for raising a level: with a wide spread the
// milder levels wait, the critical one does not (contract, section 2.6).
func (b *body) careful(sit Situation, ego Ego) Situation {
	if !(sit.TTC < math.Inf(1)) {
		return sit
	}
	rel := b.ttcSigma(sit.TTC, ego) / sit.TTC
	if rel > vague || !finite(sit.Distance) && (b.seen-b.first < scaleOnly || b.updates < scaleFrames) {
		// Growth that may as well be none.
		sit.TTC, sit.Closing = math.Inf(1), 0
		return sit
	}
	if sit.TTC < thresholds[pipeline.LevelCritical].ttc {
		return sit
	}
	if rel > 0.15 {
		// One standard deviation of 1/TTC to the mild side beyond what is usual.
		slow := math.Max(0.2, 1-(rel-0.15))
		sit.TTC /= slow
		if finite(sit.Closing) {
			sit.Closing *= slow
		}
	}
	return sit
}

// obstacle writes the body as the result tells it.
func (s *Stage) obstacle(r *pipeline.Result, b *body, ego Ego) pipeline.Obstacle {
	g := &s.sight
	sit := b.situation(g, ego)
	o := pipeline.Obstacle{
		TrackID: b.id, Contact: pipeline.Point{X: (b.out.footL + b.out.footR) / 2, Y: b.out.bottom},
		Motion: b.motion, InCorridor: b.inPath >= pathTaken, Level: b.alert.level,
	}
	if sit.TTC < maxTTC {
		o.TTC = r.NewNumber(sit.TTC)
		o.TTCSigma = r.NewNumber(math.Min(b.ttcSigma(sit.TTC, ego), maxTTC))
	}
	if !g.calibrated {
		return o
	}
	x, lo, hi := b.rng.interval(1.96, b.common)
	if s.Off.Filter {
		if !b.hasDirect {
			return o
		}
		x = b.direct
	}
	front := g.plane.Mount().Front
	o.Distance = r.NewNumber(math.Max(0, x-front))
	o.DistanceLo = r.NewNumber(math.Max(0, lo-front))
	if hi < maxDistance {
		o.DistanceHi = r.NewNumber(math.Max(0, hi-front))
	}
	o.Lateral = r.NewNumber(b.y)
	o.Closing = r.NewNumber(sit.Closing)
	if w := b.leftFoot - b.rightFoot; w > 0 && !b.out.cutLeft && !b.out.cutRight {
		o.Width = r.NewNumber(w * x)
	}
	if h := b.tall(g); h > 0 && h < 20 {
		o.Height = r.NewNumber(h)
	}
	return o
}

const (
	maxTTC      = 60.0   // seconds: slower approaches are none
	maxDistance = 1000.0 // metres
)
