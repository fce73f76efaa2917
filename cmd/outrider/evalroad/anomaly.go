package evalroad

import (
	"fmt"
	"math"
	"sort"
)

// Labels of a pixel, as the SegmentMeIfYouCan benchmark writes them.
const (
	LabelRoad     = 0   // in the region of interest, no obstacle
	LabelObstacle = 1   // in the region of interest, an obstacle
	LabelIgnore   = 255 // not in the region of interest
)

// Anomaly gathers the benchmark's figures for obstacles over pictures (Chan et al., 2021, arXiv
// 2104.14812; definitions as in the benchmark's own code): AuPRC and FPR95 over all pixels of
// the region of interest, and over connected components, at the threshold of the best pixel F1,
// sIoU, PPV and the mean F1.
type Anomaly struct {
	pictures []picture
}

type picture struct {
	w, h   int
	score  []uint16
	labels []uint8
}

// Sizes under which a component does not count, pixels.
const (
	minTrue      = 10
	minPredicted = 50
)

// Add takes a picture's scores (higher is rather an obstacle) and labels, row by row.
func (a *Anomaly) Add(w, h int, score []uint16, labels []uint8) error {
	if w <= 0 || h <= 0 || len(score) != w*h || len(labels) != w*h {
		return fmt.Errorf("picture of %dx%d: %d scores and %d labels, want %d of each", w, h, len(score), len(labels), w*h)
	}
	for i, l := range labels {
		if l != LabelRoad && l != LabelObstacle && l != LabelIgnore {
			return fmt.Errorf("label %d at column %d, row %d: want %d (road), %d (obstacle) or %d (ignore)", l, i%w, i/w, LabelRoad, LabelObstacle, LabelIgnore)
		}
	}
	a.pictures = append(a.pictures, picture{w, h, score, labels})
	return nil
}

// AnomalyFigures are percent, but for Threshold (the score from which on a pixel is called an
// obstacle) and the counts.
type AnomalyFigures struct {
	AuPRC     float64 `json:"auprc"`
	FPR95     float64 `json:"fpr95"`
	SIoU      float64 `json:"siou"`
	PPV       float64 `json:"ppv"`
	MeanF1    float64 `json:"mean_f1"`
	Threshold uint16  `json:"threshold"`
	Pictures  int     `json:"pictures"`
	Obstacles int     `json:"obstacles"` // true components that count
	Predicted int     `json:"predicted"` // predicted ones
}

// Figures computes them. Without a single pixel of either kind there are none.
func (a *Anomaly) Figures() (AnomalyFigures, error) {
	var f AnomalyFigures
	var pos, neg [1 << 16]int
	np, nn := 0, 0
	for _, p := range a.pictures {
		for i, l := range p.labels {
			switch l {
			case LabelObstacle:
				pos[p.score[i]]++
				np++
			case LabelRoad:
				neg[p.score[i]]++
				nn++
			}
		}
	}
	if np == 0 || nn == 0 {
		return f, fmt.Errorf("%d pictures with %d obstacle pixels and %d road pixels: want some of each", len(a.pictures), np, nn)
	}
	tp, fp, recall, bestF1 := 0, 0, 0.0, -1.0
	f.FPR95 = 100
	reached := false
	for s := len(pos) - 1; s >= 0; s-- {
		if pos[s] == 0 && neg[s] == 0 {
			continue
		}
		tp, fp = tp+pos[s], fp+neg[s]
		precision, r := float64(tp)/float64(tp+fp), float64(tp)/float64(np)
		f.AuPRC += 100 * precision * (r - recall)
		recall = r
		if !reached && r >= .95 {
			reached = true
			f.FPR95 = 100 * float64(fp) / float64(nn)
		}
		if f1 := 2 * precision * r / math.Max(precision+r, 1e-12); f1 > bestF1 {
			bestF1, f.Threshold = f1, uint16(s)
		}
	}
	a.components(&f)
	return f, nil
}

// components fills the figures of connected components at f.Threshold.
func (a *Anomaly) components(f *AnomalyFigures) {
	f.Pictures = len(a.pictures)
	var sious, ppvs []float64
	for _, p := range a.pictures {
		s, v := p.components(f.Threshold)
		sious, ppvs = append(sious, s...), append(ppvs, v...)
	}
	f.Obstacles, f.Predicted = len(sious), len(ppvs)
	f.SIoU, f.PPV = 100*orZero(mean(sious)), 100*orZero(mean(ppvs))
	sort.Float64s(sious)
	sort.Float64s(ppvs)
	const steps = 11 // tau = 0.25, 0.30, ..., 0.75
	for i := range steps {
		tau := float64(25+5*i) / 100
		fn := sort.Search(len(sious), func(k int) bool { return sious[k] >= tau })
		fp := sort.Search(len(ppvs), func(k int) bool { return ppvs[k] >= tau })
		c := counts{tp: len(sious) - fn, fn: fn, fp: fp}
		f.MeanF1 += 100 * c.f1() / steps
	}
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// components returns the sIoU of each true component and the PPV of each predicted one.
func (p *picture) components(threshold uint16) (sious, ppvs []float64) {
	truth, sizes := label(p.w, p.h, func(i int) bool { return p.labels[i] == LabelObstacle })
	small := make([]bool, len(sizes)+1)
	for k, n := range sizes {
		small[k+1] = n < minTrue
	}
	// What is too small to count is ignored, for the predictions too.
	inside := func(i int) bool { return p.labels[i] != LabelIgnore && !small[truth[i]] }
	got, gotSizes := label(p.w, p.h, func(i int) bool { return inside(i) && p.score[i] >= threshold })
	hit := make([]int, len(gotSizes)+1)
	touch := map[[2]int32]int{} // pixels shared by a true and a predicted component
	for i := range truth {
		g, t := got[i], truth[i]
		if g == 0 || t == 0 || gotSizes[g-1] < minPredicted {
			continue
		}
		hit[g]++
		touch[[2]int32{t, g}]++
	}
	for k, n := range gotSizes {
		if n >= minPredicted {
			ppvs = append(ppvs, float64(hit[k+1])/float64(n))
		}
	}
	for k, n := range sizes {
		t := int32(k + 1)
		if small[t] {
			continue
		}
		inter, union := 0, n
		for pair, shared := range touch {
			if pair[0] != t {
				continue
			}
			inter += shared
			// The prediction without what belongs to true components.
			union += gotSizes[pair[1]-1] - hit[pair[1]]
		}
		sious = append(sious, float64(inter)/float64(union))
	}
	return sious, ppvs
}

// label numbers the 8-connected components of a set of pixels from 1 on, 0 outside.
func label(w, h int, in func(i int) bool) (labels []int32, sizes []int) {
	labels = make([]int32, w*h)
	var stack []int
	for i := range labels {
		if labels[i] != 0 || !in(i) {
			continue
		}
		k := int32(len(sizes) + 1)
		n := 0
		stack = append(stack[:0], i)
		labels[i] = k
		for len(stack) > 0 {
			j := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			n++
			x, y := j%w, j/w
			for v := max(0, y-1); v <= min(h-1, y+1); v++ {
				for u := max(0, x-1); u <= min(w-1, x+1); u++ {
					if m := v*w + u; labels[m] == 0 && in(m) {
						labels[m] = k
						stack = append(stack, m)
					}
				}
			}
		}
		sizes = append(sizes, n)
	}
	return labels, sizes
}
