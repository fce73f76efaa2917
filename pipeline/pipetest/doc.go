// Package pipetest offers what tests of a pipeline need: small fakes that really do what they
// say.
//
// The fakes make a whole pipeline without a camera or a network: [Squares] is a Source of
// coloured squares whose truth is known to the pixel, [ThresholdSegmenter] finds them by their
// colour, [Recorder] is a Sink that remembers.
//
// The package is for tests only and knows nothing of real models or streams.
package pipetest
