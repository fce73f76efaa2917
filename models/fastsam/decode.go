package fastsam

import (
	"math"
	"sort"
)

// candidate is a box above the threshold, in network pixels.
type candidate struct {
	x1, y1, x2, y2 float32
	score          float32
	class          int32
	anchor         int32
}

// maxCandidates bounds what NMS looks at; the contract's 30000.
const maxCandidates = 30000

// decode collects the anchors of output0 ([rows][n] of one frame) that score above conf, best
// first. Rows are cx, cy, w, h, nc scores, then the coefficients.
func decode(dst []candidate, out []float32, n, nc int, conf float32) []candidate {
	dst = dst[:0]
	cx, cy, w, h := out[:n], out[n:2*n], out[2*n:3*n], out[3*n:4*n]
	for c := range nc {
		scores := out[(4+c)*n : (5+c)*n]
		for i, s := range scores {
			if !(s > conf) {
				continue
			}
			if nc > 1 && !best(out, n, nc, c, i) {
				continue
			}
			hw, hh := w[i]/2, h[i]/2
			dst = append(dst, candidate{cx[i] - hw, cy[i] - hh, cx[i] + hw, cy[i] + hh, s, int32(c), int32(i)})
		}
	}
	sort.Sort(byScore(dst))
	return dst[:min(len(dst), maxCandidates)]
}

func best(out []float32, n, nc, c, i int) bool {
	s := out[(4+c)*n+i]
	for k := range nc {
		if v := out[(4+k)*n+i]; v > s || v == s && k < c {
			return false
		}
	}
	return true
}

type byScore []candidate

func (b byScore) Len() int      { return len(b) }
func (b byScore) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b byScore) Less(i, j int) bool {
	if b[i].score != b[j].score {
		return b[i].score > b[j].score
	}
	return b[i].anchor < b[j].anchor
}

// suppress keeps, greedily and best first, the candidates whose IoU with no better one of
// their class exceeds iou, at most limit. It works in place.
func suppress(c []candidate, iou float32, limit int) []candidate {
	kept := c[:0]
	for _, x := range c {
		ax := (x.x2 - x.x1) * (x.y2 - x.y1)
		if !(ax > 0) || math.IsInf(float64(ax), 0) {
			continue
		}
		drop := false
		for i := range kept {
			k := &kept[i]
			if k.class != x.class {
				continue
			}
			w := min(x.x2, k.x2) - max(x.x1, k.x1)
			h := min(x.y2, k.y2) - max(x.y1, k.y1)
			if w <= 0 || h <= 0 {
				continue
			}
			in := w * h
			if in > iou*(ax+(k.x2-k.x1)*(k.y2-k.y1)-in) {
				drop = true
				break
			}
		}
		if !drop {
			kept = append(kept, x)
			if len(kept) == limit {
				break
			}
		}
	}
	return kept
}
