package store_test

import (
	"context"
	"path/filepath"
	"testing"

	"outrider/streams/store"
)

// What is kept is there after a restart, the newest value of each key, and can be forgotten.
func TestKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	session := func(f func(s *store.Store)) {
		t.Helper()
		s := &store.Store{Path: path}
		if err := s.Initialize(); err != nil {
			t.Fatal(err)
		}
		f(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	keep := func(s *store.Store, key string, value []byte) {
		t.Helper()
		if err := s.Keep(key, value); err != nil {
			t.Fatal(err)
		}
	}
	check := func(s *store.Store, key, want string) {
		t.Helper()
		if v, err := s.Kept(context.Background(), key); err != nil || string(v) != want {
			t.Errorf("%s: %q, %v, want %q", key, v, err, want)
		}
	}
	session(func(s *store.Store) {
		check(s, "a", "")
		keep(s, "a", []byte("1"))
		keep(s, "a", []byte("2"))
		keep(s, "b", []byte("3"))
	})
	session(func(s *store.Store) {
		check(s, "a", "2")
		check(s, "b", "3")
		keep(s, "a", nil)
	})
	session(func(s *store.Store) {
		check(s, "a", "")
		check(s, "b", "3")
	})
}
