package main

import (
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
)

// standing returns tracks that stand still, are of some size, and not background.
func (r *running) standing(t *testing.T) []pipeline.Track {
	t.Helper()
	first := map[uint64]pipeline.Track{}
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var still []pipeline.Track
		for _, k := range r.tracks(t) {
			f, ok := first[k.ID]
			switch {
			case !ok || f.Box.IoU(k.Box) < 0.8:
				first[k.ID] = k
			case k.LastSeen.Sub(f.LastSeen) > 2*time.Second && k.Observed && !k.Stuff && k.Hits > 15 && k.Box.Area() > 800 && k.Box.W() > 16 && k.Box.H() > 16:
				still = append(still, k)
			}
		}
		if len(still) >= 3 {
			return still
		}
	}
	t.Fatal("nothing stood still for 40 s")
	return nil
}

func (r *running) prompt(t *testing.T, id string) (pipeline.PromptStatus, int) {
	t.Helper()
	var st pipeline.PromptStatus
	code := r.get(t, "/api/v1/cameras/demo/prompts/"+id, &st)
	return st, code
}

// TestPromptsSurviveARestart makes, changes and deletes prompts by HTTP and starts the service
// again on the same store: with the same camera, with one that shows nothing, and without it.
func TestPromptsSurviveARestart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	video := sample(t)
	dir := t.TempDir()
	config := func(name, source string) string {
		return quiet(t, fmt.Sprintf("store: {path: %q}\ncameras: {%s: {source: %q, loop: true, prompts: [{id: fixed, text: [car]}]}}\n", filepath.Join(dir, "data"), name, source))
	}
	s := startService(t, "-c", config("demo", video))
	was := map[string]pipeline.Box{}
	for i, k := range s.standing(t) {
		if i == 5 {
			break
		}
		id := fmt.Sprintf("thing%d", i)
		code, body := s.post(t, "/api/v1/cameras/demo/prompts", map[string]any{"id": id, "box": []float64{k.Box.X1, k.Box.Y1, k.Box.X2, k.Box.Y2}})
		if code != http.StatusCreated {
			t.Fatalf("POST: %d %s", code, body)
		}
		was[id] = k.Box
	}
	for id, words := range map[string]string{"words": "person", "gone": "dog"} {
		if code, body := s.post(t, "/api/v1/cameras/demo/prompts", map[string]any{"id": id, "text": []string{words}}); code != http.StatusCreated {
			t.Fatalf("POST: %d %s", code, body)
		}
	}
	if code, _, body := s.send(t, http.MethodPatch, "/api/v1/cameras/demo/prompts/words", `{"text": ["person", "not: dog"]}`); code != http.StatusOK {
		t.Fatalf("PATCH: %d %s", code, body)
	}
	s.delete(t, "/api/v1/cameras/demo/prompts/gone")
	if code, _, body := s.send(t, http.MethodPut, "/api/v1/cameras/demo/lines/door", `{"from": [0.1, 0.5], "to": [0.9, 0.5]}`); code != http.StatusCreated {
		t.Fatalf("PUT line: %d %s", code, body)
	}
	time.Sleep(2 * time.Second) // for a few embeddings
	if code := s.stop(); code != exitDone {
		t.Fatalf("exit %d\n%s", code, s.log.String())
	}

	s = startService(t, "-c", config("demo", video))
	if !strings.Contains(s.log.String(), "prompts restored; they search until their objects are seen again") {
		t.Errorf("the log does not tell of restored prompts:\n%s", s.log.String())
	}
	if st, code := s.prompt(t, "words"); code != http.StatusOK || len(st.Text) != 2 || st.Text[1] != "not: dog" || st.Created.IsZero() {
		t.Errorf("the changed prompt: %d %+v", code, st)
	}
	if code := s.get(t, "/api/v1/cameras/demo/lines/door", nil); code != http.StatusOK {
		t.Errorf("the line: %d", code)
	}
	if _, code := s.prompt(t, "gone"); code != http.StatusNotFound {
		t.Errorf("the deleted prompt: %d", code)
	}
	found := 0
	for end := time.Now().Add(30 * time.Second); found == 0 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for id := range was {
			st, code := s.prompt(t, id)
			if code != http.StatusOK {
				t.Fatalf("%s: %d", id, code)
			}
			if st.State == pipeline.PromptTracking {
				found++
				if got := st.AnswerBox.IoU(was[id]); got < 0.4 {
					t.Errorf("%s was found at %+v, it stood at %+v", id, *st.AnswerBox, was[id])
				}
			}
		}
	}
	if found == 0 {
		t.Errorf("none of the %d things that stand still was found again:\n%s", len(was), s.log.String())
	}
	s.stop()

	// A camera of the same name that shows nothing: they search.
	grey := filepath.Join(dir, "grey")
	for i := range 3 {
		write(t, filepath.Join(grey, fmt.Sprintf("%d.png", i)), encodePNG(t, image.NewGray(image.Rect(0, 0, 128, 96))))
	}
	s = startService(t, "-c", config("demo", grey))
	time.Sleep(time.Second)
	for id := range was {
		if st, code := s.prompt(t, id); code != http.StatusOK || st.State != pipeline.PromptSearching || st.Why == "" {
			t.Errorf("%s on a blank picture: %d %+v", id, code, st)
		}
	}
	s.stop()

	// The camera is gone from the configuration: they are kept.
	s = startService(t, "-c", config("other", grey))
	if !strings.Contains(s.log.String(), "kept, idle") || !strings.Contains(s.log.String(), "camera=demo") {
		t.Errorf("the log does not tell of idle prompts:\n%s", s.log.String())
	}
	s.stop()
	s = startService(t, "-c", config("demo", grey))
	var list struct{ Prompts []pipeline.PromptStatus }
	s.get(t, "/api/v1/cameras/demo/prompts", &list)
	if want := len(was) + 2; len(list.Prompts) != want { // words, and fixed of the configuration
		b, err := json.Marshal(list)
		t.Errorf("%d prompts, want %d: %s %v", len(list.Prompts), want, b, err)
	}
}
