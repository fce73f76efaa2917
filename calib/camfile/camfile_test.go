package camfile_test

import (
	"bytes"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"outrider/calib"
	"outrider/calib/camfile"
)

var update = flag.Bool("update", false, "write the golden files")

const degree = math.Pi / 180

var (
	carnd = calib.Intrinsics{Width: 1280, Height: 720, FX: 1156.94, FY: 1152.13, CX: 666.448, CY: 389.284, Model: calib.PlumbBob,
		D: [8]float64{-0.2379, -0.0854, -0.00079, -0.000102, 0.1053}}
	fisheye = calib.Intrinsics{Width: 1280, Height: 960, FX: 580.25, FY: 580.75, CX: 640, CY: 480, Model: calib.Equidistant,
		D: [8]float64{-0.012, 0.004, -0.003, 0.0005}}
	rational = calib.Intrinsics{Width: 1920, Height: 1080, FX: 980, FY: 980, CX: 955, CY: 545, Model: calib.Rational,
		D: [8]float64{4.2, 2.1, 1e-4, -5e-5, 0.08, 4.6, 3.4, 0.5}}
	euroc = calib.Intrinsics{Width: 752, Height: 480, FX: 457.587, FY: 456.134, CX: 380.499, CY: 255.738, Model: calib.PlumbBob,
		D: [8]float64{-0.28, 0.07, 0.0002, 1.8e-05}}
	kitti = calib.Intrinsics{Width: 1242, Height: 375, FX: 721.5377, FY: 721.5377, CX: 610.0593, CY: 173.354, Model: calib.PlumbBob}
	typed = calib.Intrinsics{Width: 1920, Height: 1080, FX: 1000, FY: 1000.5, CX: 960, CY: 540, Model: calib.PlumbBob, D: [8]float64{-0.1, 0.01}}
	mount = calib.Mount{Height: 1.42, Pitch: 2 * degree, Front: 1.6, Spread: calib.Spread{Height: 0.02, Pitch: 0.3 * degree}}
)

// nearly forgives the rounding of degrees and of half a pixel.
var nearly = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })

// TestRead reads files as the tools write them; opencv*.yaml are cv2.FileStorage's own.
func TestRead(t *testing.T) {
	for file, want := range map[string]struct {
		o camfile.Options
		c camfile.Calibration
	}{
		"opencv.yaml":          {c: camfile.Calibration{Intrinsics: carnd, RMS: 1.0016}},
		"opencv_fisheye.yaml":  {c: camfile.Calibration{Intrinsics: fisheye, RMS: 0.21}},
		"opencv_rational.yaml": {c: camfile.Calibration{Intrinsics: rational, RMS: 0.3}},
		"ros.yaml":             {c: camfile.Calibration{Name: "front", Intrinsics: carnd}},
		"kalibr.yaml":          {c: camfile.Calibration{Name: "cam0", Intrinsics: fisheye}},
		"kalibr.yaml#cam1":     {o: camfile.Options{Camera: "cam1"}, c: camfile.Calibration{Name: "cam1", Intrinsics: euroc}},
		"kitti.txt":            {o: camfile.Options{Width: 1242, Height: 375}, c: camfile.Calibration{Intrinsics: kitti}},
		"kitti_raw.txt":        {c: camfile.Calibration{Intrinsics: kitti}},
		"outrider.yaml":        {c: camfile.Calibration{Intrinsics: typed, Mount: &mount}},
	} {
		name, _, _ := strings.Cut(file, "#")
		got, err := camfile.Load(filepath.Join("testdata", name), want.o)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if d := cmp.Diff(want.c, got, nearly); d != "" {
			t.Errorf("%s: want (-) got (+):\n%s", file, d)
		}
	}
}

// TestWrite holds what is written to golden files, and reads it back.
func TestWrite(t *testing.T) {
	full := mount
	full.Roll, full.Yaw, full.Spread.Roll, full.Spread.Yaw, full.Spread.Slope, full.Spread.Pixel = -1*degree, 0.5*degree, 0.2*degree, 0.1*degree, 0.4*degree, 1
	for file, w := range map[string]struct {
		f camfile.Format
		c camfile.Calibration
	}{
		"opencv.yaml":           {camfile.OpenCV, camfile.Calibration{Intrinsics: carnd, RMS: 1.0016}},
		"opencv_fisheye.yaml":   {camfile.OpenCV, camfile.Calibration{Intrinsics: fisheye}},
		"opencv_rational.yaml":  {camfile.OpenCV, camfile.Calibration{Intrinsics: rational}},
		"ros.yaml":              {camfile.ROS, camfile.Calibration{Name: "front", Intrinsics: carnd}},
		"ros_fisheye.yaml":      {camfile.ROS, camfile.Calibration{Name: "a \"b\"", Intrinsics: fisheye}},
		"kalibr.yaml":           {camfile.Kalibr, camfile.Calibration{Name: "cam0", Intrinsics: euroc}},
		"kalibr_fisheye.yaml":   {camfile.Kalibr, camfile.Calibration{Name: "cam0", Intrinsics: fisheye}},
		"kitti.txt":             {camfile.KITTI, camfile.Calibration{Intrinsics: kitti}},
		"outrider.yaml":         {camfile.Outrider, camfile.Calibration{Intrinsics: carnd, RMS: 0.25, Mount: &full}},
		"outrider_rational.yml": {camfile.Outrider, camfile.Calibration{Intrinsics: rational}},
	} {
		var b bytes.Buffer
		if err := camfile.Write(&b, w.f, w.c); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		path := filepath.Join("testdata", "written", file)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), b.String()); d != "" {
			t.Errorf("%s (-update writes it anew):\n%s", file, d)
		}
		got, err := camfile.Read(file, b.Bytes(), camfile.Options{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if file == "ros_fisheye.yaml" { // quotes inside a name are not worth an escape
			got.Name = w.c.Name
		}
		if d := cmp.Diff(w.c, got, nearly); d != "" {
			t.Errorf("%s did not come back:\n%s", file, d)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for want, w := range map[string]struct {
		f  camfile.Format
		in calib.Intrinsics
	}{
		"no rational":          {camfile.Kalibr, rational},
		"no k3":                {camfile.Kalibr, carnd},
		"no distortion":        {camfile.KITTI, carnd},
		`"matlab" is not`:      {"matlab", carnd},
		"focal length fx = 0 ": {camfile.ROS, calib.Intrinsics{Width: 10, Height: 10, Model: calib.PlumbBob}},
	} {
		var b bytes.Buffer
		err := camfile.Write(&b, w.f, camfile.Calibration{Intrinsics: w.in})
		if err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("want %q, got %v and %d bytes", want, err, b.Len())
		}
	}
}

// TestBroken spoils one line of a good file at a time: the error names it and the field.
func TestBroken(t *testing.T) {
	for _, c := range []struct{ file, old, new, want string }{
		{"opencv.yaml", "image_width: 1280", "image_width: wide", `:5: image_width: "wide" is not a number`},
		{"opencv.yaml", "image_width: 1280\n", "", `image_width: missing`},
		{"opencv.yaml", "rows: 3", "rows: 4", `:12: camera_matrix.rows: 4, want 3`},
		{"opencv.yaml", "1.1569400000000001e+03", ".Nan", `:15: camera_matrix.data[0]: ".Nan" is not a number`},
		{"opencv.yaml", "1.1569400000000001e+03", "0.", `camera_matrix: the focal length is 0: this camera has not been calibrated`},
		{"opencv.yaml", "1.1569400000000001e+03", "3.6", `focal length fx = 3.6 is not between`},
		{"opencv.yaml", "       -7.9000000000000001e-04, ", "       ", `:21: distortion_coefficients.data: 4 numbers, want rows x cols = 5`},
		{"opencv.yaml", "fisheye_model: 0", "fisheye_model: 1", `:17: distortion_coefficients: 5 numbers, want 4 for fisheye_model: 1`},
		{"opencv.yaml", "camera_matrix: !!opencv-matrix", "camera_matrix: [", `opencv.yaml:`},
		{"ros.yaml", "plumb_bob", "ftheta", `:8: distortion_model: distortion model "ftheta" is not supported; supported are plumb_bob, rational_polynomial and equidistant`},
		{"ros.yaml", "plumb_bob", "rational_polynomial", `distortion_coefficients: 5 numbers, want 8`},
		{"ros.yaml", "data: [1156.94,", "data: [0,", `this camera has not been calibrated`},
		{"ros.yaml", "data: [1156.94, 0,", "data: [1156.94, 2,", `skewed`},
		{"ros.yaml", "image_height: 720", "image_height: 720.5", `:2: image_height: 720.5 is not`},
		{"kalibr.yaml", "camera_model: pinhole", "camera_model: omni", `:3: cam0.camera_model: camera model "omni" is not supported`},
		{"kalibr.yaml", "camera_model: pinhole", "camera_model: ds", `"ds" is not supported`},
		{"kalibr.yaml", "camera_model: pinhole", "camera_model: eucm", `"eucm" is not supported`},
		{"kalibr.yaml", "distortion_model: equidistant", "distortion_model: fov", `:5: cam0.distortion_model: distortion model "fov" is not supported`},
		{"kalibr.yaml", "580.25, ", "", `:6: cam0.intrinsics: 3 numbers, want 4`},
		{"kalibr.yaml", "  resolution: [1280, 960]\n", "", `cam0.resolution: missing`},
		{"kitti_raw.txt", "7.215377e+02", "7.215377e", `:4: P_rect_02: "7.215377e" is not a number`},
		{"kitti_raw.txt", "1.242000e+03 ", "", `:3: S_rect_02: 1 numbers, want 2`},
		{"kitti.txt", "", "", `does not say the picture's size; give it`},
		{"outrider.yaml", "fx: 1000", "focal: 1000", `:4: calibration.focal: unknown key`},
		{"outrider.yaml", "height_m: 1.42", "height_m: -1.42", `height = -1.42 is not between`},
		{"outrider.yaml", "pitch_deg: 2", "roll_deg: 180", `upside down`},
		{"outrider.yaml", "[1920, 1080]", "[1920.5, 1080]", `:3: calibration.image_size: 1920.5 is not a whole number`},
		{"outrider.yaml", "cx: 959.5", "cx: .inf", `:6: calibration.cx`},
		{"outrider.yaml", "[-0.1, 0.01, 0, 0, 0]", "[-0.1]", `:2: calibration: distortion: 1 numbers, want 5`},
		{"outrider.yaml", "calibration:", "camera:", `not a camera calibration`},
	} {
		good, err := os.ReadFile(filepath.Join("testdata", c.file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(good, []byte(c.old)) {
			t.Fatalf("%s holds no %q", c.file, c.old)
		}
		_, err = camfile.Read(c.file, bytes.Replace(good, []byte(c.old), []byte(c.new), 1), camfile.Options{})
		var e *camfile.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.file) {
			t.Errorf("%s, %q for %q: want %q, got %v", c.file, c.new, c.old, c.want, err)
		}
	}
	for file, want := range map[string]string{
		"bad/opencv_thin_prism.yaml": "thin prism",
		"bad/missing.yaml":           "open calibration",
	} {
		if _, err := camfile.Load(filepath.Join("testdata", file), camfile.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", file, want, err)
		}
	}
	for _, junk := range []string{"", "\x00\xff", "- 1\n- 2\n", "a: &a [*a]", strings.Repeat("[", 5000), strings.Repeat("- ", 5000) + "a", strings.Repeat("x", 1<<20), "calibration:\n  fx:"} {
		var e *camfile.Error
		if _, err := camfile.Read("junk", []byte(junk), camfile.Options{}); !errors.As(err, &e) {
			t.Errorf("%.10q: %v", junk, err)
		}
	}
}

// FuzzRead feeds every reader: no panic, and what is read can be written and read again.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/*.*", "testdata/written/*.*"} {
		files, _ := filepath.Glob(pattern)
		for _, p := range files {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := camfile.Read("f", data, camfile.Options{Width: 1242, Height: 375})
		if err != nil {
			return
		}
		for _, format := range camfile.Formats() {
			var b bytes.Buffer
			if camfile.Write(&b, format, c) != nil {
				continue
			}
			back, err := camfile.Read("f", b.Bytes(), camfile.Options{})
			if err != nil {
				t.Fatalf("%s does not come back: %v\n%s", format, err, b.Bytes())
			}
			if math.Abs(back.Intrinsics.CX-c.Intrinsics.CX) > 1e-6 || back.Intrinsics.FX != c.Intrinsics.FX || back.Intrinsics.D != c.Intrinsics.D {
				t.Fatalf("%s: %+v came back as %+v", format, c, back)
			}
		}
	})
}
