package mask

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// DecodePNG reads a picture as a mask on the frame grid of its size: a pixel is set unless it
// is black or transparent. It fails on what is no PNG and on more than MaxRLEPixels, which it
// finds out before anything is unpacked.
func DecodePNG(data []byte) (*Mask, error) {
	c, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decode mask: %w", err)
	}
	if c.Width <= 0 || c.Height <= 0 {
		return nil, errors.New("decode mask: the picture is empty")
	}
	if c.Width > MaxRLEPixels/c.Height {
		return nil, fmt.Errorf("decode mask: %dx%d is above the %d pixels allowed", c.Width, c.Height, MaxRLEPixels)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decode mask: %w", err)
	}
	b := img.Bounds()
	set := setIn(img)
	m := New(FrameGrid(b.Dx(), b.Dy()), image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		row := m.Row(y)
		for x := range b.Dx() {
			if set(b.Min.X+x, b.Min.Y+y) {
				row[x>>6] |= 1 << (x & 63)
			}
		}
	}
	return m, nil
}

// setIn tells whether a pixel of a picture is neither black nor transparent.
func setIn(img image.Image) func(x, y int) bool {
	switch p := img.(type) {
	case *image.Gray: // the usual mask
		return func(x, y int) bool { return p.GrayAt(x, y).Y != 0 }
	case *image.Paletted:
		var lit [256]bool
		for i, c := range p.Palette {
			lit[i] = isLit(c)
		}
		return func(x, y int) bool { return lit[p.ColorIndexAt(x, y)] }
	}
	return func(x, y int) bool { return isLit(img.At(x, y)) }
}

func isLit(c color.Color) bool {
	r, g, b, a := c.RGBA() // premultiplied: transparent is black
	return a != 0 && r|g|b != 0
}
