package pipeline

// WarningLevel grades an obstacle: 0 none, 1 notice, 2 caution, 3 warning, 4 critical.
type WarningLevel int

// Obstacle is a track that stands on the road ahead. Distances are metres in the road frame
// (X forward from the front bumper, Y left); NaN never appears: what is unknown is absent.
type Obstacle struct {
	TrackID    uint64       `json:"track_id"`
	Contact    Point        `json:"contact"`       // where it meets the ground, frame pixels
	Distance   *float64     `json:"distance_m"`    // nil when uncalibrated
	DistanceLo *float64     `json:"distance_lo_m"` // 95 % interval
	DistanceHi *float64     `json:"distance_hi_m"` // nil when open
	Lateral    *float64     `json:"lateral_m"`     // left positive
	Closing    *float64     `json:"closing_mps"`   // positive when it comes nearer
	TTC        *float64     `json:"ttc_s"`         // nil when not closing
	InCorridor bool         `json:"in_corridor"`
	Level      WarningLevel `json:"level"`
}
