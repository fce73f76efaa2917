package pipetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"outrider/pipeline"
)

// PromptsUnderTest is a fresh implementation of Prompts within the stages that it needs.
type PromptsUnderTest struct {
	Prompts pipeline.Prompts
	Stages  []pipeline.Stage // in order, Prompts among them or fed by them

	Texts   bool   // takes text prompts: "red" must find the red square
	Unknown string // a text that is refused with *UnknownTextError, "" for no such check
}

// TestPrompts holds Prompts to their contract on a scene of three squares, while frames flow.
// The stages get segments labelled red, green and blue and may use or ignore the labels.
func TestPrompts(t *testing.T, open func(t *testing.T) PromptsUnderTest) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, p *promptTest)
	}{
		{"point", testPointPrompt},
		{"box", testBoxPrompt},
		{"mask", testMaskPrompt},
		{"text", testTextPrompt},
		{"nothing there", testNothingThere},
		{"refused", testRefusedPrompts},
		{"list, get, delete", testPromptList},
		{"levels and changes", testPromptLevels},
		{"reset keeps prompts", testPromptReset},
		{"concurrent", testConcurrentPrompts},
		{"no frame to answer", testPromptWithoutFrames},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := open(t)
			c.test(t, &promptTest{PromptsUnderTest: u, scenario: newScenario(&Squares{Width: 320, Height: 240}, u.Stages...)})
		})
	}
}

// promptTest lets frames flow through the stages while prompts are made.
type promptTest struct {
	PromptsUnderTest
	*scenario
	mu     sync.Mutex
	tracks []pipeline.Track // of the newest frame
	truth  []Truth
}

// flow steps frames every few milliseconds until stop is called, which waits.
func (p *promptTest) flow(t *testing.T) (stop func()) {
	t.Helper()
	p.frames(t, 10)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(3 * time.Millisecond):
				if err := p.next(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	return sync.OnceFunc(func() { close(done); <-ended })
}

// frames steps n frames at once.
func (p *promptTest) frames(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := p.next(); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *promptTest) next() error {
	return p.step(true, true, func(r *pipeline.Result) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.tracks = slices.Clone(r.Tracks)
		p.truth = p.scene.Truth(r.Frame.MediaTime)
	})
}

// object is where object i is now.
func (p *promptTest) object(i int) Truth {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.truth[i]
}

// create asks for a prompt and gives it as long as a busy machine may need.
func (p *promptTest) create(t *testing.T, q pipeline.Prompt) (pipeline.PromptStatus, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), awaitTimeout)
	defer cancel()
	return p.Prompts.Create(ctx, q)
}

// follows wants the prompt's track to lie on object i, for a second of frames.
func (p *promptTest) follows(t *testing.T, id string, i int) {
	t.Helper()
	for range 25 {
		p.frames(t, 1)
		s, err := p.Prompts.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		k := slices.IndexFunc(p.tracks, func(t pipeline.Track) bool { return t.ID == s.TrackID })
		if s.State != pipeline.PromptTracking || k < 0 {
			t.Fatalf("prompt %q is %s with track %d", id, s.State, s.TrackID)
		}
		if iou := p.tracks[k].Box.IoU(p.truth[i].Box); iou < .5 {
			t.Fatalf("track %d at %v, the object at %v: IoU %.2f", s.TrackID, p.tracks[k].Box, p.truth[i].Box, iou)
		}
		if p.tracks[k].PromptID != id {
			t.Fatalf("track %d belongs to prompt %q, want %q", s.TrackID, p.tracks[k].PromptID, id)
		}
	}
}

// answered wants q, made while frames flow, to be tracked, on object i.
func (p *promptTest) answered(t *testing.T, i int, make func() pipeline.Prompt) {
	t.Helper()
	stop := p.flow(t)
	defer stop()
	s, err := p.create(t, make())
	if err != nil {
		t.Fatal(err)
	}
	if s.State != pipeline.PromptTracking || s.TrackID == 0 || s.ID == "" {
		t.Fatalf("answered with id %q, %s, track %d (%s)", s.ID, s.State, s.TrackID, s.Why)
	}
	stop()
	p.follows(t, s.ID, i)
}

func testPointPrompt(t *testing.T, p *promptTest) {
	p.answered(t, 1, func() pipeline.Prompt {
		return pipeline.Prompt{Points: []pipeline.Point{p.object(1).Box.Center()}}
	})
}

func testBoxPrompt(t *testing.T, p *promptTest) {
	p.answered(t, 0, func() pipeline.Prompt {
		b := p.object(0).Box
		return pipeline.Prompt{ID: "box", Box: &b}
	})
}

func testMaskPrompt(t *testing.T, p *promptTest) {
	p.answered(t, 2, func() pipeline.Prompt {
		r := p.object(2).Mask.RLE(p.scene.Width, p.scene.Height)
		return pipeline.Prompt{Mask: &r}
	})
}

func testTextPrompt(t *testing.T, p *promptTest) {
	if !p.Texts {
		t.Skip("takes no text prompts")
	}
	p.answered(t, 0, func() pipeline.Prompt { return pipeline.Prompt{Text: []string{"red"}} })
}

func testNothingThere(t *testing.T, p *promptTest) {
	stop := p.flow(t)
	defer stop()
	s, err := p.create(t, pipeline.Prompt{ID: "ground", Points: []pipeline.Point{{X: 1, Y: 1}}})
	if err != nil {
		t.Fatalf("nothing there is an error: %v", err)
	}
	if s.State != pipeline.PromptSearching || s.TrackID != 0 || s.ID != "ground" {
		t.Errorf("answered with id %q, %s, track %d", s.ID, s.State, s.TrackID)
	}
}

func testRefusedPrompts(t *testing.T, p *promptTest) {
	stop := p.flow(t)
	defer stop()
	for _, q := range []pipeline.Prompt{
		{},
		{Points: []pipeline.Point{{X: -5, Y: 5}}},
		{Points: []pipeline.Point{{X: 5, Y: 1e6}}},
		{Points: []pipeline.Point{{X: 5, Y: 5}}, Labels: []int{7}},
		{Box: &pipeline.Box{X1: 50, Y1: 50, X2: 40, Y2: 60}},
		{Points: []pipeline.Point{{X: 5, Y: 5}}, Level: 99},
	} {
		var bad *pipeline.PromptError
		if _, err := p.create(t, q); !errors.As(err, &bad) || bad.Field == "" {
			t.Errorf("%+v: got %v, want a *PromptError that names the field", q, err)
		}
	}
	if p.Unknown != "" {
		var unknown *pipeline.UnknownTextError
		if _, err := p.create(t, pipeline.Prompt{Text: []string{p.Unknown}}); !errors.As(err, &unknown) {
			t.Errorf("text %q: got %v, want an *UnknownTextError", p.Unknown, err)
		}
	}
	if l := p.Prompts.List(); len(l) != 0 {
		t.Errorf("refused prompts are listed: %v", l)
	}
}

func testPromptList(t *testing.T, p *promptTest) {
	stop := p.flow(t)
	defer stop()
	names := []string{"c", "a", "b"}
	for i, n := range names {
		if _, err := p.create(t, pipeline.Prompt{ID: n, Points: []pipeline.Point{p.object(i).Box.Center()}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.create(t, pipeline.Prompt{ID: "a", Points: []pipeline.Point{{X: 5, Y: 5}}}); !errors.Is(err, pipeline.ErrPromptExists) {
		t.Errorf("a second prompt a: %v, want ErrPromptExists", err)
	}
	listed := func() []string {
		var ids []string
		for _, s := range p.Prompts.List() {
			ids = append(ids, s.ID)
		}
		return ids
	}
	if got := listed(); !slices.Equal(got, names) {
		t.Errorf("listed %v, want oldest first %v", got, names)
	}
	s, err := p.Prompts.Get("a")
	if err != nil || s.ID != "a" || s.Created.IsZero() {
		t.Errorf("got prompt %q made at %v: %v", s.ID, s.Created, err)
	}
	if err := p.Prompts.Delete("a"); err != nil {
		t.Error(err)
	}
	if err := p.Prompts.Delete("a"); !errors.Is(err, pipeline.ErrNoPrompt) {
		t.Errorf("deleted again: %v, want ErrNoPrompt", err)
	}
	if _, err := p.Prompts.Get("a"); !errors.Is(err, pipeline.ErrNoPrompt) {
		t.Errorf("got a deleted prompt: %v, want ErrNoPrompt", err)
	}
	if got := listed(); !slices.Equal(got, []string{"c", "b"}) {
		t.Errorf("after delete: %v", got)
	}
	stop()
	p.frames(t, 2)
	for _, k := range p.tracks {
		if k.PromptID == "a" {
			t.Errorf("track %d still belongs to a deleted prompt", k.ID)
		}
	}
	stop = p.flow(t)
	defer stop()
	if _, err := p.create(t, pipeline.Prompt{ID: "a", Points: []pipeline.Point{p.object(1).Box.Center()}}); err != nil {
		t.Errorf("the id of a deleted prompt is refused: %v", err)
	}
}

// testPromptLevels: whatever an implementation knows of levels, it knows which prompts exist,
// lists coarse to fine, and refuses what it cannot change.
func testPromptLevels(t *testing.T, p *promptTest) {
	stop := p.flow(t)
	defer stop()
	s, err := p.create(t, pipeline.Prompt{ID: "one", Points: []pipeline.Point{p.object(1).Box.Center()}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.Prompts.Levels(s.ID)
	if err != nil || len(l.Levels) > pipeline.MaxPromptLevel+1 {
		t.Errorf("%d levels: %v", len(l.Levels), err)
	}
	for i, v := range l.Levels {
		if v.Level != len(l.Levels)-1-i || v.Mask == nil || i > 0 && v.Area > l.Levels[i-1].Area {
			t.Errorf("level %d at %d, area %g", v.Level, i, v.Area)
		}
	}
	if _, err := p.Prompts.Levels("none"); !errors.Is(err, pipeline.ErrNoPrompt) {
		t.Errorf("levels of no prompt: %v", err)
	}
	if _, err := p.Prompts.TrackLevels(1 << 60); !errors.Is(err, pipeline.ErrNoTrack) {
		t.Errorf("levels of no track: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), awaitTimeout)
	defer cancel()
	if _, err := p.Prompts.Change(ctx, "none", pipeline.PromptChange{}); !errors.Is(err, pipeline.ErrNoPrompt) {
		t.Errorf("change of no prompt: %v", err)
	}
	if st, err := p.Prompts.Change(ctx, s.ID, pipeline.PromptChange{}); err != nil || st.TrackID != s.TrackID {
		t.Errorf("a change of nothing: track %d, was %d: %v", st.TrackID, s.TrackID, err)
	}
	var bad *pipeline.PromptError
	high := pipeline.MaxPromptLevel + 1
	if _, err := p.Prompts.Change(ctx, s.ID, pipeline.PromptChange{Level: &high}); !errors.As(err, &bad) || bad.Field != "level" {
		t.Errorf("level %d: %v", high, err)
	}
}

func testPromptReset(t *testing.T, p *promptTest) {
	stop := p.flow(t)
	defer stop()
	if _, err := p.create(t, pipeline.Prompt{ID: "one", Points: []pipeline.Point{p.object(1).Box.Center()}}); err != nil {
		t.Fatal(err)
	}
	stop()
	p.reset()
	p.frames(t, 20)
	if _, err := p.Prompts.Get("one"); err != nil {
		t.Errorf("after a reset: %v", err)
	}
}

func testConcurrentPrompts(t *testing.T, p *promptTest) {
	stop := p.flow(t)
	defer stop()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for k := range 3 {
				id := fmt.Sprintf("w%d-%d", w, k)
				if _, err := p.create(t, pipeline.Prompt{ID: id, Points: []pipeline.Point{p.object(w % 3).Box.Center()}}); err != nil {
					t.Error(err)
					return
				}
				p.Prompts.List()
				if _, err := p.Prompts.Get(id); err != nil {
					t.Error(err)
				}
				if err := p.Prompts.Delete(id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if l := p.Prompts.List(); len(l) != 0 {
		t.Errorf("%d prompts are left", len(l))
	}
}

// testPromptWithoutFrames: without a frame there is no answer, and the caller's patience
// decides.
func testPromptWithoutFrames(t *testing.T, p *promptTest) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := p.Prompts.Create(ctx, pipeline.Prompt{ID: "early", Points: []pipeline.Point{{X: 5, Y: 5}}})
		done <- err
	}()
	select {
	case err := <-done:
		// Some keep such a prompt for the first frame, and say that they search.
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Create returned %v, want the context's error", err)
		}
	case <-time.After(runTimeout):
		t.Fatal("Create does not return when its context ends")
	}
}
