package pipetest

import (
	"context"
	"fmt"
	"image"
	"io"
	"math"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Square is one object of a scene.
type Square struct {
	Color  int     // index into Palette
	Size   int     // side in pixels
	X, Y   float64 // centre at the beginning, frame pixels
	VX, VY float64 // pixels a second; it bounces off the frame's border
	Appear time.Duration
	Vanish time.Duration // 0 for never
}

// Squares is a Source of squares that move over a grey ground. Zero fields take the defaults
// named; the scene is a function of media time alone, so Truth can be asked for any moment.
// Run may be called again and begins anew; it is not safe for concurrent use.
type Squares struct {
	Width, Height int                // default 160 x 120
	Rate          float64            // frames a second of media time, default 25
	Frames        int                // how many to emit, 0 for no end
	End           error              // what Run returns after Frames, default io.EOF
	Realtime      bool               // emit by the clock, else as fast as frames are taken
	Stamp         bool               // write the frame's number into the picture, see ReadStamp
	Objects       []Square           // default DefaultSquares(Width, Height)
	Start         time.Time          // capture time of the first frame, default the time of Run; ignored with Realtime
	Pool          pipeline.FramePool // where its frames come from: ask it for the outstanding ones
	epoch         uint32
}

var _ pipeline.Source = (*Squares)(nil)

// DefaultSquares are three squares of different colours on tracks of their own that never
// touch.
func DefaultSquares(w, h int) []Square {
	s, fw, fh := max(4, h/6), float64(w), float64(h)
	return []Square{
		{Color: 0, Size: s, X: fw / 4, Y: fh / 4, VX: fw / 8},
		{Color: 1, Size: s, X: fw / 2, Y: fh / 2, VX: -fw / 10},
		{Color: 2, Size: s, X: fw / 3, Y: fh * 3 / 4, VX: fw / 16},
	}
}

func (s *Squares) withDefaults() *Squares {
	d := &Squares{
		Width: s.Width, Height: s.Height, Rate: s.Rate, Frames: s.Frames, End: s.End,
		Realtime: s.Realtime, Stamp: s.Stamp, Objects: s.Objects, Start: s.Start,
	}
	if d.Width == 0 {
		d.Width = 160
	}
	if d.Height == 0 {
		d.Height = 120
	}
	if d.Rate == 0 {
		d.Rate = 25
	}
	if d.End == nil {
		d.End = io.EOF
	}
	if d.Objects == nil {
		d.Objects = DefaultSquares(d.Width, d.Height)
	}
	return d
}

// Run emits the scene frame by frame.
func (s *Squares) Run(ctx context.Context, emit func(*pipeline.Frame)) error {
	d := s.withDefaults()
	if d.Width < 0 || d.Height < 0 || d.Rate < 0 {
		return fmt.Errorf("squares: %dx%d at %g frames/s: want positive numbers", d.Width, d.Height, d.Rate)
	}
	s.epoch++
	start := d.Start
	if start.IsZero() || d.Realtime {
		start = time.Now()
	}
	for i := 0; d.Frames == 0 || i < d.Frames; i++ {
		at := s.MediaTime(i)
		if d.Realtime {
			select {
			case <-time.After(time.Until(start.Add(at))):
			case <-ctx.Done():
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		f := s.Pool.Get(d.Width, d.Height)
		f.Epoch, f.MediaTime, f.Captured = s.epoch, at, start.Add(at)
		d.paint(f.Data, at)
		if d.Stamp {
			writeStamp(f.Data, d.Width, d.Height, uint32(i+1))
		}
		emit(f)
	}
	return d.End
}

// MediaTime is the media time of frame i, from 0.
func (s *Squares) MediaTime(i int) time.Duration {
	return time.Duration(float64(i) / s.withDefaults().Rate * float64(time.Second))
}

// paint draws the scene at a moment.
func (s *Squares) paint(pix []byte, at time.Duration) {
	fillColor(pix, Ground)
	for i := range s.Objects {
		r, ok := s.rect(i, at)
		if !ok {
			continue
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			fillColor(pix[3*(y*s.Width+r.Min.X):3*(y*s.Width+r.Max.X)], Palette[s.Objects[i].Color])
		}
	}
}

func fillColor(pix []byte, c Color) {
	for i := 0; i+2 < len(pix); i += 3 {
		pix[i], pix[i+1], pix[i+2] = c.B, c.G, c.R
	}
}

// rect is where object i is painted, false when it is not there or not on the frame.
func (s *Squares) rect(i int, at time.Duration) (image.Rectangle, bool) {
	o := s.Objects[i]
	if at < o.Appear || o.Vanish > 0 && at >= o.Vanish {
		return image.Rectangle{}, false
	}
	t, half := at.Seconds(), float64(o.Size)/2
	x := int(math.Round(bounce(o.X+o.VX*t, half, float64(s.Width)-half) - half))
	y := int(math.Round(bounce(o.Y+o.VY*t, half, float64(s.Height)-half) - half))
	r := image.Rect(x, y, x+o.Size, y+o.Size).Intersect(image.Rect(0, 0, s.Width, s.Height))
	return r, !r.Empty()
}

// bounce folds v into [lo, hi] as a ball between two walls.
func bounce(v, lo, hi float64) float64 {
	span := hi - lo
	if span <= 0 {
		return (lo + hi) / 2
	}
	v = math.Mod(v-lo, 2*span)
	if v < 0 {
		v += 2 * span
	}
	return lo + span - math.Abs(v-span)
}

// Truth is an object as it is to be seen in a frame.
type Truth struct {
	Object int          // index into Objects
	Color  Color        // its paint
	Box    pipeline.Box // of the square, cut by the frame but not by squares in front
	Mask   *mask.Mask   // the pixels that show, on the frame's grid
}

// Truth returns the objects of which at least a pixel shows at a media time.
func (s *Squares) Truth(at time.Duration) []Truth {
	d := s.withDefaults()
	var out []Truth
	for i, o := range d.Objects {
		r, ok := d.rect(i, at)
		if !ok {
			continue
		}
		m := mask.New(mask.FrameGrid(d.Width, d.Height), r)
		m.Fill(r)
		for k := i + 1; k < len(d.Objects); k++ {
			if front, ok := d.rect(k, at); ok {
				for y := front.Min.Y; y < front.Max.Y; y++ {
					m.ClearRun(y, front.Min.X, front.Max.X)
				}
			}
		}
		if m.Empty() {
			continue
		}
		out = append(out, Truth{Object: i, Color: Palette[o.Color], Mask: m, Box: pipeline.Box{
			X1: float64(r.Min.X), Y1: float64(r.Min.Y), X2: float64(r.Max.X), Y2: float64(r.Max.Y),
		}})
	}
	return out
}
