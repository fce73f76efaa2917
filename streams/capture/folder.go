package capture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	_ "image/jpeg" // the formats that a folder may hold
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"outrider/pipeline"
	"outrider/streams/capture/decode"
)

// folderFPS is the rate of an image folder when none is given.
const folderFPS = 10

// extensions are those of the decoders above. Pictures are decoded by Go's own packages,
// which no crafted file can turn against the process.
var extensions = map[string]bool{
	".jpg": true, ".jpeg": true, ".png": true, ".bmp": true, ".webp": true, ".tif": true, ".tiff": true,
}

func isImage(name string) bool { return extensions[strings.ToLower(filepath.Ext(name))] }

// images lists the pictures of a folder in natural order (2.jpg before 10.jpg), or the one
// picture that was named.
func (s *Source) images() ([]string, error) {
	info, err := os.Stat(s.spec.target)
	if err != nil {
		return nil, s.opening(plain(err))
	}
	if !info.IsDir() {
		return []string{s.spec.target}, nil
	}
	entries, err := os.ReadDir(s.spec.target)
	if err != nil {
		return nil, s.opening(plain(err))
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && isImage(e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, s.opening(errors.New("no images in this folder; it may hold .jpg, .png, .bmp, .webp and .tif files"))
	}
	sort.Slice(names, func(i, j int) bool { return naturalLess(names[i], names[j]) })
	for i, n := range names {
		names[i] = filepath.Join(s.spec.target, n)
	}
	return names, nil
}

func (s *Source) folderRate() float64 {
	if s.options.FPS > 0 {
		return s.options.FPS
	}
	return folderFPS
}

func (s *Source) probeFolder() (Material, error) {
	names, err := s.images()
	if err != nil {
		return Material{}, err
	}
	m := Material{Frames: len(names), FPS: s.folderRate()}
	m.Duration = time.Duration(float64(m.Frames) / m.FPS * float64(time.Second))
	f, err := os.Open(names[0])
	if err != nil {
		return Material{}, s.opening(err)
	}
	defer f.Close()
	if c, _, err := image.DecodeConfig(f); err == nil {
		m.Width, m.Height = c.Width, c.Height
	}
	return m, nil
}

// runFolder shows the images one after the other. A broken image is left out and told at
// the end, so that one bad file does not lose the work on all others.
func (s *Source) runFolder(ctx context.Context, emit func(*pipeline.Frame)) error {
	p := player{source: s, emit: emit}
	gap := time.Duration(float64(time.Second) / s.folderRate())
	var bgr []byte
	for {
		names, err := s.images()
		if err != nil {
			return err
		}
		wanted, broken := 0, 0
		var cause error
		for i, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			media := time.Duration(float64(i) / s.folderRate() * float64(time.Second))
			if media < s.options.Start {
				continue
			}
			if s.options.End > 0 && media >= s.options.End {
				break
			}
			wanted++
			if (wanted-1)%s.options.Every != 0 {
				continue
			}
			var w, h int
			bgr, w, h, err = readImage(bgr, name)
			if err != nil {
				if broken++; broken == 1 {
					cause = fmt.Errorf("%s: %w", filepath.Base(name), plain(err))
				}
				continue
			}
			if err := p.deliver(ctx, bgr, w, h, media, gap); err != nil {
				return err
			}
		}
		switch {
		case wanted == 0:
			return s.reading(fmt.Errorf("no picture after the start of %v", s.options.Start))
		case broken == (wanted+s.options.Every-1)/s.options.Every:
			return s.reading(fmt.Errorf("none of the %d images can be decoded; the first: %w", broken, cause))
		case s.options.Loop:
			p.restart()
			continue
		case broken > 0:
			return &BrokenImagesError{Display: s.spec.display, Broken: broken, First: cause}
		}
		return io.EOF
	}
}

// BrokenImagesError ends a folder of which some images could not be decoded; the others were
// delivered. It is an io.EOF for errors.Is.
type BrokenImagesError struct {
	Display string
	Broken  int
	First   error
}

// Error names the first broken image.
func (e *BrokenImagesError) Error() string {
	return fmt.Sprintf("read %s: %d images left out that cannot be decoded; the first: %v", e.Display, e.Broken, e.First)
}

// Unwrap returns io.EOF.
func (e *BrokenImagesError) Unwrap() error { return io.EOF }

// readImage decodes a picture into buf, grown as needed, as tight BGR.
func readImage(buf []byte, name string) (bgr []byte, w, h int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return buf, 0, 0, err
	}
	defer f.Close()
	c, _, err := image.DecodeConfig(f)
	if err != nil {
		return buf, 0, 0, err
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > decode.MaxPixels/c.Height {
		return buf, 0, 0, fmt.Errorf("image of %dx%d is larger than the %d megapixels allowed", c.Width, c.Height, decode.MaxPixels>>20)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return buf, 0, 0, err
	}
	img, _, err := image.Decode(f)
	if err != nil {
		return buf, 0, 0, err
	}
	w, h = img.Bounds().Dx(), img.Bounds().Dy()
	if w <= 0 || h <= 0 || w > decode.MaxPixels/h {
		return buf, 0, 0, fmt.Errorf("image of %dx%d: out of range", w, h)
	}
	if cap(buf) < 3*w*h {
		buf = make([]byte, 3*w*h)
	}
	buf = buf[:3*w*h]
	toBGR(buf, img)
	return buf, w, h, nil
}
