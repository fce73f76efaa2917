package pipeline

import "time"

// EventKind names what happened.
type EventKind string

// The events of a track's life.
const (
	EventStarted EventKind = "started" // confirmed: the id is new
	EventUpdated EventKind = "updated" // something a subscriber cares about changed
	EventLost    EventKind = "lost"
	EventResumed EventKind = "resumed"
	EventEnded   EventKind = "ended"
)

// The events of zones and lines, and of what rests and moves.
const (
	EventZoneEnter   EventKind = "zone_enter"   // Data "appeared": first seen inside
	EventZoneLeave   EventKind = "zone_leave"   // Data "dwell_s", "vanished": last seen inside
	EventLoitering   EventKind = "loitering"    // Data "dwell_s"; once a stay
	EventTrip        EventKind = "trip"         // Data "from", "seconds"
	EventLineCrossed EventKind = "line_crossed" // Data "direction", "crossed_at", "point"
	EventLeftBehind  EventKind = "left_behind"  // Data "owner", "rests_s"
	EventRemoved     EventKind = "removed"      // Data "rested_s"
	EventStationary  EventKind = "stationary"
	EventMoving      EventKind = "moving"
)

// EventObstacle tells that a road obstacle has reached a warning level of caution or more.
const EventObstacle EventKind = "obstacle"

// EndReason says why a track ended.
type EndReason string

// The reasons.
const (
	EndTimeout EndReason = "timeout"
	EndLeft    EndReason = "left"
	EndPrompt  EndReason = "prompt removed"
	EndReset   EndReason = "stream reset"
)

// Event is something that happened on a camera at the time of one frame. ID is unique and
// sorts by time; consumers drop what they have seen. Events of one track are in order:
// started once, then updated, lost and resumed in any number, ended once. Events of zones and
// lines lie between; zone_leave and removed of an object that was not seen to go come after
// the end of its track.
type Event struct {
	ID     string         `json:"id"`
	Camera string         `json:"camera"`
	Kind   EventKind      `json:"kind"`
	Time   time.Time      `json:"time"` // capture time
	Seq    uint64         `json:"seq"`  // frame
	Track  Track          `json:"track"`
	Reason EndReason      `json:"reason,omitempty"`
	Zone   string         `json:"zone,omitempty"`
	Line   string         `json:"line,omitempty"`
	Data   map[string]any `json:"data,omitempty"`
}

// Severity says how much an event matters to an operator.
type Severity string

// The severities.
const (
	Routine   Severity = ""          // the life of a track that nobody asked for
	Detection Severity = "detection" // an object of a prompt came, came back, moved or went
	Alert     Severity = "alert"     // a zone, a line or an obstacle is involved
)

// Severity grades the event.
func (e *Event) Severity() Severity {
	switch e.Kind {
	case EventUpdated, EventLost, EventStationary:
		return Routine
	case EventStarted, EventResumed, EventEnded, EventMoving:
		if e.Track.PromptID == "" {
			return Routine
		}
		return Detection
	}
	return Alert
}

// Review is what people have said about an event.
type Review struct {
	Reviewed bool   `json:"reviewed"`       // somebody has seen it
	Flagged  bool   `json:"flagged"`        // it is worth coming back to
	Note     string `json:"note,omitempty"` // in their words
}

// ReviewedEvent is an event of the past with its review.
type ReviewedEvent struct {
	Event
	Review
}
