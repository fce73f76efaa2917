package fastsam

/*
#cgo CFLAGS: -O3
#include "logits.h"
*/
import "C"

import (
	"image"
	"math"
	"unsafe"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// assembler turns kept candidates into segments with masks. It owns reusable memory and is
// not safe for concurrent use.
type assembler struct {
	row   []float32
	coeff []float32
	areas []int
	all   []mask.Mask
	words []uint64
}

// slab is the memory of one frame's masks, given back when the segmentation is released.
type slab struct {
	words []uint64
	masks []mask.Mask
	seg   pipeline.Segmentation
	mem   []pipeline.Segment
}

// assemble fills s.seg from candidates (best first) of one frame. proto is nm planes of ph x
// pw, out the frame's output0 of n anchors, firstCoeff the row of the first coefficient.
// Masks that are empty, or whose IoU with a better one is above maskIoU, are left out.
func (a *assembler) assemble(s *slab, l letterbox, kept []candidate, out []float32, n, firstCoeff, nm int, proto []float32, pw, ph int, maskIoU float64, classes int) {
	grid := l.grid(pw, ph)
	total := 0
	for i := range kept {
		total += mask.WordsFor(l.window(&kept[i], pw, ph))
	}
	if cap(s.words) < total {
		s.words = make([]uint64, total+total/4)
	}
	s.words = s.words[:cap(s.words)]
	if cap(s.masks) < len(kept) {
		s.masks = make([]mask.Mask, len(kept)+len(kept)/4)
		s.mem = make([]pipeline.Segment, 0, cap(s.masks))
	}
	s.masks, s.mem = s.masks[:cap(s.masks)], s.mem[:0]
	if len(a.row) < pw {
		a.row = make([]float32, pw)
	}
	if len(a.coeff) < nm {
		a.coeff = make([]float32, nm)
	}
	a.areas = a.areas[:0]
	used := 0
	for i := range kept {
		c := &kept[i]
		win := l.window(c, pw, ph)
		if win.Empty() {
			continue
		}
		for k := range nm {
			a.coeff[k] = out[(firstCoeff+k)*n+int(c.anchor)]
		}
		m := &s.masks[len(s.mem)]
		words := s.words[used : used+mask.WordsFor(win)]
		m.Reset(grid, win, words)
		area := int(C.outrider_mask((*C.float)(&proto[0]), C.int(pw), C.int(ph), C.int(nm), (*C.float)(&a.coeff[0]),
			C.int(win.Min.X), C.int(win.Min.Y), C.int(win.Max.X), C.int(win.Max.Y),
			(*C.uint64_t)(unsafe.Pointer(&words[0])), C.int((win.Dx()+63)/64), (*C.float)(&a.row[0])))
		if area == 0 || a.duplicate(s, m, area, maskIoU) {
			continue
		}
		used += len(words)
		a.areas = append(a.areas, area)
		seg := pipeline.Segment{Box: l.frameBox(c), Mask: m, Score: float64(c.score), Parent: -1}
		s.mem = append(s.mem, seg)
	}
	s.seg.Segments, s.seg.Grid = s.mem, grid
}

func (a *assembler) duplicate(s *slab, m *mask.Mask, area int, maskIoU float64) bool {
	for j := range s.mem {
		lo, hi := float64(min(area, a.areas[j])), float64(max(area, a.areas[j]))
		if lo <= maskIoU*hi {
			continue // even nested, their IoU could not be higher
		}
		if mask.IoUOfAreas(m, s.mem[j].Mask, area, a.areas[j]) > maskIoU {
			return true
		}
	}
	return false
}

// window is the part of the prototype grid inside a box: cells with x1 <= x < x2.
func (l *letterbox) window(c *candidate, pw, ph int) image.Rectangle {
	sx, sy := float64(pw)/float64(l.netW), float64(ph)/float64(l.netH)
	// Nothing lies in the grey margin.
	x1 := math.Max(float64(c.x1), float64(l.left)) * sx
	y1 := math.Max(float64(c.y1), float64(l.top)) * sy
	x2 := math.Min(float64(c.x2), float64(l.left+l.newW)) * sx
	y2 := math.Min(float64(c.y2), float64(l.top+l.newH)) * sy
	return image.Rect(int(math.Ceil(x1)), int(math.Ceil(y1)), int(math.Ceil(x2)), int(math.Ceil(y2))).Intersect(image.Rect(0, 0, pw, ph))
}

// frameBox maps a candidate to frame pixels, clipped to the frame.
func (l *letterbox) frameBox(c *candidate) pipeline.Box {
	x := func(v float32) float64 { return (float64(v) - float64(l.left)) / l.gain }
	y := func(v float32) float64 { return (float64(v) - float64(l.top)) / l.gain }
	return pipeline.Box{X1: x(c.x1), Y1: y(c.y1), X2: x(c.x2), Y2: y(c.y2)}.Clip(l.frameW, l.frameH)
}
