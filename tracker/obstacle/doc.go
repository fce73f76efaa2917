// Package obstacle says what stands on the road ahead of a camera that drives: how far it is,
// how fast it comes nearer, and whether that deserves a warning.
//
// It knows no classes. Whatever is cut out of the picture and followed is an obstacle when it
// meets the ground on drivable road in the path of the vehicle, stands up from the ground, and
// is not tiny:
//
//   - the contact: the row at which the mask meets the ground (contact.go);
//   - the range: a Kalman filter on the logarithm of the inverse distance, its rate (the inverse
//     of the time to collision) and the object's size, fed with the contact's place on the
//     ground and with the growth of the picture of the object (range.go);
//   - does it stand: a thing that stands keeps the ratio of the inverse distances of its upper
//     and lower edge, a thing painted on the ground keeps the difference of the distances
//     (standing.go);
//   - the path: straight, from the yaw rate, or from the edges of the drivable surface
//     (path.go, surface.go);
//   - the level: thresholds on time, distance and deceleration, with hysteresis (grade.go,
//     level.go).
//
// [Stage] is the pipeline stage that puts them together. Without a calibrated camera it gives
// times to collision and levels, but no metres.
//
// What is not here: the camera model and the ground plane (calib), the detection of lanes, and
// the reading of the vehicle's speed (egomotion).
package obstacle
