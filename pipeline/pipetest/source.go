package pipetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outrider/pipeline"
)

// runTimeout is how long a source may take to do what a case asks of it.
const runTimeout = 20 * time.Second

// TestSource holds a Source to its contract. open returns a fresh one, whose cleanup it leaves
// to the test. frames is how many frames it delivers until the end of its material, 0 for a live source
// without an end, which must deliver at least five within a few seconds.
func TestSource(t *testing.T, frames int, open func(t *testing.T) pipeline.Source) {
	t.Helper()
	want := 5
	if frames > 0 {
		want = min(5, frames)
	}
	t.Run("frames are well formed", func(t *testing.T) {
		testFrames(t, open(t), want)
	})
	t.Run("cancelled while it runs", func(t *testing.T) {
		testCancel(t, open(t), 1)
	})
	t.Run("cancelled before it runs", func(t *testing.T) {
		testCancel(t, open(t), 0)
	})
	t.Run("runs again", func(t *testing.T) {
		s := open(t)
		testFrames(t, s, want)
		testFrames(t, s, want)
	})
	if frames > 0 {
		t.Run("ends", func(t *testing.T) {
			n := 0
			err := run(t, open(t), context.Background(), func(f *pipeline.Frame) {
				n++
				f.Release()
			})
			if !errors.Is(err, io.EOF) || n != frames {
				t.Errorf("%d frames, then %v; want %d, then EOF", n, err, frames)
			}
		})
	}
}

// run calls Run and fails the test when it does not return, emits from two goroutines at
// once, emits after it returned, or leaves goroutines behind.
func run(t *testing.T, s pipeline.Source, ctx context.Context, emit func(*pipeline.Frame)) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	before := goleak.IgnoreCurrent()
	var busy, over atomic.Bool
	done := make(chan error, 1)
	go func() {
		done <- s.Run(ctx, func(f *pipeline.Frame) {
			if !busy.CompareAndSwap(false, true) {
				t.Error("two goroutines emit at once")
			}
			if over.Load() {
				t.Error("a frame was emitted after Run returned")
			}
			emit(f)
			busy.Store(false)
		})
	}()
	select {
	case err := <-done:
		over.Store(true)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Fatalf("the frames did not come within %v (%v)", runTimeout, err)
		}
		if err := goleak.Find(before); err != nil {
			t.Errorf("Run left something behind: %v", err)
		}
		return err
	case <-time.After(runTimeout + awaitTimeout):
		t.Fatal("Run does not return")
		return nil
	}
}

// testFrames takes n frames, then cancels. It holds the first frame to see that nobody writes
// into it any more.
func testFrames(t *testing.T, s pipeline.Source, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var first, last *pipeline.Frame
	var copied []byte
	seen := 0
	err := run(t, s, ctx, func(f *pipeline.Frame) {
		if err := CheckFrame(f); err != nil {
			t.Errorf("frame %d: %v", seen, err)
		}
		if last != nil && last.Epoch == f.Epoch && f.MediaTime < last.MediaTime {
			t.Errorf("frame %d: media time %v after %v", seen, f.MediaTime, last.MediaTime)
		}
		if last != nil && !f.Captured.IsZero() && f.Captured.Before(last.Captured) {
			t.Errorf("frame %d: captured at %v, the one before at %v", seen, f.Captured, last.Captured)
		}
		if last != nil && last != first {
			last.Release()
		}
		if last = f; first == nil {
			first, copied = f, bytes.Clone(f.Data)
		}
		if seen++; seen == n {
			cancel()
		}
	})
	if seen < n {
		t.Fatalf("%d frames, then %v; want at least %d", seen, err, n)
	}
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) {
		t.Errorf("Run returned %v", err)
	}
	if !bytes.Equal(first.Data, copied) {
		t.Error("the first frame changed while it was held")
	}
	if last != first {
		last.Release()
	}
	first.Release()
}

// testCancel cancels after n frames and wants Run to return soon, without an error of its own.
func testCancel(t *testing.T, s pipeline.Source, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if n == 0 {
		cancel()
	}
	seen := 0
	err := run(t, s, ctx, func(f *pipeline.Frame) {
		f.Release()
		if seen++; seen == n {
			cancel()
		}
	})
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) {
		t.Errorf("Run returned %v after it was cancelled, want nil or the context's error", err)
	}
}
