package calib

// Status says whether metres can be had of a camera.
type Status string

// The states of a calibration.
const (
	// Uncalibrated: the camera model or its mount is not known, or not yet; no metres.
	Uncalibrated Status = "UNCALIBRATED"
	// Calibrated: metres are given, with their spread.
	Calibrated Status = "CALIBRATED"
	// Invalid: what is known cannot be right (out of limits, spread too far, of another picture
	// size); no metres until it is mended.
	Invalid Status = "INVALID"
)
