package main

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
)

const yardCamera = `calibration: {image_size: [640, 360], fx: 576, fy: 576, cx: 319.5, cy: 179.5, height_m: 6, pitch_deg: 25, pitch_sd_deg: 0.3}`

// TestCalibrationOfACamera takes a camera's calibration through its life: none, given by the
// configuration, replaced over the API, kept over a restart, and given back.
func TestCalibrationOfACamera(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	k, err := newCalibration(dir, "yard", config.Calibration{}, log)
	if err != nil {
		t.Fatal(err)
	}
	if c := k.Calibration(); c.Status != "UNCALIBRATED" || k.Settings() != nil {
		t.Errorf("nothing known: %+v %s", c, k.Settings())
	}
	if _, _, ok := (groundPlane{k.stage}).Metres(pipeline.Point{X: 320, Y: 300}); ok {
		t.Error("a place without a calibration")
	}
	for _, bad := range []string{"", "hello", "calibration: {fx: 1}", strings.Replace(yardCamera, "576", "0", 1)} {
		if err := k.SetCalibration([]byte(bad)); !errors.Is(err, pipeline.ErrCalibration) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := k.SetCalibration([]byte(yardCamera)); err != nil {
		t.Fatal(err)
	}
	if c := k.Calibration(); c.Status != "CALIBRATED" || c.From != "given" || c.Height != 6 || math.Abs(c.PitchSD-0.3) > 1e-9 || !strings.Contains(string(k.Settings()), `"fx":576`) {
		t.Errorf("given: %+v %s", c, k.Settings())
	}
	// 25 degrees down from 6 m, the middle of the picture is 12.9 m away.
	at, cov, ok := groundPlane{k.stage}.Metres(pipeline.Point{X: 320, Y: 180})
	if !ok || math.Abs(at.X-6/math.Tan(25*math.Pi/180)) > 1e-6 || math.Abs(at.Y) > 1e-6 || !(cov[0] > 0) {
		t.Errorf("%v %v %v", at, cov, ok)
	}
	again, err := newCalibration(dir, "yard", config.Calibration{}, log)
	if err != nil || again.Calibration().Height != 6 {
		t.Errorf("after a restart: %+v %v", again.Calibration(), err)
	}
	if err := again.ClearCalibration(); err != nil || again.Calibration().Status != "UNCALIBRATED" {
		t.Errorf("given back: %+v %v", again.Calibration(), err)
	}
	if err := again.ClearCalibration(); err != nil {
		t.Errorf("twice: %v", err)
	}

	// From the configuration, for a road camera that learns: the file's pitch is not believed.
	file := filepath.Join(dir, "front.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(yardCamera, "height_m: 6, pitch_deg: 25", "height_m: 1.4", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	front, err := newCalibration(dir, "front", config.Calibration{File: file, Learn: true}, log)
	if err != nil {
		t.Fatal(err)
	}
	if c := front.Calibration(); c.Status != "UNCALIBRATED" || c.From != "driving" || c.Need != 5 {
		t.Errorf("it learns: %+v", c)
	}
	if _, ok := front.stage.Plane(time.Time{}); ok {
		t.Error("a plane before anything was learnt")
	}
	if _, err := newCalibration(dir, "x", config.Calibration{File: filepath.Join(dir, "none.yaml")}, log); err == nil || !strings.Contains(err.Error(), `camera "x": calibration.file`) {
		t.Errorf("%v", err)
	}
}
