package capture_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"outrider/pipeline"
	"outrider/streams/capture"
)

const sample = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"

// BenchmarkFile decodes 768x576 pictures in this process and in a child; an operation is one
// picture.
func BenchmarkFile(b *testing.B) {
	if _, err := os.Stat(sample); err != nil {
		b.Skip("needs the sample video of the package opencv-doc")
	}
	for _, isolation := range []capture.Isolation{capture.Auto, capture.Process} {
		b.Run(string(isolation), func(b *testing.B) {
			src, err := capture.Open(sample, capture.Options{Isolation: isolation, Loop: true})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			n := 0
			err = src.Run(ctx, func(f *pipeline.Frame) {
				f.Release()
				if n++; n >= b.N {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				b.Fatal(err)
			}
		})
	}
}
