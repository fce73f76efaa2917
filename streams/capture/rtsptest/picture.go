package rtsptest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
)

// The number of a picture is written as a row of black and white cells at the top.
const (
	bits = 16
	cell = 16 // pixels; whole JPEG blocks of 4:2:0, so that no cell bleeds into the next
)

// MinWidth is what the number needs.
const MinWidth = bits * cell

// painter draws pictures and encodes them.
type painter struct {
	img *image.YCbCr
	buf bytes.Buffer
}

func newPainter(w, h int) *painter {
	p := &painter{img: image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)}
	for i := range p.img.Cb {
		p.img.Cb[i], p.img.Cr[i] = 128, 128
	}
	return p
}

// draw returns picture n as JPEG, valid until the next call.
func (p *painter) draw(n uint64) ([]byte, error) {
	w, h := p.img.Rect.Dx(), p.img.Rect.Dy()
	for y := range h {
		row := p.img.Y[y*p.img.YStride:][:w]
		for x := range row {
			if y < cell && x < MinWidth {
				row[x] = 0
				if n>>(bits-1-x/cell)&1 == 1 {
					row[x] = 255
				}
			} else {
				row[x] = byte(x/8 + y/8)
			}
		}
	}
	p.buf.Reset()
	if err := jpeg.Encode(&p.buf, p.img, &jpeg.Options{Quality: 60}); err != nil {
		return nil, err
	}
	return p.buf.Bytes(), nil
}

// Number reads the number of a picture, modulo 65536, from w x h BGR pixels.
func Number(bgr []byte, w, h int) (uint64, error) {
	if w < MinWidth || h < cell || len(bgr) != 3*w*h {
		return 0, fmt.Errorf("read the number of a picture: %dx%d with %d bytes", w, h, len(bgr))
	}
	var n uint64
	for i := range bits {
		g := color.GrayModel.Convert(color.RGBA{A: 255, G: bgr[3*(w*(cell/2)+i*cell+cell/2)+1]}).(color.Gray)
		n <<= 1
		if g.Y > 64 {
			n |= 1
		}
	}
	return n, nil
}
