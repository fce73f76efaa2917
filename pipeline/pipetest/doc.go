// Package pipetest holds every implementation of pipeline's interfaces to the same rules, and
// offers small fakes that really do what they say.
//
// The suites: [TestSource], [TestSegmenter], [TestStage], [TestPrompts], [TestImageEncoder],
// [TestTextEncoder] and [TestSink]. An implementation's own test calls the suite of its
// interface with a function that opens a fresh one, and adds what only it can do. The rules that can be
// told from values alone are functions of their own: [CheckFrame], [CheckSegmentation] and
// [Lifecycle].
//
// The fakes make a whole pipeline without a camera or a network: [Squares] is a Source of
// coloured squares whose truth is known to the pixel, [ThresholdSegmenter] finds them by their
// colour, [ColorEncoder] embeds regions and texts by colour, [Follower] tracks and takes
// prompts, [Recorder] is a Sink that remembers.
//
// The package is for tests only and knows nothing of real models or streams.
package pipetest
