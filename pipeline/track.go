package pipeline

import (
	"time"

	"outrider/pipeline/mask"
)

// TrackState is where a track stands in its life.
type TrackState string

// The life of a track: tentative until confirmed, then confirmed or lost, at last ended. Only
// confirmed, lost and ended tracks are reported, and only they have an id.
const (
	Tentative TrackState = "tentative"
	Confirmed TrackState = "confirmed"
	Lost      TrackState = "lost"
	Ended     TrackState = "ended"
)

// Track is one object followed over time, as of one frame.
type Track struct {
	ID         uint64     `json:"id"` // unique for the life of the process, never reused, ascending
	PromptID   string     `json:"prompt_id,omitempty"`
	Box        Box        `json:"box"`
	Mask       *mask.Mask `json:"-"`        // the observed mask, or the last one moved by the motion; may be nil
	Velocity   Point      `json:"velocity"` // of the centre, frame pixels a second
	State      TrackState `json:"state"`
	Observed   bool       `json:"observed"` // seen in this frame, else predicted
	Score      float64    `json:"score"`
	Label      string     `json:"label,omitempty"`
	Similarity float64    `json:"similarity,omitempty"` // cosine behind Label
	Segment    int        `json:"-"`                    // index into Result.Segments when observed, else -1
	Parent     uint64     `json:"parent,omitempty"`     // the track that this one is a part of
	Stuff      bool       `json:"stuff,omitempty"`      // background such as road or sky: no events
	Stationary bool       `json:"stationary,omitempty"` // at rest for some seconds
	Zones      uint64     `json:"-"`                    // bit i: counted inside Result.Counts.Zones[i]
	Speed      Speed      `json:"speed,omitzero"`       // over the ground, on a calibrated camera
	Epoch      uint32     `json:"epoch"`
	Hits       int        `json:"hits"`
	FirstSeen  time.Time  `json:"first_seen"`
	LastSeen   time.Time  `json:"last_seen"`
}

// Age is how long the track has been known at time t.
func (t *Track) Age(now time.Time) time.Duration { return now.Sub(t.FirstSeen) }

// Speed is the motion of an object over the ground. The zero Speed is unknown.
type Speed struct {
	MPS     float64 `json:"mps"`       // metres a second
	Error   float64 `json:"error_mps"` // half of the 95 % interval
	Heading float64 `json:"heading"`   // degrees on the ground, clockwise from its x axis, 0 to 360
}
