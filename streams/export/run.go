package export

import (
	"errors"
	"path/filepath"
	"sync"

	"outrider/pipeline"
	"outrider/pipeline/overlay"
)

// Run is the sink of an offline run of one video: NAME.jsonl, NAME.mot.txt and, unless NoVideo,
// the annotated NAME.mp4 in Dir.
//
// Fill the exported fields, call Initialize, let the engine publish, Close it (the engine
// does), then Commit or Discard. Publish blocks while the writers are behind. The first error
// is kept and returned by Close; results after it are dropped, so that the run can end.
type Run struct {
	Dir, Name string
	NoVideo   bool
	Painter   *overlay.Painter // nil for the default layers
	Video     VideoOptions

	// Each is called for every result, in order, from one goroutine; for progress. May be nil.
	Each func(r *pipeline.Result)

	text, pictures chan *pipeline.Result
	jsonl, mot     *file
	video          *Video
	wg             sync.WaitGroup
	closing        sync.Once

	mu  sync.Mutex
	err error
}

var _ pipeline.Sink = (*Run)(nil)

// queued is how many results each writer may lag behind.
const queued = 4

// Initialize creates the files under temporary names.
func (s *Run) Initialize() error {
	var err error
	if s.jsonl, err = create(s.path(".jsonl")); err != nil {
		return err
	}
	if s.mot, err = create(s.path(".mot.txt")); err != nil {
		s.jsonl.discard()
		return err
	}
	s.text = make(chan *pipeline.Result, queued)
	s.wg.Go(s.writeText)
	if !s.NoVideo {
		if s.Painter == nil {
			s.Painter = &overlay.Painter{}
		}
		s.pictures = make(chan *pipeline.Result, queued)
		s.wg.Go(s.writeVideo)
	}
	return nil
}

func (s *Run) path(suffix string) string { return filepath.Join(s.Dir, s.Name+suffix) }

// Publish hands r to the writers.
func (s *Run) Publish(r *pipeline.Result) {
	s.text <- r.Retain()
	if s.pictures != nil {
		s.pictures <- r.Retain()
	}
}

func (s *Run) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
}

func (s *Run) writeText() {
	for r := range s.text {
		if s.Err() == nil {
			if err := errors.Join(WriteJSONL(s.jsonl, r), WriteMOT(s.mot, r)); err != nil {
				s.fail(err)
			}
		}
		if s.Each != nil {
			s.Each(r)
		}
		r.Release()
	}
}

func (s *Run) writeVideo() {
	var pix []byte
	for r := range s.pictures {
		if s.Err() == nil {
			f := r.Frame
			pix = append(pix[:0], f.Data...)
			s.Painter.Draw(pix, f.Width, f.Height, r)
			err := error(nil)
			if s.video == nil {
				s.video, err = CreateVideo(s.path(".mp4"), f.Width, f.Height, s.Video)
			}
			if err == nil {
				err = s.video.Add(pix, f.MediaTime)
			}
			if err != nil {
				s.fail(err)
			}
		}
		r.Release()
	}
}

// Err returns the first error so far.
func (s *Run) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close waits for the writers. Publish must not be called any more.
func (s *Run) Close() error {
	s.closing.Do(func() {
		if s.text == nil {
			return
		}
		close(s.text)
		if s.pictures != nil {
			close(s.pictures)
		}
		s.wg.Wait()
	})
	return s.Err()
}

// Commit gives all files their names. Call it after Close.
func (s *Run) Commit() error {
	errs := []error{s.jsonl.commit(), s.mot.commit()}
	if s.video != nil {
		errs = append(errs, s.video.Commit())
	}
	return errors.Join(errs...)
}

// Discard removes what was not committed. Call it after Close; it may follow Commit.
func (s *Run) Discard() {
	if s.jsonl == nil {
		return
	}
	s.jsonl.discard()
	if s.mot != nil {
		s.mot.discard()
	}
	if s.video != nil {
		s.video.Close()
	}
}
