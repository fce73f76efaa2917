package capture_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"outrider/pipeline"
	"outrider/streams/capture"
)

// shot is what a test keeps of a frame.
type shot struct {
	w, h     int
	media    time.Duration
	captured time.Time
	epoch    uint32
	first    [3]byte // BGR of the pixel in the middle
}

// collect runs a source and keeps what it emitted; stop after n frames when n > 0.
func collect(t *testing.T, src *capture.Source, n int) ([]shot, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var shots []shot
	err := src.Run(ctx, func(f *pipeline.Frame) {
		defer f.Release()
		if len(f.Data) != 3*f.Width*f.Height {
			t.Errorf("frame of %dx%d has %d bytes", f.Width, f.Height, len(f.Data))
			return
		}
		m := 3 * (f.Width*(f.Height/2) + f.Width/2)
		shots = append(shots, shot{f.Width, f.Height, f.MediaTime, f.Captured, f.Epoch, [3]byte(f.Data[m : m+3])})
		if n > 0 && len(shots) >= n {
			cancel()
		}
	})
	return shots, err
}

func open(t *testing.T, source string, o capture.Options) *capture.Source {
	t.Helper()
	src, err := capture.Open(source, o)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// video writes an AVI of n frames at fps; frame i is gray of value 10*i.
func video(t *testing.T, n int, fps float64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.avi")
	w, err := gocv.VideoWriterFile(path, "MJPG", fps, 64, 48, true)
	if err != nil {
		t.Fatal(err)
	}
	m := gocv.NewMatWithSize(48, 64, gocv.MatTypeCV8UC3)
	for i := range n {
		v := float64(10 * i % 250)
		m.SetTo(gocv.NewScalar(v, v, v, 0))
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	w.Close()
	return path
}

func TestFile(t *testing.T) {
	path := video(t, 20, 10)
	tests := []struct {
		name  string
		o     capture.Options
		count int
		first time.Duration
		step  time.Duration
	}{
		{"all", capture.Options{}, 20, 0, 100 * time.Millisecond},
		{"every second", capture.Options{Every: 2}, 10, 0, 200 * time.Millisecond},
		{"from start", capture.Options{Start: 500 * time.Millisecond}, 15, 500 * time.Millisecond, 100 * time.Millisecond},
		{"to end", capture.Options{End: 500 * time.Millisecond}, 5, 0, 100 * time.Millisecond},
		{"in a child", capture.Options{Isolation: capture.Process}, 20, 0, 100 * time.Millisecond},
		{"part in a child", capture.Options{Isolation: capture.Process, Start: 500 * time.Millisecond}, 15, 500 * time.Millisecond, 100 * time.Millisecond},
		{"start, end, every", capture.Options{Start: 300 * time.Millisecond, End: 1500 * time.Millisecond, Every: 3}, 4, 300 * time.Millisecond, 300 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var pool pipeline.FramePool
			tt.o.Pool = &pool
			src := open(t, path, tt.o)
			if src.Kind() != capture.File || src.Live() || src.Display() != path {
				t.Errorf("kind %s, live %v, display %q", src.Kind(), src.Live(), src.Display())
			}
			shots, err := collect(t, src, 0)
			if err != io.EOF {
				t.Fatalf("Run: %v, want io.EOF", err)
			}
			if len(shots) != tt.count {
				t.Fatalf("%d frames, want %d", len(shots), tt.count)
			}
			for i, s := range shots {
				want := tt.first + time.Duration(i)*tt.step
				if d := (s.media - want).Abs(); d > time.Millisecond {
					t.Errorf("frame %d at %v, want %v", i, s.media, want)
				}
				gray := int(want/(100*time.Millisecond)) * 10
				if got := int(s.first[0]); got < gray-4 || got > gray+4 {
					t.Errorf("frame %d is gray %d, want %d", i, got, gray)
				}
			}
			if n := pool.Outstanding(); n != 0 {
				t.Errorf("%d frames not released", n)
			}
		})
	}
}

func TestFileProbe(t *testing.T) {
	m, err := open(t, video(t, 20, 10), capture.Options{}).Probe()
	want := capture.Material{Frames: 20, FPS: 10, Width: 64, Height: 48, Duration: 2 * time.Second}
	if err != nil || m != want {
		t.Errorf("%+v, %v, want %+v", m, err, want)
	}
}

func TestFileLoop(t *testing.T) {
	shots, err := collect(t, open(t, video(t, 5, 10), capture.Options{Loop: true}), 13)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Run: %v", err)
	}
	for i, s := range shots {
		if want := time.Duration(i) * 100 * time.Millisecond; (s.media - want).Abs() > time.Millisecond {
			t.Errorf("frame %d at %v, want %v", i, s.media, want)
		}
		if s.epoch != uint32(i/5) {
			t.Errorf("frame %d in epoch %d, want %d", i, s.epoch, i/5)
		}
	}
}

func TestFilePaced(t *testing.T) {
	src := open(t, video(t, 6, 50), capture.Options{Paced: true})
	if !src.Live() {
		t.Error("a paced file is not live")
	}
	shots, err := collect(t, src, 0)
	if err != io.EOF || len(shots) != 6 {
		t.Fatalf("%d frames, %v", len(shots), err)
	}
	// The clock may be late, never early.
	if d := shots[5].captured.Sub(shots[0].captured); d < 99*time.Millisecond {
		t.Errorf("5 frame times of 20 ms took %v", d)
	}
}

func TestFileRotate(t *testing.T) {
	for degrees, size := range map[int][2]int{0: {64, 48}, 90: {48, 64}, 180: {64, 48}, 270: {48, 64}} {
		shots, err := collect(t, open(t, video(t, 1, 10), capture.Options{Rotate: degrees}), 0)
		if err != io.EOF || len(shots) != 1 || shots[0].w != size[0] || shots[0].h != size[1] {
			t.Errorf("%d degrees: %+v, %v", degrees, shots, err)
		}
	}
}

func TestFileBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	avi, err := os.ReadFile(video(t, 20, 10))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, source, want string }{
		{"missing", filepath.Join(dir, "none.mp4"), "none.mp4: no such file or directory"},
		{"zero bytes", write("zero.mp4", ""), "zero.mp4: the file is empty"},
		{"text", write("text.mp4", strings.Repeat("this is no video\n", 500)), "text.mp4: cannot be opened as video"},
		{"header only", write("header.avi", string(avi[:600])), "header.avi: "},
		{"no images", empty, "empty: no images in this folder"},
		{"text as image", write("text.png", "no picture"), "text.png: image: unknown format"},
		{"device of another kind", "/dev/null", "/dev/null: not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, isolation := range []capture.Isolation{capture.Auto, capture.Process} {
				src := open(t, tt.source, capture.Options{Isolation: isolation})
				shots, err := collect(t, src, 0)
				if err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Run, isolation %s: %v, want ... %s", isolation, err, tt.want)
				}
				if len(shots) != 0 {
					t.Errorf("%d frames", len(shots))
				}
			}
		})
	}
}

func TestFileTruncated(t *testing.T) {
	path := video(t, 40, 10)
	avi, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, avi[:len(avi)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	shots, err := collect(t, open(t, path, capture.Options{}), 0)
	var cut *capture.TruncatedError
	if !errors.As(err, &cut) || !errors.Is(err, io.EOF) {
		t.Fatalf("Run: %v, want a TruncatedError", err)
	}
	if n := len(shots); n < 5 || n > 30 {
		t.Errorf("%d of 40 frames out of half the file", n)
	}
	if !strings.Contains(err.Error(), "of 4s: the file is cut short or damaged") {
		t.Error(err)
	}
}

func TestFileCancelled(t *testing.T) {
	shots, err := collect(t, open(t, video(t, 50, 10), capture.Options{}), 3)
	if !errors.Is(err, context.Canceled) || len(shots) != 3 {
		t.Errorf("%d frames, %v", len(shots), err)
	}
}

func TestFileRealVideo(t *testing.T) {
	const path = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs the sample video of the package opencv-doc")
	}
	src := open(t, path, capture.Options{Start: 70 * time.Second})
	m, err := src.Probe()
	if err != nil || m.Frames != 795 || m.Width != 768 || m.Height != 576 || m.FPS != 10 {
		t.Errorf("%+v, %v", m, err)
	}
	shots, err := collect(t, src, 0)
	if err != io.EOF {
		t.Fatal(err)
	}
	if n := len(shots); n != 95 || shots[0].media.Round(time.Millisecond) != 70*time.Second {
		t.Errorf("%d frames from %v, want 95 from 70s", n, shots[0].media)
	}
}
