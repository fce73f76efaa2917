package camfile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"outrider/calib"
)

func readOpenCV(root node) (c Calibration, err error) {
	in := &c.Intrinsics
	if err := root.pinhole(&c); err != nil {
		return c, err
	}
	fisheye := false
	if f, ok := root.get("fisheye_model"); ok {
		v, err := f.number()
		if err != nil {
			return c, err
		}
		fisheye = v != 0
	}
	d, err := root.need("distortion_coefficients")
	if err != nil {
		return c, err
	}
	list, err := d.matrix(0, 0)
	if err != nil {
		return c, err
	}
	// Trailing zeros of longer models (thin prism, tilted sensor) say nothing.
	for len(list) > 8 && list[len(list)-1] == 0 {
		list = list[:len(list)-1]
	}
	switch {
	case fisheye && len(list) == 4:
		in.Model = calib.Equidistant
	case fisheye:
		return c, d.fail("%d numbers, want 4 for fisheye_model: 1", len(list))
	case len(list) == 4 || len(list) == 5:
		in.Model = calib.PlumbBob
	case len(list) == 8:
		in.Model = calib.Rational
	case len(list) > 12:
		return c, d.fail("the tilted sensor model (14 coefficients) is not supported; calibrate with 5 or 8")
	case len(list) > 8:
		return c, d.fail("the thin prism model (12 coefficients) is not supported; calibrate with 5 or 8")
	default:
		return c, d.fail("%d numbers, want 4, 5 or 8", len(list))
	}
	copy(in.D[:], list)
	if r, ok := root.get("avg_reprojection_error"); ok {
		if c.RMS, err = r.number(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// pinhole reads what OpenCV's and ROS's files share: the picture's size and the camera matrix.
func (n node) pinhole(c *Calibration) (err error) {
	in := &c.Intrinsics
	if in.Width, in.Height, err = n.size("image_width", "image_height"); err != nil {
		return err
	}
	m, err := n.need("camera_matrix")
	if err != nil {
		return err
	}
	k, err := m.matrix(3, 3)
	if err != nil {
		return err
	}
	return m.focal(c, k)
}

func writeOpenCV(b *bytes.Buffer, c Calibration) error {
	in := c.Intrinsics
	fisheye := 0
	if in.Model == calib.Equidistant {
		fisheye = 1
	}
	fmt.Fprintf(b, "%%YAML:1.0\n---\nimage_width: %d\nimage_height: %d\nfisheye_model: %d\n", in.Width, in.Height, fisheye)
	matrix := func(name string, rows, cols int, data []float64) {
		fmt.Fprintf(b, "%s: !!opencv-matrix\n   rows: %d\n   cols: %d\n   dt: d\n   data: [ %s ]\n", name, rows, cols, list(data))
	}
	matrix("camera_matrix", 3, 3, k3(in))
	n := in.Model.Coefficients()
	matrix("distortion_coefficients", n, 1, in.D[:n])
	if c.RMS > 0 {
		fmt.Fprintf(b, "avg_reprojection_error: %s\n", number(c.RMS))
	}
	return nil
}

// k3 is the camera matrix by rows, in the files' origin.
func k3(in calib.Intrinsics) []float64 {
	return []float64{in.FX, 0, in.CX - pixelCentre, 0, in.FY, in.CY - pixelCentre, 0, 0, 1}
}

// number writes a float so that every reader takes it as one, in full.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	if i := strings.IndexByte(s, 'e'); i > 0 && !strings.Contains(s[:i], ".") { // YAML 1.1 wants the point
		s = s[:i] + ".0" + s[i:]
	}
	return s
}

func list(v []float64) string {
	s := make([]string, len(v))
	for i, x := range v {
		s[i] = number(x)
	}
	return strings.Join(s, ", ")
}

func readROS(root node) (c Calibration, err error) {
	in := &c.Intrinsics
	if n, ok := root.get("camera_name"); ok {
		if c.Name, err = n.text(); err != nil {
			return c, err
		}
	}
	if err := root.pinhole(&c); err != nil {
		return c, err
	}
	model, err := root.need("distortion_model")
	if err != nil {
		return c, err
	}
	name, err := model.text()
	if err != nil {
		return c, err
	}
	if name == "fisheye" { // what some ROS 2 drivers call equidistant
		name = string(calib.Equidistant)
	}
	in.Model = calib.Model(name)
	n := in.Model.Coefficients()
	if n == 0 {
		return c, model.fail("distortion model %q is not supported; supported are %s, %s and %s", name, calib.PlumbBob, calib.Rational, calib.Equidistant)
	}
	d, err := root.need("distortion_coefficients")
	if err != nil {
		return c, err
	}
	coefficients, err := d.matrix(0, 0)
	if err != nil {
		return c, err
	}
	if len(coefficients) != n && !(in.Model == calib.PlumbBob && len(coefficients) == 4) {
		return c, d.fail("%d numbers, want %d for %s", len(coefficients), n, name)
	}
	copy(in.D[:], coefficients)
	return c, nil
}

func writeROS(b *bytes.Buffer, c Calibration) error {
	in := c.Intrinsics
	name := c.Name
	if name == "" {
		name = "camera"
	}
	n := in.Model.Coefficients()
	fmt.Fprintf(b, "image_width: %d\nimage_height: %d\ncamera_name: %s\n", in.Width, in.Height, strconv.Quote(name))
	matrix := func(name string, rows, cols int, data []float64) {
		fmt.Fprintf(b, "%s:\n  rows: %d\n  cols: %d\n  data: [%s]\n", name, rows, cols, list(data))
	}
	matrix("camera_matrix", 3, 3, k3(in))
	fmt.Fprintf(b, "distortion_model: %s\n", in.Model)
	matrix("distortion_coefficients", 1, n, in.D[:n])
	matrix("rectification_matrix", 3, 3, []float64{1, 0, 0, 0, 1, 0, 0, 0, 1})
	k := k3(in)
	matrix("projection_matrix", 3, 4, []float64{k[0], 0, k[2], 0, 0, k[4], k[5], 0, 0, 0, 1, 0})
	return nil
}

func readKalibr(root node, o Options) (c Calibration, err error) {
	which := o.Camera
	if which == "" {
		which = "cam0"
	}
	cam, err := root.need(which)
	if err != nil {
		return c, err
	}
	c.Name = which
	in := &c.Intrinsics
	model, err := cam.need("camera_model")
	if err != nil {
		return c, err
	}
	if name, err := model.text(); err != nil {
		return c, err
	} else if name != "pinhole" {
		return c, model.fail("camera model %q is not supported; supported is pinhole", name)
	}
	k, err := cam.need("intrinsics")
	if err != nil {
		return c, err
	}
	v, err := k.numbers(4)
	if err != nil {
		return c, err
	}
	if err := k.focal(&c, []float64{v[0], 0, v[2], 0, v[1], v[3], 0, 0, 1}); err != nil {
		return c, err
	}
	r, err := cam.need("resolution")
	if err != nil {
		return c, err
	}
	wh, err := r.numbers(2)
	if err != nil {
		return c, err
	}
	if wh[0] != float64(int(wh[0])) || wh[1] != float64(int(wh[1])) {
		return c, r.fail("want whole numbers of pixels")
	}
	in.Width, in.Height = int(wh[0]), int(wh[1])
	dist, err := cam.need("distortion_model")
	if err != nil {
		return c, err
	}
	name, err := dist.text()
	if err != nil {
		return c, err
	}
	want := 4
	switch name {
	case "radtan":
		in.Model = calib.PlumbBob
	case "equidistant", "equi":
		in.Model = calib.Equidistant
	case "none":
		in.Model, want = calib.PlumbBob, 0
	default:
		return c, dist.fail("distortion model %q is not supported; supported are radtan, equidistant and none", name)
	}
	if want > 0 {
		d, err := cam.need("distortion_coeffs")
		if err != nil {
			return c, err
		}
		list, err := d.numbers(want)
		if err != nil {
			return c, err
		}
		copy(in.D[:], list)
	}
	return c, nil
}

func writeKalibr(b *bytes.Buffer, c Calibration) error {
	in := c.Intrinsics
	model := "radtan"
	switch {
	case in.Model == calib.Equidistant:
		model = "equidistant"
	case in.Model == calib.Rational:
		return errors.New("a camchain has no rational distortion; choose another format")
	case in.D[4] != 0:
		return errors.New("radtan has no k3; choose another format")
	}
	k := k3(in)
	fmt.Fprintf(b, "cam0:\n  camera_model: pinhole\n  distortion_coeffs: [%s]\n  distortion_model: %s\n", list(in.D[:4]), model)
	fmt.Fprintf(b, "  intrinsics: [%s]\n  resolution: [%d, %d]\n  rostopic: /%s/image_raw\n", list([]float64{k[0], k[4], k[2], k[5]}), in.Width, in.Height, topic(c.Name))
	return nil
}

// topic is a camera's name as part of a ROS topic.
func topic(name string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
	if s == "" {
		return "cam0"
	}
	return s
}
