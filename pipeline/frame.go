package pipeline

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Frame is one picture of a camera: Width x Height pixels of 8-bit BGR, rows tight
// (stride 3*Width), in pooled Go memory.
//
// Frames are reference counted. Whoever receives one as an argument may read it until the
// call returns; whoever keeps it longer calls Retain and later Release. The pixels are
// shared and must not be written after the source has emitted the frame.
type Frame struct {
	Camera    string
	Seq       uint64        // counts every frame the source delivered, from 1, dropped ones too
	Epoch     uint32        // grows each time the source was opened anew; tracks do not cross it without proof
	Captured  time.Time     // capture time: wall and monotonic
	MediaTime time.Duration // position in the file or stream
	Width     int
	Height    int
	Data      []byte // BGR, len 3*Width*Height

	pool *FramePool
	refs atomic.Int32
}

// Retain adds a reference and returns f.
func (f *Frame) Retain() *Frame {
	f.refs.Add(1)
	return f
}

// Release drops a reference; the last one gives the memory back to its pool. A release too
// many panics: the memory would be shared by two frames.
func (f *Frame) Release() {
	switch n := f.refs.Add(-1); {
	case n < 0:
		panic("pipeline: Frame released more often than retained")
	case n == 0 && f.pool != nil:
		f.pool.put(f)
	}
}

// NewFrame wraps BGR pixels that the caller owns into a frame that belongs to no pool, with
// one reference. It fails when len(data) is not 3*w*h or a side is not positive.
func NewFrame(camera string, w, h int, data []byte) (*Frame, error) {
	if w <= 0 || h <= 0 || len(data) != 3*w*h {
		return nil, fmt.Errorf("frame of camera %q: %d bytes for %dx%d BGR, want %d", camera, len(data), w, h, 3*w*h)
	}
	f := &Frame{Camera: camera, Width: w, Height: h, Data: data}
	f.refs.Store(1)
	return f, nil
}

// FramePool hands out frames and takes them back, so that a steady stream allocates
// nothing. The zero value is ready; it is safe for concurrent use.
type FramePool struct {
	mu   sync.Mutex
	free []*Frame
	out  atomic.Int64
}

// maxFree bounds the idle frames of one pool: more are left to the garbage collector.
const maxFree = 16

// Get returns a frame of w x h pixels with one reference and undefined pixels. Sides must be
// positive.
func (p *FramePool) Get(w, h int) *Frame {
	n := 3 * w * h
	p.mu.Lock()
	var f *Frame
	for i := len(p.free) - 1; i >= 0; i-- {
		if cap(p.free[i].Data) >= n {
			f = p.free[i]
			p.free = append(p.free[:i], p.free[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	if f == nil {
		f = &Frame{Data: make([]byte, n)}
	}
	data := f.Data[:n]
	f.Camera, f.Seq, f.Epoch, f.Captured, f.MediaTime = "", 0, 0, time.Time{}, 0
	f.Width, f.Height, f.Data, f.pool = w, h, data, p
	f.refs.Store(1)
	p.out.Add(1)
	return f
}

func (p *FramePool) put(f *Frame) {
	p.out.Add(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < maxFree {
		p.free = append(p.free, f)
		return
	}
	// Full of what an earlier, smaller picture size left behind: those would never be used again.
	for i, old := range p.free {
		if cap(old.Data) < cap(f.Data) {
			p.free[i] = f
			return
		}
	}
}

// Outstanding is the number of frames handed out and not yet released.
func (p *FramePool) Outstanding() int { return int(p.out.Load()) }
