package web_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"outrider/streams/web/webtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(webtest.Main{M: m}) }

// shotDir is where screenshots are kept for people to look at, by OUTRIDER_SHOTS; empty: they
// go with the test.
func shotDir() string { return os.Getenv("OUTRIDER_SHOTS") }
