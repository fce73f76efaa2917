package evalroad

import (
	"image"
	"math"
	"strings"
	"testing"
)

// paperScene is a 40x40 picture with true and predicted rectangles.
type paperScene struct {
	truth, ignore []image.Rectangle
	predicted     map[image.Rectangle]uint16
}

func (s paperScene) add(t *testing.T, a *Anomaly) {
	t.Helper()
	score, labels := make([]uint16, 1600), make([]uint8, 1600)
	each := func(r image.Rectangle, f func(i int)) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				f(y*40 + x)
			}
		}
	}
	for _, r := range s.truth {
		each(r, func(i int) { labels[i] = LabelObstacle })
	}
	for _, r := range s.ignore {
		each(r, func(i int) { labels[i] = LabelIgnore })
	}
	for r, v := range s.predicted {
		each(r, func(i int) { score[i] = v })
	}
	if err := a.Add(40, 40, score, labels); err != nil {
		t.Fatal(err)
	}
}

// TestAnomaly holds the figures to answers worked out by hand.
func TestAnomaly(t *testing.T) {
	r := image.Rect
	for _, c := range []struct {
		name                           string
		scene                          paperScene
		auprc, fpr95, siou, ppv, f1    float64
		obstacles, predictedComponents int
	}{
		{"exactly right", paperScene{truth: []image.Rectangle{r(5, 5, 15, 15)}, predicted: map[image.Rectangle]uint16{r(5, 5, 15, 15): 9}},
			100, 0, 100, 100, 100, 1, 1},
		// 100 true pixels, 200 predicted that hold them: precision 1/2 at recall 1; 100 of 1500 road pixels.
		// sIoU 100/200 and PPV 1/2 pass tau = 0.25 to 0.50, six of eleven.
		{"twice as large", paperScene{truth: []image.Rectangle{r(5, 5, 15, 15)}, predicted: map[image.Rectangle]uint16{r(5, 5, 25, 15): 9}},
			50, 100 * 100 / 1500., 50, 50, 100 * 6 / 11., 1, 1},
		// One of two found: recall 1/2 at precision 1, the rest at precision 200/1600.
		{"one of two", paperScene{truth: []image.Rectangle{r(2, 2, 12, 12), r(20, 20, 30, 30)}, predicted: map[image.Rectangle]uint16{r(2, 2, 12, 12): 9}},
			50 + 50*200/1600., 100, 50, 100, 100 * 2 / 3., 2, 1},
		// A prediction over two true things: each one's sIoU leaves the other out: 100/(240-100) for both.
		{"two in one", paperScene{truth: []image.Rectangle{r(2, 2, 12, 12), r(16, 2, 26, 12)}, predicted: map[image.Rectangle]uint16{r(2, 2, 26, 12): 9}},
			100 * 200 / 240., 100 * 40 / 1400., 100 * 100 / 140., 100 * 200 / 240., 100 * 10 / 11., 2, 1},
		// 49 predicted pixels are no component; nine true ones are none either.
		{"too small", paperScene{truth: []image.Rectangle{r(5, 5, 12, 12), r(30, 30, 33, 33)}, predicted: map[image.Rectangle]uint16{r(5, 5, 12, 12): 9}},
			100*49/58. + 100*9/58.*58/1600, 100, 0, 0, 0, 1, 0},
		// A false one of higher score comes first, and what is ignored does not count.
		{"a false one first", paperScene{truth: []image.Rectangle{r(5, 5, 15, 15)}, ignore: []image.Rectangle{r(0, 30, 40, 40)},
			predicted: map[image.Rectangle]uint16{r(5, 5, 15, 15): 9, r(20, 5, 30, 15): 12, r(0, 30, 40, 40): 60000}},
			50, 100 * 100 / 1100., 100, 50, 100 * 2 / 3., 1, 2},
		// Corners connect.
		{"a diagonal", paperScene{truth: []image.Rectangle{r(5, 5, 15, 15), r(15, 15, 25, 25)}, predicted: map[image.Rectangle]uint16{r(5, 5, 15, 15): 9, r(15, 15, 25, 25): 9}},
			100, 0, 100, 100, 100, 1, 1},
	} {
		var a Anomaly
		c.scene.add(t, &a)
		f, err := a.Figures()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
		if !near(f.AuPRC, c.auprc) || !near(f.FPR95, c.fpr95) || !near(f.SIoU, c.siou) || !near(f.PPV, c.ppv) || !near(f.MeanF1, c.f1) ||
			f.Obstacles != c.obstacles || f.Predicted != c.predictedComponents {
			t.Errorf("%s: %+v, want AuPRC %g, FPR95 %g, sIoU %g, PPV %g, F1 %g", c.name, f, c.auprc, c.fpr95, c.siou, c.ppv, c.f1)
		}
	}
	var a Anomaly
	if _, err := a.Figures(); err == nil || !strings.Contains(err.Error(), "want some of each") {
		t.Errorf("figures of nothing: %v", err)
	}
	if err := a.Add(2, 2, make([]uint16, 4), []uint8{0, 1, 2, 255}); err == nil || !strings.Contains(err.Error(), "label 2 at column 0, row 1") {
		t.Errorf("an unknown label: %v", err)
	}
	if err := a.Add(2, 2, make([]uint16, 3), make([]uint8, 4)); err == nil {
		t.Error("a score too few was taken")
	}
}
