package store_test

import (
	"testing"

	"outrider/pipeline"
	"outrider/streams/store"
)

// BenchmarkPublish is what an event costs the goroutine of its camera.
func BenchmarkPublish(b *testing.B) {
	s := &store.Store{}
	if err := s.Initialize(); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r := result("yard", 1, pipeline.EventUpdated, 1, "person")
	defer r.Release()
	b.ReportAllocs()
	for b.Loop() {
		s.Publish(r)
	}
}

// BenchmarkPublishQuiet is what a frame without events costs it.
func BenchmarkPublishQuiet(b *testing.B) {
	s := &store.Store{}
	if err := s.Initialize(); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r := result("yard", 1, pipeline.EventUpdated, 1, "person")
	defer r.Release()
	r.Events = nil
	b.ReportAllocs()
	for b.Loop() {
		s.Publish(r)
	}
}
