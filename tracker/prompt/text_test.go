package prompt_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"outrider/pipeline"
)

// oracle encodes texts by a table, and regions by what stands at their place in the scene.
type oracle struct {
	mu      sync.Mutex
	texts   map[string][]float32
	look    func(b pipeline.Box) []float32
	regions int
	most    int // regions in one call
	err     error
}

func unit(v ...float32) []float32 {
	n := float32(0)
	for _, x := range v {
		n += x * x
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = x / float32(math.Sqrt(float64(n)))
	}
	return out
}

func (o *oracle) EncodeTexts(_ context.Context, texts []string) ([][]float32, error) {
	var out [][]float32
	for _, t := range texts {
		v, ok := o.texts[t]
		if !ok {
			return nil, &pipeline.UnknownTextError{Text: t}
		}
		out = append(out, v)
	}
	return out, nil
}

func (o *oracle) EncodeRegions(_ context.Context, _ *pipeline.Frame, regions []pipeline.Region) ([][]float32, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil, o.err
	}
	o.regions += len(regions)
	o.most = max(o.most, len(regions))
	var out [][]float32
	for _, r := range regions {
		out = append(out, o.look(r.Box))
	}
	return out, nil
}

// The scene: a person on the left, a car on the right, between them something like both.
var (
	personAt  = object{20, 60, 40, 100}
	carAt     = object{220, 140, 80, 48}
	unclearAt = object{120, 80, 50, 50}
)

func newOracle() *oracle {
	o := &oracle{texts: map[string][]float32{
		"person": unit(1, 0, 0, 0), "pedestrian": unit(1, 0.02, 0, 0), "car": unit(0, 1, 0, 0), "dog": unit(0, 0, 1, 0), "tree": unit(0, 0, 0, 1),
	}}
	o.look = func(b pipeline.Box) []float32 {
		switch x := b.Center().X; {
		case x < 90:
			return unit(0.8, 0.1, 0.1, 0)
		case x > 190:
			return unit(0.1, 0.8, 0.1, 0)
		}
		return unit(0.5, 0.48, 0.1, 0)
	}
	return o
}

func textStream(t *testing.T) (*stream, *oracle) {
	s, o := newStream(t), newOracle()
	s.set.Texts, s.set.Images = o, o
	s.set.Distractors = []string{"pedestrian", "car", "dog", "tree", "unheard of"}
	return s, o
}

// found runs a text prompt on the scene for two seconds and tells whom it has.
func found(t *testing.T, p pipeline.Prompt) (names []string) {
	t.Helper()
	s, _ := textStream(t)
	scene := still(personAt, carAt, unclearAt)
	s.frames(10, scene)
	p.ID = "t"
	if _, _, err := s.create(p, scene); err != nil {
		t.Fatal(err)
	}
	s.frames(50, scene)
	st := s.get("t")
	for _, tr := range s.last.Tracks {
		for _, id := range st.TrackIDs {
			if id != tr.ID {
				continue
			}
			switch x := tr.Box.Center().X; {
			case x < 90:
				names = append(names, "person")
			case x > 190:
				names = append(names, "car")
			default:
				names = append(names, "unclear")
			}
			if tr.PromptID != "t" || tr.Label == "" || tr.Similarity <= 0 {
				t.Errorf("track %d: prompt %q, label %q, similarity %g", tr.ID, tr.PromptID, tr.Label, tr.Similarity)
			}
		}
	}
	return names
}

func TestTextPrompts(t *testing.T) {
	for _, c := range []struct {
		name string
		p    pipeline.Prompt
		want string
	}{
		{"one word", pipeline.Prompt{Text: []string{"person"}}, "person"},
		{"a word of the same meaning is no rival", pipeline.Prompt{Text: []string{"pedestrian"}}, "person"},
		{"any of the words", pipeline.Prompt{Text: []string{"car", "person"}}, "car person unclear"},
		{"exclusion", pipeline.Prompt{Text: []string{"car", "person", "not: car"}}, "person"},
		{"nothing fits", pipeline.Prompt{Text: []string{"dog"}}, ""},
		{"only in a box", pipeline.Prompt{Text: []string{"car", "person"}, Box: &pipeline.Box{X1: 200, Y1: 100, X2: 320, Y2: 240}}, "car"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]bool{}
			for _, n := range found(t, c.p) {
				got[n] = true
			}
			var have []string
			for _, n := range []string{"car", "person", "unclear"} {
				if got[n] {
					have = append(have, n)
				}
			}
			if s := strings.Join(have, " "); s != c.want {
				t.Errorf("found %q, want %q", s, c.want)
			}
		})
	}
}

func TestTextPromptGoesOnCollecting(t *testing.T) {
	s, _ := textStream(t)
	s.frames(10, still(carAt))
	st, n, err := s.create(pipeline.Prompt{ID: "people", Text: []string{"person"}}, still(carAt))
	if err != nil || st.State != pipeline.PromptSearching || n > 2 || !strings.HasPrefix(st.Why, "nothing there") {
		t.Fatalf("%+v, %v after %d frames", st, err, n)
	}
	s.frames(30, still(carAt, personAt))
	if st = s.get("people"); st.State != pipeline.PromptTracking || len(st.TrackIDs) != 1 {
		t.Fatalf("when a person came: %+v", st)
	}
	s.frames(30, still(carAt, personAt, object{70, 60, 36, 100}))
	if st = s.get("people"); len(st.TrackIDs) != 2 {
		t.Fatalf("when a second came: %+v", st)
	}
	if err := s.set.Delete("people"); err != nil {
		t.Fatal(err)
	}
	s.frame(carAt, personAt)
	for _, tr := range s.last.Tracks {
		if tr.PromptID != "" || tr.Label != "" {
			t.Errorf("after its end track %d has prompt %q and label %q", tr.ID, tr.PromptID, tr.Label)
		}
	}
}

// TestCachedLooksAnswerAtOnce: when tracks are known already, words are answered by the first frame.
func TestCachedLooksAnswerAtOnce(t *testing.T) {
	s, o := textStream(t)
	s.set.Labels = []string{"person", "car"}
	scene := still(personAt, carAt)
	s.frames(60, scene)
	before := o.regions
	st, n, err := s.create(pipeline.Prompt{Text: []string{"car"}}, scene)
	if err != nil || st.State != pipeline.PromptTracking || n != 1 || o.regions != before {
		t.Fatalf("%+v, %v after %d frames and %d regions", st, err, n, o.regions-before)
	}
}

func TestBudgetAndRefresh(t *testing.T) {
	s, o := textStream(t)
	s.set.Labels, s.set.Budget = []string{"person", "car"}, 2
	var many []object
	for i := range 12 {
		many = append(many, object{float64(i%6) * 52, float64(i/6) * 110, 40, 90})
	}
	s.frames(10*rate, still(many...))
	if o.most > 2 {
		t.Errorf("%d regions in one frame, the budget is 2", o.most)
	}
	// Three looks to know each, then one every five seconds.
	if o.regions < 12*3 || o.regions > 12*6 {
		t.Errorf("%d regions for 12 objects in 10 s, want 36 to 72", o.regions)
	}
}

func TestLabels(t *testing.T) {
	s, _ := textStream(t)
	s.set.Labels = []string{"person", "car", "tree"}
	s.frames(60, still(personAt, carAt, unclearAt))
	want := map[bool]string{true: "person", false: "car"}
	for _, tr := range s.last.Tracks {
		x := tr.Box.Center().X
		if x > 90 && x < 190 {
			if tr.Label != "" {
				t.Errorf("what looks like two things is called %q", tr.Label)
			}
		} else if tr.Label != want[x < 90] {
			t.Errorf("track at x %g is called %q", x, tr.Label)
		}
	}
}

func TestTextErrors(t *testing.T) {
	s, o := textStream(t)
	s.frame(personAt)
	_, _, err := s.create(pipeline.Prompt{Text: []string{"xylophone"}}, still(personAt))
	var unknown *pipeline.UnknownTextError
	if !errors.As(err, &unknown) || unknown.Text != "xylophone" {
		t.Errorf("unknown word: %v", err)
	}
	for _, texts := range [][]string{{"not: car"}, {"person", "not:  "}, {"  "}} {
		_, _, err = s.create(pipeline.Prompt{Text: texts}, still(personAt))
		var bad *pipeline.PromptError
		if !errors.As(err, &bad) || bad.Field != "text" {
			t.Errorf("%q: %v", texts, err)
		}
	}
	if n := len(s.set.List()); n != 0 {
		t.Fatalf("%d prompts remain", n)
	}
	// An encoder that fails is an error of the frame; points are served all the same.
	if err := s.set.Restore(context.Background(), pipeline.Prompt{ID: "t", Text: []string{"person"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.set.Restore(context.Background(), pipeline.Prompt{ID: "p", Points: []pipeline.Point{{X: 40, Y: 100}}}); err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	o.err = errors.New("no memory")
	o.mu.Unlock()
	s.seq++
	f, _ := pipeline.NewFrame("yard", width, height, make([]byte, 3*width*height))
	f.Seq, f.Epoch, f.Captured = s.seq, 1, s.now()
	r := pipeline.NewResult(f)
	r.SetSegmentation(segmentation([]object{personAt}))
	if err := s.track.Process(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	if err := s.set.Process(context.Background(), r); err == nil || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("error %v", err)
	}
	if st := s.get("p"); st.State != pipeline.PromptTracking {
		t.Errorf("the point prompt: %+v", st)
	}
}

// FuzzPrompt: whatever a prompt says, a stream goes on.
func FuzzPrompt(f *testing.F) {
	f.Add([]byte(`{"points":[[120,100]],"labels":[1],"level":3}`))
	f.Add([]byte(`{"box":[10,10,100,200],"frame_time":"2026-01-02T03:04:05.1Z"}`))
	f.Add([]byte(`{"mask":{"size":[240,320],"counts":"0"}}`))
	f.Add([]byte(`{"text":["person","not: car"],"box":[0,0,1e9,1e9]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p pipeline.Prompt
		if err := json.Unmarshal(b, &p); err != nil {
			return
		}
		s, _ := textStream(t)
		scene := still(personAt, carAt)
		s.frames(3, scene)
		err := s.set.Restore(context.Background(), p)
		s.frames(6, scene)
		if n := len(s.set.List()); err != nil && n != 0 {
			t.Fatalf("%d prompts after %v", n, err)
		}
		for _, st := range s.set.List() {
			if (st.State == pipeline.PromptTracking) != (st.TrackID != 0) {
				t.Fatalf("%+v", st)
			}
		}
	})
}
