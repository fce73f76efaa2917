package prompt_test

import (
	"context"
	"errors"
	"image"
	"strings"
	"sync"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/tracker/prompt"
)

// surgeon is a Refiner that adds a row of cells below each object and cuts one off its top, on
// a grid of its own.
type surgeon struct {
	mu    sync.Mutex
	calls int
	most  int           // objects of one call
	gate  chan struct{} // a call waits for one element, when not nil
	reply func(r pipeline.Region) pipeline.Refined
	err   error
}

var fine = mask.Grid{W: width / 2, H: height / 2, SX: 2, SY: 2}

// rectOn is a box as a mask on the fine grid.
func rectOn(b pipeline.Box) *mask.Mask {
	r := image.Rect(int(b.X1/2), int(b.Y1/2), int(b.X2/2), int(b.Y2/2))
	m := mask.New(fine, r)
	m.Fill(r)
	return m
}

func (g *surgeon) Refine(ctx context.Context, _ *pipeline.Frame, objects []pipeline.Region) ([]pipeline.Refined, error) {
	if g.gate != nil {
		select {
		case <-g.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls++
	g.most = max(g.most, len(objects))
	if g.err != nil {
		return nil, g.err
	}
	var out []pipeline.Refined
	for _, r := range objects {
		if g.reply != nil {
			out = append(out, g.reply(r))
			continue
		}
		b := r.Box
		out = append(out, pipeline.Refined{Mask: rectOn(pipeline.Box{X1: b.X1, Y1: b.Y1 + 8, X2: b.X2, Y2: b.Y2 + 8}), Score: .95})
	}
	return out, nil
}

func (g *surgeon) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls
}

// refined is a stream with a prompt on the person who walks to the right, refined with wait.
func refined(t *testing.T, g *surgeon, f prompt.Refine) (*stream, func(int) []object) {
	s := newStream(t)
	s.set.Refiner, s.set.Refine = g, f
	t.Cleanup(func() {
		for range 2 {
			if err := s.set.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	scene := func(int) []object { return []object{{40 + 4*float64(s.seq), 60, 40, 100}, {20, 180, 40, 40}} }
	s.frames(8, scene)
	if _, _, err := s.create(pipeline.Prompt{ID: "mine", Points: []pipeline.Point{{X: 40 + 32 + 20, Y: 110}}}, scene); err != nil {
		t.Fatal(err)
	}
	return s, scene
}

// mine is the prompt's track in the newest frame.
func (s *stream) mine() *pipeline.Track {
	s.t.Helper()
	for i := range s.last.Tracks {
		if s.last.Tracks[i].PromptID == "mine" {
			return &s.last.Tracks[i]
		}
	}
	s.t.Fatal("the prompt has no track")
	return nil
}

// corrected reports whether the track's mask is the surgeon's.
func (s *stream) corrected() bool {
	tr := s.mine()
	b := tr.Box
	want := rectOn(pipeline.Box{X1: b.X1, Y1: b.Y1 + 8, X2: b.X2, Y2: b.Y2 + 8})
	return tr.Mask.Grid() == fine && mask.IoU(tr.Mask, want) > 0.9
}

// On key frames the mask is the precise one, between them its correction moves with the
// object; other tracks keep theirs.
func TestRefinedMaskIsCarried(t *testing.T) {
	g := &surgeon{}
	s, scene := refined(t, g, prompt.Refine{Every: time.Second, Wait: true})
	for range 50 {
		s.frame(scene(0)...)
		if !s.corrected() {
			t.Fatalf("frame %d: the mask is not the refined one: %v", s.seq, s.mine().Mask.Bounds())
		}
		for _, tr := range s.last.Tracks {
			if tr.PromptID == "" && tr.Mask.Grid() != grid {
				t.Fatalf("track %d without a prompt was refined", tr.ID)
			}
		}
	}
	if n := g.count(); n < 2 || n > 3 || g.most != 1 {
		t.Errorf("%d key frames in 2 seconds, at most %d objects", n, g.most)
	}
	st := s.get("mine")
	if st.Refined == nil || !st.Refined.Applied || st.Refined.Score != .95 || st.Refined.IoU < .7 || st.Refined.Why != "" {
		t.Errorf("refined: %+v", st.Refined)
	}
}

// On a live stream a slow precise model holds nobody up: frames go on with the fast mask, and
// the answer is applied when it comes.
func TestRefineDoesNotHoldTheStream(t *testing.T) {
	g := &surgeon{gate: make(chan struct{})}
	s, scene := refined(t, g, prompt.Refine{Every: time.Second})
	s.frames(20, scene) // would hang if they waited
	if s.corrected() || g.count() != 0 {
		t.Fatal("refined without an answer")
	}
	g.gate <- struct{}{}
	for range 100 {
		time.Sleep(2 * time.Millisecond)
		if s.frame(scene(0)...); s.corrected() {
			break
		}
	}
	if !s.corrected() {
		t.Error("the answer of 20 frames ago is not applied")
	}
}

func TestRefineOnDemand(t *testing.T) {
	g := &surgeon{}
	s, scene := refined(t, g, prompt.Refine{Every: time.Hour, Wait: true})
	s.frames(30, scene)
	if n := g.count(); n != 1 {
		t.Fatalf("%d key frames, want the first one only", n)
	}
	if _, err := s.change("mine", pipeline.PromptChange{Refine: true}, scene); err != nil {
		t.Fatal(err)
	}
	s.frames(2, scene)
	if n := g.count(); n != 2 {
		t.Errorf("%d key frames after one was asked for", n)
	}
}

func TestRefineIsDropped(t *testing.T) {
	for name, c := range map[string]struct {
		reply func(r pipeline.Region) pipeline.Refined
		why   string
	}{
		"nothing": {func(pipeline.Region) pipeline.Refined { return pipeline.Refined{} }, "sees nothing"},
		"empty": {func(pipeline.Region) pipeline.Refined {
			return pipeline.Refined{Mask: mask.New(fine, image.Rectangle{})}
		}, "sees nothing"},
		"another thing": {func(r pipeline.Region) pipeline.Refined {
			return pipeline.Refined{Mask: rectOn(pipeline.Box{X1: r.Box.X1, Y1: r.Box.Y1, X2: r.Box.X2, Y2: r.Box.Y1 + 30}), Score: .9}
		}, "at least 0.50 is asked for"},
	} {
		s, scene := refined(t, &surgeon{reply: c.reply}, prompt.Refine{Wait: true})
		s.frames(5, scene)
		if st := s.get("mine"); st.Refined == nil || st.Refined.Applied || !strings.Contains(st.Refined.Why, c.why) {
			t.Errorf("%s: %+v, want %q", name, st.Refined, c.why)
		}
		if s.mine().Mask.Grid() != grid {
			t.Errorf("%s: the mask is not the fast one", name)
		}
	}
}

// An object that has changed a lot since the key frame has its fast mask until the next.
func TestCorrectionIsOutgrown(t *testing.T) {
	s, scene := refined(t, &surgeon{}, prompt.Refine{Every: time.Hour, Wait: true})
	s.frames(5, scene)
	if !s.corrected() {
		t.Fatal("not refined")
	}
	for k := range 40 {
		o := scene(0)
		o[0].h -= float64(2 * k)
		s.frame(o...)
	}
	if st := s.get("mine"); s.mine().Mask.Grid() != grid || st.Refined.Applied || !strings.Contains(st.Refined.Why, "changed") {
		t.Errorf("%+v on %+v", st.Refined, s.mine().Mask.Grid())
	}
}

func TestRefineFailsAndGoesOn(t *testing.T) {
	g := &surgeon{err: errors.New("out of memory")}
	s := newStream(t)
	s.set.Refiner, s.set.Refine = g, prompt.Refine{Every: time.Second, Wait: true}
	defer s.set.Close()
	if err := s.set.Restore(t.Context(), pipeline.Prompt{ID: "mine", Points: []pipeline.Point{{X: 40, Y: 100}}}); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range 40 {
		s.seq++
		f, _ := pipeline.NewFrame("yard", width, height, make([]byte, 3*width*height))
		f.Seq, f.Epoch, f.Captured = s.seq, 1, s.now()
		r := pipeline.NewResult(f)
		r.SetSegmentation(segmentation([]object{personAt}))
		if err := s.track.Process(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := s.set.Process(t.Context(), r); err != nil {
			failed++
			if !strings.Contains(err.Error(), "refine 1 objects: out of memory") {
				t.Fatal(err)
			}
		}
	}
	if st := s.get("mine"); failed != 2 || st.State != pipeline.PromptTracking {
		t.Errorf("%d failures in 1.6 seconds; the prompt is %s", failed, st.State)
	}
}

// A reset while a key frame is worked on: the answer of the old stream is not heard.
func TestRefineAcrossReset(t *testing.T) {
	g := &surgeon{gate: make(chan struct{})}
	s, scene := refined(t, g, prompt.Refine{Every: time.Hour})
	s.set.Reset(2)
	s.track.Reset(2)
	close(g.gate)
	s.frames(20, scene)
	if err := s.set.Close(); err != nil {
		t.Fatal(err)
	}
}
