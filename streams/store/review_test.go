package store_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/streams/store"
)

func TestReview(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	s := start(t, &store.Store{Path: path})
	for i := range 4 {
		publish(s, result("yard", float64(i), pipeline.EventStarted, uint64(i+1), "person"))
	}
	const id = "yard-2-started-1"
	// What was published before is found, written or not.
	if err := s.SetReview(t.Context(), id, pipeline.Review{Reviewed: true, Note: "the postman"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetReview(t.Context(), "yard-3-started-2", pipeline.Review{Flagged: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetReview(t.Context(), "nothing", pipeline.Review{}); !errors.Is(err, store.ErrNoEvent) {
		t.Errorf("a review of nothing: %v", err)
	}
	s.Close()
	if err := s.SetReview(t.Context(), id, pipeline.Review{}); err == nil {
		t.Error("a review was taken after Close")
	}

	s = start(t, &store.Store{Path: path, Retain: time.Minute})
	eventually(t, "all but the flagged event go", func() bool { return count(t, s, store.Filter{}) == 1 })
	e, err := s.Event(t.Context(), "yard-3-started-2")
	if err != nil || !e.Flagged || e.Reviewed || e.Note != "" {
		t.Errorf("event %+v, %v", e.Review, err)
	}
}

func TestSummary(t *testing.T) {
	s := start(t, &store.Store{})
	for i := range 30 {
		publish(s, result([]string{"yard", "gate"}[i%2], float64(i), pipeline.EventStarted, uint64(i+1), "person"))
	}
	if err := s.SetReview(t.Context(), "yard-1-started-0", pipeline.Review{Reviewed: true}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f          store.Filter
		step       time.Duration
		most, want int // buckets at most, events
	}{
		{store.Filter{}, 10 * time.Second, 8, 30},
		{store.Filter{Camera: "gate"}, 10 * time.Second, 4, 15},
		{store.Filter{Unreviewed: true}, time.Hour, 4, 29},
		{store.Filter{From: epoch.Add(20 * time.Second)}, 0, 10, 10},
	} {
		list, err := s.Summary(t.Context(), c.f, c.step)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for i, b := range list {
			sum += b.Events
			if i > 0 && b.Start.Before(list[i-1].Start) {
				t.Errorf("bucket %d is not in order", i)
			}
		}
		if sum != c.want || len(list) > c.most {
			t.Errorf("%+v: %d events in %d buckets, want %d in at most %d", c.f, sum, len(list), c.want, c.most)
		}
	}
}
