package event

import "outrider/pipeline"

// Ground maps positions in a picture to positions on the ground.
type Ground interface {
	// Metres returns where on the ground the pixel at lies: its position in metres, y to the
	// left of x, and the covariance xx, xy, yy of its error in square metres. ok is false
	// where the picture shows no ground, such as above the horizon.
	Metres(at pipeline.Point) (pos pipeline.Point, cov [3]float64, ok bool)
}
