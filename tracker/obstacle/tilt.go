package obstacle

import (
	"math"

	"outrider/pipeline"
)

// tilt finds the error of the camera's pitch from the objects on the road: a slow part (a load
// in the boot, a mount that was measured badly) and a fast one (bumps, braking).
//
// What stands on the road and keeps its size is seen at z = q (t + d): t the tangent of the
// angle below the horizon of its foot, d the error of the pitch, z the angle that its width or
// height takes, q that size over the camera's height. One extended Kalman filter holds d and
// the q of every object; an object that comes nearer tells q and d apart, whatever it is and
// whether it moves or not. The camera's height and the vehicle's speed play no part. (The
// other way round, t = q' z - d would be linear, but z is the coarse one of the two, and its
// noise would make q' small and d large.)
//
// (That objects of constant size betray the horizon: Hoiem, Efros, Hebert, "Putting objects in
// perspective", CVPR 2006.)
type tilt struct {
	x    [tiltStates]float64
	p    [tiltStates][tiltStates]float64
	used [tiltSlots]*body
	on   bool // the pitch is not exact
}

const (
	tSlow = iota
	tFast
	tBodies

	tiltSlots  = 12
	tiltStates = tBodies + 2*tiltSlots
)

const (
	swaySigma = 0.25 * math.Pi / 180 // of the fast part, radians
	swayTime  = 0.15                 // seconds for which it stays to one side
	slowDrift = 0.03 * math.Pi / 180 // of the slow part, radians in a second
	// Relative spread of a usual height here. A single car's is three times that; but the many
	// frames of one object count as if they were independent, and this keeps the balance (tuned
	// on the KITTI labels).
	namedSpread = 0.025
	ratioDrift  = 0.004 // relative, in a second: objects turn
)

// reset begins anew with what the calibration says of its pitch, sigma in radians; with 0 the
// pitch is exact. What was learnt of the slow part stays.
func (t *tilt) reset(sigma float64, keep bool) {
	mean, variance := t.x[tSlow], t.p[tSlow][tSlow]
	known := keep && t.on && variance > 0
	*t = tilt{on: sigma > 0}
	if !t.on {
		return
	}
	t.p[tSlow][tSlow], t.p[tFast][tFast] = sigma*sigma, swaySigma*swaySigma
	if known {
		t.x[tSlow], t.p[tSlow][tSlow] = mean, math.Min(variance, sigma*sigma)
	}
}

// predict goes dt seconds on.
func (t *tilt) predict(dt float64) {
	if !t.on || dt <= 0 {
		return
	}
	a := math.Exp(-dt / swayTime)
	t.x[tFast] *= a
	for i := range tiltStates {
		t.p[tFast][i] *= a
	}
	for i := range tiltStates {
		t.p[i][tFast] *= a
	}
	t.p[tFast][tFast] += swaySigma * swaySigma * (1 - a*a)
	t.p[tSlow][tSlow] += slowDrift * slowDrift * dt
	for i := tBodies; i < tiltStates; i++ {
		q := ratioDrift * t.x[i]
		t.p[i][i] += q * q * dt
	}
}

// error is the pitch that the calibration lacks in this frame, radians, with the variances of
// all of it and of its slow part.
func (t *tilt) error() (d, variance, slow float64) {
	v := t.p[tSlow][tSlow] + 2*t.p[tSlow][tFast] + t.p[tFast][tFast]
	return t.x[tSlow] + t.x[tFast], math.Max(v, 0), math.Max(t.p[tSlow][tSlow], 0)
}

// slot is the place of a body among the states, -1 when all are taken.
func (t *tilt) slot(b *body) int {
	free := -1
	for i, u := range t.used {
		if u == b {
			return i
		}
		if u == nil {
			free = i
		}
	}
	if free >= 0 {
		t.used[free] = b
		t.forget(tBodies + 2*free)
		t.forget(tBodies + 2*free + 1)
	}
	return free
}

// drop frees the place of a body.
func (t *tilt) drop(b *body) {
	for i, u := range t.used {
		if u == b {
			t.used[i] = nil
		}
	}
}

// forget makes state i unknown.
func (t *tilt) forget(i int) {
	for j := range tiltStates {
		t.p[i][j], t.p[j][i] = 0, 0
	}
	t.x[i] = 0 // unknown
}

// expect tells the height over the camera's height of the body in a slot before anything is
// known of it: what has a name has a usual size.
func (t *tilt) expect(slot int, q, sigma float64) {
	if i := tBodies + 2*slot + 1; t.x[i] == 0 {
		t.x[i], t.p[i][i] = q, sigma*sigma
	}
}

// take is one measurement: a foot at tangent down, and the angle z that the width (which 0) or
// height (1) of the body in that slot takes, with their standard deviations.
func (t *tilt) take(slot, which int, down, z, noise, edge float64) {
	i := tBodies + 2*slot + which
	g := 1 + down*down
	lack, variance, _ := t.error()
	full := down + g*lack
	if full < 4*g*math.Sqrt(variance) || full < 6*edge {
		return // so near the horizon that it may as well be above it
	}
	q := t.x[i]
	if q == 0 {
		// q = z/(t + g d) follows the pitch's uncertainty.
		q = z / full
		t.x[i] = q
		for j := range tiltStates {
			v := -q * g / full * (t.p[tSlow][j] + t.p[tFast][j])
			t.p[i][j], t.p[j][i] = v, v
		}
		t.p[i][i] = q*q*g*g*variance/(full*full) + repeatFrames*(noise*noise+q*q*edge*edge)/(full*full)
		return
	}
	r := repeatFrames * (noise*noise + q*q*edge*edge)
	// h has three entries: full at i, q g at both parts of the pitch.
	var ph [tiltStates]float64
	for j := range tiltStates {
		ph[j] = full*t.p[j][i] + q*g*(t.p[j][tSlow]+t.p[j][tFast])
	}
	s := full*ph[i] + q*g*(ph[tSlow]+ph[tFast]) + r
	nu := z - q*full
	if !(s > 0) || !finite(nu) {
		return
	}
	if nu*nu > 16*s { // it is not what it was: half hidden, turned
		t.forget(i)
		return
	}
	for j := range tiltStates {
		k := ph[j] / s
		if k == 0 {
			continue
		}
		t.x[j] += k * nu
		for l := range tiltStates {
			t.p[j][l] -= k * ph[l]
		}
	}
	for j := range tiltStates {
		t.p[j][j] = math.Max(t.p[j][j], 0)
	}
	t.x[tSlow] = math.Min(math.Max(t.x[tSlow], -maxTilt), maxTilt)
	if t.x[i] <= 0 {
		t.forget(i)
	}
}

// maxFlank is the bearing up to which an object's near end may lie beside the line of travel
// and still hide its flank well enough.
const maxFlank = 0.03

// maxTilt bounds the slow part, radians: beyond it the calibration is not wrong but another's.
const maxTilt = 5 * math.Pi / 180

// level takes what the bodies of this frame say of the pitch.
func (s *Stage) level(dt float64) {
	t := &s.tilt
	if !s.sight.calibrated {
		return
	}
	t.predict(dt)
	if !t.on {
		return
	}
	for _, b := range s.bodies {
		if !b.shown || !b.grounded || b.road < 0.4 || b.motion == pipeline.MotionUnknown && b.updates < 3 {
			continue
		}
		i := t.slot(b)
		if i < 0 {
			continue
		}
		edge := b.out.edge() / s.sight.focal
		// A flank or an upper side in sight grows otherwise than the near end does.
		if n := edge * math.Sqrt2; b.wide > 4*n && b.rightFoot < maxFlank && b.leftFoot > -maxFlank {
			t.take(i, 0, b.down, b.wide, n, edge)
		}
		most := 0.1
		if h, _, ok := usualHeight(b.label); ok {
			t.expect(i, h/s.sight.height, namedSpread*h/s.sight.height)
			most = 0.4
		}
		if z, n := b.down-b.top, edge*math.Sqrt2; !b.out.cutTop && z > 4*n && b.top < most*z && b.stands(&s.sight) > 0.4 {
			t.take(i, 1, b.down, z, n, edge)
		}
	}
}
