package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Camera is what the engine needs to run one camera. It is a parameter: read by AddCamera,
// not changed after.
type Camera struct {
	Name    string
	Display string // the source as people may see it, without secrets
	Source  Source
	Stages  []Stage // run in order on every result
	Prompts Prompts // the stage that holds the prompts, nil when there is none
	Places  Places  // the stage that holds the zones and lines, nil when there is none

	Calibration Calibrator // nil when there is none

	// Live: the newest frame wins. Else back pressure, nothing lost, and capture times follow
	// media time.
	Live     bool
	Rate     float64 // frames/s to analyse at most (live only), 0 for as many as the machine can
	Inflight int     // frames in segmentation at once, default 1; more only helps files

	// StallTimeout ends an attempt that delivers nothing for so long, 0 for never. It must be
	// longer than the source's own open timeout.
	StallTimeout time.Duration
	Retry        Retry
	FailFast     bool // end at the first failure instead of trying again (files)
}

// camera is a running Camera.
type camera struct {
	Camera
	engine *Engine
	log    *slog.Logger
	box    *mailbox
	cancel context.CancelFunc
	wg     sync.WaitGroup
	ended  chan struct{} // closed when every result was published
	err    error         // why it ended, valid after ended

	frames, processed, dropped, reconnects, started, failures atomic.Uint64

	latency Latency

	off   atomic.Bool   // the analysis is switched off
	since atomic.Uint32 // the first epoch after the last switch

	reading        sync.Mutex // held by accept, and to abandon a reader; guards what follows
	seq            uint64
	epoch          uint32
	sourceEpoch    uint32
	sourceEpochSet bool
	mediaZero      time.Time // capture time of media time 0, without Live

	mu       sync.Mutex // guards what follows
	status   CameraStatus
	touched  time.Time
	frameAt  time.Time
	frameGap time.Duration // smoothed time between frames
	captured meter
	analysed meter
	latest   *Result
}

func (c *camera) start(ctx context.Context) {
	ctx, c.cancel = context.WithCancel(ctx)
	pending := make(chan *pendingFrame, c.Inflight)
	slots := make(chan struct{}, c.Inflight)
	readDone := make(chan struct{})
	c.wg.Add(3)
	go func() {
		defer c.wg.Done()
		defer close(readDone)
		c.err = c.supervise(ctx)
	}()
	go func() {
		defer c.wg.Done()
		defer close(pending)
		c.feed(ctx, readDone, slots, pending)
	}()
	go func() {
		defer c.wg.Done()
		c.work(ctx, pending)
		<-readDone
		close(c.ended)
	}()
}

func (c *camera) stop() {
	c.cancel()
	c.wg.Wait()
	c.box.drain()
	c.setState(CameraStopped, nil)
	c.mu.Lock()
	last := c.latest
	c.latest = nil
	c.mu.Unlock()
	if last != nil {
		last.Release()
	}
}

// accept numbers a frame and passes it on; it owns the reference. Call it with reading held.
func (c *camera) accept(ctx context.Context, f *Frame) {
	now := time.Now()
	if !c.sourceEpochSet || f.Epoch != c.sourceEpoch {
		c.epoch++
		c.sourceEpoch, c.sourceEpochSet = f.Epoch, true
	}
	c.seq++
	f.Camera, f.Seq, f.Epoch = c.Name, c.seq, c.epoch
	switch {
	case !c.Live:
		// Work on a file takes more or less time than the file lasts: motion follows its own clock.
		if c.mediaZero.IsZero() {
			c.mediaZero = now.Add(-f.MediaTime)
		}
		f.Captured = c.mediaZero.Add(f.MediaTime)
	case f.Captured.IsZero():
		f.Captured = now
	}
	c.frames.Add(1)
	c.mu.Lock()
	if !c.frameAt.IsZero() {
		gap := now.Sub(c.frameAt)
		c.frameGap += (gap - c.frameGap) / 8
	}
	c.touched, c.frameAt = now, now
	c.captured.tick(now)
	c.status.Width, c.status.Height = f.Width, f.Height
	streaming := c.status.State == CameraStreaming
	c.mu.Unlock()
	if !streaming {
		c.setState(CameraStreaming, nil)
	}
	for _, s := range c.engine.frameSinks {
		s.PushFrame(f)
	}
	if n := c.box.put(ctx, f); n > 0 {
		c.dropped.Add(uint64(n))
	}
}

// pendingFrame is a frame on its way through segmentation.
type pendingFrame struct {
	frame    *Frame
	dequeued time.Time
	request  *segmentRequest
}

// feed takes frames and submits them, at most Inflight at a time, so that a live camera's
// next frame is chosen only when the segmenter is free for it.
//
// While the analysis is off, frames end here, but for the first: it goes on as one in which
// nothing is, so that the tracks end.
func (c *camera) feed(ctx context.Context, readDone <-chan struct{}, slots chan struct{}, pending chan<- *pendingFrame) {
	blanked := uint32(0)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		var f *Frame
		select {
		case f = <-c.box.ch:
		case <-ctx.Done():
			return
		case <-readDone:
			// What the reader left behind is still wanted.
			select {
			case f = <-c.box.ch:
			default:
				return
			}
		}
		dequeued := time.Now()
		if c.off.Load() {
			if since := c.since.Load(); f.Epoch >= since && blanked != since {
				blanked = since
				pending <- &pendingFrame{frame: f, dequeued: dequeued, request: blank(dequeued)}
			} else {
				f.Release()
			}
			<-slots
			continue
		}
		q, err := c.engine.batcher.submit(ctx, f, slots)
		if err != nil {
			f.Release()
			return
		}
		pending <- &pendingFrame{frame: f, dequeued: dequeued, request: q}
	}
}

// switchAnalysis turns the analysis on or off, with a new epoch either way: what was there
// before is not carried over.
func (c *camera) switchAnalysis(on bool) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.off.Load() == !on {
		return
	}
	c.epoch++
	c.since.Store(c.epoch)
	c.off.Store(!on)
	n := int32(c.Inflight)
	if !on {
		n = -n
	}
	c.engine.batcher.cameras.Add(n)
}

// work runs the stages on each segmented frame and publishes, in order.
func (c *camera) work(ctx context.Context, pending <-chan *pendingFrame) {
	var epoch uint32
	var w, h int
	for p := range pending {
		<-p.request.done
		f := p.frame
		if err := p.request.err; err != nil {
			f.Release()
			c.fail(ctx, err)
			continue
		}
		if f.Epoch != epoch || f.Width != w || f.Height != h {
			if epoch != 0 {
				for _, s := range c.Stages {
					s.Reset(f.Epoch)
				}
			}
			epoch, w, h = f.Epoch, f.Width, f.Height
		}
		r := c.engine.results.Get(f)
		f.Release()
		r.Times.Dequeued, r.Times.Segmented = p.dequeued, p.request.at
		r.SetSegmentation(p.request.seg)
		for _, s := range c.Stages {
			if err := s.Process(ctx, r); err != nil && ctx.Err() == nil {
				c.fail(ctx, fmt.Errorf("camera %q: frame %d: %w", c.Name, r.Frame.Seq, err))
			}
		}
		c.publish(r)
	}
}

// fail counts and tells a failure of the analysis; a file run ends with it.
func (c *camera) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	// A failing model would say the same at every frame: tell the 1st, 2nd, 4th, 8th, ...
	if n := c.failures.Add(1); n&(n-1) == 0 {
		c.log.Error("analysis failed", "error", err, "times", n)
	}
	c.mu.Lock()
	c.status.Error = err.Error()
	c.mu.Unlock()
	if c.FailFast {
		c.engine.failed(c, err)
		c.cancel()
	}
}

func (c *camera) publish(r *Result) {
	r.Times.Done = time.Now()
	live := 0
	for i := range r.Tracks {
		if r.Tracks[i].State == Confirmed {
			live++
		}
	}
	for i := range r.Events {
		if r.Events[i].Kind == EventStarted {
			c.started.Add(1)
		}
	}
	c.processed.Add(1)
	c.latency.Add(r.Times.Latency())
	c.mu.Lock()
	c.analysed.tick(r.Times.Done)
	c.status.Tracks = live
	c.status.LatencyMS = float64(r.Times.Latency().Microseconds()) / 1000
	c.status.LastFrame = r.Frame.Captured
	old := c.latest
	c.latest = r.Retain()
	c.mu.Unlock()
	if old != nil {
		old.Release()
	}
	for _, s := range c.engine.Sinks {
		s.Publish(r)
	}
	r.Release()
}

func (c *camera) snapshot() CameraStatus {
	now := time.Now()
	c.mu.Lock()
	s := c.status
	if s.State == "" { // added, and its reader is about to begin
		s.State = CameraConnecting
	}
	if c.Calibration != nil {
		k := c.Calibration.Calibration()
		s.Calibration = &k
	}
	s.FPS = round2(c.analysed.rate(now))
	s.CaptureFPS = round2(c.captured.rate(now))
	c.mu.Unlock()
	s.Paused = c.off.Load()
	s.Frames, s.Processed, s.Dropped = c.frames.Load(), c.processed.Load(), c.dropped.Load()
	s.Reconnects, s.TracksSeen = c.reconnects.Load(), c.started.Load()
	if d, ok := c.Source.(DropCounter); ok {
		n := d.Dropped()
		s.Frames += n
		s.Dropped += n
	}
	return s
}

func round2(v float64) float64 { return float64(int(v*100+.5)) / 100 }

func (c *camera) setState(s CameraState, err error) {
	c.mu.Lock()
	changed := c.status.State != s
	if changed {
		c.status.State, c.status.Since = s, time.Now()
	}
	switch {
	case err != nil:
		changed = changed || c.status.Error != err.Error()
		c.status.Error = err.Error()
	case s == CameraStreaming:
		c.status.Error = ""
	}
	c.mu.Unlock()
	if changed {
		c.engine.tell(c)
	}
}

// stalled marks the camera when it was streaming.
func (c *camera) stalled() {
	c.mu.Lock()
	streaming := c.status.State == CameraStreaming
	c.mu.Unlock()
	if streaming {
		c.setState(CameraStalled, fmt.Errorf("no frame for %v", c.stallAfter().Round(100*time.Millisecond)))
	}
}

// stallAfter is how long a live camera may be silent before it counts as stalled: five of
// its own frame times, at least two seconds, so that slow cameras are not called dead.
func (c *camera) stallAfter() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(2*time.Second, 5*c.frameGap)
}

func (c *camera) touch() {
	c.mu.Lock()
	c.touched = time.Now()
	c.mu.Unlock()
}

func (c *camera) lastTouch() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.touched
}

func (c *camera) lastFrame() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frameAt
}
