// Package capture brings video in: files, image folders, USB cameras, network cameras,
// GStreamer pipelines and rendered scenes. [Open] turns a source string into a [Source],
// which is a pipeline.Source.
//
//	src, err := capture.Open("rtsp://user:password@10.0.0.2/stream1", capture.Options{})
//	err = src.Run(ctx, emit) // until ctx ends, the material does, or the first failure
//
// Files are read in this process with back pressure and their own media time. Network
// cameras, USB cameras and GStreamer pipelines are decoded in a child process of our own
// binary (package child), because their native code may block for ever, abort, or be turned
// against us by a stream; of these the newest frame wins and the others are counted.
//
// A Source knows nothing of retries: the engine's supervisor owns back-off and state. No
// error or displayed name holds a password.
package capture
