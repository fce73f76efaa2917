package sam

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Everything says how a picture is segmented by a grid of points. Zero fields take the defaults
// of segment-anything; where zero has a meaning of its own, a negative value stands for it.
type Everything struct {
	PointsPerSide int     // of the grid, default 32; the decoder runs that often squared
	MinIoU        float64 // drop masks whose predicted IoU is not above, default 0.88; negative for all
	MinStability  float64 // drop masks of less stability, default 0.95; negative for all
	Offset        float64 // of the threshold in the stability score, default 1
	BoxNMS        float64 // drop boxes of higher IoU with a better mask's, default 0.7

	// CropLayers zooms in: layer i runs again on 4^i overlapping crops, each encoded anew. Default
	// 0. CropPoints divides PointsPerSide from layer to layer, default 1; CropOverlap is the
	// overlap as a share of the short side, default 512/1500; CropNMS is BoxNMS between
	// crops, default 0.7.
	CropLayers  int
	CropPoints  int
	CropOverlap float64
	CropNMS     float64
}

// Found is one mask of everything mode.
type Found struct {
	Mask      *mask.Mask
	IoU       float64        // predicted
	Stability float64        // of the mask against the threshold
	Point     pipeline.Point // of the grid, that gave it
	Crop      pipeline.Box   // that it was found in

	box image.Rectangle // in cells of Mask's grid, last cell included
}

// SegmentAll segments f by a grid of points, best predicted IoU first, with masks on the
// frame's pixels: the steps of segment-anything's SamAutomaticMaskGenerator.
func (m *Model) SegmentAll(ctx context.Context, f *pipeline.Frame, o Everything) ([]Found, error) {
	if err := m.enter(); err != nil {
		return nil, fmt.Errorf("segment everything: %w", err)
	}
	defer m.busy.Done()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("segment everything: %w", err)
	}
	found, err := m.everything(ctx, f, o.withDefaults(), false)
	if err != nil {
		return nil, fmt.Errorf("segment everything: %w", err)
	}
	return found, nil
}

func (o Everything) validate() error {
	for _, v := range []struct {
		name     string
		value    float64
		min, max float64
	}{
		{"points per side", float64(o.PointsPerSide), 0, 256},
		{"minimum IoU", o.MinIoU, -math.MaxFloat64, 1},
		{"minimum stability", o.MinStability, -math.MaxFloat64, 1},
		{"stability offset", o.Offset, 0, 100},
		{"box NMS", o.BoxNMS, 0, 1},
		{"crop layers", float64(o.CropLayers), 0, 3},
		{"crop points", float64(o.CropPoints), 0, 256},
		{"crop overlap", o.CropOverlap, 0, 0.9},
		{"crop NMS", o.CropNMS, 0, 1},
	} {
		if !(v.value >= v.min && v.value <= v.max) {
			return fmt.Errorf("%s is %g, want at most %g and, where negative means nothing, at least %g", v.name, v.value, v.max, math.Max(v.min, 0))
		}
	}
	return nil
}

func (o Everything) withDefaults() Everything {
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.MinIoU, 0.88)
	def(&o.MinStability, 0.95)
	def(&o.Offset, 1)
	def(&o.BoxNMS, 0.7)
	def(&o.CropNMS, 0.7)
	def(&o.CropOverlap, 512.0/1500)
	if o.PointsPerSide == 0 {
		o.PointsPerSide = 32
	}
	if o.CropPoints == 0 {
		o.CropPoints = 1
	}
	return o
}

// everything runs all crops. With low, masks lie on the decoder's raster of the whole frame.
func (m *Model) everything(ctx context.Context, f *pipeline.Frame, o Everything, low bool) ([]Found, error) {
	whole, err := pictureOf(f)
	if err != nil {
		return nil, err
	}
	var all []Found
	crops := cropsOf(whole.w, whole.h, o.CropLayers, o.CropOverlap)
	for _, c := range crops {
		found, err := m.inCrop(ctx, whole, c, o, low)
		if err != nil {
			return nil, err
		}
		all = append(all, suppress(found, o.BoxNMS, func(f *Found) float64 { return f.IoU })...)
	}
	if len(crops) > 1 {
		// What a smaller crop shows is sharper.
		all = suppress(all, o.CropNMS, func(f *Found) float64 { return 1 / f.Crop.Area() })
		slices.SortStableFunc(all, func(a, b Found) int { return cmp.Compare(b.IoU, a.IoU) })
	}
	return all, nil
}

// inCrop runs the grid of points over one crop.
func (m *Model) inCrop(ctx context.Context, whole picture, c crop, o Everything, low bool) ([]Found, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := whole.cut(c.box)
	b, err := m.encoder.get(p)
	if err != nil {
		return nil, err
	}
	found, err := m.onGrid(ctx, whole, p, c, b, o, low)
	if e := b.release(); err == nil {
		err = e
	}
	return found, err
}

func (m *Model) onGrid(ctx context.Context, whole, p picture, c crop, b *embedding, o Everything, low bool) ([]Found, error) {
	l := m.decoder.take()
	defer m.decoder.give(l)
	r := m.raster(b.fit, low)
	frame := c.grid(whole, m, low)
	n := max(o.PointsPerSide/intPow(o.CropPoints, c.layer), 1)
	var found []Found
	for i := range n * n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := pipeline.Point{
			X: (float64(i%n) + .5) / float64(n) * float64(p.w),
			Y: (float64(i/n) + .5) / float64(n) * float64(p.h),
		}
		if err := l.decode(m.decoder, b, &Prompt{Points: []pipeline.Point{at}}); err != nil {
			return nil, err
		}
		for _, k := range m.decoder.wanted(l.iou.Data, true) {
			iou := float64(l.iou.Data[k])
			if o.MinIoU > 0 && !(iou > o.MinIoU) {
				continue
			}
			mk, stability := r.judge(l.logits(k), float32(o.Offset))
			if o.MinStability > 0 && !(stability >= o.MinStability) || mk.Empty() {
				continue
			}
			if c.cutsOff(mk, whole) {
				continue
			}
			if mk = c.toFrame(mk, frame); mk.Empty() {
				continue
			}
			found = append(found, Found{
				Mask: mk, IoU: iou, Stability: stability, box: bounds(mk),
				Point: pipeline.Point{X: at.X + float64(c.box.Min.X), Y: at.Y + float64(c.box.Min.Y)},
				Crop:  pipeline.Box{X1: float64(c.box.Min.X), Y1: float64(c.box.Min.Y), X2: float64(c.box.Max.X), Y2: float64(c.box.Max.Y)},
			})
		}
	}
	return found, nil
}

func intPow(base, n int) int {
	v := 1
	for range n {
		v *= base
	}
	return v
}

// suppress keeps the best of overlapping boxes, best first: non-maximum suppression.
func suppress(found []Found, limit float64, score func(*Found) float64) []Found {
	slices.SortStableFunc(found, func(a, b Found) int { return cmp.Compare(score(&b), score(&a)) })
	kept := found[:0]
next:
	for i := range found {
		for j := range kept {
			if boxIoU(found[i].box, kept[j].box) > limit {
				continue next
			}
		}
		kept = append(kept, found[i])
	}
	clear(found[len(kept):])
	return kept
}

func boxIoU(a, b image.Rectangle) float64 {
	inter := a.Intersect(b)
	i := float64(inter.Dx() * inter.Dy())
	u := float64(a.Dx()*a.Dy()+b.Dx()*b.Dy()) - i
	if u <= 0 {
		return 0
	}
	return i / u
}
