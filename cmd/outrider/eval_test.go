package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write makes a file and its folders.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// walkers writes a set of two sequences in which two boxes walk past each other, detected
// without fault.
func walkers(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for k, name := range []string{"a", "b"} {
		var truth, dets strings.Builder
		for f := 1; f <= 40; f++ {
			for id, x := range []float64{20 + 5*float64(f), 400 - 5*float64(f)} {
				y := 40 + 120*float64(id)
				fmt.Fprintf(&truth, "%d,%d,%g,%g,30,80,1,1,1\n", f, id+1, x, y)
				fmt.Fprintf(&dets, "%d,-1,%g,%g,30,80,0.95\n", f, x+float64(k), y)
			}
		}
		p := filepath.Join(dir, "street", name)
		write(t, filepath.Join(p, "seqinfo.ini"), "[Sequence]\nframeRate=20\nseqLength=40\nimWidth=640\nimHeight=360\n")
		write(t, filepath.Join(p, "gt", "gt.txt"), truth.String())
		write(t, filepath.Join(p, "det", "det.txt"), dets.String())
	}
	return dir
}

func decodeJSON[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}

// TestEvalTrack runs the tracker, scores its files again, and finds the same figures.
func TestEvalTrack(t *testing.T) {
	data, out := walkers(t), t.TempDir()
	report := filepath.Join(out, "report.json")
	code, stdout, stderr := outrider(t, t.Context(), "eval", "track", "--data", data, "--out", filepath.Join(out, "res"), "--json", report, "--plots", filepath.Join(out, "plots"))
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	ran := decodeJSON[trackReport](t, string(b))
	if len(ran.Sets) != 1 || ran.Sets[0].Name != "street" || len(ran.Sets[0].Sequences) != 2 || ran.Frames != 80 {
		t.Fatalf("report %+v", ran)
	}
	a, shifted := ran.Sets[0].Sequences[0], ran.Sets[0].Sequences[1]
	if a.IDSW != 0 || a.FP != 0 || a.MOTA < 95 || a.IDF1 < 95 || a.LocA < 99 {
		t.Errorf("perfect detections: %+v", a.Figures)
	}
	if want := 100 * 29.0 / 31; math.Abs(shifted.LocA-want) > 1 || shifted.HOTA >= a.HOTA {
		t.Errorf("boxes one of 30 pixels off: LocA %.2f, want about %.2f", shifted.LocA, want)
	}
	if !strings.Contains(stdout, "street") || !strings.Contains(stdout, fmt.Sprintf("%.2f", ran.Sets[0].Combined.HOTA)) {
		t.Errorf("table:\n%s", stdout)
	}

	code, stdout, stderr = outrider(t, t.Context(), "eval", "track", "--data", data, "--results", filepath.Join(out, "res"), "--json", "-")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	if scored := decodeJSON[trackReport](t, stdout); scored.Mean != ran.Mean {
		t.Errorf("the files score %+v, the run %+v", scored.Mean, ran.Mean)
	}
	for _, name := range []string{"sets.svg", "street.svg"} {
		f, err := os.Open(filepath.Join(out, "plots", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for d := xml.NewDecoder(f); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}

	// Fewer frames, the same for one seed.
	args := []string{"eval", "track", "--data", data, "--every", "2", "--drop", "0.3", "--seed", "7", "--json", "-"}
	_, one, _ := outrider(t, t.Context(), args...)
	_, two, _ := outrider(t, t.Context(), args...)
	few, again := decodeJSON[trackReport](t, one), decodeJSON[trackReport](t, two)
	if few.Frames >= 40 || few.Frames < 15 || few.Mean != again.Mean {
		t.Errorf("%d frames of 40; figures %+v and %+v", few.Frames, few.Mean, again.Mean)
	}
}

// TestEvalTrackLayouts scores data sets in other layouts than MOTChallenge's.
func TestEvalTrackLayouts(t *testing.T) {
	const data = "../../tracker/trackeval/testdata/"
	coco := t.TempDir()
	write(t, filepath.Join(coco, "gt.json"), `{"videos": [{"id": 1, "name": "v", "length": 2}], "annotations": [
		{"id": 5, "video_id": 1, "bboxes": [[1, 2, 30, 40], [2, 2, 30, 40]]}]}`)
	theirs := filepath.Join(t.TempDir(), "theirs.json")
	write(t, theirs, `[{"video_id": 1, "score": 0.9, "bboxes": [[1, 2, 30, 40], [2, 2, 30, 40]]}]`)
	for name, c := range map[string]struct {
		args []string
		hota float64 // as TrackEval says for the first two
	}{
		"KITTI": {[]string{"--data", data + "kitti", "--class", "pedestrian", "--results", data + "kitti/result"}, 66.5390},
		"MOTS":  {[]string{"--data", data + "mots", "--results", data + "mots/result"}, 0},
		"COCO":  {[]string{"--data", coco, "--results", theirs}, 100},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := outrider(t, t.Context(), append([]string{"eval", "track", "--json", "-"}, c.args...)...)
			if code != exitDone {
				t.Fatalf("exit %d\n%s", code, stderr)
			}
			rep := decodeJSON[trackReport](t, stdout)
			if got := rep.Mean.HOTA; c.hota > 0 && math.Abs(got-c.hota) > 1e-3 || got < 40 {
				t.Errorf("HOTA %.4f, want %.4f", got, c.hota)
			}
		})
	}
	out := t.TempDir()
	if code, _, stderr := outrider(t, t.Context(), "eval", "track", "--data", data+"mots", "--out", out); code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	b, err := os.ReadFile(filepath.Join(out, "mots", "MOTS-1.txt"))
	if err != nil || len(strings.Fields(strings.SplitN(string(b), "\n", 2)[0])) != 6 {
		t.Errorf("MOTS text %.80q, %v", b, err)
	}
	code, _, stderr := outrider(t, t.Context(), "eval", "track", "--data", data+"kitti", "--results", theirs)
	if code != exitFailed || !strings.Contains(stderr, "not in COCO's form") {
		t.Errorf("JSON for KITTI: exit %d, %q", code, stderr)
	}
}

func TestEvalTrackRefuses(t *testing.T) {
	data, empty := walkers(t), t.TempDir()
	bad := walkers(t)
	write(t, filepath.Join(bad, "street", "b", "gt", "gt.txt"), "1,1,0,0,5,5,1,1,1\n2,1,zero,0,5,5,1,1,1\n")
	undetected := walkers(t)
	if err := os.Remove(filepath.Join(undetected, "street", "a", "det", "det.txt")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no data":           {nil, exitUsage, "--data is required"},
		"not there":         {[]string{"--data", filepath.Join(empty, "x")}, exitFailed, "no such file"},
		"nothing there":     {[]string{"--data", empty}, exitFailed, "SEQUENCE/seqinfo.ini"},
		"bad line":          {[]string{"--data", bad}, exitFailed, `gt.txt: line 2: column 3: "zero" is not a number`},
		"no detections":     {[]string{"--data", undetected}, exitFailed, "street/a has no stored detections"},
		"no result":         {[]string{"--data", data, "--results", empty}, exitFailed, "want one of street/a.txt, a.txt"},
		"every":             {[]string{"--data", data, "--every", "0"}, exitUsage, "want 1 or more"},
		"drop":              {[]string{"--data", data, "--drop", "NaN"}, exitUsage, "want a share"},
		"results and out":   {[]string{"--data", data, "--results", empty, "--out", empty}, exitUsage, "do not go with it"},
		"a superfluous arg": {[]string{data}, exitUsage, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := outrider(t, t.Context(), append([]string{"eval", "track"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit %d, want %d; stdout %q, stderr %q, want %q in it", code, c.code, stdout, stderr, c.want)
			}
		})
	}
}

func encodePNG(t *testing.T, img image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// movie writes a video in which object 1 and, with two, object 2 move over a dark ground.
func movie(t *testing.T, dir string, frames int, two bool) {
	t.Helper()
	const w, h = 160, 120
	save := func(path string, img image.Image) { write(t, path, encodePNG(t, img)) }
	for i := range frames {
		picture := image.NewRGBA(image.Rect(0, 0, w, h))
		draw.Draw(picture, picture.Bounds(), image.NewUniform(color.RGBA{40, 60, 40, 255}), image.Point{}, draw.Src)
		var truth draw.Image = image.NewGray(picture.Bounds())
		ids := []color.Color{color.Gray{255}}
		if two {
			ids = []color.Color{color.RGBA{1, 0, 0, 255}, color.RGBA{2, 0, 0, 255}}
			truth = image.NewPaletted(picture.Bounds(), color.Palette{color.Black, ids[0], ids[1]})
		}
		for k, id := range ids {
			r := image.Rect(10+3*i, 12+60*k, 50+3*i, 52+60*k)
			draw.Draw(picture, r, image.NewUniform(color.RGBA{220, uint8(200 * k), 30, 255}), image.Point{}, draw.Src)
			draw.Draw(truth, r, image.NewUniform(id), image.Point{}, draw.Src)
		}
		save(filepath.Join(dir, "images", fmt.Sprintf("%05d.png", i)), picture)
		save(filepath.Join(dir, "masks", fmt.Sprintf("%05d.png", i)), truth)
	}
}

func TestEvalVOS(t *testing.T) {
	dir := t.TempDir()
	movie(t, filepath.Join(dir, "one"), 20, false)
	movie(t, filepath.Join(dir, "two"), 20, true)
	code, stdout, stderr := outrider(t, t.Context(), "eval", "vos", "--data", dir, "--segmenter", "perfect", "--draws", "1", "--json", "-")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	rep := decodeJSON[vosReport](t, stdout)
	if len(rep.Objects) != 6 || len(rep.Means) != 2 || rep.Untaken != 0 || len(rep.Skipped) != 0 {
		t.Fatalf("%d objects, %d means, %d untaken, skipped %v", len(rep.Objects), len(rep.Means), rep.Untaken, rep.Skipped)
	}
	for _, o := range rep.Objects {
		if o.Loss > 6 || o.Got.J < 75 || o.Got.JF < 80 || o.Jumps != 0 || len(o.Frames) != 20 {
			t.Errorf("%s %s %d by %s: %+v, loss %.1f, %d jumps", o.Segmenter, o.Video, o.Object, o.Start, o.Got, o.Loss, o.Jumps)
		}
	}
	// The model too, on few frames, as a table.
	code, stdout, stderr = outrider(t, t.Context(), "eval", "vos", "--data", filepath.Join(dir, "one"), "--segmenter", "model", "--start", "point", "--frames", "4", "--input", "128")
	if code != exitDone || !strings.Contains(stdout, "oracle") || strings.Count(stdout, "model") != 2 {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestEvalVOSRefuses(t *testing.T) {
	empty, short, blank := t.TempDir(), t.TempDir(), t.TempDir()
	movie(t, short, 4, false)
	if err := os.Remove(filepath.Join(short, "masks", "00003.png")); err != nil {
		t.Fatal(err)
	}
	movie(t, blank, 4, false)
	write(t, filepath.Join(blank, "masks", "00000.png"), encodePNG(t, image.NewGray(image.Rect(0, 0, 160, 120))))
	other := t.TempDir()
	movie(t, other, 4, false)
	write(t, filepath.Join(other, "masks", "00001.png"), "no picture")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no data":       {nil, exitUsage, "--data is required"},
		"nothing there": {[]string{"--data", empty}, exitFailed, "VIDEO/images/00000.jpg"},
		"no mask":       {[]string{"--data", short}, exitFailed, "4 pictures in"},
		"blank":         {[]string{"--data", blank}, exitFailed, "frame 0 shows no object"},
		"no picture":    {[]string{"--data", other}, exitFailed, "00001.png"},
		"segmenter":     {[]string{"--data", empty, "--segmenter", "best"}, exitUsage, "want model, perfect or both"},
		"frames":        {[]string{"--data", empty, "--frames", "2"}, exitUsage, "want 3 or more"},
		"only":          {[]string{"--data", short, "--only", "x"}, exitFailed, "4 pictures in"},
		"unknown video": {[]string{"--data", blank, "--only", "x"}, exitUsage, "no such video"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := outrider(t, t.Context(), append([]string{"eval", "vos", "--segmenter", "perfect", "--input", "128"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit %d, want %d; stdout %q, stderr %q, want %q in it", code, c.code, stdout, stderr, c.want)
			}
		})
	}
}

func TestJumps(t *testing.T) {
	at := func(n int, state string, on float64) []vosAt {
		return slices.Repeat([]vosAt{{State: state, On: on}}, n)
	}
	for name, c := range map[string]struct {
		frames []vosAt
		want   int
	}{
		"on its object":       {at(40, "seen", .9), 0},
		"short":               {slices.Concat(at(7, "seen", 0), at(1, "seen", .5), at(7, "seen", 0)), 0},
		"lasts":               {slices.Concat(at(5, "seen", .9), at(30, "seen", .05)), 1},
		"twice":               {slices.Concat(at(8, "seen", 0), at(1, "seen", 1), at(8, "seen", 0)), 2},
		"lost between":        {slices.Concat(at(4, "seen", 0), at(9, "searching", 0), at(4, "seen", 0)), 1},
		"a prediction is off": {at(40, "predicted", 0), 0},
	} {
		if got := jumps(c.frames); got != c.want {
			t.Errorf("%s: %d jumps, want %d", name, got, c.want)
		}
	}
}

// TestEvalVOSOnDAVIS holds a floor on real videos with segments that are not to blame.
func TestEvalVOSOnDAVIS(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	code, stdout, stderr := outrider(t, t.Context(), "eval", "vos", "--data", shared(t, "vos"), "--segmenter", "perfect", "--only", "blackswan,libby,drift-chicane", "--draws", "1", "--input", "128", "--json", "-")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	for _, m := range decodeJSON[vosReport](t, stdout).Means {
		t.Logf("%s: J&F %.1f, oracle %.1f, loss %.1f", m.Start, m.Got.JF, m.Oracle.JF, m.Loss)
		if m.Loss > 6 || m.Jumps != 0 {
			t.Errorf("start %s: loss %.1f, %d jumps, want at most 6 and none", m.Start, m.Loss, m.Jumps)
		}
	}
}

// known writes pictures of the sky above grass, which the embedded pair can tell apart.
func known(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const w, h = 160, 120
	picture, ids := image.NewRGBA(image.Rect(0, 0, w, h)), image.NewGray16(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			n := uint8((x*7 + y*13 + x*y) % 40)
			if y < h/2 {
				picture.Set(x, y, color.RGBA{120 + n/8, 180 + n/8, 240, 255})
				ids.SetGray16(x, y, color.Gray16{Y: 300})
			} else {
				picture.Set(x, y, color.RGBA{30 + n, 110 + n, 20 + n/2, 255})
				ids.SetGray16(x, y, color.Gray16{Y: 2})
			}
		}
	}
	for path, img := range map[string]image.Image{"images/a.png": picture, "ids/a.png": ids} {
		write(t, filepath.Join(dir, filepath.FromSlash(path)), encodePNG(t, img))
	}
	write(t, filepath.Join(dir, "index.json"), `[{"image": "a.png", "ids": "a.png", "classes": {"300": "sky", "2": "grass-merged", "9": "car", "4": "xyzzy"}}]`)
	return dir
}

func TestEvalText(t *testing.T) {
	dir := known(t)
	code, stdout, stderr := outrider(t, t.Context(), "eval", "text", "--data", dir, "--json", "-")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	rep := decodeJSON[textReport](t, stdout)
	if rep.Segments != 2 || len(rep.Groups) != 2 || rep.Groups[0].Name != "grass" || rep.Groups[1].Name != "sky" || len(rep.Names) != 34 {
		t.Fatalf("%+v", rep)
	}
	sum := 0
	for _, row := range rep.Confusion {
		for _, n := range row {
			sum += n
		}
	}
	if sum != 2 || rep.Top1 < 0.5 { // a flat blue is sky enough
		t.Errorf("%d answers in the table, top-1 %.2f", sum, rep.Top1)
	}
	code, stdout, _ = outrider(t, t.Context(), "eval", "text", "--data", dir)
	if code != exitDone || !strings.Contains(stdout, "confusion") || !strings.Contains(stdout, "sky") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
}

func TestEvalTextRefuses(t *testing.T) {
	empty, broken, colour, outside := t.TempDir(), t.TempDir(), known(t), known(t)
	write(t, filepath.Join(broken, "index.json"), `{"a": 1}`)
	picture, err := os.ReadFile(filepath.Join(colour, "images", "a.png"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(colour, "ids", "a.png"), string(picture))
	write(t, filepath.Join(outside, "index.json"), `[{"image": "../../a.png", "ids": "a.png"}]`)
	unknown := known(t)
	write(t, filepath.Join(unknown, "index.json"), `[{"image": "a.png", "ids": "a.png", "classes": {"2": "xyzzy"}}]`)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no data":       {nil, exitUsage, "--data is required"},
		"nothing there": {[]string{"--data", empty}, exitFailed, "images/a.jpg"},
		"broken":        {[]string{"--data", broken}, exitFailed, "read index"},
		"colour":        {[]string{"--data", colour}, exitFailed, "want a grey PNG"},
		"outside":       {[]string{"--data", outside}, exitFailed, "want names of files"},
		"no class":      {[]string{"--data", unknown}, exitFailed, "no segment"},
		"one of a pair": {[]string{"--data", empty, "--text-encoder", "x.onnx"}, exitUsage, "go together"},
		"device":        {[]string{"--data", empty, "--device", "abacus"}, exitUsage, "abacus"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := outrider(t, t.Context(), append([]string{"eval", "text"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit %d, want %d; stdout %q, stderr %q, want %q in it", code, c.code, stdout, stderr, c.want)
			}
		})
	}
}

// TestEvalTextOnSegments holds a floor on the pictures that the embedded pair was made with:
// it guards what surrounds the networks, not their quality.
func TestEvalTextOnSegments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	code, stdout, stderr := outrider(t, t.Context(), "eval", "text", "--data", shared(t, "segments"), "--every", "14", "--json", "-")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	rep := decodeJSON[textReport](t, stdout)
	t.Logf("%d segments, top-1 %.2f, named %d, right %d", rep.Segments, rep.Top1, rep.Named, rep.Right)
	if rep.Segments < 60 || rep.Top1 < 0.8 || float64(rep.Right) < 0.85*float64(rep.Named) {
		t.Errorf("%d segments, top-1 %.2f, named %d of which right %d", rep.Segments, rep.Top1, rep.Named, rep.Right)
	}
}

// shared finds data for measuring beside the checkout.
func shared(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("OUTRIDER_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, "data", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the data set is not here: set OUTRIDER_SHARED to the folder that holds data/%s", name)
	}
	return dir
}

// TestEvalTrackOnStoredDetections holds the figures of the four sets through the command.
func TestEvalTrackOnStoredDetections(t *testing.T) {
	code, stdout, stderr := outrider(t, t.Context(), "eval", "track", "--data", shared(t, "mot"), "--json", "-")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	rep := decodeJSON[trackReport](t, stdout)
	t.Logf("mean HOTA %.2f, IDF1 %.2f", rep.Mean.HOTA, rep.Mean.IDF1)
	if len(rep.Sets) != 4 || rep.Mean.HOTA < 63.2 || rep.Mean.IDF1 < 72 {
		t.Errorf("%d sets, mean HOTA %.2f, IDF1 %.2f, want 4, at least 63.2 and 72", len(rep.Sets), rep.Mean.HOTA, rep.Mean.IDF1)
	}
	// What roboflow/trackers' ByteTrack (2.6.1) reaches on the same detections.
	for set, hota := range map[string]float64{"DanceTrackP": 51.78, "KITTIcar": 81.13, "MOT15": 39.65, "MOT17val": 65.90} {
		i := slices.IndexFunc(rep.Sets, func(s setReport) bool { return s.Name == set })
		if i < 0 || rep.Sets[i].Combined.HOTA < hota-0.3 {
			t.Errorf("set %s: HOTA under %.2f", set, hota-0.3)
		}
	}
}
