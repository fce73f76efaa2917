package clip

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"outrider/models/ort"
	"outrider/pipeline"
)

// DefaultTemplates are the sentences that a text is put into for open-vocabulary encoders;
// the mean of their embeddings is steadier than one alone.
var DefaultTemplates = []string{"a photo of a {}", "a cropped photo of the {}", "{}"}

// ErrClosed is the error of calls on a model that is not initialized or was closed.
var ErrClosed = ort.ErrClosed

// ErrNoEncoder is the error of asking a model for the encoder that it was not given.
var ErrNoEncoder = errors.New("the model has no such encoder")

// Model is a pair of encoders into one space. The zero value is the embedded pair. Fill the
// fields, Initialize, use from any number of goroutines, Close.
type Model struct {
	// ImageFile and TextFile are ONNX files of one pair; both empty means the embedded
	// pair. With one of them empty the model encodes only the other kind.
	//
	// The image encoder takes float32 [N, 3, side, side] and the text encoder int64 or int32
	// token ids [N, 77], with or without an attention mask; both give float32 [N, width].
	ImageFile, TextFile string

	Runtime ort.Options // its Outputs are chosen here

	// Size is the input side for image encoders that leave it open, 0 for 224.
	Size int
	// Mean and Std normalise pictures; both zero means CLIP's. SigLIP needs its own.
	Mean, Std [3]float32
	// CenterCrop cuts the middle out of regions that are no square, instead of padding.
	CenterCrop bool

	// Batch is the most regions of one run, default 8.
	Batch int

	// Templates are sentences with {} for the text; their embeddings are averaged. Nil
	// means DefaultTemplates, or the bare text for a closed vocabulary.
	Templates []string
	// Vocabulary is all that the text encoder knows: other texts are refused. Nil means any
	// text for files, EmbeddedVocabulary for the embedded pair.
	Vocabulary *Vocabulary
	// CacheTexts is how many texts' embeddings are kept, default 256.
	CacheTexts int

	image *imageEncoder
	text  *textEncoder
	width int
}

var (
	_ pipeline.ImageEncoder = (*Model)(nil)
	_ pipeline.TextEncoder  = (*Model)(nil)
)

// Initialize loads the encoders and runs each once. It fails when a file is no such encoder,
// when the two differ in width, or when ONNX Runtime or the device cannot be had.
func (m *Model) Initialize() error {
	if err := m.initialize(); err != nil {
		_ = m.Close()
		return fmt.Errorf("load image and text encoders: %w", err)
	}
	return nil
}

func (m *Model) initialize() error {
	for _, t := range m.Templates {
		if !strings.Contains(t, "{}") {
			return fmt.Errorf("template %q has no {} for the text", t)
		}
	}
	if m.Size < 0 || m.Size > 4096 || m.Batch < 0 || m.CacheTexts < 0 {
		return fmt.Errorf("size %d, batch %d, cached texts %d: want none negative and a size of at most 4096", m.Size, m.Batch, m.CacheTexts)
	}
	embedded := m.ImageFile == "" && m.TextFile == ""
	if embedded {
		image, text, err := Embedded()
		if err != nil {
			return err
		}
		if m.Vocabulary == nil {
			m.Vocabulary = EmbeddedVocabulary()
		}
		if err := m.openImage(image); err != nil {
			return err
		}
		return m.openText(text)
	}
	if m.ImageFile != "" {
		b, err := ort.ReadFile(m.ImageFile)
		if err != nil {
			return err
		}
		if err := m.openImage(b); err != nil {
			return fmt.Errorf("%s: %w", m.ImageFile, err)
		}
	}
	if m.TextFile != "" {
		b, err := ort.ReadFile(m.TextFile)
		if err != nil {
			return err
		}
		if err := m.openText(b); err != nil {
			return fmt.Errorf("%s: %w", m.TextFile, err)
		}
	}
	return nil
}

func (m *Model) openImage(model []byte) error {
	e, err := newImageEncoder(model, m)
	if err != nil {
		return err
	}
	m.image = e
	return m.agree(e.width)
}

func (m *Model) openText(model []byte) error {
	e, err := newTextEncoder(model, m)
	if err != nil {
		return err
	}
	m.text = e
	return m.agree(e.width)
}

func (m *Model) agree(width int) error {
	if m.width != 0 && m.width != width {
		return fmt.Errorf("the image encoder gives %d numbers and the text encoder %d: these are not of one pair", m.width, width)
	}
	m.width = width
	return nil
}

// Width is the length of the embeddings, known after Initialize.
func (m *Model) Width() int { return m.width }

// Side is the input side of the image encoder, known after Initialize; 0 without one.
func (m *Model) Side() int {
	if m.image == nil {
		return 0
	}
	return m.image.side
}

// Provider is the device that runs the encoders.
func (m *Model) Provider() ort.Device {
	switch {
	case m.image != nil:
		return m.image.session.Provider()
	case m.text != nil:
		return m.text.session.Provider()
	}
	return ort.Device{}
}

// Close frees the encoders after the calls under way; later calls fail with ErrClosed. Twice
// is fine. It must not run at the same time as Initialize.
func (m *Model) Close() error {
	var errs []error
	if m.image != nil {
		errs = append(errs, m.image.close())
	}
	if m.text != nil {
		errs = append(errs, m.text.close())
	}
	return errors.Join(errs...)
}

// templates are the sentences in use.
func (m *Model) templates() []string {
	switch {
	case len(m.Templates) > 0:
		return slices.Clone(m.Templates)
	case m.Vocabulary != nil:
		// A bag of known words gains nothing from a sentence of unknown ones.
		return []string{"{}"}
	}
	return DefaultTemplates
}

// normalize scales v to length 1; false when it has no direction.
func normalize(v []float32) bool {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if !(sum > 1e-12) || math.IsInf(sum, 0) { // NaN too
		return false
	}
	k := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= k
	}
	return true
}

// widthOf reads the width off an encoder's answer to n rows.
func widthOf(shape []int64, n int) (int, error) {
	if len(shape) != 2 || shape[0] != int64(n) || shape[1] < 1 || shape[1] > 1<<16 {
		return 0, fmt.Errorf("the answer to %d rows has shape %s, want [%d, width]", n, ort.FormatShape(shape), n)
	}
	return int(shape[1]), nil
}
