package obstacle

import "outrider/pipeline"

// Ego is how the vehicle moves, as far as that is known.
type Ego struct {
	Speed    float64 // m/s, negative in reverse
	HasSpeed bool
	YawRate  float64 // radians a second, positive to the left
	HasYaw   bool
}

// EgoSource tells how the vehicle moved when a frame was taken.
type EgoSource interface {
	Ego(f *pipeline.Frame) Ego
}
