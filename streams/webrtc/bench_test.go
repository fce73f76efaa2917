package webrtc

import (
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

func BenchmarkMessage20Tracks(b *testing.B) {
	at := time.UnixMilli(1732438800123)
	f, err := pipeline.NewFrame("yard", 1280, 720, make([]byte, 3*1280*720))
	if err != nil {
		b.Fatal(err)
	}
	f.Captured = at
	r := pipeline.NewResult(f)
	g := mask.Grid{W: 160, H: 90, SX: 8, SY: 8}
	for i := range 20 {
		r.Tracks = append(r.Tracks, pipeline.Track{ID: uint64(i), State: pipeline.Confirmed, Mask: disc(g, float64(10+7*i), 45, float64(5+i)), Box: pipeline.Box{X2: 900, Y2: 700}})
	}
	var e metaEncoder
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = e.append(buf[:0], frameInfo{rtp: 1, captured: at, w: 1280, h: 720}, r, 0)
	}
	b.ReportMetric(float64(len(buf)), "B/message")
}
