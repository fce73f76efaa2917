package trackeval

import (
	"image"
	"math"
	"math/rand/v2"
	"sort"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Parts is a segmenter without a model: it cuts the truth of a frame as a good
// segment-everything model would, so that what a tracker loses on it is the tracker's fault.
//
// Each object is given whole and as its upper, lower, left and right half; the rest of the
// frame as tiles. Every segment is moved by a jitter of its own, and some are left out. The
// same Seed gives the same answers. It is not safe for concurrent use.
type Parts struct {
	Jitter float64 // most that a segment is moved, as a share of the root of its area, default 0.03; negative for none
	Drop   float64 // share of segments left out, default 0.1; negative for none
	Cell   int     // side of a mask's cell in pixels, default 4
	Seed   uint64

	rnd *rand.Rand
}

// tiles of the background across and down.
const tilesX, tilesY = 4, 3

// Segment cuts a w x h frame whose objects' masks, on the frame's grid, are truth.
func (p *Parts) Segment(w, h int, truth []*mask.Mask) *pipeline.Segmentation {
	if p.rnd == nil {
		p.rnd = rand.New(rand.NewPCG(p.Seed, 1))
	}
	cell := float64(p.Cell)
	if p.Cell <= 0 {
		cell = 4
	}
	g := mask.Grid{W: int(math.Ceil(float64(w) / cell)), H: int(math.Ceil(float64(h) / cell)), SX: cell, SY: cell}
	out := &pipeline.Segmentation{Grid: g}
	all := mask.New(g, g.Bounds())
	for _, t := range truth {
		whole := t.Resample(g)
		if whole.Empty() {
			continue
		}
		all.Or(whole)
		b := whole.Bounds()
		x, y := median(whole)
		p.add(out, whole, 0.9, w, h)
		for _, half := range [...]image.Rectangle{
			{b.Min, image.Pt(b.Max.X, y)}, {image.Pt(b.Min.X, y), b.Max}, {b.Min, image.Pt(x, b.Max.Y)}, {image.Pt(x, b.Min.Y), b.Max},
		} {
			p.add(out, cut(whole, half), 0.75, w, h)
		}
	}
	for i := range tilesX * tilesY {
		x, y := i%tilesX, i/tilesX
		tile := image.Rect(g.W*x/tilesX, g.H*y/tilesY, g.W*(x+1)/tilesX, g.H*(y+1)/tilesY)
		m := mask.New(g, tile)
		m.Fill(tile)
		m.AndNot(all)
		p.add(out, m, 0.6, w, h)
	}
	sort.SliceStable(out.Segments, func(i, j int) bool { return out.Segments[i].Score > out.Segments[j].Score })
	parents(out.Segments)
	return out
}

// add moves a mask and adds it, unless it is left out.
func (p *Parts) add(out *pipeline.Segmentation, m *mask.Mask, score float64, w, h int) {
	jitter, drop := p.Jitter, p.Drop
	if jitter == 0 {
		jitter = 0.03
	}
	if drop == 0 {
		drop = 0.1
	}
	// Always the same number of draws, so that one segment's fate does not change another's.
	dx, dy, lot, wobble := 2*p.rnd.Float64()-1, 2*p.rnd.Float64()-1, p.rnd.Float64(), p.rnd.Float64()
	if m.Empty() || lot < drop {
		return
	}
	if most := max(0, jitter) * math.Sqrt(float64(m.Area())); most > 0 {
		m = m.Shift(int(math.Round(dx*most)), int(math.Round(dy*most)))
	}
	x1, y1, x2, y2 := m.FrameBounds()
	box := pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}.Clip(w, h)
	if m.Empty() || box.Area() <= 0 {
		return
	}
	out.Segments = append(out.Segments, pipeline.Segment{Box: box, Mask: m, Score: score + 0.08*wobble, Parent: -1})
}

// median is where a mask's area is halved, by column and by row.
func median(m *mask.Mask) (x, y int) {
	b := m.Bounds()
	half := func(lo, hi int, count func(i int) int) int {
		sum, all := 0, m.Area()
		for i := lo; i < hi; i++ {
			if sum += count(i); 2*sum >= all {
				return i + 1
			}
		}
		return hi
	}
	x = half(b.Min.X, b.Max.X, func(i int) int { return cut(m, image.Rect(i, b.Min.Y, i+1, b.Max.Y)).Area() })
	y = half(b.Min.Y, b.Max.Y, func(i int) int { return cut(m, image.Rect(b.Min.X, i, b.Max.X, i+1)).Area() })
	return x, y
}

// cut is the part of a mask in a rectangle of cells.
func cut(m *mask.Mask, r image.Rectangle) *mask.Mask {
	if r.Empty() {
		r = image.Rectangle{}
	}
	c := mask.New(m.Grid(), r)
	c.Fill(r)
	c.And(m)
	return c
}

// parents fills Parent and Level by the vocabulary's rule.
func parents(segs []pipeline.Segment) {
	for i := range segs {
		s := &segs[i]
		for j := range segs {
			q := &segs[j]
			if i != j && float64(s.Mask.Area()) <= 0.8*float64(q.Mask.Area()) && mask.Containment(s.Mask, q.Mask) >= 0.95 &&
				(s.Parent < 0 || q.Mask.Area() < segs[s.Parent].Mask.Area()) {
				s.Parent = j
			}
		}
	}
	for i := range segs {
		for j := segs[i].Parent; j >= 0; j = segs[j].Parent {
			segs[i].Level++
		}
	}
}
