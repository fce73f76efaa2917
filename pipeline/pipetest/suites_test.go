package pipetest_test

import (
	"testing"

	"outrider/pipeline"
	"outrider/pipeline/pipetest"
)

// The fakes pass the suites of their interfaces.

func TestSquaresConform(t *testing.T) {
	pipetest.TestSource(t, 12, func(*testing.T) pipeline.Source { return &pipetest.Squares{Frames: 12} })
}

func TestEndlessSquaresConform(t *testing.T) {
	pipetest.TestSource(t, 0, func(*testing.T) pipeline.Source { return &pipetest.Squares{Realtime: true, Rate: 100} })
}

func TestThresholdSegmenterConforms(t *testing.T) {
	var s pipetest.ThresholdSegmenter
	pipetest.TestSegmenter(t, func(*testing.T) pipeline.Segmenter { return &s })
	if n := s.Outstanding(); n != 0 {
		t.Errorf("the suite released all but %d answers", n)
	}
}

func TestRecorderConforms(t *testing.T) {
	pipetest.TestSink(t, func(*testing.T) pipeline.Sink { return &pipetest.Recorder{} })
}

func TestFollowerConforms(t *testing.T) {
	pipetest.TestStage(t, func(*testing.T) pipeline.Stage { return &pipetest.Follower{} })
}

func TestFollowerPromptsConform(t *testing.T) {
	pipetest.TestPrompts(t, func(*testing.T) pipetest.PromptsUnderTest {
		f := &pipetest.Follower{}
		return pipetest.PromptsUnderTest{Prompts: f, Stages: []pipeline.Stage{f}, Texts: true, Unknown: "zebra"}
	})
}

func TestColorEncoderConforms(t *testing.T) {
	pipetest.TestImageEncoder(t, func(*testing.T) pipeline.ImageEncoder { return pipetest.ColorEncoder{} })
	pipetest.TestTextEncoder(t, []string{"a red square", "blue", "green or cyan"}, "zebra",
		func(*testing.T) pipeline.TextEncoder { return pipetest.ColorEncoder{} })
}
