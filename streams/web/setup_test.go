package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/streams/web"
)

// fakeSetup keeps a text and some cameras.
type fakeSetup struct {
	mu      sync.Mutex
	text    string
	cameras map[string]web.CameraSettings
}

func newSetup() *fakeSetup {
	source := "rtsp://***@10.0.0.2/a"
	return &fakeSetup{text: "version: 1\n", cameras: map[string]web.CameraSettings{"yard": {Source: &source}}}
}

func (f *fakeSetup) version() string { return fmt.Sprintf("v%d", len(f.text)) }

func (f *fakeSetup) Config() (web.ConfigText, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return web.ConfigText{Text: []byte(f.text), Version: f.version(), File: "outrider.yml"}, nil
}

func (f *fakeSetup) Check(text []byte) (web.ConfigChanges, error) {
	if strings.Contains(string(text), "camera:") {
		return web.ConfigChanges{}, &web.ConfigError{Line: 2, Column: 1, Reason: `unknown key "camera"; did you mean cameras?`}
	}
	return web.ConfigChanges{Keys: []string{"log.level"}, Keeps: []string{"yard"}, Later: []string{"log.level"}}, nil
}

func (f *fakeSetup) Apply(_ context.Context, text []byte, version string) (web.ConfigChanges, error) {
	c, err := f.Check(text)
	f.mu.Lock()
	defer f.mu.Unlock()
	if version != f.version() {
		return c, web.ErrConfigChanged
	}
	if err == nil {
		f.text = string(text)
	}
	return c, err
}

func (f *fakeSetup) Reload(context.Context) (web.ConfigChanges, error) {
	return web.ConfigChanges{}, nil
}

func (f *fakeSetup) TestCamera(_ context.Context, _ string, c web.CameraSettings) web.CameraTest {
	if c.Source == nil || strings.Contains(*c.Source, "nowhere") {
		return web.CameraTest{Steps: []web.TestStep{{Name: "settings", OK: true}, {Name: "resolve", MS: 3, Error: "the host name \"nowhere\" is unknown"}}}
	}
	return web.CameraTest{OK: true, Width: 640, Height: 360, FPS: 25, Image: []byte{0xff, 0xd8},
		Steps: []web.TestStep{{Name: "settings", OK: true}, {Name: "open", OK: true, MS: 120}, {Name: "frames", OK: true, MS: 1500}}}
}

func (f *fakeSetup) Camera(name string) (web.CameraSettings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.cameras[name]
	if !ok {
		return c, &pipeline.UnknownCameraError{Name: name, Known: []string{"yard"}}
	}
	return c, nil
}

func (f *fakeSetup) AddCamera(_ context.Context, name string, c web.CameraSettings) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.cameras[name]; there {
		return false, web.ErrCameraExists
	}
	if c.Source == nil {
		return false, &web.ConfigError{Field: "source", Reason: "source: missing"}
	}
	f.cameras[name] = c
	return true, nil
}

func (f *fakeSetup) SetCamera(_ context.Context, name string, c web.CameraSettings) (bool, error) {
	if _, err := f.Camera(name); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.cameras[name]
	if c.Source == nil {
		c.Source = old.Source
	}
	f.cameras[name] = c
	return true, nil
}

func (f *fakeSetup) RemoveCamera(_ context.Context, name string) (bool, error) {
	if _, err := f.Camera(name); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.cameras, name)
	return true, nil
}

func TestConfigIsNotOverwritten(t *testing.T) {
	_, url := start(t, &web.Server{Directory: newYard("yard"), Setup: newSetup()})
	get := do(t, "GET", url+"/api/v1/config", "")
	tag := get.header.Get("ETag")
	if get.status != 200 || tag == "" || string(get.body) != "version: 1\n" || get.header.Get("X-Config-Writable") != "true" {
		t.Fatalf("%d %v %s", get.status, get.header, get.body)
	}
	if a := do(t, "GET", url+"/api/v1/config", "", "If-None-Match", tag); a.status != 304 {
		t.Errorf("unchanged: %d", a.status)
	}
	yaml := func(more ...string) []string { return append([]string{"Content-Type", "application/yaml"}, more...) }
	const next = "version: 1\nlog: {level: debug}\n"
	if a := do(t, "PUT", url+"/api/v1/config", next, yaml()...); a.status != 428 {
		t.Errorf("without If-Match: %d %s", a.status, a.body)
	}
	first := do(t, "PUT", url+"/api/v1/config", next, yaml("If-Match", tag)...)
	if first.status != 200 || first.header.Get("ETag") == tag {
		t.Fatalf("%d %v %s", first.status, first.header, first.body)
	}
	if a := do(t, "PUT", url+"/api/v1/config", "version: 1\nlog: {level: warn}\n", yaml("If-Match", tag)...); a.status != 412 {
		t.Errorf("a stale change: %d %s", a.status, a.body)
	}
	if got := do(t, "GET", url+"/api/v1/config", ""); string(got.body) != next {
		t.Errorf("after a stale change: %s", got.body)
	}
	p := do(t, "POST", url+"/api/v1/config/check", "version: 1\ncamera:\n", yaml()...).problem(t)
	if p.Status != 422 || p.Line != 2 || p.Column != 1 || !strings.Contains(p.Detail, "cameras") {
		t.Errorf("%+v", p)
	}
	if a := do(t, "POST", url+"/api/v1/config/check", "{}", "Content-Type", "application/json"); a.status != 415 {
		t.Errorf("JSON: %d", a.status)
	}
}

// Reviews: two members changed one after the other stay both, lists and counts follow.
func TestReviews(t *testing.T) {
	kept := &fakeRecordings{}
	s, url := start(t, &web.Server{Directory: newYard("yard", "road"), Recordings: kept})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 6 {
		e := event([]string{"yard", "road"}[i%2], fmt.Sprintf("%02d", i), pipeline.EventStarted, at.Add(time.Duration(i)*time.Minute))
		publish(t, s, e)
	}
	stream := listen(t, url, "")
	stream.next() // hello
	for _, b := range []string{`{"reviewed":true}`, `{"note":"the postman"}`} {
		if a := do(t, "PATCH", url+"/api/v1/events/02", b); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if m := stream.next(); m["event"] != "review" || m["data"] != `{"id":"02","reviewed":true,"flagged":false}` {
		t.Errorf("review %v", m)
	}
	do(t, "PATCH", url+"/api/v1/events/03", `{"flagged":true}`)
	if n := kept.protected.Load(); n != 1 {
		t.Errorf("%d recordings protected, want that of the flagged event", n)
	}
	if a := do(t, "GET", url+"/api/v1/events/02/clip.mp4", "", "Range", "bytes=2-4"); a.status != 206 || string(a.body) != "234" || a.header.Get("Content-Type") != "video/mp4" {
		t.Errorf("a part of a clip: %d %v %q", a.status, a.header, a.body)
	}
	var e pipeline.ReviewedEvent
	if err := json.Unmarshal(do(t, "GET", url+"/api/v1/events/02", "").body, &e); err != nil || !e.Reviewed || e.Flagged || e.Note != "the postman" || e.Camera != "yard" {
		t.Errorf("%+v %v", e, err)
	}
	for query, want := range map[string]string{"?state=unreviewed": "05 04 03 01 00", "?state=flagged": "03", "?kind=ended,started&camera=road": "05 03 01"} {
		if got, _ := ids(t, url+"/api/v1/events"+query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	var sum struct {
		Counts []web.EventCount
	}
	a := do(t, "GET", url+"/api/v1/events/summary?step=2m&state=unreviewed", "")
	if err := json.Unmarshal(a.body, &sum); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range sum.Counts {
		n += c.Events
	}
	if n != 5 {
		t.Errorf("%d events counted: %s", n, a.body)
	}
	for path, status := range map[string]int{"/api/v1/events/99": 404, "/api/v1/events?state=odd": 400, "/api/v1/events/summary?step=1ms": 400, "/api/v1/events/99/snapshot.jpg": 404, "/api/v1/events/03/clip.mp4": 404, "/api/v1/events/03/snapshot.jpg": 200} {
		if a := do(t, "GET", url+path, ""); a.status != status {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if p := do(t, "PATCH", url+"/api/v1/events/02", `{"note":"`+strings.Repeat("x", 3000)+`"}`).problem(t); p.Status != 422 || p.Field != "note" {
		t.Errorf("%+v", p)
	}
}

// A changed prompt keeps its id; a refused change keeps the prompt.
func TestPatchPrompt(t *testing.T) {
	_, _, url := withFrame(t)
	prompts := url + "/api/v1/cameras/yard/prompts"
	do(t, "POST", prompts, `{"id":"a","points":[[20,30]],"labels":[1]}`)
	get := func() (p pipeline.PromptStatus) {
		if err := json.Unmarshal(do(t, "GET", prompts+"/a", "").body, &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if a := do(t, "PATCH", prompts+"/a", `{"level":2}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// A level is chosen of what is followed: the prompt stays what it was.
	if p := get(); p.Level != 2 || len(p.Points) != 1 || p.Points[0] != (pipeline.Point{X: 20, Y: 30}) {
		t.Errorf("after a level: %+v", p.Prompt)
	}
	if a := do(t, "PATCH", prompts+"/a", `{"text":["person"]}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// Words are asked where the track is now: in the middle of the box 10,20..50,60.
	if p := get(); p.Level != 2 || len(p.Text) != 1 || len(p.Points) != 1 || p.Points[0] != (pipeline.Point{X: 30, Y: 40}) {
		t.Errorf("after a text: %+v", p.Prompt)
	}
	if a := do(t, "PATCH", prompts+"/a", `{"text":[]}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := do(t, "PATCH", prompts+"/a", `{"box":[1,1,9,9]}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if p := get(); p.Box == nil || len(p.Points) != 0 || p.Level != 2 {
		t.Errorf("after a box: %+v", p.Prompt)
	}
	for body, status := range map[string]int{`{"text":["perzon"]}`: 422, `{"level":7}`: 422, `{"id":"b"}`: 400, `{"points":[[999,1]]}`: 422} {
		if a := do(t, "PATCH", prompts+"/a", body); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
		if p := get(); p.Box == nil || p.Level != 2 || len(p.Text) != 0 {
			t.Errorf("after %s: %+v", body, p.Prompt)
		}
	}
}

// The movie is a chain of whole JPEGs, a new one for each new frame.
func TestMovie(t *testing.T) {
	s, y, url := withFrame(t)
	m := openMovie(t, url+"/api/v1/cameras/yard/stream.mjpeg?w=160&overlay=1")
	for seq := uint64(5); seq < 8; seq++ {
		got, img := m.next()
		if got != seq || img.Bounds().Dx() != 160 {
			t.Errorf("frame %d of %v, want %d", got, img.Bounds(), seq)
		}
		r := result(t, "yard", seq+1, pipeline.Box{X1: 1, Y1: 1, X2: 50, Y2: 50})
		y.show(r)
		s.Publish(r)
		r.Release()
	}
	for range 15 {
		openMovie(t, url+"/api/v1/cameras/yard/stream.mjpeg").next()
	}
	if a := do(t, "GET", url+"/api/v1/cameras/yard/stream.mjpeg", ""); a.status != 503 {
		t.Errorf("one movie too many: %d", a.status)
	}
	if a := do(t, "GET", url+"/api/v1/cameras/nobody/stream.mjpeg", ""); a.status != 404 {
		t.Errorf("unknown camera: %d", a.status)
	}
}

// film is an open movie.
type film struct {
	t     *testing.T
	parts *multipart.Reader
}

func openMovie(t *testing.T, url string) *film {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	q, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); res.Body.Close() })
	kind, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || res.StatusCode != 200 || kind != "multipart/x-mixed-replace" {
		t.Fatalf("movie: %d %v", res.StatusCode, res.Header)
	}
	return &film{t, multipart.NewReader(res.Body, params["boundary"])}
}

func (f *film) next() (seq uint64, img image.Image) {
	f.t.Helper()
	p, err := f.parts.NextRawPart()
	if err != nil {
		f.t.Fatal(err)
	}
	// A part ends where its length says: the boundary comes only with the next picture.
	b := make([]byte, mustAtoi(f.t, p.Header.Get("Content-Length")))
	if _, err := io.ReadFull(p, b); err != nil {
		f.t.Fatal(err)
	}
	if img, err = jpeg.Decode(bytes.NewReader(b)); err != nil {
		f.t.Fatal(err)
	}
	return uint64(mustAtoi(f.t, p.Header.Get("X-Frame-Seq"))), img
}

func mustAtoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
