package levels

import "math"

// matching assigns the rows of a table of benefits to its columns, one to one, so that the sum
// of the benefits is the highest: the Hungarian method with potentials, O(n^2 m). The zero
// value is ready and keeps its memory.
type matching struct {
	u, v   []float64
	way    []int
	taken  []int // row of a column, 1-based, 0 for none
	least  []float64
	done   []bool
	result []int
}

// solve returns the column of each row, -1 for none, valid until the next call. benefit has
// rows x cols values. A pair of benefit 0 is no pair.
func (g *matching) solve(benefit []float64, rows, cols int) []int {
	// The method wants no more rows than columns: pad with columns of no benefit.
	wide := max(rows, cols)
	g.u, g.v = zeroed(g.u, rows+1), zeroed(g.v, wide+1)
	g.way, g.taken = zeroed(g.way, wide+1), zeroed(g.taken, wide+1)
	cost := func(i, j int) float64 {
		if j > cols {
			return 0
		}
		return -benefit[(i-1)*cols+j-1]
	}
	for i := 1; i <= rows; i++ {
		g.taken[0] = i
		g.least, g.done = zeroed(g.least, wide+1), zeroed(g.done, wide+1)
		for j := range g.least {
			g.least[j] = math.Inf(1)
		}
		at := 0
		for g.taken[at] != 0 {
			g.done[at] = true
			row, next, delta := g.taken[at], 0, math.Inf(1)
			for j := 1; j <= wide; j++ {
				if g.done[j] {
					continue
				}
				if c := cost(row, j) - g.u[row] - g.v[j]; c < g.least[j] {
					g.least[j], g.way[j] = c, at
				}
				if g.least[j] < delta {
					delta, next = g.least[j], j
				}
			}
			for j := 0; j <= wide; j++ {
				if g.done[j] {
					g.u[g.taken[j]] += delta
					g.v[j] -= delta
				} else {
					g.least[j] -= delta
				}
			}
			at = next
		}
		for at != 0 { // turn the path over
			g.taken[at] = g.taken[g.way[at]]
			at = g.way[at]
		}
	}
	g.result = zeroed(g.result, rows)
	for i := range g.result {
		g.result[i] = -1
	}
	for j := 1; j <= cols; j++ {
		if i := g.taken[j]; i > 0 && benefit[(i-1)*cols+j-1] > 0 {
			g.result[i-1] = j - 1
		}
	}
	return g.result
}

// zeroed returns s with n zero values, in the old memory when it is enough.
func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
