package trackeval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// maxVideo bounds the frames of a video in COCO's form.
const maxVideo = 1_000_000

// COCOVideo is the truth of a data set in COCO's form for videos, of which there are two: an
// annotation is a track with lists by frame (YouTube-VIS), or a box or mask on one image with a
// track's id (TAO, BDD100K and others). Both are read.
type COCOVideo struct {
	Sequences []*Sequence

	class    int                // id of the category that is judged, 0 for all as one
	bySource map[int]*cocoVideo // by id of the video
	images   map[int]place      // by id of the image
}

// cocoVideo is a video as COCO's form has it.
type cocoVideo struct {
	seq    *Sequence
	length int
	w, h   int
}

// place is where an image belongs.
type place struct{ video, frame int }

// cocoFile is the part of a file that is read.
type cocoFile struct {
	Videos []struct {
		ID        int      `json:"id"`
		Name      string   `json:"name"`
		Width     int      `json:"width"`
		Height    int      `json:"height"`
		Length    int      `json:"length"`
		FPS       float64  `json:"fps"`
		FrameRate float64  `json:"frame_rate"`
		Files     []string `json:"file_names"`
	} `json:"videos"`
	Images []struct {
		ID         int  `json:"id"`
		Video      int  `json:"video_id"`
		FrameID    *int `json:"frame_id"`
		FrameIndex *int `json:"frame_index"`
		Width      int  `json:"width"`
		Height     int  `json:"height"`
	} `json:"images"`
	Categories []struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	} `json:"categories"`
	Annotations []cocoAnnotation `json:"annotations"`
}

// cocoAnnotation is one of either kind; in results it has a score.
type cocoAnnotation struct {
	ID            int               `json:"id"`
	Video         int               `json:"video_id"`
	Image         int               `json:"image_id"`
	Track         *int              `json:"track_id"`
	Instance      *int              `json:"instance_id"`
	Category      int               `json:"category_id"`
	Crowd         json.RawMessage   `json:"iscrowd"` // 0, 1, or by frame
	Ignore        json.RawMessage   `json:"ignore"`
	Score         *float64          `json:"score"`
	Box           []float64         `json:"bbox"`
	Segmentation  json.RawMessage   `json:"segmentation"`
	Boxes         [][]float64       `json:"bboxes"`
	Segmentations []json.RawMessage `json:"segmentations"`
}

// ReadCOCOVideo reads the truth. class is the name of the category that is judged, "" for all
// as one. Errors name the line where the JSON is broken, else the member.
func ReadCOCOVideo(r io.Reader, class string) (*COCOVideo, error) {
	var f cocoFile
	if err := decodeJSON(r, &f); err != nil {
		return nil, err
	}
	if len(f.Videos) == 0 {
		return nil, errors.New("no videos: want videos, annotations, categories and, unless annotations have lists by frame, images")
	}
	c := &COCOVideo{bySource: map[int]*cocoVideo{}, images: map[int]place{}}
	if class != "" {
		var names []string
		for _, k := range f.Categories {
			names = append(names, k.Name)
			if strings.EqualFold(k.Name, class) {
				c.class = k.ID
			}
		}
		if c.class == 0 {
			return nil, fmt.Errorf("class %q: the categories are %s", class, strings.Join(names, ", "))
		}
	}
	for i, v := range f.Videos {
		if _, twice := c.bySource[v.ID]; twice {
			return nil, fmt.Errorf("videos[%d]: id %d is there twice", i, v.ID)
		}
		if v.Width < 0 || v.Height < 0 || v.Height > 0 && v.Width > maxMaskPixels/v.Height || v.Length < 0 || v.Length > maxVideo {
			return nil, fmt.Errorf("videos[%d]: %d frames of %dx%d pixels: want at most %d million pixels", i, v.Length, v.Width, v.Height, maxMaskPixels>>20)
		}
		s := &Sequence{Name: cocoName(v.Name, v.Files, v.ID), FPS: math.Max(v.FPS, v.FrameRate), Width: v.Width, Height: v.Height}
		if !(s.FPS > 0 && s.FPS < 1e4) {
			s.FPS = 30
		}
		c.bySource[v.ID] = &cocoVideo{seq: s, length: max(v.Length, len(v.Files)), w: v.Width, h: v.Height}
		c.Sequences = append(c.Sequences, s)
	}
	if err := c.order(&f); err != nil {
		return nil, err
	}
	rows, err := c.rows(f.Annotations, "annotations", true)
	if err != nil {
		return nil, err
	}
	for _, s := range c.Sequences {
		s.Truth = ByFrame(rows[s], s.Frames)
	}
	return c, nil
}

// cocoName makes a name for files out of a video's.
func cocoName(name string, files []string, id int) string {
	if name == "" && len(files) > 0 {
		name = filepath.ToSlash(filepath.Dir(files[0]))
	}
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == 0 {
			return '-'
		}
		return r
	}, name)
	if strings.Trim(name, ".- ") == "" {
		return fmt.Sprintf("video-%d", id)
	}
	return name
}

// order numbers the images of each video from 1 by their frame index.
func (c *COCOVideo) order(f *cocoFile) error {
	type indexed struct{ index, id, w, h int }
	by := map[int][]indexed{}
	for i, m := range f.Images {
		v := c.bySource[m.Video]
		if v == nil {
			return fmt.Errorf("images[%d]: there is no video %d", i, m.Video)
		}
		at := len(by[m.Video])
		switch {
		case m.FrameIndex != nil:
			at = *m.FrameIndex
		case m.FrameID != nil:
			at = *m.FrameID
		}
		by[m.Video] = append(by[m.Video], indexed{at, m.ID, m.Width, m.Height})
	}
	for id, v := range c.bySource {
		list := by[id]
		sort.SliceStable(list, func(i, j int) bool { return list[i].index < list[j].index })
		for n, m := range list {
			if n > 0 && m.index == list[n-1].index {
				return fmt.Errorf("images of video %d: two have frame index %d", id, m.index)
			}
			if _, twice := c.images[m.id]; twice {
				return fmt.Errorf("images: id %d is there twice", m.id)
			}
			c.images[m.id] = place{id, n + 1}
			if v.w == 0 && m.w > 0 && m.h > 0 && m.w <= maxMaskPixels/m.h {
				v.w, v.h = m.w, m.h
				v.seq.Width, v.seq.Height = m.w, m.h
			}
		}
		if n := len(list); n > 0 {
			v.length = n
			// Annotated frames may lie apart: their rate is the video's by the step between them.
			if n > 1 {
				v.seq.FPS /= math.Max(1, float64(list[n-1].index-list[0].index)/float64(n-1))
			}
		}
		v.seq.Frames = v.length
	}
	return nil
}

// rows sorts annotations into the videos. where names the list in errors; with truth, crowds
// are ignored regions.
func (c *COCOVideo) rows(list []cocoAnnotation, where string, truth bool) (map[*Sequence][]Row, error) {
	out := map[*Sequence][]Row{}
	for i := range list {
		a := &list[i]
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s[%d]: %s", where, i, fmt.Sprintf(format, args...))
		}
		if c.class != 0 && a.Category != c.class {
			continue
		}
		row := Row{ID: -1, Confidence: 1, Visibility: 1, Class: classScored}
		if a.Score != nil {
			row.Confidence = *a.Score
		}
		if truth && (truthy(a.Crowd) || truthy(a.Ignore)) {
			row.Class = classIgnore
		}
		n := max(len(a.Boxes), len(a.Segmentations))
		if n == 0 { // of one image
			at, ok := c.images[a.Image]
			if !ok {
				return nil, fail("there is no image %d", a.Image)
			}
			switch {
			case a.Track != nil:
				row.ID = *a.Track
			case a.Instance != nil:
				row.ID = *a.Instance
			case truth && row.Class == classScored:
				return nil, fail("no track_id or instance_id says which object it is")
			}
			v := c.bySource[at.video]
			row.Frame = at.frame
			ok, err := v.place(&row, a.Box, a.Segmentation)
			if err != nil {
				return nil, fail("%v", err)
			}
			if ok {
				out[v.seq] = append(out[v.seq], row)
			}
			continue
		}
		v := c.bySource[a.Video]
		if v == nil {
			return nil, fail("there is no video %d", a.Video)
		}
		if n > v.length {
			return nil, fail("lists of %d frames for a video of %d", n, v.length)
		}
		if row.ID = a.ID; !truth && a.ID == 0 {
			row.ID = i + 1
		}
		for k := range n {
			var box []float64
			var seg json.RawMessage
			if k < len(a.Boxes) {
				box = a.Boxes[k]
			}
			if k < len(a.Segmentations) {
				seg = a.Segmentations[k]
			}
			at := row
			at.Frame = k + 1
			ok, err := v.place(&at, box, seg)
			if err != nil {
				return nil, fail("frame %d: %v", k, err)
			}
			if ok {
				out[v.seq] = append(out[v.seq], at)
			}
		}
	}
	return out, nil
}

// truthy is 1, true, or a list of ones.
func truthy(b json.RawMessage) bool {
	var n float64
	if json.Unmarshal(b, &n) == nil {
		return n == 1
	}
	var t bool
	if json.Unmarshal(b, &t) == nil {
		return t
	}
	var list []float64
	if json.Unmarshal(b, &list) != nil || len(list) == 0 {
		return false
	}
	for _, x := range list {
		if x != 1 {
			return false
		}
	}
	return true
}

// place fills a row's box and mask and reports whether there is either.
func (v *cocoVideo) place(row *Row, box []float64, seg json.RawMessage) (bool, error) {
	if len(seg) > 0 && string(seg) != "null" && string(seg) != "[]" {
		m, err := v.mask(seg)
		if err != nil {
			return false, err
		}
		if m.Empty() {
			return false, nil
		}
		x1, y1, x2, y2 := m.FrameBounds()
		row.Mask, row.Box = m, pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}
		return true, nil
	}
	if len(box) == 0 {
		return false, nil
	}
	if len(box) != 4 {
		return false, fmt.Errorf("bbox of %d numbers: want left, top, width, height", len(box))
	}
	row.Box = pipeline.Box{X1: box[0], Y1: box[1], X2: box[0] + box[2], Y2: box[1] + box[3]}
	if !row.Box.Finite() || box[2] < 0 || box[3] < 0 {
		return false, fmt.Errorf("bbox %v: want finite numbers and no negative size", box)
	}
	return true, nil
}

// mask reads an RLE, or polygons as lists x, y, x, y, ...
func (v *cocoVideo) mask(seg json.RawMessage) (*mask.Mask, error) {
	if bytes.HasPrefix(bytes.TrimSpace(seg), []byte("[")) {
		var flat [][]float64
		if err := json.Unmarshal(seg, &flat); err != nil {
			return nil, fmt.Errorf("segmentation: %w", err)
		}
		if v.w < 1 || v.h < 1 {
			return nil, errors.New("segmentation: polygons need the video's width and height")
		}
		rings := make([][][2]float64, len(flat))
		for i, p := range flat {
			if len(p)%2 != 0 || len(p) < 6 {
				return nil, fmt.Errorf("segmentation: polygon %d of %d numbers: want x, y of three points or more", i, len(p))
			}
			for j := 0; j < len(p); j += 2 {
				rings[i] = append(rings[i], [2]float64{p[j], p[j+1]})
			}
		}
		return mask.FromPolygons(mask.FrameGrid(v.w, v.h), rings), nil
	}
	var rle mask.RLE
	if err := json.Unmarshal(seg, &rle); err != nil {
		return nil, fmt.Errorf("segmentation: %w", err)
	}
	if h, w := rle.Size[0], rle.Size[1]; h < 1 || w < 1 || w > maxMaskPixels/h || v.w > 0 && (w != v.w || h != v.h) {
		return nil, fmt.Errorf("segmentation: a mask of %dx%d in a video of %dx%d", w, h, v.w, v.h)
	}
	m, err := rle.Mask()
	if err != nil {
		return nil, fmt.Errorf("segmentation: %w", err)
	}
	return m, nil
}

// Rows reads detections or results for the videos: a list of what annotations are, with scores.
func (c *COCOVideo) Rows(r io.Reader) (map[*Sequence][]Row, error) {
	var list []cocoAnnotation
	if err := decodeJSON(r, &list); err != nil {
		return nil, err
	}
	return c.rows(list, "list", false)
}

// maxJSON bounds a file that is read whole.
const maxJSON = 2 << 30

func decodeJSON(r io.Reader, v any) error {
	b, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return err
	}
	if len(b) > maxJSON {
		return fmt.Errorf("more than %d bytes", maxJSON)
	}
	err = json.Unmarshal(b, v)
	line := func(offset int64) int { return 1 + bytes.Count(b[:min(int(offset), len(b))], []byte("\n")) }
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", line(syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: %w", line(kind.Offset), err)
	}
	return err
}

// readCOCOSets reads dir/gt.json with the detections in dir/det.json.
func readCOCOSets(dir, class string) ([]Set, error) {
	path := filepath.Join(dir, "gt.json")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read COCO video data: %w", err)
	}
	defer f.Close()
	c, err := ReadCOCOVideo(f, class)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	set := Set{Name: filepath.Base(filepath.Clean(dir)), Sequences: c.Sequences, coco: c}
	dets, err := os.Open(filepath.Join(dir, "det.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return []Set{set}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read COCO video data: %w", err)
	}
	defer dets.Close()
	rows, err := c.Rows(dets)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dets.Name(), err)
	}
	for _, s := range c.Sequences {
		s.Detections = ByFrame(rows[s], s.Frames)
		if slices.ContainsFunc(rows[s], func(r Row) bool { return r.Mask != nil }) {
			s.format, s.class, s.base = formatMOTS, "pedestrian", 1 // the text that carries masks
		}
	}
	return []Set{set}, nil
}
