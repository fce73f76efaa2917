package prompt_test

import (
	"testing"

	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/pipetest"
	"outrider/tracker"
	"outrider/tracker/prompt"
)

func TestSetConforms(t *testing.T) {
	open := func(t *testing.T) pipetest.PromptsUnderTest {
		tr := &tracker.Tracker{}
		s := &prompt.Set{
			Tracks: tr, Texts: pipetest.ColorEncoder{}, Images: pipetest.ColorEncoder{},
			Distractors: []string{"red", "green", "blue", "no such colour"},
			NewLadder:   func() prompt.Ladder { return &levels.Ladder{} },
		}
		return pipetest.PromptsUnderTest{Prompts: s, Stages: []pipeline.Stage{tr, s}, Texts: true, Unknown: "xylophone"}
	}
	pipetest.TestPrompts(t, open)
	t.Run("stage", func(t *testing.T) {
		pipetest.TestStage(t, func(t *testing.T) pipeline.Stage { return open(t).Prompts.(*prompt.Set) })
	})
}
