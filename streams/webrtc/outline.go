package webrtc

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math/bits"
	"slices"

	"outrider/pipeline/mask"
)

// outlineGrid is the raster of outline points: 4096 steps across and down the picture, a
// third of a pixel at 1280.
const outlineGrid = 4096

// maxRings bounds the pieces of one outline; the smallest are left out.
const maxRings = 6

// outliner turns masks into few-cornered polygons. It keeps its buffers; not safe for
// concurrent use.
type outliner struct {
	points []image.Point // of all rings, in half cells
	rings  []ring
	seen   []uint64
	out    [][]fpoint
	flat   []fpoint
}

type ring struct {
	from, to int // in points
	area2    int // twice the area; negative for a hole
}

type fpoint struct{ x, y float64 }

// outline returns the boundary of m as closed rings in frame pixels with at most max vertices
// in all, larger pieces first, holes among them (fill by the even-odd rule). The rings are
// valid until the next call.
func (o *outliner) outline(m *mask.Mask, max int) [][]fpoint {
	o.trace(m)
	if len(o.rings) == 0 {
		return nil
	}
	slices.SortStableFunc(o.rings, func(a, b ring) int { return abs(b.area2) - abs(a.area2) })
	keep := 1
	for keep < len(o.rings) && keep < maxRings && abs(o.rings[keep].area2)*50 >= abs(o.rings[0].area2) {
		keep++ // specks below 2 % of the largest piece only cost vertices
	}
	o.rings = o.rings[:keep]
	o.simplify(max)
	g := m.Grid()
	o.out, o.flat = o.out[:0], o.flat[:0]
	for _, r := range o.rings {
		start := len(o.flat)
		for _, p := range o.points[r.from:r.to] {
			x, y := g.ToFrame(float64(p.X)/2, float64(p.Y)/2)
			o.flat = append(o.flat, fpoint{x, y})
		}
		o.out = append(o.out, o.flat[start:len(o.flat):len(o.flat)])
	}
	return o.out
}

// trace walks along the cracks between set and unset cells, the set ones on the right hand,
// and notes the middle of each crack: that rounds the staircase of a slanted edge off.
// Cells that touch by a corner only are apart.
func (o *outliner) trace(m *mask.Mask) {
	o.points, o.rings = o.points[:0], o.rings[:0]
	win := m.Window()
	w, h := win.Dx(), win.Dy()
	stride := (w + 63) / 64
	if n := stride * h; cap(o.seen) < n {
		o.seen = make([]uint64, n)
	} else {
		o.seen = o.seen[:n]
		clear(o.seen)
	}
	for y := win.Min.Y; y < win.Max.Y; y++ {
		row := m.Row(y)
		var carry uint64 // the last cell of the word before
		for j, word := range row {
			edges := word &^ (word<<1 | carry) // set cells with an unset left neighbour
			carry = word >> 63
			for edges != 0 {
				x := bits.TrailingZeros64(edges)
				edges &= edges - 1
				if o.seen[(y-win.Min.Y)*stride+j]>>x&1 == 0 {
					o.walk(m, win, stride, win.Min.X+64*j+x, y)
				}
			}
		}
	}
}

// walk follows the boundary that goes up along the left side of cell (x, y).
func (o *outliner) walk(m *mask.Mask, win image.Rectangle, stride, x, y int) {
	// Directions: 0 up, 1 right, 2 down, 3 left; (x, y) is a corner of cells.
	step := [4]image.Point{{X: 0, Y: -1}, {X: 1, Y: 0}, {X: 0, Y: 1}, {X: -1, Y: 0}}
	// The cell ahead on the right, relative to the corner, by direction.
	right := [4]image.Point{{X: 0, Y: -1}, {X: 0, Y: 0}, {X: -1, Y: 0}, {X: -1, Y: -1}}
	left := [4]image.Point{{X: -1, Y: -1}, {X: 0, Y: -1}, {X: 0, Y: 0}, {X: -1, Y: 0}}
	r := ring{from: len(o.points)}
	start := image.Pt(x, y+1)
	at, dir := start, 0
	run := 0 // points at the end that lie on one straight line
	for {
		if dir == 0 {
			i := at.X - win.Min.X
			o.seen[(at.Y-1-win.Min.Y)*stride+i>>6] |= 1 << (i & 63)
		}
		next := at.Add(step[dir])
		mid := at.Add(next) // in half cells
		if run >= 2 {
			o.points[len(o.points)-1] = mid
		} else {
			o.points = append(o.points, mid)
			run++
		}
		r.area2 += at.X*next.Y - next.X*at.Y
		at = next
		turned := true
		switch {
		case !m.Has(at.X+right[dir].X, at.Y+right[dir].Y):
			dir = (dir + 1) & 3
		case m.Has(at.X+left[dir].X, at.Y+left[dir].Y):
			dir = (dir + 3) & 3
		default:
			turned = false
		}
		if turned {
			run = 0
		}
		if at == start && dir == 0 {
			break
		}
	}
	r.to = len(o.points)
	o.rings = append(o.rings, r)
}

// simplify takes out the vertices that change the shape least (Visvalingam and Whyatt: those
// of the smallest triangle with their neighbours) until at most max are left. It removes by a
// growing threshold, never two neighbours in one pass, which needs no queue.
func (o *outliner) simplify(max int) {
	total := func() (n int) {
		for _, r := range o.rings {
			n += r.to - r.from
		}
		return n
	}
	for limit := 0; ; limit += limit/2 + 1 { // twice the triangle, in square half cells
		for i := range o.rings {
			o.thin(&o.rings[i], limit)
		}
		if limit > 0 && total() <= max {
			return
		}
		// More rings than triangles fit: give up the smallest.
		for len(o.rings) > 1 && 3*len(o.rings) > max {
			o.rings = o.rings[:len(o.rings)-1]
		}
	}
}

// thin drops each vertex of r whose triangle is at most limit, but no two in a row and never
// below three.
func (o *outliner) thin(r *ring, limit int) {
	p := o.points[r.from:r.to]
	if len(p) <= 3 {
		return
	}
	n, kept, dropped := len(p), 0, false
	first, prev := p[0], p[len(p)-1]
	for i := range n {
		cur, next := p[i], first
		if i+1 < n {
			next = p[i+1]
		}
		t := abs((cur.X-prev.X)*(next.Y-prev.Y) - (next.X-prev.X)*(cur.Y-prev.Y))
		if !dropped && t <= limit && kept+n-i > 3 {
			dropped = true
			continue
		}
		dropped = false
		p[kept] = cur
		kept++
		prev = cur
	}
	r.to = r.from + kept
}

// appendOutline writes rings, moved by (dx, dy) frame pixels, as DecodeOutline reads them, for
// a picture of w x h.
func appendOutline(dst []byte, rings [][]fpoint, w, h int, dx, dy float64) []byte {
	var stack [512]byte
	b := binary.AppendUvarint(stack[:0], uint64(len(rings)))
	px, py := 0, 0
	for _, r := range rings {
		b = binary.AppendUvarint(b, uint64(len(r)))
		for _, p := range r {
			x, y := toGrid(p.x+dx, w), toGrid(p.y+dy, h)
			b = binary.AppendUvarint(b, zigzag(x-px))
			b = binary.AppendUvarint(b, zigzag(y-py))
			px, py = x, y
		}
	}
	return base64.RawStdEncoding.AppendEncode(dst, b)
}

// DecodeOutline reads the member m of a track in a metadata message and returns its rings on a
// grid of 4096 x 4096 over the picture: x*width/4096, y*height/4096 are picture pixels. Points
// may lie up to one picture outside. The text is base64 (standard alphabet, no padding) of
// unsigned LEB128 varints: the number of rings; then for each ring the number of its vertices
// and for each vertex dx, dy in zigzag coding (0, -1, 1, -2 are 0, 1, 2, 3), relative to the
// vertex before it, also across rings; the very first is relative to (0, 0). Rings are closed
// without repeating the first vertex; fill them together by the even-odd rule. It fails on
// text that is not of this form.
func DecodeOutline(s string) ([][]image.Point, error) {
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("outline: %w", err)
	}
	var bad bool
	next := func() uint64 {
		var v uint64
		for shift := 0; shift < 35 && len(b) > 0; shift += 7 {
			c := b[0]
			b = b[1:]
			v |= uint64(c&0x7f) << shift
			if c < 0x80 {
				return v
			}
		}
		bad = true
		return 0
	}
	n := next()
	if n > uint64(len(b)) {
		return nil, errOutlineShort
	}
	rings := make([][]image.Point, 0, n)
	x, y := 0, 0
	for range n {
		k := next()
		if 2*k > uint64(len(b)) {
			return nil, errOutlineShort
		}
		r := make([]image.Point, k)
		for i := range r {
			x += unzigzag(next())
			y += unzigzag(next())
			r[i] = image.Pt(x, y)
			if x < -outlineGrid || x > 2*outlineGrid || y < -outlineGrid || y > 2*outlineGrid {
				bad = true
			}
		}
		rings = append(rings, r)
	}
	if bad {
		return nil, errors.New("outline: a number or a point out of range")
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("outline: %d bytes too many", len(b))
	}
	return rings, nil
}

var errOutlineShort = errors.New("outline: it ends too early")

func toGrid(v float64, side int) int {
	g := v * outlineGrid / float64(max(side, 1))
	return int(min(max(g+.5, -outlineGrid), 2*outlineGrid))
}

func zigzag(v int) uint64 { return uint64(uint32(int32(v)<<1) ^ uint32(int32(v)>>31)) }

func unzigzag(v uint64) int {
	u := uint32(v)
	return int(int32(u>>1) ^ -int32(u&1))
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
