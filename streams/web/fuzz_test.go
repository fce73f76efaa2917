package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"outrider/streams/web"
)

// Whatever is sent as a prompt, the answer is a prompt or a problem that says why not.
func FuzzCreatePrompt(f *testing.F) {
	for _, s := range []string{
		`{"points":[[20,30]],"labels":[1]}`, `{"box":[1,2,3,4],"level":2}`, `{"text":["person"],"id":"a"}`,
		`{"mask":{"size":[240,320],"counts":"Ti4l1PUV2"}}`, `{"frame_time":"2026-01-02T03:04:05Z","text":["person"]}`,
		`{"points":[[1e999,0]]}`, `{"box":null}`, `[]`, `null`, `{"text":[""]}`, `{"mask":{"size":[1,1],"counts":[1]}}`, "",
	} {
		f.Add(s)
	}
	y := newYard("yard")
	s := &web.Server{Directory: y, Listen: "127.0.0.1:0"}
	if err := s.Initialize(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	url := "http://" + s.Addr().String() + "/api/v1/cameras/yard/prompts"
	f.Fuzz(func(t *testing.T, body string) {
		res, err := http.Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		switch res.StatusCode {
		case 201, 400, 409, 413, 422, 503:
		default:
			t.Fatalf("status %d for %q", res.StatusCode, body)
		}
		var v map[string]any
		if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
			t.Fatalf("status %d for %q: %v", res.StatusCode, body, err)
		}
		if res.StatusCode == 201 {
			if v["id"] == "" || v["state"] == "" {
				t.Fatalf("%q gave %v", body, v)
			}
			return
		}
		if v["title"] == "" || int(v["status"].(float64)) != res.StatusCode {
			t.Fatalf("%q gave the problem %v", body, v)
		}
	})
}
