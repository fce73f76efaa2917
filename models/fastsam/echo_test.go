package fastsam_test

import (
	"image"
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"outrider/models/fastsam"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// The model echo.onnx answers what its 64x64 picture says, so that a test can make the
// network say anything: 84 anchors of 37 rows, 32 prototypes of 16x16, 16x16 drivable logits.
const (
	echoSide    = 64
	echoAnchors = 84
	echoCells   = 16
	echoValues  = 37*echoAnchors + 33*echoCells*echoCells
)

// echoAnswer is what the network says, each value a byte: boxes in 64/255 pixels, scores in
// 1/255, the rest from -1 to 1.
type echoAnswer [echoValues]uint8

func (a *echoAnswer) frame(t testing.TB) *pipeline.Frame {
	t.Helper()
	data := make([]byte, 3*echoSide*echoSide)
	const plane = echoSide * echoSide
	for i, v := range a {
		data[3*(i%plane)+2-i/plane] = v // planes R, G, B of BGR pixels
	}
	f, err := pipeline.NewFrame("echo", echoSide, echoSide, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (a *echoAnswer) row(r, anchor int) float64 {
	v := float64(a[r*echoAnchors+anchor]) / 255
	switch {
	case r < 4:
		return v * echoSide
	case r == 4:
		return v
	}
	return 2*v - 1
}

// set makes an anchor say a box (x1, y1, x2, y2 in pixels), a score and coefficients.
func (a *echoAnswer) set(anchor int, x1, y1, x2, y2, score float64, coef ...float64) {
	put := func(r int, v float64) { a[r*echoAnchors+anchor] = uint8(math.Round(v * 255)) }
	put(0, (x1+x2)/2/echoSide)
	put(1, (y1+y2)/2/echoSide)
	put(2, (x2-x1)/echoSide)
	put(3, (y2-y1)/echoSide)
	put(4, score)
	for k := range 32 {
		v := 0.5
		if k < len(coef) {
			v = (coef[k] + 1) / 2
		}
		put(5+k, v)
	}
}

func (a *echoAnswer) proto(k, x, y int) *uint8 {
	return &a[37*echoAnchors+(k*echoCells+y)*echoCells+x]
}

func (a *echoAnswer) protoValue(k, x, y int) float64 { return 2*float64(*a.proto(k, x, y))/255 - 1 }

// flat makes every prototype 1 everywhere.
func (a *echoAnswer) flat() {
	for i := 37 * echoAnchors; i < echoValues; i++ {
		a[i] = 255
	}
}

// naiveSegment is a segment computed the slow and plain way.
type naiveSegment struct {
	box   pipeline.Box
	score float64
	on    map[image.Point]float64 // logits of the cells that count
}

func (s *naiveSegment) area() (n int) {
	for _, v := range s.on {
		if v > 0 {
			n++
		}
	}
	return n
}

func (s *naiveSegment) iou(o *naiveSegment) float64 {
	inter := 0
	for p, v := range s.on {
		if v > 0 && o.on[p] > 0 {
			inter++
		}
	}
	if inter == 0 {
		return 0
	}
	return float64(inter) / float64(s.area()+o.area()-inter)
}

// naive does what Segment should do.
func (a *echoAnswer) naive(confidence, iou, maskIoU float64) []naiveSegment {
	var order []int
	for i := range echoAnchors {
		if a.row(4, i) > confidence && a.row(2, i) > 0 && a.row(3, i) > 0 {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(x, y int) bool { return a.row(4, order[x]) > a.row(4, order[y]) })
	box := func(i int) pipeline.Box {
		cx, cy, w, h := a.row(0, i), a.row(1, i), a.row(2, i), a.row(3, i)
		return pipeline.Box{X1: cx - w/2, Y1: cy - h/2, X2: cx + w/2, Y2: cy + h/2}
	}
	var kept []int
next:
	for _, i := range order {
		for _, k := range kept {
			if box(i).IoU(box(k)) > iou {
				continue next
			}
		}
		kept = append(kept, i)
	}
	var out []naiveSegment
segments:
	for _, i := range kept {
		s := naiveSegment{box: box(i).Clip(echoSide, echoSide), score: a.row(4, i), on: map[image.Point]float64{}}
		for y := range echoCells {
			for x := range echoCells {
				if !s.box.Contains(pipeline.Point{X: 4*float64(x) + 2, Y: 4*float64(y) + 2}) {
					continue
				}
				v := 0.0
				for k := range 32 {
					v += a.row(5+k, i) * a.protoValue(k, x, y)
				}
				s.on[image.Pt(x, y)] = v
			}
		}
		if s.area() == 0 {
			continue
		}
		for j := range out {
			if s.iou(&out[j]) > maskIoU {
				continue segments
			}
		}
		out = append(out, s)
	}
	return out
}

// randomEcho says random things: boxes of all sizes, also partly outside, a few high scores.
func randomEcho(r *rand.Rand) *echoAnswer {
	a := &echoAnswer{}
	for i := range a {
		a[i] = uint8(r.UintN(256))
	}
	for i := range echoAnchors {
		for row := 2; row < 4; row++ { // at least 8 pixels, so that a cell's centre is inside
			a[row*echoAnchors+i] = uint8(32 + r.UintN(224))
		}
		if r.UintN(3) > 0 {
			a[4*echoAnchors+i] = uint8(r.UintN(60))
		}
	}
	return a
}

func echoModel(t testing.TB, m *fastsam.Model) *fastsam.Model {
	t.Helper()
	needLibrary(t)
	m.Path = "testdata/echo.onnx"
	return newModel(t, m)
}

func segmentOne(t testing.TB, m *fastsam.Model, f *pipeline.Frame) *pipeline.Segmentation {
	t.Helper()
	out, err := m.Segment(t.Context(), []*pipeline.Frame{f})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 || out[0] == nil {
		t.Fatalf("got %v", out)
	}
	return out[0]
}

func TestSegmentAgainstNaive(t *testing.T) {
	m := echoModel(t, &fastsam.Model{Confidence: 0.25, IoU: 0.6, MaskIoU: 0.5, MaxSegments: 300})
	r := rand.New(rand.NewPCG(1, 2))
	total := 0
	for round := range 60 {
		a := randomEcho(r)
		got := segmentOne(t, m, a.frame(t))
		want := a.naive(0.25, 0.6, 0.5)
		if len(got.Segments) != len(want) {
			t.Fatalf("round %d: %d segments, want %d", round, len(got.Segments), len(want))
		}
		for i := range want {
			g, w := &got.Segments[i], &want[i]
			if math.Abs(g.Score-w.score) > 1e-5 || g.Box.IoU(w.box) < 0.9999 {
				t.Fatalf("round %d segment %d: box %v score %g, want %v %g", round, i, g.Box, g.Score, w.box, w.score)
			}
			for y := range echoCells {
				for x := range echoCells {
					v := w.on[image.Pt(x, y)]
					if math.Abs(v) > 1e-4 && g.Mask.Has(x, y) != (v > 0) {
						t.Fatalf("round %d segment %d: cell (%d, %d) is %v, its logit %g", round, i, x, y, g.Mask.Has(x, y), v)
					}
				}
			}
		}
		total += len(want)
		got.Release()
	}
	if total < 300 {
		t.Errorf("only %d segments were compared", total)
	}
	if n := m.Outstanding(); n != 0 {
		t.Errorf("%d segmentations outstanding", n)
	}
}

// FuzzSegment lets the network say anything: the answer must keep its promises.
func FuzzSegment(f *testing.F) {
	m := echoModel(f, &fastsam.Model{Drivable: true, MaxSegments: 50})
	full := echoModel(f, &fastsam.Model{MaxSegments: 50})
	f.Add([]byte{})
	f.Add([]byte{255})
	f.Add([]byte("segments"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := &echoAnswer{}
		for i := range a {
			if len(b) > 0 {
				a[i] = b[i%len(b)]
			}
		}
		s := segmentOne(t, m, a.frame(t))
		defer s.Release()
		checkSegmentation(t, s, echoSide, echoSide, 50)
		if s.Drivable == nil {
			t.Error("no drivable mask")
		}
		for _, mode := range []fastsam.Mode{fastsam.Strict, fastsam.CASIA, fastsam.Ultralytics} {
			if _, err := full.SegmentFull(t.Context(), a.frame(t), mode); err != nil && err != fastsam.ErrSeveralFull {
				t.Error(mode, err)
			}
		}
	})
}

// checkSegmentation checks what every segmentation promises.
func checkSegmentation(t testing.TB, s *pipeline.Segmentation, w, h, limit int) {
	t.Helper()
	if len(s.Segments) > limit {
		t.Errorf("%d segments, at most %d are wanted", len(s.Segments), limit)
	}
	frame := pipeline.Box{X2: float64(w), Y2: float64(h)}
	for i := range s.Segments {
		g := &s.Segments[i]
		if !g.Box.Finite() || g.Box.Area() <= 0 || g.Box.Intersect(frame) != g.Box {
			t.Errorf("segment %d: box %v in a %dx%d frame", i, g.Box, w, h)
		}
		if !(g.Score > 0 && g.Score <= 1) || (i > 0 && g.Score > s.Segments[i-1].Score) {
			t.Errorf("segment %d: score %g", i, g.Score)
		}
		if g.Mask == nil || g.Mask.Empty() || g.Mask.Grid() != s.Grid {
			t.Errorf("segment %d: no mask of the frame's grid", i)
			continue
		}
		switch p := g.Parent; {
		case p == i || p < -1 || p >= len(s.Segments):
			t.Errorf("segment %d: parent %d", i, p)
		case p < 0 && g.Level != 0:
			t.Errorf("segment %d: a root of level %d", i, g.Level)
		case p >= 0 && (g.Level != s.Segments[p].Level+1 || mask.Containment(g.Mask, s.Segments[p].Mask) < 0.95):
			t.Errorf("segment %d: level %d in parent %d of level %d, %.2f inside", i, g.Level, p, s.Segments[p].Level, mask.Containment(g.Mask, s.Segments[p].Mask))
		}
	}
}
