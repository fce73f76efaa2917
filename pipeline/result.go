package pipeline

import (
	"sync/atomic"
	"time"

	"outrider/pipeline/mask"
)

// Result is all that is known of one frame. It is reference counted like Frame, and immutable
// once published: a sink that keeps it past Publish retains it and releases it when done.
type Result struct {
	Frame     *Frame // held as long as the result
	Segments  []Segment
	Grid      mask.Grid
	Drivable  *mask.Mask
	Tracks    []Track    // confirmed and lost tracks, ids ascending; ended ones appear in Events only
	Obstacles []Obstacle // most urgent first
	Road      Road
	Events    []Event
	Counts    *Counts // of the camera's zones and lines, nil when it has none
	Times     Times

	seg   *Segmentation
	masks maskArena
	nums  numberArena
	pool  *ResultPool
	refs  atomic.Int32
}

// Times are the moments a frame passed each stage, on the monotonic clock. Zero when it did
// not.
type Times struct {
	Captured  time.Time
	Dequeued  time.Time // taken from the mailbox
	Segmented time.Time
	Done      time.Time // published
}

// Latency is capture to result.
func (t Times) Latency() time.Duration { return t.Done.Sub(t.Captured) }

// Retain adds a reference and returns r.
func (r *Result) Retain() *Result {
	r.refs.Add(1)
	return r
}

// Release drops a reference; the last one gives frame, segments and masks back.
func (r *Result) Release() {
	switch n := r.refs.Add(-1); {
	case n < 0:
		panic("pipeline: Result released more often than retained")
	case n == 0:
		r.free()
	}
}

func (r *Result) free() {
	if r.Frame != nil {
		r.Frame.Release()
	}
	r.seg.Release()
	if p := r.pool; p != nil {
		p.put(r)
	}
}

// NewMask returns an empty mask that lives as long as the result, for stages that put masks
// into tracks. Not safe for concurrent use.
func (r *Result) NewMask() *mask.Mask { return r.masks.next() }

// NewNumber returns a place that holds v and lives as long as the result, for optional values.
// Not safe for concurrent use.
func (r *Result) NewNumber(v float64) *float64 { return r.nums.next(v) }

// SetSegmentation makes the result the owner of s and shows its segments.
func (r *Result) SetSegmentation(s *Segmentation) {
	r.seg = s
	if s != nil {
		r.Segments, r.Grid, r.Drivable = s.Segments, s.Grid, s.Drivable
	}
}

// ResultPool hands out results, so that a steady stream allocates nothing. The zero value is
// ready; safe for concurrent use.
type ResultPool struct {
	free freeList[Result]
}

// Get returns an empty result for frame, which it retains, with one reference.
func (p *ResultPool) Get(frame *Frame) *Result {
	r := p.free.get()
	if r == nil {
		r = &Result{}
	}
	r.pool = p
	r.Frame = frame.Retain()
	r.Times = Times{Captured: frame.Captured}
	r.refs.Store(1)
	return r
}

func (p *ResultPool) put(r *Result) {
	clear(r.Tracks)
	clear(r.Events)
	r.Tracks, r.Obstacles, r.Events = r.Tracks[:0], r.Obstacles[:0], r.Events[:0]
	r.Frame, r.seg, r.Segments, r.Drivable, r.Counts = nil, nil, nil, nil, nil
	r.Road = Road{Path: r.Road.Path[:0], Free: r.Road.Free[:0]}
	r.masks.reset()
	r.nums.reset()
	p.free.put(r)
}

// NewResult returns a result without a pool, for tests and offline tools.
func NewResult(frame *Frame) *Result {
	r := &Result{Frame: frame.Retain(), Times: Times{Captured: frame.Captured}}
	r.refs.Store(1)
	return r
}
