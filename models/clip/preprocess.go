package clip

import (
	"fmt"
	"math"

	"outrider/models/resample"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// CLIPMean and CLIPStd normalise the input of OpenAI's CLIP, OpenCLIP and the embedded pair;
// RGB, of values in 0..1.
var (
	CLIPMean = [3]float32{.48145466, .4578275, .40821073}
	CLIPStd  = [3]float32{.26862954, .26130258, .27577711}
)

// SigLIPMean and SigLIPStd normalise the input of SigLIP: values come to -1..1.
var (
	SigLIPMean = [3]float32{.5, .5, .5}
	SigLIPStd  = [3]float32{.5, .5, .5}
)

// Preprocessor turns a region of a frame into the input of an image encoder: pixels outside
// the mask black, then PIL's antialiased bicubic resize in its 8-bit fixed point, bit for
// bit, then normalisation. It keeps its buffers, so it is for one goroutine at a time.
type Preprocessor struct {
	Size int // side of the input, > 0

	// CenterCrop resizes the region's shorter side to Size and cuts the middle out, as
	// CLIP's own transform does. The default pads the region to a square with black,
	// so that nothing of a long object is lost.
	CenterCrop bool

	// Mean and Std normalise RGB values in 0..1. Both zero means CLIP's.
	Mean, Std [3]float32

	horizontal, vertical resample.Axis
	rows                 []byte // horizontally resized rows, RGB
	masked               []byte // one source row without what lies outside the mask
	cells                []int32
	out                  []byte
	acc                  []int32
	table                [3][256]float32
	tableMean, tableStd  [3]float32
}

// RGB returns the preprocessed region as Size x Size RGB bytes, valid until the next call.
// It fails when the region's box is not finite or holds no pixel of the frame.
func (p *Preprocessor) RGB(f *pipeline.Frame, r pipeline.Region) ([]byte, error) {
	if p.Size <= 0 {
		return nil, fmt.Errorf("preprocess region: input side is %d, want more than 0", p.Size)
	}
	if f.Width <= 0 || f.Height <= 0 || len(f.Data) < 3*f.Width*f.Height {
		return nil, fmt.Errorf("preprocess region: frame of %dx%d has %d bytes", f.Width, f.Height, len(f.Data))
	}
	b := r.Box.Clip(f.Width, f.Height)
	if !r.Box.Finite() || b.W() <= 0 || b.H() <= 0 {
		return nil, fmt.Errorf("preprocess region: box [%g, %g, %g, %g] holds no pixel of the %dx%d frame", r.Box.X1, r.Box.Y1, r.Box.X2, r.Box.Y2, f.Width, f.Height)
	}
	x1, y1 := int(b.X1), int(b.Y1)
	w, h := int(math.Ceil(b.X2))-x1, int(math.Ceil(b.Y2))-y1
	if p.CenterCrop {
		short := min(w, h)
		outW, outH := p.Size*w/short, p.Size*h/short
		p.horizontal.Compute(resample.Bicubic, w, outW, middle(outW, p.Size), p.Size, 0, w)
		p.vertical.Compute(resample.Bicubic, h, outH, middle(outH, p.Size), p.Size, 0, h)
	} else {
		side := max(w, h)
		left, top := (side-w)/2, (side-h)/2
		p.horizontal.Compute(resample.Bicubic, side, p.Size, 0, p.Size, left, left+w)
		p.vertical.Compute(resample.Bicubic, side, p.Size, 0, p.Size, top, top+h)
	}
	line := 3 * p.Size
	lo, hi := p.vertical.Span()
	p.rows = resized(p.rows, h*line)
	p.masked = resized(p.masked, 3*w)
	m := p.masker(r.Mask, x1, w)
	for y := lo; y < hi; y++ {
		o := 3 * ((y1+y)*f.Width + x1)
		src := f.Data[o : o+3*w]
		if m != nil {
			m(p.masked, src, y1+y)
			src = p.masked
		}
		p.horizontal.Row(p.rows[y*line:(y+1)*line], src)
	}
	p.out, p.acc = resized(p.out, p.Size*line), resized(p.acc, line)
	for i := range p.Size {
		p.vertical.Column(p.out[i*line:(i+1)*line], p.acc, p.rows, i)
	}
	return p.out, nil
}

// middle is where a centre crop of size begins in n, rounded half to even as Python does.
func middle(n, size int) int { return int(math.RoundToEven(float64(n-size) / 2)) }

// masker returns a function that copies a source row of w pixels from column x1, frame row
// y, with black outside the mask; nil when there is no mask.
func (p *Preprocessor) masker(m pipeline.Masker, x1, w int) func(dst, src []byte, y int) {
	switch m := m.(type) {
	case nil:
		return nil
	case *mask.Mask:
		if m == nil {
			return nil
		}
		return p.bitMasker(m, x1, w)
	default:
		return func(dst, src []byte, y int) {
			copy(dst, src)
			for x := range w {
				if !m.At(float64(x1+x)+.5, float64(y)+.5) {
					clear(dst[3*x : 3*x+3])
				}
			}
		}
	}
}

// bitMasker asks the mask's words instead of At for each pixel: columns map to bits once.
func (p *Preprocessor) bitMasker(m *mask.Mask, x1, w int) func(dst, src []byte, y int) {
	g, win := m.Grid(), m.Window()
	p.cells = resized(p.cells, w)
	for x := range w {
		cx, _ := g.ToCell(float64(x1+x)+.5, 0)
		i := math.Floor(cx)
		if i >= float64(win.Min.X) && i < float64(win.Max.X) {
			p.cells[x] = int32(i) - int32(win.Min.X)
		} else {
			p.cells[x] = -1
		}
	}
	cells := p.cells
	return func(dst, src []byte, y int) {
		_, cy := g.ToCell(0, float64(y)+.5)
		var words []uint64
		if j := math.Floor(cy); j >= float64(win.Min.Y) && j < float64(win.Max.Y) {
			words = m.Row(int(j))
		}
		if words == nil {
			clear(dst)
			return
		}
		copy(dst, src)
		for x, c := range cells {
			if c < 0 || words[c>>6]>>(c&63)&1 == 0 {
				d := dst[3*x : 3*x+3 : 3*x+3]
				d[0], d[1], d[2] = 0, 0, 0
			}
		}
	}
}

// Fill writes the preprocessed and normalised region into dst, channels first (RGB planes of
// Size x Size); len(dst) must be 3*Size*Size. It fails as RGB does.
func (p *Preprocessor) Fill(dst []float32, f *pipeline.Frame, r pipeline.Region) error {
	rgb, err := p.RGB(f, r)
	if err != nil {
		return err
	}
	plane := p.Size * p.Size
	if len(dst) != 3*plane {
		return fmt.Errorf("preprocess region: room for %d values, want %d", len(dst), 3*plane)
	}
	p.tabulate()
	d0, d1, d2 := dst[:plane], dst[plane:2*plane], dst[2*plane:]
	for i := range d0 {
		px := rgb[3*i : 3*i+3 : 3*i+3]
		d0[i], d1[i], d2[i] = p.table[0][px[0]], p.table[1][px[1]], p.table[2][px[2]]
	}
	return nil
}

// tabulate computes the normalised value of every byte when mean or std changed.
func (p *Preprocessor) tabulate() {
	mean, std := p.Mean, p.Std
	if std == ([3]float32{}) {
		mean, std = CLIPMean, CLIPStd
	}
	if mean == p.tableMean && std == p.tableStd {
		return
	}
	for c := range 3 {
		for v := range 256 {
			p.table[c][v] = (float32(v)/255 - mean[c]) / std[c]
		}
	}
	p.tableMean, p.tableStd = mean, std
}

// resized returns s with length n and undefined content, in the old memory when it is enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
