package obstacle

import (
	"math"

	"outrider/pipeline"
)

// Situation is what a warning level is decided on.
type Situation struct {
	Distance float64 // from the front bumper, metres; NaN without calibration
	Closing  float64 // m/s, positive when it comes nearer; NaN without calibration
	TTC      float64 // seconds, +Inf when it does not come nearer
	Ego      float64 // speed of the vehicle, m/s; NaN when unknown
	Static   bool    // the object does not move over the ground
}

// The constants of the levels (road obstacle contract, section 2.6).
const (
	reaction     = 1.5 // seconds
	comfortBrake = 3.6 // m/s^2
	minEgo       = 2.0 // m/s: slower than that and nothing closing faster than minClosing is no danger
	minClosing   = 1.0
)

// thresholds of levels 2 to 4.
var thresholds = [5]struct{ ttc, decel float64 }{
	pipeline.LevelCaution:  {4.0, 2.0},
	pipeline.LevelWarning:  {2.7, 3.5},
	pipeline.LevelCritical: {1.4, 6.0},
}

// stopping is the distance to stop from v with the reaction time: v t_r + v^2/(2a).
func stopping(v float64) float64 { return v*reaction + v*v/(2*comfortBrake) }

// Deceleration is what must be braked with, after the reaction time, so as not to reach what
// is at that distance: v^2/(2 (X - v t_r)), m/s^2 (contract, section 2.6); +Inf when it is too
// late, 0 when it does not come nearer.
func Deceleration(distance, closing float64) float64 {
	if !(closing > 0) {
		return 0
	}
	room := distance - closing*reaction
	if room <= 0.05 {
		return math.Inf(1)
	}
	return closing * closing / (2 * room)
}

// Grade is the level whose condition the situation meets. It has no memory: Stage adds
// evidence over frames and hysteresis. slack above 1 loosens every threshold: with 1.25 it
// says which level may still be held.
func Grade(s Situation, slack float64) pipeline.WarningLevel {
	closing := s.Closing
	if math.IsNaN(closing) {
		closing = 0
		if s.TTC < math.Inf(1) {
			closing = 2 * minClosing // how fast is not known, only how soon
		}
	}
	if !(s.Ego > minEgo) && !(closing > minClosing/slack) {
		return pipeline.LevelNone
	}
	decel := 0.0
	if s.Distance >= 0 && closing > minClosing/slack {
		decel = Deceleration(s.Distance, s.Closing)
	}
	for l := pipeline.LevelCritical; l >= pipeline.LevelCaution; l-- {
		t := thresholds[l]
		// A decel that would be held at 0.8 of its threshold at slack 1.25.
		if s.TTC < t.ttc*slack || decel > t.decel/slack {
			return l
		}
	}
	if s.Distance >= 0 {
		v := closing
		if s.Static && s.Ego > v {
			v = s.Ego
		}
		if v > 0 && s.Distance < stopping(v)*slack {
			return pipeline.LevelNotice
		}
	}
	return pipeline.LevelNone
}
