package prompt_test

import (
	"context"
	"errors"
	"image"
	"math"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/tracker"
	"outrider/tracker/prompt"
)

var _ prompt.Tracks = (*tracker.Tracker)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	width, height = 320, 240
	cell          = 4
	rate          = 25
)

var grid = mask.Grid{W: width / cell, H: height / cell, SX: cell, SY: cell}

// stream plays a scene through a tracker and a prompt set, frame by frame, as the engine does.
type stream struct {
	t     *testing.T
	track *tracker.Tracker
	set   *prompt.Set
	seq   uint64
	start time.Time
	last  *pipeline.Result
}

func newStream(t *testing.T) *stream {
	tr := &tracker.Tracker{}
	return &stream{t: t, track: tr, set: &prompt.Set{Tracks: tr}, start: epochStart}
}

var epochStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// object is a rectangle of the scene.
type object struct{ x, y, w, h float64 }

func (s *stream) now() time.Time { return s.start.Add(time.Duration(s.seq) * time.Second / rate) }

// frame processes one frame that shows the objects.
func (s *stream) frame(objects ...object) *pipeline.Result {
	s.t.Helper()
	f, err := pipeline.NewFrame("yard", width, height, make([]byte, 3*width*height))
	if err != nil {
		s.t.Fatal(err)
	}
	s.seq++
	f.Seq, f.Epoch, f.Captured = s.seq, 1, s.now()
	r := pipeline.NewResult(f)
	r.SetSegmentation(segmentation(objects))
	for _, st := range []pipeline.Stage{s.track, s.set} {
		if err := st.Process(context.Background(), r); err != nil {
			s.t.Fatal(err)
		}
	}
	s.last = r
	return r
}

// frames processes n frames of objects that a function places.
func (s *stream) frames(n int, at func(k int) []object) {
	s.t.Helper()
	for k := range n {
		s.frame(at(k)...)
	}
}

func still(objects ...object) func(int) []object { return func(int) []object { return objects } }

func segmentation(objects []object) *pipeline.Segmentation {
	g := &pipeline.Segmentation{Grid: grid}
	for _, o := range objects {
		r := image.Rect(int(math.Round(o.x/cell)), int(math.Round(o.y/cell)), int(math.Round((o.x+o.w)/cell)), int(math.Round((o.y+o.h)/cell)))
		m := mask.New(grid, r)
		m.Fill(r)
		if m.Empty() {
			continue
		}
		g.Segments = append(g.Segments, pipeline.Segment{
			Box: pipeline.Box{X1: o.x, Y1: o.y, X2: o.x + o.w, Y2: o.y + o.h}, Mask: m, Score: 0.8, Parent: -1,
		})
	}
	for i := range g.Segments {
		s := &g.Segments[i]
		for j := range g.Segments {
			p := &g.Segments[j]
			if i != j && mask.Containment(s.Mask, p.Mask) >= 0.95 && float64(s.Mask.Area()) <= 0.8*float64(p.Mask.Area()) &&
				(s.Parent < 0 || p.Mask.Area() < g.Segments[s.Parent].Mask.Area()) {
				s.Parent = j
			}
		}
	}
	return g
}

// create asks for a prompt while frames go on, and returns its answer and the frames it took.
func (s *stream) create(p pipeline.Prompt, objects func(k int) []object) (pipeline.PromptStatus, int, error) {
	s.t.Helper()
	type answer struct {
		st  pipeline.PromptStatus
		err error
	}
	got := make(chan answer, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	before := len(s.set.List())
	go func() {
		st, err := s.set.Create(ctx, p)
		got <- answer{st, err}
	}()
	for { // until it is queued or refused
		select {
		case a := <-got:
			return a.st, 0, a.err
		case <-time.After(time.Millisecond):
		}
		if len(s.set.List()) > before {
			break
		}
	}
	for k := range 10 {
		s.frame(objects(k)...)
		select {
		case a := <-got:
			return a.st, k + 1, a.err
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.t.Fatal("no answer within ten frames")
	return pipeline.PromptStatus{}, 0, nil
}

func (s *stream) get(id string) pipeline.PromptStatus {
	s.t.Helper()
	st, err := s.set.Get(id)
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

func TestGeometricPrompts(t *testing.T) {
	person := object{100, 60, 40, 120}
	coat := object{104, 84, 32, 52}
	car := object{200, 140, 80, 48}
	scene := still(person, coat, car)
	full := func(x, y, w, h int) *mask.RLE {
		m := mask.New(mask.FrameGrid(width, height), image.Rect(x, y, x+w, y+h))
		m.Fill(m.Window())
		r := m.RLE(width, height)
		return &r
	}
	tests := []struct {
		name   string
		prompt pipeline.Prompt
		want   object // zero for nothing there
		why    string
	}{
		{"smallest at the point", pipeline.Prompt{Points: []pipeline.Point{{X: 120, Y: 100}}}, coat, "the smallest of 2 segments at the point"},
		{"one level up", pipeline.Prompt{Points: []pipeline.Point{{X: 120, Y: 100}}, Level: 1}, person, "level 1 of 1 at the point"},
		{"levels end", pipeline.Prompt{Points: []pipeline.Point{{X: 120, Y: 100}}, Level: 4}, person, "level 1 of 1 at the point (level 4 was asked for, 1 is the highest here)"},
		{"only the whole holds it", pipeline.Prompt{Points: []pipeline.Point{{X: 120, Y: 170}}}, person, "the only segment at the point"},
		{"two points", pipeline.Prompt{Points: []pipeline.Point{{X: 120, Y: 100}, {X: 120, Y: 170}}}, person, "the only segment at the point"},
		{"negative point", pipeline.Prompt{Points: []pipeline.Point{{X: 120, Y: 100}, {X: 120, Y: 170}}, Labels: []int{1, 0}}, coat, "the only segment at the point"},
		{"all excluded", pipeline.Prompt{Points: []pipeline.Point{{X: 120, Y: 100}, {X: 122, Y: 101}}, Labels: []int{1, 0}}, object{}, "nothing there: 2 segments hold the points, but all of them hold an excluded point too"},
		{"empty place", pipeline.Prompt{Points: []pipeline.Point{{X: 20, Y: 20}}}, object{}, "nothing there: no segment holds the point"},
		{"box", pipeline.Prompt{Box: &pipeline.Box{X1: 205, Y1: 138, X2: 285, Y2: 190}}, car, ""},
		{"box of nothing", pipeline.Prompt{Box: &pipeline.Box{X1: 5, Y1: 5, X2: 30, Y2: 30}}, object{}, "nothing there: no segment overlaps the box"},
		{"box too loose", pipeline.Prompt{Box: &pipeline.Box{X1: 150, Y1: 0, X2: 320, Y2: 240}}, object{}, "nothing there: the best of the segments overlaps the box by 9 %, less than 30 %"},
		{"mask", pipeline.Prompt{Mask: full(204, 142, 70, 44)}, car, ""},
		{"mask of what is no segment", pipeline.Prompt{Mask: full(4, 4, 32, 28)}, object{4, 4, 32, 28}, "the mask itself: nothing there: no segment overlaps the mask"},
		{"mask of nothing to speak of", pipeline.Prompt{Mask: full(4, 4, 3, 3)}, object{}, "nothing there: no segment overlaps the mask"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			s := newStream(t)
			s.frames(8, scene)
			st, n, err := s.create(c.prompt, scene)
			if err != nil {
				t.Fatal(err)
			}
			if n > 2 {
				t.Errorf("answered after %d frames, want at most 2", n)
			}
			if c.why != "" && st.Why != c.why {
				t.Errorf("why = %q, want %q", st.Why, c.why)
			}
			if c.want == (object{}) {
				if st.State != pipeline.PromptSearching || st.TrackID != 0 || st.AnswerBox != nil {
					t.Fatalf("got %+v, want nothing", st)
				}
				return
			}
			if st.State != pipeline.PromptTracking || st.TrackID == 0 || st.AnswerBox == nil {
				t.Fatalf("got %+v, want a track", st)
			}
			if want := (pipeline.Box{X1: c.want.x, Y1: c.want.y, X2: c.want.x + c.want.w, Y2: c.want.y + c.want.h}); st.AnswerBox.IoU(want) < 0.9 {
				t.Errorf("box %+v, want %+v", *st.AnswerBox, want)
			}
			found := false
			for _, tr := range s.last.Tracks {
				found = found || tr.ID == st.TrackID && tr.PromptID == st.ID && tr.State == pipeline.Confirmed
			}
			if !found {
				t.Errorf("no track %d of prompt %s in the result", st.TrackID, st.ID)
			}
		})
	}
}

// TestJoinedPrompt points at two segments that are one thing, and at a thing with a hole that is
// none of it: where no single segment fits, they are joined and cut, and followed together.
func TestJoinedPrompt(t *testing.T) {
	left := func(k int) object { return object{40 + float64(4*k), 80, 40, 60} }
	right := func(k int) object { return object{80 + float64(4*k), 80, 40, 60} }
	far := object{260, 20, 40, 40}
	s := newStream(t)
	scene := func(k int) []object { return []object{left(k), right(k), far} }
	s.frames(10, func(int) []object { return scene(0) })
	st, _, err := s.create(pipeline.Prompt{ID: "both", Points: []pipeline.Point{{X: 50, Y: 100}, {X: 110, Y: 100}}}, func(int) []object { return scene(0) })
	if err != nil || st.State != pipeline.PromptTracking || st.AnswerBox == nil || !strings.Contains(st.Why, "2 segments joined") {
		t.Fatalf("%+v, %v", st, err)
	}
	if want := (pipeline.Box{X1: 40, Y1: 80, X2: 120, Y2: 140}); st.AnswerBox.IoU(want) < 0.9 {
		t.Errorf("answer %v, want %v", *st.AnswerBox, want)
	}
	for k := range 10 {
		s.frame(scene(k)...)
	}
	if st = s.get("both"); st.State != pipeline.PromptTracking || st.AnswerBox.IoU(pipeline.Box{X1: 76, Y1: 80, X2: 156, Y2: 140}) < 0.7 {
		t.Errorf("later: %+v at %v", st.State, st.AnswerBox)
	}

	// A thing around another, clicked with the other excluded.
	whole, hole := object{40, 80, 120, 100}, object{80, 100, 40, 60}
	s = newStream(t)
	s.frames(10, still(whole, hole))
	st, _, err = s.create(pipeline.Prompt{ID: "ring", Points: []pipeline.Point{{X: 50, Y: 90}, {X: 100, Y: 130}}, Labels: []int{1, 0}}, still(whole, hole))
	if err != nil || st.State != pipeline.PromptTracking || !strings.Contains(st.Why, "1 cut out") {
		t.Fatalf("%+v, %v", st, err)
	}
	for i := range s.last.Tracks {
		if tr := &s.last.Tracks[i]; tr.ID == st.TrackID && (tr.Mask == nil || tr.Mask.At(100, 130) || !tr.Mask.At(50, 90)) {
			t.Errorf("the mask holds the excluded point, or not the other")
		}
	}
	// Nothing tells these apart.
	st, _, err = s.create(pipeline.Prompt{ID: "none", Points: []pipeline.Point{{X: 90, Y: 110}, {X: 100, Y: 130}}, Labels: []int{1, 0}}, still(whole, hole))
	if err != nil || st.State != pipeline.PromptSearching {
		t.Errorf("%+v, %v", st, err)
	}
	// A point where no segment is.
	st, _, err = s.create(pipeline.Prompt{ID: "gap", Points: []pipeline.Point{{X: 50, Y: 90}, {X: 300, Y: 230}}}, still(whole, hole))
	if err != nil || st.State != pipeline.PromptSearching || !strings.Contains(st.Why, "no segment holds all the points") {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestPromptFollowsAndIsDeleted(t *testing.T) {
	s := newStream(t)
	moving := func(k int) []object { return []object{{40 + 2*float64(s.seq), 80, 30, 60}, {250, 20, 40, 40}} }
	s.frames(10, moving)
	st, _, err := s.create(pipeline.Prompt{ID: "mine", Points: []pipeline.Point{{X: 40 + 20 + 15, Y: 110}}}, moving)
	if err != nil || st.TrackID == 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	s.frames(40, moving)
	now := s.get("mine")
	if now.TrackID != st.TrackID || now.AnswerBox.IoU(pipeline.Box{X1: 40 + 2*float64(s.seq), Y1: 80, X2: 70 + 2*float64(s.seq), Y2: 140}) < 0.7 {
		t.Fatalf("after 40 frames: %+v", now)
	}
	if err := s.set.Delete("mine"); err != nil {
		t.Fatal(err)
	}
	s.frame(moving(0)...)
	for _, tr := range s.last.Tracks {
		if tr.PromptID != "" {
			t.Errorf("track %d still belongs to prompt %q", tr.ID, tr.PromptID)
		}
	}
	if err := s.set.Delete("mine"); !errors.Is(err, pipeline.ErrNoPrompt) {
		t.Errorf("second delete: %v", err)
	}
	if _, err := s.set.Get("mine"); !errors.Is(err, pipeline.ErrNoPrompt) {
		t.Errorf("get after delete: %v", err)
	}
}

// TestClickOnAPastFrame clicks where a fast object was half a second ago.
func TestClickOnAPastFrame(t *testing.T) {
	s := newStream(t)
	moving := func(k int) []object { return []object{{10 + 4*float64(s.seq), 80, 32, 60}} }
	s.frames(12, moving)
	at := s.now()
	where := pipeline.Point{X: 10 + 4*11 + 16, Y: 110} // the frame was drawn with seq-1
	s.frames(12, moving)
	st, _, err := s.create(pipeline.Prompt{Points: []pipeline.Point{where}, At: &at}, moving)
	if err != nil || st.State != pipeline.PromptTracking {
		t.Fatalf("%+v, %v", st, err)
	}
	// Without the frame's time the same click hits nothing.
	st, _, err = s.create(pipeline.Prompt{Points: []pipeline.Point{where}}, moving)
	if err != nil || st.State != pipeline.PromptSearching {
		t.Fatalf("%+v, %v", st, err)
	}
}

func TestPromptTakesSegmentWithoutTrack(t *testing.T) {
	s := newStream(t)
	scene := still(object{100, 60, 40, 120})
	// The very first frame answers: nothing is confirmed yet.
	st, n, err := s.create(pipeline.Prompt{Points: []pipeline.Point{{X: 120, Y: 100}}}, scene)
	if err != nil || st.TrackID == 0 || n != 1 {
		t.Fatalf("%+v, %v after %d frames", st, err, n)
	}
	started := 0
	for _, e := range s.last.Events {
		if e.Kind == pipeline.EventStarted && e.Track.ID == st.TrackID && e.Track.PromptID == st.ID {
			started++
		}
	}
	if started != 1 {
		t.Errorf("%d started events of the track, want 1", started)
	}
	s.frames(20, scene)
	if got := s.get(st.ID); got.TrackID != st.TrackID {
		t.Errorf("track %d became %d", st.TrackID, got.TrackID)
	}
}

func TestPromptWaitsForAnObject(t *testing.T) {
	s := newStream(t)
	none := still()
	s.frames(3, none)
	st, _, err := s.create(pipeline.Prompt{ID: "gate", Box: &pipeline.Box{X1: 100, Y1: 60, X2: 140, Y2: 180}}, none)
	if err != nil || st.State != pipeline.PromptSearching {
		t.Fatalf("%+v, %v", st, err)
	}
	s.frames(30, none)
	if n := len(s.last.Tracks); n != 0 {
		t.Fatalf("%d tracks of nothing", n)
	}
	s.frames(15, still(object{102, 62, 40, 118}))
	if st = s.get("gate"); st.State != pipeline.PromptTracking || st.Why != "appeared later" {
		t.Fatalf("%+v", st)
	}
}

func TestPromptSurvivesOcclusion(t *testing.T) {
	s := newStream(t)
	here := still(object{100, 60, 40, 120})
	st, _, err := s.create(pipeline.Prompt{ID: "p", Points: []pipeline.Point{{X: 120, Y: 100}}}, here)
	if err != nil {
		t.Fatal(err)
	}
	s.frames(30, here)
	s.frames(5*rate, still()) // five seconds: an ordinary track would have ended
	if got := s.get("p"); got.TrackID != st.TrackID {
		t.Fatalf("while hidden: %+v", got)
	}
	s.frames(10, here)
	if got := s.get("p"); got.TrackID != st.TrackID || !s.last.Tracks[0].Observed {
		t.Fatalf("after it came back: %+v", got)
	}
}

func TestNoJumpToAnotherObject(t *testing.T) {
	s := newStream(t)
	here := object{60, 60, 40, 100}
	st, _, err := s.create(pipeline.Prompt{ID: "p", Points: []pipeline.Point{{X: 80, Y: 100}}}, still(here))
	if err != nil {
		t.Fatal(err)
	}
	s.frames(30, still(here))
	// It vanishes, and two others of its size come to stand left and right of its place.
	s.frames(15*rate, still(object{84, 60, 40, 100}, object{32, 60, 36, 100}))
	got := s.get("p")
	if got.State == pipeline.PromptTracking && got.TrackID != st.TrackID {
		t.Fatalf("jumped: %+v", got)
	}
}

func TestResetKeepsThePrompts(t *testing.T) {
	s := newStream(t)
	here := still(object{100, 60, 40, 120})
	st, _, err := s.create(pipeline.Prompt{ID: "p", Points: []pipeline.Point{{X: 120, Y: 100}}}, here)
	if err != nil {
		t.Fatal(err)
	}
	s.frames(10, here)
	s.track.Reset(2)
	s.set.Reset(2)
	if got := s.get("p"); got.State != pipeline.PromptSearching || got.TrackID != 0 {
		t.Fatalf("after the reset: %+v", got)
	}
	s.frame(here(0)...)
	ended := 0
	for _, e := range s.last.Events {
		if e.Kind == pipeline.EventEnded && e.Reason == pipeline.EndReset && e.Track.ID == st.TrackID {
			ended++
		}
	}
	if ended != 1 {
		t.Errorf("%d ended events, want 1", ended)
	}
	s.frames(10, here)
	if got := s.get("p"); got.State != pipeline.PromptTracking || got.TrackID <= st.TrackID {
		t.Fatalf("an object that stands still is found again: %+v", got)
	}
}

func TestRefusedPrompts(t *testing.T) {
	nan := math.NaN()
	small := mask.New(mask.FrameGrid(10, 10), image.Rect(2, 2, 4, 4))
	small.Fill(small.Window())
	wrong := small.RLE(10, 10)
	tests := []struct {
		name   string
		prompt pipeline.Prompt
		field  string
	}{
		{"nothing", pipeline.Prompt{}, "points"},
		{"outside", pipeline.Prompt{Points: []pipeline.Point{{X: 400, Y: 10}}}, "points"},
		{"not a number", pipeline.Prompt{Points: []pipeline.Point{{X: nan, Y: 10}}}, "points"},
		{"no positive", pipeline.Prompt{Points: []pipeline.Point{{X: 4, Y: 10}}, Labels: []int{0}}, "labels"},
		{"inverted box", pipeline.Prompt{Box: &pipeline.Box{X1: 40, Y1: 10, X2: 10, Y2: 40}}, "box"},
		{"mask of another size", pipeline.Prompt{Mask: &wrong}, "mask"},
		{"broken mask", pipeline.Prompt{Mask: &mask.RLE{Size: [2]int{height, width}, Counts: "???"}}, "mask"},
		{"empty mask", pipeline.Prompt{Mask: &mask.RLE{}}, "mask"},
		{"level", pipeline.Prompt{Points: []pipeline.Point{{X: 4, Y: 10}}, Level: 9}, "level"},
		{"text without a model", pipeline.Prompt{Text: []string{"person"}}, "text"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			s := newStream(t)
			s.frame()
			_, _, err := s.create(c.prompt, still())
			var bad *pipeline.PromptError
			if !errors.As(err, &bad) || bad.Field != c.field {
				t.Fatalf("error %v, want a prompt error of field %q", err, c.field)
			}
			if n := len(s.set.List()); n != 0 {
				t.Errorf("%d prompts remain", n)
			}
		})
	}
}

func TestSameIDTwice(t *testing.T) {
	s := newStream(t)
	p := pipeline.Prompt{ID: "p", Points: []pipeline.Point{{X: 4, Y: 10}}}
	if _, _, err := s.create(p, still()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.create(p, still()); !errors.Is(err, pipeline.ErrPromptExists) {
		t.Fatalf("error %v, want ErrPromptExists", err)
	}
}

func TestCreateEndsWithItsContext(t *testing.T) {
	s := newStream(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.set.Create(ctx, pipeline.Prompt{Points: []pipeline.Point{{X: 4, Y: 10}}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	s.frame()
	if n := len(s.set.List()); n != 0 {
		t.Errorf("%d prompts remain", n)
	}
}

func TestRestoreNeedsNoFrame(t *testing.T) {
	s := newStream(t)
	if err := s.set.Restore(context.Background(), pipeline.Prompt{ID: "p", Points: []pipeline.Point{{X: 120, Y: 100}}}); err != nil {
		t.Fatal(err)
	}
	if l := s.set.List(); len(l) != 1 || l[0].State != pipeline.PromptSearching {
		t.Fatalf("%+v", l)
	}
	s.frames(3, still(object{100, 60, 40, 120}))
	if st := s.get("p"); st.State != pipeline.PromptTracking {
		t.Fatalf("%+v", st)
	}
}
