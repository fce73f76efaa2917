package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	counting "outrider/tracker/event"
)

func TestZoneLife(t *testing.T) {
	_, _, url := withFrame(t)
	zones := url + "/api/v1/cameras/yard/zones"
	const square = `{"polygon":[[0,0],[320,0],[320,120],[0,120]],"size":[320,240],"labels":["person"],"loiter_s":10}`
	if a := do(t, "GET", zones, ""); string(bytes.TrimSpace(a.body)) != `{"zones":[]}` {
		t.Errorf("none: %s", a.body)
	}
	a := do(t, "PUT", zones+"/drive", square, "If-None-Match", "*")
	tag := a.header.Get("ETag")
	if a.status != 201 || a.header.Get("Location") != "/api/v1/cameras/yard/zones/drive" || tag == "" {
		t.Fatalf("made: %d, Location %q, ETag %q: %s", a.status, a.header.Get("Location"), tag, a.body)
	}
	var z pipeline.ZoneCount
	if err := json.Unmarshal(a.body, &z); err != nil {
		t.Fatal(err)
	}
	if z.ID != "drive" || len(z.Polygon) != 4 || z.Size != [2]int{320, 240} || z.Loiter != 10 || z.Filter.Labels[0] != "person" {
		t.Errorf("made %+v", z)
	}
	if a := do(t, "PUT", zones+"/drive", square, "If-None-Match", "*"); a.status != 412 {
		t.Errorf("made again: %d %s", a.status, a.body)
	}
	// What was got can be put, counts and all, and is the same version.
	got := do(t, "GET", zones+"/drive", "")
	if got.header.Get("ETag") != tag {
		t.Errorf("ETag %q, want %q", got.header.Get("ETag"), tag)
	}
	if a := do(t, "PUT", zones+"/drive", string(got.body), "If-Match", tag); a.status != 200 || a.header.Get("ETag") != tag {
		t.Errorf("put back: %d, ETag %q: %s", a.status, a.header.Get("ETag"), a.body)
	}
	a = do(t, "PUT", zones+"/drive", strings.Replace(square, "10", "20", 1), "If-Match", tag)
	newer := a.header.Get("ETag")
	if a.status != 200 || newer == tag {
		t.Errorf("changed: %d, ETag %q: %s", a.status, newer, a.body)
	}
	// Somebody else still has the first version in hand.
	for _, method := range []string{"PUT", "DELETE"} {
		if a := do(t, method, zones+"/drive", map[string]string{"PUT": square}[method], "If-Match", tag); a.status != 412 || !strings.Contains(string(a.body), "meanwhile") {
			t.Errorf("%s of an old version: %d %s", method, a.status, a.body)
		}
	}
	if a := do(t, "DELETE", zones+"/drive", "", "If-Match", newer); a.status != 204 {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	if a := do(t, "PUT", zones+"/drive", square, "If-Match", newer); a.status != 412 {
		t.Errorf("change of what is gone: %d %s", a.status, a.body)
	}
	if a := do(t, "PUT", zones+"/drive", `{"id":"lawn",`+square[1:]); a.status != 422 || a.problem(t).Field != "id" {
		t.Errorf("another id in the body: %d %s", a.status, a.body)
	}
	if a := do(t, "PUT", zones+"/drive", `{"polygon":[[0,0],[1,1],[1,0],[0,1]]}`); a.status != 422 || a.problem(t).Field != "polygon" || !strings.Contains(string(a.body), "side 1") {
		t.Errorf("crossing itself: %d %s", a.status, a.body)
	}
	if a := do(t, "PUT", zones+"/a%2Fb", square); a.status != 422 || a.problem(t).Field != "id" {
		t.Errorf("a slash: %d %s", a.status, a.body)
	}
}

// What is counted shows in the API, and a reset sets it to zero without touching the version.
func TestLineCounts(t *testing.T) {
	_, y, url := withFrame(t)
	line := url + "/api/v1/cameras/yard/lines/gate"
	a := do(t, "PUT", line, `{"from":[0,120],"to":[320,120],"size":[320,240]}`)
	tag := a.header.Get("ETag")
	c := y.cameras["yard"].places.(*counting.Counter)
	from := time.Now()
	for i := range 40 {
		r := result(t, "yard", uint64(i), pipeline.Box{X1: 100, Y1: 20 + 4*float64(i), X2: 130, Y2: 60 + 4*float64(i)})
		r.Frame.Captured = from.Add(time.Duration(i) * 40 * time.Millisecond)
		if err := c.Process(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		r.Release()
	}
	var l pipeline.LineCount
	a = do(t, "GET", line, "")
	if err := json.Unmarshal(a.body, &l); err != nil {
		t.Fatal(err)
	}
	if l.In != 1 || l.Out != 0 || a.header.Get("ETag") != tag || len(l.ByLabel) != 1 || l.ByLabel[0].Label != "person" {
		t.Errorf("counted: %s", a.body)
	}
	a = do(t, "POST", line+"/reset", "")
	if a.status != 200 || !bytes.Contains(a.body, []byte(`"in":0`)) || a.header.Get("ETag") != tag {
		t.Errorf("reset: %d %s", a.status, a.body)
	}
}

// Tracks say which zones they are in.
func TestTracksSayTheirZones(t *testing.T) {
	_, y, url := withFrame(t)
	r := result(t, "yard", 9, pipeline.Box{X1: 10, Y1: 20, X2: 50, Y2: 60})
	r.Tracks[0].Zones = 2
	r.Counts = &pipeline.Counts{Zones: []pipeline.ZoneCount{{Zone: pipeline.Zone{ID: "a"}}, {Zone: pipeline.Zone{ID: "b"}}}}
	y.show(r)
	if a := do(t, "GET", url+"/api/v1/cameras/yard/tracks", ""); !bytes.Contains(a.body, []byte(`"zones":["b"]`)) {
		t.Errorf("%s", a.body)
	}
}
