package prompt

import (
	"context"
	"fmt"
	"image"
	"math"
	"slices"
	"sync"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Refine says when prompted objects are segmented anew by the precise model. Zero fields take
// the default.
type Refine struct {
	Every time.Duration // between two key frames of one object, default 2 s
	Least float64       // IoU with the track's mask below which a refined mask is dropped, default 0.5
	Most  int           // objects of one key frame, default 8

	// Wait holds the stream until the answer is there: for files, where nothing is late and the
	// outcome must not depend on the machine. Else a key frame is worked on beside the stream,
	// one at a time, and its answer is applied to the first frame after it came.
	Wait bool
}

func (f *Refine) defaults() {
	if f.Every <= 0 {
		f.Every = 2 * time.Second
	}
	if f.Least <= 0 {
		f.Least = 0.5
	}
	if f.Most <= 0 {
		f.Most = 8
	}
}

// refinery keeps the refined objects of a stream. Between key frames the correction is carried:
// what the precise model added to the fast mask of the key frame and what it cut from it,
// moved with the object, are added to and cut from the fast mask of each frame. On the key
// frame itself that is the refined mask; after it the fast model tells how the object moves
// and changes.
type refinery struct {
	objects []*refined
	job     *refining
	jobs    sync.WaitGroup
	ctx     context.Context // of all jobs
	cancel  context.CancelFunc
	fast    mask.Mask
	moved   mask.Mask
	sampler mask.Resampler
}

// refined is a prompted track and its correction.
type refined struct {
	track    uint64
	asked    bool      // somebody wants it now
	tried    bool      // a key frame was begun
	at       time.Time // of the newest key frame
	on       bool      // there is a correction
	add, cut mask.Mask
	centre   pipeline.Point // of the object on the key frame
	area     float64        // of its fast mask there
	report   *pipeline.Refinement
}

// refining is a key frame that is worked on. What the goroutine writes is read after done is
// closed.
type refining struct {
	frame   *pipeline.Frame // retained until done
	tracks  []uint64
	regions []pipeline.Region
	masks   []mask.Mask // of the regions, copies
	done    chan struct{}
	out     []pipeline.Refined
	err     error
}

// clear forgets the objects of an old stream; a job under way ends by itself, unheard.
func (y *refinery) clear() { y.objects, y.job = y.objects[:0], nil }

func (y *refinery) find(track uint64) *refined {
	for _, o := range y.objects {
		if o.track == track {
			return o
		}
	}
	return nil
}

// ask makes the next frame a key frame of a track.
func (y *refinery) ask(track uint64) {
	o := y.find(track)
	if o == nil {
		o = &refined{track: track}
		y.objects = append(y.objects, o)
	}
	o.asked = true
}

// Close ends the key frame under way and waits for it. Call it after the last Process; twice is
// fine.
func (s *Set) Close() error {
	s.mu.Lock()
	if s.refined.cancel != nil {
		s.refined.cancel()
	}
	s.mu.Unlock()
	s.refined.jobs.Wait()
	return nil
}

// refine takes up the answer of a key frame, begins the next one when it is due, and corrects
// the masks of r's prompted tracks. Call it with mu held, at the end of a frame.
func (s *Set) refine(r *pipeline.Result) error {
	if s.Refiner == nil {
		return nil
	}
	s.Refine.defaults()
	y := &s.refined
	err := s.takeUp()
	y.objects = slices.DeleteFunc(y.objects, func(o *refined) bool {
		t := trackOf(r, o.track)
		return t == nil || t.PromptID == ""
	})
	for i := range r.Tracks {
		if t := &r.Tracks[i]; t.PromptID != "" && s.index(t.PromptID) >= 0 && y.find(t.ID) == nil {
			y.objects = append(y.objects, &refined{track: t.ID})
		}
	}
	if y.job == nil && s.begin(r) && s.Refine.Wait {
		<-y.job.done
		if e := s.takeUp(); err == nil {
			err = e
		}
	}
	for _, o := range y.objects {
		t := trackOf(r, o.track)
		if o.on {
			s.correct(r, t, o)
		}
		if i := s.index(t.PromptID); i >= 0 && s.prompts[i].status.TrackID == t.ID {
			s.prompts[i].status.Refined = o.report
		}
	}
	return err
}

// begin starts a key frame when an object is due, and reports whether it did.
func (s *Set) begin(r *pipeline.Result) bool {
	y, now := &s.refined, r.Frame.Captured
	due := func(o *refined) bool {
		since := now.Sub(o.at)
		return o.asked || !o.tried || since >= s.Refine.Every || since < 0
	}
	if !slices.ContainsFunc(y.objects, due) {
		return false
	}
	order := slices.Clone(y.objects)
	slices.SortStableFunc(order, func(a, b *refined) int { // asked first, then those that wait longest
		switch {
		case a.asked == b.asked:
			return a.at.Compare(b.at)
		case a.asked:
			return -1
		}
		return 1
	})
	job := &refining{}
	for _, o := range order {
		t := trackOf(r, o.track)
		if !due(o) || !t.Observed || t.Mask == nil || t.Mask.Empty() || len(job.tracks) == s.Refine.Most {
			continue
		}
		o.asked, o.tried, o.at = false, true, now
		job.tracks = append(job.tracks, t.ID)
		job.regions = append(job.regions, pipeline.Region{Box: t.Box})
		job.masks = append(job.masks, *t.Mask.Clone())
	}
	if len(job.tracks) == 0 {
		return false
	}
	for i := range job.regions {
		job.regions[i].Mask = &job.masks[i]
	}
	if y.cancel == nil {
		y.ctx, y.cancel = context.WithCancel(context.Background())
	}
	job.frame, job.done = r.Frame.Retain(), make(chan struct{})
	y.job = job
	ctx, refiner := y.ctx, s.Refiner
	y.jobs.Go(func() {
		defer close(job.done)
		defer job.frame.Release()
		job.out, job.err = refiner.Refine(ctx, job.frame, job.regions)
	})
	return true
}

// takeUp makes corrections of a finished key frame's answer.
func (s *Set) takeUp() error {
	y := &s.refined
	if y.job == nil {
		return nil
	}
	select {
	case <-y.job.done:
	default:
		return nil
	}
	job := y.job
	y.job = nil
	if job.err != nil {
		if y.ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("prompts: refine %d objects: %w", len(job.tracks), job.err)
	}
	for i, id := range job.tracks {
		if o := y.find(id); o != nil && i < len(job.out) {
			s.learn(o, job, i)
		}
	}
	return nil
}

// learn makes an object's correction of what the precise model said, or drops it when it
// disagrees so much that it must mean something else.
func (s *Set) learn(o *refined, job *refining, i int) {
	y, got := &s.refined, job.out[i]
	o.on = false
	o.report = &pipeline.Refinement{Time: o.at, Score: got.Score, Why: "the precise model sees nothing there"}
	if got.Mask == nil || got.Mask.Empty() {
		return
	}
	y.sampler.Into(&y.fast, &job.masks[i], got.Mask.Grid())
	o.report.IoU = mask.IoU(&y.fast, got.Mask)
	if o.report.IoU < s.Refine.Least {
		o.report.Why = fmt.Sprintf("dropped: the precise mask has an IoU of %.2f with the track's, at least %.2f is asked for", o.report.IoU, s.Refine.Least)
		return
	}
	o.add.CopyFrom(got.Mask, nil)
	o.add.AndNot(&y.fast)
	o.cut.CopyFrom(&y.fast, nil)
	o.cut.AndNot(got.Mask)
	o.on, o.centre, o.area = true, job.regions[i].Box.Center(), job.masks[i].PixelArea()
	o.report.Applied, o.report.Why = true, ""
}

// outgrown is the change of area from which a correction of before says nothing any more.
const outgrown = 1.6

// correct gives a track's mask the correction of its key frame, moved with it.
func (s *Set) correct(r *pipeline.Result, t *pipeline.Track, o *refined) {
	if t.Mask == nil || t.Mask.Empty() {
		return
	}
	y, g := &s.refined, o.add.Grid()
	c := t.Box.Center()
	dx, dy := int(math.Round((c.X-o.centre.X)/g.SX)), int(math.Round((c.Y-o.centre.Y)/g.SY))
	y.sampler.Into(&y.fast, t.Mask, g)
	m := r.NewMask()
	m.Reset(g, y.fast.Window().Union(o.add.Window().Add(image.Pt(dx, dy))), nil)
	m.Or(&y.fast)
	y.moved.ShiftFrom(&o.cut, dx, dy, nil)
	m.AndNot(&y.moved)
	y.moved.ShiftFrom(&o.add, dx, dy, nil)
	m.Or(&y.moved)
	area := t.Mask.PixelArea()
	if mask.IoU(m, &y.fast) < s.Refine.Least || max(area, o.area) > outgrown*min(area, o.area) {
		o.on = false
		o.report = &pipeline.Refinement{Time: o.report.Time, IoU: o.report.IoU, Score: o.report.Score, Why: "the object has changed since the key frame"}
		return
	}
	t.Mask = m
}
