package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/streams/mqtt"
	"outrider/streams/web/webtest"
)

// running is a service that a test started.
type running struct {
	url, broker string
	log         *buffer
	stop        func() int
}

var (
	dashboardLine = regexp.MustCompile(`dashboard   (http://\S+)`)
	brokerLine    = regexp.MustCompile(`mosquitto_sub -p (\d+)`)
)

// startService runs `outrider run` with args until the test ends or stop is called.
func startService(t *testing.T, args ...string) *running {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	var out buffer
	r := &running{log: &buffer{}}
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, append([]string{"run"}, args...), strings.NewReader(""), &out, r.log)
	}()
	code := -1
	r.stop = func() int {
		cancel()
		if code < 0 {
			code = <-done
		}
		return code
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if c := r.stop(); c != exitDone {
			t.Errorf("the service ended with exit code %d\n%s", c, r.log.String())
		}
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s := r.log.String()
		if strings.Contains(s, "stop with Ctrl-C") {
			r.url = dashboardLine.FindStringSubmatch(s)[1]
			if m := brokerLine.FindStringSubmatch(s); m != nil {
				r.broker = m[1]
			}
			return r
		}
		if time.Now().After(end) || len(done) > 0 {
			t.Fatalf("the service did not start:\n%s", s)
		}
	}
}

func (r *running) get(t *testing.T, path string, into any) int {
	t.Helper()
	res, err := http.Get(r.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("GET %s: %v\n%s", path, err, b)
		}
	}
	return res.StatusCode
}

func (r *running) post(t *testing.T, path string, body any) (int, []byte) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(r.url+path, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, out
}

func (r *running) delete(t *testing.T, path string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodDelete, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE %s: %s", path, res.Status)
	}
}

// tracks are those of the demo's newest frame.
func (r *running) tracks(t *testing.T) []pipeline.Track {
	t.Helper()
	var now struct{ Tracks []pipeline.Track }
	r.get(t, "/api/v1/cameras/demo/tracks", &now)
	return now.Tracks
}

// confirmed returns a confirmed, observed track of person size near the middle, waiting for it.
func (r *running) confirmed(t *testing.T) pipeline.Track {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, k := range r.tracks(t) {
			c := k.Box.Center()
			if k.State == pipeline.Confirmed && k.Observed && k.Box.H() > 50 && k.Box.H() < 200 && k.Box.W() < k.Box.H() && k.Hits > 5 &&
				c.X > 100 && c.X < 668 && c.Y > 100 && c.Y < 500 {
				return k
			}
		}
	}
	t.Fatal("no pedestrian was confirmed in 20 s")
	return pipeline.Track{}
}

// onMask is where, from the centre of a track's box, its mask surely is: the middle of the
// widest run of cells. A walker's legs may leave the centre of the box free.
func (r *running) onMask(t *testing.T, id uint64) (dx, dy float64) {
	t.Helper()
	var now struct {
		Tracks []struct {
			ID   uint64
			Box  pipeline.Box
			Mask *mask.RLE
		}
	}
	r.get(t, "/api/v1/cameras/demo/tracks?masks=1", &now)
	for _, k := range now.Tracks {
		if k.ID != id || k.Mask == nil {
			continue
		}
		m, err := k.Mask.Mask()
		if err != nil {
			t.Fatal(err)
		}
		widest := 0
		for y := m.Window().Min.Y; y < m.Window().Max.Y; y++ {
			for x0, x1, ok := m.NextRun(y, m.Window().Min.X); ok; x0, x1, ok = m.NextRun(y, x1) {
				if x1-x0 > widest {
					widest = x1 - x0
					dx, dy = float64(x0+x1)/2-k.Box.Center().X, float64(y)-k.Box.Center().Y
				}
			}
		}
	}
	return dx, dy
}

// TestPromptsByHTTP points at a pedestrian of the running demo.
func TestPromptsByHTTP(t *testing.T) {
	sample(t)
	s := startService(t, "-c", quiet(t, ""))
	var code int
	var body []byte
	for try := 1; ; try++ { // as in TestBrowser
		k := s.confirmed(t)
		c := k.Box.Center()
		dx, dy := s.onMask(t, k.ID)
		code, body = s.post(t, "/api/v1/cameras/demo/prompts", map[string]any{
			"id": "walker", "points": [][2]float64{{c.X + dx, c.Y + dy}}, "frame_time": k.LastSeen,
		})
		var p pipeline.PromptStatus
		if err := json.Unmarshal(body, &p); err != nil || code != http.StatusCreated {
			t.Fatalf("POST: %d %s", code, body)
		}
		if p.State == pipeline.PromptTracking && p.TrackID != 0 {
			break
		}
		if try == 5 {
			t.Fatalf("five clicks on pedestrians, the last gave %s", body)
		}
		s.delete(t, "/api/v1/cameras/demo/prompts/walker")
	}
	code, body = s.post(t, "/api/v1/cameras/demo/prompts", map[string]any{"id": "words", "text": []string{"person"}})
	if code != http.StatusCreated {
		t.Errorf("words: %d %s", code, body)
	}
	found := false
	for end := time.Now().Add(15 * time.Second); !found && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var st pipeline.PromptStatus
		s.get(t, "/api/v1/cameras/demo/prompts/words", &st)
		found = st.State == pipeline.PromptTracking && len(st.TrackIDs) > 0
	}
	if !found {
		t.Error("no track answers the word person")
	}
	for name, bad := range map[string]struct {
		body any
		code int
		want string
	}{
		"outside":      {map[string]any{"points": [][2]float64{{5000, 5}}}, http.StatusUnprocessableEntity, "outside the 768x576 frame"},
		"unknown word": {map[string]any{"text": []string{"xyzzy"}}, http.StatusUnprocessableEntity, "vocabulary"},
		"taken id":     {map[string]any{"id": "walker", "points": [][2]float64{{50, 50}}}, http.StatusConflict, "exists"},
		"no content":   {map[string]any{}, http.StatusUnprocessableEntity, "nothing to look for"},
	} {
		if code, body := s.post(t, "/api/v1/cameras/demo/prompts", bad.body); code != bad.code || !strings.Contains(string(body), bad.want) {
			t.Errorf("%s: %d %s, want %d and %q", name, code, body, bad.code, bad.want)
		}
	}
	if code, body := s.post(t, "/api/v1/cameras/yard/prompts", map[string]any{"points": [][2]float64{{5, 5}}}); code != http.StatusNotFound || !strings.Contains(string(body), "demo") {
		t.Errorf("unknown camera: %d %s", code, body)
	}
	for _, id := range []string{"walker", "words"} {
		s.delete(t, "/api/v1/cameras/demo/prompts/"+id)
	}
	if code := s.get(t, "/api/v1/cameras/demo/prompts/walker", nil); code != http.StatusNotFound {
		t.Errorf("the deleted prompt: %d", code)
	}
}

// TestMosquittoSub holds what a machine sees to the published schemas.
func TestMosquittoSub(t *testing.T) {
	sample(t)
	sub, err := exec.LookPath("mosquitto_sub")
	if err != nil {
		t.Skip("mosquitto_sub is not installed (Debian: apt-get install mosquitto-clients)")
	}
	s := startService(t, "-c", quiet(t, ""))
	if code, tag, body := s.send(t, http.MethodPut, "/api/v1/cameras/demo/zones/hall", `{"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}`); code != http.StatusCreated || tag == "" {
		t.Fatalf("PUT zone: %d %s", code, body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, sub, "-h", "127.0.0.1", "-p", s.broker, "-q", "1", "-t", "outrider/#", "-F", "%r %t %p")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cancel()
	event := schema(t, "event.json")
	state := schema(t, "camera_state.json")
	seen := map[string]int{}
	kinds := map[string]int{}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && (seen["available"] == 0 || seen["state"] == 0 || kinds["new"] < 3 || kinds["end"] == 0 || seen["hall"] == 0 || kinds["zone_enter"] == 0) {
		f := strings.SplitN(lines.Text(), " ", 3)
		if len(f) != 3 {
			continue
		}
		retained, topic, payload := f[0], f[1], f[2]
		switch topic {
		case "outrider/available":
			if payload == "online" {
				seen["available"]++
			}
		case "outrider/hall/all":
			if n, err := strconv.Atoi(payload); err == nil && n > 0 {
				seen["hall"]++
			}
		case "outrider/demo/state":
			valid(t, state, payload)
			seen["state"]++
		case "outrider/events":
			valid(t, event, payload)
			var e struct {
				Type  string
				After struct {
					Zones []string `json:"current_zones"`
					Ext   struct{ Kind string }
				}
			}
			if err := json.Unmarshal([]byte(payload), &e); err != nil {
				t.Fatal(err)
			}
			if retained != "0" {
				t.Error("an event is retained")
			}
			kinds[e.Type]++
			if e.After.Ext.Kind == "zone_enter" && slices.Contains(e.After.Zones, "hall") {
				kinds["zone_enter"]++
			}
		}
	}
	if seen["available"] == 0 || seen["state"] == 0 || kinds["new"] < 3 || kinds["end"] == 0 || seen["hall"] == 0 || kinds["zone_enter"] == 0 {
		t.Errorf("seen %v, events %v: want availability, state, somebody in the hall, new, zone_enter and end", seen, kinds)
	}
	var hall pipeline.ZoneCount
	var entered struct{ Events []pipeline.Event }
	s.get(t, "/api/v1/cameras/demo/zones/hall", &hall)
	s.get(t, "/api/v1/events?zone=hall&kind=zone_enter", &entered)
	if hall.Appeared == 0 || len(entered.Events) == 0 || entered.Events[0].Zone != "hall" {
		t.Errorf("hall: %+v, events %+v", hall, entered)
	}
	// A followed person gets a picture, and analysis can be switched off and on.
	say := func(topic, payload string) {
		t.Helper()
		if out, err := exec.CommandContext(ctx, "mosquitto_pub", "-h", "127.0.0.1", "-p", s.broker, "-q", "1", "-t", topic, "-m", payload).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_pub: %v %s", err, out)
		}
	}
	// hear returns the first message of a topic that is want, or begins with it.
	hear := func(topic, want string) {
		t.Helper()
		c := exec.CommandContext(ctx, sub, "-h", "127.0.0.1", "-p", s.broker, "-q", "1", "-t", topic, "-F", "%x")
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer c.Wait()
		defer c.Process.Kill()
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), hex.EncodeToString([]byte(want))) {
				return
			}
		}
		t.Errorf("%s never was %q", topic, want)
	}
	say("outrider/demo/prompt/set", `{"id":"who","text":["person"]}`)
	hear("outrider/demo/all/snapshot", "\xff\xd8\xff")
	say("outrider/demo/detect/set", "OFF")
	hear("outrider/demo/detect/state", "OFF")
	hear("outrider/demo/all", "0")
	say("outrider/demo/detect/set", "ON")
	hear("outrider/demo/detect/state", "ON")

	late, err := exec.CommandContext(ctx, sub, "-h", "127.0.0.1", "-p", s.broker, "-t", "outrider/available", "-C", "1", "-F", "%r %p").Output()
	if got := strings.TrimSpace(string(late)); err != nil || got != "1 online" {
		t.Errorf("who comes later sees %q, %v; want the retained availability", got, err)
	}
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	f, err := mqtt.Schemas.Open("schema/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, payload string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, payload)
	}
}

// TestBrowser watches the demo in a real browser: the video plays, boxes lie on pedestrians, a
// click makes a prompt that is followed, deleting removes it. With OUTRIDER_PICTURES it
// saves the pictures of README.
func TestBrowser(t *testing.T) {
	sample(t)
	s := startService(t, "-c", quiet(t, ""))
	s.confirmed(t)
	page := webtest.Open(t, s.url+"/cam/demo", webtest.Options{Width: 1280, Height: 800})
	page.WaitLive("webrtc")
	before := page.Stats()
	page.Wait("20 more frames", fmt.Sprintf("document.querySelector('or-tile').stats().frames > %d", before.Frames+20))
	if st := page.Stats(); st.Received == 0 || st.Mismatches != 0 {
		t.Errorf("stats %+v", st)
	}

	// What the page draws is what the service says, up to the motion in between.
	onObject(t, s, page)

	// The small model loses a walker for a frame now and then: who clicks into that frame is
	// told so and clicks again.
	var ids []string
	var p pipeline.PromptStatus
	for try := 1; ; try++ {
		k := s.confirmed(t)
		dx, dy := s.onMask(t, k.ID)
		drawn, ok := page.Track(k.ID)
		if ok {
			x, y := drawn.Center()
			page.ClickPicture(x+dx, y+dy)
			ids = page.WaitPrompts(1)
			if code := s.get(t, "/api/v1/cameras/demo/prompts/"+ids[0], &p); code != http.StatusOK {
				t.Fatalf("the click gave %d", code)
			}
			if p.State == pipeline.PromptTracking && p.TrackID != 0 {
				break
			}
			page.DeletePrompt(ids[0])
			page.WaitPrompts(0)
		}
		if try == 5 {
			t.Fatalf("five clicks on pedestrians, the last gave %+v", p)
		}
	}
	page.Wait("the followed track", fmt.Sprintf(`document.querySelector('or-tile').stats().tracks.some((k) => k.prompt === %q)`, ids[0]))
	time.Sleep(2 * time.Second) // it walks on
	if _, ok := page.Track(p.TrackID); !ok {
		t.Errorf("track %d is not drawn two seconds after the click", p.TrackID)
	}
	pictures(t, page)
	page.DeletePrompt(ids[0])
	page.WaitPrompts(0)
	if code := s.get(t, "/api/v1/cameras/demo/prompts/"+ids[0], nil); code != http.StatusNotFound {
		t.Errorf("after deleting on the page: %d", code)
	}
	for _, m := range page.Problems() {
		t.Errorf("console: %s", m)
	}
}

// onObject compares the boxes on the page with the service's own.
func onObject(t *testing.T, s *running, page *webtest.Page) {
	t.Helper()
	best := 0.0
	for range 10 {
		for _, k := range s.tracks(t) {
			if d, ok := page.Track(k.ID); ok && k.Observed {
				b := pipeline.Box{X1: d.Box[0], Y1: d.Box[1], X2: d.Box[2], Y2: d.Box[3]}
				best = max(best, b.IoU(k.Box))
			}
		}
	}
	if best < .6 {
		t.Errorf("the best box on the page has IoU %.2f with the service's", best)
	}
}

func pictures(t *testing.T, page *webtest.Page) {
	t.Helper()
	dir := os.Getenv("OUTRIDER_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	for name, o := range map[string]webtest.Options{
		"dashboard.png":       {Width: 1280, Height: 800},
		"dashboard-light.png": {Width: 1920, Height: 1080, Light: true},
		"dashboard-phone.png": {Width: 360, Height: 780},
	} {
		page.Look(o)
		page.WaitLive("webrtc")
		time.Sleep(500 * time.Millisecond) // colours fade from one theme to the other
		path := filepath.Join(dir, name)
		page.Screenshot(path)
		if st, err := os.Stat(path); err != nil || st.Size() < 20_000 {
			t.Errorf("screenshot %s: %v", path, err)
		}
		wide := webtest.Value[float64](page, `document.documentElement.scrollWidth - innerWidth`)
		if wide > 0 {
			t.Errorf("%s: the page is %v pixels wider than the window", name, wide)
		}
	}
	page.Look(webtest.Options{Width: 1280, Height: 800})
}

// TestReady asks whether the service does its work, with a camera that is dead, and with one
// that sees.
func TestReady(t *testing.T) {
	for _, c := range []struct {
		name, source string
		status       int
		says         string
	}{
		{"dead", "rtsp://127.0.0.1:9/none", http.StatusServiceUnavailable, `camera \"yard\"`},
		{"alive", "synth:road?size=320x180&fps=10", http.StatusOK, "ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startService(t, "-c", quiet(t, "cameras: {yard: {source: \""+c.source+"\"}}"))
			var status int
			var body []byte
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				resp, err := http.Get(s.url + "/readyz")
				if err != nil {
					t.Fatal(err)
				}
				body, err = io.ReadAll(resp.Body)
				resp.Body.Close()
				if status = resp.StatusCode; err != nil || status == c.status {
					break
				}
			}
			if status != c.status || !strings.Contains(string(body), c.says) {
				t.Errorf("%d %s, want %d and %q", status, body, c.status, c.says)
			}
		})
	}
}
