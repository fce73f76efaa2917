package capture_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"outrider/pipeline"
	"outrider/streams/capture"
	"outrider/streams/capture/child"
)

// TestMain is also the decoder process of the tests: capture starts this very binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == child.Argument {
		os.Exit(child.Main(os.Stdin, os.Stderr))
	}
	if len(os.Args) > 2 && os.Args[1] == parentArgument {
		os.Exit(readCamera(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

// parentArgument makes the test binary a program that reads a camera until it is killed.
const parentArgument = "read-camera"

func readCamera(url string) int {
	src, err := capture.Open(url, capture.Options{})
	if err == nil {
		err = src.Run(context.Background(), func(f *pipeline.Frame) {
			f.Release()
			os.Stdout.Write([]byte{'.'})
		})
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
