package mask

import (
	"image"
	"math"
)

// Resample returns the mask on another grid: a cell is set when its centre lies on m.
func (m *Mask) Resample(g Grid) *Mask {
	var r Resampler
	out := &Mask{}
	r.Into(out, m, g)
	return out
}

// Resampler is Resample for who does it often: it keeps its memory. The zero value is ready.
type Resampler struct{ from []int }

// Into makes out what m is on grid g, in out's own memory. out and m must not be one mask.
func (r *Resampler) Into(out, m *Mask, g Grid) {
	if g == m.grid {
		out.CopyFrom(m, nil)
		return
	}
	x1, y1, x2, y2 := m.FrameBounds()
	if x1 == x2 || !(g.SX > 0 && g.SY > 0) {
		out.Reset(g, image.Rectangle{}, nil)
		return
	}
	cx1, cy1 := g.ToCell(x1, y1)
	cx2, cy2 := g.ToCell(x2, y2)
	out.Reset(g, image.Rect(
		clampCell(math.Floor(cx1), g.W), clampCell(math.Floor(cy1), g.H),
		clampCell(math.Ceil(cx2), g.W), clampCell(math.Ceil(cy2), g.H)), nil)
	// Which of m's columns a column of out reads is the same in every row.
	r.from = r.from[:0]
	for i := range out.win.Dx() {
		fx, _ := g.ToFrame(float64(out.win.Min.X+i)+.5, 0)
		cx, _ := m.grid.ToCell(fx, 0)
		r.from = append(r.from, clampCell(math.Floor(cx), m.grid.W)-m.win.Min.X)
	}
	for y := out.win.Min.Y; y < out.win.Max.Y; y++ {
		_, fy := g.ToFrame(0, float64(y)+.5)
		_, cy := m.grid.ToCell(0, fy)
		src := m.Row(clampCell(math.Floor(cy), m.grid.H))
		if src == nil {
			continue
		}
		row := out.Row(y)
		for i, j := range r.from {
			if j >= 0 && j < m.win.Dx() {
				row[i>>6] |= src[j>>6] >> (j & 63) & 1 << (i & 63)
			}
		}
	}
}

// clampCell turns a cell coordinate into an index from -1 to n, both of them outside the grid.
func clampCell(c float64, n int) int { return int(math.Max(-1, math.Min(c, float64(n)))) }
