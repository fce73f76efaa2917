package decode

import (
	"errors"
	"fmt"
	"math"
	"time"

	"gocv.io/x/gocv"
)

// API is a back end of OpenCV.
type API int

// The back ends, by OpenCV's own numbers.
const (
	FFmpeg    API = 1900
	GStreamer API = 1800
	V4L2      API = 200
)

// MaxPixels bounds a picture: 8K UHD fits, a bomb of 16384 x 16384 does not.
const MaxPixels = 1 << 25

// ErrOpen is wrapped by errors of Open when the back end refused without saying why.
var ErrOpen = errors.New("cannot be opened as video")

// Picture is one decoded picture. Data is valid until the next Read or Close.
type Picture struct {
	Width, Height int
	Data          []byte // BGR, len 3*Width*Height

	// Position is the time in the stream. It starts anywhere for live streams, and is 0 with
	// HasPosition false where the back end does not know.
	Position    time.Duration
	HasPosition bool
}

// Reader decodes one stream. It belongs to one goroutine.
type Reader struct {
	capture *gocv.VideoCapture
	mat     gocv.Mat // as decoded
	bgr     gocv.Mat // converted, for gray and 4-channel sources
	api     API
}

// Open opens target (an absolute path, URL or pipeline) or, for V4L2, the device node. It may
// block for as long as the back end does.
func Open(api API, target string) (*Reader, error) {
	c, err := gocv.VideoCaptureFileWithAPI(target, gocv.VideoCaptureAPI(api))
	if err != nil {
		// gocv returns a capture even then, and its error holds the target with its password.
		c.Close()
		return nil, ErrOpen
	}
	r := &Reader{capture: c, mat: gocv.NewMat(), bgr: gocv.NewMat(), api: api}
	if w, h := r.Size(); w > 0 && h > 0 && w > MaxPixels/h {
		r.Close()
		return nil, fmt.Errorf("pictures of %dx%d are larger than the %d megapixels allowed", w, h, MaxPixels>>20)
	}
	return r, nil
}

// Close frees the decoder. The Reader must not be used after.
func (r *Reader) Close() {
	r.capture.Close()
	r.mat.Close()
	r.bgr.Close()
}

// Size is the size that the stream announces, 0x0 when unknown.
func (r *Reader) Size() (w, h int) {
	return int(r.property(gocv.VideoCaptureFrameWidth)), int(r.property(gocv.VideoCaptureFrameHeight))
}

// FPS is the rate that the stream announces, 0 when unknown.
func (r *Reader) FPS() float64 {
	fps := r.property(gocv.VideoCaptureFPS)
	if fps < 0.01 || fps > 1000 {
		return 0
	}
	return fps
}

// Frames is the number of frames that the container announces, 0 when unknown. For some
// containers it is an estimate from duration and rate.
func (r *Reader) Frames() int {
	n := r.property(gocv.VideoCaptureFrameCount)
	if n < 1 || n > 1e9 {
		return 0
	}
	return int(n)
}

// Seek moves to a time in a file. Back ends land on a frame near it, before or after.
func (r *Reader) Seek(t time.Duration) {
	r.capture.Set(gocv.VideoCapturePosMsec, float64(t)/float64(time.Millisecond))
}

func (r *Reader) property(p gocv.VideoCaptureProperties) float64 {
	v := r.capture.Get(p)
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0
	}
	return v
}

// Read decodes the next picture. io.EOF is not told apart from damage by OpenCV: ok is false
// for both. An error means a picture that we cannot use.
func (r *Reader) Read() (p Picture, ok bool, err error) {
	if !r.capture.Read(&r.mat) || r.mat.Empty() {
		return Picture{}, false, nil
	}
	m := &r.mat
	switch r.mat.Type() {
	case gocv.MatTypeCV8UC3:
	case gocv.MatTypeCV8UC1:
		gocv.CvtColor(r.mat, &r.bgr, gocv.ColorGrayToBGR)
		m = &r.bgr
	case gocv.MatTypeCV8UC4:
		gocv.CvtColor(r.mat, &r.bgr, gocv.ColorBGRAToBGR)
		m = &r.bgr
	default:
		return Picture{}, false, fmt.Errorf("pictures have pixel format %d, want 8 bit gray, BGR or BGRA", int(r.mat.Type()))
	}
	w, h := m.Cols(), m.Rows()
	if w <= 0 || h <= 0 || w > MaxPixels/h {
		return Picture{}, false, fmt.Errorf("picture of %dx%d: out of range", w, h)
	}
	data, err := m.DataPtrUint8()
	if err != nil || len(data) != 3*w*h {
		return Picture{}, false, fmt.Errorf("picture of %dx%d has %d bytes, want %d", w, h, len(data), 3*w*h)
	}
	p = Picture{Width: w, Height: h, Data: data}
	if ms := r.capture.Get(gocv.VideoCapturePosMsec); !math.IsNaN(ms) && math.Abs(ms) < 1e12 && ms != 0 {
		p.Position, p.HasPosition = time.Duration(ms*float64(time.Millisecond)).Round(time.Microsecond), true
	}
	return p, true, nil
}
