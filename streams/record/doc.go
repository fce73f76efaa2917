// Package record keeps pictures of what happened: for each object of interest its best
// snapshot, and clips of the moments around it, within a quota of the disk.
//
// [Recorder] is a sink of the engine. What interests is what an operator asked for (a track of
// a prompt), what stands in the way (an obstacle with a warning level) and what crosses a zone
// or a line; a segment-everything model has hundreds of other tracks.
//
// A clip begins some seconds before the moment and ends some seconds after the last one: the
// encoded video of the last seconds is always in memory, so that nothing is encoded twice.
// Clips are fragmented MP4 with VP9, which browsers play and which is whole up to its last
// second when the power goes. A standing object records nothing: only its coming, moving and
// going does.
//
// The files are their own index: name and folder say camera, time and importance, so that
// there is no database that could disagree with the disk. Old ones go by age, by the quota and
// by what the disk has left, the unimportant first and never a protected one. A full disk
// stops the recording, never the program; [Recorder.Health] tells.
package record
