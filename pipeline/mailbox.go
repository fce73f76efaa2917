package pipeline

import (
	"context"
	"time"
)

// mailbox hands frames from the reader to the analysis.
//
// Live: one slot, the newest frame wins, so that the analysis never works on old pictures.
// Otherwise put blocks until the frame is taken: back pressure, nothing is lost.
type mailbox struct {
	live bool
	ch   chan *Frame
	gap  time.Duration // least time between two frames taken, 0 for none
	last time.Time     // capture time of the last frame let through; used by put only
}

func newMailbox(live bool, rate float64) *mailbox {
	m := &mailbox{live: live, ch: make(chan *Frame, 1)}
	if live && rate > 0 {
		m.gap = time.Duration(float64(time.Second) / rate)
	}
	return m
}

// put takes over one reference of f. It returns the number of frames dropped, released already.
// It is called from one goroutine at a time.
func (m *mailbox) put(ctx context.Context, f *Frame) (dropped int) {
	if !m.live {
		select {
		case m.ch <- f:
			return 0
		case <-ctx.Done():
			f.Release()
			return 1
		}
	}
	// A tenth of slack keeps a 10 frames/s limit from halving a camera of 10.01 frames/s.
	if d := f.Captured.Sub(m.last); m.gap > 0 && !m.last.IsZero() && d >= 0 && d < m.gap-m.gap/10 {
		f.Release()
		return 1
	}
	m.last = f.Captured
	for {
		select {
		case m.ch <- f:
			return dropped
		default:
		}
		select {
		case old := <-m.ch:
			old.Release()
			dropped++
		default:
		}
	}
}

// drain releases what nobody will take.
func (m *mailbox) drain() {
	for {
		select {
		case f := <-m.ch:
			f.Release()
		default:
			return
		}
	}
}
