package web_test

import (
	"io"
	"net/http"
	"testing"

	"outrider/pipeline"
	"outrider/streams/web"
)

func BenchmarkMetricsPublish(b *testing.B) {
	m := &web.Metrics{Directory: newYard("yard")}
	if err := m.Initialize(); err != nil {
		b.Fatal(err)
	}
	r := result(b, "yard", 4, pipeline.Box{X1: 1, Y1: 1, X2: 9, Y2: 9})
	b.ReportAllocs()
	for b.Loop() {
		m.Publish(r)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	y := newYard("yard")
	y.show(result(b, "yard", 4, pipeline.Box{X1: 10, Y1: 10, X2: 90, Y2: 90}))
	s := &web.Server{Directory: y, Listen: "127.0.0.1:0"}
	if err := s.Initialize(); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	b.ReportAllocs()
	for b.Loop() {
		res, err := http.Get("http://" + s.Addr().String() + "/api/v1/cameras/yard/snapshot.jpg?overlay=1")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}
