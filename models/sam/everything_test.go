package sam_test

import (
	"fmt"
	"image"
	"math"
	"testing"

	"outrider/models/sam"
	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/pipetest"
)

// orNone is a threshold as segment-anything writes it: 0 and below switch the filter off.
func orNone(v float64) float64 {
	if v <= 0 {
		return -1
	}
	return v
}

func TestEverythingAgainstTheReference(t *testing.T) {
	m := open(t, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	for _, g := range readGolden(t, "sam") {
		f := photo(t, shared(t, "data", "sam", g.Image))
		for i, e := range g.Everything {
			name := fmt.Sprintf("%s setting %d", g.Image, i)
			got, err := m.SegmentAll(t.Context(), f, sam.Everything{
				PointsPerSide: e.Config.PointsPerSide,
				MinIoU:        orNone(e.Config.PredIoUThresh),
				MinStability:  orNone(e.Config.StabilityScoreThresh),
				BoxNMS:        e.Config.BoxNMSThresh,
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(e.Masks) {
				t.Fatalf("%s: %d masks, want %d", name, len(got), len(e.Masks))
			}
			for k, want := range e.Masks {
				a := got[k]
				b := a.Mask.Bounds()
				box := [4]float64{float64(b.Min.X), float64(b.Min.Y), float64(b.Dx() - 1), float64(b.Dy() - 1)}
				if math.Abs(a.IoU-want.PredictedIoU) > 1e-3 || math.Abs(a.Stability-want.Stability) > 1e-4 || box != want.Bbox ||
					math.Abs(a.Point.X-want.Point[0]) > 1e-6 || math.Abs(a.Point.Y-want.Point[1]) > 1e-6 {
					t.Errorf("%s mask %d: IoU %g, stability %g, box %v, point %v, want %+v", name, k, a.IoU, a.Stability, box, a.Point, want)
				}
				if iou := mask.IoU(a.Mask, mustMask(t, want.RLE)); iou < 0.999 {
					t.Errorf("%s mask %d: IoU with the reference's is %g", name, k, iou)
				}
			}
		}
	}
}

// Crops are encoded anew and their masks lie where the crop lies.
func TestEverythingInCrops(t *testing.T) {
	m := open(t, &sam.Model{}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	f := noise(300, 200)
	o := sam.Everything{PointsPerSide: 2, MinIoU: -1, MinStability: -1, BoxNMS: 1, CropNMS: 1, CropLayers: 1}
	got, err := m.SegmentAll(t.Context(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	crops := map[pipeline.Box]int{}
	for i, a := range got {
		crops[a.Crop]++
		b := a.Mask.Bounds()
		crop := image.Rect(int(a.Crop.X1), int(a.Crop.Y1), int(a.Crop.X2), int(a.Crop.Y2))
		if a.Mask.Grid() != mask.FrameGrid(300, 200) || b.Empty() || !b.In(crop) || !a.Crop.Contains(a.Point) {
			t.Errorf("mask %d: %v on %+v from %v in crop %v", i, b, a.Mask.Grid(), a.Point, crop)
		}
		if i > 0 && a.IoU > got[i-1].IoU {
			t.Errorf("mask %d: IoU %g after %g", i, a.IoU, got[i-1].IoU)
		}
	}
	if n := crops[pipeline.Box{X2: 300, Y2: 200}]; n != 4*3 {
		t.Errorf("%d masks of the whole frame, want 3 for each of 4 points", n)
	}
	// 512/1500 of 200 is 68: crops are 184 x 134 and begin at 116 and 66.
	for box := range crops {
		if box.X1 != 0 && box.X1 != 116 || box.Y1 != 0 && box.Y1 != 66 {
			t.Errorf("a crop at %v", box)
		}
	}
}

func TestSegmenterConformance(t *testing.T) {
	pipetest.TestSegmenter(t, func(t *testing.T) pipeline.Segmenter {
		return open(t, &sam.Model{Everything: sam.Everything{PointsPerSide: 1, MinIoU: -1, MinStability: -1}}, "sam-encoder.onnx", "sam-decoder-multi.onnx")
	})
}

func TestRefusedSettings(t *testing.T) {
	for i, o := range []sam.Everything{
		{PointsPerSide: -1},
		{PointsPerSide: 1000},
		{MinIoU: 2},
		{MinStability: math.NaN()},
		{BoxNMS: -1},
		{CropLayers: 9},
		{CropOverlap: 1},
		{Offset: -1},
	} {
		m := &sam.Model{Everything: o, EncoderFile: "x", DecoderFile: "y"}
		if err := m.Initialize(); err == nil {
			t.Errorf("setting %d, %+v: no error", i, o)
		}
	}
}
