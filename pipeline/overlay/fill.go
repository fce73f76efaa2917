package overlay

import (
	"cmp"
	"math"
	"slices"
)

// edge is a side of an outline, its upper end first.
type edge struct {
	y0, y1 int     // rows whose middle it crosses
	x      float64 // where it crosses the middle of row y0, then of the current row
	slope  float64 // pixels of x a row
	wind   int
}

// filler fills outlines by the non-zero rule, row by row. It keeps its memory.
type filler struct {
	edges  []edge
	active []edge
}

// fill calls span for every run of pixels whose middle lies inside the rings, all taken
// together, cut to w x h.
func (f *filler) fill(rings [][]point, w, h int, span func(y, x0, x1 int)) {
	f.edges = f.edges[:0]
	for _, ring := range rings {
		a := ring[len(ring)-1]
		for _, b := range ring {
			f.add(a, b, h)
			a = b
		}
	}
	slices.SortFunc(f.edges, func(a, b edge) int { return cmp.Compare(a.y0, b.y0) })
	f.active = f.active[:0]
	next := 0
	for y := 0; y < h && (next < len(f.edges) || len(f.active) > 0); y++ {
		if len(f.active) == 0 {
			y = f.edges[next].y0
		}
		for next < len(f.edges) && f.edges[next].y0 == y {
			f.active = append(f.active, f.edges[next])
			next++
		}
		// Few edges, nearly in order from the row above: insertion sort.
		for i := 1; i < len(f.active); i++ {
			for k := i; k > 0 && f.active[k].x < f.active[k-1].x; k-- {
				f.active[k], f.active[k-1] = f.active[k-1], f.active[k]
			}
		}
		wind, from := 0, 0.
		for i := range f.active {
			e := &f.active[i]
			if wind == 0 {
				from = e.x
			}
			if wind += e.wind; wind == 0 {
				x0, x1 := pixel(from, w), pixel(e.x, w)
				if x0 < x1 {
					span(y, x0, x1)
				}
			}
		}
		keep := f.active[:0]
		for _, e := range f.active {
			if e.y1 > y+1 {
				e.x += e.slope
				keep = append(keep, e)
			}
		}
		f.active = keep
	}
}

// add takes the side from a to b, unless it crosses no row of the picture.
func (f *filler) add(a, b point, h int) {
	wind := 1
	if a.y > b.y {
		a, b, wind = b, a, -1
	}
	y0, y1 := pixel(a.y, h), pixel(b.y, h)
	if y0 >= y1 {
		return
	}
	slope := (b.x - a.x) / (b.y - a.y)
	f.edges = append(f.edges, edge{y0: y0, y1: y1, x: a.x + (float64(y0)+.5-a.y)*slope, slope: slope, wind: wind})
}

// pixel is the first pixel of 0..n whose middle is not before v.
func pixel(v float64, n int) int {
	return int(max(0, min(math.Ceil(v-.5), float64(n))))
}
