package camfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"outrider/calib"
)

// Format names a file format.
type Format string

// The formats.
const (
	Outrider Format = "outrider" // our own block
	OpenCV   Format = "opencv"
	ROS      Format = "ros"
	Kalibr   Format = "kalibr"
	KITTI    Format = "kitti"
)

// Formats are all of them, as a user may name them.
func Formats() []Format { return []Format{Outrider, OpenCV, ROS, Kalibr, KITTI} }

// Calibration is what a file says of one camera.
type Calibration struct {
	Name       string // of the camera, may be empty
	Intrinsics calib.Intrinsics
	Mount      *calib.Mount // nil when the file does not say
	RMS        float64      // reprojection error of the calibration, pixels; 0 when unknown
}

// Options say what a file may leave open.
type Options struct {
	Width, Height int    // of the picture, where the file does not say (KITTI)
	Camera        string // which of a file's cameras: "cam1" (Kalibr), "3" (KITTI); default the first, KITTI's 2
}

// Error is a fault in a file.
type Error struct {
	File   string
	Line   int    // from 1, 0 when the fault has no place
	Field  string // empty when the fault is in no field
	Reason string
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += fmt.Sprintf(":%d", e.Line)
	}
	if e.Field != "" {
		s += ": " + e.Field
	}
	return s + ": " + e.Reason
}

// maxBytes bounds a file; real ones have a few kilobytes.
const maxBytes = 256 << 10

// Load reads a calibration file of any of the formats.
func Load(path string, o Options) (Calibration, error) {
	f, err := os.Open(path)
	if err != nil {
		return Calibration{}, fmt.Errorf("open calibration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return Calibration{}, fmt.Errorf("read calibration %s: %w", path, err)
	}
	return Read(path, data, o)
}

// Read reads a calibration of any of the formats; name stands for the file in errors.
func Read(name string, data []byte, o Options) (Calibration, error) {
	c, err := read(name, data, o)
	if err != nil {
		return Calibration{}, err
	}
	if err := c.Intrinsics.Validate(); err != nil {
		return Calibration{}, &Error{File: name, Reason: err.Error()}
	}
	if c.Mount != nil {
		if err := c.Mount.Validate(); err != nil {
			return Calibration{}, &Error{File: name, Reason: err.Error()}
		}
	}
	return c, nil
}

func read(name string, data []byte, o Options) (Calibration, error) {
	if len(data) > maxBytes {
		return Calibration{}, &Error{File: name, Reason: fmt.Sprintf("more than %d bytes: not a camera calibration", maxBytes)}
	}
	if kittiLine.Match(data) {
		return readKITTI(name, data, o)
	}
	root, err := parse(name, data)
	if err != nil {
		return Calibration{}, err
	}
	switch {
	case root.has("calibration"):
		return readBlock(root)
	case root.has("cam0") || root.has("cam1") || o.Camera != "" && root.has(o.Camera):
		return readKalibr(root, o)
	case root.has("distortion_model") || root.has("camera_name"):
		return readROS(root)
	case root.has("camera_matrix") || root.has("distortion_coefficients"):
		return readOpenCV(root)
	}
	return Calibration{}, &Error{File: name, Reason: "not a camera calibration: want OpenCV YAML (camera_matrix), ROS camera_info (distortion_model), Kalibr camchain (cam0), KITTI calib.txt (P2) or a block `calibration:`"}
}

// pixelCentre is the difference between the origins of pixel positions in memory and in files.
const pixelCentre = 0.5

// Write writes a calibration. It fails, and writes nothing, when the format cannot say it.
func Write(w io.Writer, f Format, c Calibration) error {
	if err := c.Intrinsics.Validate(); err != nil {
		return fmt.Errorf("write %s calibration: %w", f, err)
	}
	writers := map[Format]func(*bytes.Buffer, Calibration) error{
		Outrider: writeBlock, OpenCV: writeOpenCV, ROS: writeROS, Kalibr: writeKalibr, KITTI: writeKITTI,
	}
	write, ok := writers[f]
	if !ok {
		return fmt.Errorf("write calibration: format %q is not known; known are %s", string(f), join(Formats()))
	}
	var b bytes.Buffer
	if err := write(&b, c); err != nil {
		return fmt.Errorf("write %s calibration: %w", f, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func join(f []Format) string {
	s := make([]string, len(f))
	for i := range f {
		s[i] = string(f[i])
	}
	return strings.Join(s, ", ")
}

// Save writes a calibration to a file, under a temporary name first.
func Save(path string, f Format, c Calibration) error {
	var b bytes.Buffer
	if err := Write(&b, f, c); err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("save calibration: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("save calibration: %w", err), os.Remove(tmp))
	}
	return nil
}
