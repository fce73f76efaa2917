package tracker

// edge is a pair of a track (row) and a detection (col) that passed the gate.
type edge struct {
	row, col int32
	cost     float64
}

// assigner solves sparse assignment problems exactly: it picks pairs so that the sum of
// their costs, plus limit for every row left alone, is least. It augments one row at a time
// along a shortest path (Dijkstra on reduced costs, as Jonker and Volgenant do), which never
// looks beyond the row's connected component. Its memory is reused; the zero value is ready.
type assigner struct {
	start    []int32 // edges of row r are [start[r], start[r+1])
	rowMatch []int32 // column of each row, -1 for none
	colMatch []int32
	u, v     []float64 // dual variables
	dist     []float64 // of columns, valid when seen == round
	pred     []int32
	seen     []uint32
	round    uint32
	heap     []heapItem
	settled  []int32
}

type heapItem struct {
	dist float64
	col  int32
}

// solve assigns rows 0..rows-1 to columns 0..cols-1. Edges must be sorted by row, with costs
// in [0, limit); the answer is the column of each row, -1 for none, valid until the next
// call. Equal sums are decided the same way every time: earlier rows and columns win.
func (a *assigner) solve(rows, cols int, edges []edge, limit float64) []int32 {
	a.start = resize(a.start, rows+1)
	a.rowMatch, a.u = resize(a.rowMatch, rows), resize(a.u, rows)
	a.colMatch, a.v = resize(a.colMatch, cols), resize(a.v, cols)
	a.dist, a.pred = resize(a.dist, cols), resize(a.pred, cols)
	if cap(a.seen) < cols {
		a.seen, a.round = make([]uint32, cols), 0
	}
	a.seen = a.seen[:cols]
	clear(a.u)
	clear(a.v)
	fill(a.rowMatch, -1)
	fill(a.colMatch, -1)
	e := int32(0)
	for r := range rows {
		a.start[r] = e
		for int(e) < len(edges) && edges[e].row == int32(r) {
			e++
		}
	}
	a.start[rows] = e
	for r := range rows {
		if a.start[r] < a.start[r+1] {
			a.augment(int32(r), edges, limit)
		}
	}
	return a.rowMatch
}

func (a *assigner) augment(root int32, edges []edge, limit float64) {
	a.round++
	if a.round == 0 { // wrapped: old marks would look fresh
		clear(a.seen[:cap(a.seen)])
		a.round = 1
	}
	a.heap, a.settled = a.heap[:0], a.settled[:0]
	// Every row may also end at a column of its own that costs limit: staying alone.
	end, endRow, endCol := limit-a.u[root], root, int32(-1)
	a.scan(root, 0, edges, end)
	for len(a.heap) > 0 {
		top := a.pop()
		if top.dist > a.dist[top.col] {
			continue // an older, longer way to it
		}
		if top.dist >= end {
			break
		}
		r := a.colMatch[top.col]
		if r < 0 {
			end, endCol = top.dist, top.col
			break
		}
		a.settled = append(a.settled, top.col)
		if d := top.dist + limit - a.u[r]; d < end {
			end, endRow = d, r
		}
		a.scan(r, top.dist, edges, end)
	}
	a.u[root] += end
	for _, j := range a.settled {
		if d := end - a.dist[j]; d > 0 {
			a.u[a.colMatch[j]] += d
			a.v[j] -= d
		}
	}
	j := endCol
	if j < 0 {
		if endRow == root {
			return
		}
		j = a.rowMatch[endRow]
		a.rowMatch[endRow] = -1
	}
	for {
		r := a.pred[j]
		next := a.rowMatch[r]
		a.rowMatch[r], a.colMatch[j] = j, r
		if r == root {
			return
		}
		j = next
	}
}

// scan relaxes the edges of a row that is reached at distance base.
func (a *assigner) scan(r int32, base float64, edges []edge, end float64) {
	for _, e := range edges[a.start[r]:a.start[r+1]] {
		d := base + max(0, e.cost-a.u[r]-a.v[e.col])
		if d >= end || a.seen[e.col] == a.round && d >= a.dist[e.col] {
			continue
		}
		a.seen[e.col], a.dist[e.col], a.pred[e.col] = a.round, d, r
		a.push(heapItem{d, e.col})
	}
}

func (x heapItem) less(y heapItem) bool {
	return x.dist < y.dist || x.dist == y.dist && x.col < y.col
}

func (a *assigner) push(it heapItem) {
	h := append(a.heap, it)
	i := len(h) - 1
	for i > 0 {
		p := (i - 1) / 2
		if !h[i].less(h[p]) {
			break
		}
		h[i], h[p] = h[p], h[i]
		i = p
	}
	a.heap = h
}

func (a *assigner) pop() heapItem {
	h := a.heap
	top := h[0]
	n := len(h) - 1
	h[0] = h[n]
	h = h[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && h[c+1].less(h[c]) {
			c++
		}
		if !h[c].less(h[i]) {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	a.heap = h
	return top
}

// resize returns s with length n and undefined contents, growing it when needed.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}
