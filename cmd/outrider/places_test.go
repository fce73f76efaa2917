package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
	"outrider/streams/mqtt"
)

// drawer is a keeper in memory.
type drawer map[string][]byte

func (d drawer) Keep(key string, value []byte) error {
	if value == nil {
		delete(d, key)
	} else {
		d[key] = value
	}
	return nil
}

func (d drawer) Kept(_ context.Context, key string) ([]byte, error) { return d[key], nil }

// readCamera is the camera of a configuration's text.
func readCamera(t *testing.T, text string) config.Camera {
	t.Helper()
	c, err := config.Parse("test", []byte("cameras: {yard: {source: x, "+text+"}}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Cameras["yard"]
}

const (
	square = "[[0, 0], [1, 0], [1, 1], [0, 1]]"
	half   = "[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]"
)

func shape(p pipeline.Places) string {
	var out []string
	c := p.Counts()
	for _, z := range c.Zones {
		out = append(out, z.ID+map[float64]string{1: " square", .5: " half"}[z.Polygon[1].X])
	}
	for _, l := range c.Lines {
		out = append(out, l.ID)
	}
	return strings.Join(out, ", ")
}

// What the API makes of zones and lines stays over a restart, until the configuration says
// something new of them.
func TestPlacesAreKept(t *testing.T) {
	keep := drawer{}
	open := func(text string) *places {
		t.Helper()
		b := &placesBook{keep: keep, cameras: func() []string { return []string{"yard", "gate"} }}
		p, err := b.open(t.Context(), "yard", readCamera(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	check := func(p *places, want string) {
		t.Helper()
		if got := shape(p); got != want {
			t.Errorf("places %q, want %q", got, want)
		}
	}
	file := "zones: {drive: {polygon: " + square + "}, lawn: {polygon: " + square + "}}, lines: {door: {from: [0, 0.5], to: [1, 0.5]}}"
	p := open(file)
	check(p, "drive square, lawn square, door")
	drive := p.Counts().Zones[0].Zone
	drive.Polygon = []pipeline.Point{{X: 0, Y: 0}, {X: .5, Y: 0}, {X: .5, Y: 1}, {X: 0, Y: 1}}
	bed := drive
	bed.ID = "bed"
	if err := errors.Join(p.SetZone(drive), p.SetZone(bed), p.DeleteZone("lawn"), p.DeleteLine("door")); err != nil {
		t.Fatal(err)
	}
	check(p, "bed half, drive half")
	check(open(file), "bed half, drive half") // the program was started anew
	if err := p.adopt(readCamera(t, file)); err != nil {
		t.Fatal(err)
	}
	check(p, "bed half, drive half") // the same file was read again
	// The file has another drive and another door now, and the lawn of before.
	p = open(strings.Replace(strings.Replace(file, square, half, 1), "0.5]}", "0.6]}", 1))
	check(p, "bed half, drive half, door")
	if err := p.adopt(readCamera(t, file)); err != nil {
		t.Fatal(err)
	}
	check(p, "bed half, drive square, door")
	if err := p.DeleteZone("bed"); err != nil {
		t.Fatal(err)
	}
	check(open(file), "drive square, door")
	var e *pipeline.PlaceError
	for _, name := range []string{"gate", "events"} {
		z := bed
		z.ID = name
		if err := p.SetZone(z); !errors.As(err, &e) || e.Field != "id" {
			t.Errorf("a zone named %q: %v", name, err)
		}
	}
}

// Counts go on over a restart of the program and a reload of the configuration.
func TestCountsAreKept(t *testing.T) {
	keep := drawer{}
	cam := readCamera(t, "lines: {door: {from: [0, 0.5], to: [1, 0.5]}}, zones: {drive: {polygon: "+square+"}}")
	start := func() (*placesBook, *places) {
		b := &placesBook{keep: keep, cameras: func() []string { return nil }}
		p, err := b.open(t.Context(), "yard", cam)
		if err != nil {
			t.Fatal(err)
		}
		return b, p
	}
	in := func(p *places) uint64 { return p.Counts().Lines[0].In }
	id := uint64(0)
	cross := func(b *placesBook, p *places) {
		t.Helper()
		id++
		for i := range 50 {
			f, err := pipeline.NewFrame("yard", 320, 240, make([]byte, 3*320*240))
			if err != nil {
				t.Fatal(err)
			}
			f.Captured = time.Unix(int64(1000*id), int64(i)*40e6)
			r := pipeline.NewResult(f)
			y := 40 + 4*float64(i)
			r.Tracks = []pipeline.Track{{ID: id, State: pipeline.Confirmed, Observed: true, Box: pipeline.Box{X1: 100, Y1: y - 40, X2: 120, Y2: y}, FirstSeen: f.Captured}}
			if err := p.counter.Process(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			b.Publish(r)
			r.Release()
		}
	}
	b, p := start()
	cross(b, p)
	if len(keep) == 0 {
		t.Error("nothing was kept while it counted")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b, p = start()
	if in(p) != 1 {
		t.Errorf("after a restart: %d in, want 1", in(p))
	}
	cross(b, p)
	again, err := b.open(t.Context(), "yard", cam) // the camera starts anew
	if err != nil || again != p || in(p) != 2 {
		t.Errorf("after the camera's restart: %v, %d in, want 2", err, in(p))
	}
	if err := errors.Join(p.ResetLine("door"), b.Close()); err != nil {
		t.Fatal(err)
	}
	if _, p = start(); in(p) != 0 || p.Counts().Lines[0].Since.Unix() < 2000 {
		t.Errorf("after a reset and a restart: %+v", p.Counts().Lines[0])
	}
}

func TestPlaceFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "o.yml")
	text := "cameras:\n  yard: {source: x, zones: {lawn: {polygon: " + square + "}}}\n  gate: {source: x}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := placeFlags{file: file, camera: "yard", zones: []string{"hall=0,0,100,0,100,100.5"}, lines: []string{"door=0, 0.5, 1, 0.5"}}
	cam, err := f.read()
	if err != nil {
		t.Fatal(err)
	}
	p, err := offlinePlaces(t.Context(), cam)
	if err != nil || shape(p) != "hall, lawn square, door" {
		t.Errorf("%v, %q", err, shape(p))
	}
	for want, f := range map[string]placeFlags{
		"choose one with --config-camera": {file: file},
		"the cameras of":                  {file: file, camera: "roof"},
		"give the configuration":          {camera: "yard"},
		"want hall=x1,y1":                 {zones: []string{"hall"}},
		"5 numbers, want pairs":           {zones: []string{"hall=1,2,3,4,5"}},
		`"z" is not a number`:             {zones: []string{"hall=1,2,3,4,5,z"}},
		"meets side 3":                    {zones: []string{"hall=0,0,9,9,9,0,0,9"}},
		"3 points, want 2":                {lines: []string{"door=1,2,3,4,5,6"}},
		"a line needs two different":      {lines: []string{"door=7,7,7,7"}},
		"want letters, digits, _ and -":   {lines: []string{"front door=1,1,7,7"}},
	} {
		_, err := f.read()
		var usage *usageError
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &usage) {
			t.Errorf("%+v: %v, want a usage error with %q", f, err, want)
		}
	}
}

// The examples of docs/counting.md hold: configurations are valid, commands parse, messages are
// as their schema says.
func TestCountingDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/counting.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]int{}
	for _, m := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		kind, body := m[1], m[2]
		blocks[kind]++
		switch kind {
		case "yaml":
			c, err := config.Parse("docs/counting.md", []byte(body), nil)
			if err != nil {
				t.Errorf("%v in\n%s", err, body)
				continue
			}
			b := &placesBook{cameras: func() []string { return nil }}
			if _, err := b.open(t.Context(), "yard", c.Cameras["yard"]); err != nil {
				t.Error(err)
			}
		case "sh":
			for line := range strings.Lines(body) {
				args, ok := strings.CutPrefix(strings.TrimSpace(line), "outrider ")
				if !ok {
					continue
				}
				blocks["outrider"]++
				c, rest, err := newRoot().Find(strings.Fields(args))
				if err == nil {
					err = c.ParseFlags(rest)
				}
				if err == nil {
					err = c.ValidateArgs(c.Flags().Args())
				}
				if err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		case "json":
			schema, err := fs.ReadFile(mqtt.Schemas, "schema/camera_event.json")
			if err != nil {
				t.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
			if err != nil {
				t.Fatal(err)
			}
			c := jsonschema.NewCompiler()
			if err := c.AddResource("event.json", doc); err != nil {
				t.Fatal(err)
			}
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
			if err == nil {
				err = c.MustCompile("event.json").Validate(v)
			}
			if err != nil {
				t.Errorf("%v in\n%s", err, body)
			}
		}
	}
	if blocks["yaml"] < 2 || blocks["outrider"] < 2 || blocks["json"] < 1 {
		t.Errorf("blocks %v", blocks)
	}
	for _, kind := range []pipeline.EventKind{pipeline.EventZoneEnter, pipeline.EventZoneLeave, pipeline.EventLoitering, pipeline.EventTrip,
		pipeline.EventLineCrossed, pipeline.EventLeftBehind, pipeline.EventRemoved, pipeline.EventStationary, pipeline.EventMoving} {
		if !strings.Contains(string(text), "`"+string(kind)+"`") {
			t.Errorf("the guide does not name %s", kind)
		}
	}
}

func TestWriteCounts(t *testing.T) {
	var b bytes.Buffer
	c := &pipeline.Counts{
		Lines: []pipeline.LineCount{{Line: pipeline.Line{ID: "door"}, In: 12, Out: 3, ByLabel: []pipeline.LabelCrossing{{Label: "person", In: 12, Out: 3}}}},
		Zones: []pipeline.ZoneCount{{Zone: pipeline.Zone{ID: "hall"}, Inside: 1, Entered: 4, Left: 3, Trips: []pipeline.TripCount{{From: "gate", Count: 2, Seconds: 7.25}}}},
	}
	if err := writeCounts(&b, c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"door  12    3", "- person  12    3", "hall       1        4         0     3         0         0", "trips gate -> hall: 2, 7.2 s on average"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
