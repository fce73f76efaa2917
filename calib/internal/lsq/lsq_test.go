package lsq

import (
	"math"
	"math/rand/v2"
	"testing"
)

// rosenbrock is the classic curved valley, as residuals 10 (y - x^2) and 1 - x.
type rosenbrock struct{}

func (rosenbrock) Linearize(p []float64, n *Normal) bool {
	n.Add([]int{0, 1}, []float64{-20 * p[0], 10}, -10*(p[1]-p[0]*p[0]))
	n.Add([]int{0}, []float64{-1}, -(1 - p[0]))
	return true
}

func (rosenbrock) Cost(p []float64) float64 {
	a, b := 10*(p[1]-p[0]*p[0]), 1-p[0]
	return a*a + b*b
}

func TestMinimize(t *testing.T) {
	p := []float64{-1.2, 1}
	cost, _ := Minimize(p, rosenbrock{}, 100)
	if cost > 1e-20 || math.Abs(p[0]-1)+math.Abs(p[1]-1) > 1e-9 {
		t.Errorf("stopped at %v with cost %v", p, cost)
	}
}

func TestInverseAndEigen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 7
	var e Normal
	e.reset(n)
	index := []int{0, 1, 2, 3, 4, 5, 6}
	for range 20 {
		j := make([]float64, n)
		for k := range j {
			j[k] = r.NormFloat64() * math.Pow(10, float64(k-3))
		}
		e.Add(index, j, 0)
	}
	inv, ok := e.Inverse()
	if !ok {
		t.Fatal("singular")
	}
	for i := range n {
		for k := range n {
			s := 0.0
			for m := range n {
				s += e.A[i*n+m] * inv[m*n+k]
			}
			want := 0.0
			if i == k {
				want = 1
			}
			if math.Abs(s-want) > 1e-6 {
				t.Errorf("A A^-1 has %v at %d, %d", s, i, k)
			}
		}
	}
	values, vectors := Eigen(append([]float64(nil), e.A...), n)
	for i, v := range vectors {
		if i > 0 && values[i] < values[i-1] {
			t.Error("not in order")
		}
		for row := range n {
			s := 0.0
			for m := range n {
				s += e.A[row*n+m] * v[m]
			}
			if math.Abs(s-values[i]*v[row]) > 1e-9*values[n-1] {
				t.Errorf("vector %d is not one: %v, want %v", i, s, values[i]*v[row])
			}
		}
	}
	var bad Normal
	bad.reset(2)
	bad.Add([]int{0, 1}, []float64{1, 1}, 0)
	if _, ok := bad.Inverse(); ok {
		t.Error("a singular matrix has an inverse")
	}
}
