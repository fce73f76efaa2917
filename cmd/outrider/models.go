package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"outrider/cmd/outrider/config"
	"outrider/models"
	"outrider/models/clip"
	"outrider/models/fastsam"
	"outrider/models/ort"
	"outrider/pipeline"
)

// modelFlags are the flags of every command that runs a model without a configuration file.
type modelFlags struct {
	model, device string
	input         int
	threads       int
	confidence    float64
}

func (m *modelFlags) add(f *pflag.FlagSet) {
	d := config.Default().Model
	f.StringVar(&m.model, "model", "", "segmentation model: a `name` of the catalogue (outrider models list) or an ONNX file; default the embedded one")
	f.StringVar(&m.device, "device", d.Device, "where it runs: auto, cpu, cuda[:n], tensorrt, openvino, coreml")
	f.IntVar(&m.input, "input", d.Input, "long side of its input in `pixels`, a multiple of 32")
	f.IntVar(&m.threads, "threads", d.Threads, "its threads, 0 for what suits the machine")
	f.Float64Var(&m.confidence, "confidence", d.Confidence, "segments that score lower are dropped")
}

// config is the default configuration with the flags over it.
func (m *modelFlags) config() (config.Config, error) {
	c := config.Default()
	chooseModel(&c.Model, m.model)
	c.Model.Device, c.Model.Input, c.Model.Threads, c.Model.Confidence = m.device, m.input, m.threads, m.confidence
	if err := c.Validate(); err != nil {
		return c, &usageError{err}
	}
	return c, nil
}

// chooseModel takes what --model says: a name of the catalogue or a file; empty leaves all as
// it is.
func chooseModel(m *config.Model, model string) {
	switch {
	case model == "":
	case isFile(model):
		m.File = model
	default:
		m.Name, m.File = model, ""
	}
}

// modelSet is the segmentation model and the text encoders of one run.
type modelSet struct {
	Model     config.Model
	Text      config.Text
	Catalogue config.Catalogue

	segment *fastsam.Model
	text    *clip.Model
}

// Initialize loads both.
func (m *modelSet) Initialize() error {
	if _, err := ort.ParseDevice(m.Model.Device); err != nil {
		return &usageError{fmt.Errorf("model.device: %w", err)}
	}
	run, err := m.runOptions()
	if err != nil {
		return err
	}
	input := m.Model.Input
	if input == config.Default().Model.Input {
		input = 0 // the model's own where it is fixed
	}
	m.segment = &fastsam.Model{
		Path: m.Model.File, Input: input, Confidence: m.Model.Confidence, IoU: m.Model.IoU,
		MaxSegments: m.Model.MaxSegments, Session: run,
	}
	m.segment.Shape[0], m.segment.Shape[1], err = m.Model.FixedShape()
	if err != nil {
		return &usageError{fmt.Errorf("model.shape: %w", err)}
	}
	if m.Model.File == "" && !strings.EqualFold(m.Model.Name, models.DefaultName) {
		_, files, err := m.pulled("model.name", m.Model.Name, models.TaskSegment)
		if err != nil {
			return err
		}
		m.segment.Path = files[models.RoleModel]
	}
	if err := m.segment.Initialize(); err != nil {
		m.segment = nil
		return err
	}
	if err := m.textModel(run); err != nil {
		return errors.Join(err, m.Close())
	}
	if err := m.text.Initialize(); err != nil {
		m.text = nil
		return errors.Join(err, m.Close())
	}
	return nil
}

// runOptions says how networks run.
func (m *modelSet) runOptions() (ort.Options, error) {
	run := ort.Options{
		Device: m.Model.Device, Threads: m.Model.Threads, Fallback: m.Model.Fallback == "cpu",
		GPUMemory: int64(m.Model.GPUMemory), FP16: m.Model.Precision != "fp32" && m.Model.Precision != "",
		INT8: m.Model.Precision == "int8", Calibration: m.Model.Calibration, EngineCache: m.Model.EngineCache,
	}
	d, err := ort.ParseDevice(m.Model.Device)
	if err != nil || d.Name == ort.DeviceAuto || d.Name == ort.DeviceCPU || d.Name == ort.DeviceCUDA {
		return run, err // nothing is compiled
	}
	if run.EngineCache == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return run, fmt.Errorf("find the folder of compiled networks: %w; set model.engine_cache", err)
		}
		run.EngineCache = filepath.Join(cache, "outrider", "engines")
	}
	if err := os.MkdirAll(run.EngineCache, 0o700); err != nil {
		return run, fmt.Errorf("make the folder of compiled networks: %w; set model.engine_cache", err)
	}
	return run, nil
}

// pulled finds a model of the catalogue and its files. key is where the name stands, for
// errors.
func (m *modelSet) pulled(key, name string, task models.Task) (models.Entry, map[string]string, error) {
	folder, err := models.OpenFolder(m.Catalogue.Dir, m.Catalogue.Manifest)
	if err != nil {
		return models.Entry{}, nil, err
	}
	e, err := folder.Find(name)
	if err != nil {
		return e, nil, &usageError{fmt.Errorf("%s: %w", key, err)}
	}
	if e.Task != task {
		return e, nil, usagef("%s: %s is for %s, want a model for %s (outrider models list)", key, e.Name, e.Task, task)
	}
	files, err := folder.Use(e)
	return e, files, err
}

// textModel fills m.text, the embedded encoders or pulled ones.
func (m *modelSet) textModel(run ort.Options) error {
	run.Shapes = nil
	m.text = &clip.Model{Runtime: run}
	if m.Text.Name == "" || strings.EqualFold(m.Text.Name, config.Default().Text.Name) {
		return nil
	}
	e, files, err := m.pulled("text.name", m.Text.Name, models.TaskText)
	if err != nil {
		m.text = nil
		return err
	}
	m.text.ImageFile, m.text.TextFile = files[models.RoleImage], files[models.RoleText]
	m.text.Size = e.Input
	copy(m.text.Mean[:], e.Mean)
	copy(m.text.Std[:], e.Std)
	return nil
}

// Segmenter is the segmentation model.
func (m *modelSet) Segmenter() pipeline.Segmenter { return m.segment }

// TextEncoder embeds words.
func (m *modelSet) TextEncoder() pipeline.TextEncoder { return m.text }

// ImageEncoder embeds regions.
func (m *modelSet) ImageEncoder() pipeline.ImageEncoder { return m.text }

// Distractors are the words that compete with a prompt's: one of each group that the text
// encoder knows.
func (m *modelSet) Distractors() []string {
	var words []string
	for _, g := range clip.EmbeddedVocabulary().Groups() {
		words = append(words, g.Words[0])
	}
	return words
}

// Name is the segmentation model's name.
func (m *modelSet) Name() string {
	if m.Model.File != "" {
		return baseName(m.Model.File)
	}
	return m.Model.Name
}

// Provider is where the segmentation model runs.
func (m *modelSet) Provider() string {
	d, _ := m.segment.Provider()
	return d.String()
}

// Fallback is why the model does not run on the device asked for, nil when it does.
func (m *modelSet) Fallback() error {
	_, err := m.segment.Provider()
	return err
}

// Close frees both; twice is fine.
func (m *modelSet) Close() error {
	var errs []error
	if m.text != nil {
		errs = append(errs, m.text.Close())
	}
	if m.segment != nil {
		errs = append(errs, m.segment.Close())
	}
	return errors.Join(errs...)
}
