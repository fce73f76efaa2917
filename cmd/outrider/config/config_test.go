package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func env(m map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yml")
	if err != nil || len(files) < 3 {
		t.Fatalf("testdata/good: %v, %d files", err, len(files))
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			if _, err := Load(f, env(map[string]string{"YARD_PASSWORD": "pw1", "BROKER_PASSWORD": "pw2"})); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestFull(t *testing.T) {
	c, err := Load("testdata/good/full.yml", env(map[string]string{"YARD_PASSWORD": "pw1", "BROKER_PASSWORD": "pw2"}))
	if err != nil {
		t.Fatal(err)
	}
	yard := c.Cameras["yard"]
	if got, want := yard.Source.Reveal(), "rtsp://user:pw1@10.0.0.2/stream1"; got != want {
		t.Errorf("source %q, want %q", got, want)
	}
	if got, want := c.MQTT.URL.Reveal(), "mqtt://user:pw2@10.0.0.5:1883"; got != want {
		t.Errorf("mqtt.url %q, want %q", got, want)
	}
	if yard.ReadTimeout.D() != 3*time.Second || yard.Rate != 10 || yard.RTSPTransport != "udp" {
		t.Errorf("yard = %+v", yard)
	}
	if c.Store.Events.Retain.D() != 30*24*time.Hour {
		t.Errorf("retain = %v", c.Store.Events.Retain)
	}
	if c.Store.Events.MaxSize != 3<<39 {
		t.Errorf("max_size = %v", c.Store.Events.MaxSize)
	}
	if c.WebRTC.UDPPort != 0 || c.MQTT.HomeAssistant {
		t.Errorf("zero and false must override the defaults: %+v %+v", c.WebRTC, c.MQTT)
	}
	dot := yard.Prompts[2].Pipeline()
	if len(dot.Points) != 2 || dot.Points[1].X != 30.5 || dot.Labels[1] != 0 || dot.Level != 2 {
		t.Errorf("prompt dot = %+v", dot)
	}
}

func TestEmptyIsDefault(t *testing.T) {
	c, err := Load("testdata/good/empty.yml", env(nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Default(), c); d != "" {
		t.Errorf("empty file differs from Default (-want +got):\n%s", d)
	}
}

func TestBadFiles(t *testing.T) {
	files, _ := filepath.Glob("testdata/bad/*.yml")
	if len(files) < 10 {
		t.Fatalf("testdata/bad holds %d files", len(files))
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(f, ".yml") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(f, env(nil))
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.TrimPrefix(err.Error(), "testdata/bad/")
			if got != strings.TrimSpace(string(want)) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T is not *Error", err)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	if _, err := Parse("x", make([]byte, maxBytes+1), nil); err == nil {
		t.Error("an oversized file was taken")
	}
	if _, err := Parse("x", []byte("log: {level: "+strings.Repeat("[", 100)+strings.Repeat("]", 100)+"}"), nil); err == nil {
		t.Error("a deeply nested file was taken")
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestSecretFromFile(t *testing.T) {
	p := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(p, []byte("rtsp://u:hunter2@h/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse("x", []byte("cameras: {a: {source: \"file:"+p+"\"}}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Cameras["a"].Source.Reveal(); got != "rtsp://u:hunter2@h/" {
		t.Errorf("source %q", got)
	}
}

// TestSecretNeverPrints plants a password and looks for it in every way of printing.
func TestSecretNeverPrints(t *testing.T) {
	s := Secret("rtsp://u:hunter2@h/")
	cam := Camera{Source: s}
	j, err := json.Marshal(cam)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(cam)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "cam", cam)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "cam", cam)
	for _, out := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, cam, cam, s, s), string(j), string(y), log.String(),
	} {
		if strings.Contains(out, "hunter2") {
			t.Errorf("the secret shows: %s", out)
		}
		if !strings.Contains(out, "***") {
			t.Errorf("no *** in %s", out)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"good", "bad"} {
		files, _ := filepath.Glob("testdata/" + dir + "/*.yml")
		for _, p := range files {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse("fuzz", b, env(nil))
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("Parse took what Validate refuses: %v", err)
			}
		}
	})
}

// TestExampleIsTheDefault holds the commented example to the code: every key is in it, with
// its default.
func TestExampleIsTheDefault(t *testing.T) {
	c, err := Load("../../../deploy/outrider.example.yml", env(map[string]string{"YARD_PASSWORD": "x"}))
	if err != nil {
		t.Fatal(err)
	}
	cam := c.Cameras["yard"]
	c.Cameras = nil
	want := Default()
	for _, p := range []*[]string{&c.Web.Hosts, &c.WebRTC.Origins, &c.WebRTC.ICEServers, &c.WebRTC.PublicIPs} {
		if len(*p) == 0 {
			*p = nil
		}
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("the example differs from Default (-want +got):\n%s", d)
	}
	cam.Source, cam.Prompts, cam.Zones, cam.Lines, cam.Ground = "", nil, nil, nil, Ground{}
	if d := cmp.Diff(DefaultCamera(), cam); d != "" {
		t.Errorf("the example's camera differs from DefaultCamera (-want +got):\n%s", d)
	}
	text, err := os.ReadFile("../../../deploy/outrider.example.yml")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(reflect.Type)
	walk = func(ty reflect.Type) {
		switch ty.Kind() {
		case reflect.Map, reflect.Slice:
			walk(ty.Elem())
		case reflect.Struct:
			for i := range ty.NumField() {
				key := ty.Field(i).Tag.Get("yaml")
				if !regexp.MustCompile(`(?m)^\s*(- )?` + regexp.QuoteMeta(key) + `:`).Match(text) {
					t.Errorf("the example lacks key %q of %s", key, ty.Name())
				}
				walk(ty.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}
