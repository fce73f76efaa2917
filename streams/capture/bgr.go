package capture

import (
	"image"
	"image/color"
)

// toBGR writes the pixels of img as tight BGR, what is transparent on black. The usual types
// take a short way; all give the same values as color.Color's RGBA.
func toBGR(dst []byte, img image.Image) {
	b := img.Bounds()
	i := 0
	switch m := img.(type) {
	case *image.YCbCr:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				c := m.COffset(x, y)
				dst[i+2], dst[i+1], dst[i] = color.YCbCrToRGB(m.Y[m.YOffset(x, y)], m.Cb[c], m.Cr[c])
				i += 3
			}
		}
	case *image.RGBA: // premultiplied: already on black
		for y := b.Min.Y; y < b.Max.Y; y++ {
			row := m.Pix[m.PixOffset(b.Min.X, y):]
			for x := range b.Dx() {
				dst[i+2], dst[i+1], dst[i] = row[4*x], row[4*x+1], row[4*x+2]
				i += 3
			}
		}
	case *image.Gray:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			row := m.Pix[m.PixOffset(b.Min.X, y):]
			for x := range b.Dx() {
				dst[i], dst[i+1], dst[i+2] = row[x], row[x], row[x]
				i += 3
			}
		}
	default:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				r, g, bl, _ := img.At(x, y).RGBA()
				dst[i], dst[i+1], dst[i+2] = byte(bl>>8), byte(g>>8), byte(r>>8)
				i += 3
			}
		}
	}
}
