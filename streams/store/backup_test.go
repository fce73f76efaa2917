package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/streams/store"
)

// TestBackup copies a store that is written to, and opens the copy.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := start(t, &store.Store{Path: filepath.Join(dir, "o.db"), BackupEvery: -1})
	for i := range 50 {
		publish(s, result("yard", float64(i), pipeline.EventUpdated, 1, "person"))
	}
	eventually(t, "written", func() bool { return count(t, s, store.Filter{}) == 50 })
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 50; ; i++ {
			select {
			case <-stop:
				return
			default:
				publish(s, result("yard", float64(i), pipeline.EventUpdated, 1, "person"))
				time.Sleep(time.Millisecond)
			}
		}
	}()
	to := filepath.Join(dir, "copy.db")
	for range 2 { // the second replaces the first
		if err := s.Backup(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-done
	copied := start(t, &store.Store{Path: to, BackupEvery: -1})
	if n := count(t, copied, store.Filter{}); n < 50 {
		t.Errorf("the copy has %d events, want 50 or more", n)
	}
	if i, err := os.Stat(to); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the copy is readable by others: %v %v", i.Mode(), err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*.part*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := s.Backup(t.Context(), filepath.Join(dir, "none", "copy.db")); err == nil || !strings.Contains(err.Error(), "back up ") {
		t.Errorf("into a folder that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, filepath.Join(dir, "other.db")); err == nil {
		t.Error("a cancelled backup succeeds")
	}
}

// TestRestore damages a database that has a backup.
func TestRestore(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, path string) // of the backup
		want   int
		said   string
	}{
		{"a sound backup", func(*testing.T, string) {}, 20, "the backup restored"},
		{"an unsound backup", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, 0, "a new one begun"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "o.db")
			s := start(t, &store.Store{Path: path, BackupEvery: 10 * time.Millisecond})
			for i := range 20 {
				publish(s, result("yard", float64(i), pipeline.EventUpdated, 1, "person"))
			}
			eventually(t, "written", func() bool { return count(t, s, store.Filter{}) == 20 })
			made := time.Now()
			eventually(t, "a backup of all", func() bool {
				i, err := os.Stat(path + ".backup")
				return err == nil && i.ModTime().After(made.Add(50*time.Millisecond))
			})
			s.Close()
			c.damage(t, path+".backup")
			if err := os.WriteFile(path, []byte(strings.Repeat("this is no database\n", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
			log, said := captureLog()
			s = start(t, &store.Store{Path: path, Log: log, BackupEvery: -1})
			if n := count(t, s, store.Filter{}); n != c.want || !strings.Contains(said(), c.said) {
				t.Errorf("%d events, want %d; log %q", n, c.want, said())
			}
			publish(s, result("yard", 100, pipeline.EventStarted, 2, "person"))
			eventually(t, "written", func() bool { return count(t, s, store.Filter{}) == c.want+1 })
		})
	}
}

// TestOldVersionIsKept opens a database of the first version: it is copied before it changes.
func TestOldVersionIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	old, err := os.ReadFile("testdata/v1.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, &store.Store{Path: path, BackupEvery: -1, Retain: -1})
	if n := count(t, s, store.Filter{}); n != 3 {
		t.Errorf("%d events of the old version, want 3", n)
	}
	s.Close()
	if _, err := os.Stat(path + ".v1"); err != nil {
		t.Error(err)
	}
	again := start(t, &store.Store{Path: path, BackupEvery: -1, Retain: -1})
	if n := count(t, again, store.Filter{}); n != 3 {
		t.Errorf("%d events the second time", n)
	}
	if found, _ := filepath.Glob(path + ".v*"); fmt.Sprint(found) != "["+path+".v1]" {
		t.Errorf("copies %v", found)
	}
}
