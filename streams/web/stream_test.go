package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/streams/web"
)

// stream is an open stream of server-sent events.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func listen(t *testing.T, url, last string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	q, err := http.NewRequestWithContext(ctx, "GET", url+"/api/v1/events/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		q.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t, bufio.NewScanner(res.Body), func() { cancel(); res.Body.Close() }}
	t.Cleanup(s.close)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream: %d %v", res.StatusCode, res.Header)
	}
	return s
}

// next returns the fields of the next message.
func (s *stream) next() map[string]string {
	s.t.Helper()
	m := map[string]string{}
	for s.lines.Scan() {
		if s.lines.Text() == "" {
			if len(m) > 0 {
				return m
			}
			continue
		}
		if k, v, ok := strings.Cut(s.lines.Text(), ": "); ok {
			m[k] = v
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return nil
}

func publish(t *testing.T, s *web.Server, events ...pipeline.Event) {
	t.Helper()
	r := result(t, "yard", 9, pipeline.Box{X1: 1, Y1: 1, X2: 5, Y2: 5})
	r.Events = events
	s.Publish(r)
	r.Release()
}

func TestStream(t *testing.T) {
	s, url := start(t, &web.Server{Directory: newYard("yard")})
	now := time.Now()
	publish(t, s, event("yard", "01", pipeline.EventStarted, now), event("yard", "02", pipeline.EventUpdated, now))

	c := listen(t, url, "")
	if m := c.next(); m["event"] != "hello" || !strings.Contains(m["data"], `"version":"test"`) {
		t.Fatalf("first message %v", m)
	}
	publish(t, s, event("yard", "03", pipeline.EventLost, now))
	if m := c.next(); m["event"] != "event" || m["id"] != "03" || !strings.Contains(m["data"], `"kind":"lost"`) {
		t.Errorf("event %v", m)
	}
	if m := c.next(); m["event"] != "prompt" || m["data"] != `{"camera":"yard","id":"gate","change":"state"}` {
		t.Errorf("a prompt's track changed: %v", m)
	}
	s.CameraStatus(pipeline.CameraStatus{Name: "yard", State: pipeline.CameraStalled})
	if m := c.next(); m["event"] != "camera" || !strings.Contains(m["data"], `"state":"stalled"`) {
		t.Errorf("camera %v", m)
	}
	do(t, "POST", url+"/api/v1/cameras/yard/prompts", `{"id":"x","text":["person"]}`)
	if m := c.next(); m["event"] != "prompt" || !strings.Contains(m["data"], `"change":"created"`) {
		t.Errorf("prompt %v", m)
	}
	c.close()

	// Coming back, a client gets what it missed, once and in order.
	c = listen(t, url, "01")
	if m := c.next(); m["event"] != "hello" {
		t.Fatal(m)
	}
	for _, want := range []string{"02", "03"} {
		if m := c.next(); m["id"] != want {
			t.Errorf("missed event %v, want id %s", m, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for c.lines.Scan() {
		if c.lines.Text() != "" {
			t.Errorf("after the end: %q", c.lines.Text())
		}
	}
}

// A reader that takes nothing is dropped, and publishing goes on.
func TestSlowStreamIsEnded(t *testing.T) {
	s, url := start(t, &web.Server{Directory: newYard("yard")})
	c := listen(t, url, "")
	big := event("yard", "", pipeline.EventUpdated, time.Now())
	big.Data = map[string]any{"note": strings.Repeat("x", 64<<10)}
	for i := range 400 {
		big.ID = fmt.Sprintf("%04d", i)
		publish(t, s, big)
	}
	n := 0
	for c.lines.Scan() {
		if strings.HasPrefix(c.lines.Text(), "id: ") {
			n++
		}
		if len(c.lines.Text()) > 60<<10 && n >= 400 {
			t.Fatal("nothing was dropped for a reader that is 25 MB behind")
		}
	}
}

func TestPastEvents(t *testing.T) {
	s, url := start(t, &web.Server{Directory: newYard("yard", "road")})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 5 {
		e := event("yard", fmt.Sprintf("%02d", i), pipeline.EventUpdated, at.Add(time.Duration(i)*time.Minute))
		if i == 3 {
			e.Camera, e.Kind, e.Track.Label = "road", pipeline.EventEnded, "car"
		}
		publish(t, s, e)
	}
	cases := []struct{ query, want string }{
		{"", "04 03 02 01 00"},
		{"?camera=yard", "04 02 01 00"},
		{"?kind=ended", "03"},
		{"?label=car", "03"},
		{"?from=2026-01-02T03:06:05Z", "04 03 02"},
		{"?to=2026-01-02T03:06:05Z", "01 00"},
		{"?from=2026-01-02T03:05:05Z&to=2026-01-02T03:06:05Z", "01"},
		{"?kind=nothing", ""},
	}
	for _, c := range cases {
		if got, _ := ids(t, url+"/api/v1/events"+c.query); got != c.want {
			t.Errorf("%q: %q, want %q", c.query, got, c.want)
		}
	}
	var pages []string
	for next := ""; ; {
		got, cursor := ids(t, url+"/api/v1/events?limit=2&cursor="+next)
		pages = append(pages, got)
		if next = cursor; next == "" {
			break
		}
	}
	if got := strings.Join(pages, "|"); got != "04 03|02 01|00" {
		t.Errorf("pages %q", got)
	}
}

func ids(t *testing.T, url string) (list, next string) {
	t.Helper()
	var page struct {
		Events []pipeline.Event
		Next   string
	}
	a := do(t, "GET", url, "")
	if err := json.Unmarshal(a.body, &page); err != nil || a.status != 200 {
		t.Fatalf("%d %v %s", a.status, err, a.body)
	}
	var s []string
	for _, e := range page.Events {
		s = append(s, e.ID)
	}
	return strings.Join(s, " "), page.Next
}

// Streams are bounded, and a closed one makes room.
func TestTooManyStreams(t *testing.T) {
	_, url := start(t, &web.Server{Directory: newYard("yard")})
	var open []*stream
	for range 256 {
		open = append(open, listen(t, url, ""))
	}
	if a := do(t, "GET", url+"/api/v1/events/stream", ""); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("one stream too many: %d %s", a.status, a.body)
	}
	for _, c := range open {
		c.close()
	}
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		q, err := http.NewRequestWithContext(ctx, "GET", url+"/api/v1/events/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		status := res.StatusCode
		cancel()
		res.Body.Close()
		if status == 200 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("closed streams still count")
}
