package sam

import (
	"context"
	"fmt"

	"outrider/pipeline"
)

// Segment implements pipeline.Segmenter: everything mode by the settings in m.Everything, on
// the decoder's own raster, with parents and levels. It runs the decoder once a grid point:
// a matter of seconds on a CPU, for key frames and still pictures.
func (m *Model) Segment(ctx context.Context, frames []*pipeline.Frame) ([]*pipeline.Segmentation, error) {
	if err := m.enter(); err != nil {
		return nil, fmt.Errorf("segment %d frames: %w", len(frames), err)
	}
	defer m.busy.Done()
	out := make([]*pipeline.Segmentation, len(frames))
	for i, f := range frames {
		s, err := m.segment(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("segment frame %d of %d: %w", i+1, len(frames), err)
		}
		out[i] = s
	}
	return out, nil
}

func (m *Model) segment(ctx context.Context, f *pipeline.Frame) (*pipeline.Segmentation, error) {
	found, err := m.everything(ctx, f, m.Everything.withDefaults(), true)
	if err != nil {
		return nil, err
	}
	s := &pipeline.Segmentation{Grid: lowGrid(m.encoder.place(picture{w: f.Width, h: f.Height}), m.decoder.contract.mask)}
	for i := range found {
		if seg, ok := segmentOf(found[i].Mask, found[i].IoU); ok {
			seg.Box = seg.Box.Clip(f.Width, f.Height)
			s.Segments = append(s.Segments, seg)
		}
	}
	m.treeMu.Lock()
	m.tree.Build(s.Segments)
	m.treeMu.Unlock()
	return s, nil
}
