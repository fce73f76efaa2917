package fastsam

import (
	"context"
	"fmt"
	"image"
	"math"

	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// SegmentFull cuts one frame into segments with masks at the frame's own resolution: the
// logits are interpolated between the prototype cells, inside each box only. It is several
// times dearer than Segment, and its answer is new memory.
//
// In Strict mode the segments are those of Segment, in the same order. In the other modes
// they are those of the reference programs with "retina masks": no removal of near-duplicates,
// their treatment of boxes near the border, their rounding.
func (m *Model) SegmentFull(ctx context.Context, f *pipeline.Frame, mode Mode) (*pipeline.Segmentation, error) {
	if err := checkFrame(f); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := max(1, m.contract.batch)
	l, err := m.take(laneKey{f.Width, f.Height, n})
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	defer m.give(l)
	if err := l.prepare(0, f); err != nil {
		return nil, err
	}
	if err := l.run(); err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	if mode == Strict {
		return m.fullStrict(l), nil
	}
	return m.fullCompat(l, mode)
}

// fullStrict decodes as Segment does and draws each mask anew.
func (m *Model) fullStrict(l *lane) *pipeline.Segmentation {
	r := m.results.get()
	defer r.Release()
	l.decode(0, r, m.settings, m.contract.names)
	proto, pred := l.prototypes(0), l.predictions(0)
	g := mask.FrameGrid(l.box.FrameW, l.box.FrameH)
	u := upsampler{proto: proto, grid: g}
	// The prototype cell of a pixel's centre, and half a cell back to count from cell centres.
	u.x = axis{scale: 1 / r.Grid.SX, offset: -r.Grid.X0 / r.Grid.SX, lo: 0, hi: proto.w - 1}
	u.y = axis{scale: 1 / r.Grid.SY, offset: -r.Grid.Y0 / r.Grid.SY, lo: 0, hi: proto.h - 1}
	out := &pipeline.Segmentation{Grid: g, Segments: append([]pipeline.Segment(nil), r.Segments...)}
	var coef [coefficients]float32
	for i := range out.Segments {
		s := &out.Segments[i]
		pred.coefficients(r.anchors[i], &coef)
		full := u.mask(coef[:], roundOut(s.Box))
		if full.Empty() {
			// Smaller than the interpolation can show.
			full = s.Mask.Resample(g)
		}
		s.Mask = full
	}
	if r.Drivable != nil {
		out.Drivable = r.Drivable.Resample(g)
	}
	var tree levels.Tree
	tree.Build(out.Segments)
	return out
}

// roundOut is the extent of the pixels whose centres lie in b, at least one.
func roundOut(b pipeline.Box) image.Rectangle {
	x0, x1 := cells(b.X1, b.X2)
	y0, y1 := cells(b.Y1, b.Y2)
	return image.Rect(x0, y0, x1, y1)
}

// fullCompat does what the reference programs do after their network.
func (m *Model) fullCompat(l *lane, mode Mode) (*pipeline.Segmentation, error) {
	d, pred, box := &l.decoder.detector, l.predictions(0), l.box
	d.detect(pred, m.settings.confidence, m.settings.iou, maxDetections)
	boxes := make([]pipeline.Box, len(d.kept))
	fulls := 0
	for i := range d.kept {
		b := d.kept[i].box()
		if mode == Ultralytics {
			boxes[i] = box.ToFrame(b)
			continue
		}
		if snap(&b, float64(box.W), float64(box.H)) {
			b = pipeline.Box{X2: float64(box.W), Y2: float64(box.H)}
			fulls++
		}
		boxes[i] = box.scaleBox(b)
	}
	if fulls > 1 {
		return nil, ErrSeveralFull
	}
	u := upsampler{grid: mask.FrameGrid(box.FrameW, box.FrameH)}
	if mode == CASIA {
		u.casia(l.prototypes(0), box)
	} else {
		u.ultralytics(l.prototypes(0), box)
	}
	out := &pipeline.Segmentation{Grid: u.grid}
	var coef [coefficients]float32
	for i, b := range boxes {
		pred.coefficients(d.kept[i].anchor, &coef)
		// A pixel x belongs to the box when x1 <= x < x2.
		full := u.mask(coef[:], image.Rect(int(math.Ceil(b.X1)), int(math.Ceil(b.Y1)), int(math.Ceil(b.X2)), int(math.Ceil(b.Y2))))
		if mode == Ultralytics {
			if full.Empty() {
				continue
			}
			if snap(&b, float64(box.FrameW), float64(box.FrameH)) {
				b = pipeline.Box{X2: float64(box.FrameW), Y2: float64(box.FrameH)}
			}
		}
		s := pipeline.Segment{Box: b, Mask: full, Score: float64(d.kept[i].score), Parent: -1}
		if pred.classes > 1 && int(d.kept[i].class) < len(m.contract.names) {
			s.Label = m.contract.names[d.kept[i].class]
		}
		out.Segments = append(out.Segments, s)
	}
	return out, nil
}

// casia sets u up as the original program does it: the letterbox's margins are cut off at
// prototype size, to whole cells towards zero, and the rest is stretched over the frame.
func (u *upsampler) casia(p prototypes, l Letterbox) {
	gain := math.Min(float64(p.h)/float64(l.FrameH), float64(p.w)/float64(l.FrameW))
	cut := func(cells, pixels int) axis {
		pad := (float64(cells) - float64(pixels)*gain) / 2
		lo := int(pad)
		return stretch(lo, max(lo+1, int(float64(cells)-pad)), pixels)
	}
	u.proto, u.x, u.y = p, cut(p.w, l.FrameW), cut(p.h, l.FrameH)
}

// ultralytics sets u up as that package does it: the prototypes are enlarged by the smallest
// factor that makes the margins whole cells (found out by comparing with its answers).
func (u *upsampler) ultralytics(p prototypes, l Letterbox) {
	stride := l.W / p.w
	cell := stride
	for _, edge := range []int{l.Left, l.Top, l.NewW, l.NewH} {
		cell = gcd(cell, edge)
	}
	u.proto = p.enlarge(stride / cell)
	u.x = stretch(l.Left/cell, (l.Left+l.NewW)/cell, l.FrameW)
	u.y = stretch(l.Top/cell, (l.Top+l.NewH)/cell, l.FrameH)
}

// stretch spreads the cells [lo, hi) over so many pixels.
func stretch(lo, hi, pixels int) axis {
	return axis{scale: float64(hi-lo) / float64(pixels), offset: float64(lo), lo: lo, hi: hi - 1}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// enlarge interpolates every prototype to n times its size.
func (p prototypes) enlarge(n int) prototypes {
	if n == 1 {
		return p
	}
	w, h := p.w*n, p.h*n
	out := prototypes{data: make([]float32, p.n*w*h+slack), n: p.n, w: w, h: h}
	x, y := stretch(0, p.w, w), stretch(0, p.h, h)
	for k := range p.n {
		plane := p.data[k*p.w*p.h:][:p.w*p.h]
		for j := range h {
			t := y.at(j)
			a := plane[t.cell*p.w:][:p.w]
			b := plane[min(t.cell+1, p.h-1)*p.w:][:p.w]
			row := out.data[(k*h+j)*w:][:w]
			for i := range row {
				s := x.at(i)
				c, d := s.cell, min(s.cell+1, p.w-1)
				row[i] = (a[c]*(1-s.w)+a[d]*s.w)*(1-t.w) + (b[c]*(1-s.w)+b[d]*s.w)*t.w
			}
		}
	}
	return out
}
