package camfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"outrider/calib"
)

// kittiLine is what no YAML file of ours has: a projection matrix of plain numbers.
var kittiLine = regexp.MustCompile(`(?m)^P(_rect_0)?\d:?[ \t]+[-+0-9.eE]+[ \t]+[-+0-9.eE]`)

// readKITTI reads calib.txt of the object, tracking and odometry sets (P2, no picture size) and
// calib_cam_to_cam.txt of the raw set (P_rect_02, S_rect_02). Their pictures are rectified, so
// there is no distortion.
func readKITTI(name string, data []byte, o Options) (c Calibration, err error) {
	which := o.Camera
	if which == "" {
		which = "2"
	}
	in := &c.Intrinsics
	in.Model, in.Width, in.Height = calib.PlumbBob, o.Width, o.Height
	found := false
	for i, line := range strings.Split(string(data), "\n") {
		key, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		key = strings.TrimSuffix(key, ":")
		fail := func(format string, args ...any) error {
			return &Error{File: name, Line: i + 1, Field: key, Reason: fmt.Sprintf(format, args...)}
		}
		switch key {
		case "P" + which, "P_rect_0" + which:
			v, err := kittiNumbers(rest, 12)
			if err != nil {
				return c, fail("%v", err)
			}
			if v[0] == 0 {
				return c, fail("the focal length is 0: this camera has not been calibrated")
			}
			in.FX, in.CX, in.FY, in.CY = v[0], v[2]+pixelCentre, v[5], v[6]+pixelCentre
			found = true
		case "S_rect_0" + which:
			v, err := kittiNumbers(rest, 2)
			if err != nil {
				return c, fail("%v", err)
			}
			in.Width, in.Height = int(v[0]), int(v[1])
		}
	}
	if !found {
		return c, &Error{File: name, Field: "P" + which, Reason: "missing"}
	}
	if in.Width == 0 || in.Height == 0 {
		return c, &Error{File: name, Reason: "this file does not say the picture's size; give it, such as --size 1242x375"}
	}
	return c, nil
}

func kittiNumbers(s string, want int) ([]float64, error) {
	f := strings.Fields(s)
	if len(f) != want {
		return nil, fmt.Errorf("%d numbers, want %d", len(f), want)
	}
	v := make([]float64, want)
	for i := range f {
		x, err := strconv.ParseFloat(f[i], 64)
		if err != nil || x != x || x > 1e9 || x < -1e9 {
			return nil, fmt.Errorf("%q is not a number", f[i])
		}
		v[i] = x
	}
	return v, nil
}

func writeKITTI(b *bytes.Buffer, c Calibration) error {
	in := c.Intrinsics
	if in.D != [8]float64{} || in.Model == calib.Equidistant {
		return errors.New("these files are for rectified pictures and have no distortion; choose another format")
	}
	k := k3(in)
	p := []float64{k[0], 0, k[2], 0, 0, k[4], k[5], 0, 0, 0, 1, 0}
	s := make([]string, len(p))
	for i, v := range p {
		s[i] = strconv.FormatFloat(v, 'e', -1, 64)
	}
	line := strings.Join(s, " ")
	for i := range 4 {
		fmt.Fprintf(b, "P%d: %s\n", i, line)
	}
	for i := range 4 {
		fmt.Fprintf(b, "S_rect_0%d: %d %d\n", i, in.Width, in.Height)
	}
	return nil
}
