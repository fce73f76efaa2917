package capture_test

import (
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/streams/capture"
)

// writeImage writes a picture of one colour; the name's end says the format.
func writeImage(t *testing.T, path string, c color.Color) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 16, 8))
	for y := range 8 {
		for x := range 16 {
			img.Set(x, y, c)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".png") {
		err = png.Encode(f, img)
	} else {
		err = jpeg.Encode(f, img, nil)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func near(a, b [3]byte) bool {
	for i := range a {
		if d := int(a[i]) - int(b[i]); d < -3 || d > 3 {
			return false
		}
	}
	return true
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "2.jpg"), color.RGBA{R: 200, A: 255})
	writeImage(t, filepath.Join(dir, "10.png"), color.RGBA{G: 200, A: 255})
	writeImage(t, filepath.Join(dir, "1.JPEG"), color.RGBA{B: 200, A: 255})
	writeImage(t, filepath.Join(dir, ".hidden.png"), color.Black)
	if err := os.WriteFile(filepath.Join(dir, "labels.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	src := open(t, dir, capture.Options{FPS: 4})
	if src.Kind() != capture.Folder || src.Live() {
		t.Errorf("kind %s, live %v", src.Kind(), src.Live())
	}
	if m, err := src.Probe(); err != nil || m != (capture.Material{Frames: 3, FPS: 4, Width: 16, Height: 8, Duration: 750 * time.Millisecond}) {
		t.Errorf("%+v, %v", m, err)
	}
	shots, err := collect(t, src, 0)
	if err != io.EOF || len(shots) != 3 {
		t.Fatalf("%d frames, %v", len(shots), err)
	}
	for i, want := range [][3]byte{{200, 0, 0}, {0, 0, 200}, {0, 200, 0}} { // BGR
		if !near(shots[i].first, want) || shots[i].media != time.Duration(i)*250*time.Millisecond {
			t.Errorf("image %d: %v at %v, want %v", i, shots[i].first, shots[i].media, want)
		}
	}
}

func TestFolderOneImage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	writeImage(t, path, color.White)
	src := open(t, path, capture.Options{Loop: true})
	if src.Kind() != capture.Folder {
		t.Error(src.Kind())
	}
	shots, _ := collect(t, src, 3)
	if len(shots) != 3 || shots[2].epoch != 2 || shots[2].media != 200*time.Millisecond {
		t.Errorf("%+v", shots)
	}
}

func TestFolderBrokenImage(t *testing.T) {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "1.jpg"), color.White)
	writeImage(t, filepath.Join(dir, "3.jpg"), color.White)
	if err := os.WriteFile(filepath.Join(dir, "2.jpg"), []byte("\xff\xd8\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	shots, err := collect(t, open(t, dir, capture.Options{}), 0)
	var broken *capture.BrokenImagesError
	if !errors.As(err, &broken) || broken.Broken != 1 || !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "2.jpg") {
		t.Errorf("Run: %v", err)
	}
	if len(shots) != 2 || shots[1].media != 200*time.Millisecond {
		t.Errorf("%+v", shots)
	}
}

func TestFolderHugeImage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bomb.png")
	writeImage(t, path, color.White)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Width and height of the header chunk; its checksum is then wrong, which is refused too,
	// but nothing of that size may be allocated before.
	copy(b[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := collect(t, open(t, path, capture.Options{}), 0); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Run: %v", err)
	}
}
