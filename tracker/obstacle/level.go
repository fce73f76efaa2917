package obstacle

import "outrider/pipeline"

// alert is the level of one obstacle over time: evidence before it rises, hysteresis before it
// falls (road obstacle contract, section 2.6).
type alert struct {
	level   pipeline.WarningLevel
	since   float64    // when it took this level, seconds
	below   float64    // since when it could not be held, negative while it can
	history [5][5]bool // by level: the last five frames
	at      int
	told    pipeline.WarningLevel // highest level of the event told last
	toldAt  float64               // when
	hasTold bool
	direct  bool // without evidence and hysteresis: an ablation
}

const (
	holdLevel  = 0.8 // seconds that a level could not be held before it falls
	minOnTime  = 1.0 // seconds a level lasts at least
	cooldown   = 5.0 // seconds before the same obstacle is told again
	holdFactor = 1.25
)

// step takes one frame's verdict at time now: the level whose condition is met, and the one
// that may still be held.
func (a *alert) step(now float64, met, held pipeline.WarningLevel) {
	if a.direct {
		if met != a.level {
			a.level, a.since = met, now
		}
		return
	}
	for l := pipeline.LevelNotice; l <= pipeline.LevelCritical; l++ {
		a.history[l][a.at] = met >= l
	}
	prev := (a.at + len(a.history[0]) - 1) % len(a.history[0])
	for l := pipeline.LevelCritical; l > a.level; l-- {
		n := 0
		for _, yes := range a.history[l] {
			if yes {
				n++
			}
		}
		if n >= 3 || l == pipeline.LevelCritical && a.history[l][a.at] && a.history[l][prev] {
			a.level, a.since, a.below = l, now, -1
			break
		}
	}
	a.at = (a.at + 1) % len(a.history[0])
	if held >= a.level || met >= a.level {
		a.below = -1
		return
	}
	if a.below < 0 {
		a.below = now
	}
	if now-a.below >= holdLevel && now-a.since >= minOnTime {
		a.level--
		a.since, a.below = now, now
		a.history = [5][5]bool{}
	}
}

// tell reports whether the level deserves an event now: at a rise to caution or more, once
// more only above what was told, or after the cool-down.
func (a *alert) tell(now float64) bool {
	if a.level < pipeline.LevelCaution {
		return false
	}
	if a.hasTold && now-a.toldAt < cooldown && a.level <= a.told {
		return false
	}
	if a.hasTold && a.level <= a.told && a.since <= a.toldAt {
		return false // it has never fallen since
	}
	a.told, a.toldAt, a.hasTold = a.level, now, true
	return true
}
