package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
	"outrider/tracker/event"
)

// valueStore keeps values over restarts; *store.Store is one.
type valueStore interface {
	Keep(key string, value []byte) error
	Kept(ctx context.Context, key string) ([]byte, error)
}

// places are a camera's zones and lines as the configuration and the API have made them, and
// their counts, over restarts of the camera and of the program.
//
// Who changes a zone by the API changes it for good, whatever the configuration says: until the
// configuration says something new of that zone, which then counts.
type places struct {
	camera string
	others func() []string // the cameras that there are
	keep   valueStore      // nil: nothing is kept

	counter *event.Counter

	mu    sync.Mutex // guards what follows, and changes of the counter
	zones map[string]pipeline.Zone
	lines map[string]pipeline.Line
	doc   placesDoc
	saved *pipeline.Counts // as last kept
	at    time.Time        // when
}

var _ pipeline.Places = (*places)(nil)

// placesDoc is what is kept of a camera.
type placesDoc struct {
	Zones  map[string]zoneEdit `json:"zones,omitempty"`
	Lines  map[string]lineEdit `json:"lines,omitempty"`
	Counts *pipeline.Counts    `json:"counts,omitempty"`
}

// zoneEdit is what the API made of a zone: Spec, nil for deleted. Base says which version of the
// configuration's zone it replaces, "" for none.
type zoneEdit struct {
	Base string         `json:"base,omitempty"`
	Spec *pipeline.Zone `json:"spec,omitempty"`
}

type lineEdit struct {
	Base string         `json:"base,omitempty"`
	Spec *pipeline.Line `json:"spec,omitempty"`
}

func (p *places) key() string { return "places/" + p.camera }

// digest names a version of a zone or line of the configuration, "" for none.
func digest[T any](m map[string]T, id string) string {
	v, ok := m[id]
	if !ok {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil { // what was validated can be said in JSON
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// initialize makes the zones and lines of the configuration, as they were changed since, and
// their counts.
func (p *places) initialize(ctx context.Context, c config.Camera) error {
	p.counter = &event.Counter{}
	if p.keep != nil {
		b, err := p.keep.Kept(ctx, p.key())
		if err != nil {
			return err
		}
		if len(b) > 0 {
			if err := json.Unmarshal(b, &p.doc); err != nil {
				return fmt.Errorf("zones and lines of camera %q: %w", p.camera, err)
			}
		}
	}
	counts := p.doc.Counts
	if err := p.adopt(c); err != nil {
		return err
	}
	if counts != nil {
		p.counter.Restore(counts)
	}
	return nil
}

// adopt brings the zones and lines in line with a camera's configuration. What stays the same
// counts on.
func (p *places) adopt(c config.Camera) error {
	zones, lines := map[string]pipeline.Zone{}, map[string]pipeline.Line{}
	for id, z := range c.Zones {
		spec, err := z.Pipeline(id)
		if err != nil {
			return err
		}
		zones[id] = spec
	}
	for id, l := range c.Lines {
		spec, err := l.Pipeline(id)
		if err != nil {
			return err
		}
		lines[id] = spec
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zones, p.lines = zones, lines
	wantedZones, wantedLines := maps.Clone(zones), maps.Clone(lines)
	for id, e := range p.doc.Zones {
		switch {
		case e.Base != digest(zones, id): // the configuration has something new to say
			delete(p.doc.Zones, id)
		case e.Spec == nil:
			delete(wantedZones, id)
		default:
			wantedZones[id] = *e.Spec
		}
	}
	for id, e := range p.doc.Lines {
		switch {
		case e.Base != digest(lines, id):
			delete(p.doc.Lines, id)
		case e.Spec == nil:
			delete(wantedLines, id)
		default:
			wantedLines[id] = *e.Spec
		}
	}
	var errs []error
	now := p.counter.Counts()
	for i := range now.Zones {
		if _, ok := wantedZones[now.Zones[i].ID]; !ok {
			errs = append(errs, p.counter.DeleteZone(now.Zones[i].ID))
		}
	}
	for i := range now.Lines {
		if _, ok := wantedLines[now.Lines[i].ID]; !ok {
			errs = append(errs, p.counter.DeleteLine(now.Lines[i].ID))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wantedZones)) {
		errs = append(errs, p.counter.SetZone(wantedZones[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(wantedLines)) {
		errs = append(errs, p.counter.SetLine(wantedLines[id]))
	}
	return errors.Join(errs...)
}

// survey gives the counter the ground plane of the configuration. The camera must not run.
func (p *places) survey(c config.Camera) error {
	plane, size, err := c.Ground.Plane()
	if err != nil {
		return fmt.Errorf("camera %q: ground: %w", p.camera, err)
	}
	p.counter.Ground, p.counter.GroundSize = nil, size
	if plane != nil {
		p.counter.Ground = plane
	}
	return nil
}

// Counts implements pipeline.Places.
func (p *places) Counts() *pipeline.Counts { return p.counter.Counts() }

// SetZone implements pipeline.Places. The change is kept.
func (p *places) SetZone(z pipeline.Zone) error {
	if err := config.CheckZoneName(z.ID, p.others()); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.counter.SetZone(z); err != nil {
		return err
	}
	p.editZone(z.ID, &z)
	return p.save()
}

// editZone notes what the API made of a zone. Call it with mu held.
func (p *places) editZone(id string, spec *pipeline.Zone) {
	if p.doc.Zones == nil {
		p.doc.Zones = map[string]zoneEdit{}
	}
	p.doc.Zones[id] = zoneEdit{digest(p.zones, id), spec}
	if _, configured := p.zones[id]; !configured && spec == nil {
		delete(p.doc.Zones, id)
	}
}

// DeleteZone implements pipeline.Places. The change is kept.
func (p *places) DeleteZone(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.counter.DeleteZone(id); err != nil {
		return err
	}
	p.editZone(id, nil)
	return p.save()
}

// SetLine implements pipeline.Places. The change is kept.
func (p *places) SetLine(l pipeline.Line) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.counter.SetLine(l); err != nil {
		return err
	}
	p.editLine(l.ID, &l)
	return p.save()
}

func (p *places) editLine(id string, spec *pipeline.Line) {
	if p.doc.Lines == nil {
		p.doc.Lines = map[string]lineEdit{}
	}
	p.doc.Lines[id] = lineEdit{digest(p.lines, id), spec}
	if _, configured := p.lines[id]; !configured && spec == nil {
		delete(p.doc.Lines, id)
	}
}

// DeleteLine implements pipeline.Places. The change is kept.
func (p *places) DeleteLine(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.counter.DeleteLine(id); err != nil {
		return err
	}
	p.editLine(id, nil)
	return p.save()
}

// ResetZone implements pipeline.Places.
func (p *places) ResetZone(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.counter.ResetZone(id), p.save())
}

// ResetLine implements pipeline.Places.
func (p *places) ResetLine(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.counter.ResetLine(id), p.save())
}

// save keeps edits and counts. Call it with mu held.
func (p *places) save() error {
	if p.keep == nil {
		return nil
	}
	p.saved, p.at = p.counter.Counts(), time.Now()
	p.doc.Counts = p.saved
	p.pinSizes()
	var value []byte // none: there is nothing to keep
	if len(p.doc.Zones)+len(p.doc.Lines)+len(p.saved.Zones)+len(p.saved.Lines) > 0 {
		var err error
		if value, err = json.Marshal(p.doc); err != nil {
			return fmt.Errorf("keep zones and lines of camera %q: %w", p.camera, err)
		}
	}
	return p.keep.Keep(p.key(), value)
}

// pinSizes gives what the API made without a size the size of the stream, once that is known:
// the stream may be another one after a restart. Call it with mu held.
func (p *places) pinSizes() {
	for i := range p.saved.Zones {
		z := &p.saved.Zones[i].Zone
		if e := p.doc.Zones[z.ID]; e.Spec != nil && e.Spec.Size != z.Size {
			spec := *e.Spec
			spec.Size = z.Size
			p.doc.Zones[z.ID] = zoneEdit{e.Base, &spec}
		}
	}
	for i := range p.saved.Lines {
		l := &p.saved.Lines[i].Line
		if e := p.doc.Lines[l.ID]; e.Spec != nil && e.Spec.Size != l.Size {
			spec := *e.Spec
			spec.Size = l.Size
			p.doc.Lines[l.ID] = lineEdit{e.Base, &spec}
		}
	}
}

// saveEvery is the time between two savings of counts that change.
const saveEvery = 10 * time.Second

// changed keeps the counts of a frame when they are new, now and then.
func (p *places) changed(c *pipeline.Counts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c != p.saved && time.Since(p.at) >= saveEvery {
		_ = p.save() // tried again with the next change, and told by the store
	}
}

// placesBook holds the places of all cameras, also of those that are gone from the
// configuration and may come back. As a sink it keeps their counts, while they
// change and at the end; so it is closed before the store.
type placesBook struct {
	keep    valueStore
	cameras func() []string // that there are

	mu     sync.Mutex
	places map[string]*places
}

var _ pipeline.Sink = (*placesBook)(nil)

// open returns the places of a camera that starts, in line with its configuration. A camera
// that starts anew goes on with those that it had.
func (b *placesBook) open(ctx context.Context, camera string, c config.Camera) (*places, error) {
	p := b.of(camera)
	if p != nil {
		return p, errors.Join(p.adopt(c), p.survey(c))
	}
	p = &places{camera: camera, others: b.cameras, keep: b.keep}
	if err := errors.Join(p.initialize(ctx, c), p.survey(c)); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.places == nil {
		b.places = map[string]*places{}
	}
	b.places[camera] = p
	return p, nil
}

func (b *placesBook) of(camera string) *places {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.places[camera]
}

// adopt brings the places of a camera that runs on in line with its configuration.
func (b *placesBook) adopt(camera string, c config.Camera) error {
	if p := b.of(camera); p != nil {
		return p.adopt(c)
	}
	return nil
}

// Publish keeps counts that have changed.
func (b *placesBook) Publish(r *pipeline.Result) {
	if r.Counts == nil {
		return
	}
	if p := b.of(r.Frame.Camera); p != nil {
		p.changed(r.Counts)
	}
}

// Close keeps all counts.
func (b *placesBook) Close() error {
	b.mu.Lock()
	all := slices.Collect(maps.Values(b.places))
	b.mu.Unlock()
	var errs []error
	for _, p := range all {
		p.mu.Lock()
		errs = append(errs, p.save())
		p.mu.Unlock()
	}
	return errors.Join(errs...)
}
