// Package overlay paints results on pictures: video with the overlay burned in, snapshots,
// annotated files.
//
// [Painter] draws a [pipeline.Result] on BGR pixels of any size: masks with outlines,
// predicted and lost tracks, labels, trails, obstacles. [Painter.DrawSegments] draws everything that a
// model cut, each piece in a colour of its own. Colours, dashes and marks are those of
// the dashboard, so that a track looks the same in every view; [TrackColor] gives the colour.
//
// It is pure Go without OpenCV, keeps its buffers, and allocates nothing in steady state. It
// does not encode pictures and does not decide which frame to draw on.
package overlay
