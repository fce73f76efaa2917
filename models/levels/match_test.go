package levels

import (
	"math/rand/v2"
	"testing"
)

// best tries every assignment.
func best(b []float64, rows, cols, row int, used uint) float64 {
	if row == rows {
		return 0
	}
	top := best(b, rows, cols, row+1, used) // without a pair
	for c := range cols {
		if used>>c&1 == 0 {
			top = max(top, b[row*cols+c]+best(b, rows, cols, row+1, used|1<<c))
		}
	}
	return top
}

func TestMatchingIsTheBest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var g matching
	for range 300 {
		rows, cols := r.IntN(6), r.IntN(6)
		b := make([]float64, rows*cols)
		for i := range b {
			if r.IntN(3) > 0 {
				b[i] = r.Float64()
			}
		}
		sum, used := 0.0, map[int]bool{}
		for i, c := range g.solve(b, rows, cols) {
			if c < 0 {
				continue
			}
			if used[c] || b[i*cols+c] == 0 {
				t.Fatalf("column %d is taken twice or is no pair", c)
			}
			used[c] = true
			sum += b[i*cols+c]
		}
		if want := best(b, rows, cols, 0, 0); sum < want-1e-9 {
			t.Fatalf("%dx%d %v: sum %g, the best is %g", rows, cols, b, sum, want)
		}
	}
}
