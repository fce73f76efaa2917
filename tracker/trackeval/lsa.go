package trackeval

import "math"

// lsa solves dense assignment problems: shortest augmenting paths on a rectangular matrix
// (Crouse 2016), visiting columns in SciPy's order, so that ties fall as they do there. Its
// memory is reused.
type lsa struct {
	u, v, dist   []float64
	row4col      []int
	col4row      []int
	path, remain []int
	sr, sc       []bool
	flipped      []float64
}

// maximize returns the column of each row of the rows x cols matrix w (row by row) such that
// the sum is greatest; -1 for rows left over when there are more rows than columns.
func (l *lsa) maximize(w []float64, rows, cols int) []int {
	if cols >= rows {
		l.flipped = grow(l.flipped, rows*cols)
		for i, x := range w[:rows*cols] {
			l.flipped[i] = -x
		}
		return l.minimize(l.flipped, rows, cols)
	}
	l.flipped = grow(l.flipped, rows*cols)
	for r := range rows {
		for c := range cols {
			l.flipped[c*rows+r] = -w[r*cols+c]
		}
	}
	byCol := l.minimize(l.flipped, cols, rows)
	out := make([]int, rows)
	for r := range out {
		out[r] = -1
	}
	for c, r := range byCol {
		if r >= 0 {
			out[r] = c
		}
	}
	return out
}

// minimize needs rows <= cols.
func (l *lsa) minimize(cost []float64, rows, cols int) []int {
	l.u, l.v, l.dist = grow(l.u, rows), grow(l.v, cols), grow(l.dist, cols)
	l.path, l.col4row, l.row4col = grow(l.path, cols), grow(l.col4row, rows), grow(l.row4col, cols)
	l.sr, l.sc, l.remain = grow(l.sr, rows), grow(l.sc, cols), grow(l.remain, cols)
	clear(l.u)
	clear(l.v)
	for i := range l.col4row {
		l.col4row[i] = -1
	}
	for j := range l.row4col {
		l.row4col[j] = -1
	}
	for cur := range rows {
		l.augment(cost, cols, cur)
	}
	return l.col4row
}

func (l *lsa) augment(cost []float64, cols, cur int) {
	n := cols
	for j := range cols {
		l.remain[j] = cols - j - 1
		l.dist[j] = math.Inf(1)
	}
	clear(l.sr)
	clear(l.sc)
	least, sink, i := 0.0, -1, cur
	for sink < 0 {
		l.sr[i] = true
		index, lowest := -1, math.Inf(1)
		for k := range n {
			j := l.remain[k]
			if d := least + cost[i*cols+j] - l.u[i] - l.v[j]; d < l.dist[j] {
				l.path[j], l.dist[j] = i, d
			}
			if l.dist[j] < lowest || l.dist[j] == lowest && l.row4col[j] < 0 {
				lowest, index = l.dist[j], k
			}
		}
		least = lowest
		j := l.remain[index]
		if l.row4col[j] < 0 {
			sink = j
		} else {
			i = l.row4col[j]
		}
		l.sc[j] = true
		n--
		l.remain[index] = l.remain[n]
	}
	l.u[cur] += least
	for r := range l.u {
		if l.sr[r] && r != cur {
			l.u[r] += least - l.dist[l.col4row[r]]
		}
	}
	for c := range l.v {
		if l.sc[c] {
			l.v[c] -= least - l.dist[c]
		}
	}
	for j := sink; ; {
		r := l.path[j]
		l.row4col[j] = r
		j, l.col4row[r] = l.col4row[r], j
		if r == cur {
			return
		}
	}
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
