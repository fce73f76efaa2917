package pipeline

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
)

// CameraState is what a camera is doing.
type CameraState string

// The states of a camera.
const (
	CameraConnecting CameraState = "connecting"
	CameraStreaming  CameraState = "streaming"
	CameraStalled    CameraState = "stalled" // open, but no frame for longer than the stall limit
	CameraRetrying   CameraState = "retrying"
	CameraEnded      CameraState = "ended" // a file at its end
	CameraStopped    CameraState = "stopped"
)

// CameraStatus is a camera as of now.
type CameraStatus struct {
	Name       string      `json:"name"`
	Source     string      `json:"source"` // without secrets
	State      CameraState `json:"state"`
	Since      time.Time   `json:"since"`
	Error      string      `json:"error,omitempty"`  // why it is not streaming, without secrets
	Paused     bool        `json:"paused,omitempty"` // its analysis is switched off; the picture goes on
	Width      int         `json:"width,omitempty"`
	Height     int         `json:"height,omitempty"`
	FPS        float64     `json:"fps"`         // analysed frames a second, over the last seconds
	CaptureFPS float64     `json:"capture_fps"` // captured frames a second
	Frames     uint64      `json:"frames"`      // captured
	Processed  uint64      `json:"processed"`   // analysed
	Dropped    uint64      `json:"dropped"`     // captured, not analysed because a newer one came
	Reconnects uint64      `json:"reconnects"`
	Tracks     int         `json:"tracks"`       // live now
	TracksSeen uint64      `json:"tracks_total"` // started since the start
	LatencyMS  float64     `json:"latency_ms"`   // capture to result, of the newest frame
	LastFrame  time.Time   `json:"last_frame,omitzero"`

	Calibration *Calibration `json:"calibration,omitempty"`
}

// ErrNoPrompt is returned for a prompt id that the camera does not have.
var ErrNoPrompt = errors.New("no such prompt")

// ErrNoTrack is returned for a track id that the newest frame does not have.
var ErrNoTrack = errors.New("no such track in the newest frame")

// ErrPromptExists is returned when a prompt's id is taken.
var ErrPromptExists = errors.New("a prompt of this id exists")

// UnknownCameraError names the cameras that exist.
type UnknownCameraError struct {
	Name  string
	Known []string
}

func (e *UnknownCameraError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("camera %q: unknown; no camera is configured", e.Name)
	}
	k := append([]string(nil), e.Known...)
	sort.Strings(k)
	return fmt.Sprintf("camera %q: unknown; the cameras are %s", e.Name, strings.Join(k, ", "))
}

func quote(s string) string { return fmt.Sprintf("%q", s) }
