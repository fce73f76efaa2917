package prompt_test

import (
	"encoding/json"
	"math"
	"testing"

	"outrider/pipeline"
)

// earlier runs a prompt on the person in a stream of its own and returns what is stored of it.
func earlier(t *testing.T, images bool) (pipeline.Prompt, pipeline.PromptMemory) {
	t.Helper()
	s, _ := textStream(t)
	if !images {
		s.set.Images, s.set.Texts = nil, nil
	}
	scene := still(personAt, carAt)
	s.frames(10, scene)
	st, _, err := s.create(pipeline.Prompt{ID: "who", Points: []pipeline.Point{{X: 40, Y: 110}}}, scene)
	if err != nil || st.State != pipeline.PromptTracking {
		t.Fatalf("%+v, %v", st, err)
	}
	s.frames(50, scene)
	m, ok := s.set.Memory("who")
	if !ok || m.First == nil || m.Box.IoU(*m.First) < 0.8 || m.Area < 3000 || m.Width != width || m.Seen.IsZero() || (m.Anchor != nil) != images {
		t.Fatalf("memory %+v, %v", m, ok)
	}
	return st.Prompt, m
}

// TestRecall searches for the object of an earlier run in scenes that hold it, or others.
func TestRecall(t *testing.T) {
	elsewhere := object{60, 60, 40, 100} // the person, moved; the oracle sees persons left of x 90
	carThere := object{20, 60, 40, 100}
	for name, c := range map[string]struct {
		images bool
		scene  []object
		look   func(b pipeline.Box) []float32 // nil for the oracle's
		size   [2]int                         // of the frame in the memory, zero for the stream's
		found  bool
		at     object
	}{
		"at its place":                 {images: true, scene: []object{personAt, carAt}, found: true, at: personAt},
		"elsewhere, alone of its kind": {images: true, scene: []object{{48, 100, 40, 100}, carAt}, found: true, at: object{48, 100, 40, 100}},
		"another at its place":         {images: true, scene: []object{carThere, carAt}, look: func(pipeline.Box) []float32 { return unit(0.1, 0.8, 0.1, 0) }},
		"two alike elsewhere": {images: true, scene: []object{elsewhere, {110, 100, 40, 100}, carAt}, look: func(b pipeline.Box) []float32 {
			if b.Center().X > 190 {
				return unit(0, 1, 0, 0)
			}
			return unit(0.8, 0.1, 0.1, 0)
		}},
		"too large":               {images: true, scene: []object{{20, 20, 120, 200}, carAt}},
		"gone":                    {images: true, scene: []object{carAt}},
		"at its place, no looks":  {scene: []object{personAt, carAt}, found: true, at: personAt},
		"elsewhere, no looks":     {scene: []object{{90, 100, 40, 100}, carAt}},
		"from a larger picture":   {images: true, scene: []object{personAt, carAt}, size: [2]int{2 * width, 2 * height}, found: true, at: personAt},
		"from a larger, no looks": {scene: []object{personAt, carAt}, size: [2]int{2 * width, 2 * height}, found: true, at: personAt},
	} {
		t.Run(name, func(t *testing.T) {
			p, m := earlier(t, c.images)
			if c.size != [2]int{} {
				double := func(b pipeline.Box) pipeline.Box {
					return pipeline.Box{X1: 2 * b.X1, Y1: 2 * b.Y1, X2: 2 * b.X2, Y2: 2 * b.Y2}
				}
				first := double(*m.First)
				m.First, m.Box, m.Area, m.Width, m.Height = &first, double(m.Box), 4*m.Area, c.size[0], c.size[1]
				p.Points[0] = pipeline.Point{X: 900, Y: 220} // outside of the frame of now
			}
			s, o := textStream(t)
			if !c.images {
				s.set.Images, s.set.Texts = nil, nil
			}
			if c.look != nil {
				o.look = c.look
			}
			if err := s.set.Recall(t.Context(), p, m); err != nil {
				t.Fatal(err)
			}
			if again, ok := s.set.Memory("who"); !ok || again.Box != m.Box {
				t.Errorf("memory before the first frame: %+v, %v", again, ok)
			}
			s.frame(c.scene...)
			if st := s.get("who"); st.State != pipeline.PromptSearching {
				t.Errorf("after one frame: %+v", st)
			}
			s.frames(75, still(c.scene...))
			st := s.get("who")
			if got := st.State == pipeline.PromptTracking; got != c.found {
				t.Fatalf("found %v, want %v: %+v", got, c.found, st)
			}
			after, ok := s.set.Memory("who")
			switch {
			case !ok:
				t.Error("its memory is gone")
			case !c.found && after.Box != m.Box:
				t.Errorf("a search changed the memory: %+v", after)
			case c.found && math.Abs(st.AnswerBox.X1-c.at.x) > 5:
				t.Errorf("found %+v, want %+v", st.AnswerBox, c.at)
			}
			for i := range m.Anchor {
				if after.Anchor[i] != m.Anchor[i] {
					t.Fatal("the anchor changed")
				}
			}
		})
	}
}

// TestResetKeepsTheAnchor holds that after a reconnection only what looks alike is taken.
func TestResetKeepsTheAnchor(t *testing.T) {
	s, o := textStream(t)
	scene := still(personAt, carAt)
	s.frames(10, scene)
	if _, _, err := s.create(pipeline.Prompt{ID: "who", Points: []pipeline.Point{{X: 40, Y: 110}}}, scene); err != nil {
		t.Fatal(err)
	}
	s.frames(40, scene)
	s.track.Reset(2)
	s.set.Reset(2)
	own := o.look
	o.look = func(pipeline.Box) []float32 { return unit(0.1, 0.8, 0.1, 0) } // cars everywhere
	s.frames(60, scene)
	if st := s.get("who"); st.State != pipeline.PromptSearching {
		t.Fatalf("took another for its object: %+v", st)
	}
	o.look = own
	s.track.Reset(3)
	s.set.Reset(3)
	s.frames(60, scene)
	if st := s.get("who"); st.State != pipeline.PromptTracking {
		t.Errorf("did not find its object again: %+v", st)
	}
}

// TestLostLooks holds that in one stream, too, another object does not take a lost one's place.
func TestLostLooks(t *testing.T) {
	for name, same := range map[string]bool{"the object again": true, "another in its place": false} {
		t.Run(name, func(t *testing.T) {
			s, o := textStream(t)
			s.track.Params.PinnedTTL = 0.5
			scene := still(personAt, carAt)
			s.frames(10, scene)
			if _, _, err := s.create(pipeline.Prompt{ID: "who", Points: []pipeline.Point{{X: 40, Y: 110}}}, scene); err != nil {
				t.Fatal(err)
			}
			s.frames(40, scene)
			before := s.get("who").TrackID
			s.frames(40, still(carAt)) // it leaves for good
			if st := s.get("who"); st.State != pipeline.PromptSearching {
				t.Fatalf("not lost: %+v", st)
			}
			if !same {
				o.look = func(pipeline.Box) []float32 { return unit(0.1, 0.8, 0.1, 0) }
			}
			s.frames(60, scene)
			st := s.get("who")
			if got := st.State == pipeline.PromptTracking; got != same || got && st.TrackID == before {
				t.Errorf("took it: %v, want %v: %+v", got, same, st)
			}
		})
	}
}

func TestMemoryOfOthers(t *testing.T) {
	s, _ := textStream(t)
	scene := still(personAt, carAt)
	if _, ok := s.set.Memory("never"); ok {
		t.Error("a memory of no prompt")
	}
	if _, _, err := s.create(pipeline.Prompt{ID: "words", Text: []string{"person"}}, scene); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.create(pipeline.Prompt{ID: "nothing", Points: []pipeline.Point{{X: 150, Y: 10}}}, scene); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"words", "nothing"} {
		m, ok := s.set.Memory(id)
		if !ok || m.First != nil {
			t.Errorf("%s: memory %+v, %v", id, m, ok)
		}
		// It is restored as a new one.
		p := s.get(id).Prompt
		n, _ := textStream(t)
		if err := n.set.Recall(t.Context(), p, m); err != nil {
			t.Error(err)
		}
		n.frames(40, scene)
		if st := n.get(id); (st.State == pipeline.PromptTracking) != (id == "words") {
			t.Errorf("%s: %+v", id, st)
		}
	}
	// What JSON keeps is enough, but for the anchor, which is kept beside it.
	_, m := earlier(t, true)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back pipeline.PromptMemory
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Box != m.Box || *back.First != *m.First || back.Area != m.Area || !back.Seen.Equal(m.Seen) {
		t.Errorf("%+v became %+v", m, back)
	}
}
