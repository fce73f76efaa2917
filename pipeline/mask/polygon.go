package mask

import (
	"math/bits"
	"slices"
)

// Polygons returns the outer outlines of m's connected parts in frame pixels, the one with the
// largest enclosed area first. Outlines follow the edges of cells, clockwise on the screen; the last
// point is not repeated, holes are left out. With maxVertices > 0 they are simplified until all together have
// no more points; small parts then vanish whole, the first one keeps at least three points.
// Equal masks give equal polygons. Use a Tracer where this is done often.
func (m *Mask) Polygons(maxVertices int) [][][2]float64 {
	var t Tracer
	return t.Polygons(m, maxVertices)
}

// Tracer finds the outlines of masks without allocating once its memory has grown. The zero
// value is ready; not safe for concurrent use.
type Tracer struct {
	// Holes asks for the outlines of holes too, the other way round and after all outer ones, so
	// that a non-zero fill of all together leaves the holes open.
	Holes bool

	seen   []uint64 // left edges that an outline has passed already
	points []corner
	rings  []ring
	heap   []int32 // indexes of points, least area on top
	xy     [][2]float64
	out    [][][2]float64
}

// corner is a vertex of an outline, linked into its ring.
type corner struct {
	x, y       int32
	prev, next int32
	ring       int32
	at         int32 // its place in the heap
	area       int64 // twice that of the triangle with its neighbours
}

// ring is an outline of n corners from first on; area is twice what it encloses, in cells.
type ring struct {
	first, n int32
	area     int64
}

// Polygons does what [Mask.Polygons] does; the answer is valid until the next call.
func (t *Tracer) Polygons(m *Mask, maxVertices int) [][][2]float64 {
	t.trace(m)
	t.link()
	if maxVertices > 0 {
		t.simplify(max(3, maxVertices))
	}
	t.xy, t.out = t.xy[:0], t.out[:0]
	total := 0
	for _, r := range t.rings {
		total += int(r.n)
	}
	t.xy = slices.Grow(t.xy, total)
	for _, r := range t.rings {
		if r.n == 0 {
			continue
		}
		from := len(t.xy)
		for i, k := r.first, r.n; k > 0; i, k = t.points[i].next, k-1 {
			x, y := m.grid.ToFrame(float64(t.points[i].x), float64(t.points[i].y))
			t.xy = append(t.xy, [2]float64{x, y})
		}
		t.out = append(t.out, t.xy[from:len(t.xy):len(t.xy)])
	}
	return t.out
}

// trace finds all outer outlines, sorted.
//
// Every outline has cells with nothing to their left, and passes the left edges of those
// upwards; so the left edges that no outline has passed yet are where new ones begin. Outlines of
// holes, which enclose a negative area, are followed anyway, to mark their edges.
func (t *Tracer) trace(m *Mask) {
	t.points, t.rings = t.points[:0], t.rings[:0]
	t.seen = grow(t.seen[:0], len(m.words))
	clear(t.seen)
	for y := m.win.Min.Y; y < m.win.Max.Y; y++ {
		row := m.Row(y)
		seen := t.seen[(y-m.win.Min.Y)*m.stride:][:m.stride]
		carry := uint64(0)
		for j, v := range row {
			// An outline started here may mark more of this very word: look anew each time.
			edges := v &^ (v<<1 | carry)
			carry = v >> 63
			for left := edges &^ seen[j]; left != 0; left = edges &^ seen[j] {
				x := m.win.Min.X + j<<6 + bits.TrailingZeros64(left)
				t.follow(m, x, y)
			}
		}
	}
	slices.SortStableFunc(t.rings, func(a, b ring) int {
		switch {
		case a.area > b.area:
			return -1
		case a.area < b.area:
			return 1
		}
		return 0
	})
}

// ahead is, by heading (up, right, down, left), where the cells to the left and to the right
// of the next step lie from the vertex.
var ahead = [4]struct{ dx, dy, lx, ly, rx, ry int }{
	{0, -1, -1, -1, 0, -1},
	{1, 0, 0, -1, 0, 0},
	{0, 1, 0, 0, -1, 0},
	{-1, 0, -1, 0, -1, -1},
}

// follow walks the outline that passes the left edge of cell (x, y) upwards, with set cells on
// its right hand, and notes its corners. Where cells touch by a corner only it crosses over, so that
// they share an outline.
func (t *Tracer) follow(m *Mask, x, y int) {
	first := len(t.points)
	vx, vy, d := x, y+1, 0
	area := int64(0) // twice, as the integral of x along y
	for {
		if d == 0 {
			i := vx - m.win.Min.X
			t.seen[(vy-1-m.win.Min.Y)*m.stride+i>>6] |= 1 << (i & 63)
		}
		a := &ahead[d]
		area += 2 * int64(vx*a.dy)
		vx, vy = vx+a.dx, vy+a.dy
		turn := 0
		if m.Has(vx+a.lx, vy+a.ly) {
			turn = 3
		} else if !m.Has(vx+a.rx, vy+a.ry) {
			turn = 1
		}
		if turn != 0 {
			t.points = append(t.points, corner{x: int32(vx), y: int32(vy)})
			d = (d + turn) & 3
		}
		if vx == x && vy == y+1 && d == 0 {
			break
		}
	}
	if area < 0 && !t.Holes {
		t.points = t.points[:first]
		return
	}
	t.rings = append(t.rings, ring{first: int32(first), n: int32(len(t.points) - first), area: area})
}
