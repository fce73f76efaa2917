package evalroad

import (
	"fmt"
	"image"
	"image/color"
	_ "image/png" // labels and scores are PNG
	"os"
	"path/filepath"
	"strings"
)

// Masks computes the obstacle track's figures over a folder: scores/NAME.png (grey, 8 or 16
// bit, higher is rather an obstacle) against labels/NAME.png, or against
// labels_masks/NAME_labels_semantic.png as the benchmark names them.
func Masks(dir string) (AnomalyFigures, error) {
	names, err := filepath.Glob(filepath.Join(dir, "scores", "*.png"))
	if err != nil || len(names) == 0 {
		return AnomalyFigures{}, fmt.Errorf("evaluate masks: no scores/*.png in %s", dir)
	}
	var a Anomaly
	for _, name := range names {
		base := strings.TrimSuffix(filepath.Base(name), ".png")
		labels := filepath.Join(dir, "labels", base+".png")
		if _, err := os.Stat(labels); err != nil {
			labels = filepath.Join(dir, "labels_masks", base+"_labels_semantic.png")
		}
		if err := a.addFiles(name, labels); err != nil {
			return AnomalyFigures{}, fmt.Errorf("evaluate masks: %s: %w", base, err)
		}
	}
	return a.Figures()
}

func (a *Anomaly) addFiles(scores, labels string) error {
	s, err := readPicture(scores)
	if err != nil {
		return fmt.Errorf("scores: %w", err)
	}
	l, err := readPicture(labels)
	if err != nil {
		return fmt.Errorf("labels: %w", err)
	}
	b := s.Bounds()
	if l.Bounds().Dx() != b.Dx() || l.Bounds().Dy() != b.Dy() {
		return fmt.Errorf("scores are %dx%d, labels %dx%d", b.Dx(), b.Dy(), l.Bounds().Dx(), l.Bounds().Dy())
	}
	w, h := b.Dx(), b.Dy()
	score, label := make([]uint16, w*h), make([]uint8, w*h)
	for y := range h {
		for x := range w {
			score[y*w+x] = color.Gray16Model.Convert(s.At(b.Min.X+x, b.Min.Y+y)).(color.Gray16).Y
			label[y*w+x] = labelAt(l, x, y)
		}
	}
	return a.Add(w, h, score, label)
}

// labelAt is a pixel's label: a palette's index, or the grey value.
func labelAt(m image.Image, x, y int) uint8 {
	x, y = m.Bounds().Min.X+x, m.Bounds().Min.Y+y
	if p, ok := m.(*image.Paletted); ok {
		return p.ColorIndexAt(x, y)
	}
	return color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y
}

func readPicture(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, _, err := image.Decode(f)
	return m, err
}
