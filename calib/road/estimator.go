package road

import (
	"errors"
	"fmt"
	"math"
	"time"

	"outrider/calib"
	"outrider/pipeline"
	"outrider/pipeline/flow"
)

// Estimator calibrates one camera. Exported fields are parameters, set before Initialize and not
// changed after. It is not safe for concurrent use.
type Estimator struct {
	Camera *calib.Camera
	Roll   float64 // radians: the mount's, which driving does not tell
	Height float64 // metres: the first guess and, without Speed and LaneWidth, the answer; 0 for 1.4
	// LaneWidth, metres, gives the height when the speed is not known; 0 for no such prior.
	LaneWidth float64
	// Interval is the least time between two frames that are looked at; 0 for 60 ms.
	Interval time.Duration

	frames  [2]flow.Image
	current int  // index of the newest frame
	have    bool // the other one is the reference
	at      time.Duration
	tracker flow.Tracker
	from    []pipeline.Point
	to      []pipeline.Point
	ok      []bool
	pairs   []pair
	ground  []pair
	sort    []float64
	lanes   laneFinder
	blocks  blocks
	nod     nod
	width   int
	height  int
	scaled  *calib.Camera
	invalid error
}

// Reading is what one frame said.
type Reading struct {
	// OK: there was motion to read from, straight ahead.
	OK         bool
	Pitch, Yaw float64 // of the direction of motion, radians, the signs of package calib
	YawRate    float64 // radians/s, positive turns left
	// Nod is how much more the camera looks down at this moment than on average (braking, bumps),
	// radians, with its standard deviation; it holds from the second reading on, OK or not.
	Nod, NodSigma float64
	// Ground: the ground's motion was seen as well; then Height is the camera's, metres, when the
	// speed is known, else 0.
	Ground bool
	Height float64
}

// The gates of a reading, from openpilot's calibrationd where it has them.
const (
	minSpeed   = 6.7               // m/s, when the speed is known: 15 mph
	maxYawRate = 2 * math.Pi / 180 // rad/s
	minPairs   = 25
	minInliers = 0.5
	minFlow    = 1.2 // pixels, median
	maxGap     = time.Second
	maxSigma   = 1.0 * math.Pi / 180 // of one reading's direction
)

// Initialize checks the parameters.
func (e *Estimator) Initialize() error {
	if e.Camera == nil {
		return errors.New("road calibration: no camera model; calibrate the lens first (outrider calib board) or bring a file")
	}
	if e.Height == 0 {
		e.Height = 1.4
	}
	if e.Interval == 0 {
		e.Interval = 60 * time.Millisecond
	}
	m := calib.Mount{Height: e.Height, Roll: e.Roll}
	if err := m.Validate(); err != nil {
		return fmt.Errorf("road calibration: %w", err)
	}
	if !(e.LaneWidth == 0 || e.LaneWidth >= 2 && e.LaneWidth <= 6) {
		return fmt.Errorf("road calibration: lane width %v is not between 2 and 6 metres", e.LaneWidth)
	}
	e.tracker.Affine = true
	return nil
}

// Reset forgets the last frame: the stream starts anew. What was learnt stays.
func (e *Estimator) Reset() {
	e.have = false
	e.nod = nod{}
}

// Frame takes a frame of w x h BGR pixels at time t of its stream, which need not be steady, and
// the speed of the vehicle in m/s, negative when unknown. A frame of another aspect than the
// calibration's makes the state INVALID until one of the right aspect comes.
func (e *Estimator) Frame(data []byte, w, h int, t time.Duration, speed float64) Reading {
	if w != e.width || h != e.height || e.scaled == nil {
		e.width, e.height, e.have = w, h, false
		if e.scaled, e.invalid = e.Camera.Scale(w, h); e.invalid != nil {
			e.scaled = nil
			return Reading{}
		}
	}
	gap := t - e.at
	switch {
	case !e.have || gap < 0 || gap > maxGap: // clock jump, or a pause
		e.current = 0
		e.frames[0].Load(data, w, h)
		e.have, e.at = true, t
		e.nod = nod{}
		return Reading{}
	case gap < e.Interval:
		return Reading{}
	}
	prev := &e.frames[e.current]
	next := &e.frames[1-e.current]
	next.Load(data, w, h)
	r, moved := e.read(prev, next, gap.Seconds(), speed)
	if moved {
		e.current, e.at = 1-e.current, t
	}
	return r
}

// read compares two frames; moved is false when they show too little motion, so that the older
// one is to be kept.
func (e *Estimator) read(prev, next *flow.Image, dt, speed float64) (r Reading, moved bool) {
	w, h := float64(e.width), float64(e.height)
	// One point a cell: about 250 over the picture; the lowest tenth is often the hood.
	cell := math.Sqrt(w * h / 250)
	e.from = prev.Corners(e.from[:0], cell, pipeline.Box{X2: w, Y2: 0.92 * h})
	// Twice as dense where the road is: it has little to hold on to.
	e.from = prev.Corners(e.from, cell/2, pipeline.Box{X1: 0.2 * w, Y1: 0.6 * h, X2: 0.8 * w, Y2: 0.92 * h})
	if n := len(e.from); cap(e.to) < n {
		e.to, e.ok = make([]pipeline.Point, n), make([]bool, n)
	}
	e.to, e.ok = e.to[:len(e.from)], e.ok[:len(e.from)]
	e.tracker.Track(prev, next, e.from, e.to, e.ok, false)
	e.pairs = e.pairs[:0]
	pixel := 1 / e.scaled.Intrinsics().FX * math.Max(1, w/960)
	for i, p := range e.from {
		if !e.ok[i] {
			continue
		}
		ax, ay, aok := e.scaled.Unproject(p)
		bx, by, bok := e.scaled.Unproject(e.to[i])
		if aok && bok {
			e.pairs = append(e.pairs, pair{ax, ay, bx, by, pixel})
		}
	}
	if len(e.pairs) < minPairs {
		return r, true // dark, or a wall: nothing to follow
	}
	m, ok := e.solveMotion(e.pairs, e.start())
	if m.flow < minFlow {
		return r, dt > maxGap.Seconds()/2
	}
	if !ok || float64(m.inliers) < minInliers*float64(m.total) {
		return r, true
	}
	pitch, yaw := angles(m.tx, m.ty, e.Roll)
	r.YawRate = m.wy / dt // a left turn moves the picture to the right
	r.Pitch, r.Yaw = pitch, yaw
	straight := math.Abs(r.YawRate) < maxYawRate
	fast := speed < 0 || speed >= minSpeed
	e.nod.turn(m.wx, m.varWX, dt)
	r.Nod, r.NodSigma = e.nod.angle, math.Sqrt(e.nod.variance)
	good := m.varX < maxSigma*maxSigma && m.varY < maxSigma*maxSigma
	inRange := pitch > 3*minPitch && pitch < 3*maxPitch && math.Abs(yaw) < 3*maxYaw
	if !good || !inRange || m.out <= 0 { // the last: reverse
		return r, true
	}
	g, gok := e.readGround(m)
	r.OK = straight && fast
	if gok {
		e.nod.angle, e.nod.variance = g.nod, g.sigma*g.sigma
		r.Nod, r.NodSigma = g.nod, g.sigma
		r.Ground = true
		if speed > 0 {
			r.Height = speed * dt / g.step
		}
	}
	if r.OK {
		s := sample{pitch: pitch, yaw: yaw, dt: dt}
		if gok && speed >= minSpeed && g.sigmaStep < 0.2*g.step {
			s.height = r.Height
		}
		centre, cok := e.blocks.pitchYaw()
		if !cok {
			centre = [2]float64{pitch, yaw}
		}
		if v, ok := e.lanes.find(next, e.scaled, centre[0], centre[1], e.Roll); ok {
			s.lanePitch, s.laneYaw, s.hasLanes = v.pitch, v.yaw, true
			s.laneWidth = v.width
		}
		e.blocks.add(s)
	}
	return r, true
}

// start is where the next fit begins: the direction known so far.
func (e *Estimator) start() egomotion {
	s := egomotion{}
	if c, ok := e.blocks.pitchYaw(); ok {
		s.tx, s.ty = direction(c[0], c[1], e.Roll)
	}
	return s
}

// direction is that of the motion (x, y, 1) in camera axes: R ez, as package calib turns it.
func direction(pitch, yaw, roll float64) (x, y float64) {
	x, y = math.Tan(yaw)/math.Cos(pitch), -math.Tan(pitch)
	s, c := math.Sincos(roll)
	return c*x - s*y, s*x + c*y
}

// angles is the inverse of direction: psi = asin(r_x), theta = atan2(-r_y, r_z) of the unrolled
// direction r (contract, section 3.2).
func angles(x, y, roll float64) (pitch, yaw float64) {
	s, c := math.Sincos(roll)
	x, y = c*x+s*y, -s*x+c*y
	return math.Atan2(-y, 1), math.Asin(x / math.Sqrt(1+x*x+y*y))
}

// readGround fits the ground to the pairs that would lie on it, ahead and between the wheels'
// surroundings, under the mount known so far.
func (e *Estimator) readGround(m egomotion) (g groundMotion, ok bool) {
	pitch, yaw := angles(m.tx, m.ty, e.Roll)
	if c, known := e.blocks.pitchYaw(); known {
		pitch, yaw = c[0], c[1]
	}
	plane, err := calib.NewPlane(e.scaled, calib.Mount{Height: 1, Pitch: pitch, Roll: e.Roll, Yaw: yaw})
	if err != nil {
		return g, false
	}
	e.ground = e.ground[:0]
	in := e.scaled.Intrinsics()
	for i := range e.pairs {
		q := &e.pairs[i]
		p, ok := e.scaled.Project(q.ax, q.ay, 1)
		if !ok || p.Y > 0.92*float64(in.Height) {
			continue
		}
		// In heights: 3 to 14 ahead, 2.5 to either side.
		if s, ok := plane.Ground(p); ok && s.X > 3 && s.X < 14 && math.Abs(s.Y) < 2.5 {
			e.ground = append(e.ground, *q)
		}
	}
	if len(e.ground) < minGround {
		return g, false
	}
	g, ok = e.solveGround(e.ground, m, pitch, e.Roll)
	return g, ok && g.inliers >= minGround && float64(g.inliers) >= minInliers*float64(len(e.ground)) && math.Abs(g.nod) < maxNod
}

const minGround = 10
