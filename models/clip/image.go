package clip

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"outrider/models/ort"
	"outrider/pipeline"
)

// imageEncoder runs the image network. Callers take a lane each, so that one's crops are cut
// while another's are in the network.
type imageEncoder struct {
	session *ort.Session
	side    int
	width   int
	batch   int  // most regions of one run
	fixed   bool // the model takes exactly batch

	preprocess Preprocessor // parameters of the lanes'

	mu     sync.Mutex
	idle   []*imageLane
	busy   sync.WaitGroup
	closed bool
}

// imageLane is what one caller needs at a time: a preprocessor and bound tensors for each
// size of batch that was asked for.
type imageLane struct {
	pre  Preprocessor
	runs map[int]*imageRun
}

type imageRun struct {
	in, out *ort.Tensor[float32]
	bind    *ort.Binding
}

func newImageEncoder(model []byte, m *Model) (*imageEncoder, error) {
	info, err := ort.Inspect(model)
	if err != nil {
		return nil, err
	}
	sig, err := readImageSignature(info)
	if err != nil {
		return nil, err
	}
	e := &imageEncoder{side: sig.side, batch: sig.batch, fixed: sig.batch > 0}
	switch {
	case e.side == 0 && m.Size > 0:
		e.side = m.Size
	case e.side == 0:
		e.side = 224
	case m.Size > 0 && m.Size != e.side:
		return nil, fmt.Errorf("image encoder: takes pictures of side %d, asked for %d", e.side, m.Size)
	}
	if !e.fixed {
		if e.batch = m.Batch; e.batch == 0 {
			e.batch = 8
		}
	}
	e.preprocess = Preprocessor{Size: e.side, CenterCrop: m.CenterCrop, Mean: m.Mean, Std: m.Std}
	opts := m.Runtime
	opts.Outputs = []string{sig.output}
	if e.session, err = ort.Open(model, opts); err != nil {
		return nil, fmt.Errorf("image encoder: %w", err)
	}
	if err := e.warmUp(); err != nil {
		return nil, errors.Join(fmt.Errorf("image encoder: %w", err), e.session.Close())
	}
	return e, nil
}

// warmUp runs the network once, which also tells the width.
func (e *imageEncoder) warmUp() error {
	n := 1
	if e.fixed {
		n = e.batch
	}
	in, err := ort.NewTensor[float32](int64(n), 3, int64(e.side), int64(e.side))
	if err != nil {
		return err
	}
	defer in.Close()
	outs := []ort.Value{nil}
	if err := e.session.Run([]ort.Value{in}, outs); err != nil {
		return err
	}
	defer outs[0].Close()
	e.width, err = widthOf(outs[0].Shape(), n)
	return err
}

// EncodeRegions implements pipeline.ImageEncoder: one unit vector a region, in order, in
// memory of the caller's. The error names the first region that holds no pixel of f.
func (m *Model) EncodeRegions(ctx context.Context, f *pipeline.Frame, regions []pipeline.Region) ([][]float32, error) {
	if m.image == nil {
		return nil, fmt.Errorf("encode regions: %w", m.missing(m.text != nil))
	}
	out, err := m.image.encode(ctx, f, regions)
	if err != nil {
		return nil, fmt.Errorf("encode %d regions: %w", len(regions), err)
	}
	return out, nil
}

// missing is why there is no encoder: never given, or not initialized.
func (m *Model) missing(hasOther bool) error {
	if hasOther {
		return ErrNoEncoder
	}
	return ErrClosed
}

func (e *imageEncoder) encode(ctx context.Context, f *pipeline.Frame, regions []pipeline.Region) ([][]float32, error) {
	if len(regions) == 0 {
		return nil, nil
	}
	lane, err := e.take()
	if err != nil {
		return nil, err
	}
	defer e.give(lane)
	out := make([][]float32, len(regions))
	values := make([]float32, len(regions)*e.width)
	for i := range out {
		out[i] = values[i*e.width : (i+1)*e.width : (i+1)*e.width]
	}
	for done := 0; done < len(regions); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(e.runSize(len(regions)-done), len(regions)-done)
		if err := e.run(lane, f, regions[done:done+n], done, out[done:done+n]); err != nil {
			return nil, err
		}
		done += n
	}
	return out, nil
}

// runSize is the batch for n waiting regions: a power of two, so that a lane holds few
// tensors whatever the numbers are.
func (e *imageEncoder) runSize(n int) int {
	if e.fixed || n >= e.batch {
		return e.batch
	}
	return 1 << (bits.Len(uint(n)) - 1)
}

func (e *imageEncoder) run(lane *imageLane, f *pipeline.Frame, regions []pipeline.Region, first int, out [][]float32) error {
	size := len(regions)
	if e.fixed {
		size = e.batch
	}
	r, err := lane.run(e, size)
	if err != nil {
		return err
	}
	n := 3 * e.side * e.side
	for i := range regions {
		if err := lane.pre.Fill(r.in.Data[i*n:(i+1)*n], f, regions[i]); err != nil {
			return fmt.Errorf("region %d: %w", first+i, err)
		}
	}
	if err := r.bind.Run(); err != nil {
		return err
	}
	for i := range regions {
		copy(out[i], r.out.Data[i*e.width:(i+1)*e.width])
		if !normalize(out[i]) {
			return fmt.Errorf("region %d: the image encoder's answer is no direction (zero or not a number)", first+i)
		}
	}
	return nil
}

// run returns the lane's bound tensors for a batch of n.
func (l *imageLane) run(e *imageEncoder, n int) (*imageRun, error) {
	if r, ok := l.runs[n]; ok {
		return r, nil
	}
	in, err := ort.NewTensor[float32](int64(n), 3, int64(e.side), int64(e.side))
	if err != nil {
		return nil, err
	}
	r := &imageRun{in: in}
	if r.out, err = ort.NewTensor[float32](int64(n), int64(e.width)); err != nil {
		return nil, errors.Join(err, r.close())
	}
	if r.bind, err = e.session.Bind([]ort.Value{r.in}, []ort.Value{r.out}); err != nil {
		return nil, errors.Join(err, r.close())
	}
	l.runs[n] = r
	return r, nil
}

func (r *imageRun) close() error {
	var errs []error
	if r.bind != nil {
		errs = append(errs, r.bind.Close())
	}
	if r.out != nil {
		errs = append(errs, r.out.Close())
	}
	return errors.Join(append(errs, r.in.Close())...)
}

func (e *imageEncoder) take() (*imageLane, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	e.busy.Add(1)
	if n := len(e.idle); n > 0 {
		l := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return l, nil
	}
	return &imageLane{
		pre:  Preprocessor{Size: e.preprocess.Size, CenterCrop: e.preprocess.CenterCrop, Mean: e.preprocess.Mean, Std: e.preprocess.Std},
		runs: map[int]*imageRun{},
	}, nil
}

func (e *imageEncoder) give(l *imageLane) {
	e.mu.Lock()
	e.idle = append(e.idle, l)
	e.mu.Unlock()
	e.busy.Done()
}

func (e *imageEncoder) close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.busy.Wait()
	var errs []error
	for _, l := range e.idle {
		for _, r := range l.runs {
			errs = append(errs, r.close())
		}
	}
	e.idle = nil
	return errors.Join(append(errs, e.session.Close())...)
}
