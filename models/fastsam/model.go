package fastsam

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"outrider/models/levels"
	"outrider/models/ort"
	"outrider/pipeline"
)

// Model is a segment-everything model. Fill the exported fields, call Initialize; Segment is
// then safe for concurrent use: pre- and postprocessing overlap, the network runs one batch
// at a time. Close when no Segment is under way.
type Model struct {
	Name string // in errors
	Data []byte // the ONNX file

	Input       int     // long side in pixels, a multiple of 32, for models of free size; default 640
	Confidence  float64 // segments below are dropped; default 0.25
	IoU         float64 // of boxes, for NMS; default 0.7
	MaskIoU     float64 // masks above it are duplicates of a better one; default 0.8
	MaxSegments int     // default 100
	Session     ort.Options

	session    *ort.Session
	network    sync.Mutex // held while the network runs
	fixW, fixH int        // of a model of fixed size, else 0
	nc, nm     int
	workers    pool[worker]
	slabs      pool[slab]
}

var _ pipeline.Segmenter = (*Model)(nil)

// worker is the memory of one Segment call.
type worker struct {
	shape      [3]int // batch, height, width of the tensors
	in, out, p ort.Tensor[float32]
	scratch    []byte
	candidates []candidate
	assembler  assembler
	tree       levels.Builder
	boxes      []letterbox
}

// Initialize loads the model and checks it against the contract.
func (m *Model) Initialize() error {
	if m.Input == 0 {
		m.Input = 640
	}
	if m.Confidence == 0 {
		m.Confidence = 0.25
	}
	if m.IoU == 0 {
		m.IoU = 0.7
	}
	if m.MaskIoU == 0 {
		m.MaskIoU = 0.8
	}
	if m.MaxSegments == 0 {
		m.MaxSegments = 100
	}
	if m.Input%32 != 0 || m.Input < 32 {
		return fmt.Errorf("model %s: input %d: want a multiple of 32", m.Name, m.Input)
	}
	s, err := ort.Open(m.Name, m.Data, []string{"output0", "output1"}, m.Session)
	if err != nil {
		return err
	}
	m.session = s
	if err := m.check(); err != nil {
		m.Close()
		return err
	}
	return nil
}

// check holds the model to the contract, naming the tensor and the shape wanted and found.
func (m *Model) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("model %s does not fit: %s; want a FastSAM or YOLOv8/11-seg export", m.Name, fmt.Sprintf(format, args...))
	}
	if len(m.session.Inputs) != 1 {
		return bad("it has %d inputs, want one: images [B,3,H,W]", len(m.session.Inputs))
	}
	in := m.session.Inputs[0]
	if len(in.Shape) != 4 || in.Shape[1] != 3 || in.Type != "float32" {
		return bad("input %q is %s %v, want float32 [B,3,H,W]", in.Name, in.Type, in.Shape)
	}
	if in.Shape[2] > 0 && in.Shape[3] > 0 {
		m.fixH, m.fixW = int(in.Shape[2]), int(in.Shape[3])
		if m.fixH%32 != 0 || m.fixW%32 != 0 {
			return bad("input %q is %v, want sides that are multiples of 32", in.Name, in.Shape)
		}
	}
	// Exports with symbolic dimensions tell their shapes only when they run.
	w, h := m.fixW, m.fixH
	if w == 0 {
		w, h = 64, 64
	}
	shapes, err := m.session.OutputShapes(1, 3, int64(h), int64(w))
	if err != nil {
		return bad("a run on an empty picture failed: %v", err)
	}
	boxes, proto := shapes[0], shapes[1]
	if len(proto) != 4 || proto[1] < 1 || proto[2] != int64(h/4) || proto[3] != int64(w/4) {
		return bad("output1 is %v, want prototypes [1,32,%d,%d]", proto, h/4, w/4)
	}
	m.nm = int(proto[1])
	n := int64(h * w * 21 / 1024)
	if len(boxes) != 3 || boxes[1] < int64(5+m.nm) || boxes[2] != n {
		return bad("output0 is %v, want [1,%d,%d] (4 + classes + %d rows)", boxes, 5+m.nm, n, m.nm)
	}
	m.nc = int(boxes[1]) - 4 - m.nm
	return nil
}

// Provider is where the model runs.
func (m *Model) Provider() string { return m.session.Provider }

// Size is the network's input for frames of w x h.
func (m *Model) Size(w, h int) (netW, netH int) {
	if m.fixW > 0 {
		return m.fixW, m.fixH
	}
	return rectangle(w, h, m.Input)
}

// Segment cuts frames into segments. Frames of one size go through the network together.
func (m *Model) Segment(ctx context.Context, frames []*pipeline.Frame) ([]*pipeline.Segmentation, error) {
	w := m.workers.get()
	defer m.workers.put(w)
	out := make([]*pipeline.Segmentation, len(frames))
	for start := 0; start < len(frames); {
		if err := ctx.Err(); err != nil {
			return nil, releaseAll(out, err)
		}
		end := start + 1
		for end < len(frames) && frames[end].Width == frames[start].Width && frames[end].Height == frames[start].Height {
			end++
		}
		if err := m.batch(w, frames[start:end], out[start:end]); err != nil {
			return nil, releaseAll(out, err)
		}
		start = end
	}
	return out, nil
}

func releaseAll(segs []*pipeline.Segmentation, err error) error {
	for _, s := range segs {
		s.Release()
	}
	return err
}

func (m *Model) batch(w *worker, frames []*pipeline.Frame, out []*pipeline.Segmentation) error {
	if frames[0].Width <= 0 || frames[0].Height <= 0 {
		return errors.New("frame without pixels")
	}
	netW, netH := m.Size(frames[0].Width, frames[0].Height)
	n := netW*netH/64 + netW*netH/256 + netW*netH/1024
	pw, ph := netW/4, netH/4
	if err := w.reshape(len(frames), netH, netW, 4+m.nc+m.nm, n, m.nm); err != nil {
		return err
	}
	w.boxes = w.boxes[:0]
	for i, f := range frames {
		l := fit(f.Width, f.Height, netW, netH)
		w.boxes = append(w.boxes, l)
		if err := l.fill(w.in.Data[3*i*netW*netH:], f.Data, &w.scratch); err != nil {
			return err
		}
	}
	m.network.Lock()
	err := m.session.Run([]ort.Value{w.in}, []ort.Value{w.out, w.p})
	m.network.Unlock()
	if err != nil {
		return fmt.Errorf("model %s: %w", m.Name, err)
	}
	rows := 4 + m.nc + m.nm
	for i := range frames {
		o := w.out.Data[i*rows*n : (i+1)*rows*n]
		w.candidates = decode(w.candidates, o, n, m.nc, float32(m.Confidence))
		kept := suppress(w.candidates, float32(m.IoU), m.MaxSegments)
		s := m.slabs.get()
		w.assembler.assemble(s, w.boxes[i], kept, o, n, 4+m.nc, m.nm, w.p.Data[i*m.nm*pw*ph:(i+1)*m.nm*pw*ph], pw, ph, m.MaskIoU, m.nc)
		w.tree.Build(s.seg.Segments)
		if s.seg.Free == nil {
			s.seg.Free = func() { m.slabs.put(s) }
		}
		out[i] = &s.seg
	}
	return nil
}

// reshape makes the tensors fit a batch; the usual case is that they do.
func (w *worker) reshape(b, h, wd, rows, n, nm int) error {
	if w.shape == [3]int{b, h, wd} {
		return nil
	}
	w.close()
	var err error
	if w.in, err = ort.NewTensor[float32](int64(b), 3, int64(h), int64(wd)); err != nil {
		return err
	}
	if w.out, err = ort.NewTensor[float32](int64(b), int64(rows), int64(n)); err != nil {
		return err
	}
	if w.p, err = ort.NewTensor[float32](int64(b), int64(nm), int64(h/4), int64(wd/4)); err != nil {
		return err
	}
	w.shape = [3]int{b, h, wd}
	return nil
}

func (w *worker) close() {
	w.in.Close()
	w.out.Close()
	w.p.Close()
	none := ort.Tensor[float32]{}
	w.in, w.out, w.p, w.shape = none, none, none, [3]int{}
}

// NetworkTime runs the network alone, n times on an input for frames of w x h, and returns the
// time of all runs: what benchmarks compare with.
func (m *Model) NetworkTime(w, h, n int) (time.Duration, error) {
	k := m.workers.get()
	defer m.workers.put(k)
	netW, netH := m.Size(w, h)
	if err := k.reshape(1, netH, netW, 4+m.nc+m.nm, netW*netH/64+netW*netH/256+netW*netH/1024, m.nm); err != nil {
		return 0, err
	}
	m.network.Lock()
	defer m.network.Unlock()
	start := time.Now()
	for range n {
		if err := m.session.Run([]ort.Value{k.in}, []ort.Value{k.out, k.p}); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// Close frees the model; twice is fine.
func (m *Model) Close() error {
	for {
		w := m.workers.take()
		if w == nil {
			break
		}
		w.close()
	}
	if m.session == nil {
		return nil
	}
	err := m.session.Close()
	m.session = nil
	return err
}
