package prompt_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/tracker/prompt"
)

var _ prompt.Ladder = (*levels.Ladder)(nil)

func ladderStream(t *testing.T) *stream {
	s := newStream(t)
	s.set.NewLadder = func() prompt.Ladder { return &levels.Ladder{} }
	return s
}

// nested is a badge on a coat on a person who walks.
func nested(s *stream) func(int) []object {
	return func(int) []object {
		x := 40 + 2*float64(s.seq)
		return []object{{x + 12, 96, 16, 16}, {x + 4, 84, 32, 52}, {x, 60, 40, 120}, {250, 20, 40, 40}}
	}
}

// change asks for a change while frames go on.
func (s *stream) change(id string, c pipeline.PromptChange, objects func(int) []object) (pipeline.PromptStatus, error) {
	s.t.Helper()
	type answer struct {
		st  pipeline.PromptStatus
		err error
	}
	got := make(chan answer, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go func() {
		st, err := s.set.Change(ctx, id, c)
		got <- answer{st, err}
	}()
	for k := range 200 {
		select {
		case a := <-got:
			return a.st, a.err
		case <-time.After(5 * time.Millisecond):
			s.frame(objects(k)...)
		}
	}
	s.t.Fatal("no answer within 200 frames")
	return pipeline.PromptStatus{}, nil
}

// checkLevels wants n levels, coarse to fine, strictly nested, one of them chosen.
func checkLevels(t *testing.T, l pipeline.Levels, n, chosen int) {
	t.Helper()
	if len(l.Levels) != n || l.Width != width || l.Height != height || l.Time.IsZero() || l.Seq == 0 {
		t.Fatalf("%d levels of a %dx%d frame %d at %v, want %d", len(l.Levels), l.Width, l.Height, l.Seq, l.Time, n)
	}
	for i, v := range l.Levels {
		if v.Level != n-1-i || v.Chosen != (v.Level == chosen) || v.Key == 0 {
			t.Errorf("level %+v at %d, %d is chosen", v, i, chosen)
		}
		if i > 0 && (mask.Containment(v.Mask, l.Levels[i-1].Mask) != 1 || v.Area >= l.Levels[i-1].Area) {
			t.Errorf("level %d does not lie inside level %d", v.Level, v.Level+1)
		}
	}
}

func TestLevelsAreListedAndChosen(t *testing.T) {
	s := ladderStream(t)
	scene := nested(s)
	s.frames(10, scene)
	st, _, err := s.create(pipeline.Prompt{ID: "mine", Points: []pipeline.Point{{X: 40 + 22 + 18, Y: 106}}}, scene)
	if err != nil || st.TrackID == 0 || st.Level != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	levelsNow := func() pipeline.Levels {
		l, err := s.set.Levels("mine")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	checkLevels(t, levelsNow(), 3, 0)
	keys := levelsNow().Levels
	track := st.TrackID
	for _, want := range []int{2, 1, 0, 2} {
		st, err := s.change("mine", pipeline.PromptChange{Level: &want}, scene)
		if err != nil || st.Level != want || st.TrackID == 0 || st.TrackID == track || !strings.Contains(st.Why, "as chosen") {
			t.Fatalf("level %d: %+v, %v", want, st, err)
		}
		track = st.TrackID
		s.frames(5, scene)
		l := levelsNow()
		checkLevels(t, l, 3, want)
		for i := range keys {
			if l.Levels[i].Key != keys[i].Key {
				t.Errorf("level %d has key %d, was %d", l.Levels[i].Level, l.Levels[i].Key, keys[i].Key)
			}
		}
		if iou := s.get("mine").AnswerBox.IoU(l.Levels[2-want].Box); iou < 0.7 {
			t.Errorf("level %d: the track is at %v, the level at %v", want, *s.get("mine").AnswerBox, l.Levels[2-want].Box)
		}
		mine := 0
		for _, tr := range s.last.Tracks {
			if tr.PromptID == "mine" {
				mine++
			}
		}
		if mine != 1 {
			t.Errorf("%d tracks belong to the prompt", mine)
		}
	}
	// The badge goes: the person stays the person, under another number.
	key := keys[0].Key
	s.frames(80, func(k int) []object { return nested(s)(k)[1:] })
	l := levelsNow()
	checkLevels(t, l, 2, 1)
	if now := s.get("mine"); l.Levels[0].Key != key || now.Level != 1 || now.TrackID != track {
		t.Errorf("level %d of track %d, key %d; want level 1 of track %d, key %d", now.Level, now.TrackID, l.Levels[0].Key, track, key)
	}
}

func TestLevelChangesThatAreRefused(t *testing.T) {
	s := ladderStream(t)
	scene := nested(s)
	s.frames(10, scene)
	if _, _, err := s.create(pipeline.Prompt{ID: "mine", Points: []pipeline.Point{{X: 80, Y: 106}}}, scene); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.create(pipeline.Prompt{ID: "void", Points: []pipeline.Point{{X: 5, Y: 230}}}, scene); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id    string
		level int
		want  string
	}{
		{"mine", -1, "want 0 to 5"}, {"mine", 6, "want 0 to 5"}, {"mine", 4, "the object has levels 0 to 2 now"}, {"void", 0, "nothing is in sight"},
	} {
		var bad *pipeline.PromptError
		if _, err := s.change(c.id, pipeline.PromptChange{Level: &c.level}, scene); !errors.As(err, &bad) || bad.ID != c.id || bad.Field != "level" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("level %d of %q: got %v, want %q", c.level, c.id, err, c.want)
		}
	}
	if _, err := s.change("mine", pipeline.PromptChange{Refine: true}, scene); err == nil || !strings.Contains(err.Error(), "--refine") {
		t.Errorf("refine without a model: %v", err)
	}
	zero := 0
	if _, err := s.change("none", pipeline.PromptChange{Level: &zero}, scene); !errors.Is(err, pipeline.ErrNoPrompt) {
		t.Errorf("change of no prompt: %v", err)
	}
	if _, err := s.set.Levels("none"); !errors.Is(err, pipeline.ErrNoPrompt) {
		t.Errorf("levels of no prompt: %v", err)
	}
	if l, err := s.set.Levels("void"); err != nil || len(l.Levels) != 0 {
		t.Errorf("levels of nothing: %+v, %v", l, err)
	}
	// Without frames the caller's patience decides.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.set.Change(ctx, "mine", pipeline.PromptChange{Level: &zero}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without frames: %v", err)
	}
}

func TestTrackLevels(t *testing.T) {
	s := ladderStream(t)
	scene := nested(s)
	s.frames(10, scene)
	if len(s.last.Tracks) < 3 {
		t.Fatalf("%d tracks", len(s.last.Tracks))
	}
	for _, tr := range s.last.Tracks {
		l, err := s.set.TrackLevels(tr.ID)
		if err != nil || len(l.Levels) == 0 {
			t.Fatalf("track %d: %v", tr.ID, err)
		}
		chosen := 0
		for _, v := range l.Levels {
			if v.Chosen {
				chosen++
				if v.Box.IoU(tr.Box) < 0.7 {
					t.Errorf("track %d at %v: the chosen level is at %v", tr.ID, tr.Box, v.Box)
				}
			}
		}
		if chosen != 1 {
			t.Errorf("track %d: %d levels are chosen", tr.ID, chosen)
		}
	}
	if _, err := s.set.TrackLevels(1 << 40); !errors.Is(err, pipeline.ErrNoTrack) {
		t.Errorf("levels of no track: %v", err)
	}
}

// A point that words refine takes the level that they name.
func TestPointRefinedByText(t *testing.T) {
	scene := still(object{100, 60, 40, 120}, object{104, 84, 32, 52})
	look := func(b pipeline.Box) []float32 { // the whole is a person, its part a car
		if b.H() > 100 {
			return unit(0.8, 0.1, 0.1, 0)
		}
		return unit(0.1, 0.8, 0.1, 0)
	}
	for _, c := range []struct {
		text  []string
		level int
		why   string
	}{
		{[]string{"person"}, 1, "fits the words best, similarity 0.9"},
		{[]string{"car"}, 0, "fits the words best, similarity 0.9"},
		{[]string{"dog"}, -1, "nothing matches: of 2 segments at the point the nearest has similarity 0.12"},
		{[]string{"person", "not: pedestrian"}, -1, "nothing matches"},
	} {
		s, o := textStream(t)
		o.look = look
		s.frames(8, scene)
		st, _, err := s.create(pipeline.Prompt{ID: "p", Points: []pipeline.Point{{X: 120, Y: 100}}, Text: c.text}, scene)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(st.Why, c.why) {
			t.Errorf("%v: why = %q, want %q in it", c.text, st.Why, c.why)
		}
		if c.level < 0 {
			s.frames(20, scene)
			if st := s.get("p"); st.State != pipeline.PromptSearching || st.TrackID != 0 {
				t.Errorf("%v: %s with track %d", c.text, st.State, st.TrackID)
			}
			continue
		}
		want := []float64{52, 120}[c.level]
		if st.AnswerBox == nil || st.AnswerBox.H() < want-8 || st.AnswerBox.H() > want+8 {
			t.Errorf("%v: box %v, want one %g high", c.text, st.AnswerBox, want)
		}
	}
}

// What the words do not fit at first is taken when they do.
func TestPointRefinedByTextLater(t *testing.T) {
	s, o := textStream(t)
	fit := false
	o.look = func(pipeline.Box) []float32 {
		if fit {
			return unit(0.8, 0.1, 0.1, 0)
		}
		return unit(0, 0, 0, 1)
	}
	scene := still(personAt)
	s.frames(8, scene)
	if _, _, err := s.create(pipeline.Prompt{ID: "p", Points: []pipeline.Point{{X: 40, Y: 100}}, Text: []string{"person"}}, scene); err != nil {
		t.Fatal(err)
	}
	s.frames(30, scene)
	if st := s.get("p"); st.TrackID != 0 {
		t.Fatalf("tracked too early: %+v", st)
	}
	fit = true
	s.frames(30, scene)
	if st := s.get("p"); st.TrackID == 0 {
		t.Errorf("still %s: %s", st.State, st.Why)
	}
}

func TestTextInAZoneAndTheBestOnly(t *testing.T) {
	left := []pipeline.Point{{X: 0, Y: 0}, {X: 100, Y: 0}, {X: 100, Y: 240}, {X: 0, Y: 240}}
	for _, c := range []struct {
		p    pipeline.Prompt
		want string
	}{
		{pipeline.Prompt{Text: []string{"person", "car"}}, "person car unclear"},
		{pipeline.Prompt{Text: []string{"person", "car"}, Zone: left}, "person"},
		{pipeline.Prompt{Text: []string{"person", "car"}, TopK: 1}, "one"},
		{pipeline.Prompt{Text: []string{"person"}, MinCos: 0.999}, ""},
	} {
		names := found(t, c.p)
		got := strings.Join(names, " ")
		switch {
		case c.want == "one" && len(names) == 1:
		case got != c.want:
			t.Errorf("%+v: found %q, want %q", c.p, got, c.want)
		}
	}
}
