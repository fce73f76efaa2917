package fastsam

import (
	"math"
	"slices"
)

// detection is one row of the network's output that passed the threshold.
type detection struct {
	x1, y1, x2, y2 float32 // network pixels
	area           float32
	score          float32
	class          int32
	anchor         int32
}

// detector finds the segments' boxes in the predictions of one frame. It keeps its memory for
// the next; one goroutine at a time.
type detector struct {
	found []detection // above the threshold, best first
	kept  []detection // after NMS, best first
}

// maxCandidates is how many detections enter NMS, best first (the reference programs' limit).
const maxCandidates = 30000

// predictions are the boxes of one frame: rows of n anchors: cx, cy, w, h, the classes'
// scores, the mask coefficients.
type predictions struct {
	data    []float32
	classes int
	n       int
}

func (p predictions) row(i int) []float32 { return p.data[i*p.n : (i+1)*p.n] }

// coefficients gathers the mask coefficients of an anchor.
func (p predictions) coefficients(anchor int32, dst *[coefficients]float32) {
	at := (boxRows+p.classes)*p.n + int(anchor)
	for k := range dst {
		dst[k] = p.data[at+k*p.n]
	}
}

// detect fills kept: detections with a score above confidence, of which greedy NMS keeps at
// most limit that have no higher IoU than iou with a better one of their class. Scores and
// IoU are computed in float32 as the reference programs do, so that ties fall alike.
func (d *detector) detect(p predictions, confidence, iou float32, limit int) {
	d.found = d.found[:0]
	if p.classes == 1 {
		for i, s := range p.row(boxRows) {
			if s > confidence {
				d.add(p, i, s, 0)
			}
		}
	} else {
		for i := range p.n {
			s, class := p.data[boxRows*p.n+i], 0
			for c := 1; c < p.classes; c++ {
				if v := p.data[(boxRows+c)*p.n+i]; v > s {
					s, class = v, c
				}
			}
			if s > confidence {
				d.add(p, i, s, class)
			}
		}
	}
	slices.SortStableFunc(d.found, func(a, b detection) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	d.found = d.found[:min(len(d.found), maxCandidates)]
	d.kept = d.kept[:0]
	for i := range d.found {
		if len(d.kept) >= limit {
			break
		}
		if c := &d.found[i]; !d.suppressed(c, iou) {
			d.kept = append(d.kept, *c)
		}
	}
}

func (d *detector) add(p predictions, i int, score float32, class int) {
	cx, cy, w, h := p.data[i], p.data[p.n+i], p.data[2*p.n+i], p.data[3*p.n+i]
	c := detection{x1: cx - w/2, y1: cy - h/2, x2: cx + w/2, y2: cy + h/2, score: score, class: int32(class), anchor: int32(i)}
	c.area = (c.x2 - c.x1) * (c.y2 - c.y1)
	// A network gone wrong may answer anything: only boxes go on. The comparisons refuse NaN.
	if !(w > 0 && h > 0 && c.area < math.MaxFloat32 && math.Abs(float64(c.x1)) < maxCoordinate && math.Abs(float64(c.y1)) < maxCoordinate) {
		return
	}
	d.found = append(d.found, c)
}

// maxCoordinate is beyond any network input.
const maxCoordinate = 1 << 20

func (d *detector) suppressed(c *detection, iou float32) bool {
	for i := range d.kept {
		k := &d.kept[i]
		w := min(c.x2, k.x2) - max(c.x1, k.x1)
		if w <= 0 {
			continue
		}
		h := min(c.y2, k.y2) - max(c.y1, k.y1)
		if h <= 0 || c.class != k.class {
			continue
		}
		if inter := w * h; inter/(c.area+k.area-inter) > iou {
			return true
		}
	}
	return false
}
