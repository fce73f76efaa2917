package evalroad

import (
	"os"
	"strings"
	"testing"
)

// TestKITTI holds the distances on real boxes to their targets, with a plane that the stage
// finds by itself.
func TestKITTI(t *testing.T) {
	const dir = "../../../../shared/data/road/kitti_labels"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the KITTI labels are not here")
	}
	if testing.Short() {
		t.Skip("eleven sequences")
	}
	rows, err := KITTI(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Print(&b, rows); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.String())
	for _, r := range rows {
		if r.Verdict == "missed" || r.N < 100 {
			t.Errorf("%s, %s: %.1f of %d, want %s", r.Name, r.On, r.Value, r.N, r.Good)
		}
	}
}

func FuzzParseKITTI(f *testing.F) {
	f.Add("0 0 Car 0 0 -1.79 296 161 455 292 2.0 1.82 4.43 -4.55 1.86 13.41 -2.11\n")
	f.Add("0 -1 DontCare -1 -1 -10 1 2 3 4 -1 -1 -1 -1000 -1000 -1000 -10\n")
	f.Fuzz(func(t *testing.T, text string) {
		boxes, err := parseKITTI(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, b := range boxes {
			if b.frame < 0 || !(b.near > 0) || !(b.box.Area() > 0) {
				t.Errorf("%+v", b)
			}
		}
	})
}
