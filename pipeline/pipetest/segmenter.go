package pipetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"outrider/pipeline"
)

// TestSegmenter holds a Segmenter to its contract, on pictures of all kinds: nothing to see, noise, a
// single pixel, very wide, many sizes in a batch. open returns a segmenter that may be shared
// by the cases.
func TestSegmenter(t *testing.T, open func(t *testing.T) pipeline.Segmenter) {
	t.Helper()
	s := open(t)
	var pool pipeline.FramePool
	pictures := testPictures(&pool)
	segment := func(t *testing.T, frames ...*pipeline.Frame) []*pipeline.Segmentation {
		t.Helper()
		out, err := s.Segment(context.Background(), frames)
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != len(frames) {
			t.Fatalf("%d answers for %d frames", len(out), len(frames))
		}
		for i, a := range out {
			if err := CheckSegmentation(frames[i], a); err != nil {
				t.Fatalf("%dx%d: %v", frames[i].Width, frames[i].Height, err)
			}
		}
		return out
	}
	alone := make([]outcome, len(pictures))
	for i, f := range pictures {
		t.Run(fmt.Sprintf("%s %dx%d", f.Camera, f.Width, f.Height), func(t *testing.T) {
			out := segment(t, f)
			alone[i] = outcomeOf(out[0])
			release(out)
		})
	}
	t.Run("batch", func(t *testing.T) {
		out := segment(t, pictures...)
		for i, a := range out {
			if got := outcomeOf(a); !got.same(alone[i]) {
				t.Errorf("picture %d: in a batch %v, alone %v", i, got, alone[i])
			}
		}
		release(out)
	})
	t.Run("empty batch", func(t *testing.T) {
		if out := segment(t); len(out) != 0 {
			t.Errorf("%d answers for no frame", len(out))
		}
	})
	t.Run("an answer lives until it is released", func(t *testing.T) {
		held := segment(t, pictures[0])
		area := totalArea(held[0])
		for range 3 {
			release(segment(t, pictures...))
		}
		if got := outcomeOf(held[0]); !got.same(alone[0]) {
			t.Errorf("a held answer changed from %v to %v", alone[0], got)
		}
		if got := totalArea(held[0]); got != area {
			t.Errorf("the masks of a held answer changed from %d to %d cells", area, got)
		}
		release(held)
	})
	t.Run("concurrent", func(t *testing.T) {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for k := range 3 {
					i := (w + k) % len(pictures)
					out, err := s.Segment(context.Background(), pictures[i:i+1])
					if err != nil {
						t.Error(err)
						return
					}
					if got := outcomeOf(out[0]); !got.same(alone[i]) {
						t.Errorf("picture %d: concurrently %v, alone %v", i, got, alone[i])
					}
					release(out)
				}
			})
		}
		wg.Wait()
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		out, err := s.Segment(ctx, pictures[:2])
		if err == nil && len(out) != 2 {
			t.Errorf("%d answers and no error", len(out))
		}
		if err == nil {
			release(out)
		}
	})
	for _, f := range pictures {
		f.Release()
	}
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames were kept", n)
	}
}

func release(out []*pipeline.Segmentation) {
	for _, a := range out {
		a.Release()
	}
}

func totalArea(s *pipeline.Segmentation) int {
	n := 0
	for i := range s.Segments {
		n += s.Segments[i].Mask.Area()
	}
	return n
}

// outcome is what an answer held, beyond its life.
type outcome []pipeline.Box

func outcomeOf(s *pipeline.Segmentation) outcome {
	var o outcome
	for i := range s.Segments {
		o = append(o, s.Segments[i].Box)
	}
	return o
}

// same tells whether two answers to one picture agree: networks round otherwise in a batch or
// with other threads, so one segment in ten, and one at least, may be missing or elsewhere.
func (o outcome) same(p outcome) bool {
	matched := 0
	for _, a := range o {
		if slices.ContainsFunc(p, func(b pipeline.Box) bool { return a.IoU(b) > .9 }) {
			matched++
		}
	}
	n := max(len(o), len(p))
	return n-matched <= max(1, n/10)
}

// testPictures are frames that a segmenter must stand; the first shows things, and Camera says what.
func testPictures(pool *pipeline.FramePool) []*pipeline.Frame {
	picture := func(name string, w, h int, paint func(pix []byte)) *pipeline.Frame {
		f := pool.Get(w, h)
		f.Camera = name
		paint(f.Data)
		return f
	}
	scene := func(w, h int) func(pix []byte) {
		return func(pix []byte) { (&Squares{Width: w, Height: h}).withDefaults().paint(pix, 0) }
	}
	r := rand.New(rand.NewPCG(11, 12))
	noise := func(pix []byte) {
		for i := range pix {
			pix[i] = byte(r.Uint32())
		}
	}
	flat := func(v byte) func(pix []byte) {
		return func(pix []byte) {
			for i := range pix {
				pix[i] = v
			}
		}
	}
	return []*pipeline.Frame{
		picture("squares", 320, 240, scene(320, 240)),
		picture("black", 160, 120, flat(0)),
		picture("white", 121, 161, flat(255)),
		picture("noise", 96, 64, noise),
		picture("one pixel", 1, 1, flat(200)),
		picture("wide", 640, 2, noise),
		picture("high", 2, 640, noise),
		picture("squares", 99, 201, scene(99, 201)),
	}
}
