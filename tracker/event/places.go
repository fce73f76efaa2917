package event

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"outrider/pipeline"
)

var _ pipeline.Places = (*Counter)(nil)

func byZoneID(z *zone, id string) int { return cmp.Compare(z.given.ID, id) }
func byLineID(l *line, id string) int { return cmp.Compare(l.given.ID, id) }

// Counts implements pipeline.Places.
func (c *Counter) Counts() *pipeline.Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil || c.changed {
		return c.snapshot()
	}
	return c.counts
}

// SetZone implements pipeline.Places.
func (c *Counter) SetZone(spec pipeline.Zone) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i, found := slices.BinarySearchFunc(c.zones, spec.ID, byZoneID)
	if !found && len(c.zones) >= pipeline.MaxPlaces {
		return &pipeline.PlaceError{Kind: "zone", ID: spec.ID, Field: "id", Reason: fmt.Sprintf("there are %d zones already; delete one", pipeline.MaxPlaces)}
	}
	z := &zone{given: spec, spec: spec, labels: map[string]int{}, moving: map[string]int{}, since: c.wall}
	switch {
	case found && (sameGeometry(&c.zones[i].given, &spec) || sameGeometry(&c.zones[i].spec, &spec)):
		old := c.zones[i]
		z = old
		size := old.spec.Size
		z.given, z.spec = spec, spec
		z.spec.Size = size // which a later frame must not reinterpret
	case found:
		c.zones[i] = z
		for _, o := range c.objects {
			o.stays[i] = stay{}
		}
	default:
		c.zones = slices.Insert(c.zones, i, z)
		for _, o := range c.objects {
			o.stays = slices.Insert(o.stays, i, stay{})
		}
	}
	trips := make([]pipeline.TripCount, 0, len(spec.TripsFrom))
	for _, from := range spec.TripsFrom {
		n := pipeline.TripCount{From: from}
		if k := slices.IndexFunc(z.trips, func(t pipeline.TripCount) bool { return t.From == from }); k >= 0 {
			n = z.trips[k]
		}
		trips = append(trips, n)
	}
	z.trips = trips
	c.layOut()
	c.changed = true
	return nil
}

// DeleteZone implements pipeline.Places.
func (c *Counter) DeleteZone(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, found := slices.BinarySearchFunc(c.zones, id, byZoneID)
	if !found {
		return fmt.Errorf("zone %q: %w", id, pipeline.ErrNoPlace)
	}
	c.zones = slices.Delete(c.zones, i, i+1)
	for _, o := range c.objects {
		o.stays = slices.Delete(o.stays, i, i+1)
	}
	c.layOut()
	c.changed = true
	return nil
}

// SetLine implements pipeline.Places.
func (c *Counter) SetLine(spec pipeline.Line) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i, found := slices.BinarySearchFunc(c.lines, spec.ID, byLineID)
	if !found && len(c.lines) >= pipeline.MaxPlaces {
		return &pipeline.PlaceError{Kind: "line", ID: spec.ID, Field: "id", Reason: fmt.Sprintf("there are %d lines already; delete one", pipeline.MaxPlaces)}
	}
	switch {
	case found && c.lines[i].given.From == spec.From && c.lines[i].given.To == spec.To &&
		(c.lines[i].given.Size == spec.Size || c.lines[i].spec.Size == spec.Size):
		l := c.lines[i]
		size := l.spec.Size
		l.given, l.spec = spec, spec
		l.spec.Size = size
	case found:
		c.lines[i] = &line{given: spec, spec: spec, since: c.wall}
		for _, o := range c.objects {
			o.sides[i] = side{}
		}
	default:
		c.lines = slices.Insert(c.lines, i, &line{given: spec, spec: spec, since: c.wall})
		for _, o := range c.objects {
			o.sides = slices.Insert(o.sides, i, side{})
		}
	}
	c.layOut()
	c.changed = true
	return nil
}

// DeleteLine implements pipeline.Places.
func (c *Counter) DeleteLine(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, found := slices.BinarySearchFunc(c.lines, id, byLineID)
	if !found {
		return fmt.Errorf("line %q: %w", id, pipeline.ErrNoPlace)
	}
	c.lines = slices.Delete(c.lines, i, i+1)
	for _, o := range c.objects {
		o.sides = slices.Delete(o.sides, i, i+1)
	}
	c.changed = true
	return nil
}

// ResetZone implements pipeline.Places.
func (c *Counter) ResetZone(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, found := slices.BinarySearchFunc(c.zones, id, byZoneID)
	if !found {
		return fmt.Errorf("zone %q: %w", id, pipeline.ErrNoPlace)
	}
	z := c.zones[i]
	z.entered, z.appeared, z.left, z.vanished, z.loiters, z.since = 0, 0, 0, 0, 0, c.wall
	for k := range z.trips {
		z.trips[k].Count, z.trips[k].Seconds = 0, 0
	}
	c.changed = true
	return nil
}

// ResetLine implements pipeline.Places.
func (c *Counter) ResetLine(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, found := slices.BinarySearchFunc(c.lines, id, byLineID)
	if !found {
		return fmt.Errorf("line %q: %w", id, pipeline.ErrNoPlace)
	}
	l := c.lines[i]
	l.in, l.out, l.labels, l.last, l.since = 0, 0, nil, time.Time{}, c.wall
	c.changed = true
	return nil
}

// Restore sets the totals of zones and lines that are there with the same geometry to those of
// an earlier run. Call it before the first frame.
func (c *Counter) Restore(old *pipeline.Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range old.Zones {
		s := &old.Zones[k]
		i, found := slices.BinarySearchFunc(c.zones, s.ID, byZoneID)
		if !found || !sameShape(&c.zones[i].given, &s.Zone) {
			continue
		}
		z := c.zones[i]
		// Who was inside then is not any more: it vanished meanwhile.
		z.entered, z.appeared, z.left, z.loiters, z.since = s.Entered, s.Appeared, s.Left, s.Loiters, s.Since
		z.vanished = s.Vanished + uint64(s.Inside)
		for t := range z.trips {
			if j := slices.IndexFunc(s.Trips, func(o pipeline.TripCount) bool { return o.From == z.trips[t].From }); j >= 0 {
				z.trips[t] = s.Trips[j]
			}
		}
	}
	for k := range old.Lines {
		s := &old.Lines[k]
		i, found := slices.BinarySearchFunc(c.lines, s.ID, byLineID)
		if !found {
			continue
		}
		l := c.lines[i]
		if l.given.From != s.From || l.given.To != s.To || l.given.Size != [2]int{} && l.given.Size != s.Size {
			continue
		}
		l.in, l.out, l.labels, l.last, l.since = s.In, s.Out, slices.Clone(s.ByLabel), s.Last, s.Since
	}
	c.changed = true
}

// sameShape is sameGeometry for a zone whose size may have become known since.
func sameShape(given, was *pipeline.Zone) bool {
	w := *was
	if given.Size == [2]int{} {
		w.Size = given.Size
	}
	return sameGeometry(given, &w)
}
