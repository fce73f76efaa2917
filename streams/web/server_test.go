package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/streams/web"
)

// start serves y on a free port of the loopback and returns the server and its URL.
func start(t *testing.T, s *web.Server) (*web.Server, string) {
	t.Helper()
	s.Listen = "127.0.0.1:0"
	s.Build = web.Build{Version: "test", ORT: "1", OpenCV: "4", Provider: "cpu"}
	if err := s.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s, "http://" + s.Addr().String()
}

// answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func do(t *testing.T, method, url string, body string, header ...string) answer {
	t.Helper()
	q, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			q.Host = header[i+1]
		}
		q.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, b}
}

func (a answer) problem(t *testing.T) web.Problem {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("status %d: Content-Type %q, want a problem; body %s", a.status, got, a.body)
	}
	var p web.Problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != a.status || p.Title == "" || p.Type == "" {
		t.Fatalf("problem %+v of status %d", p, a.status)
	}
	return p
}

// withFrame serves camera yard with one result and camera dark without any.
func withFrame(t *testing.T) (*web.Server, *yard, string) {
	y := newYard("yard", "dark")
	y.cameras["dark"].status = pipeline.CameraStatus{Name: "dark", State: pipeline.CameraRetrying, Since: time.Now(), Error: "open: timeout"}
	y.cameras["dark"].prompts, y.cameras["dark"].places = nil, nil
	y.show(result(t, "yard", 5, pipeline.Box{X1: 10, Y1: 20, X2: 50, Y2: 60}))
	m := &web.Metrics{Directory: y}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	s, url := start(t, &web.Server{Directory: y, Registry: m.Registry, Setup: newSetup(), Recordings: &fakeRecordings{}, Models: func() []web.Model {
		return []web.Model{{Name: "nano", Task: "segment", Size: 5, Installed: true, Active: true}}
	}})
	return s, y, url
}

func TestBadInput(t *testing.T) {
	_, _, url := withFrame(t)
	const point = `{"points":[[20,30]],"labels":[1]}`
	cases := []struct {
		name, method, path, body string
		header                   []string
		status                   int
		field, detail            string
	}{
		{"unknown camera", "GET", "/api/v1/cameras/nobody", "", nil, 404, "", "dark, yard"},
		{"unknown camera of a snapshot", "GET", "/api/v1/cameras/nobody/snapshot.jpg", "", nil, 404, "", "dark, yard"},
		{"unknown camera of tracks", "GET", "/api/v1/cameras/nobody/tracks", "", nil, 404, "", "yard"},
		{"unknown camera of segments", "GET", "/api/v1/cameras/nobody/segments", "", nil, 404, "", "yard"},
		{"unknown camera of obstacles", "GET", "/api/v1/cameras/nobody/obstacles", "", nil, 404, "", "yard"},
		{"unknown camera of prompts", "GET", "/api/v1/cameras/nobody/prompts", "", nil, 404, "", "yard"},
		{"unknown camera of a new prompt", "POST", "/api/v1/cameras/nobody/prompts", point, nil, 404, "", "yard"},
		{"unknown camera of events", "GET", "/api/v1/events?camera=nobody", "", nil, 404, "", "yard"},
		{"camera without prompts", "GET", "/api/v1/cameras/dark/prompts", "", nil, 409, "", "takes no prompts"},
		{"no picture yet", "GET", "/api/v1/cameras/dark/snapshot.jpg", "", nil, 503, "", "no picture"},
		{"width", "GET", "/api/v1/cameras/yard/snapshot.jpg?w=99999", "", nil, 400, "w", "7680"},
		{"width in words", "GET", "/api/v1/cameras/yard/snapshot.jpg?w=wide", "", nil, 400, "w", "wide"},
		{"overlay", "GET", "/api/v1/cameras/yard/snapshot.jpg?overlay=yes", "", nil, 400, "overlay", "yes"},
		{"after", "GET", "/api/v1/cameras/yard/snapshot.jpg?after=-1", "", nil, 400, "after", "-1"},
		{"masks", "GET", "/api/v1/cameras/yard/tracks?masks=2", "", nil, 400, "masks", "2"},
		{"from", "GET", "/api/v1/events?from=yesterday", "", nil, 400, "from", "yesterday"},
		{"limit", "GET", "/api/v1/events?limit=0", "", nil, 400, "limit", "1 to 1000"},
		{"no such prompt", "GET", "/api/v1/cameras/yard/prompts/nil", "", nil, 404, "", "no such prompt"},
		{"delete no such prompt", "DELETE", "/api/v1/cameras/yard/prompts/nil", "", nil, 404, "", "no such prompt"},
		{"no body", "POST", "/api/v1/cameras/yard/prompts", "", []string{"Content-Type", "application/json"}, 400, "", "empty"},
		{"not JSON", "POST", "/api/v1/cameras/yard/prompts", "{", nil, 400, "", "JSON"},
		{"two documents", "POST", "/api/v1/cameras/yard/prompts", point + point, nil, 400, "", "more than one"},
		{"unknown field", "POST", "/api/v1/cameras/yard/prompts", `{"point":[1,2]}`, nil, 400, "point", "unknown field"},
		{"field that is not the client's", "POST", "/api/v1/cameras/yard/prompts", `{"camera":"dark","text":["person"]}`, nil, 400, "camera", "unknown field"},
		{"wrong kind", "POST", "/api/v1/cameras/yard/prompts", `{"text":"person"}`, nil, 400, "text", "string"},
		{"three numbers", "POST", "/api/v1/cameras/yard/prompts", `{"box":[1,2,3]}`, nil, 400, "", "want 4 numbers"},
		{"form", "POST", "/api/v1/cameras/yard/prompts", point, []string{"Content-Type", "text/plain"}, 415, "", "application/json"},
		{"too large", "POST", "/api/v1/cameras/yard/prompts", `{"text":["` + strings.Repeat("x", 1<<20) + `"]}`, nil, 413, "", "1048576"},
		{"nothing asked", "POST", "/api/v1/cameras/yard/prompts", `{}`, nil, 422, "points", "nothing to look for"},
		{"point outside", "POST", "/api/v1/cameras/yard/prompts", `{"points":[[320,10]]}`, nil, 422, "points", "320x240"},
		{"box outside", "POST", "/api/v1/cameras/yard/prompts", `{"box":[400,10,500,20]}`, nil, 422, "box", "320x240"},
		{"empty box", "POST", "/api/v1/cameras/yard/prompts", `{"box":[10,10,10,20]}`, nil, 422, "box", "empty"},
		{"labels", "POST", "/api/v1/cameras/yard/prompts", `{"points":[[1,1]],"labels":[0]}`, nil, 422, "labels", "at least one"},
		{"level", "POST", "/api/v1/cameras/yard/prompts", `{"points":[[1,1]],"level":9}`, nil, 422, "level", "0 to 5"},
		{"zone without text", "POST", "/api/v1/cameras/yard/prompts", `{"box":[1,1,9,9],"zone":[[1,1],[9,1],[9,9]]}`, nil, 422, "zone", "with text"},
		{"mask that is no picture", "POST", "/api/v1/cameras/yard/prompts", `{"mask":{"png":"AAAA"}}`, nil, 400, "", "decode mask"},
		{"mask of another size", "POST", "/api/v1/cameras/yard/prompts", `{"mask":{"png":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="}}`, nil, 422, "mask", "is 1x1, the frame 320x240"},
		{"levels of no prompt", "GET", "/api/v1/cameras/yard/prompts/p1/levels", "", nil, 404, "", "no such prompt"},
		{"levels of no track", "GET", "/api/v1/cameras/yard/tracks/x/levels", "", nil, 404, "", "no such track"},
		{"id", "POST", "/api/v1/cameras/yard/prompts", `{"id":"a/b","text":["person"]}`, nil, 422, "id", "letters"},
		{"long id", "POST", "/api/v1/cameras/yard/prompts", `{"id":"` + strings.Repeat("a", 65) + `","text":["person"]}`, nil, 422, "id", "64"},
		{"unknown word", "POST", "/api/v1/cameras/yard/prompts", `{"text":["perzon"]}`, nil, 422, "text", "near words it knows: person"},
		{"no answer in time", "POST", "/api/v1/cameras/yard/prompts", `{"id":"slow","text":["person"]}`, nil, 503, "", "streaming"},
		{"wrong method", "PUT", "/api/v1/system", "", nil, 405, "", "GET"},
		{"nothing there", "GET", "/api/v1/nothing", "", nil, 404, "", "openapi.json"},
		{"no such page", "GET", "/nothing", "", nil, 404, "", "openapi.json"},
		{"old version of a file", "GET", "/ui/0/boot.js", "", nil, 404, "", "boot.js"},
		{"foreign host", "GET", "/api/v1/cameras", "", []string{"Host", "evil.example:80"}, 421, "", "web.hosts"},
		{"foreign host of a change", "POST", "/api/v1/cameras/yard/prompts", point, []string{"Host", "evil.example"}, 421, "", "evil.example"},
		{"foreign page", "POST", "/api/v1/cameras/yard/prompts", point, []string{"Origin", "http://evil.example"}, 403, "", "another origin"},
		{"foreign page by fetch metadata", "DELETE", "/api/v1/cameras/yard/prompts/p1", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "", "another origin"},
		{"foreign page asks for video", "POST", "/whep/yard", "v=0", []string{"Origin", "http://evil.example", "Content-Type", "application/sdp"}, 403, "", "another origin"},
		{"video is off", "POST", "/whep/yard", "v=0", []string{"Content-Type", "application/sdp"}, 503, "", "WebRTC"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := do(t, c.method, url+c.path, c.body, c.header...)
			if a.status != c.status {
				t.Fatalf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			p := a.problem(t)
			if p.Field != c.field {
				t.Errorf("field %q, want %q", p.Field, c.field)
			}
			if !strings.Contains(p.Detail, c.detail) {
				t.Errorf("detail %q does not say %q", p.Detail, c.detail)
			}
			if c.status == 405 && a.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow %q", a.header.Get("Allow"))
			}
		})
	}
}

// TestVideoForOtherOrigins opens WHEP, and nothing else, to the pages that are named.
func TestVideoForOtherOrigins(t *testing.T) {
	for _, c := range []struct {
		name, path, origin string
		allowed            []string
		status             int
	}{
		{"named", "/whep/yard", "https://wall.example:8443", []string{"https://wall.example:8443"}, 503}, // it reaches WHEP, which is off here
		{"any", "/whep/yard", "https://wall.example", []string{"*"}, 503},
		{"another", "/whep/yard", "https://wall.example", []string{"https://wall.example:8443"}, 403},
		{"none named", "/whep/yard", "https://wall.example", nil, 403},
		{"a change", "/api/v1/cameras/yard/prompts", "https://wall.example", []string{"*"}, 403},
		{"a path that looks like it", "/api/v1/whep/", "https://wall.example", []string{"*"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, url := withFrame(t)
			s.WHEPOrigins = c.allowed
			if a := do(t, "POST", url+c.path, "v=0", "Origin", c.origin, "Content-Type", "application/sdp"); a.status != c.status {
				t.Errorf("status %d, want %d: %s", a.status, c.status, a.body)
			}
		})
	}
}

func TestUnknownNamesAreListed(t *testing.T) {
	_, _, url := withFrame(t)
	if p := do(t, "GET", url+"/api/v1/cameras/nobody", "").problem(t); fmt.Sprint(p.Known) != "[dark yard]" {
		t.Errorf("known cameras %v", p.Known)
	}
	if p := do(t, "POST", url+"/api/v1/cameras/yard/prompts", `{"text":["perzon"]}`).problem(t); fmt.Sprint(p.Known) != "[person parson]" {
		t.Errorf("near words %v", p.Known)
	}
}

func TestPromptLife(t *testing.T) {
	_, _, url := withFrame(t)
	prompts := url + "/api/v1/cameras/yard/prompts"
	a := do(t, "POST", prompts, `{"id":"gate","points":[[20,30]],"labels":[1],"frame_time":"2026-01-02T03:04:05.678901Z"}`)
	if a.status != 201 || a.header.Get("Location") != "/api/v1/cameras/yard/prompts/gate" {
		t.Fatalf("status %d, Location %q: %s", a.status, a.header.Get("Location"), a.body)
	}
	var st pipeline.PromptStatus
	if err := json.Unmarshal(a.body, &st); err != nil {
		t.Fatal(err)
	}
	if st.TrackID != 7 || st.State != pipeline.PromptTracking || st.Camera != "yard" || st.At == nil || st.At.Nanosecond() != 678901000 {
		t.Errorf("created %+v", st)
	}
	if a := do(t, "POST", prompts, `{"id":"gate","text":["person"]}`); a.status != 409 || a.problem(t).Field != "id" {
		t.Errorf("the same id again: %d %s", a.status, a.body)
	}
	if a := do(t, "GET", url+"/api/v1/cameras/yard/prompts/gate", ""); a.status != 200 || !bytes.Contains(a.body, []byte(`"id":"gate"`)) {
		t.Errorf("get: %d %s", a.status, a.body)
	}
	if a := do(t, "GET", prompts, ""); !bytes.Contains(a.body, []byte(`"id":"gate"`)) {
		t.Errorf("list: %s", a.body)
	}
	if a := do(t, "PATCH", prompts+"/gate", `{"level":1}`); a.status != 200 || !bytes.Contains(a.body, []byte(`"level":1`)) {
		t.Errorf("change: %d %s", a.status, a.body)
	}
	var l struct {
		Width  int
		Levels []struct {
			Level  int
			Key    uint64
			Chosen bool
			Mask   *mask.RLE
		}
	}
	if err := json.Unmarshal(do(t, "GET", prompts+"/gate/levels", "").body, &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Levels) != 3 || l.Levels[0].Level != 2 || l.Levels[0].Chosen || !l.Levels[1].Chosen || l.Width != 320 {
		t.Errorf("levels %+v, want three, coarse to fine, the second chosen", l)
	}
	for _, v := range l.Levels {
		if m, err := v.Mask.Mask(); err != nil || m.Area() != 400*(v.Level+1)*(v.Level+1) {
			t.Errorf("level %d: %v", v.Level, err)
		}
	}
	if a := do(t, "DELETE", prompts+"/gate", ""); a.status != 204 || len(a.body) != 0 {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	if a := do(t, "GET", prompts, ""); string(bytes.TrimSpace(a.body)) != `{"prompts":[]}` {
		t.Errorf("list after delete: %s", a.body)
	}
	// The same origin may change things from its page.
	if a := do(t, "POST", prompts, `{"text":["person"]}`, "Origin", url, "Sec-Fetch-Site", "same-origin"); a.status != 201 {
		t.Errorf("own page: %d %s", a.status, a.body)
	}
}

func TestSnapshot(t *testing.T) {
	s, y, url := withFrame(t)
	snap := url + "/api/v1/cameras/yard/snapshot.jpg"
	a := do(t, "GET", snap, "")
	if a.status != 200 || a.header.Get("Content-Type") != "image/jpeg" || a.header.Get("X-Frame-Seq") != "5" {
		t.Fatalf("status %d, header %v", a.status, a.header)
	}
	if _, err := time.Parse(time.RFC3339Nano, a.header.Get("X-Frame-Time")); err != nil {
		t.Error(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != 320 || b.Dy() != 240 {
		t.Errorf("size %v", b)
	}
	r, g, b, _ := img.At(200, 200).RGBA()
	if near(r>>8, 50) && near(g>>8, 100) && near(b>>8, 200) {
	} else {
		t.Errorf("colour %d %d %d, want 50 100 200", r>>8, g>>8, b>>8)
	}
	small, err := jpeg.Decode(bytes.NewReader(do(t, "GET", snap+"?w=160", "").body))
	if err != nil {
		t.Fatal(err)
	}
	if b := small.Bounds(); b.Dx() != 160 || b.Dy() != 120 {
		t.Errorf("scaled size %v", b)
	}
	if again := do(t, "GET", snap, "", "If-None-Match", a.header.Get("ETag")); again.status != 304 {
		t.Errorf("unchanged picture: %d", again.status)
	}
	if painted := do(t, "GET", snap+"?overlay=1", ""); painted.status != 200 || bytes.Equal(painted.body, a.body) {
		t.Errorf("overlay=1 gives the plain picture (status %d)", painted.status)
	}

	// A long poll returns when the next result is published.
	got := make(chan answer, 1)
	go func() { got <- do(t, "GET", snap+"?after=5", "") }()
	next := result(t, "yard", 6, pipeline.Box{X1: 10, Y1: 20, X2: 50, Y2: 60})
	for ready := false; !ready; {
		y.show(next)
		s.Publish(next)
		select {
		case a := <-got:
			if a.header.Get("X-Frame-Seq") != "6" {
				t.Errorf("after=5 gives frame %q", a.header.Get("X-Frame-Seq"))
			}
			ready = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	next.Release()
}

func near(a uint32, b int) bool { return int(a) > b-6 && int(a) < b+6 }

func TestSecurityHeaders(t *testing.T) {
	_, _, url := withFrame(t)
	for _, path := range []string{"/", "/api/v1/cameras", "/nothing", "/metrics"} {
		h := do(t, "GET", url+path, "").header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "require-trusted-types-for 'script'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for k, v := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"} {
			if h.Get(k) != v {
				t.Errorf("%s: %s is %q, want %q", path, k, h.Get(k), v)
			}
		}
	}
}

func TestHosts(t *testing.T) {
	_, url := start(t, &web.Server{Directory: newYard("yard"), Hosts: []string{"outrider.lan", "Cam.Example:8080"}})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "LOCALHOST.": 200, "127.0.0.1:1": 200, "[::1]:8080": 200, "127.0.0.9": 200,
		"outrider.lan": 200, "outrider.lan:8080": 200, "cam.example": 200,
		"outrider.lan.evil.example": 421, "10.0.0.1": 421, "evil.example": 421, "localhost.evil.example": 421,
	} {
		if a := do(t, "GET", url+"/healthz", "", "Host", host); a.status != want {
			t.Errorf("Host %q: %d, want %d", host, a.status, want)
		}
	}
}

// A server for the whole network answers to any address of its own, and still to no foreign
// name.
func TestHostsOfAPublicServer(t *testing.T) {
	s := &web.Server{Directory: newYard("yard"), Listen: "0.0.0.0:0"}
	if err := s.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"10.1.2.3:8080": 200, "[fd00::2]:8080": 200, "localhost": 200, "evil.example": 421} {
		if a := do(t, "GET", "http://127.0.0.1:"+port+"/healthz", "", "Host", host); a.status != want {
			t.Errorf("Host %q: %d, want %d", host, a.status, want)
		}
	}
}

func TestPortInUse(t *testing.T) {
	s, _ := start(t, &web.Server{Directory: newYard("yard")})
	second := &web.Server{Directory: newYard("yard"), Listen: s.Addr().String()}
	err := second.Initialize()
	if err == nil || !strings.Contains(err.Error(), s.Addr().String()) || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("error %v must name the address and --listen", err)
	}
	if err := second.Close(); err != nil {
		t.Errorf("close what never opened: %v", err)
	}
	if err := (&web.Server{Directory: newYard(), Listen: "nonsense"}).Initialize(); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("bad address: %v", err)
	}
}

func TestReadiness(t *testing.T) {
	ready := errors.New("the model is loading")
	_, url := start(t, &web.Server{Directory: newYard("yard"), Ready: func() error { return ready }})
	if a := do(t, "GET", url+"/readyz", ""); a.status != 503 || !strings.Contains(a.problem(t).Detail, "loading") {
		t.Errorf("not ready: %d %s", a.status, a.body)
	}
	if a := do(t, "GET", url+"/healthz", ""); a.status != 200 {
		t.Errorf("health: %d", a.status)
	}
	ready = nil
	if a := do(t, "GET", url+"/readyz", ""); a.status != 200 {
		t.Errorf("ready: %d %s", a.status, a.body)
	}
	if a := do(t, "GET", url+"/metrics", ""); a.status != 503 {
		t.Errorf("metrics without a registry: %d", a.status)
	}
}

func TestWHEPIsPassedOn(t *testing.T) {
	var path string
	whep := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { path = r.Method + " " + r.URL.Path })
	_, url := start(t, &web.Server{Directory: newYard("yard"), WHEP: whep})
	do(t, "DELETE", url+"/whep/yard/session-1", "")
	if path != "DELETE /whep/yard/session-1" {
		t.Errorf("the handler got %q", path)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	_, _, url := withFrame(t)
	for _, path := range []string{"/", "/api/v1/cameras", "/api/v1/cameras/yard/snapshot.jpg"} {
		if a := do(t, "HEAD", url+path, ""); a.status != 200 || len(a.body) != 0 {
			t.Errorf("HEAD %s: %d, %d bytes", path, a.status, len(a.body))
		}
	}
}

func TestCloseTwiceAndEarly(t *testing.T) {
	s := &web.Server{Directory: newYard("yard")}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s, url := start(t, &web.Server{Directory: newYard("yard")})
	if do(t, "GET", url+"/healthz", "").status != 200 {
		t.Fatal("not up")
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if (&web.Server{}).Initialize() == nil {
		t.Error("a server without cameras must be refused")
	}
}

func TestNoMarkupFromStrings(t *testing.T) {
	// Markup from strings is how names of cameras become scripts: the sink must not exist.
	err := walkUI(func(name string, b []byte) {
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "style=", "onclick=", "http://", "https://"} {
			if strings.Contains(name, "icon.svg") && bad == "http://" {
				continue // the name of a namespace
			}
			if bytes.Contains(b, []byte(bad)) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("ui/index.html"); err != nil {
		t.Fatal(err)
	}
}
