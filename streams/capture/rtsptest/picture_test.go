package rtsptest

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
)

func TestNumberSurvivesJPEG(t *testing.T) {
	p := newPainter(MinWidth, 32)
	for _, n := range []uint64{0, 1, 2, 12345, 32768, 65535} {
		b, err := p.draw(n)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		bgr := make([]byte, 0, 3*MinWidth*32)
		for _, y := range img.(*image.YCbCr).Y {
			bgr = append(bgr, y, y, y)
		}
		if got, err := Number(bgr, MinWidth, 32); err != nil || got != n {
			t.Errorf("%d read as %d, %v", n, got, err)
		}
	}
	if _, err := Number(nil, MinWidth, 32); err == nil {
		t.Error("a picture without pixels has a number")
	}
}
