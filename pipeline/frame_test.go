package pipeline_test

import (
	"sync"
	"testing"
	"time"

	. "outrider/pipeline"
)

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestNewFrame(t *testing.T) {
	f, err := NewFrame("yard", 4, 3, make([]byte, 36))
	if err != nil || f.Camera != "yard" || f.Width != 4 || f.Height != 3 {
		t.Fatalf("got %+v, %v", f, err)
	}
	f.Retain()
	f.Release()
	f.Release()
	if !panics(f.Release) {
		t.Error("a release too many does not panic")
	}
	for _, c := range []struct{ w, h, n int }{{4, 3, 35}, {4, 3, 37}, {0, 3, 0}, {4, -3, 36}, {-4, -3, 36}, {4, 3, 0}} {
		if _, err := NewFrame("yard", c.w, c.h, make([]byte, c.n)); err == nil {
			t.Errorf("%dx%d of %d bytes was taken", c.w, c.h, c.n)
		}
	}
}

func TestFramePool(t *testing.T) {
	var p FramePool
	a := p.Get(10, 10)
	a.Camera, a.Seq, a.Epoch, a.Captured, a.MediaTime = "yard", 5, 2, time.Now(), time.Second
	b := p.Get(10, 10)
	if p.Outstanding() != 2 {
		t.Fatalf("%d are out, want 2", p.Outstanding())
	}
	a.Retain()
	a.Release()
	if p.Outstanding() != 2 {
		t.Errorf("%d are out while one is retained, want 2", p.Outstanding())
	}
	a.Release()
	b.Release()
	if p.Outstanding() != 0 {
		t.Errorf("%d are out, want none", p.Outstanding())
	}
	if !panics(b.Release) {
		t.Error("a release too many does not panic")
	}
}

func TestFramePoolCleansFrames(t *testing.T) {
	var p FramePool
	a := p.Get(10, 10)
	a.Camera, a.Seq, a.Epoch, a.Captured, a.MediaTime = "yard", 5, 2, time.Now(), time.Second
	a.Release()
	b := p.Get(5, 4)
	if a != b {
		t.Fatal("a larger frame that is free was not taken")
	}
	if b.Camera != "" || b.Seq != 0 || b.Epoch != 0 || !b.Captured.IsZero() || b.MediaTime != 0 || b.Width != 5 || b.Height != 4 || len(b.Data) != 60 {
		t.Errorf("a frame still says what it said before: %+v", b)
	}
	b.Release()
	if c := p.Get(100, 100); len(c.Data) != 30000 {
		t.Errorf("100x100 has %d bytes", len(c.Data))
	}
}

// TestFramePoolAfterAnotherSize: many small frames left idle must not keep the pool from
// serving larger ones.
func TestFramePoolAfterAnotherSize(t *testing.T) {
	var p FramePool
	var small []*Frame
	for range 40 {
		small = append(small, p.Get(4, 4))
	}
	for _, f := range small {
		f.Release()
	}
	p.Get(64, 64).Release()
	if n := testing.AllocsPerRun(20, func() { p.Get(64, 64).Release() }); n != 0 {
		t.Errorf("every larger frame allocates %v times", n)
	}
}

func TestFramePoolConcurrently(t *testing.T) {
	var p FramePool
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				f := p.Get(1+i%7, 1+w)
				for k := range f.Data {
					f.Data[k] = byte(w)
				}
				f.Retain()
				f.Release()
				for _, v := range f.Data {
					if v != byte(w) {
						t.Error("two holders share a frame")
						return
					}
				}
				f.Release()
			}
		})
	}
	wg.Wait()
	if p.Outstanding() != 0 {
		t.Errorf("%d are out", p.Outstanding())
	}
}
