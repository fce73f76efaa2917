package export

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
)

func TestRoad(t *testing.T) {
	r := Road{Name: "<drive>", Source: "drive.mp4", Video: "drive.mp4"}
	near := 12.5
	ttc := 1.25
	for i := range 3 {
		f, err := pipeline.NewFrame("road", 64, 36, make([]byte, 3*64*36))
		if err != nil {
			t.Fatal(err)
		}
		f.MediaTime = time.Duration(i) * time.Second
		res := pipeline.NewResult(f)
		res.Road.Status = pipeline.RoadCalibrated
		res.Obstacles = append(res.Obstacles, pipeline.Obstacle{TrackID: 7, Distance: &near, TTC: &ttc, InCorridor: true, Level: 3}, pipeline.Obstacle{TrackID: 8})
		if i == 1 {
			res.Events = append(res.Events, pipeline.Event{Kind: pipeline.EventObstacle, Track: pipeline.Track{ID: 7, Label: "<b>", Box: pipeline.Box{X1: 10, Y1: 10, X2: 30, Y2: 30}},
				Data: map[string]any{"level": 3, "distance_m": 12.5, "ttc_s": 1.25}}, pipeline.Event{Kind: pipeline.EventStarted})
		}
		r.Take(res)
		res.Release()
		f.Release()
	}
	base := filepath.Join(t.TempDir(), "drive")
	names, err := r.Write(base)
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	page, err := os.ReadFile(base + ".road.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"drive.mp4#t=1.00", "data:image/jpeg;base64,", "12.5 m", "1.2 s", "&lt;drive&gt;", "&lt;b&gt;", "<polyline", "CALIBRATED in 3 frames"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"<b>", "http://", "https://", "<script"} {
		if strings.Contains(string(page), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	text, err := os.ReadFile(base + ".road.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(rows) != 7 || rows[1][4] != "12.500" || rows[2][4] != "" {
		t.Errorf("%v %v", err, rows)
	}
	var s roadSummary
	text, err = os.ReadFile(base + ".road.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil || len(s.Warnings) != 1 || s.Warnings[0].Time != 1 || s.Warnings[0].Level != 3 {
		t.Errorf("%v %s", err, text)
	}
	var empty Road
	if _, err := empty.Write(base); err != nil {
		t.Errorf("an empty report: %v", err)
	}
}
