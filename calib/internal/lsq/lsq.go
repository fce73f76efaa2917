package lsq

import "math"

// Normal is the normal equations A x = b of a linearised problem, A = sum j j^T (N x N by rows)
// and b = sum j r, with Cost = sum r^2.
type Normal struct {
	N    int
	A, B []float64
	Cost float64
}

func (n *Normal) reset(size int) {
	n.N, n.Cost = size, 0
	if len(n.B) != size {
		n.A, n.B = make([]float64, size*size), make([]float64, size)
	}
	clear(n.A)
	clear(n.B)
}

// Add adds a residual r (measured minus predicted) whose prediction changes by j[k] with
// parameter index[k].
func (n *Normal) Add(index []int, j []float64, r float64) {
	n.Cost += r * r
	for k, a := range index {
		row := n.A[a*n.N:]
		for l, b := range index {
			row[b] += j[k] * j[l]
		}
		n.B[a] += j[k] * r
	}
}

// Problem is a sum of squares.
type Problem interface {
	// Linearize adds every residual at p with its derivatives. ok is false when p cannot be.
	Linearize(p []float64, n *Normal) (ok bool)
	// Cost is the sum of squared residuals at p, +Inf when p cannot be.
	Cost(p []float64) float64
}

// Minimize improves p in place by Levenberg-Marquardt (Marquardt 1963, damping scaled by the
// diagonal) until a step changes the cost by less than one part in 1e-14 or after the given
// number of steps. It returns the cost reached and the normal equations there.
func Minimize(p []float64, f Problem, steps int) (cost float64, n *Normal) {
	n = &Normal{}
	trial, dx, work := make([]float64, len(p)), make([]float64, len(p)), make([]float64, len(p)*len(p))
	lambda := 1e-3
	for range steps {
		n.reset(len(p))
		if !f.Linearize(p, n) {
			return math.Inf(1), n
		}
		cost = n.Cost
		better, small := false, false
		for range 30 {
			copy(work, n.A)
			for i := range p {
				work[i*len(p)+i] += lambda * math.Max(n.A[i*len(p)+i], 1e-12)
			}
			copy(dx, n.B)
			if !cholesky(work, dx, len(p)) {
				lambda = math.Max(lambda*10, 1e-9)
				continue
			}
			for i := range p {
				trial[i] = p[i] + dx[i]
			}
			if c := f.Cost(trial); c <= cost {
				small = cost-c <= 1e-14*cost
				copy(p, trial)
				cost, better = c, true
				lambda = math.Max(lambda/10, 1e-15)
				break
			}
			lambda *= 10
			if lambda > 1e12 {
				break
			}
		}
		if !better || small {
			break
		}
	}
	n.reset(len(p))
	if !f.Linearize(p, n) {
		return math.Inf(1), n
	}
	return n.Cost, n
}

// cholesky solves a x = b in place for a symmetric positive definite a (n x n by rows), which
// it overwrites; false when a is not positive definite.
func cholesky(a, b []float64, n int) bool {
	for i := range n {
		for j := 0; j <= i; j++ {
			s := a[i*n+j]
			for k := range j {
				s -= a[i*n+k] * a[j*n+k]
			}
			if i == j {
				if !(s > 0) || math.IsInf(s, 0) {
					return false
				}
				a[i*n+i] = math.Sqrt(s)
			} else {
				a[i*n+j] = s / a[j*n+j]
			}
		}
	}
	for i := range n {
		for k := range i {
			b[i] -= a[i*n+k] * b[k]
		}
		b[i] /= a[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			b[i] -= a[k*n+i] * b[k]
		}
		b[i] /= a[i*n+i]
	}
	return true
}

// Inverse returns A^-1, the covariance of the parameters for residuals of variance one; ok is
// false when the residuals do not fix the parameters.
func (n *Normal) Inverse() (inv []float64, ok bool) {
	// Scaled to a unit diagonal: parameters of unlike units share the matrix.
	d := make([]float64, n.N)
	for i := range d {
		v := n.A[i*n.N+i]
		if !(v > 0) {
			return nil, false
		}
		d[i] = 1 / math.Sqrt(v)
	}
	inv = make([]float64, n.N*n.N)
	work, col := make([]float64, n.N*n.N), make([]float64, n.N)
	for c := range n.N {
		for i := range n.N {
			for j := range n.N {
				work[i*n.N+j] = n.A[i*n.N+j] * d[i] * d[j]
			}
		}
		clear(col)
		col[c] = 1
		if !cholesky(work, col, n.N) {
			return nil, false
		}
		for i := range n.N {
			inv[i*n.N+c] = col[i] * d[i] * d[c]
		}
	}
	return inv, true
}

// Eigen returns the eigenvalues of the symmetric n x n matrix a (by rows), smallest first, and
// the eigenvectors as rows, by cyclic Jacobi rotations. a is overwritten.
func Eigen(a []float64, n int) (values []float64, vectors [][]float64) {
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	for range 60 {
		off := 0.0
		for i := range n {
			for j := range i {
				off += a[i*n+j] * a[i*n+j]
			}
		}
		if off == 0 {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				apq := a[p*n+q]
				if apq == 0 {
					continue
				}
				theta := (a[q*n+q] - a[p*n+p]) / (2 * apq)
				t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
				if theta < 0 {
					t = -t
				}
				c := 1 / math.Sqrt(t*t+1)
				s := t * c
				for k := range n {
					x, y := a[k*n+p], a[k*n+q]
					a[k*n+p], a[k*n+q] = c*x-s*y, s*x+c*y
				}
				for k := range n {
					x, y := a[p*n+k], a[q*n+k]
					a[p*n+k], a[q*n+k] = c*x-s*y, s*x+c*y
				}
				for k := range n {
					x, y := v[k*n+p], v[k*n+q]
					v[k*n+p], v[k*n+q] = c*x-s*y, s*x+c*y
				}
			}
		}
	}
	for len(values) < n {
		best := -1
		for i := range n {
			if !math.IsNaN(a[i*n+i]) && (best < 0 || a[i*n+i] < a[best*n+best]) {
				best = i
			}
		}
		if best < 0 { // not a matrix of numbers
			return nil, nil
		}
		vec := make([]float64, n)
		for k := range n {
			vec[k] = v[k*n+best]
		}
		values, vectors = append(values, a[best*n+best]), append(vectors, vec)
		a[best*n+best] = math.NaN() // taken
	}
	return values, vectors
}
