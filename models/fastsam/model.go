package fastsam

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"outrider/models"
	"outrider/models/ort"
	"outrider/pipeline"
)

// The defaults of a Model, measured on the embedded network.
const (
	DefaultInput       = 640
	DefaultConfidence  = 0.25
	DefaultIoU         = 0.7
	DefaultMaskIoU     = 0.8
	DefaultMaxSegments = 100
)

// Model segments frames with a network of FastSAM's contract. Fill the exported fields, call
// Initialize, then Segment from any number of goroutines; Close waits for them.
type Model struct {
	Path  string // of an .onnx file; empty for Bytes
	Bytes []byte // the model; nil with an empty Path means the embedded one

	// Input is the long side of the network's input in pixels, a multiple of 32; 0 means what
	// the model has when it is fixed, else DefaultInput. A model of open size sees each frame in
	// the smallest rectangle that holds it, one of fixed size in its own.
	Input int

	// Shape fixes a model of open size to width and height, multiples of 32: for devices that
	// compile the network (tensorrt, openvino, coreml). Its batch is fixed to Batch with it.
	// Zeros leave it open. Frames are letterboxed into it, whatever Input says.
	Shape [2]int

	Confidence  float64 // keep segments with a higher score; 0 means DefaultConfidence
	IoU         float64 // drop boxes of higher IoU with a better one; 0 means DefaultIoU
	MaskIoU     float64 // drop masks of higher IoU with a better one; 0 means DefaultMaskIoU, 1 drops none
	MaxSegments int     // keep the best, 0 means DefaultMaxSegments, at most 300

	// Drivable asks for the drivable surface where the model knows it.
	Drivable bool

	// Batch is how many frames of one size enter the network at once; 0 means 1 on the CPU,
	// where four at once took 2.2 times as long a frame, and 8 elsewhere. A model of fixed batch
	// has its own.
	Batch int

	Session ort.Options // how the network runs; Outputs is the model's own matter

	session  *ort.Session
	contract contract
	settings settings
	batch    int
	results  results

	mu     sync.Mutex
	idle   []*lane // most recently used last
	busy   sync.WaitGroup
	closed bool
}

var _ pipeline.Segmenter = (*Model)(nil)

// Initialize loads the network, checks that it fits and runs it once on an empty picture.
// The error of one that does not fit is a *ContractError.
func (m *Model) Initialize() error {
	name := "embedded model"
	if m.Path != "" {
		name = "model " + m.Path
	}
	if err := m.initialize(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (m *Model) initialize() error {
	if err := m.fillSettings(); err != nil {
		return err
	}
	model, err := m.load()
	if err != nil {
		return err
	}
	info, err := ort.Inspect(model)
	if err != nil {
		return err
	}
	if m.contract, err = readContract(info); err != nil {
		return err
	}
	if err := m.fitInput(); err != nil {
		return err
	}
	o := m.Session
	if err := m.fixShape(&o); err != nil {
		return err
	}
	o.Outputs = []string{m.contract.boxes, m.contract.protos}
	if m.Drivable && m.contract.drivable != "" {
		o.Outputs = append(o.Outputs, m.contract.drivable)
	}
	if m.session, err = ort.Open(model, o); err != nil {
		return err
	}
	m.batch = m.Batch
	switch {
	case m.contract.batch > 0:
		m.batch = m.contract.batch
	case m.batch == 0 && m.session.Provider().Name == ort.DeviceCPU:
		m.batch = 1
	case m.batch == 0:
		m.batch = 8
	}
	if err := m.check(); err != nil {
		return errors.Join(err, m.session.Close())
	}
	return nil
}

func (m *Model) load() ([]byte, error) {
	switch {
	case m.Path != "":
		return ort.ReadFile(m.Path)
	case m.Bytes != nil:
		return m.Bytes, nil
	}
	return models.Default()
}

func (m *Model) fillSettings() error {
	unit := func(name string, v, def float64) (float64, error) {
		if v == 0 {
			return def, nil
		}
		if !(v > 0 && v <= 1) {
			return 0, fmt.Errorf("%s %g: want a number above 0 and up to 1", name, v)
		}
		return v, nil
	}
	confidence, err1 := unit("confidence", m.Confidence, DefaultConfidence)
	iou, err2 := unit("IoU", m.IoU, DefaultIoU)
	maskIoU, err3 := unit("mask IoU", m.MaskIoU, DefaultMaskIoU)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if m.MaxSegments < 0 || m.MaxSegments > maxDetections {
		return fmt.Errorf("maximum of segments %d: want 1 to %d, or 0 for %d", m.MaxSegments, maxDetections, DefaultMaxSegments)
	}
	if m.Batch < 0 || m.Batch > 64 {
		return fmt.Errorf("batch %d: want 1 to 64, or 0 for automatic", m.Batch)
	}
	n := m.MaxSegments
	if n == 0 {
		n = DefaultMaxSegments
	}
	m.settings = settings{confidence: float32(confidence), iou: float32(iou), maskIoU: maskIoU, maxSegments: n}
	return nil
}

// fitInput settles the input size between the user and the model.
func (m *Model) fitInput() error {
	fixed := max(m.contract.w, m.contract.h)
	switch {
	case m.Input < 0 || m.Input > maxInput || m.Input%Stride != 0:
		return fmt.Errorf("input size %d: want a multiple of %d up to %d", m.Input, Stride, maxInput)
	case fixed > 0 && m.Input != 0 && m.Input != fixed:
		return fmt.Errorf("input size %d: the model's is fixed to %dx%d: leave the size out, or export the model with that size or with dynamic axes", m.Input, m.contract.w, m.contract.h)
	case fixed > 0:
		m.Input = fixed
	case m.Input == 0:
		m.Input = DefaultInput
	}
	return nil
}

// fixShape settles Shape with the model and asks the session for it.
func (m *Model) fixShape(o *ort.Options) error {
	w, h := m.Shape[0], m.Shape[1]
	switch {
	case w == 0 && h == 0 || w == m.contract.w && h == m.contract.h:
		return nil
	case w <= 0 || h <= 0 || w > maxInput || h > maxInput || w%Stride != 0 || h%Stride != 0:
		return fmt.Errorf("shape %dx%d: want multiples of %d up to %d", w, h, Stride, maxInput)
	case m.contract.w != 0:
		return fmt.Errorf("shape %dx%d: the model's is fixed to %dx%d", w, h, m.contract.w, m.contract.h)
	}
	if m.contract.batch == 0 {
		m.contract.batch = max(1, m.Batch)
	}
	m.contract.w, m.contract.h, m.Input = w, h, max(w, h)
	o.Shapes = map[string][]int64{m.contract.input: {int64(m.contract.batch), 3, int64(h), int64(w)}}
	return nil
}

// check runs the network once and compares what comes out with the contract. An open size is
// tried with unequal sides, so that a network that mixes them up is found out.
func (m *Model) check() error {
	w, h := m.contract.w, m.contract.h
	if w == 0 {
		w, h = 4*Stride, 2*Stride
	}
	l, err := newLane(m.session, m.contract, laneKey{w, h, m.batch}, FitInto(w, h, w, h))
	if err != nil {
		return err
	}
	return l.close()
}

// Warm prepares the model for frames of w x h, so that the first of them is not slow.
func (m *Model) Warm(w, h int) error {
	if w <= 0 || h <= 0 || w > maxSide || h > maxSide {
		return fmt.Errorf("warm up: a frame of %dx%d, want sides of 1 to %d", w, h, maxSide)
	}
	l, err := m.take(laneKey{w, h, m.batch})
	if err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	m.give(l)
	return nil
}

// Info is what the model's file says of itself. Call it after Initialize.
func (m *Model) Info() *ort.Info { return m.session.Info() }

// Provider is the device that runs the network, and why not the one asked for: nil when it is.
func (m *Model) Provider() (ort.Device, error) { return m.session.Provider(), m.session.Fallback() }

// Threads is how many threads one inference uses on the CPU.
func (m *Model) Threads() int { return m.session.Threads() }

// InputSize is the network's input for frames of w x h.
func (m *Model) InputSize(w, h int) (inputW, inputH int) {
	l := m.letterbox(w, h)
	return l.W, l.H
}

// Classes are the names of what the model tells apart, nil for a segment-everything model.
func (m *Model) Classes() []string {
	if len(m.contract.names) < 2 {
		return nil
	}
	return m.contract.names
}

// Outstanding is the number of segmentations handed out by Segment and not yet released.
func (m *Model) Outstanding() int {
	m.results.mu.Lock()
	defer m.results.mu.Unlock()
	return m.results.out
}

func (m *Model) letterbox(w, h int) Letterbox {
	if m.contract.w > 0 {
		return FitInto(w, h, m.contract.w, m.contract.h)
	}
	return FitRect(w, h, m.Input)
}

// Segment implements pipeline.Segmenter. Masks lie on the prototypes' grid (a quarter of the
// network's resolution). It checks ctx between batches. Neighbouring frames of one size share
// a batch.
func (m *Model) Segment(ctx context.Context, frames []*pipeline.Frame) ([]*pipeline.Segmentation, error) {
	for _, f := range frames {
		if err := checkFrame(f); err != nil {
			return nil, err
		}
	}
	out := make([]*pipeline.Segmentation, 0, len(frames))
	for len(frames) > 0 {
		n := 1
		for n < len(frames) && n < m.batch && frames[n].Width == frames[0].Width && frames[n].Height == frames[0].Height {
			n++
		}
		err := ctx.Err()
		if err == nil {
			out, err = m.segment(frames[:n], out)
		}
		if err != nil {
			for _, s := range out {
				s.Release()
			}
			return nil, err
		}
		frames = frames[n:]
	}
	return out, nil
}

// segment runs one batch and appends its answers.
func (m *Model) segment(frames []*pipeline.Frame, out []*pipeline.Segmentation) ([]*pipeline.Segmentation, error) {
	n := len(frames)
	if m.contract.batch > 0 {
		n = m.contract.batch // places without a frame hold an old one
	}
	l, err := m.take(laneKey{frames[0].Width, frames[0].Height, n})
	if err != nil {
		return out, fmt.Errorf("segment: %w", err)
	}
	defer m.give(l)
	for i, f := range frames {
		if err := l.prepare(i, f); err != nil {
			return out, err
		}
	}
	if err := l.run(); err != nil {
		return out, fmt.Errorf("segment: %w", err)
	}
	for i := range frames {
		r := m.results.get()
		l.decode(i, r, m.settings, m.contract.names)
		out = append(out, &r.Segmentation)
	}
	return out, nil
}

// take hands out an idle lane of that kind or makes one. It fails after Close.
func (m *Model) take(key laneKey) (*lane, error) {
	m.mu.Lock()
	if m.closed || m.session == nil {
		m.mu.Unlock()
		return nil, ort.ErrClosed
	}
	m.busy.Add(1)
	for i := len(m.idle) - 1; i >= 0; i-- {
		if l := m.idle[i]; l.key == key {
			m.idle = append(m.idle[:i], m.idle[i+1:]...)
			m.mu.Unlock()
			return l, nil
		}
	}
	m.mu.Unlock()
	l, err := newLane(m.session, m.contract, key, m.letterbox(key.frameW, key.frameH))
	if err != nil {
		m.busy.Done()
		return nil, err
	}
	return l, nil
}

// give takes a lane back; the one unused for longest goes when there are too many.
func (m *Model) give(l *lane) {
	var old *lane
	m.mu.Lock()
	m.idle = append(m.idle, l)
	if len(m.idle) > maxIdle {
		old = m.idle[0]
		m.idle = append(m.idle[:0], m.idle[1:]...)
	}
	m.mu.Unlock()
	if old != nil {
		_ = old.close() // frees memory; its error would help nobody
	}
	m.busy.Done()
}

// Close waits for the inferences under way and frees the network. Segmentations stay valid
// until they are released. Twice is fine.
func (m *Model) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.busy.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, l := range m.idle {
		errs = append(errs, l.close())
	}
	m.idle = nil
	if m.session != nil {
		errs = append(errs, m.session.Close())
	}
	return errors.Join(errs...)
}
