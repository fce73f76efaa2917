package mqtt_test

import (
	"testing"

	"outrider/pipeline"
	"outrider/streams/mqtt"
)

func benchPublisher(b *testing.B) *mqtt.Publisher {
	p := &mqtt.Publisher{URL: "mqtt://127.0.0.1:1", Directory: newDirectory("yard")}
	if err := p.Initialize(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	return p
}

// BenchmarkPublishFrame is a frame of 20 tracks without events: what every frame pays.
func BenchmarkPublishFrame(b *testing.B) {
	p := benchPublisher(b)
	var ts []pipeline.Track
	for i := range 20 {
		ts = append(ts, track(uint64(i+1), "person", float64(i*20), 10))
	}
	r := result("yard", 1, ts)
	defer r.Release()
	for i := range ts {
		publish(result("yard", 0, nil, event(pipeline.EventStarted, ts[i])), p)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Publish(r)
	}
}

// BenchmarkPublishEvent is one event with a mask, rendered.
func BenchmarkPublishEvent(b *testing.B) {
	p := benchPublisher(b)
	tr := track(1, "person", 10, 10)
	r := result("yard", 1, nil, event(pipeline.EventUpdated, tr))
	defer r.Release()
	b.ReportAllocs()
	for b.Loop() {
		p.Publish(r)
	}
}
