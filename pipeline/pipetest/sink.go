package pipetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outrider/pipeline"
)

// TestSink holds a Sink to its contract: it never blocks, stands results of all kinds from
// several cameras at once, gives everything back by the end of Close, and is quiet after it.
// A sink that takes frames or camera states gets them too. open returns a fresh sink, which
// the suite closes; whatever that needs, such as a broker, runs before TestSink is called.
func TestSink(t *testing.T, open func(t *testing.T) pipeline.Sink) {
	t.Helper()
	t.Run("close at once", func(t *testing.T) {
		before := goleak.IgnoreCurrent()
		closeTwice(t, open(t))
		noLeak(t, before)
	})
	t.Run("results of all kinds", func(t *testing.T) {
		before := goleak.IgnoreCurrent()
		s := open(t)
		var pool pipeline.FramePool
		publish(t, s, &pool, "one", 100)
		closeTwice(t, s)
		allBack(t, &pool)
		noLeak(t, before)
	})
	t.Run("several cameras at once", func(t *testing.T) {
		before := goleak.IgnoreCurrent()
		s := open(t)
		var pool pipeline.FramePool
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() { publish(t, s, &pool, fmt.Sprintf("cam%d", i), 60) })
		}
		wg.Wait()
		closeTwice(t, s)
		allBack(t, &pool)
		noLeak(t, before)
	})
	t.Run("after close", func(t *testing.T) {
		before := goleak.IgnoreCurrent()
		s := open(t)
		closeTwice(t, s)
		var pool pipeline.FramePool
		publish(t, s, &pool, "late", 20)
		allBack(t, &pool)
		noLeak(t, before)
	})
	t.Run("closed while results come", func(t *testing.T) {
		before := goleak.IgnoreCurrent()
		s := open(t)
		var pool pipeline.FramePool
		var wg sync.WaitGroup
		wg.Go(func() { publish(t, s, &pool, "one", 100) })
		closeTwice(t, s)
		wg.Wait()
		allBack(t, &pool)
		noLeak(t, before)
	})
}

// publishLimit is how long one call of a method that must not block may take on a busy machine.
const publishLimit = 2 * time.Second

// publish sends n results of a scene with tracks and events that come and go, as fast as they can
// be made.
func publish(t *testing.T, s pipeline.Sink, pool *pipeline.FramePool, camera string, n int) {
	timed := func(what string, f func()) {
		start := time.Now()
		if f(); time.Since(start) > publishLimit {
			t.Errorf("%s took %v", what, time.Since(start))
		}
	}
	scene := (&Squares{Width: 64, Height: 48, Rate: 5}).withDefaults()
	var cut ThresholdSegmenter
	var follow Follower
	start := time.Now()
	frames, _ := s.(pipeline.FrameSink)
	states, _ := s.(pipeline.StatusSink)
	for i := range n {
		f := pool.Get(scene.Width, scene.Height)
		at := scene.MediaTime(i)
		f.Camera, f.Seq, f.Epoch, f.MediaTime, f.Captured = camera, uint64(i+1), uint32(1+i/50), at, start.Add(at)
		fillColor(f.Data, Ground)
		if i%40 < 25 { // then nothing, until every track has ended
			scene.paint(f.Data, at)
		}
		if frames != nil {
			timed("PushFrame", func() { frames.PushFrame(f) })
		}
		r := pipeline.NewResult(f)
		f.Release()
		out, err := cut.Segment(context.Background(), []*pipeline.Frame{f})
		if err != nil {
			t.Error(err)
			return
		}
		r.SetSegmentation(out[0])
		if i%7 != 0 { // now and then a result that says nothing
			if err := follow.Process(context.Background(), r); err != nil {
				t.Error(err)
				return
			}
		}
		if len(r.Tracks) > 0 && i%3 == 0 {
			far := 12.5
			r.Tracks[0].Mask = nil
			r.Obstacles = append(r.Obstacles,
				pipeline.Obstacle{TrackID: r.Tracks[0].ID, Contact: r.Tracks[0].Box.Center(), Level: pipeline.WarningLevel(i % 5)},
				pipeline.Obstacle{TrackID: r.Tracks[0].ID, Distance: &far, DistanceLo: &far, DistanceHi: &far, TTC: &far, InCorridor: true})
		}
		r.Times.Dequeued, r.Times.Segmented, r.Times.Done = start, start, time.Now()
		timed("Publish", func() { s.Publish(r) })
		r.Release()
		if states != nil && i%10 == 0 {
			state := []pipeline.CameraState{pipeline.CameraConnecting, pipeline.CameraStreaming, pipeline.CameraStalled, pipeline.CameraRetrying}[i/10%4]
			timed("CameraStatus", func() {
				states.CameraStatus(pipeline.CameraStatus{Name: camera, Source: "test", State: state, Since: start})
			})
		}
	}
}

func closeTwice(t *testing.T, s pipeline.Sink) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("Close %d: %v", i+1, err)
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(runTimeout):
		t.Fatalf("Close does not return within %v", runTimeout)
	}
}

// allBack wants every frame back: a result holds its frame as long as it lives.
func allBack(t *testing.T, pool *pipeline.FramePool) {
	t.Helper()
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames or results are still held after Close", n)
	}
}

func noLeak(t *testing.T, before goleak.Option) {
	t.Helper()
	if err := goleak.Find(before); err != nil {
		t.Errorf("goroutines are left: %v", err)
	}
}
