package fastsam

import (
	"image"
	"math"
	"sync"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// results hands out segmentations and takes them back with all their memory.
type results struct {
	mu   sync.Mutex
	free []*result
	out  int
}

// maxIdle bounds the idle results and lanes that a model keeps.
const maxIdle = 16

// result is a segmentation that owns the memory of its masks.
type result struct {
	pipeline.Segmentation
	masks    []mask.Mask
	areas    []int
	anchors  []int32 // of the segments, in the predictions
	words    []uint64
	used     int // words
	drivable mask.Mask
	released bool
}

func (p *results) get() *result {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out++
	if n := len(p.free); n > 0 {
		r := p.free[n-1]
		p.free = p.free[:n-1]
		r.released = false
		return r
	}
	r := &result{}
	r.Free = func() { p.put(r) }
	return r
}

func (p *results) put(r *result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.released {
		panic("fastsam: Segmentation released twice")
	}
	r.released = true
	p.out--
	if len(p.free) < maxIdle {
		p.free = append(p.free, r)
	}
}

// reset makes room for n masks of words words on g. Masks of before are gone.
func (r *result) reset(g mask.Grid, n, words int) {
	if cap(r.masks) < n {
		r.masks = make([]mask.Mask, n)
		r.areas = make([]int, 0, n)
		r.anchors = make([]int32, 0, n)
		r.Segments = make([]pipeline.Segment, 0, n)
	}
	if cap(r.words) < words {
		r.words = make([]uint64, words+words/4)
	}
	r.masks, r.areas, r.Segments = r.masks[:n], r.areas[:0], r.Segments[:0]
	r.anchors = r.anchors[:0]
	r.used, r.Grid, r.Drivable = 0, g, nil
}

// decoder turns a network's outputs for one frame into segments. It keeps its memory; one
// goroutine at a time.
type decoder struct {
	detector
	windows []image.Rectangle
	coef    [coefficients]float32
}

// settings are the thresholds of a Model with the defaults filled in.
type settings struct {
	confidence, iou float32
	maskIoU         float64
	maxSegments     int
}

// maxDetections is how many boxes NMS keeps (the reference programs' limit).
const maxDetections = 300

// decode fills r with the segments of one frame.
func (d *decoder) decode(r *result, p predictions, proto prototypes, l Letterbox, s settings, names []string) {
	d.detect(p, s.confidence, s.iou, maxDetections)
	d.windows = d.windows[:0]
	words := 0
	for i := range d.kept {
		w := window(&d.kept[i], l, proto)
		d.windows = append(d.windows, w)
		words += mask.WordsFor(w)
	}
	r.reset(l.Grid(proto.w, proto.h), len(d.kept), words)
	for i := range d.kept {
		if len(r.Segments) == s.maxSegments {
			break
		}
		k, w := &d.kept[i], d.windows[i]
		if w.Empty() {
			continue
		}
		m := &r.masks[len(r.Segments)]
		buf := r.words[r.used:]
		m.Reset(r.Grid, w, buf)
		p.coefficients(k.anchor, &d.coef)
		area := proto.mask(d.coef[:], w, buf)
		if area == 0 || r.duplicate(m, area, s.maskIoU) {
			continue
		}
		r.used += mask.WordsFor(w)
		r.areas = append(r.areas, area)
		r.anchors = append(r.anchors, k.anchor)
		seg := pipeline.Segment{Box: l.ToFrame(k.box()), Mask: m, Score: float64(k.score), Parent: -1}
		if p.classes > 1 && int(k.class) < len(names) {
			seg.Label = names[k.class]
		}
		r.Segments = append(r.Segments, seg)
	}
}

func (k *detection) box() pipeline.Box {
	return pipeline.Box{X1: float64(k.x1), Y1: float64(k.y1), X2: float64(k.x2), Y2: float64(k.y2)}
}

// window is the extent of the prototype cells whose centres lie in the box and in the
// picture, at least one cell for a box that touches the picture.
func window(k *detection, l Letterbox, p prototypes) image.Rectangle {
	sx, sy := float64(p.w)/float64(l.W), float64(p.h)/float64(l.H)
	b := k.box().Intersect(pipeline.Box{X1: float64(l.Left), Y1: float64(l.Top), X2: float64(l.Left + l.NewW), Y2: float64(l.Top + l.NewH)})
	if b.W() <= 0 || b.H() <= 0 {
		return image.Rectangle{}
	}
	x0, x1 := cells(b.X1*sx, b.X2*sx)
	y0, y1 := cells(b.Y1*sy, b.Y2*sy)
	return image.Rect(x0, y0, x1, y1).Intersect(image.Rect(0, 0, p.w, p.h))
}

// cells are the cells [i, j) whose centres lie in [a, b), the one under the middle when
// there is none.
func cells(a, b float64) (i, j int) {
	i, j = int(math.Ceil(a-0.5)), int(math.Ceil(b-0.5))
	if i >= j {
		i = int(math.Floor((a + b) / 2))
		j = i + 1
	}
	return i, j
}

// duplicate reports whether a better segment has nearly the same mask.
func (r *result) duplicate(m *mask.Mask, area int, maskIoU float64) bool {
	if maskIoU >= 1 {
		return false
	}
	for i, other := range r.areas {
		// The IoU is at most the ratio of the areas.
		if float64(min(area, other)) <= maskIoU*float64(max(area, other)) || !m.Window().Overlaps(r.masks[i].Window()) {
			continue
		}
		if mask.IoUOfAreas(m, &r.masks[i], area, other) > maskIoU {
			return true
		}
	}
	return false
}

// setDrivable makes the drivable mask of logits on the grid of the prototypes.
func (r *result) setDrivable(logits []float32, l Letterbox, p prototypes) {
	whole := detection{x2: float32(l.W), y2: float32(l.H)}
	w := window(&whole, l, p)
	m := &r.drivable
	m.Reset(r.Grid, w, nil)
	for y := w.Min.Y; y < w.Max.Y; y++ {
		row := m.Row(y)
		for i, v := range logits[y*p.w+w.Min.X : y*p.w+w.Max.X] {
			if v > 0 {
				row[i>>6] |= 1 << (i & 63)
			}
		}
	}
	r.Drivable = m
}
