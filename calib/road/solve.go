package road

import "math"

// maxParams is the most parameters that a fit here has.
const maxParams = 5

// normal is a small system of normal equations.
type normal struct {
	n int
	a [maxParams][maxParams]float64
	b [maxParams]float64
}

func (s *normal) reset(n int) { *s = normal{n: n} }

// add adds a residual r (measured minus predicted) with weight w and derivatives j.
func (s *normal) add(j *[maxParams]float64, r, w float64) {
	for i := range s.n {
		for k := 0; k <= i; k++ {
			s.a[i][k] += w * j[i] * j[k]
		}
		s.b[i] += w * j[i] * r
	}
}

// prior pulls a parameter's step towards d with information w.
func (s *normal) prior(i int, d, w float64) {
	s.a[i][i] += w
	s.b[i] += w * d
}

// solve returns the step and the diagonal of the inverse; ok is false when the system does
// not fix every parameter.
func (s *normal) solve() (x, variance [maxParams]float64, ok bool) {
	var l [maxParams][maxParams]float64
	for i := range s.n {
		for k := 0; k <= i; k++ {
			v := s.a[i][k]
			for m := range k {
				v -= l[i][m] * l[k][m]
			}
			if i != k {
				l[i][k] = v / l[k][k]
				continue
			}
			if !(v > 1e-12*s.a[i][i]) || math.IsInf(v, 0) {
				return x, variance, false
			}
			l[i][i] = math.Sqrt(v)
		}
	}
	back := func(b [maxParams]float64) [maxParams]float64 {
		for i := range s.n {
			for k := range i {
				b[i] -= l[i][k] * b[k]
			}
			b[i] /= l[i][i]
		}
		for i := s.n - 1; i >= 0; i-- {
			for k := i + 1; k < s.n; k++ {
				b[i] -= l[k][i] * b[k]
			}
			b[i] /= l[i][i]
		}
		return b
	}
	for i := range s.n {
		var e [maxParams]float64
		e[i] = 1
		variance[i] = back(e)[i]
	}
	return back(s.b), variance, true
}
