package webrtc

import "time"

const (
	// lowTime is how long a line may look too thin before its viewer is put on key frames only.
	lowTime = 2 * time.Second
	// silence is how long a line may give no feedback on what was sent; players send it every
	// 50 to 100 ms while packets arrive.
	silence = 1500 * time.Millisecond
	// minRest and maxRest bound the time on key frames only before the full rate is tried
	// again. It doubles with each failure and is back at the start after a good minute.
	minRest = 10 * time.Second
	maxRest = time.Minute
)

// line judges whether a viewer's line carries the lowest rate of a stream. One that does not
// would fill its queues, lose packets, ask for them again and fall behind without end; such a
// viewer gets a key frame now and then instead, and does not count among those whose
// bandwidth the encoder follows. Not safe for concurrent use.
type line struct {
	low   time.Time // since when it looks too thin, zero when it does not
	until time.Time // end of the rest, zero when there is none
	good  time.Time // since when it carries the stream
	rest  time.Duration
}

// starved reports whether the viewer is to get key frames only. thin says that the estimate
// is below the floor; feedback is when the last feedback came, zero when the player has never
// sent any (then its silence says nothing).
func (l *line) starved(now time.Time, thin bool, feedback time.Time) bool {
	if now.Before(l.until) {
		return true
	}
	if !l.until.IsZero() {
		l.until, l.low, l.good = time.Time{}, time.Time{}, now
	}
	if !thin && (feedback.IsZero() || now.Sub(feedback) <= silence) {
		l.low = time.Time{}
		if l.good.IsZero() {
			l.good = now
		}
		if now.Sub(l.good) > maxRest {
			l.rest = 0
		}
		return false
	}
	if l.low.IsZero() {
		l.low = now
	}
	if now.Sub(l.low) < lowTime {
		return false
	}
	l.rest = min(max(2*l.rest, minRest), maxRest)
	l.until = now.Add(l.rest)
	return true
}
