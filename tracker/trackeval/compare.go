package trackeval

import (
	"math"

	"outrider/pipeline/mask"
)

// Classes of ground truth in the MOT challenge's numbering (KITTI's are mapped to it).
const (
	classScored     = 1
	classDistractor = 8
	classIgnore     = 13 // regions where nothing is judged
)

// distractor tells classes whose detection is neither right nor wrong: a person on a vehicle,
// a static person, a distractor, a reflection.
func distractor(class int) bool { return class == 2 || class == 7 || class == 8 || class == 12 }

// Compare joins the truth with a tracker's rows on the given frames by the IoU of masks where
// both have one, else of boxes, after taking out the tracker's boxes that the benchmarks' rules do not judge: those matched to a
// distractor, those unmatched and too low, and those unmatched and more than half in an
// ignored region.
func (s *Sequence) Compare(result [][]Row, frames []int) *Data {
	d := &Data{Sequence: s.Name}
	truths, tracks := map[int]int{}, map[int]int{}
	dense := func(m map[int]int, id int) int {
		if _, ok := m[id]; !ok {
			m[id] = len(m)
		}
		return m[id]
	}
	var l lsa
	for _, n := range frames {
		var boxes, ignore, track []Row
		for _, r := range s.Truth[n] {
			if r.Class == classIgnore {
				ignore = append(ignore, r)
			} else {
				boxes = append(boxes, r)
			}
		}
		if n < len(result) {
			track = result[n]
		}
		iou := make([]float64, len(boxes)*len(track))
		for g := range boxes {
			for t := range track {
				iou[g*len(track)+t] = overlap(boxes[g], track[t])
			}
		}
		drop := s.unjudged(&l, boxes, ignore, track, iou)
		f := FrameData{}
		for t := range track {
			if !drop[t] {
				f.Track = append(f.Track, dense(tracks, track[t].ID))
			}
		}
		for g := range boxes {
			if boxes[g].Class != classScored || boxes[g].Confidence == 0 {
				continue
			}
			f.Truth = append(f.Truth, dense(truths, boxes[g].ID))
			for t := range track {
				if !drop[t] {
					f.Similarity = append(f.Similarity, iou[g*len(track)+t])
				}
			}
		}
		d.TruthN += len(f.Truth)
		d.TrackN += len(f.Track)
		d.Frames = append(d.Frames, f)
	}
	d.Truths, d.Tracks = len(truths), len(tracks)
	return d
}

// unjudged tells which of the tracker's boxes are not judged.
func (s *Sequence) unjudged(l *lsa, boxes, ignore, track []Row, iou []float64) []bool {
	drop, free := make([]bool, len(track)), make([]bool, len(track))
	for t := range free {
		free[t] = true
	}
	n := len(track)
	if len(iou) > 0 {
		score := make([]float64, len(iou))
		for i, v := range iou {
			if v >= 0.5-1e-9 {
				score[i] = v
			}
		}
		for g, t := range l.maximize(score, len(boxes), n) {
			if t >= 0 && score[g*n+t] > 0 {
				free[t] = false
				drop[t] = distractor(boxes[g].Class)
			}
		}
	}
	for t := range track {
		if !free[t] {
			continue
		}
		b := track[t].Box
		if s.MinHeight > 0 && b.H() <= s.MinHeight {
			drop[t] = true
		}
		for _, r := range ignore {
			if inside(track[t], r) > 0.5+eps {
				drop[t] = true
			}
		}
	}
	return drop
}

// overlap is the IoU of two rows.
func overlap(a, b Row) float64 {
	if sameGrid(a, b) {
		return mask.IoU(a.Mask, b.Mask)
	}
	i := a.Box.Intersect(b.Box).Area()
	return i / math.Max(a.Box.W()*a.Box.H()+b.Box.W()*b.Box.H()-i, 1e-9)
}

// inside is the share of a that lies in b.
func inside(a, b Row) float64 {
	if sameGrid(a, b) {
		return mask.Containment(a.Mask, b.Mask)
	}
	return a.Box.Intersect(b.Box).Area() / math.Max(a.Box.W()*a.Box.H(), 1e-9)
}

func sameGrid(a, b Row) bool {
	return a.Mask != nil && b.Mask != nil && a.Mask.Grid() == b.Mask.Grid()
}
