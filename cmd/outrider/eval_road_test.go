package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeGrey writes a picture whose rectangle has another value.
func writeGrey(t *testing.T, path string, r image.Rectangle, v uint8) {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 40, 40))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.SetGray(x, y, color.Gray{Y: v})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEvalRoad(t *testing.T) {
	dir := t.TempDir()
	writeGrey(t, filepath.Join(dir, "scores", "a.png"), image.Rect(5, 5, 15, 15), 200)
	writeGrey(t, filepath.Join(dir, "labels_masks", "a_labels_semantic.png"), image.Rect(5, 5, 15, 15), 1)
	var out, errs bytes.Buffer
	if err := runEvalRoad(t.Context(), evalRoadOptions{seeds: "A", scenes: 1, groups: []string{"switch"}, segmenter: "perfect", masks: dir, json: "-"}, &out, &errs); err != nil {
		t.Fatal(err)
	}
	var rep roadReport
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if rep.Masks == nil || rep.Masks.AuPRC != 100 || rep.Masks.MeanF1 < 99.9 {
		t.Errorf("masks: %+v", rep.Masks)
	}
	flicker := false
	for _, r := range rep.Rows {
		flicker = flicker || strings.HasPrefix(r.Name, "level flicker") && r.N == 1
	}
	if !flicker {
		t.Errorf("rows %+v", rep.Rows)
	}
	for _, o := range []evalRoadOptions{
		{seeds: "C", scenes: 1, segmenter: "perfect"}, {seeds: "A", scenes: 0, segmenter: "perfect"},
		{seeds: "A", scenes: 1, segmenter: "x"}, {seeds: "A", scenes: 1, segmenter: "perfect", groups: []string{"nope"}},
	} {
		if err := runEvalRoad(t.Context(), o, &out, &errs); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	if err := runEvalRoad(t.Context(), evalRoadOptions{seeds: "A", scenes: 1, segmenter: "perfect", groups: []string{"none"}, masks: t.TempDir()}, &out, &errs); err == nil || !strings.Contains(err.Error(), "scores/*.png") {
		t.Errorf("an empty folder: %v", err)
	}
}
