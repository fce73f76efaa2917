package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
	"outrider/streams/web"
)

func TestSecretsInSources(t *testing.T) {
	for _, c := range []struct{ key, value, hidden string }{
		{"mqtt.password", "abc", "***"},
		{"mqtt.password", "${MQTT}", "${MQTT}"},
		{"mqtt.password", "file:/run/secret", "file:/run/secret"},
		{"mqtt.url", "embedded", "embedded"},
		{"mqtt.url", "mqtt://u:p@broker:1883", "mqtt://***@broker:1883"},
		{"cameras.a.source", "rtsp://u:${P}@h/s", "rtsp://u:${P}@h/s"},
		{"cameras.a.source", "rtsp://u:p@x@h/s?token=1", "rtsp://***@h/s?***"},
		{"cameras.a.source", "rtsp://h/s#frag", "rtsp://h/s?***"},
		{"cameras.a.source", "/dev/video0", "/dev/video0"},
	} {
		if got := hideSecret(c.key, c.value); got != c.hidden {
			t.Errorf("%s: %q is shown as %q, want %q", c.key, c.value, got, c.hidden)
		}
		if back, err := revealSecret(c.key, c.hidden, c.value); err != nil || back != c.value {
			t.Errorf("%s: %q came back as %q, %v", c.key, c.hidden, back, err)
		}
	}
	const old = "rtsp://u:p@h:554/s?k=1"
	for value, want := range map[string]string{
		"rtsp://***@h/other":       "rtsp://u:p@h/other",
		"rtsp://***@h:8554/s?***":  "rtsp://u:p@h:8554/s?k=1",
		"rtsp://***@evil/s":        "", // the password is for its own host
		"rtsp://x:y@evil/s?***":    "",
		"rtsp://u:***@h/s":         "",
		"rtsp://***@evil/@h/s":     "",
		"***":                      "",
		"http://new:pw@elsewhere/": "http://new:pw@elsewhere/",
	} {
		got, err := revealSecret("source", value, old)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q became %q, %v; want %q", value, got, err, want)
		}
	}
}

func TestCompare(t *testing.T) {
	a := config.Default()
	a.Cameras = map[string]config.Camera{"same": config.DefaultCamera(), "gone": config.DefaultCamera(), "other": config.DefaultCamera()}
	b := config.Default()
	other := config.DefaultCamera()
	other.Rate = 5
	b.Cameras = map[string]config.Camera{"same": config.DefaultCamera(), "new": config.DefaultCamera(), "other": other}
	b.Log.Level = "debug"
	zoned := config.DefaultCamera() // zones and lines change while the camera runs
	a.Cameras["zoned"] = zoned
	zoned.Zones = map[string]config.Zone{"drive": {Polygon: [][]float64{{0, 0}, {1, 0}, {1, 1}}}}
	b.Cameras["zoned"] = zoned
	got, err := json.Marshal(compare(a, b))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"keys":["cameras.gone","cameras.new","cameras.other.rate","cameras.zoned.zones.drive","log.level"],"added":["new"],"removed":["gone"],"restarts":["other"],"keeps":["same","zoned"],"later":["log.level"]}`
	if string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// send is one request with headers; it returns the status, the answer's ETag and the body.
func (r *running) send(t *testing.T, method, path, body string, header ...string) (int, string, []byte) {
	t.Helper()
	q, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
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
	return res.StatusCode, res.Header.Get("ETag"), b
}

// The life of a configuration over HTTP, with the running service: what is shown hides its
// secrets, a change touches only what differs, a wrong or late one nothing.
func TestSetupByHTTP(t *testing.T) {
	file := quiet(t, `# the cameras of the house
cameras:
  road:   # by the gate
    source: synth:road
    rate: 2
  dead:
    source: rtsp://user:pa55word@127.0.0.1:9/x
`)
	s := startService(t, "-c", file)
	secret := func(b []byte) {
		t.Helper()
		if bytes.Contains(b, []byte("pa55word")) || bytes.Contains(b, []byte("0ther")) {
			t.Errorf("a password is shown: %s", b)
		}
	}
	status := func(name string) (c pipeline.CameraStatus) {
		s.get(t, "/api/v1/cameras/"+name, &c)
		return c
	}
	wait := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not within 30 s: %s\n%s", what, s.log.String())
			}
		}
	}
	wait("a picture", func() bool { return status("road").Processed > 0 })
	since := status("road").Since
	if code, body := s.post(t, "/api/v1/cameras/road/prompts", map[string]any{"id": "here", "box": [4]float64{100, 100, 200, 200}}); code != http.StatusCreated {
		t.Fatalf("prompt: %d %s", code, body)
	}

	code, tag, text := s.send(t, "GET", "/api/v1/config", "")
	secret(text)
	if code != 200 || !bytes.Contains(text, []byte("rtsp://***@127.0.0.1:9/x")) || !bytes.Contains(text, []byte("# by the gate")) {
		t.Fatalf("%d %s", code, text)
	}
	yaml := []string{"Content-Type", "application/yaml"}
	next := strings.Replace(string(text), "rtsp://***@127.0.0.1:9/x", "rtsp://***@127.0.0.1:9/y", 1)
	code, _, b := s.send(t, "POST", "/api/v1/config/check", next, yaml...)
	var changes web.ConfigChanges
	if err := json.Unmarshal(b, &changes); err != nil || code != 200 || strings.Join(changes.Keys, " ") != "cameras.dead.source" || strings.Join(changes.Restarts, " ") != "dead" || strings.Join(changes.Keeps, " ") != "road" {
		t.Errorf("check: %d %s", code, b)
	}
	if code, _, b := s.send(t, "POST", "/api/v1/config/check", strings.Replace(next, "rate:", "ratte:", 1), yaml...); code != 422 || !strings.Contains(string(b), "rate") || !strings.Contains(string(b), `"line":9`) {
		t.Errorf("a wrong key: %d %s", code, b)
	}
	code, tag2, b := s.send(t, "PUT", "/api/v1/config", next, append(yaml, "If-Match", tag)...)
	if code != 200 || tag2 == tag {
		t.Fatalf("put: %d %s", code, b)
	}
	if code, _, b := s.send(t, "PUT", "/api/v1/config", string(text), append(yaml, "If-Match", tag)...); code != 412 {
		t.Errorf("a stale put: %d %s", code, b)
	}
	onDisk := func() string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := onDisk(); !strings.Contains(got, "rtsp://user:pa55word@127.0.0.1:9/y") || !strings.Contains(got, "# by the gate") {
		t.Errorf("the file:\n%s", got)
	}
	if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v %v", i.Mode(), err)
	}

	// A camera with a password that URLs dislike, and back.
	code, _, b = s.send(t, "POST", "/api/v1/cameras", `{"name":"gate","source":"rtsp://u:0ther#?@127.0.0.1:9/z","rate":3}`)
	secret(b)
	if code != 201 || !bytes.Contains(b, []byte(`"saved":true`)) {
		t.Fatalf("add: %d %s", code, b)
	}
	if code, _, b := s.send(t, "POST", "/api/v1/cameras", `{"name":"gate","source":"synth:road"}`); code != 409 {
		t.Errorf("add twice: %d %s", code, b)
	}
	if code, _, b := s.send(t, "POST", "/api/v1/cameras", `{"name":"bad name","source":"synth:road"}`); code != 422 {
		t.Errorf("add a bad name: %d %s", code, b)
	}
	if got := status("gate"); got.Name != "gate" {
		t.Error("the added camera does not run")
	}
	code, _, b = s.send(t, "PATCH", "/api/v1/cameras/gate", `{"source":"rtsp://***@127.0.0.1:9/w","rotate":90}`)
	secret(b)
	if code != 200 || !strings.Contains(onDisk(), "'rtsp://u:0ther#?@127.0.0.1:9/w'") {
		t.Errorf("change: %d %s\n%s", code, b, onDisk())
	}
	if code, _, b := s.send(t, "PATCH", "/api/v1/cameras/gate", `{"source":"rtsp://***@evil.example/w"}`); code != 422 {
		t.Errorf("a password for another host: %d %s", code, b)
	}
	s.delete(t, "/api/v1/cameras/gate")
	if strings.Contains(onDisk(), "gate:") {
		t.Errorf("after the removal:\n%s", onDisk())
	}
	if s.get(t, "/api/v1/cameras/gate", nil) != 404 {
		t.Error("the removed camera runs")
	}
	// The other camera has run through it all.
	if got := status("road").Since; !got.Equal(since) {
		t.Errorf("camera road was started anew: %v, %v", since, got)
	}

	// A camera that starts anew keeps what people pointed at.
	if code, _, b := s.send(t, "PATCH", "/api/v1/cameras/road", `{"rate":4}`); code != 200 || !strings.Contains(onDisk(), "rate: 4") {
		t.Errorf("change road: %d %s", code, b)
	}
	wait("the prompt again", func() bool { return s.get(t, "/api/v1/cameras/road/prompts/here", nil) == 200 })

	// A change by hand is taken in on demand; a broken file changes nothing.
	if err := os.WriteFile(file, []byte(strings.Replace(onDisk(), "dead:", "ghost:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, b := s.send(t, "POST", "/api/v1/config/reload", ""); code != 200 || !bytes.Contains(b, []byte(`"added":["ghost"],"removed":["dead"]`)) {
		t.Errorf("reload: %d %s", code, b)
	}
	if err := os.WriteFile(file, []byte("cameras: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, b := s.send(t, "POST", "/api/v1/config/reload", ""); code != 422 {
		t.Errorf("reload a broken file: %d %s", code, b)
	}
	if got := status("ghost"); got.Name != "ghost" {
		t.Error("a broken file changed the cameras")
	}
	secret([]byte(s.log.String()))

	var page struct{ Events []pipeline.ReviewedEvent }
	wait("an event", func() bool {
		s.get(t, "/api/v1/events?kind=started&limit=1", &page)
		return len(page.Events) > 0
	})
	if code, _, b := s.send(t, "PATCH", "/api/v1/events/"+page.Events[0].ID, `{"reviewed":true}`); code != 200 {
		t.Errorf("review: %d %s", code, b)
	}
	if s.get(t, "/api/v1/events?state=unreviewed&cursor=!", nil) != 400 {
		t.Error("a cursor that no page has given")
	}
}

// A camera test names the step that failed.
func TestCameraTestByHTTP(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	s := startService(t, "-c", quiet(t, "capture: {open_timeout: 1s}\ncameras: {dead: {source: \"rtsp://127.0.0.1:9/x\"}}\n"))
	for _, c := range []struct{ source, failed, says string }{
		{"ftp://x/y", "settings", "scheme"},
		{"", "settings", "source"},
		{"rtsp://no-such-host.invalid/x", "resolve", "unknown"},
		{"rtsp://user:pa55word@" + closed.Addr().String() + "/x", "connect", "nothing answers"},
		{"rtsp://user:pa55word#?@" + silent.Addr().String() + "/x", "open", ""},
		{"/no/such/file.mp4", "open", "file.mp4"},
		{"synth:road", "", ""},
	} {
		body, err := json.Marshal(map[string]any{"source": c.source})
		if err != nil {
			t.Fatal(err)
		}
		code, _, b := s.send(t, "POST", "/api/v1/cameras/test", string(body))
		var got web.CameraTest
		if err := json.Unmarshal(b, &got); err != nil || code != 200 {
			t.Fatalf("%s: %d %s", c.source, code, b)
		}
		if bytes.Contains(b, []byte("pa55word")) {
			t.Errorf("%s: the password is shown: %s", c.source, b)
		}
		last := got.Steps[len(got.Steps)-1]
		switch {
		case c.failed == "":
			if !got.OK || !last.OK || got.Width == 0 || got.FPS <= 0 || !bytes.HasPrefix(got.Image, []byte{0xff, 0xd8}) {
				t.Errorf("%s: %+v", c.source, got.Steps)
			}
		case got.OK || last.OK || last.Name != c.failed || last.Error == "" || !strings.Contains(last.Error, c.says):
			t.Errorf("%q: %+v, want %s to fail and say %q", c.source, got.Steps, c.failed, c.says)
		}
	}
}
