package sam

import (
	"errors"
	"fmt"
	"sync"

	"outrider/models/levels"
	"outrider/models/ort"
	"outrider/pipeline"
)

// ErrClosed is the error of calls on a model that is not initialized or was closed.
var ErrClosed = ort.ErrClosed

// Model is an encoder and a decoder of the Segment Anything family. Fill the exported fields,
// Initialize, use from any number of goroutines, Close.
type Model struct {
	// EncoderFile is an ONNX file that takes a float32 picture, [1, 3, S, S] or [H, W, 3],
	// and gives image_embeddings [1, C, S/16, S/16], for HQ-SAM interm_embeddings too.
	EncoderFile string
	// DecoderFile takes image_embeddings, point_coords, point_labels, mask_input,
	// has_mask_input and orig_im_size and gives iou_predictions and low_res_masks: one mask
	// (return_single_mask), or four, of which the first is the single one.
	DecoderFile string

	Session   ort.Options   // how the networks run; Outputs is the model's own matter
	Normalize Normalization // who normalises the picture

	// CacheFrames is how many pictures' embeddings are kept, default 2. One of SAM takes
	// 4 MiB, of HQ-SAM up to 90 MiB.
	CacheFrames int

	// LowResolution gives the masks of Predict on the decoder's own raster (256 cells for the
	// long side) instead of the frame's pixels: about ten times faster to make and to combine.
	LowResolution bool

	// Everything are the settings of Segment.
	Everything Everything

	encoder *encoder
	decoder *decoder

	treeMu sync.Mutex
	tree   levels.Tree

	mu     sync.Mutex
	busy   sync.WaitGroup
	closed bool
	ready  bool
}

var _ pipeline.Segmenter = (*Model)(nil)

// Initialize loads both networks and runs the decoder once. It fails when a file is no half of
// a SAM export, when the halves are not of one pair, or when ONNX Runtime or the device cannot
// be had.
func (m *Model) Initialize() error {
	if err := m.initialize(); err != nil {
		return errors.Join(fmt.Errorf("load segment-anything pair: %w", err), m.free())
	}
	m.ready = true
	return nil
}

func (m *Model) initialize() error {
	if m.EncoderFile == "" || m.DecoderFile == "" {
		return errors.New("give both an encoder and a decoder file (docs/models.md says how to export them)")
	}
	if m.CacheFrames < 0 || m.CacheFrames > 64 {
		return fmt.Errorf("cached frames %d: want 1 to 64, or 0 for 2", m.CacheFrames)
	}
	if err := m.Everything.validate(); err != nil {
		return err
	}
	enc, err := ort.ReadFile(m.EncoderFile)
	if err != nil {
		return err
	}
	dec, err := ort.ReadFile(m.DecoderFile)
	if err != nil {
		return err
	}
	encInfo, err := ort.Inspect(enc)
	if err != nil {
		return fmt.Errorf("%s: %w", m.EncoderFile, err)
	}
	decInfo, err := ort.Inspect(dec)
	if err != nil {
		return fmt.Errorf("%s: %w", m.DecoderFile, err)
	}
	ec, err := readEncoder(encInfo, m.Normalize)
	if err != nil {
		return fmt.Errorf("%s: %w", m.EncoderFile, err)
	}
	dc, err := readDecoder(decInfo)
	if err != nil {
		return fmt.Errorf("%s: %w", m.DecoderFile, err)
	}
	if err := agree(ec, dc); err != nil {
		return err
	}
	cached := m.CacheFrames
	if cached == 0 {
		cached = 2
	}
	m.encoder = &encoder{contract: ec, shape: dc.embedding, side: dc.side(), max: cached}
	opts := m.Session
	opts.Outputs = ec.outputs
	if m.encoder.session, err = ort.Open(enc, opts); err != nil {
		return fmt.Errorf("%s: %w", m.EncoderFile, err)
	}
	m.decoder = &decoder{contract: dc}
	opts.Outputs = []string{iouName, lowResName}
	if m.decoder.session, err = ort.Open(dec, opts); err != nil {
		return fmt.Errorf("%s: %w", m.DecoderFile, err)
	}
	if err := m.decoder.warmUp(); err != nil {
		return fmt.Errorf("%s: %w", m.DecoderFile, err)
	}
	return nil
}

// Side is the side of the square that frames are scaled into, known after Initialize.
func (m *Model) Side() int {
	if m.decoder == nil {
		return 0
	}
	return m.decoder.contract.side()
}

// Outputs is the number of masks that the decoder gives for a prompt: 1, or 4 of which the
// first is the single one. Known after Initialize.
func (m *Model) Outputs() int {
	if m.decoder == nil {
		return 0
	}
	return m.decoder.outputs
}

// Provider is the device that runs the encoder, and why not the one asked for: nil when it is.
func (m *Model) Provider() (ort.Device, error) {
	if m.encoder == nil || m.encoder.session == nil {
		return ort.Device{}, nil
	}
	return m.encoder.session.Provider(), m.encoder.session.Fallback()
}

// enter counts a call under way, so that Close waits for it.
func (m *Model) enter() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || !m.ready {
		return ErrClosed
	}
	m.busy.Add(1)
	return nil
}

// Close waits for the calls under way and frees the networks and embeddings; later calls fail
// with ErrClosed. Twice is fine.
func (m *Model) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.busy.Wait()
	return m.free()
}

func (m *Model) free() error {
	var errs []error
	if m.encoder != nil {
		errs = append(errs, m.encoder.close())
	}
	if m.decoder != nil {
		errs = append(errs, m.decoder.close())
	}
	return errors.Join(errs...)
}
