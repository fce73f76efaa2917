// Package flow follows points from one frame to the next: corners (Shi and Tomasi, CVPR 1994)
// and pyramidal Lucas-Kanade (Bouguet 2000) in plain Go, for whoever needs the motion of the
// picture: camera motion, self-calibration, time to collision.
//
//	var a, b flow.Image
//	a.Load(first.Data, first.Width, first.Height)
//	b.Load(second.Data, second.Width, second.Height)
//	points := a.Corners(nil, 24, pipeline.Box{X2: float64(first.Width), Y2: float64(first.Height)})
//	tracker.Track(&a, &b, points, moved, ok)
//
// [Pair] keeps the newest two frames of a stream small, for measurements in every frame, [Fit]
// finds the similarity that most pairs of points agree on, by RANSAC, and [Camera] the camera's
// motion, resting while nothing moves.
//
// Positions are frame pixels with (0, 0) at the outer corner of the top left pixel. Frames wider
// than MaxWidth are reduced first. All buffers are kept: steady use allocates nothing. Nothing
// here is safe for concurrent use.
package flow
