package mqtt

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"outrider/pipeline"
)

// The types of messages on <prefix>/events.
const (
	typeNew    = "new"
	typeUpdate = "update"
	typeEnd    = "end"
)

// cameraEvent is the payload of <prefix>/<camera>/event, for Home Assistant's event entity.
type cameraEvent struct {
	EventType string         `json:"event_type"`
	EventID   string         `json:"event_id"`
	ID        string         `json:"id"`
	TrackID   uint64         `json:"track_id"`
	Label     string         `json:"label"`
	Score     float64        `json:"score"`
	Box       pipeline.Box   `json:"box"`
	Zone      string         `json:"zone,omitempty"`
	Line      string         `json:"line,omitempty"`
	Data      map[string]any `json:"data,omitempty"`
}

// messages makes what is to be told of a result: its events, and an update for each track
// that began or stopped moving or was silent for a minute. Called once a result, in order.
func (p *Publisher) messages(r *pipeline.Result) []pipeline.OutboxMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.view(r.Frame.Camera)
	var out []pipeline.OutboxMessage
	for i := range r.Events {
		out = p.tellEvent(out, v, &r.Events[i], r)
	}
	now := r.Frame.Captured
	for i := range r.Tracks {
		t := &r.Tracks[i]
		o := v.objects[t.ID]
		if o == nil {
			continue
		}
		flipped := o.observe(t, r.Frame)
		if flipped || now.Sub(o.told) >= updateEvery {
			e := pipeline.Event{ID: newID(), Camera: r.Frame.Camera, Kind: pipeline.EventUpdated, Time: now, Seq: r.Frame.Seq, Track: *t}
			out = p.tellEvent(out, v, &e, r)
		}
	}
	status := v.reviewStatus()
	if out = p.takeReview(out, v, r); v.reviewStatus() != status {
		p.changed()
	}
	return out
}

// tellEvent appends the message of one event of a track's life.
func (p *Publisher) tellEvent(out []pipeline.OutboxMessage, v *view, e *pipeline.Event, r *pipeline.Result) []pipeline.OutboxMessage {
	t := &e.Track
	if t.Stuff {
		return out
	}
	o := v.objects[t.ID]
	kind := typeUpdate
	switch e.Kind {
	case pipeline.EventEnded:
		if o == nil {
			return out // never told of: nothing to end
		}
		kind = typeEnd
		delete(v.objects, t.ID)
	case pipeline.EventStarted, pipeline.EventUpdated, pipeline.EventLost, pipeline.EventResumed:
		if o == nil {
			kind = typeNew
			o = newObject(e.Camera, t)
			v.objects[t.ID] = o
			o.observe(t, r.Frame)
		}
	default:
		if o == nil {
			return out
		}
	}
	o.told = e.Time
	o.rests(t) // told by this message
	d := o.describe(e, r)
	return p.render(out, v, o, kind, d)
}

func (p *Publisher) render(out []pipeline.OutboxMessage, v *view, o *object, kind string, d *eventObject) []pipeline.OutboxMessage {
	payload, err := o.message(kind, d)
	if err != nil {
		// Only Event.Data can hold what JSON cannot say.
		d.Ext.Data = nil
		if payload, err = o.message(kind, d); err != nil {
			p.Log.Error("mqtt: render an event", "camera", d.Camera, "error", err)
			return out
		}
	}
	if p.HomeAssistant {
		told := kind
		if k := pipeline.EventKind(d.Ext.Kind); kind == typeUpdate && slices.Contains(placeEvents, k) {
			told = d.Ext.Kind
		}
		b, err := json.Marshal(cameraEvent{told, d.Ext.EventID, d.ID, d.Ext.TrackID, d.Label, d.Score, d.Ext.Box, d.Ext.Zone, d.Ext.Line, d.Ext.Data})
		if err == nil {
			p.send(p.topics.event(d.Camera), 0, b)
		}
	}
	return append(out, pipeline.OutboxMessage{
		Key: d.Camera + "/" + strconv.FormatUint(d.Ext.TrackID, 10), Topic: p.topics.events(),
		Payload: payload, Droppable: kind == typeUpdate,
	})
}

// endAll ends what is open on a camera that has stopped, since its tracker will not.
func (p *Publisher) endAll(v *view) []pipeline.OutboxMessage {
	var out []pipeline.OutboxMessage
	for id, o := range v.objects {
		delete(v.objects, id)
		d := *o.last
		end := unix(time.Now())
		o.seq++
		d.EndTime = &end
		d.Ext.EventID, d.Ext.EventSeq = newID(), o.seq
		d.Ext.Kind, d.Ext.State, d.Ext.Reason = string(pipeline.EventEnded), pipeline.Ended, endStopped
		out = p.render(out, v, o, typeEnd, &d)
	}
	return out
}

// endStopped is why a track ends when its camera is stopped.
const endStopped pipeline.EndReason = "camera stopped"

func newID() string {
	return uuid.Must(uuid.NewV7()).String() // random numbers never fail
}
