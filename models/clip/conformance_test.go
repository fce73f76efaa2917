package clip_test

import (
	"testing"

	"outrider/models/clip"
	"outrider/pipeline"
	"outrider/pipeline/pipetest"
)

func TestImageEncoderConforms(t *testing.T) {
	pipetest.TestImageEncoder(t, func(t *testing.T) pipeline.ImageEncoder { return open(t, &clip.Model{}) })
}

func TestTextEncoderConforms(t *testing.T) {
	pipetest.TestTextEncoder(t, []string{"person", "red car", "stop sign"}, "xylophone", func(t *testing.T) pipeline.TextEncoder {
		return open(t, &clip.Model{})
	})
}
