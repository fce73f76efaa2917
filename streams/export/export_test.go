package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gocv.io/x/gocv"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result has two tracks with masks on a coarse grid: one confirmed and seen, one lost.
func result(t *testing.T) *pipeline.Result {
	t.Helper()
	f, err := pipeline.NewFrame("cam", 64, 48, make([]byte, 3*64*48))
	if err != nil {
		t.Fatal(err)
	}
	f.Seq, f.MediaTime = 7, 700*time.Millisecond
	g := mask.Grid{W: 16, H: 12, SX: 4, SY: 4}
	m := mask.New(g, image.Rect(2, 1, 6, 5))
	m.Fill(image.Rect(2, 1, 6, 5))
	r := pipeline.NewResult(f)
	r.Grid = g
	r.Segments = []pipeline.Segment{
		{Box: pipeline.Box{X1: 8, Y1: 4, X2: 24, Y2: 20}, Mask: m, Score: .9, Parent: -1},
		{Box: pipeline.Box{X1: 8, Y1: 4, X2: 16, Y2: 12}, Mask: part(g), Score: .5, Parent: 0, Level: 1, Label: "head"},
	}
	r.Tracks = []pipeline.Track{
		{ID: 3, Box: pipeline.Box{X1: 8, Y1: 4, X2: 24, Y2: 20}, Mask: m, State: pipeline.Confirmed, Observed: true, Score: .91234, Label: "person", PromptID: "p"},
		{ID: 5, Box: pipeline.Box{X1: 30, Y1: 4, X2: 40, Y2: 20}, Mask: m, State: pipeline.Lost},
	}
	r.Tracks[0].Zones, r.Tracks[0].Speed = 2, pipeline.Speed{MPS: 1.5, Error: .25, Heading: 90}
	r.Counts = &pipeline.Counts{Zones: []pipeline.ZoneCount{{Zone: pipeline.Zone{ID: "lawn"}}, {Zone: pipeline.Zone{ID: "drive"}}}}
	r.Events = []pipeline.Event{
		{ID: "e1", Kind: pipeline.EventStarted, Track: r.Tracks[0]},
		{ID: "e2", Kind: pipeline.EventLineCrossed, Track: r.Tracks[0], Line: "door", Data: map[string]any{"direction": pipeline.In}},
	}
	return r
}

func part(g mask.Grid) *mask.Mask {
	m := mask.New(g, image.Rect(2, 1, 4, 3))
	m.Fill(image.Rect(2, 1, 4, 3))
	return m
}

func TestJSONL(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSONL(&b, result(t)); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b.Bytes(), []byte("\n")); n != 1 {
		t.Fatalf("%d lines for one frame", n)
	}
	var l Line
	if err := json.Unmarshal(b.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	if l.Frame != 7 || l.T != .7 || len(l.Tracks) != 2 || len(l.Events) != 2 || l.Events[0].Kind != pipeline.EventStarted || l.Events[1].Line != "door" || l.Events[1].Data["direction"] != "in" {
		t.Fatalf("%+v", l)
	}
	a := l.Tracks[0]
	if a.ID != 3 || a.Prompt != "p" || !a.Observed || a.Score != .9123 || a.Box != [4]float64{8, 4, 24, 20} || a.Label != "person" || fmt.Sprint(a.Zones) != "[drive]" || a.Speed.MPS != 1.5 {
		t.Errorf("track %+v", a)
	}
	if l.Tracks[1].Mask != nil {
		t.Error("a predicted track has a mask that nobody saw")
	}
	m, err := a.Mask.Mask()
	if err != nil {
		t.Fatal(err)
	}
	if m.Area() != 16*16 || m.Grid() != mask.FrameGrid(64, 48) {
		t.Errorf("mask of %d pixels on %+v, want 256 on the frame", m.Area(), m.Grid())
	}
	for _, key := range []string{`"obstacles":[]`, `"size":[48,64]`} {
		if !strings.Contains(b.String(), key) {
			t.Errorf("%s is not in %s", key, b.String())
		}
	}
}

func TestMOTReadBack(t *testing.T) {
	var b bytes.Buffer
	if err := WriteMOT(&b, result(t)); err != nil {
		t.Fatal(err)
	}
	lines, err := ReadMOT(&b)
	if err != nil {
		t.Fatal(err)
	}
	want := MOTLine{Frame: 7, ID: 3, Box: pipeline.Box{X1: 8, Y1: 4, X2: 24, Y2: 20}, Score: .9123}
	if len(lines) != 1 || lines[0] != want {
		t.Errorf("%+v, want only %+v: a lost track was not seen", lines, want)
	}
	for text, reason := range map[string]string{
		"1,2,3":           "line 1: 3 fields",
		"1,2,a,4,5,6,7\n": "line 1: field 3",
		"0,2,3,4,5,6,7\n": "want frame >= 1",
	} {
		if _, err := ReadMOT(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want %q", text, err, reason)
		}
	}
}

func FuzzReadMOT(f *testing.F) {
	f.Add("1,2,3,4,5,6,7,-1,-1,-1\n")
	f.Add("1,2,NaN,4,5,6,7")
	f.Fuzz(func(t *testing.T, s string) {
		lines, err := ReadMOT(strings.NewReader(s))
		if err == nil && len(lines) > strings.Count(s, "\n")+1 {
			t.Errorf("%d lines from %q", len(lines), s)
		}
	})
}

func TestCOCO(t *testing.T) {
	c := NewCOCO("test")
	r := result(t)
	c.Add("a.jpg", 64, 48, r.Segments)
	c.Add("b.jpg", 64, 48, r.Segments)
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	var back COCO
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Images) != 2 || len(back.Annotations) != 4 || len(back.Categories) != 2 {
		t.Fatalf("%d images, %d annotations, %d categories", len(back.Images), len(back.Annotations), len(back.Categories))
	}
	ids := map[int]bool{}
	for _, a := range back.Annotations {
		if ids[a.ID] {
			t.Errorf("annotation id %d stands twice", a.ID)
		}
		ids[a.ID] = true
	}
	last := back.Annotations[3]
	if last.Parent != back.Annotations[2].ID || last.ImageID != 2 || last.CategoryID != 2 || last.BBox != [4]float64{8, 4, 8, 8} || last.Area != 64 {
		t.Errorf("the part of the second picture: %+v", last)
	}
}

func TestLabels(t *testing.T) {
	r := result(t)
	var b bytes.Buffer
	if err := WriteLabels(&b, 64, 48, r.Segments); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	g := img.(*image.Gray16)
	for _, c := range []struct {
		x, y int
		want uint16
	}{{0, 0, 0}, {9, 5, 2}, {15, 11, 2}, {16, 11, 1}, {23, 19, 1}, {24, 19, 0}} {
		if got := g.Gray16At(c.x, c.y).Y; got != c.want {
			t.Errorf("pixel %d,%d is %d, want %d", c.x, c.y, got, c.want)
		}
	}
}

// TestVideoReadsBack plays the file with OpenCV: sizes, times and pictures must come back.
func TestVideoReadsBack(t *testing.T) {
	for _, size := range [][2]int{{320, 240}, {161, 121}} {
		w, h := size[0], size[1]
		path := filepath.Join(t.TempDir(), "out.mp4")
		v, err := CreateVideo(path, w, h, VideoOptions{Bitrate: 2_000_000})
		if err != nil {
			t.Fatal(err)
		}
		frame := func(i int) []byte {
			pix := make([]byte, 3*w*h)
			for y := range h {
				for x := range w {
					p := pix[3*(y*w+x):]
					p[0], p[1], p[2] = byte(x*255/w), byte(y*255/h), byte(60+40*math.Sin(float64(x+3*i)/20))
				}
			}
			return pix
		}
		const n = 30
		for i := range n {
			if err := v.Add(frame(i), time.Duration(i)*100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Error("the file has its name before Commit")
		}
		if err := v.Commit(); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		c, err := gocv.VideoCaptureFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m := gocv.NewMat()
		defer m.Close()
		got := 0
		for ; c.Read(&m); got++ {
			if m.Cols() != w&^1 || m.Rows() != h&^1 {
				t.Fatalf("frame %d is %dx%d", got, m.Cols(), m.Rows())
			}
			want := frame(got)
			data, err := m.DataPtrUint8()
			if err != nil {
				t.Fatal(err)
			}
			var se float64
			for y := range h &^ 1 {
				for x := range 3 * (w &^ 1) {
					d := float64(data[y*3*(w&^1)+x]) - float64(want[y*3*w+x])
					se += d * d
				}
			}
			if psnr := 10 * math.Log10(255*255/(se/float64(3*(w&^1)*(h&^1)))); psnr < 28 {
				t.Fatalf("frame %d: PSNR %.1f dB", got, psnr)
			}
		}
		if got != n {
			t.Errorf("%d frames came back, want %d", got, n)
		}
		if fps := c.Get(gocv.VideoCaptureFPS); math.Abs(fps-10) > .1 {
			t.Errorf("%v frames/s, want 10", fps)
		}
	}
}

func TestVideoBadInput(t *testing.T) {
	dir := t.TempDir()
	if _, err := CreateVideo(filepath.Join(dir, "a.mp4"), 4, 4, VideoOptions{}); err == nil {
		t.Error("a video of 4x4 was taken")
	}
	if _, err := CreateVideo(filepath.Join(dir, "none", "a.mp4"), 64, 64, VideoOptions{}); err == nil {
		t.Error("a folder that is not there was taken")
	}
	v, err := CreateVideo(filepath.Join(dir, "a.mp4"), 64, 64, VideoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Add(make([]byte, 10), 0); err == nil {
		t.Error("a short frame was taken")
	}
	for range 3 { // media time that stands still
		if err := v.Add(make([]byte, 3*64*64), time.Second); err != nil {
			t.Error(err)
		}
	}
	v.Close()
	v.Close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("an abandoned video left %v", left)
	}
}

func TestWriteFileLeavesNothingOnError(t *testing.T) {
	dir := t.TempDir()
	boom := errors.New("boom")
	err := WriteFile(filepath.Join(dir, "a"), func(w *bufio.Writer) error { return boom })
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func BenchmarkVideo720p(b *testing.B) {
	v, err := CreateVideo(filepath.Join(b.TempDir(), "a.mp4"), 1280, 720, VideoOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	pix := make([]byte, 3*1280*720)
	i := 0
	for b.Loop() {
		i++
		for j := range 2000 {
			pix[(i*7919+j*31)%len(pix)] = byte(i)
		}
		if err := v.Add(pix, time.Duration(i)*40*time.Millisecond); err != nil {
			b.Fatal(err)
		}
	}
}
