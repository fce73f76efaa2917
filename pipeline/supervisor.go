package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// Retry says how a camera is opened again after a failure: exponential back-off from Min to
// Max with full jitter of a fifth, back to Min after Reset of good frames. Zero fields take
// the defaults 0.5 s, 10 s, 10 s.
type Retry struct {
	Min, Max, Reset time.Duration
}

func (r Retry) withDefaults() Retry {
	if r.Min <= 0 {
		r.Min = 500 * time.Millisecond
	}
	if r.Max < r.Min {
		r.Max = max(10*time.Second, r.Min)
	}
	if r.Reset <= 0 {
		r.Reset = 10 * time.Second
	}
	return r
}

// ErrStalled is the cause of an attempt that was ended because no frame came.
var ErrStalled = errors.New("no frame")

// errStuck is a source that does not return after it was cancelled.
var errStuck = errors.New("the reader does not return")

// stopGrace is how long a cancelled source may take to return before it is abandoned.
const stopGrace = 3 * time.Second

// supervise opens the source again and again until ctx ends or the material does. It owns
// back-off, the stall deadline and the camera's state; the source knows of none.
func (c *camera) supervise(ctx context.Context) error {
	retry := c.Retry.withDefaults()
	wait := retry.Min
	for attempt := 0; ; attempt++ {
		if attempt > 0 {
			c.reconnects.Add(1)
		}
		c.setState(CameraConnecting, nil)
		started := time.Now()
		err := c.attempt(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil || err == io.EOF:
			c.setState(CameraEnded, nil)
			return nil
		case errors.Is(err, io.EOF):
			// All there is was delivered, but it is less than the material promised.
			c.log.Warn("camera ended early", "error", err)
			c.setState(CameraEnded, err)
			return nil
		case c.FailFast:
			c.setState(CameraEnded, err)
			return err
		}
		if good := c.lastFrame(); good.Sub(started) > retry.Reset {
			wait = retry.Min
		}
		c.setState(CameraRetrying, err)
		pause := wait - time.Duration(rand.Int64N(int64(wait)/5+1))
		c.log.Warn("camera lost", "error", err, "retry_in", pause.Round(time.Millisecond).String())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, retry.Max)
	}
}

// attempt runs the source once. The source is cancelled when no frame comes for the stall
// timeout. A source that does not return then is abandoned: its later frames are refused,
// because only network cameras in a child process can be ended for certain.
func (c *camera) attempt(ctx context.Context) error {
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	abandoned := false // guarded by c.reading
	c.reading.Lock()
	c.sourceEpochSet = false
	c.reading.Unlock()
	done := make(chan error, 1)
	go func() {
		done <- c.Source.Run(run, func(f *Frame) {
			c.reading.Lock()
			defer c.reading.Unlock()
			if abandoned {
				f.Release()
				return
			}
			c.accept(run, f)
		})
	}()
	c.touch()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if cause := context.Cause(run); errors.Is(cause, ErrStalled) {
				return cause
			}
			return err
		case <-run.Done():
			select {
			case err := <-done:
				if cause := context.Cause(run); errors.Is(cause, ErrStalled) {
					return cause
				}
				return err
			case <-time.After(stopGrace):
				c.reading.Lock()
				abandoned = true
				c.reading.Unlock()
				return fmt.Errorf("camera %q: stop %s: %w within %v", c.Name, c.Display, errStuck, stopGrace)
			}
		case now := <-tick.C:
			quiet := now.Sub(c.lastTouch())
			if c.StallTimeout > 0 && quiet > c.StallTimeout {
				c.setState(CameraStalled, nil)
				cancel(fmt.Errorf("camera %q: read %s: %w for %v", c.Name, c.Display, ErrStalled, c.StallTimeout))
			} else if c.Live && quiet > c.stallAfter() {
				c.stalled()
			}
		}
	}
}
