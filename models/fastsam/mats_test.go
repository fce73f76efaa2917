//go:build matprofile

package fastsam_test

import (
	"bytes"
	"testing"

	"gocv.io/x/gocv"

	"outrider/models/fastsam"
	"outrider/pipeline"
)

// TestMatsAreClosed counts OpenCV's matrices before and after frames of several sizes. It
// needs a gocv that keeps count: go test -tags matprofile.
func TestMatsAreClosed(t *testing.T) {
	before := gocv.MatProfile.Count()
	m := &fastsam.Model{Input: 128}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{320, 240}, {64, 48}, {320, 240}, {33, 77}} {
		f, err := pipeline.NewFrame("cam", size[0], size[1], make([]byte, 3*size[0]*size[1]))
		if err != nil {
			t.Fatal(err)
		}
		segs, err := m.Segment(t.Context(), []*pipeline.Frame{f, f})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range segs {
			s.Release()
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if after := gocv.MatProfile.Count(); after != before {
		var b bytes.Buffer
		gocv.MatProfile.WriteTo(&b, 1)
		t.Errorf("%d matrices before, %d after:\n%s", before, after, b.String())
	}
}
