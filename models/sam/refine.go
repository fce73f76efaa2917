package sam

import (
	"context"
	"errors"
	"fmt"

	"outrider/pipeline"
)

var _ pipeline.Refiner = (*Model)(nil)

// Refine implements pipeline.Refiner. The frame is encoded once. Each object's box is asked
// for its masks (part, larger part, whole where the decoder has them); the one that is most
// like the object's mask, so that a coat does not become the person, is fed back with the box,
// and the answer is the object. Without a mask the best predicted one is.
func (m *Model) Refine(ctx context.Context, f *pipeline.Frame, objects []pipeline.Region) ([]pipeline.Refined, error) {
	if err := m.enter(); err != nil {
		return nil, fmt.Errorf("refine masks: %w", err)
	}
	defer m.busy.Done()
	out, err := m.refine(ctx, f, objects)
	if err != nil {
		return nil, fmt.Errorf("refine masks: %w", err)
	}
	return out, nil
}

func (m *Model) refine(ctx context.Context, f *pipeline.Frame, objects []pipeline.Region) (out []pipeline.Refined, err error) {
	p, err := pictureOf(f)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil || len(objects) == 0 {
		return nil, err
	}
	b, err := m.encoder.get(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.release()) }()
	l := m.decoder.take()
	defer m.decoder.give(l)
	r := m.raster(b.fit, m.LowResolution)
	out = make([]pipeline.Refined, len(objects))
	for i := range objects {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		q := Prompt{Box: &objects[i].Box}
		if q.validate(p.w, p.h, m.decoder.contract.mask) != nil {
			continue // outside the frame there is nothing to see
		}
		if err := l.decode(m.decoder, b, &q); err != nil {
			return nil, fmt.Errorf("object %d of %d: %w", i+1, len(objects), err)
		}
		best, most := 0, -1.0
		for _, k := range m.decoder.wanted(l.iou.Data, true) {
			like := float64(l.iou.Data[k])
			if objects[i].Mask != nil {
				like = m.likeness(b.fit, l.logits(k), objects[i].Mask)
			}
			if like > most {
				best, most = k, like
			}
		}
		q.Mask = append([]float32(nil), l.logits(best)...)
		if err := l.decode(m.decoder, b, &q); err != nil {
			return nil, fmt.Errorf("object %d of %d: %w", i+1, len(objects), err)
		}
		k := m.decoder.wanted(l.iou.Data, false)[0]
		out[i] = pipeline.Refined{Mask: r.mask(l.logits(k)), Score: min(max(float64(l.iou.Data[k]), 0), 1)}
	}
	return out, nil
}

// likeness is the IoU of positive logits and a region, on the decoder's cells.
func (m *Model) likeness(f fit, low []float32, of pipeline.Masker) float64 {
	side := m.decoder.contract.mask
	g := lowGrid(f, side)
	both, either := 0, 0
	for y := range g.H {
		for x := range g.W {
			on := low[y*side+x] > 0
			fx, fy := g.ToFrame(float64(x)+.5, float64(y)+.5)
			in := of.At(fx, fy)
			if on && in {
				both++
			}
			if on || in {
				either++
			}
		}
	}
	if either == 0 {
		return 0
	}
	return float64(both) / float64(either)
}
