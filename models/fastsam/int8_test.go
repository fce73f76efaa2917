package fastsam_test

import (
	"testing"

	"outrider/models"
	"outrider/models/fastsam"
	"outrider/models/ort"
	"outrider/pipeline/mask"
)

// The 8-bit network finds what the default one finds: its masks meet those of the confident
// segments.
func TestInt8Agrees(t *testing.T) {
	if !ort.Int8CPU() {
		t.Skip("this processor has no 8-bit dot products")
	}
	data, err := models.Embedded(models.Int8Name)
	if err != nil {
		t.Fatal(err)
	}
	frames := videoFrames(t, 3)
	small := newModel(t, &fastsam.Model{Bytes: data, Confidence: 0.1, Drivable: true})
	def := newModel(t, &fastsam.Model{Confidence: 0.4, Drivable: true})
	sum, n := 0.0, 0
	for _, f := range frames {
		a, b := segmentOne(t, def, f), segmentOne(t, small, f)
		for _, x := range a.Segments {
			best := 0.0
			for _, y := range b.Segments {
				best = max(best, mask.IoU(x.Mask, y.Mask))
			}
			sum += best
			n++
		}
		if a.Drivable == nil || b.Drivable == nil {
			t.Error("no drivable surface")
		}
		a.Release()
		b.Release()
	}
	mean := sum / float64(n)
	t.Logf("%d segments, mean IoU %.3f", n, mean)
	if n < 10 || mean < 0.9 {
		t.Errorf("%d segments are met with a mean IoU of %.3f, want at least 0.9", n, mean)
	}
}
