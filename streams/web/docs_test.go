package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outrider/pipeline"
)

// The examples of docs/api.md run as they stand, one after the other, and leave out no call
// of the API. Every answer must be a success.
func TestAPIDocs(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	doc, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -e\n")
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(doc, -1) {
		script.Write(m[1])
	}

	s, _, url := withFrame(t)
	publish(t, s, event("yard", "01", pipeline.EventStarted, time.Now()))
	// A proxy in between notes what was asked and how it was answered.
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note := &noting{ResponseWriter: w, status: 200}
		q, err := http.NewRequestWithContext(r.Context(), r.Method, url+r.URL.RequestURI(), r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		q.Header, q.ContentLength = r.Header.Clone(), r.ContentLength
		copyAnswer(note, q)
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		if note.status >= 300 {
			t.Errorf("%s %s: status %d", r.Method, r.URL, note.status)
		}
	}))
	defer proxy.Close()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", strings.Replace(script.String(), "http://127.0.0.1:8080", proxy.URL, 1))
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	proxy.Close()

	o := loadOpenAPI(t)
	for path, item := range o.doc["paths"].(map[string]any) {
		like := regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")
		for method := range item.(map[string]any) {
			if !slices.ContainsFunc(asked, func(a string) bool {
				m, p, _ := strings.Cut(a, " ")
				return m == strings.ToUpper(method) && like.MatchString(p)
			}) {
				t.Errorf("docs/api.md has no example of %s %s", strings.ToUpper(method), path)
			}
		}
	}
}

// noting remembers the status.
type noting struct {
	http.ResponseWriter
	status int
}

// copyAnswer sends q and passes its answer on as it comes.
func copyAnswer(w *noting, q *http.Request) {
	res, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		return // the client has gone
	}
	defer res.Body.Close()
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.status = res.StatusCode
	w.WriteHeader(res.StatusCode)
	buf := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(buf)
		if _, e := w.Write(buf[:n]); e != nil || err != nil {
			return
		}
		_ = http.NewResponseController(w.ResponseWriter).Flush() // the client has gone when this fails
	}
}
