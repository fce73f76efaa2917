// Package decode reads video through OpenCV: files, network streams, V4L2 devices and
// GStreamer pipelines. It is the only place of the capture room that holds a gocv.Mat.
//
// A [Reader] may block for as long as the native code does, and a hostile stream may end the
// process; callers that cannot accept either run it in the capture child (package child).
package decode
