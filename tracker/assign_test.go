package tracker

import (
	"math"
	"math/rand/v2"
	"testing"
)

// best is the least cost by trying everything: row r takes one of its edges or stays alone.
func best(rows int, edges []edge, limit float64, r int, used map[int32]bool) float64 {
	if r == rows {
		return 0
	}
	low := limit + best(rows, edges, limit, r+1, used)
	for _, e := range edges {
		if int(e.row) != r || used[e.col] {
			continue
		}
		used[e.col] = true
		low = math.Min(low, e.cost+best(rows, edges, limit, r+1, used))
		delete(used, e.col)
	}
	return low
}

func TestAssignmentIsOptimal(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var a assigner
	for round := range 2000 {
		rows, cols, limit := 1+rnd.IntN(6), 1+rnd.IntN(6), 0.9
		var edges []edge
		for r := range rows {
			for c := range cols {
				if rnd.Float64() < 0.6 {
					cost := rnd.Float64() * limit
					if round%3 == 0 {
						cost = math.Floor(cost*4) / 4 // ties
					}
					edges = append(edges, edge{int32(r), int32(c), cost})
				}
			}
		}
		match := a.solve(rows, cols, edges, limit)
		sum, used := 0.0, map[int32]bool{}
		for r, c := range match {
			if c < 0 {
				sum += limit
				continue
			}
			if used[c] {
				t.Fatalf("round %d: column %d twice", round, c)
			}
			used[c] = true
			cost := -1.0
			for _, e := range edges {
				if int(e.row) == r && e.col == c {
					cost = e.cost
				}
			}
			if cost < 0 {
				t.Fatalf("round %d: pair %d-%d has no edge", round, r, c)
			}
			sum += cost
		}
		if want := best(rows, edges, limit, 0, map[int32]bool{}); math.Abs(sum-want) > 1e-9 {
			t.Fatalf("round %d: cost %.6f, the least is %.6f", round, sum, want)
		}
	}
}

func TestAssignmentIsRepeatable(t *testing.T) {
	edges := []edge{{0, 0, 0.5}, {0, 1, 0.5}, {1, 0, 0.5}, {1, 1, 0.5}}
	var a assigner
	for range 3 {
		if m := a.solve(2, 2, edges, 0.9); m[0] != 0 || m[1] != 1 {
			t.Fatalf("ties fall as %v, want the earlier row and column first", m)
		}
	}
}
