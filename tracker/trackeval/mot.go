package trackeval

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/tracker"
)

// Row is one line of a MOT text file: frame, id, left, top, width, height, then confidence
// (whether it is scored, in ground truth), class and visibility where there are such columns,
// else 1. Data sets with masks have one too.
type Row struct {
	Frame, ID  int
	Box        pipeline.Box
	Mask       *mask.Mask // on the picture's grid; nil where there are boxes only
	Confidence float64
	Class      int
	Visibility float64
}

// maxFrames bounds frame numbers, so that a broken line cannot ask for gigabytes.
const maxFrames = 10_000_000

// ReadMOT reads MOT text. Too few columns and a number that is none are errors with their line;
// empty lines are skipped.
func ReadMOT(r io.Reader) ([]Row, error) {
	var rows []Row
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 1<<20)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" {
			continue
		}
		cols := strings.Split(line, ",")
		if len(cols) < 6 {
			return nil, fmt.Errorf("line %d: %d columns, want at least 6 (frame, id, left, top, width, height)", n, len(cols))
		}
		v := [9]float64{6: 1, 7: 1, 8: 1}
		for i := range min(len(cols), 9) {
			x, err := strconv.ParseFloat(strings.TrimSpace(cols[i]), 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("line %d: column %d: %q is not a number", n, i+1, cols[i])
			}
			v[i] = x
		}
		if v[0] < 1 || v[0] > maxFrames {
			return nil, fmt.Errorf("line %d: frame %g: want 1 to %d", n, v[0], maxFrames)
		}
		rows = append(rows, Row{
			Frame: int(v[0]), ID: int(v[1]), Box: pipeline.Box{X1: v[2], Y1: v[3], X2: v[2] + v[4], Y2: v[3] + v[5]},
			Confidence: v[6], Class: int(v[7]), Visibility: v[8],
		})
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read MOT text: %w", err)
	}
	return rows, nil
}

// WriteMOT writes rows as MOT text, to a hundredth of a pixel.
func WriteMOT(w io.Writer, rows []Row) error {
	b := bufio.NewWriter(w)
	for _, r := range rows {
		fmt.Fprintf(b, "%d,%d,%.2f,%.2f,%.2f,%.2f,%.4g,-1,-1,-1\n", r.Frame, r.ID, r.Box.X1, r.Box.Y1, r.Box.W(), r.Box.H(), r.Confidence)
	}
	return b.Flush()
}

// Sequence is a video of a tracking data set, without its pictures.
type Sequence struct {
	Name          string
	FPS           float64
	Frames        int
	Width, Height int
	MinHeight     float64              // unmatched tracks lower than this are not counted
	Truth         [][]Row              // by frame, from 1 (index 0 is empty)
	Detections    [][]Row              // the same, nil when none are stored
	Warps         map[int]tracker.Warp // camera motion from the frame before, where known

	format format
	class  string // of KITTI and MOTS text
	base   int    // number of the first frame in MOTS text
}

// format is how a sequence's tracks are written.
type format int

const (
	formatMOT format = iota
	formatKITTI
	formatMOTS
)

// ReadTracks reads a result of the sequence, in the format of its data set.
func (s *Sequence) ReadTracks(r io.Reader) ([]Row, error) {
	switch s.format {
	case formatKITTI:
		return ReadKITTI(r, s.class, false)
	case formatMOTS:
		return ReadMOTS(r, s.class, s.base)
	}
	return ReadMOT(r)
}

// WriteTracks writes a result of the sequence in the format of its data set.
func (s *Sequence) WriteTracks(w io.Writer, rows []Row) error {
	switch s.format {
	case formatKITTI:
		return writeKITTI(w, s.class, rows)
	case formatMOTS:
		return writeMOTS(w, s.class, s.base, s.Width, s.Height, rows)
	}
	return WriteMOT(w, rows)
}

// ReadSequence reads dir/{seqinfo.ini,gt/gt.txt[,det/det.txt][,gmc.txt]}, MOT text or, where
// the truth is that, MOTS text of pedestrians.
func ReadSequence(dir string) (*Sequence, error) { return readSequence(dir, "") }

func readSequence(dir, class string) (*Sequence, error) {
	s := &Sequence{Name: filepath.Base(dir), FPS: 30}
	if err := s.readInfo(filepath.Join(dir, "seqinfo.ini")); err != nil {
		return nil, err
	}
	masks, err := isMOTS(filepath.Join(dir, "gt", "gt.txt"))
	if err != nil {
		return nil, fmt.Errorf("sequence %s: %w", s.Name, err)
	}
	if masks {
		s.format, s.class, s.base = formatMOTS, cmp.Or(class, "pedestrian"), 1
		if err := s.readMOTS(filepath.Join(dir, "gt", "gt.txt"), filepath.Join(dir, "det", "det.txt")); err != nil {
			return nil, err
		}
		return s, s.readWarps(filepath.Join(dir, "gmc.txt"))
	}
	if class != "" {
		return nil, fmt.Errorf("sequence %s: class %q: MOT text has one class only", s.Name, class)
	}
	if s.Truth, err = s.readRows(filepath.Join(dir, "gt", "gt.txt")); err != nil {
		return nil, err
	}
	for _, rows := range s.Truth {
		for i := range rows {
			if rows[i].Class == -1 { // MOT15 has places in the world there
				rows[i].Class = classScored
			}
		}
	}
	s.Detections, err = s.readRows(filepath.Join(dir, "det", "det.txt"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, s.readWarps(filepath.Join(dir, "gmc.txt"))
}

// isMOTS tells MOTS text, whose first line has no comma, from MOT text.
func isMOTS(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [512]byte
	n, err := io.ReadFull(f, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, err
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(head[:n])), "\n")
	return line != "" && !strings.Contains(line, ",") && len(strings.Fields(line)) >= 5, nil
}

func (s *Sequence) readInfo(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("sequence %s: %w", s.Name, err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		key, val, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		key, val = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(val)
		var p *float64
		var frames, width, height float64
		switch key {
		case "framerate":
			p = &s.FPS
		case "seqlength":
			p = &frames
		case "imwidth":
			p = &width
		case "imheight":
			p = &height
		case "minheight":
			p = &s.MinHeight
		default:
			continue
		}
		if *p, err = strconv.ParseFloat(val, 64); err != nil || !(*p >= 0 && *p <= maxFrames) {
			return fmt.Errorf("sequence %s: %s: %s=%q: want a number from 0 to %d", s.Name, path, key, val, maxFrames)
		}
		s.Frames, s.Width, s.Height = max(s.Frames, int(frames)), max(s.Width, int(width)), max(s.Height, int(height))
	}
	if s.Frames == 0 || s.FPS == 0 {
		return fmt.Errorf("sequence %s: %s: want seqLength and frameRate above 0", s.Name, path)
	}
	return nil
}

func (s *Sequence) readRows(path string) ([][]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sequence %s: %w", s.Name, err)
	}
	defer f.Close()
	rows, err := ReadMOT(f)
	if err != nil {
		return nil, fmt.Errorf("sequence %s: %s: %w", s.Name, path, err)
	}
	return ByFrame(rows, s.Frames), nil
}

// ByFrame sorts rows into frames 1 to n, in their order; others are left out.
func ByFrame(rows []Row, n int) [][]Row {
	out := make([][]Row, n+1)
	for _, r := range rows {
		if r.Frame <= n {
			out[r.Frame] = append(out[r.Frame], r)
		}
	}
	return out
}

func (s *Sequence) readWarps(path string) error {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sequence %s: %w", s.Name, err)
	}
	s.Warps = map[int]tracker.Warp{}
	for n, line := range strings.Split(string(b), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		cols := strings.Split(strings.TrimSpace(line), ",")
		if len(cols) != 7 {
			return fmt.Errorf("sequence %s: %s: line %d: %d columns, want 7 (frame,a11,a12,tx,a21,a22,ty)", s.Name, path, n+1, len(cols))
		}
		var v [7]float64
		for i, c := range cols {
			if v[i], err = strconv.ParseFloat(strings.TrimSpace(c), 64); err != nil || math.IsNaN(v[i]) || math.IsInf(v[i], 0) {
				return fmt.Errorf("sequence %s: %s: line %d: %q is not a number", s.Name, path, n+1, c)
			}
		}
		s.Warps[int(v[0])] = tracker.Warp{A11: v[1], A12: v[2], TX: v[3], A21: v[4], A22: v[5], TY: v[6]}
	}
	return nil
}
