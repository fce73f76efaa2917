package mqtt

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"outrider/pipeline"
)

// reviewGap is how long nothing of note must happen on a camera until its review ends.
const reviewGap = 10 * time.Second

// review groups what happens on a camera while something of note does, so that people get one
// message for a visit and not one for each object (Frigate's reviews).
type review struct {
	start    time.Time
	last     time.Time // of the newest event of note
	severity pipeline.Severity
	told     []byte // the last "after"
	item     reviewItem
}

// reviewItem is a review as it is told.
type reviewItem struct {
	ID       string     `json:"id"`
	Camera   string     `json:"camera"`
	Start    float64    `json:"start_time"`
	End      *float64   `json:"end_time"`
	Severity string     `json:"severity"` // detection, alert
	Data     reviewData `json:"data"`
}

type reviewData struct {
	Detections []string `json:"detections"` // ids of <p>/events
	Objects    []string `json:"objects"`    // labels
	SubLabels  []string `json:"sub_labels"` // Frigate has them; none here
	Zones      []string `json:"zones"`
	Lines      []string `json:"lines"` // ours
	Audio      []string `json:"audio"`
}

type reviewMessage struct {
	Type   string          `json:"type"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// review takes in the events of a result and appends the messages that they make. Call it
// with mu held, after the events were told.
func (p *Publisher) takeReview(out []pipeline.OutboxMessage, v *view, r *pipeline.Result) []pipeline.OutboxMessage {
	changed := false
	for i := range r.Events {
		e := &r.Events[i]
		if e.Severity() == pipeline.Routine || e.Track.Stuff || v.review == nil && e.Kind == pipeline.EventEnded {
			continue
		}
		if v.review == nil {
			v.review = &review{start: e.Time, item: reviewItem{
				ID: newID(), Camera: e.Camera, Start: unix(e.Time),
				Data: reviewData{[]string{}, []string{}, []string{}, []string{}, []string{}, []string{}},
			}}
		}
		v.review.add(v, e)
		changed = true
	}
	w := v.review
	if w == nil {
		return out
	}
	// The life of an object may last for hours: while it stands there is nothing to review.
	if r.Frame.Captured.Sub(w.last) >= reviewGap {
		return p.endReview(out, v, w.last)
	}
	if changed {
		return p.tellReview(out, v)
	}
	return out
}

func (w *review) add(v *view, e *pipeline.Event) {
	if e.Time.After(w.last) {
		w.last = e.Time
	}
	if w.severity != pipeline.Alert {
		w.severity = e.Severity()
	}
	note := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) && len(*list) < maxLabels {
			*list = append(*list, s)
		}
	}
	d := &w.item.Data
	if o := v.objects[e.Track.ID]; o != nil {
		note(&d.Detections, o.last.ID)
	}
	note(&d.Objects, label(&e.Track))
	note(&d.Zones, e.Zone)
	note(&d.Lines, e.Line)
}

// tellReview appends a message when the review differs from what was told of it.
func (p *Publisher) tellReview(out []pipeline.OutboxMessage, v *view) []pipeline.OutboxMessage {
	w := v.review
	w.item.Severity = string(w.severity)
	after, err := json.Marshal(w.item)
	if err != nil {
		p.Log.Error("mqtt: render a review", "camera", w.item.Camera, "error", err)
		return out
	}
	kind := typeUpdate
	switch {
	case w.told == nil:
		kind, w.told = typeNew, after
	case w.item.End != nil:
		kind = typeEnd
	case string(after) == string(w.told):
		return out
	}
	payload, err := json.Marshal(reviewMessage{kind, w.told, after})
	if err != nil {
		p.Log.Error("mqtt: render a review", "camera", w.item.Camera, "error", err)
		return out
	}
	w.told = after
	return append(out, pipeline.OutboxMessage{
		Key: w.item.Camera + "/review/" + strconv.FormatInt(w.start.UnixMicro(), 10), Topic: p.topics.reviews(),
		Payload: payload, Droppable: kind == typeUpdate,
	})
}

func (p *Publisher) endReview(out []pipeline.OutboxMessage, v *view, at time.Time) []pipeline.OutboxMessage {
	end := unix(at)
	v.review.item.End = &end
	out = p.tellReview(out, v)
	v.review = nil
	return out
}

// reviewStatus is the payload of <p>/<cam>/review_status. Call it with mu held.
func (v *view) reviewStatus() string {
	switch {
	case v.review == nil:
		return "NONE"
	case v.review.severity == pipeline.Alert:
		return "ALERT"
	}
	return "DETECTION"
}
