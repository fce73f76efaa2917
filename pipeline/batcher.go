package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Batch says how frames of several cameras share one inference. Zero fields take the default.
type Batch struct {
	Max     int           // frames in one inference, default 8
	Wait    time.Duration // how long the first frame waits for others, default 5 ms
	Workers int           // inferences under way at once, default 1; 2 lets one frame's pre- and postprocessing overlap another's network
}

// batcher gathers frames and runs the segmenter on them. A batch closes when it is full, when
// every camera that could add to it is in it, or after Wait.
type batcher struct {
	segmenter Segmenter
	opts      Batch
	cameras   atomic.Int32 // that may submit
	requests  chan *segmentRequest
	wg        sync.WaitGroup
	sizes     atomic.Uint64 // frames in all batches
	batches   atomic.Uint64
}

// segmentRequest is one frame's future: done is closed when seg and err are set.
type segmentRequest struct {
	frame *Frame // borrowed from the submitter
	done  chan struct{}
	seg   *Segmentation
	err   error
	at    time.Time
	slots <-chan struct{} // one element is taken out when the frame is segmented
}

// blank is the request of a frame in which nothing is.
func blank(at time.Time) *segmentRequest {
	q := &segmentRequest{done: make(chan struct{}), at: at}
	close(q.done)
	return q
}

var errEngineClosed = errors.New("the engine is closed")

func newBatcher(s Segmenter, o Batch) *batcher {
	if o.Max <= 0 {
		o.Max = 8
	}
	if o.Wait <= 0 {
		o.Wait = 5 * time.Millisecond
	}
	if o.Workers <= 0 {
		o.Workers = 1
	}
	return &batcher{segmenter: s, opts: o, requests: make(chan *segmentRequest)}
}

func (b *batcher) start(ctx context.Context) {
	for range b.opts.Workers {
		b.wg.Go(func() { b.run(ctx) })
	}
}

// submit hands f to the next batch. The caller keeps its reference until done is closed.
// A slot of slots becomes free at the same moment.
func (b *batcher) submit(ctx context.Context, f *Frame, slots <-chan struct{}) (*segmentRequest, error) {
	q := &segmentRequest{frame: f, done: make(chan struct{}), slots: slots}
	select {
	case b.requests <- q:
		return q, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *batcher) run(ctx context.Context) {
	batch := make([]*segmentRequest, 0, b.opts.Max)
	frames := make([]*Frame, 0, b.opts.Max)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		batch, frames = batch[:0], frames[:0]
		select {
		case q := <-b.requests:
			batch = append(batch, q)
		case <-ctx.Done():
			return
		}
		if b.full(len(batch)) {
			b.segment(ctx, batch, frames)
			continue
		}
		timer.Reset(b.opts.Wait)
	gather:
		for !b.full(len(batch)) {
			select {
			case q := <-b.requests:
				batch = append(batch, q)
			case <-timer.C:
				break gather
			case <-ctx.Done():
				break gather
			}
		}
		timer.Stop()
		b.segment(ctx, batch, frames)
	}
}

func (b *batcher) full(n int) bool {
	return n >= b.opts.Max || n*b.opts.Workers >= int(b.cameras.Load())
}

func (b *batcher) segment(ctx context.Context, batch []*segmentRequest, frames []*Frame) {
	for _, q := range batch {
		frames = append(frames, q.frame)
	}
	segs, err := b.segmenter.Segment(ctx, frames)
	if err == nil && len(segs) != len(batch) {
		err = fmt.Errorf("segment %d frames: got %d answers", len(batch), len(segs))
	}
	b.sizes.Add(uint64(len(batch)))
	b.batches.Add(1)
	now := time.Now()
	for i, q := range batch {
		if err != nil {
			q.err = fmt.Errorf("camera %q: segment frame %d: %w", q.frame.Camera, q.frame.Seq, err)
		} else {
			q.seg = segs[i]
		}
		q.at = now
		q.finish()
	}
}

func (q *segmentRequest) finish() {
	close(q.done)
	<-q.slots
}

// stop waits for the workers and answers what was submitted when nobody runs any more.
func (b *batcher) stop() {
	b.wg.Wait()
	for {
		select {
		case q := <-b.requests:
			q.err = errEngineClosed
			q.finish()
		default:
			return
		}
	}
}
