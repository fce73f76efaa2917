package pipeline

import (
	"encoding/json"
	"errors"
)

// ErrCalibration is a calibration that cannot be.
var ErrCalibration = errors.New("calibration refused")

// Calibration is what is known of how a camera turns pixels into metres, for people and
// machines to look at. Angles are degrees: pitch is positive when the camera looks down, roll when
// the horizon falls to the right, yaw when it looks left of the direction of travel.
type Calibration struct {
	Status string `json:"status"`           // UNCALIBRATED, CALIBRATED or INVALID; metres only when CALIBRATED
	Reason string `json:"reason,omitempty"` // why it is not CALIBRATED
	// From says where the mount comes from: given, or driving.
	From     string  `json:"from,omitempty"`
	Pitch    float64 `json:"pitch_deg"`
	Roll     float64 `json:"roll_deg"`
	Yaw      float64 `json:"yaw_deg"`
	Height   float64 `json:"height_m"`
	PitchSD  float64 `json:"pitch_sd_deg"` // standard deviations
	YawSD    float64 `json:"yaw_sd_deg"`
	HeightSD float64 `json:"height_sd_m"`
	Blocks   int     `json:"blocks"` // of straight driving, when it learns
	Need     int     `json:"need"`   // blocks before it is CALIBRATED
}

// Calibrator is the calibration of one camera, to look at and to change. Safe for concurrent use.
type Calibrator interface {
	// Calibration is what is known as of now.
	Calibration() Calibration
	// Settings are the lens and the mount that it works with, as JSON; nil when neither is known.
	Settings() json.RawMessage
	// SetCalibration takes a calibration file of any format that the program reads instead of
	// what it worked with, and keeps it over restarts. An error wraps ErrCalibration when the file
	// is at fault, and then nothing has changed.
	SetCalibration(file []byte) error
	// ClearCalibration goes back to what the configuration says.
	ClearCalibration() error
}
