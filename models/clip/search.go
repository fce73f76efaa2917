package clip

// The defaults that were measured for the embedded pair on held-out segments: the cosine of
// the right group has a median of 0.44, the best wrong one of 0.33. Other pairs have other
// scales; CLIP ViT-B/32's right answers lie near 0.25.
const (
	// Threshold is the least cosine that names a region.
	Threshold = 0.30
	// Margin is how far the best must be above what else it could be.
	Margin = 0.05
)

// Search compares query with every vector of bank by cosine and returns the indices of the
// best and of the second best, -1 where there is none, and all cosines in sims' memory when
// it is large enough. All vectors are unit vectors; of different lengths, the common part
// counts. Ties go to the lower index, and a cosine that is not a number is never best.
func Search(query []float32, bank [][]float32, sims []float32) (best, second int, all []float32) {
	best, second = -1, -1
	all = sims[:0]
	for i, v := range bank {
		s := dot(query, v)
		all = append(all, s)
		switch {
		case s != s:
		case best < 0 || s > all[best]:
			best, second = i, best
		case second < 0 || s > all[second]:
			second = i
		}
	}
	return best, second, all
}

func dot(a, b []float32) float32 {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= n; i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
	}
	for ; i < n; i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}
