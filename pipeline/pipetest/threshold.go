package pipetest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// ThresholdSegmenter segments by colour: every connected patch of a colour of Palette is a
// segment, labelled with the colour's name, scored by how much of its box it fills. The zero
// value is ready; safe for concurrent use.
type ThresholdSegmenter struct {
	Cell      int   // side of a mask cell in frame pixels, default 1; a cell takes the colour at its middle
	MinArea   int   // least cells of a segment, default 4
	Tolerance int   // how far each channel may be off, default 80: video is lossy
	Err       error // when set, Segment fails with it

	calls atomic.Int64
	alive atomic.Int64
	mu    sync.Mutex
	free  []*segmented
}

var _ pipeline.Segmenter = (*ThresholdSegmenter)(nil)

// segmented is the reusable memory of one answer.
type segmented struct {
	pipeline.Segmentation
	colors  []*mask.Mask // whole frame, one a colour
	masks   []*mask.Mask // of the segments
	labeler mask.Labeler
}

// Calls is the number of calls of Segment so far.
func (s *ThresholdSegmenter) Calls() int { return int(s.calls.Load()) }

// Outstanding is the number of answers that were not released yet.
func (s *ThresholdSegmenter) Outstanding() int { return int(s.alive.Load()) }

// Segment implements pipeline.Segmenter.
func (s *ThresholdSegmenter) Segment(ctx context.Context, frames []*pipeline.Frame) ([]*pipeline.Segmentation, error) {
	s.calls.Add(1)
	if s.Err != nil {
		return nil, s.Err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]*pipeline.Segmentation, len(frames))
	for i, f := range frames {
		a := s.take()
		s.segment(a, f)
		out[i] = &a.Segmentation
	}
	return out, nil
}

func (s *ThresholdSegmenter) take() *segmented {
	s.alive.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		a := s.free[n-1]
		s.free = s.free[:n-1]
		return a
	}
	a := &segmented{}
	for range Palette {
		a.colors = append(a.colors, &mask.Mask{})
	}
	a.Free = func() {
		s.alive.Add(-1)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.free = append(s.free, a)
	}
	return a
}

func (s *ThresholdSegmenter) segment(a *segmented, f *pipeline.Frame) {
	cell, least, tolerance := cmp.Or(s.Cell, 1), cmp.Or(s.MinArea, 4), cmp.Or(s.Tolerance, 80)
	g := mask.Grid{W: (f.Width + cell - 1) / cell, H: (f.Height + cell - 1) / cell, SX: float64(cell), SY: float64(cell)}
	a.Grid, a.Segments = g, a.Segments[:0]
	for _, m := range a.colors {
		m.Reset(g, g.Bounds(), nil)
	}
	for y := range g.H {
		line := f.Data[3*f.Width*min(y*cell+cell/2, f.Height-1):]
		for x := range g.W {
			p := line[3*min(x*cell+cell/2, f.Width-1):]
			if i := colorIndex(p[0], p[1], p[2], tolerance); i >= 0 {
				a.colors[i].Set(x, y)
			}
		}
	}
	for i, m := range a.colors {
		for k, c := range a.labeler.Components(m) {
			if c.Area >= least {
				a.add(k, c, Palette[i].Name, f)
			}
		}
	}
	slices.SortStableFunc(a.Segments, func(p, q pipeline.Segment) int { return cmp.Compare(q.Score, p.Score) })
}

// add makes a segment of component k, which is c.
func (a *segmented) add(k int, c mask.Component, label string, f *pipeline.Frame) {
	n := len(a.Segments)
	if n == len(a.masks) {
		a.masks = append(a.masks, &mask.Mask{})
	}
	m := a.masks[n]
	a.labeler.Extract(k, m)
	x1, y1, x2, y2 := m.FrameBounds()
	a.Segments = append(a.Segments, pipeline.Segment{
		Box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}.Clip(f.Width, f.Height), Mask: m,
		Score: float64(c.Area) / float64(c.Bounds.Dx()*c.Bounds.Dy()), Parent: -1, Label: label,
	})
}
