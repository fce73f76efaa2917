// Package road finds how a camera is mounted from ordinary driving: pitch and yaw from the point
// that the picture's motion comes out of (focus of expansion) and from the point in which lane
// lines and house fronts meet, height when the speed or the width of the lane is known, and the
// pitch of each moment (braking, bumps) from the motion of the ground.
//
//	e := road.Estimator{Camera: cam}
//	err := e.Initialize()
//	for each frame { m := e.Frame(data, w, h, t, speed) }
//	s := e.State()
//
// One pair of frames says little, so readings are gathered in blocks and the blocks' medians are
// averaged, as openpilot's calibrationd does (blocks, validity after five, limits, spread): a
// [State] is UNCALIBRATED until there are enough blocks, CALIBRATED while they agree and lie
// within what a road camera can be, else INVALID. It can be saved and taken up again.
//
// The package needs a camera model and never guesses one. It takes steering, standing still,
// reverse and darkness for what they are: no reading.
package road
