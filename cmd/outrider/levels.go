package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// levelWriter is the stage, after the prompts, that writes NAME.levels.jsonl: a line for each
// frame and prompt whose object has levels.
type levelWriter struct {
	prompts pipeline.Prompts
	path    string
	file    *os.File // under a temporary name until Commit, nil after
	lines   *bufio.Writer
	encoder mask.Encoder
}

var _ pipeline.Stage = (*levelWriter)(nil)

func newLevelWriter(path string, p pipeline.Prompts) (*levelWriter, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return &levelWriter{prompts: p, path: path, file: f, lines: bufio.NewWriter(f)}, nil
}

// Commit gives the file its name.
func (w *levelWriter) Commit() error {
	err := errors.Join(w.lines.Flush(), w.file.Chmod(0o644), w.file.Close())
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		os.Remove(w.file.Name())
		err = fmt.Errorf("write %s: %w", w.path, err)
	}
	w.file = nil
	return err
}

// Discard removes what was written; after Commit it does nothing.
func (w *levelWriter) Discard() {
	if w.file != nil {
		w.file.Close()
		os.Remove(w.file.Name())
		w.file = nil
	}
}

// levelLine is one prompt's levels in one frame, coarse to fine.
type levelLine struct {
	Frame  uint64       `json:"frame"`
	T      float64      `json:"t"` // media time in seconds
	Prompt string       `json:"prompt"`
	Levels []levelEntry `json:"levels"`
}

type levelEntry struct {
	pipeline.Level
	Mask mask.RLE `json:"mask"`
}

// Process writes the lines of one frame.
func (w *levelWriter) Process(_ context.Context, r *pipeline.Result) error {
	for _, p := range w.prompts.List() {
		if p.Kind() == pipeline.PromptText || p.TrackID == 0 {
			continue
		}
		l, err := w.prompts.Levels(p.ID)
		if err != nil || l.Seq != r.Frame.Seq || len(l.Levels) == 0 {
			continue // deleted meanwhile, or out of sight
		}
		line := levelLine{Frame: r.Frame.Seq, T: r.Frame.MediaTime.Seconds(), Prompt: p.ID}
		for _, v := range l.Levels {
			line.Levels = append(line.Levels, levelEntry{v, w.encoder.RLE(v.Mask, l.Width, l.Height)})
		}
		if err := json.NewEncoder(w.lines).Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// Reset has nothing to forget.
func (w *levelWriter) Reset(uint32) {}
