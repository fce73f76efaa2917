// Package tracker follows the objects of one video stream: it turns each frame's segments
// (or plain boxes) into tracks that keep their id.
//
// [Core] is the association itself, on boxes, masks and seconds, for whoever has detections.
// A Step predicts every track with a constant-velocity Kalman filter per box axis, gates the
// pairs of tracks and detections by overlap, assigns them at the least total cost with
// shortest augmenting paths, in stages (high scores, low scores, last seen place, newcomers),
// and moves each track through its life: tentative, confirmed, lost, ended.
// [Tracker] is the pipeline stage around it: it reads a result's segments, writes tracks and
// events, and lets prompts pin, start and name tracks.
//
// Segment-everything streams have properties that detectors do not: objects nest (a coat in
// a person), the same object comes whole in one frame and in parts in the next, and much of
// the picture is background. Where detections have masks the core compares masks, keeps
// parts and wholes apart by their areas, bridges a whole by its parts, and keeps road and
// sky in a pool of their own.
//
// Objects that a user pointed at are held: Tracker keeps a soft shape of each, moves it with
// the object's own pixels (package pipeline/flow), lets the segments of each frame correct it, and
// claims what is its own before the others are associated. What lies under the shape must
// keep the object's colours; a segment elsewhere is taken only when it alone fits.
//
// The methods are those of SORT, ByteTrack (arXiv 2110.06864), OC-SORT (2203.14360),
// Hybrid-SORT (2308.00783) and TrackTrack (CVPR 2025), with measurement noise learnt from
// the stream. There is no appearance model here but the colours of held objects:
// package prompt uses one where it needs it.
//
// The package does not detect, segment or read video, and it knows no classes.
package tracker
