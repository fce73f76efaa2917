package tracker

import (
	"image"
	"math"

	"outrider/pipeline"
	"outrider/pipeline/flow"
	"outrider/pipeline/mask"
)

// hold is the shape of a followed object: for each cell of the grid the chance that it is the
// object's. It moves with the pixels of the object from frame to frame, and the segments of
// each frame correct it. So it outlasts frames in which the object comes in other pieces, or
// not at all, and a segment of something else does not replace it.
type hold struct {
	id     uint64 // of the track
	grid   mask.Grid
	chance []float32       // by cell, rows tight
	window image.Rectangle // outside, chance is 0
	area   float64         // sum of chance
	cx, cy float64         // their centre, in cells
	since  float64         // when a segment last agreed, seconds
	last   flow.Similarity // how it moved in the frame before
	blind  int             // frames since its pixels last told that
	looks  portrait
}

// How a held object's motion is measured. Distances are in pixels of the compared picture.
const (
	holdPoints = 60   // about so many points of it are followed
	holdCell   = 4    // one in so many squared at most,
	holdWithin = 1.5  // and agree within so much,
	holdFewest = 5    // at least so many of them,
	holdShare  = 0.4  // and such a share.
	holdTurns  = 12   // and so many to believe that it turned or grew;
	holdScale  = 1.25 // most growth or shrinkage from one frame to the next
)

// How segments correct a shape: one that overlaps it by holdTake is the object, and moves each
// cell's chance by holdRate; without motion to go by, by holdBlind.
const (
	holdTake  = 0.5
	holdRate  = 0.6
	holdBlind = 0.8
	holdGoes  = 3    // frames that it goes on as it went when its pixels do not tell
	holdEdge  = 1.25 // contrast put back after each move, which blurs
	holdPart  = 0.75 // share of a part that lies in the shape
	holdAlone = 0.5  // seconds for which pixels alone carry it
	holdLeast = 6    // cells: below, there is no shape to speak of
)

// A union of parts is taken only when no segment of its own does nearly as well.
const (
	wholeLike = 0.6
	wholeLess = 0.25
)

// The least likeness of colours to believe that a shape is still the object: when its pixels
// alone carry it, when a segment overlaps it well and not so well, and for a leap.
const (
	colorCarry = 0.7
	colorSure  = 0.75 // overlap
	colorTake  = 0.6
	colorLeap  = 0.65
)

// Where pixels mislead, as those around a small object do, a segment elsewhere can be the
// object: of about its area, not far away in sizes (roots of its area), much more alike once
// the shape is put over it than the best one in place, and alone in that.
const (
	leapFrom  = 0.7  // not when the overlap in place is so good
	leapArea  = 1.6  // ratio of the areas
	leapGrow  = 0.5  // and for each second out of sight so much more, up to
	leapOther = 2.5  // so much
	leapReach = 1.5  // sizes, and for each second out of sight
	leapAgain = 0.75 // so many more, up to
	leapMost  = 4.0  // so many
	leapLike  = 0.6  // least overlap
	leapCost  = 0.15 // off the overlap, for each size away
	leapGain  = 0.1  // over the best in place, and over any other elsewhere
)

// set makes the shape that of m.
func (h *hold) set(id uint64, m *mask.Mask, t float64) {
	g := m.Grid()
	if h.id != id {
		h.looks.known = false
	}
	h.id, h.grid, h.since = id, g, t
	h.last, h.blind = flow.Identity, 0
	h.chance = resize(h.chance, g.W*g.H)
	clear(h.chance)
	h.window = m.Bounds()
	for y := h.window.Min.Y; y < h.window.Max.Y; y++ {
		for x0, x1, ok := m.NextRun(y, h.window.Min.X); ok; x0, x1, ok = m.NextRun(y, x1) {
			fill(h.chance[y*g.W+x0:y*g.W+x1], 1)
		}
	}
	h.weigh()
}

func (h *hold) at(p pipeline.Point) bool {
	cx, cy := h.grid.ToCell(p.X, p.Y)
	q := image.Pt(int(math.Floor(cx)), int(math.Floor(cy)))
	return q.In(h.window) && h.chance[q.Y*h.grid.W+q.X] >= 0.5
}

// box of the window in frame pixels.
func (h *hold) box() pipeline.Box {
	x1, y1 := h.grid.ToFrame(float64(h.window.Min.X), float64(h.window.Min.Y))
	x2, y2 := h.grid.ToFrame(float64(h.window.Max.X), float64(h.window.Max.Y))
	return pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}
}

// move takes the shape along m, by bilinear sampling; scratch must have the grid's size.
func (h *hold) move(m flow.Similarity, scratch []float32) []float32 {
	g, b := h.grid, h.box()
	var out pipeline.Box
	for k, c := range corners(b) {
		p := m.Apply(c)
		q := pipeline.Box{X1: p.X, Y1: p.Y, X2: p.X, Y2: p.Y}
		if k > 0 {
			q = pipeline.Box{X1: min(out.X1, p.X), Y1: min(out.Y1, p.Y), X2: max(out.X2, p.X), Y2: max(out.Y2, p.Y)}
		}
		out = q
	}
	cell := func(v, size float64, n int) int { return int(min(max(v/size, 0), float64(n))) }
	x1, y1 := g.ToCell(out.X1, out.Y1)
	x2, y2 := g.ToCell(out.X2, out.Y2)
	w := image.Rect(cell(x1-1, 1, g.W), cell(y1-1, 1, g.H), cell(x2+2, 1, g.W), cell(y2+2, 1, g.H))
	clear(scratch)
	back := m.Invert()
	for y := w.Min.Y; y < w.Max.Y; y++ {
		for x := w.Min.X; x < w.Max.X; x++ {
			fx, fy := g.ToFrame(float64(x)+0.5, float64(y)+0.5)
			p := back.Apply(pipeline.Point{X: fx, Y: fy})
			cx, cy := g.ToCell(p.X, p.Y)
			v := (h.sample(cx-0.5, cy-0.5)-0.5)*holdEdge + 0.5
			if v <= 0 {
				continue
			}
			v = min(v, 1)
			scratch[y*g.W+x] = v
		}
	}
	old := h.chance
	h.chance, h.window = scratch, w
	h.weigh()
	return old
}

// sample is the chance at a position in cells, between their centres.
func (h *hold) sample(x, y float64) float32 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	ax, ay := float32(x-fx), float32(y-fy)
	get := func(x, y int) float32 {
		if !image.Pt(x, y).In(h.window) {
			return 0
		}
		return h.chance[y*h.grid.W+x]
	}
	return (get(ix, iy)*(1-ax)+get(ix+1, iy)*ax)*(1-ay) + (get(ix, iy+1)*(1-ax)+get(ix+1, iy+1)*ax)*ay
}

// inside is the part of the shape that m covers when the shape is shifted by dx, dy cells.
func (h *hold) inside(m *mask.Mask, dx, dy int) float64 {
	b := m.Window().Intersect(h.window.Add(image.Pt(dx, dy)))
	sum := float32(0)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		row := h.chance[(y-dy)*h.grid.W : (y-dy+1)*h.grid.W]
		for x0, x1, ok := m.NextRun(y, b.Min.X); ok && x0 < b.Max.X; x0, x1, ok = m.NextRun(y, x1) {
			for _, v := range row[x0-dx : min(x1, b.Max.X)-dx] {
				sum += v
			}
		}
	}
	return float64(sum)
}

// weigh sets the area and the centre.
func (h *hold) weigh() {
	h.area, h.cx, h.cy = 0, 0, 0
	for y := h.window.Min.Y; y < h.window.Max.Y; y++ {
		row := h.chance[y*h.grid.W : (y+1)*h.grid.W]
		for x := h.window.Min.X; x < h.window.Max.X; x++ {
			v := float64(row[x])
			h.area += v
			h.cx += v * (float64(x) + 0.5)
			h.cy += v * (float64(y) + 0.5)
		}
	}
	if h.area > 0 {
		h.cx /= h.area
		h.cy /= h.area
	}
}

// blend moves the chances towards m by rate.
func (h *hold) blend(m *mask.Mask, rate float32) {
	h.window = h.window.Union(m.Bounds())
	for y := h.window.Min.Y; y < h.window.Max.Y; y++ {
		row := h.chance[y*h.grid.W : (y+1)*h.grid.W]
		for x := h.window.Min.X; x < h.window.Max.X; x++ {
			v := row[x] * (1 - rate)
			if m.Has(x, y) {
				v += rate
			}
			if v < 0.02 {
				v = 0
			}
			row[x] = v
		}
	}
	h.weigh()
}

// mask writes the cells that are more likely the object's than not.
func (h *hold) mask(m *mask.Mask) {
	m.Reset(h.grid, h.window, nil)
	for y := h.window.Min.Y; y < h.window.Max.Y; y++ {
		row := h.chance[y*h.grid.W : (y+1)*h.grid.W]
		for x := h.window.Min.X; x < h.window.Max.X; {
			if row[x] < 0.5 {
				x++
				continue
			}
			from := x
			for x < h.window.Max.X && row[x] >= 0.5 {
				x++
			}
			m.SetRun(y, from, x)
		}
	}
}
