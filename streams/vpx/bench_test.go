package vpx_test

import (
	"testing"

	"outrider/streams/vpx"
)

func BenchmarkConvert(b *testing.B) {
	bgr := scene(1280, 720, 0)
	for _, c := range []struct {
		name string
		w, h int
	}{{"1280x720", 1280, 720}, {"to640x360", 640, 360}, {"to854x480", 854, 480}} {
		b.Run(c.name, func(b *testing.B) {
			m, err := vpx.NewI420(c.w, c.h)
			if err != nil {
				b.Fatal(err)
			}
			var conv vpx.Converter
			b.ReportAllocs()
			for b.Loop() {
				if err := conv.Convert(m, bgr, 1280, 720); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, codec := range []vpx.Codec{vpx.VP8, vpx.VP9} {
		b.Run(string(codec)+"/1280x720", func(b *testing.B) {
			var pics []*vpx.I420
			for i := range 16 {
				pics = append(pics, picture(b, 1280, 720, i))
			}
			e, err := vpx.New(vpx.Options{Codec: codec, Width: 1280, Height: 720, Bitrate: 2_000_000})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			b.ReportAllocs()
			pts, n, bytes := int64(0), 0, 0
			for b.Loop() {
				// There and back again, so that no jump costs a key frame.
				i := n % 30
				if i > 15 {
					i = 30 - i
				}
				p, err := e.Encode(pics[i], pts, n == 0)
				if err != nil {
					b.Fatal(err)
				}
				pts += 3600
				n++
				bytes += len(p.Data)
			}
			b.ReportMetric(float64(bytes)*8*25/float64(n)/1000, "kbit/s")
		})
	}
}
