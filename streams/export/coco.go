package export

import (
	"encoding/json"
	"fmt"
	"io"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// COCO is a COCO instance file: pictures, their segments and one category a label.
type COCO struct {
	Info        COCOInfo         `json:"info"`
	Images      []COCOImage      `json:"images"`
	Annotations []COCOAnnotation `json:"annotations"`
	Categories  []COCOCategory   `json:"categories"`
}

// COCOInfo says who wrote the file.
type COCOInfo struct {
	Description string `json:"description"`
	Version     string `json:"version"`
}

// COCOImage is one picture.
type COCOImage struct {
	ID       int    `json:"id"`
	FileName string `json:"file_name"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
}

// COCOAnnotation is one segment; BBox is [x, y, width, height].
type COCOAnnotation struct {
	ID           int        `json:"id"`
	ImageID      int        `json:"image_id"`
	CategoryID   int        `json:"category_id"`
	Segmentation mask.RLE   `json:"segmentation"`
	Area         float64    `json:"area"`
	BBox         [4]float64 `json:"bbox"`
	IsCrowd      int        `json:"iscrowd"`
	Score        float64    `json:"score"`
	Level        int        `json:"level"`
	Parent       int        `json:"parent,omitempty"`   // annotation id of the segment around it
	TrackID      uint64     `json:"track_id,omitempty"` // of a video: the same object in other pictures
}

// COCOCategory names what a segment shows.
type COCOCategory struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// NewCOCO returns an empty file whose first category is "object".
func NewCOCO(version string) *COCO {
	return &COCO{
		Info:   COCOInfo{Description: "outrider", Version: version},
		Images: []COCOImage{}, Annotations: []COCOAnnotation{},
		Categories: []COCOCategory{{ID: 1, Name: "object"}},
	}
}

// Add appends a picture of w x h pixels with its segments.
func (c *COCO) Add(fileName string, w, h int, segs []pipeline.Segment) {
	img := COCOImage{ID: len(c.Images) + 1, FileName: fileName, Width: w, Height: h}
	c.Images = append(c.Images, img)
	first := len(c.Annotations) + 1
	for i := range segs {
		s := &segs[i]
		b := s.Box
		a := COCOAnnotation{
			ID: first + i, ImageID: img.ID, CategoryID: c.category(s.Label),
			Segmentation: s.Mask.RLE(w, h), Area: round(s.Mask.PixelArea(), 10),
			BBox:  [4]float64{round(b.X1, 100), round(b.Y1, 100), round(b.W(), 100), round(b.H(), 100)},
			Score: round(s.Score, 1e4), Level: s.Level,
		}
		if s.Parent >= 0 {
			a.Parent = first + s.Parent
		}
		c.Annotations = append(c.Annotations, a)
	}
}

// addLine appends a frame of a video.
func (c *COCO) addLine(fileName string, l *Line) error {
	img := COCOImage{ID: len(c.Images) + 1, FileName: fileName, Width: l.Size[0], Height: l.Size[1]}
	c.Images = append(c.Images, img)
	for i := range l.Tracks {
		t := &l.Tracks[i]
		if t.Mask == nil {
			continue
		}
		m, err := t.Mask.Mask()
		if err != nil {
			return fmt.Errorf("track %d: %w", t.ID, err)
		}
		b := t.Box
		c.Annotations = append(c.Annotations, COCOAnnotation{
			ID: len(c.Annotations) + 1, ImageID: img.ID, CategoryID: c.category(t.Label), Segmentation: *t.Mask, Area: float64(m.Area()),
			BBox: [4]float64{b[0], b[1], round(b[2]-b[0], 100), round(b[3]-b[1], 100)}, Score: t.Score, TrackID: t.ID,
		})
	}
	return nil
}

func (c *COCO) category(label string) int {
	if label == "" {
		return 1
	}
	for _, k := range c.Categories {
		if k.Name == label {
			return k.ID
		}
	}
	id := len(c.Categories) + 1
	c.Categories = append(c.Categories, COCOCategory{ID: id, Name: label})
	return id
}

// Write writes the file as indented JSON.
func (c *COCO) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(c)
}
