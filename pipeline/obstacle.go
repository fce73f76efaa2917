package pipeline

// WarningLevel grades an obstacle.
type WarningLevel int

// The levels.
const (
	LevelNone     WarningLevel = iota
	LevelNotice                // within the stopping distance
	LevelCaution               // the driver should look
	LevelWarning               // the driver should brake
	LevelCritical              // at once
)

// String is the level's name: none, notice, caution, warning, critical.
func (l WarningLevel) String() string {
	names := [...]string{"none", "notice", "caution", "warning", "critical"}
	if l < 0 || int(l) >= len(names) {
		return "unknown"
	}
	return names[l]
}

// Obstacle is a track that stands on the road ahead. Distances are metres in the road frame
// (X forward from the front bumper, Y left); NaN never appears: what is unknown is absent.
type Obstacle struct {
	TrackID    uint64       `json:"track_id"`
	Contact    Point        `json:"contact"`       // where it meets the ground, frame pixels
	Distance   *float64     `json:"distance_m"`    // nil when uncalibrated
	DistanceLo *float64     `json:"distance_lo_m"` // 95 % interval
	DistanceHi *float64     `json:"distance_hi_m"` // nil when open
	Lateral    *float64     `json:"lateral_m"`     // of its middle, left positive
	Width      *float64     `json:"width_m"`
	Height     *float64     `json:"height_m"`
	Closing    *float64     `json:"closing_mps"` // positive when it comes nearer
	TTC        *float64     `json:"ttc_s"`       // nil when not closing
	TTCSigma   *float64     `json:"ttc_sigma_s"` // its standard deviation, nil when TTC is
	Motion     Motion       `json:"motion"`
	InCorridor bool         `json:"in_corridor"`
	Level      WarningLevel `json:"level"`
}

// Motion says whether an obstacle moves over the ground.
type Motion string

// The motions.
const (
	MotionUnknown Motion = "unknown"
	MotionStatic  Motion = "static"
	MotionMoving  Motion = "moving"
)

// RoadStatus says what distances can be trusted.
type RoadStatus string

// The states of a road camera's calibration.
const (
	RoadUncalibrated RoadStatus = "UNCALIBRATED" // times to collision, but no metres
	RoadCalibrated   RoadStatus = "CALIBRATED"
	RoadInvalid      RoadStatus = "INVALID" // the calibration cannot be right: no metres
)

// Road is what is known of the road in one frame. The zero value means that nobody looked.
type Road struct {
	Status RoadStatus `json:"status"`
	Reason string     `json:"reason,omitempty"` // why it is INVALID
	Path   []Point    `json:"path"`             // outline of the way ahead, frame pixels: left edge away, right edge back
	Free   []Point    `json:"free_space"`       // upper end of the free road, column by column from the left, frame pixels
	Speed  *float64   `json:"ego_mps"`          // of the vehicle, nil when unknown
	Pitch  *float64   `json:"pitch_deg"`        // of the camera as the stage corrected it, nil when uncalibrated
}

// Clone returns a copy that shares no memory with o.
func (o Obstacle) Clone() Obstacle {
	for _, p := range []**float64{&o.Distance, &o.DistanceLo, &o.DistanceHi, &o.Lateral, &o.Width, &o.Height, &o.Closing, &o.TTC, &o.TTCSigma} {
		if *p != nil {
			v := **p
			*p = &v
		}
	}
	return o
}
