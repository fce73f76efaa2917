package web_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/streams/web"
)

func TestMetrics(t *testing.T) {
	y := newYard("yard")
	m := &web.Metrics{Directory: y, Viewers: func(string) int { return 3 }, Build: web.Build{Version: "v1", ORT: "1.32", OpenCV: "4.6", Provider: "cpu"}}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	r := result(t, "yard", 4, pipeline.Box{X1: 1, Y1: 1, X2: 9, Y2: 9})
	r.Events = []pipeline.Event{event("yard", "1", pipeline.EventStarted, time.Now())}
	r.Counts = &pipeline.Counts{
		Zones: []pipeline.ZoneCount{{Zone: pipeline.Zone{ID: "drive"}, Inside: 2, Entered: 5, Appeared: 1}},
		Lines: []pipeline.LineCount{{Line: pipeline.Line{ID: "door"}, In: 12, Out: 3}},
	}
	y.show(r)
	m.Publish(r)
	m.Publish(r)
	r.Release()
	_, url := start(t, &web.Server{Directory: y, Registry: m.Registry})
	a := do(t, "GET", url+"/metrics", "")
	for _, want := range []string{
		`outrider_frames_total{camera="yard",stage="captured"} 4`,
		`outrider_frames_total{camera="yard",stage="analysed"} 40`,
		`outrider_frames_dropped_total{camera="yard",reason="newer frame"} 60`,
		`outrider_stage_seconds_count{camera="yard",stage="total"} 2`,
		`outrider_stage_seconds_bucket{camera="yard",stage="segment",le="0.02"} 2`,
		`outrider_stage_seconds_count{camera="yard",stage="queue"} 2`,
		`outrider_stage_seconds_count{camera="yard",stage="track"} 2`,
		`outrider_result_age_seconds{camera="yard"}`,
		`outrider_tracks{camera="yard",state="confirmed"} 1`,
		`outrider_tracks{camera="yard",state="lost"} 0`,
		`outrider_camera_state{camera="yard",state="streaming"} 1`,
		`outrider_camera_state{camera="yard",state="stalled"} 0`,
		`outrider_reconnects_total{camera="yard"} 0`,
		`outrider_viewers{camera="yard"} 3`,
		`outrider_events_total{kind="started"} 2`,
		`outrider_zone_occupancy{camera="yard",zone="drive"} 2`,
		`outrider_zone_entries_total{camera="yard",from="outside",zone="drive"} 5`,
		`outrider_zone_entries_total{camera="yard",from="inside",zone="drive"} 1`,
		`outrider_line_crossings_total{camera="yard",direction="in",line="door"} 12`,
		`outrider_line_crossings_total{camera="yard",direction="out",line="door"} 3`,
		`outrider_build_info{opencv="4.6",ort="1.32",provider="cpu",version="v1"} 1`,
		`go_goroutines`, `process_resident_memory_bytes`,
	} {
		if !bytes.Contains(a.body, []byte(want)) {
			t.Errorf("no %s in\n%s", want, grep(a.body, strings.SplitN(want, "{", 2)[0]))
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := (&web.Metrics{Directory: y, Registry: m.Registry}).Initialize(); err == nil {
		t.Error("the same metrics twice in one registry must be an error")
	}
}

func grep(b []byte, word string) string {
	var out []string
	for _, l := range strings.Split(string(b), "\n") {
		if strings.Contains(l, word) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}
