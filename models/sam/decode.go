package sam

import (
	"errors"
	"fmt"
	"sync"

	"outrider/models/ort"
)

// decoder runs the prompt network; callers take a lane each.
type decoder struct {
	session  *ort.Session
	contract decoderContract
	outputs  int // masks of one run

	mu   sync.Mutex
	idle []*lane
}

// lane is the memory of one caller's prompts.
type lane struct {
	points   map[int]pointTensors // by number of points
	mask     *ort.Tensor[float32] // mask_input
	hasMask  *ort.Tensor[float32]
	size     *ort.Tensor[float32]
	iou, low *ort.Tensor[float32]
	inputs   []ort.Value
	open     []ort.Value // all of them
}

type pointTensors struct{ coords, labels *ort.Tensor[float32] }

// Labels that the prompt network knows besides 0 and 1.
const (
	labelPad         = -1
	labelTopLeft     = 2
	labelBottomRight = 3
)

// warmUp runs the decoder on nothing, which tells the number of its masks.
func (d *decoder) warmUp() (err error) {
	side := d.contract.side()
	b := &embedding{fit: fit{w: side, h: side, newW: side, newH: side, side: side}}
	l := &lane{points: map[int]pointTensors{}}
	outs := make([]ort.Value, 2)
	defer func() {
		for _, v := range outs {
			if v != nil {
				err = errors.Join(err, v.Close())
			}
		}
		err = errors.Join(err, l.close(), b.close())
	}()
	shapes := [][]int64{d.contract.embedding}
	if d.contract.interm != nil {
		shape := make([]int64, len(d.contract.interm))
		for i, n := range d.contract.interm {
			shape[i] = max(n, 1)
		}
		shapes = append(shapes, shape)
	}
	for _, s := range shapes {
		t, err := ort.NewTensor[float32](s...)
		if err != nil {
			return err
		}
		b.values = append(b.values, t)
	}
	if err := l.prepare(d, b, &Prompt{}); err != nil {
		return err
	}
	if err := d.session.Run(l.inputs, outs); err != nil {
		return fmt.Errorf("decoder: %w", err)
	}
	n, low := outs[0].Shape(), outs[1].Shape()
	m := int64(d.contract.mask)
	if len(n) != 2 || n[0] != 1 || n[1] < 1 || n[1] > 64 || !sameShape(low, []int64{1, n[1], m, m}) {
		return fmt.Errorf("decoder: %s has shape %s and %s %s, want [1, n] and [1, n, %d, %d]", iouName, ort.FormatShape(n), lowResName, ort.FormatShape(low), m, m)
	}
	d.outputs = int(n[1])
	return nil
}

// tensor makes a tensor that the lane closes.
func (l *lane) tensor(shape ...int64) (*ort.Tensor[float32], error) {
	t, err := ort.NewTensor[float32](shape...)
	if err != nil {
		return nil, err
	}
	l.open = append(l.open, t)
	return t, nil
}

// prepare sets the inputs for a prompt on an embedding.
func (l *lane) prepare(d *decoder, b *embedding, p *Prompt) error {
	if l.size == nil {
		side := int64(d.contract.mask)
		var err [3]error
		l.mask, err[0] = l.tensor(1, 1, side, side)
		l.hasMask, err[1] = l.tensor(1)
		l.size, err[2] = l.tensor(2)
		if err := errors.Join(err[:]...); err != nil {
			return err
		}
	}
	t, err := l.place(b.fit, p)
	if err != nil {
		return err
	}
	if p.Mask != nil {
		copy(l.mask.Data, p.Mask)
		l.hasMask.Data[0] = 1
	} else if l.hasMask.Data[0] != 0 {
		clear(l.mask.Data)
		l.hasMask.Data[0] = 0
	}
	l.size.Data[0], l.size.Data[1] = float32(b.fit.h), float32(b.fit.w)
	l.inputs = l.inputs[:0]
	for _, in := range d.session.Inputs() {
		var v ort.Value
		switch in.Name {
		case embeddingName:
			v = b.values[0]
		case intermName:
			v = b.values[1]
		case "point_coords":
			v = t.coords
		case "point_labels":
			v = t.labels
		case "mask_input":
			v = l.mask
		case "has_mask_input":
			v = l.hasMask
		case "orig_im_size":
			v = l.size
		}
		l.inputs = append(l.inputs, v)
	}
	return nil
}

// place writes points and box as the network's points: a box is its two corners, and
// points without a box end with a padding point.
func (l *lane) place(f fit, p *Prompt) (pointTensors, error) {
	n := len(p.Points) + 1
	if p.Box != nil {
		n++
	}
	t, ok := l.points[n]
	if !ok {
		var err1, err2 error
		t.coords, err1 = l.tensor(1, int64(n), 2)
		t.labels, err2 = l.tensor(1, int64(n))
		if err := errors.Join(err1, err2); err != nil {
			return t, err
		}
		l.points[n] = t
	}
	set := func(i int, x, y, label float32) {
		t.coords.Data[2*i], t.coords.Data[2*i+1], t.labels.Data[i] = x, y, label
	}
	for i, q := range p.Points {
		label := 1
		if p.Labels != nil {
			label = p.Labels[i]
		}
		x, y := f.toNetwork(q.X, q.Y)
		set(i, x, y, float32(label))
	}
	if p.Box == nil {
		set(n-1, 0, 0, labelPad)
		return t, nil
	}
	x, y := f.toNetwork(p.Box.X1, p.Box.Y1)
	set(n-2, x, y, labelTopLeft)
	x, y = f.toNetwork(p.Box.X2, p.Box.Y2)
	set(n-1, x, y, labelBottomRight)
	return t, nil
}

// decode runs a prompt; the answer is in l.iou and l.low until the next one.
func (l *lane) decode(d *decoder, b *embedding, p *Prompt) error {
	if err := l.prepare(d, b, p); err != nil {
		return err
	}
	if l.low == nil {
		side := int64(d.contract.mask)
		var err1, err2 error
		l.iou, err1 = l.tensor(1, int64(d.outputs))
		l.low, err2 = l.tensor(1, int64(d.outputs), side, side)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
	}
	// The session's outputs are in the order that Initialize asked for.
	return d.session.Run(l.inputs, []ort.Value{l.iou, l.low})
}

// logits are those of mask k.
func (l *lane) logits(k int) []float32 {
	n := len(l.low.Data) / len(l.iou.Data)
	return l.low.Data[k*n : (k+1)*n]
}

// wanted are the masks of the decoder's answer that a prompt asks for. Of four, the first
// was trained for prompts of one meaning and the others for those of several.
func (d *decoder) wanted(iou []float32, multi bool) []int {
	switch {
	case multi && d.outputs == 4:
		return []int{1, 2, 3}
	case multi || d.outputs == 1:
		all := make([]int, d.outputs)
		for i := range all {
			all[i] = i
		}
		return all
	case d.outputs == 4:
		return []int{0}
	}
	best := 0
	for i, v := range iou {
		if v > iou[best] {
			best = i
		}
	}
	return []int{best}
}

func (d *decoder) take() *lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.idle); n > 0 {
		l := d.idle[n-1]
		d.idle = d.idle[:n-1]
		return l
	}
	return &lane{points: map[int]pointTensors{}}
}

func (d *decoder) give(l *lane) {
	d.mu.Lock()
	d.idle = append(d.idle, l)
	d.mu.Unlock()
}

func (l *lane) close() error {
	var errs []error
	for _, v := range l.open {
		errs = append(errs, v.Close())
	}
	return errors.Join(errs...)
}

func (d *decoder) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, l := range d.idle {
		errs = append(errs, l.close())
	}
	d.idle = nil
	if d.session != nil {
		errs = append(errs, d.session.Close())
	}
	return errors.Join(errs...)
}
