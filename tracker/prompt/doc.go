// Package prompt keeps the prompts of one camera's stream: what a user points at with a
// click, a box, a mask or words becomes a track that is followed until the prompt is deleted.
//
// [Set] is both a [pipeline.Stage], run after the tracker, and the camera's
// [pipeline.Prompts]. A point takes the smallest segment that holds it (Level steps outward),
// a box and a mask the segment that overlaps them most; a mask that no segment meets is followed
// as it was drawn. The last seconds of segments are
// kept, so that a prompt with a frame time is answered on the picture that the user saw and
// carried from there to the present. Words are compared with embeddings of the tracks, a few
// a frame, and go on collecting tracks as they appear.
//
// A prompt that finds nothing is not an error: it is answered "nothing there", stays in
// state searching, and is answered later if an object settles at its place. No track is made
// up meanwhile, except from a mask that the user drew. A prompt whose object is lost for good searches too, and takes a new track
// only when there is exactly one candidate that fits: a wrong jump is worse than a loss.
//
// The package reaches the tracker through the interface [Tracks] and models through the
// encoders of pipeline. It stores nothing: whoever wants prompts to survive a restart lists
// them with their [Set.Memory] and gives both to [Set.Recall].
package prompt
