//go:build matprofile

package capture_test

import (
	"bytes"
	"testing"

	"gocv.io/x/gocv"

	"outrider/streams/capture"
)

// TestMatsAreClosed counts OpenCV's matrices before and after ten readings of a file in this
// process. It needs a gocv that keeps count: go test -tags matprofile.
func TestMatsAreClosed(t *testing.T) {
	path := video(t, 20, 10)
	before := gocv.MatProfile.Count()
	for range 10 {
		if _, err := collect(t, open(t, path, capture.Options{Isolation: capture.None}), 5); err != nil {
			t.Log(err) // the end of a reading that was cut short
		}
	}
	if after := gocv.MatProfile.Count(); after != before {
		var b bytes.Buffer
		gocv.MatProfile.WriteTo(&b, 1)
		t.Errorf("%d matrices before, %d after:\n%s", before, after, b.String())
	}
}
