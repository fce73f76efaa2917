package sam

import (
	"image"
	"math"

	"outrider/pipeline/mask"
)

// crop is a part of a frame that everything mode looks at closely.
type crop struct {
	layer int
	box   image.Rectangle
}

// cropsOf lists the whole frame and, for each layer, 2^i x 2^i overlapping crops, column by
// column, as segment-anything's generate_crop_boxes does.
func cropsOf(w, h, layers int, overlap float64) []crop {
	crops := []crop{{0, image.Rect(0, 0, w, h)}}
	for layer := 1; layer <= layers; layer++ {
		n := 1 << layer
		over := int(overlap * float64(min(w, h)) * (2 / float64(n)))
		length := func(side int) int { return (over*(n-1) + side + n - 1) / n }
		cw, ch := length(w), length(h)
		for i := range n {
			for j := range n {
				x, y := (cw-over)*i, (ch-over)*j
				if r := image.Rect(x, y, min(x+cw, w), min(y+ch, h)); x < w && y < h && !r.Empty() {
					crops = append(crops, crop{layer, r})
				}
			}
		}
	}
	return crops
}

// cut copies a part of the picture, or returns the picture for the whole.
func (p picture) cut(r image.Rectangle) picture {
	if r == image.Rect(0, 0, p.w, p.h) {
		return p
	}
	out := picture{w: r.Dx(), h: r.Dy(), data: make([]byte, 0, 3*r.Dx()*r.Dy())}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		out.data = append(out.data, p.data[3*(y*p.w+r.Min.X):3*(y*p.w+r.Max.X)]...)
	}
	return out
}

// edgeTolerance is how near, in frame pixels, a mask may come to the crop's edge before it
// counts as cut off by it.
const edgeTolerance = 20

// cutsOff reports whether the crop's edge seems to cut a thing: the mask comes near to an
// edge of the crop that is not near the frame's.
func (c crop) cutsOff(m *mask.Mask, whole picture) bool {
	if c.layer == 0 {
		return false
	}
	g, b := m.Grid(), bounds(m)
	x1, y1 := g.ToFrame(float64(b.Min.X), float64(b.Min.Y))
	x2, y2 := g.ToFrame(float64(b.Max.X), float64(b.Max.Y))
	near := func(a, b float64) bool { return math.Abs(a-b) <= edgeTolerance }
	ox, oy := float64(c.box.Min.X), float64(c.box.Min.Y)
	return near(x1, 0) && !near(x1+ox, 0) ||
		near(y1, 0) && !near(y1+oy, 0) ||
		near(x2, float64(c.box.Dx())) && !near(x2+ox, float64(whole.w)) ||
		near(y2, float64(c.box.Dy())) && !near(y2+oy, float64(whole.h))
}

// grid is where a whole frame's masks lie.
func (c crop) grid(whole picture, m *Model, low bool) mask.Grid {
	if low {
		return lowGrid(m.encoder.place(whole), m.decoder.contract.mask)
	}
	return mask.FrameGrid(whole.w, whole.h)
}

// toFrame moves a mask of the crop onto the frame's grid.
func (c crop) toFrame(m *mask.Mask, frame mask.Grid) *mask.Mask {
	g := m.Grid()
	if c.layer == 0 {
		return m
	}
	g.X0, g.Y0 = float64(c.box.Min.X), float64(c.box.Min.Y)
	moved := mask.New(g, m.Window())
	for y := m.Window().Min.Y; y < m.Window().Max.Y; y++ {
		copy(moved.Row(y), m.Row(y))
	}
	return moved.Resample(frame)
}
