package capture

import (
	"context"
	"fmt"
	"sync"
	"time"

	"outrider/pipeline"
	"outrider/streams/capture/decode"
)

// runInProcess reads a live source without a child. A goroutine does nothing but read, so
// that no old pictures pile up; when it hangs in native code it is left behind, which is why
// isolation none is for tests and trusted devices only.
func (s *Source) runInProcess(ctx context.Context, emit func(*pipeline.Frame)) error {
	decode.Quiet()
	live := decode.Live{API: s.api(), Target: s.target(), Transport: s.options.Transport, Timeout: s.nativeTimeout()}
	newest := newestPicture{ready: make(chan struct{}, 1), opened: make(chan struct{}), stop: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		ended <- live.Run(func() { close(newest.opened) }, func(p decode.Picture, captured time.Duration) bool {
			select {
			case <-newest.stop:
				return false
			default:
			}
			s.dropped.Add(newest.put(p, captured))
			return true
		})
	}()

	out := liveEmitter{source: s, emit: emit}
	at, doing, opened := s.opening, s.options.OpenTimeout, newest.opened
	timeout := time.NewTimer(doing)
	defer timeout.Stop()
	for {
		select {
		case <-ctx.Done():
			close(newest.stop)
			select {
			case <-ended:
			case <-time.After(goodbye):
			}
			return ctx.Err()
		case <-opened:
			at, opened = s.reading, nil
		case <-newest.ready:
			doing = s.options.ReadTimeout
			newest.take(&out)
			timeout.Reset(doing)
		case err := <-ended:
			close(newest.stop)
			return s.ended(at, err)
		case <-timeout.C:
			close(newest.stop)
			if out.frames == 0 {
				return s.opening(fmt.Errorf("timeout after %v: %w", doing, pipeline.ErrStalled))
			}
			return s.reading(fmt.Errorf("timeout: %w for %v", pipeline.ErrStalled, doing))
		}
	}
}

// newestPicture hands the newest picture from one goroutine to another.
type newestPicture struct {
	opened, stop chan struct{}
	ready        chan struct{}

	mu       sync.Mutex
	data     []byte
	w, h     int
	captured time.Duration
	fresh    bool
}

// put returns how many pictures were lost by it.
func (n *newestPicture) put(p decode.Picture, captured time.Duration) (lost uint64) {
	if p.Data == nil {
		return 1
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fresh {
		lost = 1
	}
	n.data = append(n.data[:0], p.Data...)
	n.w, n.h, n.captured, n.fresh = p.Width, p.Height, captured, true
	select {
	case n.ready <- struct{}{}:
	default:
	}
	return lost
}

func (n *newestPicture) take(out *liveEmitter) {
	n.mu.Lock()
	if !n.fresh {
		n.mu.Unlock()
		return
	}
	n.fresh = false
	f := out.frame(n.data, n.w, n.h, n.captured)
	n.mu.Unlock()
	out.emit(f) // may block, and the reader must not
}
