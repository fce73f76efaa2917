package overlay

import (
	"math"
	"slices"

	"outrider/pipeline"
)

// segmentFill is how strongly the layer of segments tints, of 256; pictures of segments alone
// are tinted more.
const (
	segmentFill = 72  // 28 %
	pictureFill = 128 // 50 %
)

// segmentMap says for every pixel which segment shows there.
type segmentMap struct {
	label []uint16 // 0 for none, else rank+1
	order []int32  // segments, large first
	area  []float64
	tints []tint
}

// DrawSegments paints all segments of a frameW x frameH frame on pix, the tight BGR rows of a
// w x h picture: each in a colour of its own with a thin dark border, small ones over the large ones that
// hold them. It does nothing when pix is too short or a side is not positive.
func (p *Painter) DrawSegments(pix []byte, w, h int, segments []pipeline.Segment, frameW, frameH int) {
	if p.begin(pix, w, h, frameW, frameH) {
		p.drawSegments(segments, pictureFill)
	}
}

func (p *Painter) drawSegments(segments []pipeline.Segment, strength uint32) {
	s, c := &p.segments, &p.canvas
	s.sort(segments)
	if n := c.w * c.h; cap(s.label) < n {
		s.label = make([]uint16, n)
	} else {
		s.label = s.label[:n]
		clear(s.label)
	}
	for rank, i := range s.order {
		p.outline(segments[i].Mask)
		id := uint16(rank + 1)
		p.filler.fill(p.rings, c.w, c.h, func(y, x0, x1 int) {
			row := s.label[y*c.w+x0 : y*c.w+x1]
			for k := range row {
				row[k] = id
			}
		})
	}
	for len(s.tints) < len(s.order) {
		s.tints = append(s.tints, tint{})
	}
	for rank := range s.order {
		s.tints[rank].set(segmentPaint(rank), strength)
	}
	for y := range c.h {
		row := s.label[y*c.w : (y+1)*c.w]
		below := s.label[min(y+1, c.h-1)*c.w:]
		for x := 0; x < c.w; {
			id, from := row[x], x
			for x < c.w && row[x] == id {
				x++
			}
			if id != 0 {
				c.span(y, from, x, &s.tints[id-1])
			}
			// A border where the next pixel, to the right or below, is another's.
			for k := from; k < x; k++ {
				if k == x-1 && x < c.w || below[k] != id {
					blend(c.pix[3*(y*c.w+k):], black, 140)
				}
			}
		}
	}
}

// sort orders the segments that have cells by area, large first, ties by index. Those beyond
// what the map can number, the smallest, are left out.
func (s *segmentMap) sort(segments []pipeline.Segment) {
	s.order, s.area = s.order[:0], s.area[:0]
	for i := range segments {
		a := 0.
		if m := segments[i].Mask; m != nil {
			a = m.PixelArea()
		}
		s.area = append(s.area, a)
		if a > 0 {
			s.order = append(s.order, int32(i))
		}
	}
	slices.SortStableFunc(s.order, func(a, b int32) int {
		switch {
		case s.area[a] > s.area[b]:
			return -1
		case s.area[a] < s.area[b]:
			return 1
		}
		return 0
	})
	s.order = s.order[:min(len(s.order), math.MaxUint16-1)]
}

// segmentPaint is the colour of the n-th segment: steps of the golden angle around the hues, so that
// neighbours in the order differ, in three brightnesses.
func segmentPaint(n int) rgb {
	hue := math.Mod(float64(n)*137.50776, 360) / 60
	value := [3]float64{1, .75, .9}[n%3]
	channel := func(shift float64) byte {
		k := math.Mod(hue+shift, 6)
		return byte(255 * value * (1 - .8*max(0, min(1, min(k, 4-k)))))
	}
	return rgb{channel(5), channel(3), channel(1)}
}
