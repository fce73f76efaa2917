// Package flow measures motion in the pictures of one stream: where points went between two
// frames, and how the camera moved.
//
// [Tracker] keeps the newest two frames as small grey pyramids and follows points from one to
// the other with the method of Lucas and Kanade, coarse to fine (Bouguet, "Pyramidal
// Implementation of the Lucas Kanade Feature Tracker", 2000). [Fit] finds the similarity
// (shift, turn and scale) that most pairs of points agree on, by RANSAC. [Camera] puts both
// together for the whole picture and rests while nothing moves.
//
// It is plain Go, without OpenCV, and takes about a millisecond a frame at the width of 320
// pixels that it works at.
package flow
