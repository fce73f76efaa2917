package event

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"outrider/pipeline"
)

// Counter is the stage that counts what happens in a camera's zones and on its lines. Set the
// exported fields before the first frame; zero values take the defaults named. Its methods as
// pipeline.Places are safe for concurrent use; Process and Reset belong to the camera's
// goroutine.
type Counter struct {
	Ground     Ground // for speeds, nil for none
	GroundSize [2]int // width and height of the picture whose pixels Ground takes, zero for the frame's

	StationaryAfter time.Duration // at rest for so long is stationary, default 5 s

	// Patience is how long an object that is not seen stays where it was last seen, default
	// 2 s; StationaryPatience is that of one that was stationary, default 10 s.
	Patience, StationaryPatience time.Duration

	mu      sync.Mutex // guards all below
	zones   []*zone    // by id
	lines   []*line    // by id
	objects []*object  // by id
	spare   []*object
	w, h    int
	clock   float64       // seconds of the stream
	gap     time.Duration // between the last two frames
	wall    time.Time
	begun   bool
	counts  *pipeline.Counts
	changed bool // the counts are to be told anew
}

var _ pipeline.Stage = (*Counter)(nil)

func (c *Counter) stationaryAfter() float64 { return seconds(c.StationaryAfter, 5) }

func seconds(d time.Duration, missing float64) float64 {
	if d > 0 {
		return d.Seconds()
	}
	return missing
}

// patienceWith is for how many seconds an unseen object stays where it was.
func (c *Counter) patienceWith(o *object) float64 {
	if o.stationary {
		return seconds(c.StationaryPatience, 10)
	}
	return seconds(c.Patience, 2)
}

// Process counts one frame. It never fails.
func (c *Counter) Process(_ context.Context, r *pipeline.Result) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick(r.Frame)
	c.look(r)
	for _, o := range c.objects {
		if !o.seen {
			continue
		}
		c.settle(r, o)
		c.measure(o)
	}
	for _, o := range c.objects {
		if o.gone {
			continue
		}
		c.await(o)
		c.carriedOff(r, o)
		for i := range c.zones {
			c.stay(r, i, o)
		}
		for i := range c.lines {
			c.side(r, i, o)
		}
	}
	c.retire()
	c.show(r)
	return nil
}

// Reset keeps everything: counts go on over a camera's restart, and objects that are found
// again at their places go on too. Positions follow the frame's size with the next frame.
func (c *Counter) Reset(uint32) {}

// tick advances the clock and follows the frame's size.
func (c *Counter) tick(f *pipeline.Frame) {
	c.gap = 0
	if c.begun {
		c.gap = max(0, f.Captured.Sub(c.wall))
	}
	c.clock += c.gap.Seconds()
	c.begun, c.wall = true, f.Captured
	if f.Width == c.w && f.Height == c.h {
		return
	}
	if c.w > 0 {
		for _, o := range c.objects {
			o.scale(float64(f.Width)/float64(c.w), float64(f.Height)/float64(c.h))
		}
	}
	c.w, c.h, c.changed = f.Width, f.Height, true
	c.layOut()
	for _, z := range c.zones {
		c.began(&z.since)
	}
	for _, l := range c.lines {
		c.began(&l.since)
	}
}

// began dates totals that nothing was counted in yet.
func (c *Counter) began(t *time.Time) {
	if t.IsZero() {
		*t = c.wall
	}
}

// layOut lays zones and lines over the frame and looks up where trips come from.
func (c *Counter) layOut() {
	for _, z := range c.zones {
		z.resize(c.w, c.h)
		z.sources = z.sources[:0]
		for _, id := range z.spec.TripsFrom {
			i, ok := slices.BinarySearchFunc(c.zones, id, byZoneID)
			if !ok {
				i = -1
			}
			z.sources = append(z.sources, i)
		}
	}
	for _, l := range c.lines {
		l.resize(c.w, c.h)
	}
}

func byTrackID(o *object, id uint64) int { return cmp.Compare(o.track.ID, id) }
func (c *Counter) find(id uint64) *object {
	if i, ok := slices.BinarySearchFunc(c.objects, id, byTrackID); ok {
		return c.objects[i]
	}
	return nil
}

// look finds the objects of the frame's tracks and makes those of new ones.
func (c *Counter) look(r *pipeline.Result) {
	for _, o := range c.objects {
		o.index, o.seen = -1, false
	}
	cell := r.Grid.SY
	fresh := 0
	for i := range r.Tracks {
		t := &r.Tracks[i]
		if t.ID == 0 || t.Stuff || t.State != pipeline.Confirmed && t.State != pipeline.Lost {
			continue
		}
		k, ok := slices.BinarySearchFunc(c.objects, t.ID, byTrackID)
		if !ok {
			if !usable(t) {
				continue // nothing is known of it yet
			}
			o := &object{}
			if n := len(c.spare); n > 0 {
				o, c.spare = c.spare[n-1], c.spare[:n-1]
			}
			o.begin(t, c.clock, len(c.zones), len(c.lines))
			c.objects = slices.Insert(c.objects, k, o)
			fresh++
		}
		o := c.objects[k]
		o.index = i
		if usable(t) {
			switch {
			case o.gone: // another took its place over: it begins anew
				o.begin(t, c.clock, len(c.zones), len(c.lines))
				o.index = i
				fresh++
			case c.clock-o.last > longestWay:
				clear(o.sides) // nobody knows which way it took
			}
			o.observe(t, c.clock, c.wall, cell)
		}
	}
	for _, o := range c.objects {
		if o.seen {
			c.family(o)
		}
	}
	for i := 0; fresh > 0 && i < len(c.objects); i++ {
		if o := c.objects[i]; o.seen && o.first == c.clock && o.beforeWall.IsZero() {
			fresh--
			c.inherit(o)
			if o.owner == 0 {
				c.own(o)
			}
		}
	}
}

// retire forgets objects whose track and patience are over.
func (c *Counter) retire() {
	keep := c.objects[:0]
	for _, o := range c.objects {
		if o.index < 0 && (o.gone || c.clock-o.last > c.patienceWith(o) && !c.awaited(o)) {
			c.spare = append(c.spare, o)
			continue
		}
		keep = append(keep, o)
	}
	clear(c.objects[len(keep):])
	c.objects = keep
}

// tell adds an event of an object to the result.
func (c *Counter) tell(r *pipeline.Result, o *object, kind pipeline.EventKind, data map[string]any) *pipeline.Event {
	f := r.Frame
	t := o.track
	if o.index >= 0 && o.index < len(r.Tracks) {
		t.State, t.Observed, t.Mask = r.Tracks[o.index].State, r.Tracks[o.index].Observed, r.Tracks[o.index].Mask
	} else {
		t.State, t.Observed, t.Segment = pipeline.Ended, false, -1
	}
	r.Events = append(r.Events, pipeline.Event{
		ID:     uuid.Must(uuid.NewV7()).String(), // random numbers never fail
		Camera: f.Camera, Kind: kind, Time: f.Captured, Seq: f.Seq, Track: t, Data: data,
	})
	return &r.Events[len(r.Events)-1]
}

// show counts who is where and gives tracks and result what they show.
func (c *Counter) show(r *pipeline.Result) {
	for _, z := range c.zones {
		z.inside, z.active = 0, 0
		for l := range z.labels {
			z.labels[l], z.moving[l] = 0, 0
		}
	}
	for _, o := range c.objects {
		zones := uint64(0)
		for i := range o.stays {
			if !o.stays[i].inside {
				continue
			}
			z := c.zones[i]
			zones |= 1 << i
			z.inside++
			label := labelOf(o)
			z.labels[label]++
			if !o.stationary {
				z.active++
				z.moving[label]++
			}
		}
		if o.index >= 0 {
			t := &r.Tracks[o.index]
			t.Zones, t.Stationary, t.Speed = zones, o.stationary, o.speed.value
		}
		o.zones = zones
	}
	for i := range r.Events {
		t := &r.Events[i].Track
		if o := c.find(t.ID); o != nil {
			t.Zones, t.Stationary, t.Speed = o.zones, o.stationary, o.speed.value
		}
	}
	if len(c.zones)+len(c.lines) == 0 {
		if c.changed {
			c.counts, c.changed = nil, false
		}
		return
	}
	if c.counts == nil || c.changed || c.differs() {
		c.counts, c.changed = c.snapshot(), false
	}
	r.Counts = c.counts
}

func labelOf(o *object) string {
	if o.track.Label == "" {
		return pipeline.Unlabelled
	}
	return o.track.Label
}

// differs tells whether who is inside is no longer what was told.
func (c *Counter) differs() bool {
	for i, z := range c.zones {
		s := &c.counts.Zones[i]
		if s.Inside != z.inside || s.Active != z.active {
			return true
		}
		for l, n := range z.labels {
			if s.ByLabel[l] != n || s.ActiveByLabel[l] != z.moving[l] {
				return true
			}
		}
	}
	return false
}

// snapshot makes the counts to share. Its lists are never nil.
func (c *Counter) snapshot() *pipeline.Counts {
	s := &pipeline.Counts{Zones: make([]pipeline.ZoneCount, 0, len(c.zones)), Lines: make([]pipeline.LineCount, 0, len(c.lines))}
	for _, z := range c.zones {
		n := pipeline.ZoneCount{
			Zone: z.spec, Outline: z.rings, Inside: z.inside, Active: z.active, Entered: z.entered, Appeared: z.appeared,
			Left: z.left, Vanished: z.vanished, Loiters: z.loiters, Trips: slices.Clone(z.trips), Since: z.since,
		}
		n.ByLabel, n.ActiveByLabel = positive(z.labels), positive(z.moving)
		s.Zones = append(s.Zones, n)
	}
	for _, l := range c.lines {
		s.Lines = append(s.Lines, pipeline.LineCount{
			Line: l.spec, Ends: [2]pipeline.Point{l.from, l.to}, In: l.in, Out: l.out,
			ByLabel: slices.Clone(l.labels), Last: l.last, Since: l.since,
		})
	}
	return s
}

// positive copies what is not zero, nil for nothing.
func positive(m map[string]int) map[string]int {
	var out map[string]int
	for k, n := range m {
		if n > 0 {
			if out == nil {
				out = map[string]int{}
			}
			out[k] = n
		}
	}
	return out
}
