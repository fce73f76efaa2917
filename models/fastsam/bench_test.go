package fastsam_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"gocv.io/x/gocv"

	"outrider/models/fastsam"
	"outrider/pipeline"
)

const sampleVideo = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"

// videoFrames are the first n frames of the sample video; the test is skipped without it.
func videoFrames(t testing.TB, n int) []*pipeline.Frame {
	t.Helper()
	if _, err := os.Stat(sampleVideo); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no sample video: install opencv-doc")
	}
	v, err := gocv.VideoCaptureFile(sampleVideo)
	if err != nil {
		t.Skip("the sample video does not open: ", err)
	}
	defer v.Close()
	m := gocv.NewMat()
	defer m.Close()
	var frames []*pipeline.Frame
	for len(frames) < n && v.Read(&m) {
		f, err := pipeline.NewFrame("test", m.Cols(), m.Rows(), m.ToBytes())
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	if len(frames) < n {
		t.Fatalf("%d frames in the sample video", len(frames))
	}
	return frames
}

func newModel(t testing.TB, m *fastsam.Model) *fastsam.Model {
	t.Helper()
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// BenchmarkSegment is a frame of the sample video all the way through.
func BenchmarkSegment(b *testing.B) {
	frames := videoFrames(b, 20)
	m := newModel(b, &fastsam.Model{})
	if err := m.Warm(frames[0].Width, frames[0].Height); err != nil {
		b.Fatal(err)
	}
	segments, i := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		out, err := m.Segment(b.Context(), frames[i%len(frames):i%len(frames)+1])
		if err != nil {
			b.Fatal(err)
		}
		segments += len(out[0].Segments)
		out[0].Release()
		i++
	}
	b.ReportMetric(float64(segments)/float64(b.N), "segments")
}
