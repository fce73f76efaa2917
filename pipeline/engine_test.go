package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	. "outrider/pipeline"
	"outrider/pipeline/mask"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type sourceFunc func(ctx context.Context, emit func(*Frame)) error

func (f sourceFunc) Run(ctx context.Context, emit func(*Frame)) error { return f(ctx, emit) }

type segmenterFunc func(ctx context.Context, frames []*Frame) ([]*Segmentation, error)

func (f segmenterFunc) Segment(ctx context.Context, frames []*Frame) ([]*Segmentation, error) {
	return f(ctx, frames)
}

type stageFunc func(ctx context.Context, r *Result) error

func (f stageFunc) Process(ctx context.Context, r *Result) error { return f(ctx, r) }
func (stageFunc) Reset(uint32)                                   {}

// recorder is a sink that keeps the sequence numbers it saw.
type recorder struct {
	mu     sync.Mutex
	seqs   []uint64
	epochs []uint32
	states []CameraState
	closed int
	pushed int
	onSeq  func(uint64)
}

func (s *recorder) Publish(r *Result) {
	s.mu.Lock()
	s.seqs = append(s.seqs, r.Frame.Seq)
	s.epochs = append(s.epochs, r.Frame.Epoch)
	f := s.onSeq
	s.mu.Unlock()
	if f != nil {
		f(r.Frame.Seq)
	}
}

func (s *recorder) PushFrame(*Frame) {
	s.mu.Lock()
	s.pushed++
	s.mu.Unlock()
}

func (s *recorder) CameraStatus(c CameraStatus) {
	s.mu.Lock()
	s.states = append(s.states, c.State)
	s.mu.Unlock()
}

func (s *recorder) Close() error { s.closed++; return nil }

func (s *recorder) seen() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seqs)
}

// none segments nothing, and counts what is alive.
type none struct{ alive atomic.Int64 }

func (n *none) Segment(_ context.Context, frames []*Frame) ([]*Segmentation, error) {
	out := make([]*Segmentation, len(frames))
	for i, f := range frames {
		n.alive.Add(1)
		out[i] = &Segmentation{Grid: mask.FrameGrid(f.Width, f.Height), Free: func() { n.alive.Add(-1) }}
	}
	return out, nil
}

// frames emits n frames as fast as they are taken, then ends as end says.
func frames(pool *FramePool, n int, end error) sourceFunc {
	return func(ctx context.Context, emit func(*Frame)) error {
		for range n {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			emit(pool.Get(8, 4))
		}
		if end == nil {
			<-ctx.Done()
		}
		return end
	}
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestFileIsReadWholeInOrder(t *testing.T) {
	var pool FramePool
	seg := &none{}
	sink := &recorder{}
	e := &Engine{Segmenter: seg, Sinks: []Sink{sink}, Batch: Batch{Workers: 2}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 500, io.EOF), Inflight: 2, FailFast: true}); err != nil {
		t.Fatal(err)
	}
	if err := e.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, _ := e.Status("a"); s.State != CameraEnded || s.Processed != 500 || s.Dropped != 0 || s.Width != 8 {
		t.Errorf("status %+v", s)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal("second Close:", err)
	}
	got := sink.seen()
	if len(got) != 500 {
		t.Fatalf("%d results, want 500", len(got))
	}
	for i, s := range got {
		if s != uint64(i+1) {
			t.Fatalf("result %d has sequence %d", i, s)
		}
	}
	if sink.closed != 1 {
		t.Errorf("sink closed %d times", sink.closed)
	}
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames not released", n)
	}
	if n := seg.alive.Load(); n != 0 {
		t.Errorf("%d segmentations not released", n)
	}
}

// TestFileTimeIsMediaTime reads ten minutes of media in no time: the capture times must be ten
// minutes apart.
func TestFileTimeIsMediaTime(t *testing.T) {
	var pool FramePool
	src := sourceFunc(func(_ context.Context, emit func(*Frame)) error {
		for i := range 3 {
			f := pool.Get(8, 4)
			f.MediaTime = time.Duration(i) * 5 * time.Minute
			f.Captured = time.Now()
			emit(f)
		}
		return io.EOF
	})
	var times []time.Time
	st := stageFunc(func(_ context.Context, r *Result) error {
		times = append(times, r.Frame.Captured)
		return nil
	})
	e := &Engine{Segmenter: &none{}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.AddCamera(Camera{Name: "a", Source: src, Stages: []Stage{st}, FailFast: true}); err != nil {
		t.Fatal(err)
	}
	if err := e.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(times) != 3 || times[2].Sub(times[0]) != 10*time.Minute {
		t.Errorf("capture times %v", times)
	}
}

// TestFileEndsEarly: a source that ends with more to say than io.EOF is not opened again, and
// what it says is in the status.
func TestFileEndsEarly(t *testing.T) {
	var pool FramePool
	e := &Engine{Segmenter: &none{}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	early := fmt.Errorf("cut short: %w", io.EOF)
	if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 3, early)}); err != nil {
		t.Fatal(err)
	}
	if err := e.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, _ := e.Status("a"); s.State != CameraEnded || s.Processed != 3 || s.Error != early.Error() || s.Reconnects != 0 {
		t.Errorf("status %+v", s)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLiveNewestWins(t *testing.T) {
	var pool FramePool
	hold := make(chan struct{})
	seg := &none{}
	slow := segmenterFunc(func(ctx context.Context, f []*Frame) ([]*Segmentation, error) {
		<-hold
		return seg.Segment(ctx, f)
	})
	sink := &recorder{}
	e := &Engine{Segmenter: slow, Sinks: []Sink{sink}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 100, nil), Live: true}); err != nil {
		t.Fatal(err)
	}
	wait(t, "all frames captured", func() bool { s, _ := e.Status("a"); return s.Frames == 100 })
	close(hold)
	wait(t, "the newest frame", func() bool { s := sink.seen(); return len(s) > 0 && s[len(s)-1] == 100 })
	s, _ := e.Status("a")
	if s.Processed+s.Dropped != 100 || s.Processed > 3 {
		t.Errorf("processed %d, dropped %d of 100: want all counted and old frames dropped", s.Processed, s.Dropped)
	}
	if sink.pushed != 100 {
		t.Errorf("frame sink saw %d frames, want every captured one", sink.pushed)
	}
	e.Close()
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames not released", n)
	}
}

// dropping is a source that threw frames away before it delivered any.
type dropping struct {
	sourceFunc
	n uint64
}

func (d dropping) Dropped() uint64 { return d.n }

func TestDropsOfTheSourceCount(t *testing.T) {
	var pool FramePool
	e := &Engine{Segmenter: &none{}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.AddCamera(Camera{Name: "a", Source: dropping{frames(&pool, 3, io.EOF), 7}}); err != nil {
		t.Fatal(err)
	}
	if err := e.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, _ := e.Status("a"); s.Frames != 10 || s.Dropped != 7 || s.Processed != 3 {
		t.Errorf("status %+v, want 7 dropped of 10", s)
	}
}

func TestRateLimit(t *testing.T) {
	var pool FramePool
	src := sourceFunc(func(ctx context.Context, emit func(*Frame)) error {
		t0 := time.Now()
		for i := range 100 { // 25 frames/s of capture time, delivered at once
			f := pool.Get(8, 4)
			f.Captured = t0.Add(time.Duration(i) * 40 * time.Millisecond)
			emit(f)
			time.Sleep(100 * time.Microsecond)
		}
		<-ctx.Done()
		return ctx.Err()
	})
	sink := &recorder{}
	e := &Engine{Segmenter: &none{}, Sinks: []Sink{sink}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.AddCamera(Camera{Name: "a", Source: src, Live: true, Rate: 5}); err != nil {
		t.Fatal(err)
	}
	wait(t, "all frames counted", func() bool { s, _ := e.Status("a"); return s.Processed+s.Dropped == 100 })
	if n := len(sink.seen()); n > 21 || n < 10 {
		t.Errorf("%d frames analysed of 4 s at 5/s", n)
	}
}

func TestRetryThenStream(t *testing.T) {
	var pool FramePool
	var attempts atomic.Int32
	src := sourceFunc(func(ctx context.Context, emit func(*Frame)) error {
		if attempts.Add(1) < 4 {
			return fmt.Errorf("open rtsp://***@h/: connection refused")
		}
		emit(pool.Get(8, 4))
		<-ctx.Done()
		return ctx.Err()
	})
	sink := &recorder{}
	e := &Engine{Segmenter: &none{}, Sinks: []Sink{sink}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.AddCamera(Camera{Name: "a", Source: src, Live: true, Retry: Retry{Min: time.Millisecond, Max: 2 * time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	wait(t, "streaming", func() bool { s, _ := e.Status("a"); return s.State == CameraStreaming && s.Processed == 1 })
	s, _ := e.Status("a")
	if s.Reconnects != 3 || s.Error != "" {
		t.Errorf("status %+v, want 3 reconnects and no error left", s)
	}
	e.Close()
	want := []CameraState{CameraConnecting, CameraRetrying, CameraConnecting, CameraRetrying, CameraConnecting, CameraRetrying, CameraConnecting, CameraStreaming, CameraStopped}
	if !slices.Equal(sink.states, want) {
		t.Errorf("states %v\nwant   %v", sink.states, want)
	}
}

func TestStalledSourceIsCancelledAndReopened(t *testing.T) {
	var pool FramePool
	var runs atomic.Int32
	src := sourceFunc(func(ctx context.Context, emit func(*Frame)) error {
		runs.Add(1)
		emit(pool.Get(8, 4))
		<-ctx.Done() // silent until cancelled
		return ctx.Err()
	})
	sink := &recorder{}
	e := &Engine{Segmenter: &none{}, Sinks: []Sink{sink}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	err := e.AddCamera(Camera{
		Name: "a", Source: src, Live: true, StallTimeout: 50 * time.Millisecond,
		Retry: Retry{Min: time.Millisecond, Max: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "a second run", func() bool { return runs.Load() >= 2 && len(sink.seen()) >= 2 })
	e.Close()
	if sink.epochs[0] == sink.epochs[1] {
		t.Errorf("epoch %d on both sides of a reconnect", sink.epochs[0])
	}
	if !slices.Contains(sink.states, CameraStalled) {
		t.Errorf("states %v, want stalled among them", sink.states)
	}
}

func TestFailFast(t *testing.T) {
	var pool FramePool
	boom := errors.New("boom")
	t.Run("source", func(t *testing.T) {
		e := &Engine{Segmenter: &none{}}
		if err := e.Initialize(); err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 3, boom), FailFast: true}); err != nil {
			t.Fatal(err)
		}
		if err := e.Wait(t.Context()); !errors.Is(err, boom) {
			t.Errorf("Wait: %v", err)
		}
		if s, _ := e.Status("a"); s.Processed != 3 || s.Error == "" {
			t.Errorf("status %+v: frames before the failure count", s)
		}
	})
	t.Run("segmenter", func(t *testing.T) {
		e := &Engine{Segmenter: segmenterFunc(func(context.Context, []*Frame) ([]*Segmentation, error) { return nil, boom })}
		if err := e.Initialize(); err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 3, io.EOF), FailFast: true}); err != nil {
			t.Fatal(err)
		}
		err := e.Wait(t.Context())
		if !errors.Is(err, boom) || !strings.Contains(err.Error(), `camera "a": segment frame 1`) {
			t.Errorf("Wait: %v", err)
		}
	})
	t.Run("stage", func(t *testing.T) {
		e := &Engine{Segmenter: &none{}}
		if err := e.Initialize(); err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		st := stageFunc(func(context.Context, *Result) error { return boom })
		if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 3, io.EOF), Stages: []Stage{st}, FailFast: true}); err != nil {
			t.Fatal(err)
		}
		if err := e.Wait(t.Context()); !errors.Is(err, boom) {
			t.Errorf("Wait: %v", err)
		}
	})
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames not released", n)
	}
}

func TestCamerasComeAndGo(t *testing.T) {
	var pool FramePool
	seg := &none{}
	e := &Engine{Segmenter: seg}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, n := range []string{"b", "a"} {
		if err := e.AddCamera(Camera{Name: n, Source: frames(&pool, 5, nil), Live: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 5, nil)}); err == nil {
		t.Error("a second camera of one name was taken")
	}
	if got := e.Cameras(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("cameras %v", got)
	}
	var unknown *UnknownCameraError
	if _, err := e.Latest("yard"); !errors.As(err, &unknown) || !slices.Equal(unknown.Known, []string{"a", "b"}) {
		t.Errorf("unknown camera: %v", err)
	}
	wait(t, "a result", func() bool {
		r, err := e.Latest("a")
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			return false
		}
		r.Release()
		return true
	})
	if err := e.RemoveCamera("a"); err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveCamera("a"); err == nil {
		t.Error("removed twice")
	}
	if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 5, nil), Live: true}); err != nil {
		t.Errorf("a name is free again after RemoveCamera: %v", err)
	}
	e.Close()
	if err := e.AddCamera(Camera{Name: "c", Source: frames(&pool, 5, nil)}); err == nil {
		t.Error("a camera was taken after Close")
	}
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames not released", n)
	}
}

// TestSwitchAnalysis turns the analysis off and on: the picture goes on, one empty result ends
// what was there, and nothing is carried over.
func TestSwitchAnalysis(t *testing.T) {
	var pool FramePool
	var segmented atomic.Int64
	var inner none
	segmenter := segmenterFunc(func(ctx context.Context, fs []*Frame) ([]*Segmentation, error) {
		segmented.Add(int64(len(fs)))
		return inner.Segment(ctx, fs)
	})
	sink := &recorder{}
	e := &Engine{Segmenter: segmenter, Sinks: []Sink{sink}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	endless := sourceFunc(func(ctx context.Context, emit func(*Frame)) error {
		for ctx.Err() == nil {
			emit(pool.Get(8, 4))
			time.Sleep(time.Millisecond)
		}
		return ctx.Err()
	})
	if err := e.AddCamera(Camera{Name: "a", Source: endless, Live: true}); err != nil {
		t.Fatal(err)
	}
	count := func() (pushed, results int, epoch uint32) {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		if n := len(sink.epochs); n > 0 {
			epoch = sink.epochs[n-1]
		}
		return sink.pushed, len(sink.seqs), epoch
	}
	wait(t, "results", func() bool { _, n, _ := count(); return n > 3 })
	for range 2 { // the second time changes nothing
		if err := e.SetAnalysis("a", false); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "the empty result of a new epoch", func() bool { _, _, epoch := count(); return epoch == 2 })
	pushed, results, _ := count()
	done := segmented.Load()
	wait(t, "the picture goes on", func() bool { n, _, _ := count(); return n > pushed+20 })
	if _, n, _ := count(); n != results || segmented.Load() != done {
		t.Errorf("%d results and %d inferences while it is off", n-results, segmented.Load()-done)
	}
	if s, err := e.Status("a"); err != nil || !s.Paused || s.State != CameraStreaming {
		t.Errorf("status %+v, %v", s, err)
	}
	if err := e.SetAnalysis("a", true); err != nil {
		t.Fatal(err)
	}
	wait(t, "results again", func() bool { _, n, epoch := count(); return n > results+3 && epoch == 3 })
	var unknown *UnknownCameraError
	if err := e.SetAnalysis("b", true); !errors.As(err, &unknown) {
		t.Errorf("an unknown camera: %v", err)
	}
	e.SetAnalysis("a", false)
	e.Close()
	if n := pool.Outstanding(); n != 0 || inner.alive.Load() != 0 {
		t.Errorf("%d frames, %d segmentations not released", n, inner.alive.Load())
	}
}

// TestStartStop1000 runs a synthetic camera a thousand times and looks for what is left.
func TestStartStop1000(t *testing.T) {
	var pool FramePool
	seg := &none{}
	e := &Engine{Segmenter: seg}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	cycle := func() {
		if err := e.AddCamera(Camera{Name: "a", Source: frames(&pool, 3, nil), Live: true}); err != nil {
			t.Fatal(err)
		}
		wait(t, "a result", func() bool { s, _ := e.Status("a"); return s.Processed > 0 })
		if err := e.RemoveCamera("a"); err != nil {
			t.Fatal(err)
		}
	}
	cycle()
	before := runtime.NumGoroutine()
	for range 1000 {
		cycle()
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames not released", n)
	}
	if n := seg.alive.Load(); n != 0 {
		t.Errorf("%d segmentations not released", n)
	}
}

func TestBatchGathersCameras(t *testing.T) {
	var pool FramePool
	var biggest atomic.Int32
	seg := &none{}
	sizes := segmenterFunc(func(ctx context.Context, f []*Frame) ([]*Segmentation, error) {
		biggest.Store(max(biggest.Load(), int32(len(f))))
		return seg.Segment(ctx, f)
	})
	e := &Engine{Segmenter: sizes, Batch: Batch{Max: 3, Wait: 200 * time.Millisecond}}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, n := range []string{"a", "b", "c", "d"} {
		if err := e.AddCamera(Camera{Name: n, Source: frames(&pool, 20, io.EOF)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if biggest.Load() != 3 {
		t.Errorf("biggest batch %d, want 3", biggest.Load())
	}
}

func TestLatencyQuantile(t *testing.T) {
	var l Latency
	if l.Quantile(.5) != 0 {
		t.Error("a quantile without samples")
	}
	for i := 1; i <= 1000; i++ {
		l.Add(time.Duration(i) * time.Millisecond)
	}
	for _, q := range []struct {
		q    float64
		want time.Duration
	}{{.5, 500 * time.Millisecond}, {.95, 950 * time.Millisecond}, {.99, 990 * time.Millisecond}} {
		if got := l.Quantile(q.q); got < q.want*95/100 || got > q.want*105/100 {
			t.Errorf("quantile %v = %v, want %v within 5 %%", q.q, got, q.want)
		}
	}
}
