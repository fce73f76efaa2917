package overlay

import (
	"time"

	"outrider/pipeline"
)

const (
	trailTime   = 5 * time.Second
	trailPoints = 64
	trailGap    = trailTime / (trailPoints - 4) // least time between two remembered points
)

// trail is where a track stood on the ground over the last seconds: a ring of points in frame
// pixels.
type trail struct {
	at    [trailPoints]pipeline.Point
	when  [trailPoints]time.Time
	first int
	n     int
}

func (t *trail) push(p pipeline.Point, now time.Time) {
	if t.n == trailPoints {
		t.first, t.n = (t.first+1)%trailPoints, t.n-1
	}
	i := (t.first + t.n) % trailPoints
	t.at[i], t.when[i] = p, now
	t.n++
}

// prune forgets what is too old.
func (t *trail) prune(now time.Time) {
	for t.n > 0 && now.Sub(t.when[t.first]) > trailTime {
		t.first, t.n = (t.first+1)%trailPoints, t.n-1
	}
}

// trails remembers the ways of the tracks of one stream.
type trails struct {
	camera string
	epoch  uint32
	w, h   int
	newest time.Time
	byID   map[uint64]*trail
	free   []*trail
}

// update adds the ground points of this frame. Another camera, epoch or size, or a step back
// in time, begins anew.
func (t *trails) update(r *pipeline.Result) {
	f := r.Frame
	if t.byID == nil {
		t.byID = map[uint64]*trail{}
	}
	if t.camera != f.Camera || t.epoch != f.Epoch || t.w != f.Width || t.h != f.Height || f.Captured.Before(t.newest) {
		for id := range t.byID {
			t.forget(id)
		}
	}
	t.camera, t.epoch, t.w, t.h, t.newest = f.Camera, f.Epoch, f.Width, f.Height, f.Captured
	for i := range r.Tracks {
		k := &r.Tracks[i]
		if k.State != pipeline.Confirmed || k.Stuff || !k.Box.Finite() {
			continue
		}
		w := t.byID[k.ID]
		if w == nil {
			w = t.take()
			t.byID[k.ID] = w
		}
		if w.n == 0 || f.Captured.Sub(w.when[(w.first+w.n-1)%trailPoints]) >= trailGap {
			w.push(ground(k.Box), f.Captured)
		}
	}
	for id, w := range t.byID {
		if w.prune(f.Captured); w.n == 0 {
			t.forget(id)
		}
	}
}

// ground is where a box stands.
func ground(b pipeline.Box) pipeline.Point { return pipeline.Point{X: (b.X1 + b.X2) / 2, Y: b.Y2} }

func (t *trails) take() *trail {
	if n := len(t.free); n > 0 {
		w := t.free[n-1]
		t.free = t.free[:n-1]
		return w
	}
	return &trail{}
}

func (t *trails) forget(id uint64) {
	w := t.byID[id]
	delete(t.byID, id)
	w.first, w.n = 0, 0
	t.free = append(t.free, w)
}
