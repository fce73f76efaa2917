package web_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shotDir is where screenshots are kept for people to look at, by OUTRIDER_SHOTS; empty: they
// go with the test.
func shotDir() string { return os.Getenv("OUTRIDER_SHOTS") }
