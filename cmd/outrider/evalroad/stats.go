package evalroad

import (
	"math"
	"math/rand/v2"
	"slices"
)

// figures are values that belong together by the drive they come from: frames of one drive are
// no independent draws.
type figures struct {
	groups [][]float64
}

// add appends a drive's values.
func (f *figures) add(v []float64) {
	if len(v) > 0 {
		f.groups = append(f.groups, v)
	}
}

func (f *figures) n() int {
	n := 0
	for _, g := range f.groups {
		n += len(g)
	}
	return n
}

func (f *figures) all() []float64 { return slices.Concat(f.groups...) }

// Quantile is the p-quantile of v, NaN of nothing. It sorts v.
func Quantile(v []float64, p float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	i := p * float64(len(v)-1)
	k := int(i)
	if k+1 >= len(v) {
		return v[k]
	}
	return v[k] + (v[k+1]-v[k])*(i-float64(k))
}

func mean(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

// interval is the 95 % bootstrap interval of a statistic, drawn by drive.
func (f *figures) interval(stat func([]float64) float64) (lo, hi float64) {
	if len(f.groups) < 2 {
		return math.NaN(), math.NaN()
	}
	const draws = 200
	rng := rand.New(rand.NewPCG(7, 7))
	var out []float64
	var v []float64
	for range draws {
		v = v[:0]
		for range f.groups {
			v = append(v, f.groups[rng.IntN(len(f.groups))]...)
		}
		out = append(out, stat(v))
	}
	return Quantile(out, .025), Quantile(out, .975)
}

// counts are the four numbers of a decision.
type counts struct{ tp, fp, fn int }

// f1 is the harmonic mean of precision and recall.
func (c counts) f1() float64 {
	if c.tp == 0 {
		return 0
	}
	return 2 * float64(c.tp) / float64(2*c.tp+c.fp+c.fn)
}
