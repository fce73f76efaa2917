package capture_test

import (
	"image/color"
	"path/filepath"
	"strconv"
	"testing"

	"outrider/pipeline"
	"outrider/pipeline/pipetest"
	"outrider/streams/capture"
	"outrider/streams/capture/rtsptest"
)

func TestSourceContract(t *testing.T) {
	file, folder := video(t, 20, 50), t.TempDir()
	for i := range 6 {
		writeImage(t, filepath.Join(folder, strconv.Itoa(i)+".png"), color.White)
	}
	cam := camera(t, &rtsptest.Camera{FPS: 100})
	for _, tt := range []struct {
		name, source string
		o            capture.Options
		frames       int
	}{
		{"file", file, capture.Options{}, 20},
		{"paced file", file, capture.Options{Paced: true, Rotate: 90}, 20},
		{"looped file", file, capture.Options{Loop: true}, 0},
		{"folder", folder, capture.Options{}, 6},
		{"network", cam.URL(), capture.Options{}, 0},
		{"network in process", cam.URL(), capture.Options{Isolation: capture.None}, 0},
		{"synthetic", "synth:road?frames=6&size=64x64", capture.Options{}, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pipetest.TestSource(t, tt.frames, func(t *testing.T) pipeline.Source { return open(t, tt.source, tt.o) })
		})
	}
}
