package mask_test

import (
	"image"
	"testing"

	"outrider/pipeline/mask"
)

// benchGrid is the contract's 160 x 96 over a 1280 x 720 frame.
var benchGrid = mask.Grid{W: 160, H: 96, SX: 8, SY: 7.5}

// drawn returns the shape on benchGrid, moved by (dx, dy) cells, its window the whole grid.
func drawn(name string, dx, dy int) *mask.Mask {
	m := mask.New(benchGrid, benchGrid.Bounds())
	for y := range benchGrid.H {
		for x := range benchGrid.W {
			if shapes[name](float64(x-dx), float64(y-dy)) {
				m.Set(x, y)
			}
		}
	}
	return m
}

// tight returns m in a window of its own size.
func tight(m *mask.Mask) *mask.Mask {
	t := mask.New(m.Grid(), m.Bounds())
	t.Or(m)
	return t
}

func BenchmarkIoU(b *testing.B) {
	x, y := drawn("disc", 0, 0), drawn("disc", 7, 3)
	full := mask.New(benchGrid, image.Rect(1, 0, 160, 96))
	full.Or(y)
	for _, c := range []struct {
		name string
		a, b *mask.Mask
	}{
		{"whole grid", x, y},
		{"whole grid shifted", x, full},
		{"cropped", tight(x), tight(y)},
		{"apart", tight(drawn("disc", -40, 0)), tight(drawn("disc", 40, 0))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mask.IoU(c.a, c.b)
			}
		})
	}
	b.Run("cropped, areas known", func(b *testing.B) {
		x, y := tight(x), tight(y)
		ax, ay := x.Area(), y.Area()
		b.ReportAllocs()
		for b.Loop() {
			mask.IoUOfAreas(x, y, ax, ay)
		}
	})
}

func BenchmarkRLE(b *testing.B) {
	m := tight(drawn("walker", 0, 0))
	var e mask.Encoder
	var buf []byte
	b.Run("append 1280x720", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = e.AppendCounts(buf[:0], m, 1280, 720)
		}
	})
	r := m.RLE(1280, 720)
	b.Run("decode 1280x720", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Mask(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPolygons(b *testing.B) {
	m := tight(drawn("walker", 0, 0))
	var t mask.Tracer
	for _, c := range []struct {
		name  string
		limit int
	}{{"all", 0}, {"48", 48}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				t.Polygons(m, c.limit)
			}
		})
	}
}

func BenchmarkKeepMain(b *testing.B) {
	m := tight(drawn("walker", 0, 0))
	var l mask.Labeler
	b.ReportAllocs()
	for b.Loop() {
		l.KeepMain(m, .1)
	}
}

func BenchmarkResample(b *testing.B) {
	m := tight(drawn("walker", 0, 0))
	b.ReportAllocs()
	for b.Loop() {
		m.Resample(mask.FrameGrid(1280, 720))
	}
}
