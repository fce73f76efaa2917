package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	_ "image/gif"  // formats that `segment` reads
	_ "image/jpeg" // "
	_ "image/png"  // "
	"io"
	"os"

	_ "golang.org/x/image/bmp"  // formats that `segment` reads
	_ "golang.org/x/image/tiff" // "
	_ "golang.org/x/image/webp" // "

	"outrider/pipeline"
)

// Limits of pictures that are read, against files that would take all memory.
const (
	maxPicturePixels = 64 << 20
	maxPictureBytes  = 256 << 20
)

// readPicture decodes a picture file into a frame. Go's own decoders read it, because files
// come from anywhere; the size is checked before anything is decoded.
func readPicture(path string) (*pipeline.Frame, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open picture: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPictureBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read picture %s: %w", path, err)
	case len(data) == 0:
		return nil, fmt.Errorf("read picture %s: the file is empty (0 bytes)", path)
	case len(data) > maxPictureBytes:
		return nil, fmt.Errorf("read picture %s: more than %d bytes", path, maxPictureBytes)
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case errors.Is(err, image.ErrFormat):
		return nil, fmt.Errorf("read picture %s: no picture of a known format (JPEG, PNG, GIF, BMP, TIFF, WebP)", path)
	case err != nil:
		return nil, fmt.Errorf("read picture %s: %w", path, err)
	case c.Width <= 0 || c.Height <= 0 || c.Width > maxPicturePixels/c.Height:
		return nil, fmt.Errorf("read picture %s: %dx%d pixels, at most %d million are taken", path, c.Width, c.Height, maxPicturePixels>>20)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read picture %s: %w", path, err)
	}
	b := img.Bounds()
	rgba := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(rgba, rgba.Bounds(), image.White, image.Point{}, draw.Src) // behind what is transparent
	draw.Draw(rgba, rgba.Bounds(), img, b.Min, draw.Over)
	pix := make([]byte, 0, 3*b.Dx()*b.Dy())
	for i := 0; i < len(rgba.Pix); i += 4 {
		pix = append(pix, rgba.Pix[i+2], rgba.Pix[i+1], rgba.Pix[i])
	}
	return pipeline.NewFrame(baseName(path), b.Dx(), b.Dy(), pix)
}
