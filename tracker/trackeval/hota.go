package trackeval

import "math"

// Alphas are the localisation thresholds of HOTA: 0.05, 0.10, ... 0.95.
const Alphas = 19

// alpha as np.arange(0.05, 0.99, 0.05) rounds it.
func alpha(i int) float64 { return 0.05 + float64(i)*0.05 }

// HOTA holds Luiten's higher order tracking accuracy (IJCV 2021) and its parts by threshold.
// Counts add up; AssA, AssRe, AssPr and LocA are means weighted by TP.
type HOTA struct {
	TP, FN, FP                [Alphas]float64
	AssA, AssRe, AssPr, LocA  [Alphas]float64
	DetA, DetRe, DetPr, Value [Alphas]float64
}

// Mean is the mean over the thresholds of one of the parts: what tables print.
func Mean(v [Alphas]float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s / Alphas
}

// EvalHOTA measures one sequence.
func EvalHOTA(d *Data) *HOTA {
	h := &HOTA{}
	if d.TrackN == 0 || d.TruthN == 0 {
		for a := range Alphas {
			h.FN[a], h.FP[a], h.LocA[a] = float64(d.TruthN), float64(d.TrackN), 1
		}
		h.finish()
		return h
	}
	T := d.Tracks
	potential := make([]float64, d.Truths*T)
	truths, tracks := make([]float64, d.Truths), make([]float64, T)
	for i := range d.Frames {
		f := &d.Frames[i]
		n := len(f.Track)
		rows, cols := make([]float64, len(f.Truth)), make([]float64, n)
		for g := range f.Truth {
			for t := range f.Track {
				s := f.Similarity[g*n+t]
				rows[g] += s
				cols[t] += s
			}
		}
		for g, gid := range f.Truth {
			for t, tid := range f.Track {
				s := f.Similarity[g*n+t]
				if den := rows[g] + cols[t] - s; den > eps {
					potential[gid*T+tid] += s / den
				}
			}
			truths[gid]++
		}
		for _, tid := range f.Track {
			tracks[tid]++
		}
	}
	align := make([]float64, len(potential))
	for g := range truths {
		for t := range tracks {
			p := potential[g*T+t]
			align[g*T+t] = p / (truths[g] + tracks[t] - p)
		}
	}
	var matches [Alphas][]float64
	for a := range matches {
		matches[a] = make([]float64, d.Truths*T)
	}
	var l lsa
	var score []float64
	for i := range d.Frames {
		f := &d.Frames[i]
		n := len(f.Track)
		if len(f.Truth) == 0 || n == 0 {
			for a := range Alphas {
				h.FP[a] += float64(n)
				h.FN[a] += float64(len(f.Truth))
			}
			continue
		}
		score = grow(score, len(f.Truth)*n)
		for g, gid := range f.Truth {
			for t, tid := range f.Track {
				score[g*n+t] = align[gid*T+tid] * f.Similarity[g*n+t]
			}
		}
		match := l.maximize(score, len(f.Truth), n)
		for a := range Alphas {
			hit := 0.0
			for g, t := range match {
				if t < 0 {
					continue
				}
				if s := f.Similarity[g*n+t]; s >= alpha(a)-eps {
					hit++
					h.LocA[a] += s
					matches[a][f.Truth[g]*T+f.Track[t]]++
				}
			}
			h.TP[a] += hit
			h.FN[a] += float64(len(f.Truth)) - hit
			h.FP[a] += float64(n) - hit
		}
	}
	for a := range Alphas {
		for g := range truths {
			for t := range tracks {
				m := matches[a][g*T+t]
				if m == 0 {
					continue
				}
				h.AssA[a] += m * m / math.Max(1, truths[g]+tracks[t]-m)
				h.AssRe[a] += m * m / math.Max(1, truths[g])
				h.AssPr[a] += m * m / math.Max(1, tracks[t])
			}
		}
		n := math.Max(1, h.TP[a])
		h.AssA[a] /= n
		h.AssRe[a] /= n
		h.AssPr[a] /= n
		h.LocA[a] = math.Max(1e-10, h.LocA[a]) / math.Max(1e-10, h.TP[a])
	}
	h.finish()
	return h
}

func (h *HOTA) finish() {
	for a := range Alphas {
		h.DetRe[a] = h.TP[a] / math.Max(1, h.TP[a]+h.FN[a])
		h.DetPr[a] = h.TP[a] / math.Max(1, h.TP[a]+h.FP[a])
		h.DetA[a] = h.TP[a] / math.Max(1, h.TP[a]+h.FN[a]+h.FP[a])
		h.Value[a] = math.Sqrt(h.DetA[a] * h.AssA[a])
	}
}

// CombineHOTA joins the figures of several sequences.
func CombineHOTA(hs []*HOTA) *HOTA {
	c := &HOTA{}
	for a := range Alphas {
		loc := 0.0
		for _, h := range hs {
			c.TP[a] += h.TP[a]
			c.FN[a] += h.FN[a]
			c.FP[a] += h.FP[a]
			c.AssA[a] += h.AssA[a] * h.TP[a]
			c.AssRe[a] += h.AssRe[a] * h.TP[a]
			c.AssPr[a] += h.AssPr[a] * h.TP[a]
			loc += h.LocA[a] * h.TP[a]
		}
		n := math.Max(1, c.TP[a])
		c.AssA[a] /= n
		c.AssRe[a] /= n
		c.AssPr[a] /= n
		c.LocA[a] = math.Max(1e-10, loc) / math.Max(1e-10, c.TP[a])
	}
	c.finish()
	return c
}
