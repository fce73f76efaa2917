package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outrider/pipeline"
	"outrider/streams/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Now().Add(-time.Hour).Truncate(time.Millisecond).UTC()

// start opens a store until the test ends.
func start(t *testing.T, s *store.Store) *store.Store {
	t.Helper()
	if s.Path == "" {
		s.Path = filepath.Join(t.TempDir(), "out rider?100%.db") // a name that URLs dislike
	}
	if err := s.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// result is a frame of a camera at seconds after epoch with one event.
func result(camera string, at float64, kind pipeline.EventKind, track uint64, label string) *pipeline.Result {
	f, err := pipeline.NewFrame(camera, 4, 4, make([]byte, 48))
	if err != nil {
		panic(err)
	}
	defer f.Release()
	f.Captured = epoch.Add(time.Duration(at * float64(time.Second)))
	r := pipeline.NewResult(f)
	r.Events = []pipeline.Event{{
		ID: fmt.Sprintf("%s-%d-%s-%v", camera, track, kind, at), Camera: camera, Kind: kind, Time: f.Captured, Seq: 1,
		Track: pipeline.Track{ID: track, Label: label, Score: .5 + at/1000, FirstSeen: epoch, LastSeen: f.Captured, Box: pipeline.Box{X1: 1, Y1: 2, X2: 3, Y2: 4}},
	}}
	return r
}

func publish(s *store.Store, r *pipeline.Result) {
	s.Publish(r)
	r.Release()
}

func count(t *testing.T, s *store.Store, f store.Filter) int {
	t.Helper()
	f.Limit = 1000
	p, err := s.Events(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return len(p.Events)
}

// captureLog returns a log and what was said to it.
func captureLog() (*slog.Logger, func() string) {
	w := &safeBuffer{}
	return slog.New(slog.NewTextHandler(w, nil)), w.String
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestEvents(t *testing.T) {
	s := start(t, &store.Store{})
	for i := range 30 {
		cam, label := []string{"yard", "gate"}[i%2], []string{"person", "car", ""}[i%3]
		r := result(cam, float64(i), pipeline.EventUpdated, uint64(i%5+1), label)
		switch i % 10 {
		case 3:
			r.Events[0].Zone = "drive"
		case 4:
			r.Events[0].Line = "drive"
		}
		publish(s, r)
	}
	publish(s, result("yard", 29, pipeline.EventUpdated, 5, "twice")) // the time of another, an id of its own
	publish(s, result("yard", 29, pipeline.EventUpdated, 5, "twice")) // an id that is there already
	eventually(t, "all written", func() bool { return count(t, s, store.Filter{}) == 31 })
	for _, c := range []struct {
		name string
		f    store.Filter
		want int
	}{
		{"camera", store.Filter{Camera: "gate"}, 15},
		{"label", store.Filter{Label: "car"}, 10},
		{"kind", store.Filter{Kinds: []pipeline.EventKind{pipeline.EventStarted}}, 0},
		{"zone", store.Filter{Zone: "drive"}, 3},
		{"line", store.Filter{Line: "drive"}, 3},
		{"zone of a camera", store.Filter{Zone: "drive", Camera: "yard"}, 0},
		{"both", store.Filter{Camera: "gate", Label: "person"}, 5},
		{"from", store.Filter{From: epoch.Add(20 * time.Second)}, 11},
		{"to", store.Filter{To: epoch.Add(20 * time.Second)}, 20},
		{"none", store.Filter{Camera: "x' OR 1=1 --"}, 0},
	} {
		if got := count(t, s, c.f); got != c.want {
			t.Errorf("%s: %d events, want %d", c.name, got, c.want)
		}
	}
	for _, oldest := range []bool{false, true} {
		f := store.Filter{Limit: 4, OldestFirst: oldest}
		seen := map[string]bool{}
		var last time.Time
		for pages := 0; ; pages++ {
			p, err := s.Events(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Events {
				if seen[e.ID] {
					t.Errorf("%s came twice", e.ID)
				}
				seen[e.ID] = true
				if !last.IsZero() && (oldest && e.Time.Before(last) || !oldest && e.Time.After(last)) {
					t.Errorf("order: %v after %v", e.Time, last)
				}
				last = e.Time
			}
			if p.Next == "" {
				if pages != 7 {
					t.Errorf("%d pages", pages+1)
				}
				break
			}
			f.Cursor = p.Next
		}
		if len(seen) != 31 {
			t.Errorf("%d of 31 events", len(seen))
		}
	}
	e, err := s.Event(t.Context(), "gate-2-updated-1")
	if err != nil || e.Track.Label != "car" || e.Track.Box.X2 != 3 || !e.Time.Equal(epoch.Add(time.Second)) {
		t.Errorf("%+v, %v", e, err)
	}
	c, err := s.CursorAfter(t.Context(), "yard-4-updated-28")
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, store.Filter{Cursor: c, OldestFirst: true}); n != 2 {
		t.Errorf("%d events after the one of second 28, want 2", n)
	}
	if _, err := s.Event(t.Context(), "nothing"); !errors.Is(err, store.ErrNoEvent) {
		t.Errorf("unknown event: %v", err)
	}
	if _, err := s.CursorAfter(t.Context(), "nothing"); !errors.Is(err, store.ErrNoEvent) {
		t.Errorf("unknown event: %v", err)
	}
	for _, c := range []string{"x", "!!!", "MS4y.", strings.Repeat("A", 1000)} {
		if _, err := s.Events(t.Context(), store.Filter{Cursor: c}); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("cursor %.20q: %v", c, err)
		}
	}
}

func TestTracks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	s := start(t, &store.Store{Path: path})
	publish(s, result("yard", 1, pipeline.EventStarted, 1, ""))
	publish(s, result("yard", 2, pipeline.EventUpdated, 1, "person"))
	end := result("yard", 3, pipeline.EventEnded, 1, "")
	end.Events[0].Reason = pipeline.EndLeft
	publish(s, end)
	publish(s, result("yard", 4, pipeline.EventStarted, 2, "car"))
	publish(s, result("gate", 5, pipeline.EventStarted, 3, "dog"))
	s.CameraStatus(pipeline.CameraStatus{Name: "yard", State: pipeline.CameraStopped})
	s.Close()

	s = start(t, &store.Store{Path: path}) // track 3 was left open
	eventually(t, "the open track is closed", func() bool {
		ts, err := s.Tracks(t.Context(), "gate", 0)
		return err == nil && len(ts) == 1 && !ts[0].Ended.IsZero() && ts[0].Reason == "interrupted"
	})
	ts, err := s.Tracks(t.Context(), "yard", 0)
	if err != nil || len(ts) != 2 {
		t.Fatalf("%d tracks, %v", len(ts), err)
	}
	if x := ts[0]; x.ID != 2 || x.Reason != "camera stopped" || x.Ended.IsZero() {
		t.Errorf("track 2: %+v", x)
	}
	if x := ts[1]; x.ID != 1 || x.Label != "person" || x.Events != 3 || x.Reason != "left" || !x.Ended.Equal(epoch.Add(3*time.Second)) || x.TopScore != .503 {
		t.Errorf("track 1: %+v", x)
	}
}

func TestRetention(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	s := start(t, &store.Store{Path: path})
	publish(s, result("yard", -100, pipeline.EventEnded, 1, "old"))
	publish(s, result("yard", 3500, pipeline.EventEnded, 2, "new"))
	s.Close()
	s = start(t, &store.Store{Path: path, Retain: 30 * time.Minute})
	eventually(t, "the old event goes", func() bool { return count(t, s, store.Filter{}) == 1 })
	eventually(t, "the old track goes", func() bool {
		ts, err := s.Tracks(t.Context(), "", 0)
		return err == nil && len(ts) == 1 && ts[0].ID == 2
	})
}

func TestDamaged(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.db")
	s := start(t, &store.Store{Path: good})
	for i := range 500 {
		publish(s, result("yard", float64(i), pipeline.EventUpdated, 1, "person"))
	}
	s.Close()
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	torn := bytes.Clone(whole)
	for i := len(torn) / 4; i < len(torn)/2; i++ {
		torn[i] ^= 0xa5
	}
	for name, content := range map[string][]byte{
		"text": []byte(strings.Repeat("this is no database\n", 500)), "torn": torn, "truncated": whole[:len(whole)/2],
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "o.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			log, said := captureLog()
			s := start(t, &store.Store{Path: path, Log: log})
			publish(s, result("yard", 1, pipeline.EventStarted, 1, "person"))
			eventually(t, "written", func() bool { return count(t, s, store.Filter{}) == 1 })
			aside, err := filepath.Glob(path + ".damaged-*")
			if err != nil || len(aside) == 0 || !strings.Contains(said(), "moved aside") {
				t.Fatalf("aside %v, log %q", aside, said())
			}
			if kept, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(kept[100:], content[100:]) { // opening may count in the header
				t.Errorf("the damaged file was changed: %d bytes, %v", len(kept), err)
			}
		})
	}
	t.Run("empty", func(t *testing.T) { // SQLite takes it for a new one
		path := filepath.Join(t.TempDir(), "o.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		start(t, &store.Store{Path: path})
	})
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	newer := filepath.Join(dir, "newer.db")
	db, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	start(t, &store.Store{Path: filepath.Join(dir, "used.db")})
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		newer: "newer outrider", filepath.Join(dir, "used.db"): "another outrider", filepath.Join(file, "x.db"): "not a directory",
	} {
		s := &store.Store{Path: path}
		err := s.Initialize()
		if err == nil {
			s.Close()
			t.Fatalf("%s was opened", path)
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %q", err, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(newer); err != nil {
		t.Errorf("a newer file must stay: %v", err)
	}
}

// TestTemporary leaves nothing behind.
func TestTemporary(t *testing.T) {
	s := &store.Store{}
	if err := s.Initialize(); err != nil {
		t.Fatal(err)
	}
	path := s.Path
	publish(s, result("yard", 1, pipeline.EventStarted, 1, "person"))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", path)
	}
	publish(s, result("yard", 1, pipeline.EventStarted, 1, "person")) // too late, but harmless
	if err := s.Put(pipeline.OutboxMessage{}); err == nil {
		t.Error("a closed store takes messages")
	}
}
