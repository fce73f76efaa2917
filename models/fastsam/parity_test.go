package fastsam_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gocv.io/x/gocv"

	"outrider/models/fastsam"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// shared is the folder of the shared test data; the test is skipped without it.
func shared(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("OUTRIDER_SHARED")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if root == filepath.Dir(root) {
				t.Fatal("no go.mod above the test")
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared")
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no shared test data: set OUTRIDER_SHARED")
	}
	return dir
}

type parityImage struct {
	Image    string
	Settings []struct {
		Conf, IoU float64
		Boxes     [][4]float64
		Scores    []float64
		Masks     []mask.RLE
		Prompts   []parityPrompt
	}
}

type parityPrompt struct {
	Kind            string
	Points          []image2
	Labels          []int
	Boxes           []pipeline.Box
	Ultralytics     []int
	UltralyticsEach []int `json:"ultralytics_each"`
	CASIA           json.RawMessage
}

type image2 [2]int

func readFrame(t testing.TB, path string) *pipeline.Frame {
	t.Helper()
	m := gocv.IMRead(path, gocv.IMReadColor)
	defer m.Close()
	if m.Empty() {
		t.Fatal("cannot read ", path)
	}
	f, err := pipeline.NewFrame("test", m.Cols(), m.Rows(), m.ToBytes())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestParity compares with the answers of the reference programs on the same weights, and
// prints how far apart they are.
func TestParity(t *testing.T) {
	dir := filepath.Join(shared(t), "data", "fastsam-parity")
	b, err := os.ReadFile(filepath.Join(dir, "parity.json"))
	if err != nil {
		t.Skip("no parity data: ", err)
	}
	var images []parityImage
	if err := json.Unmarshal(b, &images); err != nil {
		t.Fatal(err)
	}
	for n := range images[0].Settings {
		s := images[0].Settings[n]
		t.Run(fmt.Sprintf("conf=%g,iou=%g", s.Conf, s.IoU), func(t *testing.T) {
			m := newModel(t, &fastsam.Model{Path: filepath.Join(dir, "model-640.onnx"), Confidence: s.Conf, IoU: s.IoU})
			var sum parity
			sum.minIoU = 1
			for _, im := range images {
				f := readFrame(t, filepath.Join(dir, "images", im.Image))
				out, err := m.SegmentFull(t.Context(), f, fastsam.Ultralytics)
				if err != nil {
					t.Fatal(err)
				}
				want := im.Settings[n]
				if len(out.Segments) != len(want.Boxes) {
					t.Errorf("%s: %d segments, want %d", im.Image, len(out.Segments), len(want.Boxes))
					continue
				}
				for i := range want.Boxes {
					sum.segment(t, im.Image, i, &out.Segments[i], want.Boxes[i], want.Scores[i], want.Masks[i])
				}
				for i := range want.Prompts {
					sum.prompt(t, im.Image, i, out, &want.Prompts[i])
				}
			}
			sum.report(t)
		})
	}
}

// parity adds up the differences.
type parity struct {
	segments, prompts, same int
	boxDiff, scoreDiff      float64
	sumIoU, minIoU          float64
}

func (p *parity) segment(t *testing.T, im string, i int, s *pipeline.Segment, box [4]float64, score float64, rle mask.RLE) {
	t.Helper()
	p.segments++
	d := 0.0
	for k, v := range [4]float64{s.Box.X1, s.Box.Y1, s.Box.X2, s.Box.Y2} {
		d = math.Max(d, math.Abs(v-box[k]))
	}
	ds := math.Abs(s.Score - score)
	want, err := rle.Mask()
	if err != nil {
		t.Fatal(err)
	}
	iou := mask.IoU(s.Mask, want)
	if d > 1 || ds > 1e-3 || iou < 0.99 {
		t.Errorf("%s segment %d: box off by %.2f px, score by %.1e, mask IoU %.4f (%d and %d pixels)", im, i, d, ds, iou, s.Mask.Area(), want.Area())
	}
	p.boxDiff, p.scoreDiff = math.Max(p.boxDiff, d), math.Max(p.scoreDiff, ds)
	p.sumIoU += iou
	p.minIoU = math.Min(p.minIoU, iou)
}

func (p *parity) prompt(t *testing.T, im string, i int, s *pipeline.Segmentation, q *parityPrompt) {
	t.Helper()
	check := func(mode string, same bool, got, want any) {
		p.prompts++
		if same {
			p.same++
			return
		}
		t.Logf("%s prompt %d (%s, %s): got %v, want %v", im, i, q.Kind, mode, got, want)
	}
	if q.Kind == "point" {
		at := make([]image.Point, len(q.Points))
		for i, v := range q.Points {
			at[i] = image.Pt(v[0], v[1])
		}
		got := fastsam.UltralyticsPoints(s, at, q.Labels)
		check("ultralytics", slices.Equal(got, q.Ultralytics), got, q.Ultralytics)
		var rle mask.RLE
		if err := json.Unmarshal(q.CASIA, &rle); err != nil {
			t.Fatalf("%s prompt %d: %v: %.60s", im, i, err, q.CASIA)
		}
		want, err := rle.Mask()
		if err != nil {
			t.Fatal(err)
		}
		canvas := fastsam.CASIAPoints(s, at, q.Labels)
		iou := mask.IoU(canvas, want)
		check("casia", iou >= 0.99 || (canvas.Empty() && want.Empty()), iou, "a mask IoU of 0.99")
		return
	}
	got := fastsam.UltralyticsBoxes(s, q.Boxes)
	check("ultralytics", slices.Equal(got, q.Ultralytics), got, q.Ultralytics)
	each := make([]int, len(q.Boxes))
	for i := range q.Boxes {
		each[i] = fastsam.UltralyticsBoxes(s, q.Boxes[i:i+1])[0]
	}
	check("ultralytics, each", slices.Equal(each, q.UltralyticsEach), each, q.UltralyticsEach)
	var want []int
	if err := json.Unmarshal(q.CASIA, &want); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	casia := fastsam.CASIABoxes(s, q.Boxes)
	check("casia", slices.Equal(casia, want), casia, want)
}

func (p *parity) report(t *testing.T) {
	t.Helper()
	mean := p.sumIoU / float64(p.segments)
	share := float64(p.same) / float64(p.prompts)
	t.Logf("%d segments: boxes within %.3f px, scores within %.1e, mask IoU mean %.5f min %.5f; %d of %d prompt answers the same (%.2f %%)",
		p.segments, p.boxDiff, p.scoreDiff, mean, p.minIoU, p.same, p.prompts, 100*share)
	if mean < 0.998 || share < 0.99 {
		t.Errorf("mask IoU mean %.5f, want 0.998; %.4f of the prompts the same, want 0.99", mean, share)
	}
}
