package pipeline

import (
	"errors"
	"time"
)

// Direction says which way a line was crossed.
type Direction string

// The directions; [Line] says which is which.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Counts are what a camera's zones and lines have counted, as of one frame. Immutable: results
// share it until something changes.
type Counts struct {
	Zones []ZoneCount `json:"zones"` // by id; Track.Zones has their indexes
	Lines []LineCount `json:"lines"` // by id
}

// ZoneCount is a zone and who is and was in it. Entered + Appeared - Left - Vanished is Inside,
// except that a reset sets all four to zero and leaves who is inside.
type ZoneCount struct {
	Zone
	Outline [][]Point `json:"-"` // frame pixels: the polygon, then its holes

	Inside        int            `json:"inside"`                    // objects now
	Active        int            `json:"active"`                    // of them, those that are not stationary
	ByLabel       map[string]int `json:"inside_by_label,omitempty"` // objects now; those without a label are "object"
	ActiveByLabel map[string]int `json:"active_by_label,omitempty"` // of them, those that are not stationary
	Entered       uint64         `json:"entered"`                   // came in from outside
	Appeared      uint64         `json:"appeared"`                  // were first seen inside
	Left          uint64         `json:"left"`                      // went out
	Vanished      uint64         `json:"vanished"`                  // were last seen inside
	Loiters       uint64         `json:"loiters"`                   // stays that became loitering
	Trips         []TripCount    `json:"trips,omitempty"`           // in the order of Zone.TripsFrom
	Since         time.Time      `json:"since"`                     // of the last reset
}

// ZonesOf returns the ids of the zones that a track of the same result is counted in. It may be
// called on nil.
func (c *Counts) ZonesOf(t *Track) []string {
	if c == nil || t.Zones == 0 {
		return nil
	}
	var ids []string
	for i := range c.Zones {
		if t.Zones&(1<<i) != 0 {
			ids = append(ids, c.Zones[i].ID)
		}
	}
	return ids
}

// TripCount counts trips from one zone to another.
type TripCount struct {
	From    string  `json:"from"`
	Count   uint64  `json:"count"`
	Seconds float64 `json:"mean_s"` // mean time from leaving there to entering here
}

// LineCount is a line and its crossings.
type LineCount struct {
	Line
	Ends [2]Point `json:"-"` // frame pixels

	In      uint64          `json:"in"`  // from side A to side B
	Out     uint64          `json:"out"` // from side B to side A
	ByLabel []LabelCrossing `json:"by_label,omitempty"`
	Last    time.Time       `json:"last,omitzero"` // of the newest crossing
	Since   time.Time       `json:"since"`         // of the last reset
}

// LabelCrossing counts the crossings of objects of one label.
type LabelCrossing struct {
	Label string `json:"label"`
	In    uint64 `json:"in"`
	Out   uint64 `json:"out"`
}

// Unlabelled is the label under which objects without one are counted.
const Unlabelled = "object"

// ErrNoPlace is returned for the id of a zone or line that the camera does not have.
var ErrNoPlace = errors.New("no such zone or line")

// Places are the zones and lines of one camera's stream. Safe for concurrent use.
type Places interface {
	// Counts returns all zones and lines as of the newest frame; never nil.
	Counts() *Counts
	// SetZone adds a zone or changes the one of its id, keeping its counts when its geometry
	// stays. The error is a *PlaceError.
	SetZone(z Zone) error
	// SetLine does the same for a line.
	SetLine(l Line) error
	// DeleteZone removes a zone, or returns ErrNoPlace.
	DeleteZone(id string) error
	// DeleteLine removes a line, or returns ErrNoPlace.
	DeleteLine(id string) error
	// ResetZone sets a zone's totals to zero; who is inside stays. Or it returns ErrNoPlace.
	ResetZone(id string) error
	// ResetLine sets a line's totals to zero, or returns ErrNoPlace.
	ResetLine(id string) error
}
