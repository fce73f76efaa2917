package fastsam

import (
	"fmt"
	"math"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Stride is what the sides of a network's input must be multiples of.
const Stride = 32

// Letterbox says where a frame lies in the network's input: resized to NewW x NewH with
// Gain, its top-left corner at (Left, Top), grey around it. The rules and their rounding are
// those of YOLOv8's LetterBox, which centres the frame and enlarges small ones.
type Letterbox struct {
	FrameW, FrameH int
	W, H           int // network input
	NewW, NewH     int // the frame's share of it
	Left, Top      int
	Gain           float64
}

// FitRect letterboxes into the smallest rectangle that has sides of multiples of 32 and holds
// the frame with its long side resized to long.
func FitRect(frameW, frameH, long int) Letterbox {
	l := fit(frameW, frameH, long, long)
	l.W, l.H = roundUp(l.NewW), roundUp(l.NewH)
	l.center()
	return l
}

// FitInto letterboxes into a fixed w x h input.
func FitInto(frameW, frameH, w, h int) Letterbox {
	l := fit(frameW, frameH, w, h)
	l.W, l.H = w, h
	l.center()
	return l
}

func fit(frameW, frameH, w, h int) Letterbox {
	l := Letterbox{FrameW: frameW, FrameH: frameH}
	l.Gain = math.Min(float64(h)/float64(frameH), float64(w)/float64(frameW))
	// A line of a frame (4000x1) would vanish in rounding.
	l.NewW = max(1, int(math.RoundToEven(float64(frameW)*l.Gain)))
	l.NewH = max(1, int(math.RoundToEven(float64(frameH)*l.Gain)))
	return l
}

// center splits the margins, the odd pixel going right and down.
func (l *Letterbox) center() {
	l.Left = int(math.RoundToEven(float64(l.W-l.NewW)/2 - 0.1))
	l.Top = int(math.RoundToEven(float64(l.H-l.NewH)/2 - 0.1))
}

func roundUp(n int) int { return (n + Stride - 1) / Stride * Stride }

// Grid is the grid of masks of gw x gh cells over the whole network input, in frame pixels.
// It lies where the resize put the picture, so its cells are not quite square when the
// rounding stretched one side.
func (l Letterbox) Grid(gw, gh int) mask.Grid {
	kx, ky := float64(l.FrameW)/float64(l.NewW), float64(l.FrameH)/float64(l.NewH)
	return mask.Grid{
		W: gw, H: gh,
		X0: -float64(l.Left) * kx, Y0: -float64(l.Top) * ky,
		SX: float64(l.W) / float64(gw) * kx, SY: float64(l.H) / float64(gh) * ky,
	}
}

// ToFrame maps a box from network to frame pixels, exactly as Grid does, and clips it.
func (l Letterbox) ToFrame(b pipeline.Box) pipeline.Box {
	kx, ky := float64(l.FrameW)/float64(l.NewW), float64(l.FrameH)/float64(l.NewH)
	dx, dy := float64(l.Left), float64(l.Top)
	b = pipeline.Box{X1: (b.X1 - dx) * kx, Y1: (b.Y1 - dy) * ky, X2: (b.X2 - dx) * kx, Y2: (b.Y2 - dy) * ky}
	return b.Clip(l.FrameW, l.FrameH)
}

// checkFrame refuses what OpenCV would abort on.
func checkFrame(f *pipeline.Frame) error {
	switch {
	case f == nil:
		return fmt.Errorf("segment: no frame")
	case f.Width <= 0 || f.Height <= 0 || f.Width > maxSide || f.Height > maxSide:
		return fmt.Errorf("segment: a frame of %dx%d, want sides of 1 to %d", f.Width, f.Height, maxSide)
	case len(f.Data) != 3*f.Width*f.Height:
		return fmt.Errorf("segment: %d bytes for a %dx%d frame, want %d", len(f.Data), f.Width, f.Height, 3*f.Width*f.Height)
	}
	return nil
}

// maxSide bounds the sides of frames.
const maxSide = 1 << 15
