package prompt

import (
	"context"
	"fmt"
	"math"
	"time"

	"outrider/pipeline"
)

// sighting is how a followed object looked when it was last seen.
type sighting struct {
	at       time.Time
	w, h     int // of the frame
	box      pipeline.Box
	velocity pipeline.Point
	area     float64
}

// trial is a candidate that must prove itself before a searching prompt takes it.
type trial struct {
	track  uint64
	frames int
}

// How many frames a candidate must be the only one that fits.
const trialFrames = 3

// resolve answers a new geometric prompt, on the frame it names or on r.
func (s *Set) resolve(ctx context.Context, r *pipeline.Result, e *entry) error {
	k := s.history.n - 1
	late := ""
	if at := e.status.At; at != nil {
		i, off := s.history.nearest(*at)
		switch {
		case at.After(r.Frame.Captured) || off <= 500*time.Millisecond:
			k = i
		default:
			late = fmt.Sprintf("; the frame of %s is no longer kept (%v are), the newest was used", at.Format("15:04:05.000"), s.History)
		}
	}
	m := s.history.at(k)
	a := e.target.find(m.segs)
	e.status.Alternatives = a.alternatives
	e.asked = r.Frame.Captured
	if a.index >= 0 && len(e.words.any) > 0 {
		if err := s.choose(ctx, r, e, k, &a); err != nil {
			e.status.Why = "nothing there: the words could not be compared"
			return err
		}
	}
	drawn := e.target.mask != nil && k == s.history.n-1
	if a.joined != nil {
		if k != s.history.n-1 { // what was joined on an earlier frame has moved: join it on this one
			a = e.target.find(s.history.at(s.history.n - 1).segs)
		}
		if a.joined != nil {
			if id := s.Tracks.Outline(r, 0, a.joined); id != 0 {
				e.status.Score, e.status.Why = a.score, a.why+late
				s.take(r, e, id)
				return nil
			}
			a.why = "nothing there: what the segments make together is too small to follow"
		}
		if a.index >= 0 {
			k = s.history.n - 1
		}
	}
	if a.index < 0 {
		e.status.Why = a.why + late
		if drawn {
			if id := s.Tracks.Outline(r, 0, e.target.mask); id != 0 {
				e.status.Why = "the mask itself: " + a.why + late
				s.take(r, e, id)
			}
		}
		return nil
	}
	seg := s.history.at(k).segs[a.index]
	index, id := s.history.carry(k, a.index, func(id uint64) bool { return trackOf(r, id) != nil })
	if index >= 0 {
		id = s.Tracks.Start(r, index)
		s.history.at(s.history.n - 1).segs[index].track = id
	}
	if id == 0 {
		e.status.Why = "nothing there: what was there is out of sight since" + late
		return nil
	}
	e.status.Score = a.score
	e.status.Why = a.why + late
	e.aim(&seg)
	s.take(r, e, id)
	if drawn {
		s.Tracks.Outline(r, id, e.target.mask)
	}
	return nil
}

// take ties a track to a prompt.
func (s *Set) take(r *pipeline.Result, e *entry, id uint64) {
	if !s.Tracks.Pin(r, id, e.status.ID, true) {
		return
	}
	e.tracks = append(e.tracks[:0], id)
	e.trial = trial{}
	e.lost, e.anew = time.Time{}, false
	if t := trackOf(r, id); t != nil {
		e.see(r, t)
		if e.first == nil {
			b := t.Box
			e.first = &b
		}
	}
}

// see brings the status up to date with the followed track.
func (e *entry) see(r *pipeline.Result, t *pipeline.Track) {
	st := &e.status
	st.State, st.TrackID = pipeline.PromptTracking, t.ID
	st.TrackIDs = append(st.TrackIDs[:0], t.ID)
	if st.AnswerBox == nil {
		st.AnswerBox = new(pipeline.Box)
	}
	*st.AnswerBox = t.Box
	if t.Observed {
		area := t.Box.Area()
		if t.Mask != nil {
			area = t.Mask.PixelArea()
		}
		e.last = sighting{at: r.Frame.Captured, w: r.Frame.Width, h: r.Frame.Height, box: t.Box, velocity: t.Velocity, area: area}
	}
}

// drop takes the prompt's tracks away.
func (e *entry) drop(why string) {
	e.tracks = e.tracks[:0]
	e.trial = trial{}
	st := &e.status
	st.State, st.TrackID, st.TrackIDs, st.AnswerBox, st.Score, st.Why = pipeline.PromptSearching, 0, nil, nil, 0, why
}

func trackOf(r *pipeline.Result, id uint64) *pipeline.Track {
	for i := range r.Tracks {
		if r.Tracks[i].ID == id {
			return &r.Tracks[i]
		}
	}
	return nil
}

// follow updates a geometric prompt from its track, or searches.
func (s *Set) follow(r *pipeline.Result, e *entry) {
	if len(e.tracks) > 0 {
		t := trackOf(r, e.tracks[0])
		if t != nil {
			e.see(r, t)
			return
		}
		e.drop("lost: its track ended at " + r.Frame.Captured.Format("15:04:05"))
		e.lost = r.Frame.Captured
	}
	s.search(r, e)
}

// search looks for a confirmed track that answers a prompt which has none: one that settled
// where the prompt points, or where its lost object must be by now. It takes one only when
// it alone fits, for several frames, and looks like the object.
func (s *Set) search(r *pipeline.Result, e *entry) {
	var id uint64
	switch {
	case e.anew && e.first != nil:
		id = s.again(r, e)
	case e.first == nil || !e.lost.IsZero() && e.first.IoU(e.last.box) > 0.5:
		id = s.atPlace(r, e)
	}
	if id == 0 && !e.lost.IsZero() && !e.anew {
		id = s.reachable(r, e)
	}
	if id != 0 && !s.resembles(e, id) {
		id = 0
	}
	if id == 0 || id != e.trial.track {
		e.trial = trial{track: id}
	}
	if id == 0 {
		return
	}
	if e.trial.frames++; e.trial.frames >= trialFrames {
		e.status.Why = "found again"
		if e.first == nil {
			e.status.Why = "appeared later"
		}
		s.take(r, e, id)
	}
}

// free reports whether a track may be taken by a searching prompt.
func (s *Set) free(t *pipeline.Track) bool {
	return t.State == pipeline.Confirmed && t.Observed && !t.Stuff && t.PromptID == "" && t.Segment >= 0
}

// atPlace is the track that stands where the prompt points, 0 for none.
func (s *Set) atPlace(r *pipeline.Result, e *entry) uint64 {
	m := s.history.at(s.history.n - 1)
	a := e.target.find(m.segs)
	if a.index < 0 {
		return 0
	}
	t := trackOf(r, m.segs[a.index].track)
	if t == nil || !s.free(t) || e.first != nil && !alike(e.last.area, m.segs[a.index].area()) {
		return 0
	}
	return t.ID
}

// The search for a lost object: how long, how far, how different in size.
const (
	searchFor   = 5.0 // seconds after it was last seen
	searchSizes = 1.0 // box sizes it may have strayed, and again for each second
	sizeChange  = 2.0
)

func alike(a, b float64) bool {
	return a > 0 && b > 0 && math.Max(a, b) <= sizeChange*math.Min(a, b)
}

// reachable is the only new track that the lost object can have become, 0 for none or many.
func (s *Set) reachable(r *pipeline.Result, e *entry) uint64 {
	gone := r.Frame.Captured.Sub(e.last.at).Seconds()
	if gone > searchFor {
		return 0
	}
	var found uint64
	c := e.last.box.Center()
	size := math.Max(e.last.box.W(), e.last.box.H())
	for i := range r.Tracks {
		t := &r.Tracks[i]
		if !s.free(t) || t.FirstSeen.Before(e.last.at) {
			continue
		}
		area := t.Box.Area()
		if t.Mask != nil {
			area = t.Mask.PixelArea()
		}
		if !alike(area, e.last.area) {
			continue
		}
		at := t.Box.Center()
		near := math.Hypot(at.X-c.X, at.Y-c.Y)
		ahead := math.Hypot(at.X-c.X-e.last.velocity.X*gone, at.Y-c.Y-e.last.velocity.Y*gone)
		if math.Min(near, ahead) > size*searchSizes*(1+gone)/2 {
			continue
		}
		if found != 0 {
			return 0
		}
		found = t.ID
	}
	return found
}
