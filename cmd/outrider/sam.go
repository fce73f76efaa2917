package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"outrider/models"
	"outrider/models/ort"
	"outrider/models/sam"
)

// samFiles finds the encoder and the decoder of a Segment Anything pair: spec is
// "encoder.onnx,decoder.onnx", a folder that holds one of each, or a name of the catalogue. key
// is where it stands, for errors.
func (m *modelSet) samFiles(key, spec string) (encoder, decoder string, err error) {
	if e, d, ok := strings.Cut(spec, ","); ok {
		return strings.TrimSpace(e), strings.TrimSpace(d), nil
	}
	if isFolder(spec) {
		encoder, err := onlyFile(spec, "encoder")
		if err == nil {
			decoder, err = onlyFile(spec, "decoder")
		}
		if err != nil {
			return "", "", &usageError{fmt.Errorf("%s: %w", key, err)}
		}
		return encoder, decoder, nil
	}
	if isFile(spec) {
		return "", "", usagef("%s: %s is neither a folder nor a pair: give encoder.onnx,decoder.onnx, a folder with both, or a name of the catalogue", key, spec)
	}
	_, files, err := m.find(key, spec, models.TaskSAM)
	return files[models.RoleEncoder], files[models.RoleDecoder], err
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// onlyFile is the one ONNX file of a folder whose name holds a word.
func onlyFile(dir, word string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var fit []string
	for _, e := range entries {
		if n := strings.ToLower(e.Name()); strings.Contains(n, word) && strings.HasSuffix(n, ".onnx") && !e.IsDir() {
			fit = append(fit, e.Name())
		}
	}
	if len(fit) != 1 {
		return "", fmt.Errorf("folder %s has %d files named *%s*.onnx (%s), want one: give encoder.onnx,decoder.onnx instead", dir, len(fit), word, strings.Join(fit, ", "))
	}
	return filepath.Join(dir, fit[0]), nil
}

// openSAM loads a pair.
func (m *modelSet) openSAM(key, spec string, run ort.Options) (*sam.Model, error) {
	encoder, decoder, err := m.samFiles(key, spec)
	if err != nil {
		return nil, err
	}
	run.Shapes = nil
	p := &sam.Model{EncoderFile: encoder, DecoderFile: decoder, Session: run}
	p.Everything.PointsPerSide = m.Model.Grid
	if err := p.Initialize(); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return p, nil
}

// samSpec is the pair that the segmentation model is, "" when it is of FastSAM's kind.
func (m *modelSet) samSpec() string {
	switch f := m.Model.File; {
	case f != "" && (strings.Contains(f, ",") || isFolder(f)):
		return f
	case f != "" || strings.EqualFold(m.Model.Name, models.DefaultName):
		return ""
	}
	folder, err := models.OpenFolder(m.Catalogue.Dir, m.Catalogue.Manifest)
	if err != nil {
		return "" // said where the model is looked up
	}
	if e, err := folder.Find(m.Model.Name); err != nil || e.Task != models.TaskSAM {
		return ""
	}
	return m.Model.Name
}

// openRefiner loads the precise model beside the fast one: on a CPU with half of the
// processors, so that the fast one keeps the others.
func (m *modelSet) openRefiner(run ort.Options) error {
	if run.Threads == 0 {
		run.Threads = max(1, runtime.NumCPU()/2)
	}
	var err error
	m.refine, err = m.openSAM("model.refine", m.Model.Refine, run)
	return err
}
