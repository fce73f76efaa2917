//go:build !x264

package webrtc

import "errors"

const hasH264 = false

func newH264(int, int, int) (encoder, error) {
	return nil, errors.New("this program was built without H.264")
}
