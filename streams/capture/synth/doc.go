// Package synth renders a moving road scene of which everything is known: the camera's
// geometry, and each object's box, mask, distance, speed and time to collision. It is the
// camera that works on every machine (source "synth:road") and the ground on which tests of
// tracker and obstacles stand.
//
// A [Scene] is a pure function of its seed and of time: the same seed renders the same
// bytes. The world is laid out cell by cell along the road from hashes of the seed, so it
// never ends and never repeats. [Source] turns a scene into a pipeline.Source.
//
// The frames of reference are those of the road stage: the camera looks along z with x right
// and y down; the road frame has X forward, Y left, Z up, its origin on the ground under the
// camera. Lens distortion is not rendered.
package synth
