package obstacle

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"

	"outrider/pipeline"
)

// Stage finds the road obstacles among the tracks of a camera's frames: it fills
// Result.Obstacles and Result.Road, and tells events of kind pipeline.EventObstacle. It stands
// behind the tracker in the chain. The fields are parameters, read only.
type Stage struct {
	Calibration Calibration // nil: times to collision without metres
	Ego         EgoSource   // nil: the vehicle's speed is not known

	VehicleWidth float64          // metres, 0 for 1.9
	Margin       float64          // metres to either side of it that belong to its way, 0 for 0.3
	Hood         []pipeline.Point // outline of what of the vehicle is in the picture, frame pixels; nil finds it

	Off Ablation

	sight   sight
	surface surface
	tracer  tracer
	path    path
	fit     curveFit
	tilt    tilt
	bodies  []*body
	free    []*body
	byID    map[uint64]*body
	last    float64
	started bool
	order   []*body
}

// Ablation turns parts off, to show what each is worth.
type Ablation struct {
	Tilt       bool // do not correct the camera's pitch
	Lag        bool // hold the rate constant between frames
	Standing   bool // everything stands
	Hysteresis bool // levels follow each frame's verdict
	Filter     bool // distances from this frame's box alone
}

var _ pipeline.Stage = (*Stage)(nil)

const (
	defaultVehicle = 1.9
	defaultMargin  = 0.3
	curveSigma     = 1e-3 // 1/metres: a curvature known so well is taken at full weight
	maxGap         = 1.5  // seconds between frames after which nothing is carried over
	forgetAfter    = 1.0  // seconds unseen after which an obstacle is no longer reported
	inheritFor     = 2.0  // seconds in which another track may take over its level
	minHeight      = 0.10
	pathTaken      = 0.5 // probability from which on something is in the way
	pathHeld       = 0.35
	standsTaken    = 0.8
	standsHeld     = 0.4
)

// Reset implements pipeline.Stage: levels and distances do not cross a restart of the stream.
func (s *Stage) Reset(uint32) {
	s.free = append(s.free, s.bodies...)
	s.bodies = s.bodies[:0]
	clear(s.byID)
	s.restTilt(true)
	s.started = false
	s.path = path{}
	s.surface.until = 0
}

// Process implements pipeline.Stage.
func (s *Stage) Process(_ context.Context, r *pipeline.Result) error {
	f := r.Frame
	if s.byID == nil {
		s.byID = map[uint64]*body{}
	}
	now := float64(f.Captured.UnixMicro()) / 1e6
	dt := now - s.last
	if s.started && (dt <= 0 || dt > maxGap) { // the clock jumped
		s.Reset(f.Epoch)
	}
	if !s.started {
		dt = 0
	}
	s.last, s.started = now, true
	s.surface.drawn = s.Hood

	was := s.sight.calibrated
	r.Road.Status, r.Road.Reason = s.sight.update(s.Calibration, f)
	if was != s.sight.calibrated { // what is in metres and what is not do not mix
		s.Reset(f.Epoch)
		s.started = true
		dt = 0
		s.restTilt(false)
	}
	var ego Ego
	if s.Ego != nil {
		ego = s.Ego.Ego(f)
	}
	if !finite(ego.Speed) || math.Abs(ego.Speed) > 120 {
		ego.HasSpeed = false
	}
	if !finite(ego.YawRate) || math.Abs(ego.YawRate) > 3 {
		ego.HasYaw = false
	}
	s.surface.update(r, now)
	if !ego.HasSpeed || ego.Speed > minEgo {
		s.surface.learnHood(f.Width, f.Height, dt)
	}
	s.steer(ego)
	s.observe(r, now, dt, ego)
	s.retire(now)
	s.report(r, now, ego)
	return nil
}

// restTilt lets the estimate of the pitch begin anew; what is known of its slow part may stay.
func (s *Stage) restTilt(keep bool) {
	sigma := 0.0
	if s.sight.calibrated && !s.Off.Tilt {
		sigma = s.sight.plane.Mount().Spread.Pitch
	}
	s.tilt.reset(sigma, keep)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// steer settles the way ahead: from the yaw rate, else from the edges of the road, else
// straight.
func (s *Stage) steer(ego Ego) {
	p := &s.path
	half := s.VehicleWidth
	if half <= 0 {
		half = defaultVehicle
	}
	margin := s.Margin
	if margin <= 0 {
		margin = defaultMargin
	}
	p.half = half/2 + margin
	p.c0, p.sigmaC1 = 0, 0.2*math.Pi/180
	if s.sight.calibrated {
		p.sigmaC1 = math.Max(p.sigmaC1, s.sight.plane.Mount().Spread.Yaw)
	}
	if ego.HasYaw && ego.HasSpeed && ego.Speed > minEgo {
		k := ego.YawRate / ego.Speed
		p.kappa += 0.5 * (k - p.kappa)
		p.c1, p.sigmaKappa, p.source = 0, 5e-4, "yaw rate"
		return
	}
	s.surface.edges(&s.sight, p, &s.fit)
	if c1, kappa, sigma, ok := s.fit.solve(); ok && math.Abs(kappa) < 0.02 {
		// The shorter the stretch in sight, the less it says.
		share := 0.15 * math.Min(1, curveSigma*curveSigma/(sigma*sigma))
		p.kappa += share * (kappa - p.kappa)
		p.c1 += share * (c1 - p.c1)
		p.sigmaKappa, p.source = math.Max(sigma, 5e-4), "surface"
		return
	}
	p.kappa *= 0.9
	p.c1 *= 0.9
	p.sigmaKappa, p.source = 1e-3, "straight"
}

// observe takes the tracks of a frame.
func (s *Stage) observe(r *pipeline.Result, now, dt float64, ego Ego) {
	for _, b := range s.bodies {
		b.shown, b.reported = false, false
		b.predict(dt, &s.sight)
	}
	for i := range r.Tracks {
		t := &r.Tracks[i]
		if !candidate(r, t) {
			continue
		}
		b := s.byID[t.ID]
		if b == nil && !t.Observed {
			continue
		}
		if b != nil {
			b.reported, b.box, b.track = true, t.Box, i
		}
		if !t.Observed {
			continue
		}
		o, ok := s.tracer.measure(t.Mask, r.Frame.Width, r.Frame.Height)
		if !ok || o.height < 2 || o.width < 1 {
			continue
		}
		if b == nil {
			if b = s.adopt(t, now); b == nil {
				continue
			}
			b.reported, b.box, b.track = true, t.Box, i
		}
		s.see(r, b, t, o, now, ego)
	}
	s.level(dt)
	for _, b := range s.bodies {
		if b.shown {
			s.measure(b, dt, ego)
		}
	}
}

// candidate reports whether a track may be an obstacle: no background, no part of another
// object, and not nearly the whole picture.
func candidate(r *pipeline.Result, t *pipeline.Track) bool {
	if t.Stuff || !t.Box.Finite() || t.Box.Area() <= 0 {
		return false
	}
	if t.Box.W() > 0.9*float64(r.Frame.Width) && t.Box.H() > 0.5*float64(r.Frame.Height) {
		return false
	}
	if t.Parent != 0 {
		if i, ok := slices.BinarySearchFunc(r.Tracks, t.Parent, func(a pipeline.Track, id uint64) int {
			switch {
			case a.ID < id:
				return -1
			case a.ID > id:
				return 1
			}
			return 0
		}); ok && !r.Tracks[i].Stuff {
			return false
		}
	}
	return true
}

// adopt makes the body of a new track, or hands it the one of a track that ended where this
// one begins: an id switch must not warn anew.
func (s *Stage) adopt(t *pipeline.Track, now float64) *body {
	var heir *body
	best := 0.3
	for _, b := range s.bodies {
		if b.reported || now-b.seen > inheritFor || s.byID[b.id] != b {
			continue
		}
		if iou := b.box.IoU(t.Box); iou > best {
			heir, best = b, iou
		}
	}
	if heir != nil {
		delete(s.byID, heir.id)
		heir.id = t.ID
		s.byID[t.ID] = heir
		return heir
	}
	var b *body
	if n := len(s.free); n > 0 {
		b, s.free = s.free[n-1], s.free[:n-1]
	} else {
		b = &body{}
	}
	*b = body{id: t.ID, first: now, seen: now, road: 0.5}
	b.alert.direct = s.Off.Hysteresis
	b.alert.below = -1
	b.rng.lag = s.Off.Lag
	s.bodies = append(s.bodies, b)
	s.byID[t.ID] = b
	return b
}

// see takes down what this frame shows of a body.
func (s *Stage) see(r *pipeline.Result, b *body, t *pipeline.Track, o outline, now float64, ego Ego) {
	b.shown, b.seen, b.out, b.label = true, now, o, t.Label
	mid := (o.footL + o.footR) / 2
	floor := s.surface.floor(mid, r.Frame.Width, r.Frame.Height)
	b.grounded = !o.cutBottom && o.bottom < floor-1.2*o.cell
	if o.cutLeft && o.footL <= o.left+o.cell || o.cutRight && o.footR >= o.right-o.cell {
		b.grounded = false // where it meets the ground nearest is outside the picture
	}
	down, left, ok := s.sight.look(mid, o.bottom)
	if !ok || down <= 1e-4 {
		b.grounded = false
	}
	if b.grounded && s.hidden(r, t, &o) {
		b.grounded = false
	}
	b.down = down
	_, b.leftFoot, _ = s.sight.look(o.footL, o.bottom)
	_, b.rightFoot, _ = s.sight.look(o.footR, o.bottom)
	b.middle = left
	b.top, _, _ = s.sight.look((o.left+o.right)/2, o.top)
	row := (o.top + o.bottom) / 2
	c := (o.left + o.right) / 2
	_, l, ok1 := s.sight.look(c-o.width/2, row)
	_, q, ok2 := s.sight.look(c+o.width/2, row)
	b.wide = 0
	if ok1 && ok2 && !o.cutLeft && !o.cutRight {
		b.wide = l - q
	}
	if b.grounded && s.surface.road != nil {
		b.road += 0.25 * (s.surface.under(&o) - b.road)
	} else if s.surface.road == nil {
		b.road = 1
	}
}

// hidden reports whether what is below the contact belongs to another object: then the contact
// is not one.
func (s *Stage) hidden(r *pipeline.Result, t *pipeline.Track, o *outline) bool {
	const samples = 5
	hits := 0
	for i := range samples {
		u := o.footL + (o.footR-o.footL)*(float64(i)+0.5)/samples
		v := o.bottom + 1.5*o.cell
		if s.surface.road != nil && s.surface.road.At(u, v) {
			continue
		}
		at := pipeline.Point{X: u, Y: v}
		for k := range r.Tracks {
			other := &r.Tracks[k]
			if other.ID == t.ID || other.Stuff || !other.Observed || other.Mask == nil || other.ID == t.Parent || other.Parent == t.ID {
				continue
			}
			if other.Box.Contains(at) && other.Mask.At(u, v) {
				hits++
				break
			}
		}
	}
	return hits > samples/2
}

// retire forgets what has not been seen for long.
func (s *Stage) retire(now float64) {
	keep := s.bodies[:0]
	for _, b := range s.bodies {
		if now-b.seen <= inheritFor {
			keep = append(keep, b)
			continue
		}
		s.tilt.drop(b)
		delete(s.byID, b.id)
		s.free = append(s.free, b)
	}
	s.bodies = keep
}

// report writes the obstacles of the frame.
func (s *Stage) report(r *pipeline.Result, now float64, ego Ego) {
	s.order = s.order[:0]
	for _, b := range s.bodies {
		if !b.ready() || !b.reported && !b.shown {
			continue
		}
		if now-b.seen > forgetAfter {
			continue
		}
		s.judge(b, now, ego)
		if b.road < 0.4 && b.alert.level == 0 {
			continue // it stands beside the road
		}
		s.order = append(s.order, b)
	}
	slices.SortStableFunc(s.order, func(a, b *body) int {
		switch {
		case a.alert.level != b.alert.level:
			return int(b.alert.level) - int(a.alert.level)
		case a.urgency() != b.urgency():
			if a.urgency() > b.urgency() {
				return -1
			}
			return 1
		}
		return 0
	})
	for _, b := range s.order {
		r.Obstacles = append(r.Obstacles, s.obstacle(r, b, ego))
		if b.reported && b.alert.tell(now) {
			s.tell(r, b, ego)
		}
	}
	r.Road.Free = s.surface.free(r.Road.Free, r.Frame.Width, r.Frame.Height)
	r.Road.Path = s.outlinePath(r.Road.Path)
	if ego.HasSpeed {
		r.Road.Speed = r.NewNumber(ego.Speed)
	}
	if s.sight.calibrated {
		r.Road.Pitch = r.NewNumber((s.sight.plane.Mount().Pitch + s.tilt.x[tSlow]) * 180 / math.Pi)
	}
}

// judge sets the level of a body.
func (s *Stage) judge(b *body, now float64, ego Ego) {
	sit := b.situation(&s.sight, ego)
	b.inPath = s.pathProbability(b, sit)
	stands := b.stands(&s.sight)
	if s.Off.Standing {
		stands = 1
	}
	met, held := pipeline.LevelNone, pipeline.LevelNone
	if b.road >= 0.4 {
		if b.inPath >= pathTaken && stands >= standsTaken {
			met = Grade(b.careful(sit, ego), 1)
		}
		if b.inPath >= pathHeld && stands >= standsHeld {
			held = Grade(sit, holdFactor)
		}
	}
	b.alert.step(now, met, held)
}

// pathProbability is the probability that the body will be in the way when the vehicle is
// there.
func (s *Stage) pathProbability(b *body, sit Situation) float64 {
	if !s.sight.calibrated {
		// The way in the picture: a strip of the vehicle's width on a plane at usual height.
		const usualHeight = 1.4
		half := s.path.half / usualHeight * math.Max(b.down, 0)
		return clamp01((half-math.Max(b.rightFoot, -b.leftFoot))/(0.2*half+1e-6) + 0.5)
	}
	rho, rel := b.rng.rho()
	x := 1 / rho
	yl, yr := b.leftFoot*x, b.rightFoot*x
	if !b.shown {
		yl, yr = b.y+(yl-yr)/2, b.y-(yl-yr)/2
	}
	if shift := b.drift(sit.TTC); shift != 0 {
		yl, yr = yl+shift, yr+shift
	}
	return s.path.overlap(x, yl, yr, rel)
}

func clamp01(v float64) float64 { return math.Max(0, math.Min(1, v)) }

// outlinePath appends the way ahead as it appears in the picture.
func (s *Stage) outlinePath(dst []pipeline.Point) []pipeline.Point {
	if !s.sight.calibrated {
		return dst
	}
	const near, far, steps = 4.0, 60.0, 12
	p := &s.path
	for side := 1.0; side >= -1; side -= 2 {
		for i := range steps + 1 {
			k := i
			if side < 0 {
				k = steps - i
			}
			x := near * math.Pow(far/near, float64(k)/steps)
			if at, ok := s.sight.plane.Project(x, p.at(x)+side*p.half, 0); ok {
				dst = append(dst, at)
			}
		}
	}
	return dst
}

// tell adds the event of a warning with the evidence behind it.
func (s *Stage) tell(r *pipeline.Result, b *body, ego Ego) {
	sit := b.situation(&s.sight, ego)
	data := map[string]any{
		"level": int(b.alert.level), "level_name": b.alert.level.String(),
		"in_path": round3(b.inPath), "stands": round3(b.stands(&s.sight)),
		"path": s.path.source, "calibration": string(r.Road.Status), "motion": string(b.motion),
	}
	put := func(k string, v float64) {
		if finite(v) {
			data[k] = round3(v)
		}
	}
	put("ttc_s", sit.TTC)
	if s.sight.calibrated {
		_, lo, hi := b.rng.interval(1.96, b.common)
		front := s.sight.plane.Mount().Front
		put("distance_m", sit.Distance)
		put("distance_lo_m", math.Max(0, lo-front))
		put("distance_hi_m", hi-front)
		put("closing_mps", sit.Closing)
		put("lateral_m", b.y)
		put("deceleration_mps2", Deceleration(sit.Distance, sit.Closing))
	}
	if ego.HasSpeed {
		put("ego_mps", ego.Speed)
	}
	if l := b.alert.level; l >= pipeline.LevelCaution {
		data["threshold_ttc_s"], data["threshold_deceleration_mps2"] = thresholds[l].ttc, thresholds[l].decel
	}
	r.Events = append(r.Events, pipeline.Event{
		ID: uuid.Must(uuid.NewV7()).String(), Camera: strings.Clone(r.Frame.Camera), Kind: pipeline.EventObstacle,
		Time: r.Frame.Captured, Seq: r.Frame.Seq, Track: r.Tracks[b.track], Data: data,
	})
}

func round3(v float64) float64 { return math.Round(v*1000) / 1000 }
