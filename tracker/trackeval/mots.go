package trackeval

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Classes of MOTS text by name, and the one of ignored regions.
var motsClasses = map[string]int{"car": 1, "pedestrian": 2}

const motsIgnore = 10

// ReadMOTS reads MOTS text and keeps what matters to a class, "car" or "pedestrian": lines of
// frame, id, class, image height, image width and the mask as COCO's compressed RLE, between
// blanks. Detections may have box and score before the class instead of an id: frame, x1, y1, x2,
// y2, score, class, height, width, RLE. Regions of class 10 are ignored ones. base is the number
// of the first frame, 0 or 1; frames of the rows are from 1. An error names its line.
func ReadMOTS(r io.Reader, class string, base int) ([]Row, error) {
	want, ok := motsClasses[class]
	if !ok {
		return nil, fmt.Errorf("class %q: MOTS text has car and pedestrian", class)
	}
	var rows []Row
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 8<<20)
	for n := 1; s.Scan(); n++ {
		cols := strings.Fields(s.Text())
		if len(cols) == 0 {
			continue
		}
		row, err := motsRow(cols, want, base)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if row.Mask != nil {
			rows = append(rows, row)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read MOTS text: %w", err)
	}
	return rows, nil
}

// motsRow reads one line; rows of other classes have no mask.
func motsRow(cols []string, want, base int) (Row, error) {
	row := Row{Confidence: 1, Visibility: 1, Class: classScored}
	if len(cols) != 6 && len(cols) < 10 {
		return row, fmt.Errorf("%d columns, want 6 (frame, id, class, height, width, RLE) or 10 of a detection", len(cols))
	}
	number := func(i int) (int, error) {
		v, err := strconv.Atoi(cols[i])
		if err != nil {
			return 0, fmt.Errorf("column %d: %q is not a whole number", i+1, cols[i])
		}
		return v, nil
	}
	at := 2 // of the class
	if len(cols) >= 10 {
		at = 6
		v, err := strconv.ParseFloat(cols[5], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return row, fmt.Errorf("column 6: %q is not a number", cols[5])
		}
		row.Confidence, row.ID = v, -1
	}
	var class, h, w int
	for _, c := range []struct {
		i int
		v *int
	}{{0, &row.Frame}, {at, &class}, {at + 1, &h}, {at + 2, &w}} {
		var err error
		if *c.v, err = number(c.i); err != nil {
			return row, err
		}
	}
	if at == 2 {
		var err error
		if row.ID, err = number(1); err != nil {
			return row, err
		}
	}
	if row.Frame += 1 - base; row.Frame < 1 || row.Frame > maxFrames {
		return row, fmt.Errorf("frame %s: want %d to %d", cols[0], base, maxFrames+base-1)
	}
	switch class {
	case want:
	case motsIgnore:
		row.Class = classIgnore
	default:
		return row, nil
	}
	if h < 1 || w < 1 || w > maxMaskPixels/h {
		return row, fmt.Errorf("picture of %dx%d pixels: want sides from 1 and at most %d million pixels", w, h, maxMaskPixels>>20)
	}
	m, err := mask.RLE{Size: [2]int{h, w}, Counts: cols[at+3]}.Mask()
	if err != nil {
		return row, err
	}
	x1, y1, x2, y2 := m.FrameBounds()
	row.Mask, row.Box = m, pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}
	return row, nil
}

// writeMOTS writes rows with masks as MOTS text. Masks of a frame must not overlap there: the
// higher score has the pixel.
func writeMOTS(w io.Writer, class string, base, width, height int, rows []Row) error {
	rows = append([]Row(nil), rows...)
	sort.SliceStable(rows, func(i, j int) bool {
		a, b := rows[i], rows[j]
		return a.Frame < b.Frame || a.Frame == b.Frame && a.Confidence > b.Confidence
	})
	out := bufio.NewWriter(w)
	var taken *mask.Mask
	for i, r := range rows {
		if r.Mask == nil {
			return fmt.Errorf("write MOTS text: frame %d, id %d has no mask", r.Frame, r.ID)
		}
		if i == 0 || r.Frame != rows[i-1].Frame {
			taken = mask.New(mask.FrameGrid(width, height), mask.FrameGrid(width, height).Bounds())
		}
		m := r.Mask.Resample(taken.Grid())
		m.AndNot(taken)
		if m.Empty() {
			continue
		}
		taken.Or(m)
		fmt.Fprintf(out, "%d %d %d %d %d %s\n", r.Frame-1+base, r.ID, motsClasses[class], height, width, m.RLE(width, height).Counts)
	}
	return out.Flush()
}

// mergeIgnored makes one region of a frame's ignored ones, as the benchmark does.
func mergeIgnored(rows []Row) []Row {
	var out []Row
	var all *mask.Mask
	for _, r := range rows {
		if r.Class != classIgnore || r.Mask == nil {
			out = append(out, r)
			continue
		}
		if all == nil {
			all = mask.New(r.Mask.Grid(), r.Mask.Grid().Bounds())
		}
		if all.Grid() == r.Mask.Grid() {
			all.Or(r.Mask)
		}
	}
	if all != nil {
		x1, y1, x2, y2 := all.FrameBounds()
		out = append(out, Row{Class: classIgnore, Mask: all, Box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}, Confidence: 1, Visibility: 1})
	}
	return out
}

// readMOTS fills a sequence from MOTS text; dets may be missing.
func (s *Sequence) readMOTS(truth, dets string) error {
	read := func(path string) ([]Row, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("sequence %s: %w", s.Name, err)
		}
		defer f.Close()
		rows, err := ReadMOTS(f, s.class, s.base)
		if err != nil {
			return nil, fmt.Errorf("sequence %s: %s: %w", s.Name, path, err)
		}
		return rows, nil
	}
	rows, err := read(truth)
	if err != nil {
		return err
	}
	found, err := read(dets)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.Frames == 0 {
		s.Frames = max(lastFrame(rows), lastFrame(found))
	}
	for _, r := range rows {
		if s.Width == 0 {
			s.Width, s.Height = r.Mask.Grid().W, r.Mask.Grid().H
		}
	}
	s.Truth = ByFrame(rows, s.Frames)
	for n := range s.Truth {
		s.Truth[n] = mergeIgnored(s.Truth[n])
	}
	if err == nil {
		s.Detections = ByFrame(found, s.Frames)
	}
	return nil
}

// readKITTIMOTS reads KITTI MOTS: dir/instances_txt/*.txt, with detections in dir/det_txt.
func readKITTIMOTS(dir, class string) ([]Set, error) {
	if class == "" {
		class = "pedestrian"
	}
	if _, ok := motsClasses[class]; !ok {
		return nil, fmt.Errorf("class %q: KITTI MOTS has car and pedestrian", class)
	}
	files, err := filepath.Glob(filepath.Join(dir, "instances_txt", "*.txt"))
	if err != nil {
		return nil, fmt.Errorf("read KITTI MOTS data: %w", err)
	}
	set := Set{Name: "kitti-mots-" + class}
	for _, path := range files {
		s := &Sequence{Name: stem(path), FPS: kittiRate, format: formatMOTS, class: class}
		if err := s.readMOTS(path, filepath.Join(dir, "det_txt", s.Name+".txt")); err != nil {
			return nil, err
		}
		set.Sequences = append(set.Sequences, s)
	}
	return []Set{set}, nil
}
