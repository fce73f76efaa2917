package decode

/*
#cgo pkg-config: opencv4
#cgo CXXFLAGS: --std=c++11
#include "native.h"
*/
import "C"

import (
	"os"
	"sync"
)

// SetThreads sets how many threads OpenCV's own loops may use, for the whole process: 0 for
// none beside the caller's, 1 likewise but through its scheduler. Decoders have their own threads.
func SetThreads(n int) { C.outrider_cv_set_threads(C.int(n)) }

// FFmpegLogLevel is the environment variable that OpenCV reads once, at the first open.
const FFmpegLogLevel = "OPENCV_FFMPEG_LOGLEVEL"

var quiet = sync.OnceFunc(func() {
	C.outrider_cv_only_errors()
	if os.Getenv(FFmpegLogLevel) == "" {
		os.Setenv(FFmpegLogLevel, "-8") // AV_LOG_QUIET: what fails is told by our own errors
	}
})

// Quiet keeps OpenCV and FFmpeg from writing to standard error, for the whole process. A set
// OPENCV_FFMPEG_LOGLEVEL is respected.
func Quiet() { quiet() }

// LineBuffered makes C's standard output give out every line at once. OpenCV writes FFmpeg's
// messages there, and a Go process ends without C's flush.
func LineBuffered() { C.outrider_line_buffered() }
