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
	"slices"
	"strconv"
	"strings"

	"outrider/pipeline"
)

// KITTI's tracking benchmark: 10 frames/s; boxes that are no higher than this and match
// nothing are not judged, and an object counts as hidden above this level.
const (
	kittiRate      = 10
	kittiMinHeight = 25
	kittiHidden    = 2
)

// kittiNeighbours are the types whose detection is neither right nor wrong, by class.
var kittiNeighbours = map[string][]string{"car": {"van"}, "pedestrian": {"person", "person_sitting"}}

// ReadKITTI reads KITTI tracking text and keeps what matters to a class, "car" or
// "pedestrian". Its lines are frame (from 0), id, type, truncated, occluded, angle, box (left,
// top, right, bottom) and, not used here, size, place and rotation; then the score in results
// and detections. With truth, objects that are cut off or hidden and those of a neighbouring
// class become distractors, and DontCare an ignored region. Frames of the rows are from 1, as
// in MOT text. An error names its line.
func ReadKITTI(r io.Reader, class string, truth bool) ([]Row, error) {
	neighbours, ok := kittiNeighbours[class]
	if !ok {
		return nil, fmt.Errorf("class %q: KITTI judges car and pedestrian", class)
	}
	var rows []Row
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 1<<20)
	for n := 1; s.Scan(); n++ {
		cols := strings.Fields(s.Text())
		if len(cols) == 0 {
			continue
		}
		if len(cols) < 10 {
			return nil, fmt.Errorf("line %d: %d columns, want at least 10 (frame, id, type, truncated, occluded, angle, box)", n, len(cols))
		}
		var v [18]float64
		for i := range min(len(cols), 18) {
			if i == 2 {
				continue
			}
			x, err := strconv.ParseFloat(cols[i], 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("line %d: column %d: %q is not a number", n, i+1, cols[i])
			}
			v[i] = x
		}
		if !(v[0] >= 0 && v[0] < maxFrames) {
			return nil, fmt.Errorf("line %d: frame %g: want 0 to %d", n, v[0], maxFrames-1)
		}
		row := Row{Frame: int(v[0]) + 1, ID: toID(v[1]), Box: pipeline.Box{X1: v[6], Y1: v[7], X2: v[8], Y2: v[9]}, Confidence: 1, Visibility: 1}
		switch kind := strings.ToLower(cols[2]); {
		case kind == class:
			row.Class = classScored
			if truth && (v[4] > kittiHidden || v[3] > 0) {
				row.Class = classDistractor
			}
		case truth && kind == "dontcare":
			row.Class = classIgnore
		case truth && slices.Contains(neighbours, kind):
			row.Class = classDistractor
		default:
			continue
		}
		if !truth && len(cols) >= 18 {
			row.Confidence = v[17]
		}
		rows = append(rows, row)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read KITTI text: %w", err)
	}
	return rows, nil
}

// toID is a number as an id; ids beyond all reason are folded.
func toID(v float64) int { return int(math.Mod(v, 1<<52)) }

// writeKITTI writes rows as KITTI results of a class; what a box cannot tell has KITTI's own
// values for unknown.
func writeKITTI(w io.Writer, class string, rows []Row) error {
	b := bufio.NewWriter(w)
	for _, r := range rows {
		fmt.Fprintf(b, "%d %d %s -1 -1 -10 %.2f %.2f %.2f %.2f -1 -1 -1 -1000 -1000 -1000 -10 %.4g\n",
			r.Frame-1, r.ID, strings.ToUpper(class[:1])+class[1:], r.Box.X1, r.Box.Y1, r.Box.X2, r.Box.Y2, r.Confidence)
	}
	return b.Flush()
}

// readKITTISets reads dir/label_02/*.txt with the detections in dir/det_02, and the numbers of
// frames from dir/evaluate_tracking.seqmap* where there is one.
func readKITTISets(dir, class string) ([]Set, error) {
	if class == "" {
		class = "car"
	}
	labels, err := filepath.Glob(filepath.Join(dir, "label_02", "*.txt"))
	if err != nil {
		return nil, fmt.Errorf("read KITTI data: %w", err)
	}
	frames, err := kittiFrames(dir)
	if err != nil {
		return nil, err
	}
	set := Set{Name: "kitti-" + class}
	for _, path := range labels {
		name := stem(path)
		s := &Sequence{Name: name, FPS: kittiRate, Width: 1242, Height: 375, MinHeight: kittiMinHeight, format: formatKITTI, class: class}
		truth, err := readKITTIFile(path, class, true)
		if err != nil {
			return nil, fmt.Errorf("sequence %s: %w", name, err)
		}
		dets, err := readKITTIFile(filepath.Join(dir, "det_02", name+".txt"), class, false)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("sequence %s: %w", name, err)
		}
		if s.Frames = frames[name]; s.Frames == 0 {
			s.Frames = max(lastFrame(truth), lastFrame(dets))
		}
		s.Truth = ByFrame(truth, s.Frames)
		if err == nil {
			s.Detections = ByFrame(dets, s.Frames)
		}
		set.Sequences = append(set.Sequences, s)
	}
	return []Set{set}, nil
}

func readKITTIFile(path, class string, truth bool) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := ReadKITTI(f, class, truth)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

func lastFrame(rows []Row) int {
	n := 0
	for _, r := range rows {
		n = max(n, r.Frame)
	}
	return n
}

// kittiFrames reads the lengths of sequences: lines "0000 empty 000000 000154".
func kittiFrames(dir string) (map[string]int, error) {
	maps, err := filepath.Glob(filepath.Join(dir, "evaluate_tracking.seqmap*"))
	if err != nil {
		return nil, fmt.Errorf("read KITTI data: %w", err)
	}
	out := map[string]int{}
	for _, path := range maps {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read KITTI data: %w", err)
		}
		for i, line := range strings.Split(string(b), "\n") {
			cols := strings.Fields(line)
			if len(cols) == 0 {
				continue
			}
			n := 0
			if len(cols) == 4 {
				n, err = strconv.Atoi(cols[3])
			}
			if err != nil || n < 1 || n > maxFrames {
				return nil, fmt.Errorf("%s: line %d: %q: want a name, a word, and the first and last frame", path, i+1, line)
			}
			out[cols[0]] = n
		}
	}
	return out, nil
}
