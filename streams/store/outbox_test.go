package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/streams/store"
)

func payloads(t *testing.T, o pipeline.Outbox) string {
	t.Helper()
	ms, err := o.Peek(1000)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, m := range ms {
		s = append(s, string(m.Payload))
	}
	return strings.Join(s, " ")
}

func put(t *testing.T, o pipeline.Outbox, payload string, droppable bool) {
	t.Helper()
	if err := o.Put(pipeline.OutboxMessage{Key: "k", Topic: "t", Payload: []byte(payload), Droppable: droppable}); err != nil {
		t.Fatal(err)
	}
}

func TestOutbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	s := start(t, &store.Store{Path: path})
	for i := range 5 {
		put(t, s, fmt.Sprint("m", i), false)
	}
	<-s.Ready()
	eventually(t, "written", func() bool { return payloads(t, s) == "m0 m1 m2 m3 m4" })
	ms, err := s.Peek(2)
	if err != nil || len(ms) != 2 || ms[0].Topic != "t" || ms[0].Key != "k" {
		t.Fatalf("%+v, %v", ms, err)
	}
	if err := s.Delete([]int64{ms[0].ID, ms[1].ID, 12345}); err != nil {
		t.Fatal(err)
	}
	if got := payloads(t, s); got != "m2 m3 m4" || s.Len() != 3 {
		t.Errorf("after delete: %q, %d wait", got, s.Len())
	}
	s.Close()
	s = start(t, &store.Store{Path: path})
	<-s.Ready()
	put(t, s, "m5", false)
	eventually(t, "all of both lives", func() bool { return payloads(t, s) == "m2 m3 m4 m5" })
	if s.Len() != 4 {
		t.Errorf("%d wait", s.Len())
	}
}

func TestOutboxFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	s := start(t, &store.Store{Path: path, OutboxRows: 4})
	for i, kind := range []string{"new", "update", "update", "new", "update", "end"} {
		put(t, s, fmt.Sprintf("%s%d", kind, i), kind == "update")
	}
	eventually(t, "oldest updates dropped", func() bool { return payloads(t, s) == "new0 new3 update4 end5" })
	if s.Dropped() != 2 || s.Len() != 4 {
		t.Errorf("%d dropped, %d wait", s.Dropped(), s.Len())
	}
	for i := 6; i < 30; i++ {
		put(t, s, fmt.Sprintf("new%d", i), false)
	}
	if s.Len() != 16 {
		t.Errorf("%d wait, want four times the bound", s.Len())
	}
	s.Close()
	s = start(t, &store.Store{Path: path, OutboxRows: 4})
	if s.Len() != 16 || !strings.HasSuffix(payloads(t, s), "new29") {
		t.Errorf("after a restart %d wait: %q", s.Len(), payloads(t, s))
	}
}

// TestRender writes an event and its message together.
func TestRender(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	s := start(t, &store.Store{Path: path})
	s.Render(func(r *pipeline.Result) []pipeline.OutboxMessage {
		return []pipeline.OutboxMessage{{Topic: "t", Payload: []byte(r.Events[0].ID)}}
	})
	for i := range 100 {
		publish(s, result("yard", float64(i), pipeline.EventUpdated, 1, "person"))
	}
	s.Close() // writes all
	s = start(t, &store.Store{Path: path})
	if n := count(t, s, store.Filter{}); n != 100 || s.Len() != 100 {
		t.Errorf("%d events, %d messages", n, s.Len())
	}
}

// TestDiskFull lets the file grow no further: the pipeline goes on, messages leave from
// memory, and all is written when there is room again.
func TestDiskFull(t *testing.T) {
	full := mountSmall(t, 32<<20)
	path := filepath.Join(full, "o.db")
	log, said := captureLog()
	s := start(t, &store.Store{Path: path, Log: log})
	s.Render(func(r *pipeline.Result) []pipeline.OutboxMessage {
		return []pipeline.OutboxMessage{{Topic: "t", Payload: []byte(strings.Repeat("x", 1000) + r.Events[0].ID)}}
	})
	ballast := filepath.Join(full, "ballast")
	fill(t, ballast)
	n := 0
	for s.Health() == nil && n < 5000 {
		publish(s, result("yard", float64(n), pipeline.EventStarted, uint64(n+1), "person"))
		n++
		time.Sleep(100 * time.Microsecond)
	}
	eventually(t, "the store says so", func() bool { return s.Health() != nil && strings.Contains(said(), "disk is full") })
	// Everything can be delivered meanwhile.
	delivered := map[string]bool{}
	for len(delivered) < n {
		ms, err := s.Peek(256)
		if err != nil || len(ms) == 0 {
			t.Fatalf("%d of %d delivered, then %d messages, %v", len(delivered), n, len(ms), err)
		}
		ids := make([]int64, 0, len(ms))
		for _, m := range ms {
			if want := fmt.Sprintf("yard-%d-", len(delivered)+1); !strings.Contains(string(m.Payload), want) {
				t.Fatalf("message %d: %.60q is not of %s", len(delivered), m.Payload[1000:], want)
			}
			delivered[string(m.Payload)] = true
			ids = append(ids, m.ID)
		}
		if err := s.Delete(ids); err != nil {
			t.Fatal(err)
		}
	}
	if s.Len() != 0 {
		t.Errorf("%d still wait", s.Len())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "well again", func() bool { return s.Health() == nil })
	eventually(t, "all in the history", func() bool {
		got := 0
		for f := (store.Filter{Limit: 1000}); ; {
			p, err := s.Events(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			got += len(p.Events)
			if f.Cursor = p.Next; p.Next == "" {
				return got == n
			}
		}
	})
	if ms, err := s.Peek(10); err != nil || len(ms) != 0 || s.Lost() != 0 {
		t.Errorf("%d messages came back, %v, %d lost", len(ms), err, s.Lost())
	}
}
