package trackeval

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"outrider/pipeline/mask"
)

// Clip is a video whose objects have a mask in every frame, as DAVIS has them: files in the
// order of time, a picture and a mask for each frame.
type Clip struct {
	Name   string
	Images []string
	Masks  []string
}

// ClipRate is the frame rate of DAVIS' videos, which its files do not tell.
const ClipRate = 24

// ReadClips finds the clips at or below dir: SEQUENCE/images and SEQUENCE/masks, or DAVIS' own
// JPEGImages/RESOLUTION/SEQUENCE beside Annotations/RESOLUTION/SEQUENCE. They are in the order
// of their names.
func ReadClips(dir string) ([]Clip, error) {
	if st, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("read clips: %w", err)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("read clips: %s is no folder", dir)
	}
	var out []Clip
	for _, layout := range [...]struct{ images, masks string }{
		{"images", "masks"},
		{"*/images", "*/masks"},
		{"JPEGImages/*/*", "Annotations/*/*"},
	} {
		folders, err := filepath.Glob(filepath.Join(dir, layout.images))
		if err != nil {
			return nil, fmt.Errorf("read clips: %w", err)
		}
		for _, images := range folders {
			masks := filepath.Join(filepath.Dir(images), "masks")
			name := filepath.Base(filepath.Dir(images))
			if strings.HasPrefix(layout.images, "JPEGImages") {
				resolution := filepath.Base(filepath.Dir(images))
				name = filepath.Base(images)
				masks = filepath.Join(dir, "Annotations", resolution, name)
			}
			c := Clip{Name: name}
			if c.Images, err = pictures(images, ".jpg", ".jpeg", ".png"); err != nil {
				return nil, fmt.Errorf("clip %s: %w", name, err)
			}
			if c.Masks, err = pictures(masks, ".png"); err != nil {
				return nil, fmt.Errorf("clip %s: %w", name, err)
			}
			if len(c.Images) != len(c.Masks) || len(c.Images) < 3 {
				return nil, fmt.Errorf("clip %s: %d pictures in %s and %d masks in %s: want one mask a picture, and three or more", name, len(c.Images), images, len(c.Masks), masks)
			}
			for i, p := range c.Images {
				if stem(p) != stem(c.Masks[i]) {
					return nil, fmt.Errorf("clip %s: picture %s and mask %s of frame %d have different names", name, filepath.Base(p), filepath.Base(c.Masks[i]), i)
				}
			}
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("read %s: %w", dir, ErrNoData)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func stem(path string) string {
	b := filepath.Base(path)
	return strings.TrimSuffix(b, filepath.Ext(b))
}

// pictures lists the files of a folder with one of the endings, by name.
func pictures(dir string, endings ...string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		for _, end := range endings {
			if !e.IsDir() && strings.EqualFold(filepath.Ext(e.Name()), end) {
				out = append(out, filepath.Join(dir, e.Name()))
			}
		}
	}
	sort.Strings(out)
	return out, nil
}

// maxMaskPixels bounds a mask file, so that a broken one cannot ask for gigabytes.
const maxMaskPixels = 64 << 20

// ReadMasks reads the masks of one frame, by object id from 1, on the picture's grid, and the
// picture's size. A paletted PNG holds ids; a grey one too, unless it has one value besides 0:
// then that is object 1.
func ReadMasks(path string) (masks map[int]*mask.Mask, w, h int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read mask: %w", err)
	}
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err == nil && (c.Width <= 0 || c.Height <= 0 || c.Width > maxMaskPixels/c.Height) {
		err = fmt.Errorf("%dx%d pixels, at most %d million are taken", c.Width, c.Height, maxMaskPixels>>20)
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read mask %s: %w", path, err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read mask %s: %w", path, err)
	}
	bounds := img.Bounds()
	w, h = bounds.Dx(), bounds.Dy()
	var value func(x, y int) int
	switch p := img.(type) {
	case *image.Paletted:
		value = func(x, y int) int { return int(p.ColorIndexAt(x, y)) }
	case *image.Gray:
		value = func(x, y int) int { return int(p.GrayAt(x, y).Y) }
	default: // the grey of a colour picture: its first channel
		value = func(x, y int) int { r, _, _, _ := img.At(x, y).RGBA(); return int(r >> 8) }
	}
	var boxes [256]image.Rectangle
	for y := range h {
		for x := range w {
			if v := value(bounds.Min.X+x, bounds.Min.Y+y); v > 0 && v < 256 {
				if r := &boxes[v]; r.Empty() {
					*r = image.Rect(x, y, x+1, y+1)
				} else {
					r.Min.X, r.Max.X, r.Max.Y = min(r.Min.X, x), max(r.Max.X, x+1), y+1
				}
			}
		}
	}
	masks = map[int]*mask.Mask{}
	var by [256]*mask.Mask
	for v, r := range boxes {
		if !r.Empty() {
			by[v] = mask.New(mask.FrameGrid(w, h), r)
			masks[v] = by[v]
		}
	}
	for y := range h {
		for x := range w {
			if v := value(bounds.Min.X+x, bounds.Min.Y+y); v > 0 && v < 256 {
				by[v].Set(x, y)
			}
		}
	}
	if _, paletted := img.(*image.Paletted); !paletted && len(masks) == 1 {
		for v, m := range masks {
			delete(masks, v)
			masks[1] = m
		}
	}
	return masks, w, h, nil
}

// Innermost is the pixel of a mask that is farthest from its border, where a user would click;
// ok is false for an empty mask. Distances are city-block ones.
func Innermost(m *mask.Mask) (x, y int, ok bool) {
	b := m.Bounds()
	if b.Empty() {
		return 0, 0, false
	}
	w, h := b.Dx()+2, b.Dy()+2
	d := make([]int, w*h) // with a rim of zeros
	at := func(x, y int) *int { return &d[(y-b.Min.Y+1)*w+x-b.Min.X+1] }
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if m.Has(x, y) {
				*at(x, y) = 1 + min(*at(x-1, y), *at(x, y-1))
			}
		}
	}
	best := 0
	for y1 := b.Max.Y - 1; y1 >= b.Min.Y; y1-- {
		for x1 := b.Max.X - 1; x1 >= b.Min.X; x1-- {
			p := at(x1, y1)
			if *p = min(*p, 1+min(*at(x1+1, y1), *at(x1, y1+1))); *p > best {
				best, x, y = *p, x1, y1
			}
		}
	}
	return x, y, true
}
