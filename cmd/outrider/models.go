package main

import (
	"errors"
	"fmt"

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
	f.StringVar(&m.model, "model", "", "segmentation model, an ONNX `file`; default the embedded one")
	f.StringVar(&m.device, "device", d.Device, "where it runs: auto, cpu, cuda[:n], tensorrt, openvino, coreml")
	f.IntVar(&m.input, "input", d.Input, "long side of its input in `pixels`, a multiple of 32")
	f.IntVar(&m.threads, "threads", d.Threads, "its threads, 0 for what suits the machine")
	f.Float64Var(&m.confidence, "confidence", d.Confidence, "segments that score lower are dropped")
}

// config is the default configuration with the flags over it.
func (m *modelFlags) config() (config.Config, error) {
	c := config.Default()
	c.Model.File, c.Model.Device, c.Model.Input, c.Model.Threads, c.Model.Confidence = m.model, m.device, m.input, m.threads, m.confidence
	if err := c.Validate(); err != nil {
		return c, &usageError{err}
	}
	return c, nil
}

// modelSet is the segmentation model and the text encoders of one run.
type modelSet struct {
	Model config.Model
	Text  config.Text

	segment *fastsam.Model
	text    *clip.Model
}

// Initialize loads both.
func (m *modelSet) Initialize() error {
	if _, err := ort.ParseDevice(m.Model.Device); err != nil {
		return &usageError{fmt.Errorf("model.device: %w", err)}
	}
	if _, err := models.Find(m.Model.Name); err != nil {
		return &usageError{fmt.Errorf("model.name: %w", err)}
	}
	run := ort.Options{Device: m.Model.Device, Threads: m.Model.Threads, Fallback: m.Model.Fallback == "cpu"}
	m.segment = &fastsam.Model{
		Path: m.Model.File, Input: m.Model.Input, Confidence: m.Model.Confidence, IoU: m.Model.IoU,
		MaxSegments: m.Model.MaxSegments, Session: run,
	}
	if err := m.segment.Initialize(); err != nil {
		m.segment = nil
		return err
	}
	m.text = &clip.Model{Runtime: run}
	if err := m.text.Initialize(); err != nil {
		m.text = nil
		return errors.Join(err, m.Close())
	}
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
