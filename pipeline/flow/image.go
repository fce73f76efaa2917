package flow

import "outrider/pipeline"

// Image is a frame's brightness at several sizes.
type Image struct {
	// MaxWidth is what wider frames are reduced to before anything is measured, in pixels;
	// 0 for 960. Set it before the first Load, alike for the frames to be compared.
	MaxWidth int

	width, height int // of the frame
	reduce        int // frame pixels a side to one of level 0
	levels        []plane
	sums          []int32
	best          []corner
	row           []uint16
}

type plane struct {
	w, h int
	pix  []uint8
}

const (
	maxWidth  = 960 // of level 0, by default
	maxLevels = 4
	minSide   = 16 // of the coarsest level
)

// Load takes a frame of w x h BGR pixels, rows tight. It panics when data is too short.
func (im *Image) Load(data []byte, w, h int) {
	im.width, im.height = w, h
	im.reduce = 1
	most := im.MaxWidth
	if most <= 0 {
		most = maxWidth
	}
	for w/im.reduce > most {
		im.reduce++
	}
	n := 1
	for s := min(w, h) / im.reduce; s/2 >= minSide && n < maxLevels; s /= 2 {
		n++
	}
	if cap(im.levels) < maxLevels {
		im.levels = make([]plane, maxLevels)
	}
	im.levels = im.levels[:n]
	im.levels[0].resize(w/im.reduce, h/im.reduce)
	im.grey(data)
	for i := 1; i < n; i++ {
		im.halve(&im.levels[i-1], &im.levels[i])
	}
}

// Size is the frame's.
func (im *Image) Size() (w, h int) { return im.width, im.height }

func (p *plane) resize(w, h int) {
	p.w, p.h = w, h
	if cap(p.pix) < w*h {
		p.pix = make([]uint8, w*h)
	}
	p.pix = p.pix[:w*h]
}

// grey is BT.601 luma, averaged over reduce x reduce pixels, of which more than three a side
// are sampled: two of four or five say as much.
func (im *Image) grey(data []byte) {
	p, k := &im.levels[0], im.reduce
	if k == 1 {
		data = data[:3*len(p.pix)]
		for i := range p.pix {
			d := data[3*i : 3*i+3]
			p.pix[i] = uint8((29*uint32(d[0]) + 150*uint32(d[1]) + 77*uint32(d[2]) + 128) >> 8)
		}
		return
	}
	step := max(1, k/2)
	if k == 3 {
		step = 1
	}
	side := (k + step - 1) / step
	area := uint32(side * side)
	for y := range p.h {
		for x := range p.w {
			var b, g, r uint32
			for j := 0; j < k; j += step {
				row := data[3*((y*k+j)*im.width+x*k):]
				for i := 0; i < 3*k; i += 3 * step {
					b += uint32(row[i])
					g += uint32(row[i+1])
					r += uint32(row[i+2])
				}
			}
			p.pix[y*p.w+x] = uint8(((29*b+150*g+77*r)/area + 128) >> 8)
		}
	}
}

// halve filters with 1 3 3 1 both ways, which keeps the outer corner where it is, and takes
// every second pixel.
func (im *Image) halve(a, b *plane) {
	b.resize(a.w/2, a.h/2)
	if cap(im.row) < a.w {
		im.row = make([]uint16, a.w)
	}
	row := im.row[:a.w]
	for y := range b.h {
		y0, y1, y2, y3 := max(0, 2*y-1), 2*y, min(2*y+1, a.h-1), min(2*y+2, a.h-1)
		r0, r1, r2, r3 := a.pix[y0*a.w:][:a.w], a.pix[y1*a.w:][:a.w], a.pix[y2*a.w:][:a.w], a.pix[y3*a.w:][:a.w]
		for x := range row {
			row[x] = uint16(r0[x]) + uint16(r3[x]) + 3*(uint16(r1[x])+uint16(r2[x]))
		}
		out := b.pix[y*b.w:][:b.w]
		for x := range out {
			x0, x2, x3 := max(0, 2*x-1), min(2*x+1, a.w-1), min(2*x+2, a.w-1)
			out[x] = uint8((uint32(row[x0]) + uint32(row[x3]) + 3*(uint32(row[2*x])+uint32(row[x2])) + 32) >> 6)
		}
	}
}

type corner struct {
	score float32
	x, y  int32
}

// cornerRadius is of the window over which a corner's gradients are summed.
const cornerRadius = 3

// Corners appends to dst at most one point a cell of region, cells of cell x cell frame pixels:
// the one whose weaker gradient is strongest, when it is strong enough to be followed.
func (im *Image) Corners(dst []pipeline.Point, cell float64, region pipeline.Box) []pipeline.Point {
	p, k := &im.levels[0], float64(im.reduce)
	region = region.Clip(im.width, im.height)
	const m = cornerRadius + 1
	x0, x1 := max(m, int(region.X1/k)), min(p.w-m, int(region.X2/k))
	y0, y1 := max(m, int(region.Y1/k)), min(p.h-m, int(region.Y2/k))
	if !(cell >= 4) || x1-x0 < 2*m || y1-y0 < 2*m {
		return dst
	}
	size := max(4, int(cell/k))
	columns := (x1-x0)/size + 1
	if cap(im.best) < columns {
		im.best = make([]corner, columns)
	}
	best := im.best[:columns]
	if cap(im.sums) < 3*p.w {
		im.sums = make([]int32, 3*p.w)
	}
	// Column sums of the products of gradients over the window's rows, slid down row by row.
	xx, xy, yy := im.sums[:p.w], im.sums[p.w:2*p.w], im.sums[2*p.w:3*p.w]
	clear(im.sums[:3*p.w])
	add := func(y int, sign int32) {
		up, mid, down := p.pix[(y-1)*p.w:][:p.w], p.pix[y*p.w:][:p.w], p.pix[(y+1)*p.w:][:p.w]
		for x := x0 - cornerRadius; x < x1+cornerRadius; x++ {
			gx, gy := int32(mid[x+1])-int32(mid[x-1]), int32(down[x])-int32(up[x])
			xx[x] += sign * gx * gx
			xy[x] += sign * gx * gy
			yy[x] += sign * gy * gy
		}
	}
	for y := y0 - cornerRadius; y < y0+cornerRadius; y++ {
		add(y, 1)
	}
	clear(best)
	flush := func() {
		for _, b := range best {
			if b.score > minCorner {
				dst = append(dst, pipeline.Point{X: (float64(b.x) + .5) * k, Y: (float64(b.y) + .5) * k})
			}
		}
		clear(best)
	}
	for y := y0; y < y1; y++ {
		if y > y0 {
			add(y-cornerRadius-1, -1)
			if (y-y0)%size == 0 {
				flush()
			}
		}
		add(y+cornerRadius, 1)
		var a, b, c int32
		for x := x0 - cornerRadius; x < x0+cornerRadius; x++ {
			a, b, c = a+xx[x], b+xy[x], c+yy[x]
		}
		for x := x0; x < x1; x++ {
			a, b, c = a+xx[x+cornerRadius], b+xy[x+cornerRadius], c+yy[x+cornerRadius]
			if s := weaker(float32(a), float32(b), float32(c)); s > best[(x-x0)/size].score {
				best[(x-x0)/size] = corner{s, int32(x), int32(y)}
			}
			a, b, c = a-xx[x-cornerRadius], b-xy[x-cornerRadius], c-yy[x-cornerRadius]
		}
	}
	flush()
	return dst
}

// minCorner is the least weaker eigenvalue: gradients of 3 grey levels across two pixels over
// the window of 49.
const minCorner = 9 * 49

// Grey returns the brightness of the frame as it is followed: w x h pixels, each of reduce x
// reduce frame pixels. It is valid until the next Load and must not be changed.
func (im *Image) Grey() (pix []uint8, w, h, reduce int) {
	if len(im.levels) == 0 {
		return nil, 0, 0, 1
	}
	p := &im.levels[0]
	return p.pix, p.w, p.h, im.reduce
}
