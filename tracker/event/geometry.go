package event

import (
	"math"
	"math/bits"
	"reflect"
	"time"

	"outrider/pipeline"
)

// zone is a zone, its rings in frame pixels and its totals.
type zone struct {
	given   pipeline.Zone // as it was set
	spec    pipeline.Zone // with the size that its points are of
	rings   [][]pipeline.Point
	bounds  pipeline.Box
	narrow  float64 // a quarter of the narrower side of bounds, pixels
	sources []int   // indexes of the zones in TripsFrom, -1 for none

	entered, appeared, left, vanished, loiters uint64
	trips                                      []pipeline.TripCount
	since                                      time.Time

	inside, active int            // as of this frame
	labels         map[string]int // as of this frame; those at 0 stay
	moving         map[string]int // of them, those that are not stationary
}

// sameGeometry tells whether the zones cover the same ground, so that counts go on.
func sameGeometry(a, b *pipeline.Zone) bool {
	return a.Size == b.Size && reflect.DeepEqual(a.Polygon, b.Polygon) && reflect.DeepEqual(normal(a.Holes), normal(b.Holes))
}

// normal makes no list of an empty one.
func normal(h [][]pipeline.Point) [][]pipeline.Point {
	if len(h) == 0 {
		return nil
	}
	return h
}

// resize lays the zone over frames of w x h pixels.
func (z *zone) resize(w, h int) {
	if w == 0 {
		return
	}
	z.spec = z.spec.Sized(w, h)
	z.rings = z.spec.Outlines(w, h)
	b := pipeline.Box{X1: math.Inf(1), Y1: math.Inf(1), X2: math.Inf(-1), Y2: math.Inf(-1)}
	for _, p := range z.rings[0] {
		b.X1, b.Y1, b.X2, b.Y2 = min(b.X1, p.X), min(b.Y1, p.Y), max(b.X2, p.X), max(b.Y2, p.Y)
	}
	z.bounds, z.narrow = b, min(b.W(), b.H())/4
}

// depth is how far inside the zone p lies, in pixels; negative outside. Far outside it is only
// known to be less than -margin.
func (z *zone) depth(p pipeline.Point, margin float64) float64 {
	if p.X < z.bounds.X1-margin || p.X > z.bounds.X2+margin || p.Y < z.bounds.Y1-margin || p.Y > z.bounds.Y2+margin {
		return math.Inf(-1)
	}
	in, nearest := false, math.Inf(1)
	for _, ring := range z.rings {
		a := ring[len(ring)-1]
		for _, b := range ring {
			if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
				in = !in
			}
			nearest = min(nearest, squaredDistance(p, a, b))
			a = b
		}
	}
	if d := math.Sqrt(nearest); in {
		return d
	} else {
		return -d
	}
}

// squaredDistance is that of p from the segment ab.
func squaredDistance(p, a, b pipeline.Point) float64 {
	dx, dy := b.X-a.X, b.Y-a.Y
	t := 0.
	if l := dx*dx + dy*dy; l > 0 {
		t = min(1, max(0, ((p.X-a.X)*dx+(p.Y-a.Y)*dy)/l))
	}
	x, y := p.X-a.X-t*dx, p.Y-a.Y-t*dy
	return x*x + y*y
}

// line is a line, its ends in frame pixels and its totals.
type line struct {
	given, spec pipeline.Line
	from, to    pipeline.Point
	length      float64
	in, out     uint64
	labels      []pipeline.LabelCrossing // by label
	last, since time.Time
}

func (l *line) resize(w, h int) {
	if w == 0 {
		return
	}
	l.spec = l.spec.Sized(w, h)
	l.from, l.to = l.spec.Ends(w, h)
	l.length = math.Hypot(l.to.X-l.from.X, l.to.Y-l.from.Y)
}

// offset is the signed distance of p from the endless line, in pixels: positive on side B, to
// the right of the way from From to To.
func (l *line) offset(p pipeline.Point) float64 {
	return ((l.to.X-l.from.X)*(p.Y-l.from.Y) - (l.to.Y-l.from.Y)*(p.X-l.from.X)) / l.length
}

// between tells whether p, on the endless line, lies between the ends.
func (l *line) between(p pipeline.Point) bool {
	t := ((p.X-l.from.X)*(l.to.X-l.from.X) + (p.Y-l.from.Y)*(l.to.Y-l.from.Y)) / (l.length * l.length)
	return t >= 0 && t <= 1
}

// The anchors of an object by index.
const (
	ground = iota
	bottom
	center
	anchors
)

func anchorIndex(a pipeline.Anchor) int {
	switch a {
	case pipeline.AnchorBottom:
		return bottom
	case pipeline.AnchorCenter:
		return center
	}
	return ground
}

// foot is the share of an object's height that its lowest rows make up: the middle of one row
// alone jumps from foot to foot.
const foot = 0.1

// contact is where an object meets the ground: the middle of its mask's lowest rows, else the
// bottom centre of its box.
func contact(t *pipeline.Track) pipeline.Point {
	at := pipeline.Point{X: (t.Box.X1 + t.Box.X2) / 2, Y: t.Box.Y2}
	m := t.Mask
	if m == nil {
		return at
	}
	g, win := m.Grid(), m.Window()
	if !(g.SX > 0 && g.SY > 0) {
		return at
	}
	rows, low := max(1, int(foot*t.Box.H()/g.SY)), -1
	sum, n := 0, 0
	for y := win.Max.Y - 1; y >= win.Min.Y && (low < 0 || low-y < rows); y-- {
		for i, w := range m.Row(y) {
			for ; w != 0; w &= w - 1 {
				sum += win.Min.X + 64*i + bits.TrailingZeros64(w)
				n++
			}
		}
		if low < 0 && n > 0 {
			low = y
		}
	}
	if n == 0 {
		return at
	}
	x, y := g.ToFrame(float64(sum)/float64(n)+.5, float64(low)+1)
	// The box is smoothed and the mask is not: what lies off the box is a stray piece.
	at.X = min(max(x, t.Box.X1), t.Box.X2)
	at.Y = min(max(y, t.Box.Y2-.25*t.Box.H()), t.Box.Y2+g.SY)
	return at
}
