package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/models/onnxtest"
	"outrider/models/ort"
	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/streams/export"
)

// colourScene is a grey 320 x 240 picture with a red square in a pink one in a purple one, all
// moved right by dx: a pair that cuts by colour sees three levels in the red one.
func colourScene(dx int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			c := color.RGBA{90, 90, 90, 255}
			switch at := image.Pt(x-dx, y); {
			case at.In(image.Rect(100, 100, 120, 120)):
				c = color.RGBA{220, 40, 40, 255}
			case at.In(image.Rect(80, 80, 140, 140)):
				c = color.RGBA{210, 44, 44, 255}
			case at.In(image.Rect(60, 60, 160, 200)):
				c = color.RGBA{190, 70, 50, 255}
			}
			img.Set(x, y, c)
		}
	}
	return img
}

func writePNG(t *testing.T, path string, img image.Image) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// colourPair is a pair that cuts by colour, and a picture for it.
func colourPair(t *testing.T) (folder, encoder, decoder, picture string) {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip("needs ONNX Runtime: ", err)
	}
	folder, encoder, decoder = onnxtest.ColourPair(t)
	picture = filepath.Join(t.TempDir(), "scene.png")
	writePNG(t, picture, colourScene(0))
	return folder, encoder, decoder, picture
}

// segmented runs `segment --json` on one picture.
func segmented(t *testing.T, args ...string) imageAnswer {
	t.Helper()
	code, stdout, stderr := outrider(t, t.Context(), append([]string{"segment", "--json"}, args...)...)
	if code != exitDone {
		t.Fatalf("%v: exit %d\n%s", args, code, stderr)
	}
	var a imageAnswer
	if err := json.Unmarshal([]byte(stdout), &a); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, stdout)
	}
	return a
}

// A SAM pair as the model: everything by a grid of points, and prompts without it.
func TestSegmentWithSAM(t *testing.T) {
	folder, encoder, decoder, picture := colourPair(t)
	out := t.TempDir()
	if a := segmented(t, picture, "-o", out, "--model", folder, "--grid", "8"); a.Segments < 3 {
		t.Errorf("everything: %d segments, want the squares and the ground", a.Segments)
	}
	pair := encoder + "," + decoder
	a := segmented(t, picture, "-o", out, "--model", pair, "--point", "110,110", "--level", "1", "--levels",
		"--box", "78,78,142,142", "--box", "0,0,300,239", "--prompt", "point=110,110;point=150,190,0;id=parted")
	if len(a.Prompts) != 4 {
		t.Fatalf("%d answers", len(a.Prompts))
	}
	click := a.Prompts[0]
	if click.Found != 1 || click.Level != 1 || len(click.Levels) != 3 || len(click.Alternatives) != 2 || click.Box.W() < 55 || click.Box.W() > 70 {
		t.Errorf("point: %+v", click)
	}
	for i, l := range click.Levels {
		m, err := l.Mask.Mask()
		if err != nil || l.Level != 2-i || m.PixelArea() != l.Area || i > 0 && l.Area >= click.Levels[i-1].Area {
			t.Errorf("level %d at %d, area %g: %v", l.Level, i, l.Area, err)
		}
	}
	for i, want := range []int{1, 0} {
		if b := a.Prompts[1+i]; b.Found != want || want == 1 && b.Score < 0.8 || b.Why == "" {
			t.Errorf("box %d: %+v", i, b)
		}
	}
	if p := a.Prompts[3]; p.Prompt != "parted" || p.Found != 1 {
		t.Errorf("points on and off: %+v", p)
	}
	// The file of a level is a mask prompt.
	a = segmented(t, picture, "-o", out, "--model", pair, "--mask", filepath.Join(out, "scene.prompt1.level1.png"))
	if p := a.Prompts[0]; p.Found != 1 || p.Score < 0.7 {
		t.Errorf("mask: %+v", p)
	}
	// So is its run-length encoding, here from the JSON above.
	rle := filepath.Join(out, "mask.json")
	b, err := json.Marshal(click.Levels[1].Mask)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rle, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if p := segmented(t, picture, "-o", out, "--model", pair, "--prompt", "mask="+rle).Prompts[0]; p.Found != 1 || p.Score < 0.7 {
		t.Errorf("mask from JSON: %+v", p)
	}
}

// The precise model answers the prompts of a fast one, and names what is wrong with a pair.
func TestSegmentRefined(t *testing.T) {
	folder, encoder, _, picture := colourPair(t)
	out := t.TempDir()
	a := segmented(t, picture, "-o", out, "--input", "128", "--refine", folder, "--point", "110,110")
	if p := a.Prompts[0]; p.Found != 1 || p.Box.W() < 15 || p.Box.W() > 27 {
		t.Errorf("refined point: %+v", p)
	}
	empty := t.TempDir()
	for _, c := range []struct{ flag, value, want string }{
		{"--model", empty, "0 files named *encoder*.onnx"},
		{"--refine", empty, "model.refine: folder"},
		{"--refine", "no-such-model", "no-such-model"},
		{"--refine", encoder, "neither a folder nor a pair"},
		{"--model", encoder + "," + encoder, "decoder: inputs are"},
		{"--model", encoder + "," + filepath.Join(empty, "none.onnx"), "none.onnx"},
		{"--grid", "0", "model.grid"},
	} {
		code, _, stderr := outrider(t, t.Context(), "segment", picture, "-o", out, "--input", "128", c.flag, c.value)
		if code == exitDone || !strings.Contains(stderr, c.want) {
			t.Errorf("%s %s: exit %d, %q; want %q", c.flag, c.value, code, stderr, c.want)
		}
	}
}

// The pairs with the real contract and random weights run: what they say means nothing.
func TestSegmentWithContractPairs(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "models", "sam-contract")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the shared models are not here: %v", err)
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	_, _, _, picture := colourPair(t)
	for _, pair := range [][2]string{{"sam-encoder", "sam-decoder-multi"}, {"sam-encoder", "sam-decoder-single"}, {"hq-encoder", "hq-decoder"}, {"hq-encoder", "hq-decoder-hqonly"}} {
		spec := filepath.Join(dir, pair[0]+".onnx") + "," + filepath.Join(dir, pair[1]+".onnx")
		a := segmented(t, picture, "-o", t.TempDir(), "--model", spec, "--point", "110,110", "--box", "60,60,160,200", "--levels")
		if len(a.Prompts) != 2 || a.Prompts[0].Why == "" || a.Prompts[1].Why == "" {
			t.Errorf("%v: %+v", pair, a.Prompts)
		}
	}
}

// On a video the prompted object has the mask of the precise model on every frame, and its
// levels are listed as it moves.
func TestTrackRefined(t *testing.T) {
	folder, _, _, _ := colourPair(t)
	frames, out := t.TempDir(), t.TempDir()
	const n = 12
	for i := range n {
		writePNG(t, filepath.Join(frames, fmt.Sprintf("%03d.png", i)), colourScene(5*i))
	}
	code, stdout, stderr := outrider(t, t.Context(), "track", frames, "-o", out, "--no-video", "--model", folder, "--grid", "12",
		"--refine", folder, "--refine-every", "100ms", "--levels", "--prompt", "point=85,110;id=mine", "--json")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	var sum trackSummary
	if err := json.Unmarshal([]byte(stdout), &sum); err != nil {
		t.Fatal(err)
	}
	p := sum.Prompts[0]
	if p.ID != "mine" || p.TrackID == 0 || p.Refined == nil || !p.Refined.Applied || p.Refined.Score <= 0 {
		t.Fatalf("%+v, refined %+v", p, p.Refined)
	}
	name := filepath.Base(frames)
	seen := 0
	eachLine(t, filepath.Join(out, name+".jsonl"), func(b []byte) {
		var l export.Line
		if err := json.Unmarshal(b, &l); err != nil {
			t.Fatal(err)
		}
		for _, k := range l.Tracks {
			if k.Prompt != "mine" {
				continue
			}
			m, err := k.Mask.Mask()
			if err != nil {
				t.Fatal(err)
			}
			r := image.Rect(80, 80, 140, 140).Add(image.Pt(5*(int(l.Frame)-1), 0))
			want := mask.New(mask.FrameGrid(320, 240), r)
			want.Fill(r)
			if iou := mask.IoU(m, want); iou < 0.93 { // the segment itself has a hole and 0.89
				t.Errorf("frame %d: the mask has an IoU of %.2f with the object", l.Frame, iou)
			}
			seen++
		}
	})
	if seen < n-3 {
		t.Errorf("the object was seen in %d of %d frames", seen, n)
	}
	lines := 0
	var key uint64
	eachLine(t, filepath.Join(out, name+".levels.jsonl"), func(b []byte) {
		var l levelLine
		if err := json.Unmarshal(b, &l); err != nil {
			t.Fatal(err)
		}
		lines++
		for _, v := range l.Levels {
			if v.Chosen && key != 0 && v.Key != key {
				t.Errorf("frame %d: the object has key %d, had %d", l.Frame, v.Key, key)
			}
			if v.Chosen {
				key = v.Key
			}
		}
		if l.Prompt != "mine" || len(l.Levels) == 0 {
			t.Errorf("%+v", l)
		}
	})
	if lines < n-3 || key == 0 {
		t.Errorf("%d lines of levels, key %d", lines, key)
	}
}

func eachLine(t *testing.T, path string, f func(b []byte)) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		f(s.Bytes())
	}
}

// A pair is found by its name in the catalogue, once it was pulled.
func TestSAMFromTheCatalogue(t *testing.T) {
	folder, encoder, decoder, picture := colourPair(t)
	dir := t.TempDir()
	t.Setenv("OUTRIDER_MODELS", dir)
	manifest := fmt.Sprintf(`{"version": 1, "models": [{"name": "colour", "family": "sam", "task": "sam", "description": "d", "licence": "MIT",
		"source": "s", "input": 1024, "files": [{"name": %q, "role": "encoder"}, {"name": %q, "role": "decoder"}]}]}`, filepath.Base(encoder), filepath.Base(decoder))
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"segment", picture, "-o", t.TempDir(), "--input", "128", "--point", "110,110"}
	if code, _, stderr := outrider(t, t.Context(), append(args, "--refine", "colour")...); code == exitDone || !strings.Contains(stderr, "model colour is not pulled") {
		t.Errorf("before it is pulled: exit %d, %q", code, stderr)
	}
	if code, _, stderr := outrider(t, t.Context(), "models", "pull", "colour", "--mirror", folder); code != exitDone {
		t.Fatalf("pull: exit %d\n%s", code, stderr)
	}
	for _, flag := range []string{"--refine", "--model"} {
		code, stdout, stderr := outrider(t, t.Context(), append(args, flag, "colour")...)
		if code != exitDone || !strings.Contains(stdout, "1 segments") {
			t.Errorf("%s colour: exit %d, %q\n%s", flag, code, stdout, stderr)
		}
	}
}

// In the service: a click, its levels, another level, and a refinement on demand, by HTTP.
func TestRunRefined(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	folder, _, _, picture := colourPair(t)
	frames := t.TempDir()
	for i := range 1500 { // a minute
		if err := os.Symlink(picture, filepath.Join(frames, fmt.Sprintf("%04d.png", i))); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "outrider.yml")
	text := fmt.Sprintf("web: {listen: 127.0.0.1:0}\nmqtt: {url: \"off\"}\nwebrtc: {udp_port: 0}\nmodel: {grid: 8, refine_every: 1h}\ncameras: {demo: {source: %q, loop: true, rate: 3}}\n", frames)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startService(t, "-c", file, "--model", folder, "--refine", folder)
	const prompts = "/api/v1/cameras/demo/prompts"
	var st pipeline.PromptStatus
	wait := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not within a minute: %s: %+v\n%s", what, st, s.log.String())
			}
		}
	}
	wait("a picture", func() bool {
		var c pipeline.CameraStatus
		s.get(t, "/api/v1/cameras/demo", &c)
		return c.Processed > 0
	})
	code, body := s.post(t, prompts, map[string]any{"id": "mine", "points": [][2]float64{{85, 110}}})
	if err := json.Unmarshal(body, &st); err != nil || code != http.StatusCreated || st.TrackID == 0 {
		t.Fatalf("%d %s", code, body)
	}
	refined := func() bool {
		s.get(t, prompts+"/mine", &st)
		return st.Refined != nil && st.Refined.Applied
	}
	wait("the first key frame", refined)
	first := st.Refined.Time
	var l struct{ Levels []pipeline.Level }
	if code := s.get(t, prompts+"/mine/levels", &l); code != http.StatusOK || len(l.Levels) == 0 {
		t.Fatalf("levels: %d %+v", code, l)
	}
	if code, _, body := s.send(t, http.MethodPatch, prompts+"/mine", fmt.Sprintf(`{"level": %d}`, l.Levels[0].Level)); code != http.StatusOK {
		t.Fatalf("another level: %d %s", code, body)
	}
	if code, _, body := s.send(t, http.MethodPatch, prompts+"/mine", `{"refine": true}`); code != http.StatusOK {
		t.Fatalf("refine: %d %s", code, body)
	}
	wait("a key frame on demand", func() bool {
		s.get(t, prompts+"/mine", &st)
		return st.Refined != nil && st.Refined.Time.After(first)
	})
}

// Whatever --prompt says, it is a valid prompt or an error that repeats it.
func FuzzParsePrompt(f *testing.F) {
	for _, s := range []string{
		"point=320,200@2.5s", "point=1,2;point=3,4,0;level=1;id=a", "box=1,2,3,4", "text=red car;text=not: tree;zone=0,0,9,0,9,9;top_k=2;threshold=.3@1m",
		`{"points": [[1, 2]], "labels": [1]}@3`, `{"text": ["a"], "frame_time": "2026-01-02T03:04:05Z"}`, "point=nan,1", "point=1e400,1", "=;=", "@", "text=@", "box=4,3,2,1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "mask") {
			return // would open files
		}
		p, err := parsePrompt(s, true)
		if err != nil {
			if !strings.Contains(err.Error(), "--prompt") {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if err := p.Validate(0, 0); err != nil || p.at < 0 || p.Mask != nil {
			t.Fatalf("%q: %+v: %v", s, p, err)
		}
	})
}
