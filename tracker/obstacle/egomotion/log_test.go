package egomotion

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/tracker/obstacle"
)

var _ obstacle.EgoSource = (*Log)(nil)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	type want struct{ at, speed float64 }
	for _, c := range []struct {
		name, text string
		want       []want // speed < 0: unknown
		err        string
	}{
		{"a.csv", "seconds,mps\n0,10\n2,14\n# a gap\n10,20\n11,20,0.1\n", []want{{1, 12}, {2, 14}, {6, -1}, {10.5, 20}, {13, 20}, {20, -1}}, ""},
		{"b.csv", "1,10\n", []want{{0, -1}, {1, 10}}, ""},
		{"c.csv", "0,10\n1,x\n", nil, `line 2: speed: "x" is not a number`},
		{"d.csv", "0,300\n", nil, "is it in km/h?"},
		{"e.csv", "", nil, "no entry"},
		{"f.csv", "0\n", nil, "line 1: 1 fields"},
		{"g.nmea", "$GPRMC,235959.00,A,4717.11,N,00833.91,E,20.0,77.5,091202,,,A\nnoise\n$GPRMC,000001.00,A,4717.11,N,00833.91,E,40.0,77.5,101202,,,A\n$GPRMC,000002,V,,,,,,,,,,N\n$GPRMC,000003.00,A,4717.11,N,00833.91,E,99.0,77.5,101202,,,A*00\n",
			[]want{{0, 20 * 1852. / 3600}, {1, 30 * 1852. / 3600}}, ""},
		{"h.gpx", `<gpx><trk><trkseg><trkpt lat="0" lon="0"><time>2026-11-26T08:00:00Z</time></trkpt><trkpt lat="0" lon="0.0001"><time>2026-11-26T08:00:01Z</time></trkpt><trkpt lat="0" lon="0.0001"><time>2026-11-26T08:00:02Z</time><speed>5</speed></trkpt></trkseg></trk></gpx>`,
			[]want{{0, -1}, {1, 11.12}, {2, 5}}, ""},
		{"i.gpx", "<gpx><trk>", nil, "EOF"},
		{"j.xls", "", nil, "want a file that ends in"},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := Load(path)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, w := range c.want {
			e := l.Ego(&pipeline.Frame{MediaTime: time.Duration(w.at * float64(time.Second))})
			if e.HasSpeed != (w.speed >= 0) || e.HasSpeed && math.Abs(e.Speed-w.speed) > .02 {
				t.Errorf("%s: at %g s %+v, want %g", c.name, w.at, e, w.speed)
			}
		}
	}
	if _, err := Load(filepath.Join(dir, "nope.csv")); err == nil {
		t.Error("a missing file was read")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("0,10\n1,11,0.1\n")
	f.Add("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A")
	f.Add(`<gpx><trk><trkseg><trkpt lat="1" lon="2"><time>2026-11-26T08:00:00Z</time></trkpt></trkseg></trk></gpx>`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(string) (*Log, error){
			func(s string) (*Log, error) { return readCSV(strings.NewReader(s)) },
			func(s string) (*Log, error) { return readNMEA(strings.NewReader(s)) },
			func(s string) (*Log, error) { return readGPX(strings.NewReader(s)) },
		} {
			l, err := read(text)
			if err != nil {
				continue
			}
			for _, at := range []time.Duration{0, time.Second, time.Hour} {
				if e := l.Ego(&pipeline.Frame{MediaTime: at}); e.HasSpeed && (math.IsNaN(e.Speed) || math.Abs(e.Speed) > maxSpeed) {
					t.Errorf("at %v: %+v", at, e)
				}
			}
		}
	})
}
