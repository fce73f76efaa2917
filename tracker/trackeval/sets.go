package trackeval

import (
	"errors"
	"fmt"
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
}

// ErrNoData is wrapped by ReadSets when a folder holds nothing that it knows.
var ErrNoData = errors.New("no tracking data")

// depth is how far below a folder sequences are looked for: MOT17/train/MOT17-02.
const depth = 3

// ReadSets reads every sequence at or below dir. A folder of sequences is a set; sets and
// sequences are in the order of their names.
func ReadSets(dir string) ([]Set, error) {
	if st, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("read tracking data: %w", err)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("read tracking data: %s is no folder", dir)
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
		s, err := ReadSequence(path)
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
