package main

import (
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"outrider/calib/camfile"
)

// lens writes a pinhole calibration of w x h pixels with the synthetic street's view.
func lens(t *testing.T, w, h int) string {
	t.Helper()
	c := camfile.Calibration{}
	in := &c.Intrinsics
	in.Width, in.Height, in.Model = w, h, "plumb_bob"
	in.FX, in.FY, in.CX, in.CY = 0.9*float64(w), 0.9*float64(w), float64(w)/2, float64(h)/2
	path := filepath.Join(t.TempDir(), "lens.yaml")
	if err := camfile.Save(path, camfile.Outrider, c); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCalibRoad runs the command on the rendered street and reads the file that it writes.
func TestCalibRoad(t *testing.T) {
	if testing.Short() {
		t.Skip("renders nine seconds of driving; calib/road's own test runs in short mode")
	}
	out := filepath.Join(t.TempDir(), "camera.yaml")
	state := filepath.Join(t.TempDir(), "state.json")
	code, stdout, stderr := outrider(t, context.Background(), "calib", "road", "synth:road?size=320x180&frames=135&fps=15", "--camera", lens(t, 320, 180), "--speed", "8", "--front", "1.6", "-o", out, "--state", state)
	if code != exitDone || !strings.HasPrefix(stdout, "CALIBRATED") || !strings.Contains(stdout, "30 m ahead") {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	c, err := camfile.Load(out, camfile.Options{})
	if err != nil || c.Mount == nil {
		t.Fatal(err)
	}
	if m := c.Mount; math.Abs(m.Pitch*180/math.Pi-2) > 0.3 || math.Abs(m.Yaw*180/math.Pi) > 0.3 || math.Abs(m.Height-1.4) > 0.1 || m.Front != 1.6 {
		t.Errorf("mount %+v", m)
	}
	// The state alone is enough for the next run.
	code, stdout, _ = outrider(t, context.Background(), "calib", "road", "synth:road?size=320x180&frames=2", "--camera", lens(t, 320, 180), "--state", state, "--json")
	var st struct {
		Status string  `json:"status"`
		Pitch  float64 `json:"pitch_deg"`
	}
	if err := json.Unmarshal([]byte(stdout), &st); err != nil || code != exitDone || st.Status != "CALIBRATED" || math.Abs(st.Pitch-2) > 0.3 {
		t.Errorf("exit %d, %v\n%s", code, err, stdout)
	}
}

// TestCalibBoard calibrates from three rendered photos, through the public door.
func TestCalibBoard(t *testing.T) {
	dir := t.TempDir()
	for i, k := range [3][2]float64{{0.25, 0}, {0, 0.3}, {-0.2, -0.25}} {
		photo(t, filepath.Join(dir, string(rune('a'+i))+".png"), k[0], k[1])
	}
	blank := image.NewGray(image.Rect(0, 0, 320, 240))
	f, err := os.Create(filepath.Join(dir, "d.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, blank); err != nil {
		t.Fatal(err)
	}
	f.Close()
	file := filepath.Join(dir, "lens.yaml")
	args := []string{"calib", "board", "--columns", "5", "--rows", "4", "--square", "30mm", "--to", "opencv", "-o", file, "--preview", filepath.Join(dir, "preview")}
	for _, n := range []string{"a", "b", "c", "d"} {
		args = append(args, filepath.Join(dir, n+".png"))
	}
	code, stdout, stderr := outrider(t, context.Background(), args...)
	if code != exitDone || !strings.Contains(stdout, "3 of 3 views") || !strings.Contains(stdout, "to do better, ") || !strings.Contains(stderr, "d.png: the board is not whole") {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	c, err := camfile.Load(file, camfile.Options{})
	if err != nil || math.Abs(c.Intrinsics.FX/300-1) > 0.05 || c.RMS > 0.3 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "preview", "undistorted.jpg")); err != nil {
		t.Error(err)
	}
	code, _, stderr = outrider(t, context.Background(), "calib", "board", "--columns", "5", "--rows", "4", filepath.Join(dir, "d.png"))
	if code != exitFailed || !strings.Contains(stderr, "count the corners") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// photo draws a board of 5 x 4 inner corners, tilted by a about the x axis and b about the y
// axis, as a pinhole of 300 pixels sees it in 320 x 240.
func photo(t *testing.T, path string, a, b float64) {
	t.Helper()
	const f, square = 300.0, 0.03
	sa, ca := math.Sincos(a)
	sb, cb := math.Sincos(b)
	u := [3]float64{cb, 0, -sb}
	v := [3]float64{sa * sb, ca, sa * cb}
	o := [3]float64{0, 0, 0.3}
	for k := range 3 {
		o[k] -= 2*square*u[k] + 1.5*square*v[k]
	}
	n := [3]float64{u[1]*v[2] - u[2]*v[1], u[2]*v[0] - u[0]*v[2], u[0]*v[1] - u[1]*v[0]}
	img := image.NewGray(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			sum := 0.0
			for s := range 9 {
				d := [3]float64{(float64(x) + (float64(s%3)+.5)/3 - 160) / f, (float64(y) + (float64(s/3)+.5)/3 - 120) / f, 1}
				k := (n[0]*o[0] + n[1]*o[1] + n[2]*o[2]) / (n[0]*d[0] + n[1]*d[1] + n[2]*d[2])
				var pu, pv float64
				for i := range 3 {
					pu += (k*d[i] - o[i]) * u[i]
					pv += (k*d[i] - o[i]) * v[i]
				}
				c, r := math.Floor(pu/square)+1, math.Floor(pv/square)+1
				value := 230.0
				if c >= 0 && r >= 0 && c <= 5 && r <= 4 && int(c+r)%2 == 0 {
					value = 30
				}
				sum += value / 9
			}
			img.SetGray(x, y, color.Gray{Y: uint8(sum)})
		}
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := png.Encode(file, img); err != nil {
		t.Fatal(err)
	}
}

func TestCalibFiles(t *testing.T) {
	dir := t.TempDir()
	board := filepath.Join(dir, "board.svg")
	if code, stdout, stderr := outrider(t, context.Background(), "calib", "print", "-o", board); code != exitDone || !strings.Contains(stdout, "9 x 6 inner corners, squares of 25 mm, on A4") {
		t.Errorf("print: exit %d %s%s", code, stdout, stderr)
	}
	if b, err := os.ReadFile(board); err != nil || !strings.HasPrefix(string(b), "<svg") {
		t.Errorf("%.10s %v", b, err)
	}
	code, stdout, stderr := outrider(t, context.Background(), "calib", "convert", "../../calib/camfile/testdata/kalibr.yaml", "--which", "cam1", "--to", "ros")
	if code != exitDone || !strings.Contains(stdout, "distortion_model: plumb_bob") {
		t.Errorf("convert: exit %d %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = outrider(t, context.Background(), "calib", "show", "../../calib/camfile/testdata/outrider.yaml")
	if code != exitDone || !strings.Contains(stdout, "horizon at row 505 of 1080") || !strings.Contains(stdout, "30 m ahead is at row") {
		t.Errorf("show: exit %d %s%s", code, stdout, stderr)
	}
	marks := []string{"calib", "ground", "--size", "1920x1080", "--mark", "410,820=0,0", "--mark", "1530,815=3.5,0", "--mark", "1210,430=3.5,12", "--mark", "700,432=0,12"}
	code, stdout, stderr = outrider(t, context.Background(), marks...)
	if code != exitDone || !strings.Contains(stdout, "give a fifth") || strings.Count(stdout, "off by 0.00 px, 0.000 m") != 4 {
		t.Errorf("ground: exit %d %s%s", code, stdout, stderr)
	}
	code, stdout, _ = outrider(t, context.Background(), append(marks, "--test", "960,560=1.8,5", "--json")...)
	var a groundAnswer
	if err := json.Unmarshal([]byte(stdout), &a); err != nil || code != exitDone || len(a.Tests) != 1 || !(a.Tests[0].Metres >= 0) || !(a.Tests[0].Sigma > 0) {
		t.Errorf("ground --json: exit %d %v %s", code, err, stdout)
	}
}

func TestCalibUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"--camera is missing":        {"road", "synth:road"},
		"want WIDTHxHEIGHT":          {"convert", "../../calib/camfile/testdata/kitti.txt", "--size", "big"},
		"does not fit on A4":         {"print", "--square", "60mm"},
		"ends in .pdf or .svg":       {"print", "-o", "board.png"},
		`--square "25": want a`:      {"board", "x.jpg", "--square", "25"},
		`--lens "omni"`:              {"board", "x.jpg", "--lens", "omni"},
		"3 points, want four":        {"ground", "--size", "100x100", "--mark", "1,2=3,4", "--mark", "50,2=9,4", "--mark", "1,70=3,9"},
		`--mark "1,2": want x,y=X,Y`: {"ground", "--size", "100x100", "--mark", "1,2"},
		"--size is missing":          {"ground", "--mark", "1,2=3,4"},
	} {
		code, _, stderr := outrider(t, context.Background(), append([]string{"calib"}, args...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit %d, want %q, got %s", args, code, want, stderr)
		}
	}
	for want, args := range map[string][]string{
		"does not say the picture's size": {"show", "../../calib/camfile/testdata/kitti.txt"},
		"thin prism":                      {"show", "../../calib/camfile/testdata/bad/opencv_thin_prism.yaml"},
		"radtan has no k3":                {"convert", "../../calib/camfile/testdata/ros.yaml", "--to", "kalibr"},
		`format "matlab" is not known`:    {"convert", "../../calib/camfile/testdata/ros.yaml", "--to", "matlab"},
	} {
		code, _, stderr := outrider(t, context.Background(), append([]string{"calib"}, args...)...)
		if code != exitFailed || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit %d, want %q, got %s", args, code, want, stderr)
		}
	}
}
