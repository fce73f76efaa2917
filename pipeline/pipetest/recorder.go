package pipetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"outrider/pipeline"
)

// Recorder is a Sink that remembers all it is given, as copies. The zero value is ready; safe
// for concurrent use.
type Recorder struct {
	mu       sync.Mutex
	results  []Recorded
	frames   int
	statuses []pipeline.CameraStatus
	closed   int
}

var (
	_ pipeline.FrameSink  = (*Recorder)(nil)
	_ pipeline.StatusSink = (*Recorder)(nil)
)

// Recorded is what a result said.
type Recorded struct {
	Camera        string
	Seq           uint64
	Epoch         uint32
	Captured      time.Time
	MediaTime     time.Duration
	Width, Height int
	Segments      int
	Tracks        []pipeline.Track // masks copied
	Obstacles     []pipeline.Obstacle
	Events        []pipeline.Event // without masks
	Times         pipeline.Times
}

// Publish implements pipeline.Sink.
func (r *Recorder) Publish(p *pipeline.Result) {
	c := Recorded{
		Camera: p.Frame.Camera, Seq: p.Frame.Seq, Epoch: p.Frame.Epoch, Captured: p.Frame.Captured,
		MediaTime: p.Frame.MediaTime, Width: p.Frame.Width, Height: p.Frame.Height, Segments: len(p.Segments),
		Tracks: slices.Clone(p.Tracks), Obstacles: slices.Clone(p.Obstacles), Events: slices.Clone(p.Events), Times: p.Times,
	}
	for i := range c.Tracks {
		if m := c.Tracks[i].Mask; m != nil {
			c.Tracks[i].Mask = m.Clone()
		}
	}
	for i := range c.Obstacles {
		c.Obstacles[i] = c.Obstacles[i].Clone()
	}
	for i := range c.Events {
		c.Events[i].Track.Mask = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, c)
}

// PushFrame implements pipeline.FrameSink.
func (r *Recorder) PushFrame(*pipeline.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames++
}

// CameraStatus implements pipeline.StatusSink.
func (r *Recorder) CameraStatus(s pipeline.CameraStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = append(r.statuses, s)
}

// Close implements pipeline.Sink.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed++
	return nil
}

// Results returns what was published so far.
func (r *Recorder) Results() []Recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.results)
}

// Events returns the events of all results so far.
func (r *Recorder) Events() []pipeline.Event {
	var all []pipeline.Event
	for _, p := range r.Results() {
		all = append(all, p.Events...)
	}
	return all
}

// Frames is the number of frames pushed so far.
func (r *Recorder) Frames() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frames
}

// Statuses returns the camera states told so far.
func (r *Recorder) Statuses() []pipeline.CameraStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.statuses)
}

// Closed is how often Close was called.
func (r *Recorder) Closed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Await returns the results once there are n of them; it fails the test after ten seconds.
func (r *Recorder) Await(t testing.TB, n int) []Recorded {
	t.Helper()
	Await(t, "results", func() bool { return len(r.Results()) >= n })
	return r.Results()
}

// awaitTimeout is how long a condition may take to become true on a busy machine.
const awaitTimeout = 10 * time.Second

// Await polls until ok, and fails the test, naming what it waited for, when that takes ten
// seconds.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(awaitTimeout); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s after %v", what, awaitTimeout)
		}
	}
}
