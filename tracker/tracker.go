package tracker

import (
	"context"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Tracker is the stage that gives a stream's segments their identities. It reads a result's
// Segments, Grid and frame, and writes Tracks (confirmed and lost ones, ids ascending) and
// Events. A zero Tracker is ready to use; one belongs to one camera. Its methods are called
// from the camera's goroutine only, by the engine and by the stages after it.
type Tracker struct {
	// Params of the association. Here the zero fields take other defaults: High 0.3, Low 0.1,
	// Init 0.4, MatchLow 0.7, no instant confirmation but MinHits 4, no Confidence term, and
	// StationaryTTL 10. Scores of segment-everything models run low and waver, and their
	// newcomers need more evidence.
	Params Params

	// MinCells is the least mask area, in grid cells, of a segment that is tracked, 12.
	MinCells int

	// UpdateEvery is the time between two updated events of one track when nothing changes,
	// default 10 s; UpdateGap the least time when something does, default 1 s.
	UpdateEvery time.Duration
	UpdateGap   time.Duration

	// Ground is the camera's calibration, nil for none: see Core.
	Ground Ground

	// FixedCamera says that the camera never moves: its motion is not looked for in the
	// pictures, and not taken out of that of the objects.
	FixedCamera bool

	core    Core
	sight   sight
	frame   *pipeline.Frame // of the present step
	moves   *Warp           // the camera, since the last frame
	ready   bool
	epoch   uint32
	w, h    int
	clock   float64 // seconds of stream time
	wall    time.Time
	media   time.Duration
	started bool
	dets    []Detection
	objects []Object
	notes   []note // by slot
	parting []change
}

// note is what is known of a track beyond the core: by slot, valid while id matches.
type note struct {
	id         uint64
	prompt     string
	removed    bool // the prompt was deleted: end soon
	label      string
	similarity float64
	first      time.Time
	last       time.Time
	told       told
}

var _ pipeline.Stage = (*Tracker)(nil)

func (t *Tracker) prepare(f *pipeline.Frame) {
	if !t.ready {
		t.ready = true
		p := t.Params
		or(&p.High, 0.3)
		or(&p.Low, 0.1)
		or(&p.Init, 0.4)
		or(&p.MinHits, 4)
		or(&p.Instant, 2)
		or(&p.StationaryTTL, 10)
		or(&p.MatchLow, 0.7)
		or(&p.Confidence, -1)
		t.core.Params, t.core.Ground = p, t.Ground
		or(&t.MinCells, 12)
		if t.UpdateEvery <= 0 {
			t.UpdateEvery = 10 * time.Second
		}
		if t.UpdateGap <= 0 {
			t.UpdateGap = time.Second
		}
	}
	if f.Width != t.w || f.Height != t.h {
		if t.w != 0 {
			t.part() // positions of another picture size mean nothing here
		}
		t.w, t.h = f.Width, f.Height
		t.core.Params.Width, t.core.Params.Height = float64(f.Width), float64(f.Height)
		t.core.ready = false
	}
	t.epoch = f.Epoch
}

// Process runs one step. It never fails: no segment is a normal frame, and a frame that does
// not follow the last in time is passed on without tracks.
func (t *Tracker) Process(_ context.Context, r *pipeline.Result) error {
	f := r.Frame
	t.prepare(f)
	t.emitParting(r)
	t.moves = nil
	if dt := t.tick(f); dt > 0 {
		t.moves = t.watch(f, dt)
	}
	t.detections(r)
	t.propagate(r)
	if !t.core.Step(t.clock, t.dets, t.moves) {
		return nil
	}
	t.retake(r)
	t.objects = t.core.Append(t.objects[:0])
	t.emitChanges(r)
	for i := range t.objects {
		t.add(r, &t.objects[i])
	}
	t.emitUpdates(r)
	return nil
}

// Reset ends every track with reason "stream reset"; the events leave with the next result.
func (t *Tracker) Reset(epoch uint32) {
	t.part()
	t.epoch, t.started = epoch, false
}

// part resets the core and keeps what it says of the end for the next result.
func (t *Tracker) part() {
	t.core.Reset()
	t.sight.reset()
	t.parting = append(t.parting, t.core.changes...)
}

// tick advances stream time. Media time is exact where the source has it; where it stands
// still or jumps, as at the end of a loop, capture time counts.
func (t *Tracker) tick(f *pipeline.Frame) float64 {
	before := t.clock
	if t.started {
		d := (f.MediaTime - t.media).Seconds()
		if !(d > 0 && d < 5) {
			d = f.Captured.Sub(t.wall).Seconds()
		}
		if d > 0 {
			t.clock += d
		}
	} else {
		// After a reset time goes on: a little, since the core refuses to stand still.
		t.clock += 1
	}
	t.started, t.wall, t.media = true, f.Captured, f.MediaTime
	return t.clock - before
}

// Background is what covers so much of the frame, or touches so many of its sides.
const (
	stuffArea  = 0.4
	stuffSides = 3
)

// detections turns segments into detections, index by index.
func (t *Tracker) detections(r *pipeline.Result) {
	t.dets = t.dets[:0]
	all := float64(r.Grid.W*r.Grid.H) * r.Grid.CellArea()
	if frame := float64(t.w * t.h); all > frame || all == 0 {
		all = frame
	}
	for i := range r.Segments {
		s := &r.Segments[i]
		d := Detection{Box: s.Box, Score: s.Score, Mask: s.Mask, Parent: s.Parent}
		if d.Mask != nil {
			n := d.Mask.Area()
			if n < t.MinCells {
				d.Score = -1 // too small to be compared
			}
			sides := 0
			mx, my := 2*r.Grid.SX, 2*r.Grid.SY
			for _, at := range [4]bool{d.Box.X1 <= mx, d.Box.Y1 <= my, d.Box.X2 >= float64(t.w)-mx, d.Box.Y2 >= float64(t.h)-my} {
				if at {
					sides++
				}
			}
			d.Stuff = sides >= stuffSides || float64(n)*r.Grid.CellArea() > stuffArea*all
		}
		t.dets = append(t.dets, d)
	}
}

// note is the note of an object, made when it is new.
func (t *Tracker) note(o *Object, now time.Time) *note {
	for int(o.slot) >= len(t.notes) {
		t.notes = append(t.notes, note{})
	}
	n := &t.notes[o.slot]
	if n.id != o.ID {
		*n = note{id: o.ID, first: now.Add(-seconds(o.Last - o.First)), last: now}
	}
	return n
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// track is an object as the vocabulary has it, without its mask.
func (t *Tracker) track(o *Object, now time.Time) pipeline.Track {
	n := t.note(o, now)
	if o.Observed {
		n.last, n.removed = now, false
	}
	return pipeline.Track{
		ID: o.ID, PromptID: n.prompt, Box: t.clip(o.Box), Velocity: o.Velocity, State: o.State, Observed: o.Observed,
		Score: o.Score, Label: n.label, Similarity: n.similarity, Segment: o.Detection, Parent: o.Parent,
		Stuff: o.Stuff, Epoch: t.epoch, Hits: o.Hits, FirstSeen: n.first, LastSeen: n.last,
	}
}

// clip cuts a box to the frame; one that is wholly outside stays at its border, a pixel wide.
func (t *Tracker) clip(b pipeline.Box) pipeline.Box {
	side := func(lo, hi, size float64) (float64, float64) {
		lo = min(max(lo, 0), size-1)
		return lo, min(max(hi, lo+1), size)
	}
	b.X1, b.X2 = side(b.X1, b.X2, float64(t.w))
	b.Y1, b.Y2 = side(b.Y1, b.Y2, float64(t.h))
	return b
}

// add appends an object to r.Tracks.
func (t *Tracker) add(r *pipeline.Result, o *Object) {
	tr := t.track(o, r.Frame.Captured)
	tr.Mask = t.maskOf(r, o)
	r.Tracks = append(r.Tracks, tr)
}

// maskOf is the segment's own mask when one was observed, which lives as long as r, else a
// copy of the last mask, moved.
func (t *Tracker) maskOf(r *pipeline.Result, o *Object) *mask.Mask {
	switch {
	case o.Observed && o.Detection >= 0 && o.Detection < len(r.Segments) && t.held(o.slot) == nil:
		return r.Segments[o.Detection].Mask
	case !t.core.slots[o.slot].hasMask:
		return nil
	}
	m := r.NewMask()
	if from := &t.core.masks[o.slot]; o.Observed && t.held(o.slot) != nil {
		m.CopyFrom(from, nil)
	} else {
		m.CopyFrom(&t.core.moved[o.slot], nil)
	}
	return m
}
