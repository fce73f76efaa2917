package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"outrider/streams/export"
)

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestTrack follows the pedestrians of three seconds of the sample video.
func TestTrack(t *testing.T) {
	video := sample(t)
	dir := t.TempDir()
	code, stdout, stderr := outrider(t, t.Context(), "track", video, "-o", dir, "--end", "3s", "--input", "384",
		"--prompt", "text=person", "--prompt", "point=5,5@1s", "--prompt", "point=9000,5", "--prompt", "box=1,1,9,9@1h",
		"--zone", "all=0,0,1,0,1,1,0,1", "--line", "middle=0,0.5,1,0.5")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	if got, want := strings.Join(files(t, dir), " "), "vtest.jsonl vtest.mot.txt vtest.mp4 vtest.summary.json"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	if !strings.Contains(stdout, "appeared") || !strings.Contains(stdout, "middle") {
		t.Errorf("no counts in %s", stdout)
	}
	if !strings.Contains(stdout, "30 frames") {
		t.Errorf("stdout %q: want 3 s of 10 frames/s", stdout)
	}

	exported := filepath.Join(t.TempDir(), "new")
	code, stdout, stderr = outrider(t, t.Context(), "export", filepath.Join(dir, "vtest.jsonl"), "--format", "coco,yolo,mot,mots,cvat,csv", "--end", "1s", "-o", exported)
	if code != exitDone || !strings.Contains(stdout, "10 frames as coco") {
		t.Errorf("export: exit %d %s\n%s", code, stdout, stderr)
	}
	if got, want := strings.Join(files(t, exported), " "), "vtest.coco.json vtest.csv vtest.cvat.xml vtest.mot.txt vtest.mots.txt vtest.yolo"; got != want {
		t.Errorf("exported %s, want %s", got, want)
	}

	var sum trackSummary
	b, err := os.ReadFile(filepath.Join(dir, "vtest.summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &sum); err != nil {
		t.Fatal(err)
	}
	if sum.Frames != 30 || sum.Tracks < 3 || sum.Width != 768 || sum.Height != 576 {
		t.Errorf("summary %+v", sum)
	}
	if len(sum.Prompts) != 4 {
		t.Fatalf("%d answers to 4 prompts", len(sum.Prompts))
	}
	if c := sum.Counts; c == nil || len(c.Lines) != 1 || c.Zones[0].Appeared < 3 {
		t.Errorf("counts %+v", c)
	}
	if a := sum.Prompts[0]; a.Error != "" || len(a.TrackIDs) == 0 {
		t.Errorf("text=person: %+v", a)
	}
	if a := sum.Prompts[2]; !strings.Contains(a.Error, "outside the 768x576 frame") {
		t.Errorf("a point outside: %+v", a)
	}
	if a := sum.Prompts[3]; !strings.Contains(a.Error, "the video ends before") {
		t.Errorf("a prompt after the end: %+v", a)
	}

	// Every frame is a line, times grow, masks are as large as the frame, ids are few and steady.
	f, err := os.Open(filepath.Join(dir, "vtest.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	n, last := 0, -1.0
	seen := map[uint64]int{}
	for lines.Scan() {
		var l export.Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		n++
		if l.Frame != uint64(n) || l.T <= last {
			t.Fatalf("line %d: frame %d at %v after %v", n, l.Frame, l.T, last)
		}
		last = l.T
		for _, k := range l.Tracks {
			if k.ID == 0 {
				t.Fatalf("frame %d: a track without an id", n)
			}
			if k.Observed {
				seen[k.ID]++
				if k.Mask == nil || k.Mask.Size != [2]int{576, 768} {
					t.Fatalf("frame %d, track %d: mask %+v", n, k.ID, k.Mask)
				}
			}
		}
	}
	steady := 0
	for _, c := range seen {
		if c >= 15 {
			steady++
		}
	}
	if n != 30 || steady < 3 {
		t.Errorf("%d lines, %d tracks seen in half of the frames or more (of %d)", n, steady, len(seen))
	}

	mot, err := os.Open(filepath.Join(dir, "vtest.mot.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer mot.Close()
	boxes, err := export.ReadMOT(mot)
	if err != nil || len(boxes) < 30 {
		t.Errorf("MOT: %d boxes, %v", len(boxes), err)
	}

	c, err := gocv.VideoCaptureFile(filepath.Join(dir, "vtest.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := gocv.NewMat()
	defer m.Close()
	frames := 0
	for c.Read(&m) {
		frames++
	}
	if frames != 30 {
		t.Errorf("the MP4 has %d frames", frames)
	}
}

func TestTrackBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	empty := filepath.Join(dir, "folder")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path string
		want string
	}{
		"missing file":             {filepath.Join(dir, "none.avi"), "none.avi"},
		"zero bytes":               {write("zero.mp4", nil), "empty"},
		"text named mp4":           {write("text.mp4", []byte(strings.Repeat("no video\n", 500))), "text.mp4"},
		"directory without images": {empty, "folder"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			code, _, stderr := outrider(t, t.Context(), "track", c.path, "-o", out, "--input", "128")
			if code != exitFailed || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, stderr %q, want %q in it", code, stderr, c.want)
			}
			if left := files(t, out); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	t.Run("truncated video", func(t *testing.T) {
		b, err := os.ReadFile(sample(t))
		if err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		// The first of its eight megabytes: what is there is processed.
		code, _, stderr := outrider(t, t.Context(), "track", write("short.avi", b[:1<<20]), "-o", out, "--input", "128", "--no-video")
		if code != exitDone && code != exitFailed {
			t.Errorf("exit %d", code)
		}
		if code == exitDone && len(files(t, out)) != 3 {
			t.Errorf("files %v\n%s", files(t, out), stderr)
		}
	})
}

// TestTrackInterrupted stops a run in the middle: nothing may be left that looks finished.
func TestTrackInterrupted(t *testing.T) {
	video := sample(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(2*time.Second, cancel)
	code, _, stderr := outrider(t, ctx, "track", video, "-o", dir, "--input", "384")
	if code != exitFailed || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSegmentImages(t *testing.T) {
	video := sample(t)
	dir := t.TempDir()
	picture := firstFrame(t, video, dir)
	out := filepath.Join(dir, "out")
	code, stdout, stderr := outrider(t, t.Context(), "segment", picture, "-o", out)
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	if got := strings.Join(files(t, out), " "); got != "first.masks.png first.segments.jpg segments.coco.json" {
		t.Errorf("files %s", got)
	}
	coco := readCOCO(t, out)
	if len(coco.Images) != 1 || coco.Images[0].Width != 768 || len(coco.Annotations) < 5 {
		t.Errorf("%d images, %d annotations: %s", len(coco.Images), len(coco.Annotations), stdout)
	}
	f, err := os.Open(filepath.Join(out, "first.masks.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != 768 || img.Bounds().Dy() != 576 {
		t.Errorf("labels: %v", err)
	}

	// A click and a box on the largest thing that is no background, and a word.
	a := coco.Annotations[0]
	for _, x := range coco.Annotations {
		if x.Area > 1500 && x.Area < 20000 {
			a = x
			break
		}
	}
	m, err := a.Segmentation.Mask()
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	cx, cy := b.Min.X, b.Min.Y
	for y := b.Min.Y; y < b.Max.Y; y++ { // a point well inside
		for x0, x1, ok := m.NextRun(y, b.Min.X); ok; x0, x1, ok = m.NextRun(y, x1) {
			if y == (b.Min.Y+b.Max.Y)/2 {
				cx, cy = (x0+x1)/2, y
			}
		}
	}
	point := fmt.Sprintf("%d,%d", cx, cy)
	box := fmt.Sprintf("%d,%d,%d,%d", b.Min.X, b.Min.Y, b.Max.X, b.Max.Y)
	code, stdout, stderr = outrider(t, t.Context(), "segment", picture, "-o", out, "--json", "--point", point, "--box", box, "--text", "person", "--text", "giraffe")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	var got imageAnswer
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Prompts) != 4 || got.Prompts[0].Found != 1 || got.Prompts[1].Found != 1 || got.Prompts[2].Found < 1 || got.Prompts[3].Found != 0 {
		t.Errorf("answers %+v", got.Prompts)
	}
	if n := len(readCOCO(t, out).Annotations); n != got.Segments {
		t.Errorf("%d annotations, %d segments told", n, got.Segments)
	}
}

func TestSegmentBadInput(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "a.jpg")
	if err := os.WriteFile(text, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	zero := filepath.Join(dir, "b.png")
	if err := os.WriteFile(zero, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{text}, exitFailed, "no picture of a known format"},
		{[]string{zero}, exitFailed, "empty (0 bytes)"},
		{[]string{filepath.Join(dir, "none.jpg")}, exitFailed, "no such file"},
		{[]string{"--point", "1", text}, exitUsage, "want 2"},
		{[]string{"--point", "1,NaN", text}, exitUsage, "not a number"},
		{[]string{"--point", "1,1,5", text}, exitUsage, "want 1 (on the object) or 0"},
		{[]string{"--box", "5,5,5,9", text}, exitUsage, "is empty"},
	} {
		code, _, stderr := outrider(t, t.Context(), append([]string{"segment", "-o", filepath.Join(dir, "out"), "--input", "128"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q, want %d and %q", c.args, code, stderr, c.code, c.want)
		}
	}
}

func TestBench(t *testing.T) {
	code, stdout, stderr := outrider(t, t.Context(), "bench", "--frames", "6", "--input", "128", "--json", "--source", "synth:road?size=128x96&frames=6")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	var r benchResult
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if r.Frames != 6 || r.Width != 128 || r.Network <= 0 || r.NetworkTwo <= 0 || r.Segment <= 0 || r.Track <= 0 || r.Ratio <= 0 {
		t.Errorf("%+v", r)
	}
}

func firstFrame(t *testing.T, video, dir string) string {
	t.Helper()
	c, err := gocv.VideoCaptureFile(video)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := gocv.NewMat()
	defer m.Close()
	if !c.Read(&m) {
		t.Fatal("no first frame")
	}
	p := filepath.Join(dir, "first.png")
	if !gocv.IMWrite(p, m) {
		t.Fatal("the first frame cannot be written")
	}
	return p
}

func readCOCO(t *testing.T, dir string) export.COCO {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "segments.coco.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c export.COCO
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExportBadInput(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.jsonl")
	if err := os.WriteFile(broken, []byte("{\"frame\":1,\"size\":[4,4]}\nno\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--format", "coco"}, exitUsage, "requires at least 1 arg"},
		{[]string{broken}, exitUsage, "no format: give --format"},
		{[]string{broken, "--format", "voc"}, exitUsage, "want one of coco, yolo"},
		{[]string{broken, "--format", "csv", "--start", "3s", "--end", "2s"}, exitUsage, "want an end after the start"},
		{[]string{filepath.Join(dir, "none.jsonl"), "--format", "csv"}, exitUsage, "\"outrider track VIDEO\" writes one"},
		{[]string{broken, "--format", "csv"}, exitFailed, "broken.jsonl: line 2: "},
	} {
		out := filepath.Join(dir, "out")
		code, _, stderr := outrider(t, t.Context(), append([]string{"export", "-o", out}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, want %d with %q:\n%s", c.args, code, c.code, c.want, stderr)
		}
		if entries, _ := os.ReadDir(out); len(entries) != 0 {
			t.Errorf("%v: %d files are left", c.args, len(entries))
		}
	}
}

// TestTrackRoad watches the road of a rendered drive and reads the report.
func TestTrackRoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "camera.yaml")
	if err := os.WriteFile(file, []byte("calibration:\n  image_size: [320, 192]\n  fx: 288\n  fy: 288\n  cx: 159.5\n  cy: 95.5\n  height_m: 1.4\n  pitch_deg: 2\n  x_front_m: 1.6\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := outrider(t, t.Context(), "track", "--road", "--camera", file, "--speed", "8", "--no-video", "--input", "320", "-o", dir, "synth:road?size=320x192&frames=12")
	if code != 0 {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.road.*"))
	if err != nil || len(names) != 3 {
		t.Fatalf("report: %v, %v; %s", names, err, stdout)
	}
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", n, len(text), err)
		}
		if strings.HasSuffix(n, ".html") && !strings.Contains(string(text), "CALIBRATED in 12 frames") {
			t.Errorf("%s does not say that it is calibrated", n)
		}
	}
	for _, args := range [][]string{
		{"track", "--camera", file, "x.mp4"},
		{"track", "--road", "--speed", "nope.csv", "x.mp4"},
		{"track", "--road", "--vehicle-width", "9", "x.mp4"},
	} {
		if code, _, stderr := outrider(t, t.Context(), args...); code == 0 || stderr == "" {
			t.Errorf("%v: exit %d, %q", args, code, stderr)
		}
	}
}
