package fastsam

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"outrider/pipeline"
)

// Mode says whose arithmetic full-resolution masks and prompts follow.
type Mode int

// The modes. Strict is ours: it follows the picture's exact geometry and leaves the faults of
// the others out. CASIA is the original FastSAM program, Ultralytics the package's release
// 8.4.190; both with their faults, for comparison.
const (
	Strict Mode = iota
	CASIA
	Ultralytics
)

var modeNames = []string{Strict: "strict", CASIA: "casia", Ultralytics: "ultralytics"}

// ParseMode reads "strict", "casia" or "ultralytics"; empty means strict.
func ParseMode(s string) (Mode, error) {
	if s == "" {
		return Strict, nil
	}
	for i, n := range modeNames {
		if strings.EqualFold(s, n) {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("mode %q: want %s", s, strings.Join(modeNames, ", "))
}

// String is what ParseMode reads.
func (m Mode) String() string {
	if m < 0 || int(m) >= len(modeNames) {
		return fmt.Sprintf("mode %d", int(m))
	}
	return modeNames[m]
}

// ErrSeveralFull is CASIA's failure on a picture with two or more boxes that cover nearly all
// of it: that program raises a shape error there and answers nothing.
var ErrSeveralFull = errors.New("casia mode: more than one box covers the whole picture, where the original program fails")

const (
	borderSnap = 20  // pixels within which a box side moves to the border
	fullIoU    = 0.9 // IoU with the whole picture from which a box becomes all of it
)

// snap moves the sides of b that lie near the border of a w x h picture onto it, as the
// reference programs do, and reports whether b is then nearly the whole picture.
func snap(b *pipeline.Box, w, h float64) (full bool) {
	if b.X1 < borderSnap {
		b.X1 = 0
	}
	if b.Y1 < borderSnap {
		b.Y1 = 0
	}
	if b.X2 > w-borderSnap {
		b.X2 = w
	}
	if b.Y2 > h-borderSnap {
		b.Y2 = h
	}
	return b.IoU(pipeline.Box{X2: w, Y2: h}) > fullIoU
}

// scaleBox maps a box from network to frame pixels the way of the reference programs: by the
// gain, which differs a little from the share of the picture that the resize rounded to.
func (l Letterbox) scaleBox(b pipeline.Box) pipeline.Box {
	dx, dy := float64(l.Left), float64(l.Top)
	g := l.Gain
	b = pipeline.Box{X1: (b.X1 - dx) / g, Y1: (b.Y1 - dy) / g, X2: (b.X2 - dx) / g, Y2: (b.Y2 - dy) / g}
	w, h := float64(l.FrameW), float64(l.FrameH)
	clamp := func(v, hi float64) float64 { return math.Max(0, math.Min(v, hi)) }
	return pipeline.Box{X1: clamp(b.X1, w), Y1: clamp(b.Y1, h), X2: clamp(b.X2, w), Y2: clamp(b.Y2, h)}
}
