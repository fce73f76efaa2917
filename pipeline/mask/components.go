package mask

import "image"

// LargestComponent returns the largest connected part of m as a mask of its own (cells that
// touch by side or corner belong together; of equal ones the topmost, then leftmost).
func (m *Mask) LargestComponent() *Mask {
	c := m.Clone()
	var l Labeler
	l.KeepMain(c, 1.1)
	return c
}

// DropIslands clears, in place, every connected part that is smaller than share times the
// largest one, and returns the number of cells cleared. Use a Labeler where this is done often.
func (m *Mask) DropIslands(share float64) int {
	var l Labeler
	return l.KeepMain(m, share)
}

// Component is one connected part of a mask.
type Component struct {
	Area   int             // cells
	Bounds image.Rectangle // cells, tight
}

// Labeler finds the connected parts of masks, where cells that touch by side or corner belong
// together. It works on runs with a union-find, so its cost is that of the runs. It allocates
// nothing once its memory has grown. The zero value is ready; not safe for concurrent use.
type Labeler struct {
	grid   Grid
	runs   []labelledRun
	parent []int32 // of the runs: union-find, the smallest index is the root
	area   []int   // of the roots
	parts  []Component
	index  []int32 // of a root in parts
}

type labelledRun struct{ y, x0, x1 int32 }

// Components returns the connected parts of m in the order of their topmost, then leftmost
// cell. The answer is valid until the next call.
func (l *Labeler) Components(m *Mask) []Component {
	l.label(m)
	l.parts = l.parts[:0]
	l.index = grow(l.index, len(l.runs))
	for i, r := range l.runs {
		box := image.Rect(int(r.x0), int(r.y), int(r.x1), int(r.y)+1)
		root := l.find(int32(i))
		if root == int32(i) {
			l.index[i] = int32(len(l.parts))
			l.parts = append(l.parts, Component{Area: l.area[i], Bounds: box})
			continue
		}
		p := &l.parts[l.index[root]]
		p.Bounds = p.Bounds.Union(box)
	}
	return l.parts
}

// Extract makes dst the component i of the last call of Components, in a tight window, in
// dst's own memory. The labelled mask must not have been changed since.
func (l *Labeler) Extract(i int, dst *Mask) {
	dst.Reset(l.grid, l.parts[i].Bounds, nil)
	for k, r := range l.runs {
		if l.index[l.find(int32(k))] == int32(i) {
			dst.SetRun(int(r.y), int(r.x0), int(r.x1))
		}
	}
}

// KeepMain clears, in place, every connected part of m that is smaller than share times the
// largest one, and returns the number of cells cleared. The largest (of equal ones the
// first) always stays; a share above 1 leaves nothing else.
func (l *Labeler) KeepMain(m *Mask, share float64) int {
	l.label(m)
	main := -1
	for i := range l.runs {
		if l.parent[i] == int32(i) && (main < 0 || l.area[i] > l.area[main]) {
			main = i
		}
	}
	if main < 0 {
		return 0
	}
	least := share * float64(l.area[main])
	cleared := 0
	for i, r := range l.runs {
		root := l.find(int32(i))
		if int(root) == main || float64(l.area[root]) >= least {
			continue
		}
		m.ClearRun(int(r.y), int(r.x0), int(r.x1))
		cleared += int(r.x1 - r.x0)
	}
	return cleared
}

// label collects the runs of m and joins those that touch. Every parent has a smaller index
// than its child, so a root is the first run of its part.
func (l *Labeler) label(m *Mask) {
	l.grid, l.runs = m.grid, l.runs[:0]
	w := m.win
	above := 0 // where the runs of the row above begin
	for y := w.Min.Y; y < w.Max.Y; y++ {
		row := len(l.runs)
		for x0, x1, ok := m.NextRun(y, w.Min.X); ok; x0, x1, ok = m.NextRun(y, x1) {
			l.runs = append(l.runs, labelledRun{int32(y), int32(x0), int32(x1)})
		}
		l.parent = grow(l.parent, len(l.runs))
		a := above
		for i := row; i < len(l.runs); i++ {
			l.parent[i] = int32(i)
			r := l.runs[i]
			for a < row && l.runs[a].x1 < r.x0 {
				a++
			}
			for k := a; k < row && l.runs[k].x0 <= r.x1; k++ {
				l.join(int32(k), int32(i))
			}
		}
		above = row
	}
	l.area = grow(l.area, len(l.runs))
	clear(l.area)
	for i, r := range l.runs {
		l.area[l.find(int32(i))] += int(r.x1 - r.x0)
	}
}

func (l *Labeler) find(i int32) int32 {
	for l.parent[i] != i {
		l.parent[i] = l.parent[l.parent[i]]
		i = l.parent[i]
	}
	return i
}

func (l *Labeler) join(a, b int32) {
	a, b = l.find(a), l.find(b)
	if a > b {
		a, b = b, a
	}
	l.parent[b] = a
}

// grow returns s with length n, its contents kept, in the same memory when it fits.
func grow[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	t := make([]T, n, n+n/2)
	copy(t, s)
	return t
}
