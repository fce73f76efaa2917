package fastsam

import (
	"image"
	"math"
	"slices"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// The functions below answer prompts as the reference programs do, faults and all, on a
// segmentation with masks at the frame's resolution (SegmentFull). They are for comparison;
// Points and Boxes are the ones to use.

// UltralyticsPoints keeps the segments that hold any point of label 1 and none of label 0;
// without a point of label 1, all that hold no point. The order is that of the segments.
func UltralyticsPoints(s *pipeline.Segmentation, at []image.Point, labels []int) []int {
	positive := slices.Contains(labels, 1)
	out := []int{}
	for i := range s.Segments {
		m := s.Segments[i].Mask
		hit, miss := false, false
		for n, p := range at {
			if m.Has(p.X, p.Y) {
				hit = hit || labels[n] == 1
				miss = miss || labels[n] == 0
			}
		}
		if !miss && (hit || !positive) {
			out = append(out, i)
		}
	}
	return out
}

// UltralyticsBoxes answers each box with the segment of the highest IoU with it, whatever
// that is, and returns the set of answers in the order of the segments: which box got which
// is lost. It is empty without segments.
func UltralyticsBoxes(s *pipeline.Segmentation, boxes []pipeline.Box) []int {
	return bestSet(s, boxes, func(v float64) int { return int(v) })
}

// CASIABoxes does the same with the corners rounded.
func CASIABoxes(s *pipeline.Segmentation, boxes []pipeline.Box) []int {
	return bestSet(s, boxes, func(v float64) int { return int(math.RoundToEven(v)) })
}

func bestSet(s *pipeline.Segmentation, boxes []pipeline.Box, whole func(float64) int) []int {
	out := []int{}
	if len(s.Segments) == 0 {
		return out
	}
	for _, b := range boxes {
		m := mask.New(s.Grid, image.Rect(
			max(0, whole(b.X1)), max(0, whole(b.Y1)), min(s.Grid.W, whole(b.X2)), min(s.Grid.H, whole(b.Y2))))
		m.Fill(m.Window())
		area := m.Area()
		best, iou := 0, math.Inf(-1)
		for i := range s.Segments {
			o := s.Segments[i].Mask
			if v := mask.IoUOfAreas(o, m, o.Area(), area); v > iou {
				best, iou = i, v
			}
		}
		if !slices.Contains(out, best) {
			out = append(out, best)
		}
	}
	slices.Sort(out)
	return out
}

// CASIAPoints paints one mask: the segments, large ones first, each painting itself for every
// point of label 1 that it holds and wiping itself for every one of label 0. Small segments
// win over large ones, and a point off the object wipes only segments that hold it.
func CASIAPoints(s *pipeline.Segmentation, at []image.Point, labels []int) *mask.Mask {
	order := make([]int, len(s.Segments))
	area := make([]int, len(s.Segments))
	for i := range order {
		order[i], area[i] = i, s.Segments[i].Mask.Area()
	}
	slices.SortStableFunc(order, func(a, b int) int { return area[b] - area[a] })
	canvas := mask.New(s.Grid, s.Grid.Bounds())
	for _, i := range order {
		m := s.Segments[i].Mask
		for n, p := range at {
			if !m.Has(p.X, p.Y) {
				continue
			}
			if labels[n] == 1 {
				canvas.Or(m)
			} else if labels[n] == 0 {
				canvas.AndNot(m)
			}
		}
	}
	return canvas
}
