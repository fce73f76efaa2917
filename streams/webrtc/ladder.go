package webrtc

import (
	"strings"
	"time"
)

// The rungs of the ladder: the sizes in which a stream can be sent, best first.
const (
	sourceRung = iota
	rung720
	rung360
	rungs
)

// rungHeights are the pictures' heights; the source's own is known when it comes.
var rungHeights = [rungs]int{0, 720, 360}

// rungNames are the values of the parameter rendition, and the names in figures.
var rungNames = [rungs]string{"source", "720p", "360p"}

// parseRung reads the parameter rendition: the best one that a player wants.
func parseRung(s string) (int, bool) {
	if s == "" || s == "auto" {
		return sourceRung, true
	}
	for i, n := range rungNames {
		if strings.EqualFold(s, n) {
			return i, true
		}
	}
	return 0, false
}

// hasRung tells whether a source of h rows is sent at a rung too: only when that is worth an
// encoder, a quarter smaller at least.
func hasRung(rung, h int) bool { return rung == sourceRung || 4*h >= 5*rungHeights[rung] }

// nearestRung is the rung itself, or the next better one that the source has.
func nearestRung(rung, h int) int {
	for !hasRung(rung, h) {
		rung--
	}
	return rung
}

// neighbours are the next better and the next smaller rung that a source of h rows has, the
// rung itself when there is none.
func neighbours(rung, h int) (above, below int) {
	above, below = rung, rung
	if rung > sourceRung {
		above = nearestRung(rung-1, h)
	}
	for r := rung + 1; r < rungs && below == rung; r++ {
		if hasRung(r, h) {
			below = r
		}
	}
	return above, below
}

// rungSize is the even size of a w x h source at a rung.
func rungSize(rung, w, h int) (int, int) {
	if rung == sourceRung {
		return w &^ 1, h &^ 1
	}
	height := rungHeights[rung]
	return max(2, (w*height+h/2)/h&^1), height
}

const (
	// downAfter is how long a line may carry too little before its viewer steps down.
	downAfter = time.Second
	// upAfter is how long a line must carry more than its rung needs before it steps up.
	upAfter = 5 * time.Second
	// tryAfter is the same for a line of which nothing is known, because what is sent is far
	// below what it may carry: a still picture needs few bits at any size.
	tryAfter = 30 * time.Second
	// settling is the time after a step up in which the estimate has to grow into the new size.
	settling = 5 * time.Second
	// failedClimb is how soon after a step up a step down means that it was one too many; the
	// next try then waits for minClimbRest, twice as long each time, up to maxClimbRest.
	failedClimb  = 20 * time.Second
	minClimbRest = 10 * time.Second
	maxClimbRest = 2 * time.Minute
)

// ladder decides at which rung a viewer gets its stream. Not safe for concurrent use; the zero
// value begins at the source.
type ladder struct {
	low      time.Time // since when the line carries too little, zero when it does not
	good     time.Time // since when nothing was wrong
	roomy    time.Time // since when it carries more than the rung needs, zero when it does not
	climbed  time.Time
	room     int // at the last climb
	notUntil time.Time
	rest     time.Duration
}

// rungView is what a decision is made on.
type rungView struct {
	now           time.Time
	at            int  // the rung now
	above, below  int  // the next ones that the source has; at itself when there is none
	best, lowest  int  // the rungs between which it may be
	room          int  // bits a second that the line has for video
	ceiling       int  // of the rung now: what its pictures are worth
	alone         bool // no other viewer is at the rung
	keyFramesOnly bool // the line carries not even the floor
}

// choose returns the rung that the viewer should be at.
func (l *ladder) choose(v rungView) int {
	if l.good.IsZero() {
		l.good = v.now
	}
	if v.at < v.best {
		return l.down(v, v.best)
	}
	if v.keyFramesOnly {
		if v.at < v.lowest {
			return l.down(v, v.lowest)
		}
		l.good, l.roomy = v.now, time.Time{}
		return v.at
	}
	// A viewer that shares an encoder may not take much from the others; alone it may have a
	// soft picture of the full size.
	need := v.ceiling / 3
	if !v.alone {
		need = v.ceiling / 3 * 2
	}
	if grown := l.room * 4 / 5; v.now.Sub(l.climbed) < settling && need > grown {
		need = grown
	}
	if v.at < v.lowest && v.room < need {
		if l.low.IsZero() {
			l.low = v.now
		}
		if v.now.Sub(l.low) >= downAfter {
			return l.down(v, v.below)
		}
		return v.at
	}
	l.low = time.Time{}
	if v.room < v.ceiling/4*5 {
		l.roomy = time.Time{}
	} else if l.roomy.IsZero() {
		l.roomy = v.now
	}
	if v.at == v.best || v.now.Before(l.notUntil) {
		return v.at
	}
	if !l.roomy.IsZero() && v.now.Sub(l.roomy) >= upAfter || v.now.Sub(l.good) >= tryAfter {
		l.climbed, l.room = v.now, v.room
		l.good, l.roomy = v.now, time.Time{}
		return v.above
	}
	return v.at
}

func (l *ladder) down(v rungView, to int) int {
	if !l.climbed.IsZero() && v.now.Sub(l.climbed) < failedClimb {
		l.rest = min(max(2*l.rest, minClimbRest), maxClimbRest)
	} else {
		l.rest = 0
	}
	l.notUntil = v.now.Add(l.rest)
	l.low, l.roomy, l.good, l.climbed = time.Time{}, time.Time{}, v.now, time.Time{}
	return to
}
