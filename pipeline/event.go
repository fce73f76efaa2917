package pipeline

import "time"

// EventKind names what happened.
type EventKind string

// The events of a track's life. Zone, line and obstacle events add kinds of their own.
const (
	EventStarted EventKind = "started" // confirmed: the id is new
	EventUpdated EventKind = "updated" // something a subscriber cares about changed
	EventLost    EventKind = "lost"
	EventResumed EventKind = "resumed"
	EventEnded   EventKind = "ended"
)

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
// started once, then updated, lost and resumed in any number, ended once.
type Event struct {
	ID     string         `json:"id"`
	Camera string         `json:"camera"`
	Kind   EventKind      `json:"kind"`
	Time   time.Time      `json:"time"` // capture time
	Seq    uint64         `json:"seq"`  // frame
	Track  Track          `json:"track"`
	Reason EndReason      `json:"reason,omitempty"`
	Data   map[string]any `json:"data,omitempty"`
}
