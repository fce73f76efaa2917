package pipetest

import (
	"context"
	"testing"
	"time"

	"outrider/pipeline"
)

// scenario feeds stages frame by frame: a scene, cut by colour, with numbers and times as the
// engine gives them.
type scenario struct {
	scene  *Squares
	stages []pipeline.Stage
	pool   pipeline.FramePool
	cut    ThresholdSegmenter
	life   Lifecycle
	seq    uint64
	epoch  uint32
	at     int // frame of the scene
	start  time.Time
}

func newScenario(scene *Squares, stages ...pipeline.Stage) *scenario {
	return &scenario{
		scene: scene.withDefaults(), stages: stages, epoch: 1, start: time.Now(),
		cut: ThresholdSegmenter{Cell: 2}, // masks are coarser than the frame, as those of networks
	}
}

// step runs the stages on the next frame, checks the result, shows it to look, and releases it.
// Without segments the frame shows nothing; without segmentation not even that is known.
func (s *scenario) step(segments, segmentation bool, look func(r *pipeline.Result)) error {
	media := s.scene.MediaTime(s.at)
	s.at++
	s.seq++
	f := s.pool.Get(s.scene.Width, s.scene.Height)
	f.Camera, f.Seq, f.Epoch, f.MediaTime, f.Captured = "test", s.seq, s.epoch, media, s.start.Add(media)
	fillColor(f.Data, Ground)
	if segments {
		s.scene.paint(f.Data, media)
	}
	r := pipeline.NewResult(f)
	f.Release()
	defer r.Release()
	if segmentation {
		out, err := s.cut.Segment(context.Background(), []*pipeline.Frame{r.Frame})
		if err != nil {
			return err
		}
		r.SetSegmentation(out[0])
	}
	for _, k := range s.stages {
		if err := k.Process(context.Background(), r); err != nil {
			return err
		}
	}
	if err := s.life.Check(r); err != nil {
		return err
	}
	if look != nil {
		look(r)
	}
	return nil
}

// reset begins a new epoch.
func (s *scenario) reset() {
	s.epoch++
	for _, k := range s.stages {
		k.Reset(s.epoch)
	}
}

// TestStage holds a Stage to its contract: results of a moving scene, of empty frames, without
// segmentation, after a reset and of another size. Tracks and events, if it makes any, must
// keep the rules that Lifecycle checks. open returns a fresh stage.
func TestStage(t *testing.T, open func(t *testing.T) pipeline.Stage) {
	t.Helper()
	steps := func(t *testing.T, s *scenario, n int, segments, segmentation bool) {
		t.Helper()
		for range n {
			if err := s.step(segments, segmentation, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	cases := map[string]func(t *testing.T, s *scenario){
		"moving scene": func(t *testing.T, s *scenario) { steps(t, s, 100, true, true) },
		"nothing to see": func(t *testing.T, s *scenario) {
			steps(t, s, 30, false, true)
			steps(t, s, 30, true, true)
			steps(t, s, 150, false, true) // long enough for every track to end
			steps(t, s, 30, true, true)
		},
		"no segmentation": func(t *testing.T, s *scenario) {
			steps(t, s, 5, true, false)
			steps(t, s, 20, true, true)
			steps(t, s, 5, true, false)
		},
		"reset": func(t *testing.T, s *scenario) {
			for range 3 {
				steps(t, s, 20, true, true)
				s.reset()
			}
			s.reset()
		},
		"reset before the first frame": func(t *testing.T, s *scenario) {
			s.reset()
			steps(t, s, 20, true, true)
		},
		"another size": func(t *testing.T, s *scenario) {
			steps(t, s, 20, true, true)
			s.reset()
			s.scene = (&Squares{Width: 97, Height: 211}).withDefaults()
			steps(t, s, 20, true, true)
		},
		"a pause of a minute": func(t *testing.T, s *scenario) {
			steps(t, s, 20, true, true)
			s.start = s.start.Add(time.Minute)
			steps(t, s, 20, true, true)
		},
	}
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScenario(&Squares{}, open(t))
			f(t, s)
			if n, k := s.pool.Outstanding(), s.cut.Outstanding(); n != 0 || k != 0 {
				t.Errorf("%d frames and %d segmentations were kept", n, k)
			}
		})
	}
}
