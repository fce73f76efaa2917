package pipetest_test

import (
	"math"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/pipetest"
)

// TestCheckSegmentation breaks a good answer in every way that the suite is to notice.
func TestCheckSegmentation(t *testing.T) {
	f, err := pipeline.NewFrame("yard", 64, 48, make([]byte, 3*64*48))
	if err != nil {
		t.Fatal(err)
	}
	g := mask.Grid{W: 16, H: 12, SX: 4, SY: 4}
	good := func() *pipeline.Segmentation {
		s := &pipeline.Segmentation{Grid: g, Segments: []pipeline.Segment{
			{Box: pipeline.Box{X1: 8, Y1: 8, X2: 40, Y2: 40}, Score: .9, Parent: -1},
			{Box: pipeline.Box{X1: 12, Y1: 12, X2: 20, Y2: 20}, Score: .5, Parent: 0, Level: 1, Embedding: []float32{.6, .8}},
		}}
		for i := range s.Segments {
			b := s.Segments[i].Box
			s.Segments[i].Mask = mask.FromPolygons(g, [][][2]float64{{{b.X1, b.Y1}, {b.X2, b.Y1}, {b.X2, b.Y2}, {b.X1, b.Y2}}})
		}
		return s
	}
	if err := pipetest.CheckSegmentation(f, good()); err != nil {
		t.Fatalf("a good answer is refused: %v", err)
	}
	if err := pipetest.CheckSegmentation(f, &pipeline.Segmentation{}); err != nil {
		t.Fatalf("no segment is refused: %v", err)
	}
	if pipetest.CheckSegmentation(f, nil) == nil {
		t.Error("nil is taken")
	}
	other := mask.FrameGrid(64, 48)
	for name, spoil := range map[string]func(s *pipeline.Segmentation){
		"no grid":          func(s *pipeline.Segmentation) { s.Grid = mask.Grid{} },
		"no mask":          func(s *pipeline.Segmentation) { s.Segments[1].Mask = nil },
		"other grid":       func(s *pipeline.Segmentation) { s.Segments[1].Mask = mask.New(other, other.Bounds()) },
		"empty mask":       func(s *pipeline.Segmentation) { s.Segments[1].Mask = mask.New(g, g.Bounds()) },
		"drivable":         func(s *pipeline.Segmentation) { s.Drivable = mask.New(other, other.Bounds()) },
		"order":            func(s *pipeline.Segmentation) { s.Segments[0].Score = .1 },
		"score":            func(s *pipeline.Segmentation) { s.Segments[0].Score = 1.1 },
		"score nan":        func(s *pipeline.Segmentation) { s.Segments[0].Score = math.NaN() },
		"box nan":          func(s *pipeline.Segmentation) { s.Segments[0].Box.X1 = math.NaN() },
		"box empty":        func(s *pipeline.Segmentation) { s.Segments[0].Box.X2 = 8 },
		"box outside":      func(s *pipeline.Segmentation) { s.Segments[0].Box.X2 = 66 },
		"mask beyond box":  func(s *pipeline.Segmentation) { s.Segments[0].Box.X2 = 30 },
		"own parent":       func(s *pipeline.Segmentation) { s.Segments[1].Parent = 1 },
		"unknown parent":   func(s *pipeline.Segmentation) { s.Segments[1].Parent = 2 },
		"circle":           func(s *pipeline.Segmentation) { s.Segments[0].Parent = 1 },
		"level":            func(s *pipeline.Segmentation) { s.Segments[1].Level = 2 },
		"level of a root":  func(s *pipeline.Segmentation) { s.Segments[0].Level = 1 },
		"long embedding":   func(s *pipeline.Segmentation) { s.Segments[1].Embedding[0] = 1 },
		"absurd embedding": func(s *pipeline.Segmentation) { s.Segments[1].Embedding[0] = float32(math.NaN()) },
	} {
		s := good()
		if spoil(s); pipetest.CheckSegmentation(f, s) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestCheckFrame(t *testing.T) {
	good := pipeline.Frame{Width: 2, Height: 3, Data: make([]byte, 18)}
	if err := pipetest.CheckFrame(&good); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*pipeline.Frame{
		"nil": nil, "zero": {}, "short": {Width: 2, Height: 3, Data: make([]byte, 17)},
		"negative": {Width: -2, Height: -3, Data: make([]byte, 18)}, "time": {Width: 1, Height: 1, Data: make([]byte, 3), MediaTime: -1},
	} {
		if pipetest.CheckFrame(f) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// TestLifecycle gives sequences of results: each is good but for the last one, when it is bad.
func TestLifecycle(t *testing.T) {
	now := time.Now()
	type change func(r *pipeline.Result)
	track := func(r *pipeline.Result) {
		r.Tracks = append(r.Tracks, pipeline.Track{
			ID: 1, Box: pipeline.Box{X2: 4, Y2: 4}, State: pipeline.Confirmed, Observed: true, Segment: -1,
			FirstSeen: r.Frame.Captured, LastSeen: r.Frame.Captured,
		})
	}
	event := func(kind pipeline.EventKind, reason pipeline.EndReason) change {
		return func(r *pipeline.Result) {
			r.Events = append(r.Events, pipeline.Event{
				ID: string(kind) + r.Frame.Captured.String(), Camera: "yard", Kind: kind, Time: r.Frame.Captured, Seq: r.Frame.Seq,
				Track: pipeline.Track{ID: 1}, Reason: reason,
			})
		}
	}
	all := func(cs ...change) change {
		return func(r *pipeline.Result) {
			for _, c := range cs {
				c(r)
			}
		}
	}
	start := all(event(pipeline.EventStarted, ""), track)
	spoil := func(f func(k *pipeline.Track)) change {
		return all(start, func(r *pipeline.Result) { f(&r.Tracks[0]) })
	}
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		good  bool
		steps []change
	}{
		{"nothing", true, []change{all(), all()}},
		{"a life", true, []change{start, all(event(pipeline.EventUpdated, ""), track), event(pipeline.EventLost, ""),
			all(event(pipeline.EventResumed, ""), track), event(pipeline.EventEnded, pipeline.EndTimeout), all()}},
		{"other events", true, []change{start, event("zone_enter", "")}},
		{"never started", false, []change{track}},
		{"started twice", false, []change{start, start}},
		{"ended twice", false, []change{start, event(pipeline.EventEnded, "left"), event(pipeline.EventEnded, "left")}},
		{"shown after its end", false, []change{start, event(pipeline.EventEnded, "left"), track}},
		{"started after its end", false, []change{start, event(pipeline.EventEnded, "left"), start}},
		{"updated before the start", false, []change{event(pipeline.EventUpdated, "")}},
		{"lost twice", false, []change{start, event(pipeline.EventLost, ""), event(pipeline.EventLost, "")}},
		{"resumed, never lost", false, []change{start, event(pipeline.EventResumed, "")}},
		{"ended without reason", false, []change{start, event(pipeline.EventEnded, "")}},
		{"the same event twice", false, []change{all(start, event(pipeline.EventUpdated, ""), event(pipeline.EventUpdated, ""))}},
		{"another camera's event", false, []change{all(event(pipeline.EventStarted, ""), func(r *pipeline.Result) { r.Events[0].Camera = "gate" })}},
		{"another frame's event", false, []change{all(event(pipeline.EventStarted, ""), func(r *pipeline.Result) { r.Events[0].Seq++ })}},
		{"no id", false, []change{spoil(func(k *pipeline.Track) { k.ID = 0 })}},
		{"the same id twice", false, []change{all(start, track)}},
		{"tentative", false, []change{spoil(func(k *pipeline.Track) { k.State = pipeline.Tentative })}},
		{"lost and observed", false, []change{spoil(func(k *pipeline.Track) { k.State = pipeline.Lost })}},
		{"no box", false, []change{spoil(func(k *pipeline.Track) { k.Box = pipeline.Box{} })}},
		{"box nan", false, []change{spoil(func(k *pipeline.Track) { k.Box.X1 = nan })}},
		{"velocity nan", false, []change{spoil(func(k *pipeline.Track) { k.Velocity.X = nan })}},
		{"score", false, []change{spoil(func(k *pipeline.Track) { k.Score = -1 })}},
		{"unknown segment", false, []change{spoil(func(k *pipeline.Track) { k.Segment = 0 })}},
		{"epoch", false, []change{spoil(func(k *pipeline.Track) { k.Epoch = 9 })}},
		{"seen in the future", false, []change{spoil(func(k *pipeline.Track) { k.LastSeen = k.LastSeen.Add(time.Hour) })}},
		{"seen backwards", false, []change{spoil(func(k *pipeline.Track) { k.FirstSeen = k.LastSeen.Add(1) })}},
		{"frame back in order", false, []change{all(), func(r *pipeline.Result) { r.Frame.Seq = 1 }}},
	} {
		var life pipetest.Lifecycle
		for i, step := range c.steps {
			f, err := pipeline.NewFrame("yard", 8, 8, make([]byte, 3*64))
			if err != nil {
				t.Fatal(err)
			}
			f.Seq, f.Captured = uint64(i+1), now.Add(time.Duration(i)*time.Second)
			r := pipeline.NewResult(f)
			step(r)
			if err = life.Check(r); i < len(c.steps)-1 || c.good {
				if err != nil {
					t.Errorf("%s: step %d: %v", c.name, i, err)
				}
			} else if err == nil {
				t.Errorf("%s: not noticed", c.name)
			}
		}
	}
}
