package tracker

import (
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// The methods here are for the stages after the tracker, in the same goroutine; package
// prompt declares the interface.

// find returns the slot of a live track, -1 when there is none.
func (t *Tracker) find(id uint64) int32 {
	for _, i := range t.core.live {
		if t.core.slots[i].id == id && id != 0 {
			return i
		}
	}
	return -1
}

// Pin ties a live track to a prompt and reports whether it lives. With hold the track is
// kept longer when lost, and a match that is in doubt does not move it: right for the one
// object that a user pointed at, not for all of a kind, whose ghosts would crowd the picture.
// The newest pin of a track counts. Tracks of the present result change with it.
func (t *Tracker) Pin(r *pipeline.Result, id uint64, prompt string, hold bool) bool {
	i := t.find(id)
	if i < 0 {
		return false
	}
	t.core.slots[i].pinned = hold
	if hold && t.held(i) == nil {
		t.grasp(r, i)
	}
	o := t.core.object(i)
	n := t.note(&o, r.Frame.Captured)
	n.prompt, n.removed = prompt, false
	for k := range r.Tracks {
		if r.Tracks[k].ID == id {
			r.Tracks[k].PromptID = prompt
		}
	}
	for k := range r.Events {
		if r.Events[k].Track.ID == id && r.Events[k].Kind != pipeline.EventEnded {
			r.Events[k].Track.PromptID = prompt
		}
	}
	return true
}

// Unpin frees a track of its prompt. One that is lost at that time ends with reason "prompt
// removed" unless it is seen again within the ordinary time.
func (t *Tracker) Unpin(r *pipeline.Result, id uint64) {
	i := t.find(id)
	if i < 0 {
		return
	}
	s := &t.core.slots[i]
	s.pinned = false
	o := t.core.object(i)
	n := t.note(&o, r.Frame.Captured)
	n.prompt, n.removed = "", s.state == pipeline.Lost
	for k := range r.Tracks {
		if r.Tracks[k].ID == id {
			r.Tracks[k].PromptID = ""
		}
	}
}

// Name gives a live track a label with the cosine behind it; an empty label takes it away.
func (t *Tracker) Name(r *pipeline.Result, id uint64, label string, similarity float64) {
	i := t.find(id)
	if i < 0 {
		return
	}
	o := t.core.object(i)
	n := t.note(&o, r.Frame.Captured)
	n.label, n.similarity = label, similarity
	for k := range r.Tracks {
		if r.Tracks[k].ID == id {
			r.Tracks[k].Label, r.Tracks[k].Similarity = label, similarity
		}
	}
	for k := range r.Events {
		if r.Events[k].Track.ID == id {
			r.Events[k].Track.Label, r.Events[k].Track.Similarity = label, similarity
		}
	}
}

// Start returns the track that took segment index of r in this frame, confirming it or
// making it when there is none, and adds it to r. It returns 0 when r is not the frame of
// the last step or the segment cannot be tracked. The caller's word is the evidence.
func (t *Tracker) Start(r *pipeline.Result, segment int) uint64 {
	c := &t.core
	if segment < 0 || segment >= len(c.dets) || len(r.Segments) != len(c.dets) || !t.wall.Equal(r.Frame.Captured) {
		return 0
	}
	d := &c.dets[segment]
	if !d.box.Finite() || d.box.Area() <= 0 {
		return 0
	}
	i := c.matched[segment]
	if i >= 0 && c.slots[i].det != int32(segment) {
		i = -1 // it only helped to bridge a whole
	}
	c.changes = c.changes[:0]
	switch {
	case i < 0:
		if d.mask == nil && r.Segments[segment].Mask != nil {
			if d.cells = r.Segments[segment].Mask.Area(); d.cells > 0 {
				d.mask = r.Segments[segment].Mask
			}
		}
		i = c.birth(int32(segment))
	case c.slots[i].id != 0:
		return c.slots[i].id
	}
	s := &c.slots[i]
	s.stuff = false // who points at the road wants to follow the road
	if s.id == 0 {
		c.confirm(i)
	}
	t.emitChanges(r)
	o := c.object(i)
	t.add(r, &o)
	return o.ID
}

// Outline gives the object of a pinned track the shape that its user drew, on the frame of r;
// for id 0 it starts a confirmed track there, which no segment needs to show yet. It returns
// the track, 0 when r is not the frame of the last step or the shape is too small to follow.
func (t *Tracker) Outline(r *pipeline.Result, id uint64, m *mask.Mask) uint64 {
	c := &t.core
	if r.Grid.W <= 0 || r.Grid.H <= 0 || !t.wall.Equal(r.Frame.Captured) {
		return 0
	}
	shape := m.Resample(r.Grid)
	if shape.Area() < holdLeast {
		return 0
	}
	x1, y1, x2, y2 := m.FrameBounds()
	d := det{box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}, score: 1, mask: shape, cells: shape.Area(), parent: -1, ok: true}
	c.changes = c.changes[:0]
	i := t.find(id)
	if i < 0 {
		c.dets, c.matched = append(c.dets, d), append(c.matched, -1)
		i = c.birth(int32(len(c.dets) - 1))
		c.dets, c.matched = c.dets[:len(c.dets)-1], c.matched[:len(c.matched)-1]
		c.slots[i].det = -1
		if c.slots[i].id == 0 {
			c.confirm(i)
		}
	} else {
		at := d.box.Center()
		s := &c.slots[i]
		c.masks[i].CopyFrom(shape, nil)
		s.hasMask, s.cells, s.markX, s.markY = true, d.cells, at.X, at.Y
	}
	s := &c.slots[i]
	s.pinned = true
	t.sight.take(i, s.id, shape, t.clock)
	t.sight.holds[i].looks.see(r.Frame, shape)
	t.emitChanges(r)
	o := c.object(i)
	for k := range r.Tracks {
		if r.Tracks[k].ID == o.ID {
			r.Tracks[k].Mask = t.maskOf(r, &o)
			return o.ID
		}
	}
	t.add(r, &o)
	return o.ID
}
