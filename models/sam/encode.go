package sam

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync"

	"outrider/models/ort"
	"outrider/models/resample"
	"outrider/pipeline"
)

// What SAM's pictures were normalised by, RGB of 0..255.
var (
	pixelMean = [3]float32{123.675, 116.28, 103.53}
	pixelStd  = [3]float32{58.395, 57.12, 57.375}
)

// encoder runs the image network, one picture at a time, and keeps the newest embeddings.
type encoder struct {
	session  *ort.Session
	contract encoderContract
	shape    []int64 // of the embedding
	side     int
	max      int // embeddings kept

	mu    sync.Mutex // one picture at a time: a network this large uses every core
	cache []*embedding
	in    *ort.Tensor[float32]

	x, y resample.Axis
	rows []byte
	line []byte
	acc  []int32
}

// embedding is an encoded picture. It is closed when the cache and every user have let go.
type embedding struct {
	key    pictureKey
	fit    fit
	values []ort.Value // image_embeddings, interm_embeddings

	mu   sync.Mutex
	refs int
}

// pictureKey tells pictures apart by their content: frames of a pool share their memory, and
// frames made by hand have no number.
type pictureKey struct {
	w, h int
	hash uint64
}

var pictureSeed = maphash.MakeSeed()

func keyOf(width, height int, bgr []byte) pictureKey {
	return pictureKey{width, height, maphash.Bytes(pictureSeed, bgr)}
}

// picture is BGR pixels, rows tight.
type picture struct {
	w, h int
	data []byte
}

func pictureOf(f *pipeline.Frame) (picture, error) {
	if f == nil || f.Width <= 0 || f.Height <= 0 || len(f.Data) != 3*f.Width*f.Height {
		return picture{}, errors.New("the frame has no pixels or not as many as it says")
	}
	return picture{f.Width, f.Height, f.Data}, nil
}

// get returns the embedding of p, encoded now or before. The caller releases it.
func (e *encoder) get(p picture) (*embedding, error) {
	key := keyOf(p.w, p.h, p.data)
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, b := range e.cache {
		if b.key == key {
			copy(e.cache[1:i+1], e.cache[:i])
			e.cache[0] = b
			b.retain()
			return b, nil
		}
	}
	b, err := e.encode(p)
	if err != nil {
		return nil, fmt.Errorf("encode %dx%d picture: %w", p.w, p.h, err)
	}
	b.key = key
	b.refs = 2 // the cache and the caller
	if len(e.cache) == e.max {
		last := e.cache[len(e.cache)-1]
		e.cache = e.cache[:len(e.cache)-1]
		if err := last.release(); err != nil {
			return nil, errors.Join(err, b.release(), b.release())
		}
	}
	e.cache = append([]*embedding{b}, e.cache...)
	return b, nil
}

func (e *encoder) encode(p picture) (*embedding, error) {
	f := e.place(p)
	if err := e.feed(p, f); err != nil {
		return nil, err
	}
	outs := make([]ort.Value, len(e.contract.outputs))
	if err := e.session.Run([]ort.Value{e.in}, outs); err != nil {
		return nil, err
	}
	b := &embedding{fit: f, values: outs}
	if !sameShape(outs[0].Shape(), e.shape) {
		err := fmt.Errorf("the embedding has shape %s, the decoder takes %s: the files are not of one pair", ort.FormatShape(outs[0].Shape()), ort.FormatShape(e.shape))
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// place decides how a picture is scaled into the network's input.
func (e *encoder) place(p picture) fit {
	h, w := e.contract.h, e.contract.w
	if h == 0 {
		h = e.side
	}
	if w == 0 {
		w = e.side
	}
	return fitInto(p.w, p.h, w, h, e.side)
}

// feed resizes, normalises and pads a picture into the input tensor.
func (e *encoder) feed(p picture, f fit) error {
	c := e.contract
	h, w := c.h, c.w
	if h == 0 { // open sides take the picture without padding; planes are always square
		h = f.newH
		if c.planes {
			h = e.side
		}
	}
	if w == 0 {
		w = f.newW
		if c.planes {
			w = e.side
		}
	}
	shape := []int64{int64(h), int64(w), 3}
	switch {
	case c.planes:
		shape = []int64{1, 3, int64(h), int64(w)}
	case c.batched:
		shape = []int64{1, int64(h), int64(w), 3}
	}
	if e.in == nil || !sameShape(e.in.Shape(), shape) {
		if e.in != nil {
			if err := e.in.Close(); err != nil {
				return err
			}
			e.in = nil
		}
		t, err := ort.NewTensor[float32](shape...)
		if err != nil {
			return err
		}
		e.in = t
	}
	e.x.Compute(resample.Bilinear, p.w, f.newW, 0, f.newW, 0, p.w)
	e.y.Compute(resample.Bilinear, p.h, f.newH, 0, f.newH, 0, p.h)
	n := 3 * f.newW
	e.rows, e.line, e.acc = resized(e.rows, p.h*n), resized(e.line, n), resized(e.acc, n)
	for y := range p.h {
		e.x.Row(e.rows[y*n:(y+1)*n], p.data[3*y*p.w:3*(y+1)*p.w])
	}
	table, border := e.table()
	for y := range h {
		if y < f.newH {
			e.y.Column(e.line, e.acc, e.rows, y)
		}
		for ch := range 3 {
			var dst []float32
			step := 3
			if c.planes {
				dst, step = e.in.Data[(ch*h+y)*w:(ch*h+y+1)*w], 1
			} else {
				dst = e.in.Data[3*y*w+ch : 3*(y+1)*w]
			}
			x := 0
			if y < f.newH {
				for ; x < f.newW; x++ {
					dst[x*step] = table[ch][e.line[3*x+ch]]
				}
			}
			for ; x < w; x++ {
				dst[x*step] = border[ch]
			}
		}
	}
	return nil
}

// table maps bytes to input values; border is what padding holds, zero after normalisation.
func (e *encoder) table() (t [3][256]float32, border [3]float32) {
	for c := range 3 {
		for v := range 256 {
			t[c][v] = float32(v)
			if !e.contract.inside {
				t[c][v] = (float32(v) - pixelMean[c]) / pixelStd[c]
			}
		}
		if e.contract.inside {
			border[c] = pixelMean[c]
		}
	}
	return t, border
}

func (e *encoder) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, b := range e.cache {
		errs = append(errs, b.release())
	}
	e.cache = nil
	if e.in != nil {
		errs = append(errs, e.in.Close())
		e.in = nil
	}
	if e.session != nil {
		errs = append(errs, e.session.Close())
	}
	return errors.Join(errs...)
}

func (b *embedding) retain() {
	b.mu.Lock()
	b.refs++
	b.mu.Unlock()
}

func (b *embedding) release() error {
	b.mu.Lock()
	b.refs--
	last := b.refs == 0
	b.mu.Unlock()
	if last {
		return b.close()
	}
	return nil
}

func (b *embedding) close() error {
	var errs []error
	for _, v := range b.values {
		errs = append(errs, v.Close())
	}
	return errors.Join(errs...)
}

// fit is how a w x h picture lies in the network's square: scaled to newW x newH, top left.
type fit struct {
	w, h       int
	newW, newH int
	side       int
}

// fitInto scales to fill an inW x inH input, as segment-anything's ResizeLongestSide does.
func fitInto(w, h, inW, inH, side int) fit {
	scale := math.Min(float64(inW)/float64(w), float64(inH)/float64(h))
	return fit{
		w: w, h: h, side: side,
		newW: min(max(int(float64(w)*scale+.5), 1), inW),
		newH: min(max(int(float64(h)*scale+.5), 1), inH),
	}
}

// toNetwork maps frame pixels to the network's.
func (f fit) toNetwork(x, y float64) (float32, float32) {
	return float32(x * float64(f.newW) / float64(f.w)), float32(y * float64(f.newH) / float64(f.h))
}

func sameShape(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// resized returns s with length n and undefined content, in the old memory when it is enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
