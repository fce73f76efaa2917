package web_test

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"outrider/pipeline"
	"outrider/streams/web"
)

// openAPI is the served document and a compiler for its schemas.
type openAPI struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

func loadOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(web.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return &openAPI{doc.(map[string]any), c}
}

// dig follows keys through the document, and references on the way; "" when there is nothing.
// It returns the JSON pointer of what it found.
func (o *openAPI) dig(keys ...string) (any, string) {
	var v any = o.doc
	at := ""
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, ""
		}
		if v, ok = m[k]; !ok {
			return nil, ""
		}
		at += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(k)
		if m, ok := v.(map[string]any); ok && m["$ref"] != nil {
			parts := strings.Split(strings.TrimPrefix(m["$ref"].(string), "#/"), "/")
			v, at = o.dig(parts...)
		}
	}
	return v, at
}

// check holds an answer against the document.
func (o *openAPI) check(t *testing.T, method, path string, a answer) {
	t.Helper()
	op, _ := o.dig("paths", path, strings.ToLower(method))
	if op == nil {
		t.Errorf("%s %s is not described", method, path)
		return
	}
	status := http.StatusText(a.status)
	res, _ := o.dig("paths", path, strings.ToLower(method), "responses", itoa(a.status))
	if res == nil {
		t.Errorf("%s %s: answer %d %s is not described", method, path, a.status, status)
		return
	}
	content, _ := res.(map[string]any)["content"].(map[string]any)
	if content == nil {
		if len(a.body) > 0 {
			t.Errorf("%s %s: %d has a body, none is described", method, path, a.status)
		}
		return
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	_, at := o.dig("paths", path, strings.ToLower(method), "responses", itoa(a.status), "content", kind, "schema")
	if at == "" {
		t.Errorf("%s %s: %d comes as %q, described is %v", method, path, a.status, kind, content)
		return
	}
	if !strings.HasSuffix(kind, "json") {
		return
	}
	schema, err := o.compiler.Compile("openapi.json#" + at)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s %s: %d is not as described: %v\n%s", method, path, a.status, err, a.body)
	}
}

// checkBody holds a request against the document: what the API takes is described, and what
// it refuses as malformed (400) is not.
func (o *openAPI) checkBody(t *testing.T, method, path, kind, body string, status int) {
	t.Helper()
	if body == "" {
		return
	}
	_, at := o.dig("paths", path, strings.ToLower(method), "requestBody", "content", kind, "schema")
	if at == "" {
		t.Errorf("%s %s: a body of %s is not described", method, path, kind)
		return
	}
	if kind != "application/json" {
		return
	}
	schema, err := o.compiler.Compile("openapi.json#" + at)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	switch err := schema.Validate(v); {
	case err != nil && status < 300:
		t.Errorf("%s %s takes %s, which is not as described: %v", method, path, body, err)
	case err == nil && status == 400:
		t.Errorf("%s %s refuses %s, which is as described", method, path, body)
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// What is served and what is described are the same.
func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	o := loadOpenAPI(t)
	src, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, m := range regexp.MustCompile(`\{"([A-Z]+)", (api \+ )?"([^"]+)", s\.(\w+)[,(]`).FindAllSubmatch(src, -1) {
		path := string(m[3])
		if len(m[2]) > 0 {
			path = "/api/v1" + path
		} else if string(m[4]) == "page" || string(m[4]) == "asset" {
			continue // the page
		}
		served = append(served, string(m[1])+" "+path)
	}
	var described []string
	for path, item := range o.doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served    %v\ndescribed %v", served, described)
	}
}

// Every route answers as the document says, when all is well and when it is not.
func TestOpenAPIDescribesTheAnswers(t *testing.T) {
	o := loadOpenAPI(t)
	s, _, url := withFrame(t)
	publish(t, s, event("yard", "01", pipeline.EventStarted, time.Now()))
	const prompts, zones, lines = "/api/v1/cameras/{cam}/prompts", "/api/v1/cameras/{cam}/zones", "/api/v1/cameras/{cam}/lines"
	calls := []struct {
		method, path, url, body string
		status                  int
	}{
		{"GET", "/api/v1/cameras", "", "", 200},
		{"GET", "/api/v1/cameras/{cam}", "/api/v1/cameras/yard", "", 200},
		{"GET", "/api/v1/cameras/{cam}", "/api/v1/cameras/dark", "", 200},
		{"GET", "/api/v1/cameras/{cam}", "/api/v1/cameras/nobody", "", 404},
		{"GET", "/api/v1/cameras/{cam}/snapshot.jpg", "/api/v1/cameras/yard/snapshot.jpg", "", 200},
		{"GET", "/api/v1/cameras/{cam}/snapshot.jpg", "/api/v1/cameras/dark/snapshot.jpg", "", 503},
		{"GET", "/api/v1/cameras/{cam}/tracks", "/api/v1/cameras/yard/tracks?masks=1", "", 200},
		{"GET", "/api/v1/cameras/{cam}/tracks", "/api/v1/cameras/dark/tracks", "", 200},
		{"GET", "/api/v1/cameras/{cam}/segments", "/api/v1/cameras/yard/segments", "", 200},
		{"GET", "/api/v1/cameras/{cam}/segments", "/api/v1/cameras/dark/segments", "", 200},
		{"GET", "/api/v1/cameras/{cam}/obstacles", "/api/v1/cameras/yard/obstacles", "", 200},
		{"POST", prompts, "/api/v1/cameras/yard/prompts", `{"id":"a","points":[[20,30]],"labels":[1],"frame_time":"2026-01-02T03:04:05Z"}`, 201},
		{"POST", prompts, "/api/v1/cameras/yard/prompts", `{"id":"b","box":[1,1,9,9]}`, 201},
		{"POST", prompts, "/api/v1/cameras/yard/prompts", `{"id":"c","text":["person"]}`, 201},
		{"POST", prompts, "/api/v1/cameras/yard/prompts", `{"id":"d","mask":{"size":[240,320],"counts":"Ti4l1PUV2"}}`, 201},
		{"POST", prompts, "/api/v1/cameras/yard/prompts", `{"id":"a","text":["person"]}`, 409},
		{"POST", prompts, "/api/v1/cameras/yard/prompts", `{"text":["perzon"]}`, 422},
		{"POST", prompts, "/api/v1/cameras/yard/prompts", `{"nothing":1}`, 400},
		{"GET", prompts, "/api/v1/cameras/yard/prompts", "", 200},
		{"GET", prompts, "/api/v1/cameras/dark/prompts", "", 409},
		{"GET", prompts + "/{id}", "/api/v1/cameras/yard/prompts/a", "", 200},
		{"GET", prompts + "/{id}", "/api/v1/cameras/yard/prompts/none", "", 404},
		{"POST", prompts, "/api/v1/cameras/yard/prompts", `{"id":"e","text":["person"],"zone":[[1,1],[9,1],[9,9]],"top_k":2,"threshold":0.2}`, 201},
		{"PATCH", prompts + "/{id}", "/api/v1/cameras/yard/prompts/a", `{"level":1}`, 200},
		{"PATCH", prompts + "/{id}", "/api/v1/cameras/yard/prompts/a", `{"level":5}`, 422},
		{"PATCH", prompts + "/{id}", "/api/v1/cameras/yard/prompts/a", `{"refine":true}`, 422},
		{"PATCH", prompts + "/{id}", "/api/v1/cameras/yard/prompts/none", `{"level":1}`, 404},
		{"PATCH", prompts + "/{id}", "/api/v1/cameras/yard/prompts/a", `{"level":"x"}`, 400},
		{"GET", prompts + "/{id}/levels", "/api/v1/cameras/yard/prompts/a/levels", "", 200},
		{"GET", prompts + "/{id}/levels", "/api/v1/cameras/yard/prompts/none/levels", "", 404},
		{"GET", prompts + "/{id}/levels", "/api/v1/cameras/dark/prompts/a/levels", "", 409},
		{"GET", prompts + "/{id}/levels", "/api/v1/cameras/yard/prompts/a/levels?masks=2", "", 400},
		{"GET", "/api/v1/cameras/{cam}/tracks/{track}/levels", "/api/v1/cameras/yard/tracks/7/levels?masks=0", "", 200},
		{"GET", "/api/v1/cameras/{cam}/tracks/{track}/levels", "/api/v1/cameras/yard/tracks/8/levels", "", 404},
		{"DELETE", prompts + "/{id}", "/api/v1/cameras/yard/prompts/a", "", 204},
		{"GET", zones, "/api/v1/cameras/yard/zones", "", 200},
		{"GET", zones, "/api/v1/cameras/dark/zones", "", 409},
		{"PUT", zones + "/{id}", "/api/v1/cameras/yard/zones/drive", `{"polygon":[[0,0],[1,0],[1,1]],"labels":["car"],"trips_from":["gate"],"loiter_s":5}`, 201},
		{"PUT", zones + "/{id}", "/api/v1/cameras/yard/zones/drive", `{"polygon":[[0,0],[320,0],[320,240]],"size":[320,240],"trips_from":["gate"]}`, 200},
		{"PUT", zones + "/{id}", "/api/v1/cameras/yard/zones/drive", `{"polygon":[[0,0],[1,1],[1,0],[0,1]]}`, 422},
		{"PUT", zones + "/{id}", "/api/v1/cameras/yard/zones/drive", `{"shape":[]}`, 400},
		{"GET", zones, "/api/v1/cameras/yard/zones", "", 200},
		{"GET", zones + "/{id}", "/api/v1/cameras/yard/zones/drive", "", 200},
		{"GET", zones + "/{id}", "/api/v1/cameras/yard/zones/none", "", 404},
		{"POST", zones + "/{id}/reset", "/api/v1/cameras/yard/zones/drive/reset", "", 200},
		{"POST", zones + "/{id}/reset", "/api/v1/cameras/yard/zones/none/reset", "", 404},
		{"DELETE", zones + "/{id}", "/api/v1/cameras/yard/zones/drive", "", 204},
		{"DELETE", zones + "/{id}", "/api/v1/cameras/yard/zones/drive", "", 404},
		{"PUT", lines + "/{id}", "/api/v1/cameras/yard/lines/gate", `{"from":[0,0.5],"to":[1,0.5],"margin":0.1}`, 201},
		{"PUT", lines + "/{id}", "/api/v1/cameras/yard/lines/gate", `{"from":[9,9],"to":[9,9]}`, 422},
		{"GET", lines, "/api/v1/cameras/yard/lines", "", 200},
		{"GET", lines + "/{id}", "/api/v1/cameras/yard/lines/gate", "", 200},
		{"POST", lines + "/{id}/reset", "/api/v1/cameras/yard/lines/gate/reset", "", 200},
		{"DELETE", lines + "/{id}", "/api/v1/cameras/yard/lines/gate", "", 204},
		{"GET", "/api/v1/events", "/api/v1/events?limit=5", "", 200},
		{"GET", "/api/v1/events", "/api/v1/events?limit=x", "", 400},
		{"PATCH", prompts + "/{id}", "/api/v1/cameras/yard/prompts/b", `{"level":1}`, 200},
		{"PATCH", prompts + "/{id}", "/api/v1/cameras/yard/prompts/none", `{"level":1}`, 404},
		{"GET", "/api/v1/cameras/{cam}/tracks/{track}/snapshot.jpg", "/api/v1/cameras/yard/tracks/7/snapshot.jpg?overlay=1", "", 200},
		{"GET", "/api/v1/cameras/{cam}/tracks/{track}/snapshot.jpg", "/api/v1/cameras/yard/tracks/x/snapshot.jpg", "", 404},
		{"POST", "/api/v1/cameras", "", `{"name":"gate","source":"rtsp://u:p@10.0.0.9/a","rate":5}`, 201},
		{"POST", "/api/v1/cameras", "", `{"name":"gate","source":"rtsp://10.0.0.9/a"}`, 409},
		{"POST", "/api/v1/cameras", "", `{"name":"other"}`, 422},
		{"POST", "/api/v1/cameras", "", `{"url":"x"}`, 400},
		{"POST", "/api/v1/cameras/test", "", `{"source":"rtsp://10.0.0.9/a"}`, 200},
		{"POST", "/api/v1/cameras/test", "", `{"source":"rtsp://nowhere/a"}`, 200},
		{"GET", "/api/v1/cameras/{cam}/settings", "/api/v1/cameras/gate/settings", "", 200},
		{"GET", "/api/v1/cameras/{cam}/settings", "/api/v1/cameras/nobody/settings", "", 404},
		{"PATCH", "/api/v1/cameras/{cam}", "/api/v1/cameras/gate", `{"rotate":90}`, 200},
		{"PATCH", "/api/v1/cameras/{cam}", "/api/v1/cameras/nobody", `{"rotate":90}`, 404},
		{"DELETE", "/api/v1/cameras/{cam}", "/api/v1/cameras/gate", "", 204},
		{"DELETE", "/api/v1/cameras/{cam}", "/api/v1/cameras/gate", "", 404},
		{"GET", "/api/v1/events/{id}", "/api/v1/events/01", "", 200},
		{"GET", "/api/v1/events/{id}", "/api/v1/events/99", "", 404},
		{"PATCH", "/api/v1/events/{id}", "/api/v1/events/01", `{"flagged":true,"note":"x"}`, 200},
		{"PATCH", "/api/v1/events/{id}", "/api/v1/events/99", `{"flagged":true}`, 404},
		{"GET", "/api/v1/events/{id}/snapshot.jpg", "/api/v1/events/01/snapshot.jpg", "", 200},
		{"GET", "/api/v1/events/{id}/snapshot.jpg", "/api/v1/events/99/snapshot.jpg", "", 404},
		{"GET", "/api/v1/events/{id}/clip.mp4", "/api/v1/events/01/clip.mp4", "", 200},
		{"GET", "/api/v1/events/{id}/clip.mp4", "/api/v1/events/99/clip.mp4", "", 404},
		{"GET", "/api/v1/events/summary", "/api/v1/events/summary?step=1m", "", 200},
		{"GET", "/api/v1/events/summary", "/api/v1/events/summary?step=x", "", 400},
		{"GET", "/api/v1/models", "", "", 200},
		{"GET", "/api/v1/config", "", "", 200},
		{"POST", "/api/v1/config/check", "", "version: 1\n", 200},
		{"POST", "/api/v1/config/check", "", "camera:\n", 422},
		{"PUT", "/api/v1/config", "", "version: 1\n", 428},
		{"POST", "/api/v1/config/reload", "", "", 200},
		{"GET", "/api/v1/system", "", "", 200},
		{"GET", "/api/v1/openapi.json", "", "", 200},
		{"GET", "/healthz", "", "", 200},
		{"GET", "/readyz", "", "", 200},
		{"GET", "/metrics", "", "", 200},
	}
	for _, c := range calls {
		at := c.url
		if at == "" {
			at = c.path
		}
		kind := "application/json"
		if strings.HasPrefix(c.path, "/api/v1/config") {
			kind = "application/yaml"
		}
		o.checkBody(t, c.method, c.path, kind, c.body, c.status)
		a := do(t, c.method, url+at, c.body, "Content-Type", kind)
		if a.status != c.status {
			t.Errorf("%s %s: status %d, want %d: %s", c.method, at, a.status, c.status, a.body)
		}
		o.check(t, c.method, c.path, a)
	}
}

// The examples of request bodies are bodies that the API takes.
func TestOpenAPIExamples(t *testing.T) {
	o := loadOpenAPI(t)
	_, _, url := withFrame(t)
	v, _ := o.dig("paths", "/api/v1/cameras/{cam}/prompts", "post", "requestBody", "content", "application/json", "examples")
	examples := v.(map[string]any)
	if len(examples) < 3 {
		t.Fatalf("%d examples", len(examples))
	}
	for name, e := range examples {
		body, err := json.Marshal(e.(map[string]any)["value"])
		if err != nil {
			t.Fatal(err)
		}
		// The test's frame is 320x240; the example's point lies just outside.
		text := strings.Replace(string(body), "[[320,240]]", "[[310,230]]", 1)
		if a := do(t, "POST", url+"/api/v1/cameras/yard/prompts", text); a.status != 201 {
			t.Errorf("example %s: %d %s", name, a.status, a.body)
		}
	}
}

// The examples of zones and lines are bodies that the API takes.
func TestOpenAPIPlaceExamples(t *testing.T) {
	o := loadOpenAPI(t)
	_, _, url := withFrame(t)
	for _, kind := range []string{"zones", "lines"} {
		v, _ := o.dig("paths", "/api/v1/cameras/{cam}/"+kind+"/{id}", "put", "requestBody", "content", "application/json", "examples")
		examples := v.(map[string]any)
		if len(examples) < 2 {
			t.Fatalf("%d examples of %s", len(examples), kind)
		}
		for name, e := range examples {
			body, err := json.Marshal(e.(map[string]any)["value"])
			if err != nil {
				t.Fatal(err)
			}
			if a := do(t, "PUT", url+"/api/v1/cameras/yard/"+kind+"/"+name, string(body)); a.status != 201 {
				t.Errorf("example %s: %d %s", name, a.status, a.body)
			}
		}
	}
}
