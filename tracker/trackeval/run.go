package trackeval

import (
	"hash/fnv"
	"math/rand/v2"

	"outrider/pipeline"
	"outrider/tracker"
)

// Pick lists the frames of the sequence that a tracker is to see: every n-th from the first
// (all for 0 or 1), of which a share drop is lost at random, the same for one seed.
func (s *Sequence) Pick(every int, drop float64, seed uint64) []int {
	h := fnv.New64a()
	h.Write([]byte(s.Name))
	rnd := rand.New(rand.NewPCG(seed, h.Sum64()))
	var out []int
	for n := 1; n <= s.Frames; n += max(every, 1) {
		if drop <= 0 || rnd.Float64() >= drop {
			out = append(out, n)
		}
	}
	return out
}

// Run gives the stored detections of the frames to a core, at the sequence's own times, and
// returns the boxes of the tracks observed in each, by frame. With warps the stored camera
// motion is handed over too.
func (s *Sequence) Run(c *tracker.Core, frames []int, warps bool) [][]Row {
	c.Width, c.Height = float64(s.Width), float64(s.Height)
	out := make([][]Row, s.Frames+1)
	var dets []tracker.Detection
	var objects []tracker.Object
	last := 0
	for _, n := range frames {
		dets = dets[:0]
		for _, r := range s.Detections[n] {
			dets = append(dets, tracker.Detection{Box: r.Box, Mask: r.Mask, Score: r.Confidence, Parent: -1})
		}
		var warp *tracker.Warp
		if warps {
			warp = s.warp(last, n)
		}
		last = n
		c.Step(float64(n)/s.FPS, dets, warp)
		objects = c.Append(objects[:0])
		for _, o := range objects {
			if o.Observed && o.State == pipeline.Confirmed {
				row := Row{Frame: n, ID: int(o.ID), Box: o.Box, Confidence: o.Score, Class: 1, Visibility: 1}
				if o.Detection >= 0 {
					row.Mask = s.Detections[n][o.Detection].Mask
				}
				if row.Mask != nil || s.format != formatMOTS {
					out[n] = append(out[n], row)
				}
			}
		}
	}
	return out
}

// warp is the camera's motion from frame a to frame b, nil where it is not known.
func (s *Sequence) warp(a, b int) *tracker.Warp {
	if a == 0 || s.Warps == nil {
		return nil
	}
	w := tracker.Warp{A11: 1, A22: 1}
	for n := a + 1; n <= b; n++ {
		v, ok := s.Warps[n]
		if !ok {
			return nil
		}
		w = tracker.Warp{
			A11: v.A11*w.A11 + v.A12*w.A21, A12: v.A11*w.A12 + v.A12*w.A22, TX: v.A11*w.TX + v.A12*w.TY + v.TX,
			A21: v.A21*w.A11 + v.A22*w.A21, A22: v.A21*w.A12 + v.A22*w.A22, TY: v.A21*w.TX + v.A22*w.TY + v.TY,
		}
	}
	return &w
}
