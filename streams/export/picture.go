package export

import (
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"

	"outrider/pipeline"
)

// RGBA converts tight BGR pixels.
func RGBA(pix []byte, w, h int) (*image.NRGBA, error) {
	if w <= 0 || h <= 0 || len(pix) != 3*w*h {
		return nil, fmt.Errorf("picture: %d bytes for %dx%d BGR", len(pix), w, h)
	}
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i, j := 0, 0; i < len(pix); i, j = i+3, j+4 {
		img.Pix[j], img.Pix[j+1], img.Pix[j+2], img.Pix[j+3] = pix[i+2], pix[i+1], pix[i], 255
	}
	return img, nil
}

// WriteJPEG writes tight BGR pixels.
func WriteJPEG(w io.Writer, pix []byte, width, height int) error {
	img, err := RGBA(pix, width, height)
	if err != nil {
		return err
	}
	return jpeg.Encode(w, img, &jpeg.Options{Quality: 92})
}

// WriteLabels writes a 16-bit grey PNG of w x h pixels in which segment i has the value i+1 and
// nothing has 0. Where segments overlap, the smallest shows, so that parts stay visible.
func WriteLabels(out io.Writer, w, h int, segs []pipeline.Segment) error {
	if len(segs) >= math.MaxUint16 {
		return fmt.Errorf("label picture: %d segments, at most %d fit", len(segs), math.MaxUint16-1)
	}
	img := image.NewGray16(image.Rect(0, 0, w, h))
	area := make([]float64, len(segs)+1)
	area[0] = math.Inf(1)
	for i := range segs {
		area[i+1] = segs[i].Mask.PixelArea()
		b := segs[i].Box.Clip(w, h)
		// A mask may reach a cell past its box.
		g := segs[i].Mask.Grid()
		x0, y0 := max(0, int(b.X1-g.SX)), max(0, int(b.Y1-g.SY))
		x1, y1 := min(w, int(b.X2+g.SX)+1), min(h, int(b.Y2+g.SY)+1)
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				if area[i+1] < area[img.Gray16At(x, y).Y] && segs[i].Mask.At(float64(x)+.5, float64(y)+.5) {
					img.SetGray16(x, y, color.Gray16{Y: uint16(i + 1)})
				}
			}
		}
	}
	return png.Encode(out, img)
}
