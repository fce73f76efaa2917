package trackeval

import "math"

// CLEAR holds the CLEAR figures (Bernardin and Stiefelhagen 2008) at IoU 0.5. All fields are
// counts, except that LocSum is the sum of the similarities of the matches.
type CLEAR struct {
	TP, FN, FP, IDSW, Frag int
	MT, PT, ML             int // ids mostly (over 80 %), partly, mostly not (under 20 %) tracked
	Truths                 int // ids of the truth
	Frames                 int
	LocSum                 float64
}

// MOTA is 1 - (FN + FP + IDSW) / objects of the truth.
func (c *CLEAR) MOTA() float64 {
	return float64(c.TP-c.FP-c.IDSW) / math.Max(1, float64(c.TP+c.FN))
}

// MOTP is the mean similarity of the matches.
func (c *CLEAR) MOTP() float64 { return c.LocSum / math.Max(1, float64(c.TP)) }

const threshold = 0.5

// EvalCLEAR measures one sequence.
func EvalCLEAR(d *Data) *CLEAR {
	c := &CLEAR{Frames: len(d.Frames), Truths: d.Truths}
	if d.TrackN == 0 {
		c.FN, c.ML = d.TruthN, d.Truths
		return c
	}
	if d.TruthN == 0 {
		c.FP = d.TrackN
		return c
	}
	seen, matched, frags := make([]int, d.Truths), make([]int, d.Truths), make([]int, d.Truths)
	before, last := make([]int, d.Truths), make([]int, d.Truths) // track in the frame before, and ever
	for g := range last {
		before[g], last[g] = -1, -1
	}
	var l lsa
	var score []float64
	for i := range d.Frames {
		f := &d.Frames[i]
		n := len(f.Track)
		if len(f.Truth) == 0 {
			c.FP += n
			continue
		}
		for _, g := range f.Truth {
			seen[g]++
		}
		if n == 0 {
			c.FN += len(f.Truth)
			continue
		}
		// Who was matched in the frame before stays matched where the threshold allows.
		score = grow(score, len(f.Truth)*n)
		for g, gid := range f.Truth {
			for t, tid := range f.Track {
				s := f.Similarity[g*n+t]
				switch {
				case s < threshold-eps:
					score[g*n+t] = 0
				case before[gid] == tid:
					score[g*n+t] = 1000 + s
				default:
					score[g*n+t] = s
				}
			}
		}
		match := l.maximize(score, len(f.Truth), n)
		fresh := make(map[int]int, len(match))
		for g, t := range match {
			if t < 0 || score[g*n+t] <= eps {
				continue
			}
			gid, tid := f.Truth[g], f.Track[t]
			if last[gid] >= 0 && last[gid] != tid {
				c.IDSW++
			}
			last[gid] = tid
			matched[gid]++
			if before[gid] < 0 {
				frags[gid]++
			}
			fresh[gid] = tid
			c.LocSum += f.Similarity[g*n+t]
		}
		for g := range before {
			before[g] = -1
		}
		for g, t := range fresh {
			before[g] = t
		}
		c.TP += len(fresh)
		c.FN += len(f.Truth) - len(fresh)
		c.FP += n - len(fresh)
	}
	for g := range seen {
		if seen[g] > 0 {
			switch r := float64(matched[g]) / float64(seen[g]); {
			case r > 0.8:
				c.MT++
			case r >= 0.2:
				c.PT++
			}
		}
		if frags[g] > 0 {
			c.Frag += frags[g] - 1
		}
	}
	c.ML = d.Truths - c.MT - c.PT
	return c
}

// CombineCLEAR joins the figures of several sequences.
func CombineCLEAR(cs []*CLEAR) *CLEAR {
	s := &CLEAR{}
	for _, c := range cs {
		s.TP += c.TP
		s.FN += c.FN
		s.FP += c.FP
		s.IDSW += c.IDSW
		s.Frag += c.Frag
		s.MT += c.MT
		s.PT += c.PT
		s.ML += c.ML
		s.Truths += c.Truths
		s.Frames += c.Frames
		s.LocSum += c.LocSum
	}
	return s
}
