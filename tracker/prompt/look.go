package prompt

import (
	"context"
	"fmt"
	"slices"
	"time"

	"outrider/pipeline"
)

// looks are the embeddings of tracks, the newest few of each.
type looks struct {
	tracks []look // ids ascending
	due    []int  // into r.Tracks, scratch
	region []pipeline.Region
}

// look is what the image encoder said of one track.
type look struct {
	id   uint64
	vecs [votes][]float32 // ring
	name [votes]int       // the label each speaks for, -1 for none
	cos  [votes]float64   // and how well
	n    int              // embeddings so far
	at   time.Time        // of the newest
}

// votes is how many embeddings of a track are remembered and vote on its name.
const votes = 5

func (l *looks) clear() { l.tracks = l.tracks[:0] }

// get returns the looks of a track, nil when there are none.
func (l *looks) get(id uint64) *look {
	i, ok := slices.BinarySearchFunc(l.tracks, id, func(a look, id uint64) int {
		switch {
		case a.id < id:
			return -1
		case a.id > id:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &l.tracks[i]
}

// sync drops what ended and adds what is new; r.Tracks and l.tracks ascend by id.
func (l *looks) sync(r *pipeline.Result) {
	l.tracks = slices.DeleteFunc(l.tracks, func(k look) bool {
		_, ok := slices.BinarySearchFunc(r.Tracks, k.id, compareTrack)
		return !ok
	})
	for i := range r.Tracks {
		id := r.Tracks[i].ID
		if n := len(l.tracks); n == 0 || l.tracks[n-1].id < id {
			l.tracks = append(l.tracks, look{id: id})
		} else if l.get(id) == nil {
			k, _ := slices.BinarySearchFunc(l.tracks, id, func(a look, id uint64) int {
				if a.id < id {
					return -1
				}
				return 1
			})
			l.tracks = slices.Insert(l.tracks, k, look{id: id})
		}
	}
}

func compareTrack(t pipeline.Track, id uint64) int {
	switch {
	case t.ID < id:
		return -1
	case t.ID > id:
		return 1
	}
	return 0
}

// enough is the number of embeddings from which a track counts as known, and pause the time
// between those first ones: embeddings of neighbouring frames say the same.
const (
	enough = 3
	pause  = 200 * time.Millisecond
)

// smallest side of a region worth embedding, in pixels.
const smallest = 8

// look embeds the regions of at most Budget tracks: those never looked at first, largest
// first, then those not yet known, then those looked at longest ago.
func (s *Set) look(ctx context.Context, r *pipeline.Result) error {
	if _, err := s.competitors(ctx); err != nil {
		return err
	}
	l := &s.looks
	l.sync(r)
	now := r.Frame.Captured
	l.due = l.due[:0]
	for i := range r.Tracks {
		t := &r.Tracks[i]
		if !t.Observed || t.Segment < 0 || t.Box.W() < smallest || t.Box.H() < smallest {
			continue
		}
		k := l.get(t.ID)
		wait := s.Refresh
		switch {
		case k.n == 0:
			wait = 0
		case k.n < enough:
			wait = pause
		}
		if since := now.Sub(k.at); k.n == 0 || since >= wait || since < 0 {
			l.due = append(l.due, i)
		}
	}
	rank := func(i int) (int, int64) {
		t := &r.Tracks[i]
		k := l.get(t.ID)
		class := 0
		switch {
		case k.n >= enough:
			class = 2
		case k.n > 0:
			class = 1
		}
		if t.Stuff {
			class += 3 // background is what users name least
		}
		if k.n == 0 {
			return class, -int64(t.Box.Area())
		}
		return class, k.at.UnixNano()
	}
	slices.SortStableFunc(l.due, func(a, b int) int {
		ca, va := rank(a)
		cb, vb := rank(b)
		switch {
		case ca != cb:
			return ca - cb
		case va < vb:
			return -1
		case va > vb:
			return 1
		}
		return a - b
	})
	if len(l.due) > s.Budget {
		l.due = l.due[:s.Budget]
	}
	if len(l.due) == 0 {
		return nil
	}
	l.region = l.region[:0]
	for _, i := range l.due {
		g := pipeline.Region{Box: r.Tracks[i].Box}
		if m := r.Tracks[i].Mask; m != nil {
			g.Mask = m
		}
		l.region = append(l.region, g)
	}
	vecs, err := s.Images.EncodeRegions(ctx, r.Frame, l.region)
	clear(l.region)
	if err != nil {
		return fmt.Errorf("prompts: embed %d regions: %w", len(l.due), err)
	}
	for j, i := range l.due {
		k := l.get(r.Tracks[i].ID)
		k.at = now
		if j < len(vecs) && len(vecs[j]) > 0 {
			v := k.n % votes
			k.vecs[v] = vecs[j]
			k.name[v], k.cos[v] = s.words.name(vecs[j], s.Threshold, s.Margin)
			k.n++
		}
	}
	return nil
}

// each calls f with the remembered embeddings.
func (k *look) each(f func(v []float32)) {
	for i := range min(k.n, votes) {
		f(k.vecs[i])
	}
}

func dot(a, b []float32) float64 {
	n := min(len(a), len(b))
	s := float32(0)
	for i, v := range a[:n] {
		s += v * b[i]
	}
	return float64(s)
}
