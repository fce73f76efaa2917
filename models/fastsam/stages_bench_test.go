package fastsam

import (
	"math/rand/v2"
	"testing"

	"outrider/models/levels"
	"outrider/pipeline"
)

// crowd is a network's answer at 640x640 of which a hundred segments are kept: 1000 anchors
// over the threshold around a hundred places of all sizes, from tiny to the whole picture.
func crowd() (predictions, prototypes) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 8400
	p := predictions{data: make([]float32, 37*n), classes: 1, n: n}
	var places [100][4]float32
	for i := range places {
		side := 8 * float32(int(1)<<r.IntN(6)) // 8 to 256
		places[i] = [4]float32{r.Float32() * 640, r.Float32() * 640, side * (0.7 + r.Float32()), side * (0.7 + r.Float32())}
	}
	places[0] = [4]float32{320, 320, 640, 640}
	for i := range n {
		if i%8 != 0 {
			continue
		}
		at := places[r.IntN(len(places))]
		for k := range 4 {
			p.data[k*n+i] = at[k] * (0.99 + 0.02*r.Float32())
		}
		p.data[4*n+i] = 0.3 + 0.7*r.Float32()
		for k := range 32 {
			p.data[(5+k)*n+i] = r.Float32()*2 - 0.8
		}
	}
	q := prototypes{data: make([]float32, 32*160*160+slack), n: 32, w: 160, h: 160}
	for i := range q.data {
		q.data[i] = r.Float32() - 0.4
	}
	return p, q
}

// BenchmarkDecode is what follows the network at 640x640 with a hundred segments kept; the
// parts are cumulative.
func BenchmarkDecode(b *testing.B) {
	p, q := crowd()
	l := FitRect(640, 640, 640)
	s := settings{confidence: 0.25, iou: 0.7, maskIoU: 1, maxSegments: 100}
	b.Run("nms", func(b *testing.B) {
		var d decoder
		for b.Loop() {
			d.detect(p, s.confidence, s.iou, maxDetections)
		}
		b.ReportMetric(float64(len(d.found)), "candidates")
		b.ReportMetric(float64(len(d.kept)), "kept")
	})
	for _, c := range []struct {
		name    string
		maskIoU float64
		tree    bool
	}{{"nms+masks", 1, false}, {"nms+masks+dedupe", 0.8, false}, {"nms+masks+dedupe+levels", 0.8, true}} {
		b.Run(c.name, func(b *testing.B) {
			var d decoder
			var r result
			var tree levels.Tree
			s.maskIoU = c.maskIoU
			b.ReportAllocs()
			for b.Loop() {
				d.decode(&r, p, q, l, s, nil)
				if c.tree {
					tree.Build(r.Segments)
				}
			}
			cells := 0
			for i := range r.Segments {
				w := r.Segments[i].Mask.Window()
				cells += w.Dx() * w.Dy()
			}
			b.ReportMetric(float64(len(r.Segments)), "segments")
			b.ReportMetric(float64(cells)/1e3, "kcells")
		})
	}
}

// BenchmarkStages times the parts of a frame of 768x576 and of 1920x1080.
func BenchmarkStages(b *testing.B) {
	for _, size := range [][2]int{{768, 576}, {1920, 1080}} {
		data := make([]byte, 3*size[0]*size[1])
		for i := range data {
			data[i] = byte(i * i >> 7)
		}
		f, err := pipeline.NewFrame("", size[0], size[1], data)
		if err != nil {
			b.Fatal(err)
		}
		m := &Model{}
		if err := m.Initialize(); err != nil {
			b.Fatal(err)
		}
		lane, err := m.take(laneKey{size[0], size[1], 1})
		if err != nil {
			b.Fatal(err)
		}
		name := map[int]string{768: "576p/", 1920: "1080p/"}[size[0]]
		b.Run(name+"preprocess", func(b *testing.B) {
			for b.Loop() {
				if err := lane.prepare(0, f); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"network", func(b *testing.B) {
			for b.Loop() {
				if err := lane.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"postprocess", func(b *testing.B) {
			r := m.results.get()
			for b.Loop() {
				lane.decode(0, r, m.settings, nil)
			}
			b.ReportMetric(float64(len(r.Segments)), "segments")
			r.Release()
		})
		m.give(lane)
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
