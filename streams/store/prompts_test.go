package store_test

import (
	"bytes"
	"database/sql"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/streams/store"
)

func TestPromptsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	s := start(t, &store.Store{Path: path})
	made := epoch.Add(-time.Minute)
	box := pipeline.Box{X1: 1, Y1: 2, X2: 3.5, Y2: 4}
	point := store.StoredPrompt{
		Prompt:  pipeline.Prompt{ID: "gate", Camera: "yard", Points: []pipeline.Point{{X: 5, Y: 6}, {X: 7, Y: 8}}, Labels: []int{1, 0}, Level: 2, Created: made},
		Memory:  pipeline.PromptMemory{First: &box, Box: box, Area: 12.5, Width: 640, Height: 480, Seen: epoch, Anchor: []float32{.6, -.8, 0}},
		Encoder: "clip-mini",
	}
	words := store.StoredPrompt{Prompt: pipeline.Prompt{ID: "words", Camera: "yard", Text: []string{"person", "not: dog"}, Created: made.Add(time.Second)}}
	other := store.StoredPrompt{Prompt: pipeline.Prompt{ID: "gate", Camera: "attic", Box: &box, Created: made}}
	if err := s.PutPrompts(t.Context(), words, other, point); err != nil {
		t.Fatal(err)
	}
	other.Level = 3 // changed
	if err := s.PutPrompts(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	check := func(want ...store.StoredPrompt) {
		t.Helper()
		got, err := s.Prompts(t.Context())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	}
	check(other, point, words)
	s.Close()
	if err := s.PutPrompts(t.Context(), point); err == nil {
		t.Error("a prompt was taken after Close")
	}

	s = start(t, &store.Store{Path: path})
	check(other, point, words)
	for _, id := range []string{"gate", "never"} {
		if err := s.DeletePrompt(t.Context(), "yard", id); err != nil {
			t.Fatal(err)
		}
	}
	check(other, words)
	if err := s.PutPrompts(t.Context(), store.StoredPrompt{Prompt: pipeline.Prompt{ID: "x"}}); err == nil || !strings.Contains(err.Error(), "want both names") {
		t.Errorf("a prompt without a camera: %v", err)
	}
}

// TestBrokenPromptsAreLeftOut holds that what somebody wrote into the file stops nothing.
func TestBrokenPromptsAreLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.db")
	s := start(t, &store.Store{Path: path})
	if err := s.PutPrompts(t.Context(), store.StoredPrompt{Prompt: pipeline.Prompt{ID: "good", Camera: "yard", Text: []string{"car"}, Created: epoch}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for id, row := range map[string]struct{ prompt, memory, anchor string }{
		"no JSON": {"{", "{}", ""}, "no place": {"{}", "{}", ""}, "memory": {`{"text":["car"]}`, `{"box":3}`, ""},
		"odd anchor": {`{"text":["car"]}`, "{}", "abc"}, "infinite": {`{"text":["car"]}`, "{}", "\x00\x00\x80\x7f"},
	} {
		if _, err := db.Exec("INSERT INTO prompts (camera, id, created, prompt, memory, anchor, encoder) VALUES ('yard', ?, 1, ?, ?, ?, '')", id, row.prompt, row.memory, []byte(row.anchor)); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	var log bytes.Buffer
	s = start(t, &store.Store{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))})
	got, err := s.Prompts(t.Context())
	if err != nil || len(got) != 1 || got[0].ID != "good" {
		t.Errorf("got %+v, %v", got, err)
	}
	if n := strings.Count(log.String(), "cannot be understood"); n != 5 {
		t.Errorf("%d of 5 broken prompts were told of:\n%s", n, log.String())
	}
}
