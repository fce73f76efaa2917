package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"outrider/cmd/outrider/config"
	"outrider/models"
	"outrider/models/clip"
	"outrider/models/fastsam"
	"outrider/models/ort"
	"outrider/models/sam"
	"outrider/pipeline"
)

// modelFlags are the flags of every command that runs a model without a configuration file.
type modelFlags struct {
	model, device string
	input         int
	threads       int
	confidence    float64
	grid          int
	refine        string
	refineEvery   time.Duration
}

func (m *modelFlags) add(f *pflag.FlagSet) {
	d := config.Default().Model
	f.StringVar(&m.model, "model", "", "segmentation model: a `name` of the catalogue (outrider models list), an ONNX file, or a SAM pair as a folder or encoder.onnx,decoder.onnx; default the embedded one")
	f.StringVar(&m.device, "device", d.Device, "where it runs: auto, cpu, cuda[:n], tensorrt, openvino, coreml")
	f.IntVar(&m.input, "input", d.Input, "long side of its input in `pixels`, a multiple of 32")
	f.IntVar(&m.threads, "threads", d.Threads, "its threads, 0 for what suits the machine")
	f.Float64Var(&m.confidence, "confidence", d.Confidence, "segments that score lower are dropped")
	f.IntVar(&m.grid, "grid", d.Grid, "of a SAM pair: `points` a side with which it segments everything")
	m.refineEvery = d.RefineEvery.D()
}

// addRefine adds the flags of the precise model beside the fast one.
func (m *modelFlags) addRefine(f *pflag.FlagSet, stream bool) {
	f.StringVar(&m.refine, "refine", "", "precise model for prompted objects: a SAM, MobileSAM or HQ-SAM `pair` as a name of the catalogue, a folder or encoder.onnx,decoder.onnx")
	if stream {
		f.DurationVar(&m.refineEvery, "refine-every", m.refineEvery, "`time` between two key frames of one object")
	}
}

// config is the default configuration with the flags over it.
func (m *modelFlags) config() (config.Config, error) {
	c := config.Default()
	chooseModel(&c.Model, m.model)
	c.Model.Device, c.Model.Input, c.Model.Threads, c.Model.Confidence = m.device, m.input, m.threads, m.confidence
	c.Model.Grid, c.Model.Refine, c.Model.RefineEvery = m.grid, m.refine, config.Duration(m.refineEvery)
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

// modelSet is the segmentation model, the precise one and the text encoders of one run.
type modelSet struct {
	Model     config.Model
	Text      config.Text
	Catalogue config.Catalogue
	Drivable  bool // ask the model for the road, where it knows that

	segment *fastsam.Model // of FastSAM's kind, nil when sam is set
	sam     *sam.Model     // an encoder and a decoder
	refine  *sam.Model     // nil for none
	text    *clip.Model
}

// newModelSet is the set that a configuration names, not loaded yet.
func newModelSet(c config.Config) *modelSet {
	return &modelSet{Model: c.Model, Text: c.Text, Catalogue: c.Catalogue}
}

// Initialize loads all of them.
func (m *modelSet) Initialize() error {
	if _, err := ort.ParseDevice(m.Model.Device); err != nil {
		return &usageError{fmt.Errorf("model.device: %w", err)}
	}
	run, err := m.runOptions()
	if err != nil {
		return err
	}
	if spec := m.samSpec(); spec != "" {
		m.sam, err = m.openSAM("model", spec, run)
	} else {
		err = m.openFast(run)
	}
	if err != nil {
		return err
	}
	if m.Model.Refine != "" {
		if err := m.openRefiner(run); err != nil {
			return errors.Join(err, m.Close())
		}
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

// openFast loads a model of FastSAM's kind.
func (m *modelSet) openFast(run ort.Options) error {
	input := m.Model.Input
	if input == config.Default().Model.Input {
		input = 0 // the model's own where it is fixed
	}
	s := &fastsam.Model{
		Path: m.Model.File, Input: input, Confidence: m.Model.Confidence, IoU: m.Model.IoU,
		MaxSegments: m.Model.MaxSegments, Session: run, Drivable: m.Drivable,
	}
	var err error
	if s.Shape[0], s.Shape[1], err = m.Model.FixedShape(); err != nil {
		return &usageError{fmt.Errorf("model.shape: %w", err)}
	}
	if m.Model.File == "" {
		if err := m.findSegment(s); err != nil {
			return err
		}
	}
	if err := s.Initialize(); err != nil {
		return err
	}
	m.segment = s
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

// find looks a model of the catalogue up, and its files by role where it is not embedded. key
// is where the name stands, for errors.
func (m *modelSet) find(key, name string, task models.Task) (models.Entry, map[string]string, error) {
	if e, err := models.Find(name); err == nil && e.Embedded && e.Task == task {
		return e, nil, nil
	}
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

// findSegment gives s the model that the configuration names.
func (m *modelSet) findSegment(s *fastsam.Model) error {
	e, files, err := m.find("model.name", m.Model.Name, models.TaskSegment)
	switch {
	case err != nil:
		return err
	case !e.Embedded:
		s.Path = files[models.RoleModel]
		return nil
	case e.Name == models.Int8Name && !ort.Int8CPU():
		// Without them sums saturate: the masks would be wrong, not only slow.
		return fmt.Errorf("model %s needs a processor with 8-bit dot products (VNNI, or ARM's): take %s", e.Name, models.DefaultName)
	}
	s.Bytes, err = models.Embedded(e.Name)
	return err
}

// textModel fills m.text, the embedded encoders or pulled ones.
func (m *modelSet) textModel(run ort.Options) error {
	run.Shapes = nil
	m.text = &clip.Model{Runtime: run}
	if m.Text.Name == "" {
		return nil
	}
	e, files, err := m.find("text.name", m.Text.Name, models.TaskText)
	if err != nil {
		m.text = nil
		return err
	}
	if e.Embedded {
		return nil
	}
	m.text.ImageFile, m.text.TextFile = files[models.RoleImage], files[models.RoleText]
	m.text.Size = e.Input
	copy(m.text.Mean[:], e.Mean)
	copy(m.text.Std[:], e.Std)
	return nil
}

// Segmenter is the segmentation model.
func (m *modelSet) Segmenter() pipeline.Segmenter {
	if m.sam != nil {
		return m.sam
	}
	return m.segment
}

// Answerer answers points, boxes and masks on one picture: the precise model where there is
// one.
func (m *modelSet) Answerer() pipeline.Answerer {
	switch {
	case m.refine != nil:
		return m.refine
	case m.sam != nil:
		return m.sam
	}
	return m.segment
}

// Refiner is the precise model, nil for none.
func (m *modelSet) Refiner() pipeline.Refiner {
	if m.refine == nil {
		return nil
	}
	return m.refine
}

// Threads of the segmentation model, 0 when ONNX Runtime chose.
func (m *modelSet) Threads() int {
	if m.sam != nil {
		return m.Model.Threads
	}
	return m.segment.Threads()
}

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
		encoder, _, _ := strings.Cut(m.Model.File, ",")
		return baseName(encoder)
	}
	return m.Model.Name
}

// Provider is where the segmentation model runs.
func (m *modelSet) Provider() string {
	d, _ := m.provider()
	return d.String()
}

// Fallback is why the model does not run on the device asked for, nil when it does.
func (m *modelSet) Fallback() error {
	_, err := m.provider()
	return err
}

func (m *modelSet) provider() (ort.Device, error) {
	if m.sam != nil {
		return m.sam.Provider()
	}
	return m.segment.Provider()
}

// Close frees all of them; twice is fine.
func (m *modelSet) Close() error {
	var errs []error
	if m.refine != nil {
		errs = append(errs, m.refine.Close())
	}
	if m.sam != nil {
		errs = append(errs, m.sam.Close())
	}
	if m.text != nil {
		errs = append(errs, m.text.Close())
	}
	if m.segment != nil {
		errs = append(errs, m.segment.Close())
	}
	return errors.Join(errs...)
}
