//go:build x264

package webrtc

import "outrider/streams/x264"

const hasH264 = true

func newH264(w, h, bitrate int) (encoder, error) { return x264.New(w, h, bitrate) }
