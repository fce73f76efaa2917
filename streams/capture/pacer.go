package capture

import (
	"context"
	"time"
)

// maxLag is how far a paced file may fall behind before its clock is moved: a machine that
// was held up goes on at normal speed, it does not race through what it missed.
const maxLag = time.Second

// pacer holds frames back until their media time has come on the wall clock.
type pacer struct {
	start time.Time
	first time.Duration
	timer *time.Timer
}

// wait returns false when ctx ended.
func (p *pacer) wait(ctx context.Context, media time.Duration) bool {
	if p.start.IsZero() {
		p.start, p.first = time.Now(), media
	}
	d := time.Until(p.start.Add(media - p.first))
	if d < -maxLag {
		p.start = p.start.Add(-d)
	}
	if d <= 0 {
		return ctx.Err() == nil
	}
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.timer.C:
		return true
	case <-ctx.Done():
		p.timer.Stop()
		return false
	}
}
