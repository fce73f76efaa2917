package camfile

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"

	"outrider/calib"
)

// Block is our own format: the value of the key `calibration:`, in a file of its own or below
// a camera in the configuration. Angles are degrees, lengths metres, cx and cy have their
// origin at the centre of the top left pixel. A zero spread means exact, so a block that someone
// types in should say how well the height and the angles are known.
type Block struct {
	ImageSize  []int     `yaml:"image_size" json:"image_size,omitempty"` // [width, height] of the picture it was measured on
	FX         float64   `yaml:"fx" json:"fx,omitempty"`
	FY         float64   `yaml:"fy" json:"fy,omitempty"`
	CX         float64   `yaml:"cx" json:"cx,omitempty"`
	CY         float64   `yaml:"cy" json:"cy,omitempty"`
	Model      string    `yaml:"distortion_model" json:"distortion_model,omitempty"` // plumb_bob (default), rational_polynomial, equidistant
	Distortion []float64 `yaml:"distortion" json:"distortion,omitempty"`             // its coefficients; missing means none
	RMS        float64   `yaml:"rms_px" json:"rms_px,omitempty"`                     // reprojection error of the calibration
	Height     float64   `yaml:"height_m" json:"height_m,omitempty"`                 // of the camera above the ground; 0 when unknown
	Pitch      float64   `yaml:"pitch_deg" json:"pitch_deg,omitempty"`               // positive looks down
	Roll       float64   `yaml:"roll_deg" json:"roll_deg,omitempty"`                 // positive when the horizon falls to the right
	Yaw        float64   `yaml:"yaw_deg" json:"yaw_deg,omitempty"`                   // positive looks left of the direction of travel
	Front      float64   `yaml:"x_front_m" json:"x_front_m,omitempty"`               // from the camera forward to the front bumper
	HeightSD   float64   `yaml:"height_sd_m" json:"height_sd_m,omitempty"`           // standard deviations of the above
	PitchSD    float64   `yaml:"pitch_sd_deg" json:"pitch_sd_deg,omitempty"`
	RollSD     float64   `yaml:"roll_sd_deg" json:"roll_sd_deg,omitempty"`
	YawSD      float64   `yaml:"yaw_sd_deg" json:"yaw_sd_deg,omitempty"`
	SlopeSD    float64   `yaml:"slope_sd_deg" json:"slope_sd_deg,omitempty"` // of the road ahead against the plane under the wheels
	PixelSD    float64   `yaml:"pixel_sd" json:"pixel_sd,omitempty"`         // of an image point, pixels
}

const degree = math.Pi / 180

// Calibration converts the block; it does not validate the numbers.
func (b Block) Calibration() (c Calibration, err error) {
	in := &c.Intrinsics
	if len(b.ImageSize) != 2 {
		return c, fmt.Errorf("image_size: %d numbers, want [width, height]", len(b.ImageSize))
	}
	in.Width, in.Height = b.ImageSize[0], b.ImageSize[1]
	in.FX, in.FY, in.CX, in.CY = b.FX, b.FY, b.CX+pixelCentre, b.CY+pixelCentre
	if in.Model = calib.Model(b.Model); b.Model == "" {
		in.Model = calib.PlumbBob
	}
	n := in.Model.Coefficients()
	switch {
	case n == 0:
		return c, fmt.Errorf("distortion_model: %q is not supported; supported are %s, %s and %s", b.Model, calib.PlumbBob, calib.Rational, calib.Equidistant)
	case len(b.Distortion) != 0 && len(b.Distortion) != n && !(in.Model == calib.PlumbBob && len(b.Distortion) == 4):
		return c, fmt.Errorf("distortion: %d numbers, want %d for %s", len(b.Distortion), n, in.Model)
	}
	copy(in.D[:], b.Distortion)
	c.RMS = b.RMS
	if b.Height != 0 {
		c.Mount = &calib.Mount{
			Height: b.Height, Pitch: b.Pitch * degree, Roll: b.Roll * degree, Yaw: b.Yaw * degree, Front: b.Front,
			Spread: calib.Spread{Height: b.HeightSD, Pitch: b.PitchSD * degree, Roll: b.RollSD * degree, Yaw: b.YawSD * degree, Slope: b.SlopeSD * degree, Pixel: b.PixelSD},
		}
	}
	return c, nil
}

// NewBlock is the inverse of Calibration.
func NewBlock(c Calibration) Block {
	in := c.Intrinsics
	b := Block{
		ImageSize: []int{in.Width, in.Height}, FX: in.FX, FY: in.FY, CX: in.CX - pixelCentre, CY: in.CY - pixelCentre,
		Model: string(in.Model), Distortion: in.D[:in.Model.Coefficients()], RMS: c.RMS,
	}
	if m := c.Mount; m != nil {
		s := m.Spread
		b.Height, b.Pitch, b.Roll, b.Yaw, b.Front = m.Height, degrees(m.Pitch), degrees(m.Roll), degrees(m.Yaw), m.Front
		b.HeightSD, b.PitchSD, b.RollSD, b.YawSD, b.SlopeSD, b.PixelSD = s.Height, degrees(s.Pitch), degrees(s.Roll), degrees(s.Yaw), degrees(s.Slope), s.Pixel
	}
	return b
}

// degrees rounds to a billionth, so that 2 degrees are written as 2.
func degrees(radians float64) float64 { return math.Round(radians/degree*1e9) / 1e9 }

func readBlock(root node) (c Calibration, err error) {
	n, err := root.need("calibration")
	if err != nil {
		return c, err
	}
	var b Block
	v := reflect.ValueOf(&b).Elem()
	for _, k := range n.keys() {
		key := strings.TrimPrefix(k.field, "calibration.")
		f, ok := field(v, key)
		if !ok {
			return c, k.fail("unknown key")
		}
		switch f.Kind() {
		case reflect.Float64:
			x, err := k.number()
			if err != nil {
				return c, err
			}
			f.SetFloat(x)
		case reflect.String:
			s, err := k.text()
			if err != nil {
				return c, err
			}
			f.SetString(s)
		default:
			list, err := k.numbers(-1)
			if err != nil {
				return c, err
			}
			for _, x := range list {
				if f.Type().Elem().Kind() == reflect.Int {
					if x != math.Trunc(x) || math.Abs(x) > 1<<16 {
						return c, k.fail("%v is not a whole number of pixels", x)
					}
					f.Set(reflect.Append(f, reflect.ValueOf(int(x))))
					continue
				}
				f.Set(reflect.Append(f, reflect.ValueOf(x)))
			}
		}
	}
	c, err = b.Calibration()
	if err != nil {
		return c, &Error{File: n.file, Line: n.line, Field: "calibration", Reason: err.Error()}
	}
	return c, nil
}

func field(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func writeBlock(w *bytes.Buffer, c Calibration) error {
	if c.Mount != nil {
		if err := c.Mount.Validate(); err != nil {
			return err
		}
	}
	b := NewBlock(c)
	fmt.Fprintf(w, "# Camera calibration of outrider; cx and cy count from the centre of the top left pixel.\ncalibration:\n")
	v := reflect.ValueOf(b)
	for i := range v.NumField() {
		key, f := v.Type().Field(i).Tag.Get("yaml"), v.Field(i)
		switch {
		case f.IsZero():
		case f.Kind() == reflect.Float64:
			fmt.Fprintf(w, "  %s: %s\n", key, number(f.Float()))
		case f.Kind() == reflect.String:
			fmt.Fprintf(w, "  %s: %s\n", key, f.String())
		case f.Type().Elem().Kind() == reflect.Int:
			fmt.Fprintf(w, "  %s: [%d, %d]\n", key, f.Index(0).Int(), f.Index(1).Int())
		default:
			fmt.Fprintf(w, "  %s: [%s]\n", key, list(f.Interface().([]float64)))
		}
	}
	return nil
}
