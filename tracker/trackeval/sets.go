package trackeval

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Set is a data set: sequences that are told of together.
type Set struct {
	Name      string
	Sequences []*Sequence

	coco *COCOVideo // nil for other layouts
}

// ReadJSON reads a result for all sequences from one file, as COCO's form has it; ErrNoData for
// data of another layout.
func (s *Set) ReadJSON(r io.Reader) (map[*Sequence][]Row, error) {
	if s.coco == nil {
		return nil, fmt.Errorf("set %s is not in COCO's form: %w", s.Name, ErrNoData)
	}
	return s.coco.Rows(r)
}

// ErrNoData is wrapped by ReadSets when a folder holds nothing that it knows.
var ErrNoData = errors.New("no tracking data")

// depth is how far below a folder sequences are looked for: MOT17/train/MOT17-02.
const depth = 3

// ReadSets reads every sequence at or below dir, in whichever of these layouts it is:
//
//   - MOTChallenge: folders with seqinfo.ini, gt/gt.txt and det/det.txt, MOT or MOTS text;
//   - KITTI tracking: label_02/0000.txt with det_02/0000.txt, and KITTI MOTS:
//     instances_txt/0000.txt with det_txt/0000.txt, also below training/;
//   - COCO video: gt.json with det.json.
//
// class picks what is judged where a data set has several: "car" (KITTI's default) or
// "pedestrian" (that of MOTS), the name of a COCO category, of which "" takes all as one.
// A folder of sequences is a set; sets and sequences are in the order of their names.
func ReadSets(dir, class string) ([]Set, error) {
	if st, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("read tracking data: %w", err)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("read tracking data: %s is no folder", dir)
	}
	for _, l := range [...]struct {
		mark string
		read func(dir, class string) ([]Set, error)
	}{
		{"gt.json", readCOCOSets}, {"label_02", readKITTISets}, {"training/label_02", readKITTISets},
		{"instances_txt", readKITTIMOTS}, {"training/instances_txt", readKITTIMOTS},
	} {
		at := filepath.Join(dir, filepath.FromSlash(l.mark))
		if _, err := os.Stat(at); err == nil {
			sets, err := l.read(filepath.Dir(at), class)
			if err == nil && (len(sets) == 0 || len(sets[0].Sequences) == 0) {
				err = fmt.Errorf("read %s: %w", at, ErrNoData)
			}
			return sets, err
		}
	}
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel, err := filepath.Rel(dir, path); err != nil || strings.Count(rel, string(filepath.Separator)) >= depth {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Name() == "seqinfo.ini" {
			found = append(found, filepath.Dir(path))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read tracking data: %w", err)
	}
	sets := map[string]*Set{}
	for _, path := range found {
		s, err := readSequence(path, class)
		if err != nil {
			return nil, err
		}
		parent, err := filepath.Abs(filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("read tracking data: %w", err)
		}
		if sets[parent] == nil {
			sets[parent] = &Set{Name: filepath.Base(parent)}
		}
		sets[parent].Sequences = append(sets[parent].Sequences, s)
	}
	out := make([]Set, 0, len(sets))
	for _, s := range sets {
		sort.Slice(s.Sequences, func(i, j int) bool { return s.Sequences[i].Name < s.Sequences[j].Name })
		out = append(out, *s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	if len(out) == 0 {
		return nil, fmt.Errorf("read %s: %w", dir, ErrNoData)
	}
	return out, nil
}
