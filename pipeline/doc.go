// Package pipeline is outrider's vocabulary and the engine that moves it.
//
// The vocabulary: a camera yields [Frame] values; a [Segmenter] cuts each into [Segment]
// values; a chain of [Stage] values (tracker, prompts, events, obstacles) turns segments into
// [Track], [Obstacle] and [Event] values; all of it leaves as one [Result] to every [Sink].
//
// The engine: one goroutine reads a camera and puts frames into a mailbox (newest wins for
// live sources, back pressure for files), one per camera runs the chain, a batcher shares
// the segmenter among cameras, and each sink queues for itself. Read engine.go for the whole
// story; every other room of the program meets the others only through this package.
//
// Coordinates are pixels of the source frame: x right, y down, (0, 0) the top-left corner
// of the top-left pixel. Time is the capture time; durations are seconds in float64 where
// formulas use them.
//
// The package opens no files, sockets or models: those belong to streams and models.
package pipeline
