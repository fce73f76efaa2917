package tracker_test

import (
	"testing"

	"go.uber.org/goleak"

	"outrider/pipeline"
	"outrider/pipeline/pipetest"
	"outrider/tracker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTrackerConforms(t *testing.T) {
	pipetest.TestStage(t, func(*testing.T) pipeline.Stage { return &tracker.Tracker{} })
}
