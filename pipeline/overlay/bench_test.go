package overlay_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/overlay"
)

// street is a 1280 x 720 result with n walkers of 90 x 220 pixels on a 160 x 90 grid.
func street(t testing.TB, n int) *pipeline.Result {
	f, err := pipeline.NewFrame("yard", 1280, 720, make([]byte, 3*1280*720))
	if err != nil {
		t.Fatal(err)
	}
	f.Captured = clock
	r := pipeline.NewResult(f)
	g := mask.Grid{W: 160, H: 90, SX: 8, SY: 8}
	for i := range n {
		x0, y0 := 20+float64(i%10)*125, 60+float64(i/10)*300
		m := mask.New(g, g.Bounds())
		for y := range g.H {
			for x := range g.W {
				dx, dy := (8*float64(x)+4-x0-45)/45, (8*float64(y)+4-y0-110)/110
				if math.Pow(math.Abs(dx), 3)+math.Pow(math.Abs(dy), 3) < 1 {
					m.Set(x, y)
				}
			}
		}
		r.Tracks = append(r.Tracks, boxed(pipeline.Track{
			ID: uint64(i + 1), State: pipeline.Confirmed, Observed: true, Label: "person", Score: .8, Mask: m,
		}))
		r.Segments = append(r.Segments, pipeline.Segment{Mask: m})
	}
	return r
}

func BenchmarkDraw(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("%d tracks", n), func(b *testing.B) {
			var p overlay.Painter
			r := street(b, n)
			pix := background(1280, 720)
			b.ReportAllocs()
			for b.Loop() {
				r.Frame.Captured = r.Frame.Captured.Add(40 * time.Millisecond)
				p.Draw(pix, 1280, 720, r)
			}
		})
	}
}

func BenchmarkDrawSegments(b *testing.B) {
	var p overlay.Painter
	r := street(b, 60)
	pix := background(1280, 720)
	b.ReportAllocs()
	for b.Loop() {
		p.DrawSegments(pix, 1280, 720, r.Segments, 1280, 720)
	}
}
