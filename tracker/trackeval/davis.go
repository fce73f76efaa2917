package trackeval

import (
	"image"
	"math"

	"outrider/pipeline/mask"
)

// Region is DAVIS' J of one frame: the IoU of two masks on one grid, 1 when both are empty.
func Region(a, truth *mask.Mask) float64 {
	if a.Empty() && truth.Empty() {
		return 1
	}
	return mask.IoU(a, truth)
}

// Contour measures DAVIS' F on frames of one size; its memory is reused. The zero value is
// ready.
type Contour struct {
	w, h   int
	radius int
	disk   []int // half width by row of the disk
	a, b   plane
	da, db plane
}

// plane is a picture of w x h flags with a margin, so that a disk never leaves it.
type plane struct {
	on   []bool
	list []image.Point
}

// boundaryTolerance is how far apart boundaries may be, as a share of the frame's diagonal.
const boundaryTolerance = 0.008

// F is the harmonic mean of the precision and recall of a's boundary against truth's, each
// boundary pixel counting when the other's boundary is within ceil(0.008 diagonal) pixels.
// Both masks must lie on FrameGrid(w, h).
func (c *Contour) F(a, truth *mask.Mask, w, h int) float64 {
	c.size(w, h)
	c.boundary(&c.a, a)
	c.boundary(&c.b, truth)
	c.dilate(&c.da, &c.a)
	c.dilate(&c.db, &c.b)
	precision, recall := c.share(&c.a, &c.db), c.share(&c.b, &c.da)
	na, nb := len(c.a.list), len(c.b.list)
	switch {
	case na == 0 && nb == 0:
		precision, recall = 1, 1
	case na == 0:
		precision, recall = 1, 0
	case nb == 0:
		precision, recall = 0, 1
	}
	if precision+recall == 0 {
		return 0
	}
	return 2 * precision * recall / (precision + recall)
}

func (c *Contour) size(w, h int) {
	if w == c.w && h == c.h {
		return
	}
	c.w, c.h = w, h
	c.radius = int(math.Ceil(boundaryTolerance * math.Hypot(float64(w), float64(h))))
	c.disk = c.disk[:0]
	for dy := -c.radius; dy <= c.radius; dy++ {
		half := 0
		for half+1 <= c.radius && (half+1)*(half+1)+dy*dy <= c.radius*c.radius {
			half++
		}
		c.disk = append(c.disk, half)
	}
	for _, p := range []*plane{&c.a, &c.b, &c.da, &c.db} {
		*p = plane{on: make([]bool, w*h)}
	}
}

// boundary marks the pixels that differ from their right, lower or lower right neighbour, as
// seg2bmap of the DAVIS tools does.
func (c *Contour) boundary(p *plane, m *mask.Mask) {
	clear(p.on)
	p.list = p.list[:0]
	b := m.Bounds()
	if b.Empty() {
		return
	}
	for y := max(b.Min.Y-1, 0); y < b.Max.Y; y++ {
		for x := max(b.Min.X-1, 0); x < b.Max.X; x++ {
			v := m.Has(x, y)
			right, below := x+1 < c.w, y+1 < c.h
			edge := right && m.Has(x+1, y) != v || below && m.Has(x, y+1) != v || right && below && m.Has(x+1, y+1) != v
			if edge {
				p.on[y*c.w+x] = true
				p.list = append(p.list, image.Pt(x, y))
			}
		}
	}
}

func (c *Contour) dilate(to, from *plane) {
	clear(to.on)
	for _, q := range from.list {
		for i, half := range c.disk {
			y := q.Y + i - c.radius
			if y < 0 || y >= c.h {
				continue
			}
			for x := max(q.X-half, 0); x <= min(q.X+half, c.w-1); x++ {
				to.on[y*c.w+x] = true
			}
		}
	}
}

// share is the part of p's pixels that lie in near.
func (c *Contour) share(p, near *plane) float64 {
	n := 0
	for _, q := range p.list {
		if near.on[q.Y*c.w+q.X] {
			n++
		}
	}
	return float64(n) / math.Max(1, float64(len(p.list)))
}

// Course is a figure over the frames of a video.
type Course struct {
	Mean   float64
	Recall float64 // share of frames above 0.5
	Decay  float64 // first quarter minus last
}

// Summarize makes a Course of the values by frame. The first and last frame must be left out
// already, as DAVIS does.
func Summarize(v []float64) Course {
	if len(v) == 0 {
		return Course{}
	}
	c := Course{Mean: mean(v)}
	for _, x := range v {
		if x > 0.5 {
			c.Recall += 1 / float64(len(v))
		}
	}
	n := float64(len(v))
	at := func(k int) int { return int(math.RoundToEven(1+(n-1)*float64(k)/4+1e-10)) - 1 }
	c.Decay = mean(v[at(0):at(1)+1]) - mean(v[at(3):at(4)+1])
	return c
}

func mean(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}
