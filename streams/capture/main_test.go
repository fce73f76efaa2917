package capture_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"outrider/streams/capture/child"
)

// TestMain is also the decoder process of the tests: capture starts this very binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == child.Argument {
		os.Exit(child.Main(os.Stdin, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}
