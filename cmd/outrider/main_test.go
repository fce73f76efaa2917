package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outrider/cmd/outrider/config"
	"outrider/streams/capture/child"
	"outrider/streams/web/webtest"
)

// TestMain lets this test binary stand in for the program where that starts itself again as
// the capture child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == child.Argument {
		os.Exit(child.Main(os.Stdin, os.Stderr))
	}
	goleak.VerifyTestMain(webtest.Main{M: m})
}

// buffer is an output that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// outrider runs the program and returns its exit code and outputs.
func outrider(t *testing.T, ctx context.Context, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	var out, err buffer
	code = execute(ctx, args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// sample returns the pedestrian video, or skips the test where it is not installed.
func sample(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(sampleVideo); err != nil {
		t.Skipf("the sample video of opencv-doc is not installed: %v", err)
	}
	return sampleVideo
}

// quiet is a configuration that takes free ports only.
func quiet(t *testing.T, more string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "outrider.yml")
	text := "web: {listen: 127.0.0.1:0}\nmqtt: {listen: 127.0.0.1:0}\nwebrtc: {udp_port: 0}\nmodel: {input: 384}\n" + more
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.yml")
	if err := os.WriteFile(broken, []byte("web:\n  listten: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown command", []string{"rnu"}, exitUsage, "unknown command"},
		{"unknown flag", []string{"run", "--lisen", "x"}, exitUsage, "unknown flag: --lisen; see outrider run --help"},
		{"no video", []string{"track"}, exitUsage, "requires at least 1 arg"},
		{"negative time", []string{"run", "--for", "-3s"}, exitUsage, "want more than 0"},
		{"no time", []string{"run", "--for", "soon"}, exitUsage, "invalid argument"},
		{"address", []string{"run", "--listen", "8080"}, exitUsage, "want host:port"},
		{"config key", []string{"run", "-c", broken}, exitUsage, `broken.yml:2:3: unknown key "web.listten"; did you mean "listen"?`},
		{"config check", []string{"config", "check", broken}, exitUsage, `did you mean "listen"?`},
		{"config missing", []string{"run", "-c", filepath.Join(dir, "none.yml")}, exitFailed, "no such file"},
		{"prompt", []string{"track", "--prompt", "pint=1,2", "x.avi"}, exitUsage, "want point, box, mask or text"},
		{"prompt number", []string{"track", "--prompt", "point=1,b", "x.avi"}, exitUsage, `"b" is not a number`},
		{"every", []string{"track", "--every", "0", "x.avi"}, exitUsage, "want 1 or more"},
		{"end before start", []string{"track", "--start", "5s", "--end", "2s", "x.avi"}, exitUsage, "start < end"},
		{"source", []string{"run", "--source", "synth:moon"}, exitUsage, "only scene is road"},
		{"device", []string{"run", "--device", "abacus"}, exitUsage, "abacus"},
		{"model input", []string{"run", "--input", "100"}, exitUsage, "multiple of 32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := outrider(t, t.Context(), c.args...)
			if code != c.code || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, want %d; stderr %q, want %q in it", code, c.code, stderr, c.want)
			}
			if stdout != "" {
				t.Errorf("an error wrote to standard output: %q", stdout)
			}
		})
	}
}

func TestVersionAndConfigPrint(t *testing.T) {
	code, out, _ := outrider(t, t.Context(), "version")
	if code != exitDone || !strings.HasPrefix(out, "outrider ") {
		t.Errorf("version: exit %d, %q", code, out)
	}
	secret := filepath.Join(t.TempDir(), "c.yml")
	if err := os.WriteFile(secret, []byte("cameras: {a: {source: \"rtsp://u:hunter2@h/\"}}\nmqtt: {url: \"mqtt://u:hunter3@h\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ = outrider(t, t.Context(), "config", "print", secret)
	if code != exitDone || strings.Contains(out, "hunter") || !strings.Contains(out, "***") {
		t.Errorf("config print: exit %d\n%s", code, out)
	}
	code, out, _ = outrider(t, t.Context(), "config", "check", secret)
	if code != exitDone || !strings.Contains(out, "is valid: 1 cameras") {
		t.Errorf("config check: exit %d, %q", code, out)
	}
}

func TestRunDemo(t *testing.T) {
	sample(t)
	code, stdout, stderr := outrider(t, t.Context(), "run", "-c", quiet(t, ""), "--for", "7s")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("standard output is not one JSON line: %v\n%s", err, stdout)
	}
	if len(s.Errors) > 0 {
		t.Errorf("camera errors: %v", s.Errors)
	}
	demo := s.Cameras["demo"]
	// The video has 10 frames/s; a loaded machine may drop some.
	if s.FramesIn < 40 || s.Processed < 10 || s.Processed+s.Dropped > s.FramesIn || demo.Reconnects != 0 {
		t.Errorf("summary %+v", s)
	}
	if s.Tracks < 2 {
		t.Errorf("%d tracks among the pedestrians", s.Tracks)
	}
	if !(s.LatencyMS.P50 > 0 && s.LatencyMS.P50 <= s.LatencyMS.P95 && s.LatencyMS.P95 <= s.LatencyMS.P99) {
		t.Errorf("latency %+v", s.LatencyMS)
	}
	for _, want := range []string{"dashboard   http://127.0.0.1:", "MQTT        ", "stop with Ctrl-C", "demo: streaming, "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in\n%s", want, stderr)
		}
	}
}

// TestDeadCamera runs a camera that does not answer beside one that works.
func TestDeadCamera(t *testing.T) {
	conf := quiet(t, `capture: {open_timeout: 2s}
cameras:
  dead: {source: "rtsp://u:hunter2@127.0.0.1:9/none"}
  live: {source: "synth:road?size=320x180&fps=10"}
`)
	code, stdout, stderr := outrider(t, t.Context(), "run", "-c", conf, "--for", "7s")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	if n := s.Cameras["live"].Processed; n < 10 {
		t.Errorf("the camera that works gave %d frames", n)
	}
	dead := s.Cameras["dead"]
	if dead.Error == "" || dead.Processed != 0 || dead.Reconnects == 0 {
		t.Errorf("the dead camera: %+v", dead)
	}
	if strings.Contains(stdout+stderr, "hunter2") {
		t.Errorf("the password shows:\n%s\n%s", stdout, stderr)
	}
}

func TestRunFailures(t *testing.T) {
	text := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(text, []byte("this is no model, only text that has the wrong name"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := regexp.MustCompile(`dashboard   http://(127\.0\.0\.1:\d+)`)
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"model missing", []string{"--model", filepath.Join(t.TempDir(), "none.onnx")}, "no such file"},
		{"model of text", []string{"--model", text}, "model.onnx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"run", "-c", quiet(t, ""), "--source", "synth:road", "--for", "5s"}, c.args...)
			code, _, stderr := outrider(t, t.Context(), args...)
			if code != exitFailed || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, stderr %q, want %q in it", code, stderr, c.want)
			}
		})
	}
	t.Run("port in use", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var out, log buffer
		t.Setenv("XDG_DATA_HOME", t.TempDir())
		done := make(chan int, 1)
		go func() {
			done <- execute(ctx, []string{"run", "-c", quiet(t, ""), "--source", "synth:road?size=128x72&fps=2"}, strings.NewReader(""), &out, &log)
		}()
		var taken string
		for end := time.Now().Add(20 * time.Second); taken == ""; time.Sleep(20 * time.Millisecond) {
			if m := port.FindStringSubmatch(log.String()); m != nil {
				taken = m[1]
			}
			if time.Now().After(end) {
				t.Fatalf("the first program did not start:\n%s", log.String())
			}
		}
		code, _, stderr := outrider(t, t.Context(), "run", "-c", quiet(t, ""), "--source", "synth:road", "--listen", taken, "--for", "5s")
		if code != exitFailed || !strings.Contains(stderr, "in use") || !strings.Contains(stderr, "--listen") {
			t.Errorf("exit %d, stderr %q", code, stderr)
		}
		cancel()
		if code := <-done; code != exitDone {
			t.Errorf("the interrupted program: exit %d\n%s", code, log.String())
		}
	})
}

// TestStopsInTime interrupts a running service.
func TestStopsInTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out, log buffer
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, []string{"run", "-c", quiet(t, ""), "--source", "synth:road?size=320x180"}, strings.NewReader(""), &out, &log)
	}()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "stop with Ctrl-C"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not start:\n%s", log.String())
		}
	}
	time.Sleep(500 * time.Millisecond)
	cancel()
	select {
	case code := <-done:
		if code != exitDone {
			t.Errorf("exit %d\n%s", code, log.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("does not stop")
	}
}

func TestDoctor(t *testing.T) {
	code, out, stderr := outrider(t, t.Context(), "doctor", "--json", "-c", quiet(t, ""))
	var found []finding
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr)
	}
	state := map[string]finding{}
	for _, f := range found {
		state[f.Name] = f
		if f.State != stateOK && f.Mend == "" {
			t.Errorf("%s is %s without a mend: %s", f.Name, f.State, f.Detail)
		}
	}
	for _, name := range []string{"OpenCV", "ONNX Runtime", "provider cpu", "model", "text model", "data folder", "web address", "MQTT broker"} {
		if state[name].State != stateOK {
			t.Errorf("%s: %+v", name, state[name])
		}
	}
	if code != exitDone {
		t.Errorf("exit %d\n%s", code, out)
	}
	gone := filepath.Join(t.TempDir(), "gone.yml")
	if err := os.WriteFile(gone, []byte("web: {listen: 127.0.0.1:0}\nmqtt: {url: \"mqtt://127.0.0.1:9\"}\nwebrtc: {udp_port: 0}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ = outrider(t, t.Context(), "doctor", "-c", gone)
	if code != exitFailed || !strings.Contains(out, "does not answer") || !strings.Contains(out, "-> start the broker") {
		t.Errorf("a broker that is gone: exit %d\n%s", code, out)
	}
	if err := askHealth(t.Context(), "http://127.0.0.1:9/healthz"); err == nil {
		t.Error("a service that is not there is well")
	}
}

// pages are the texts that users read.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) < 5 {
		t.Fatalf("docs: %d pages, %v", len(files), err)
	}
	out := map[string]string{}
	for _, f := range append(files, "../../README.md") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(b)
	}
	return out
}

// TestPages holds the commands and configurations of README and docs to the program: every
// command is one, takes the flags given, and every configuration (a block of yaml; other files
// are yml) is valid.
func TestPages(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	commands, configs := 0, 0
	for name, text := range pages(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			switch m[1] {
			case "sh":
				for _, l := range strings.Split(strings.ReplaceAll(m[2], "\\\n", " "), "\n") {
					if args := commandOf(l); args != nil {
						commands++
						checkCommand(t, name, args)
					}
				}
			case "yaml":
				configs++
				if _, err := config.Parse(name, []byte(m[2]), func(string) (string, bool) { return "secret", true }); err != nil {
					t.Errorf("%v in\n%s", err, m[2])
				}
			}
		}
	}
	if commands < 20 || configs < 4 {
		t.Errorf("only %d commands and %d configurations found", commands, configs)
	}
	for _, c := range newRoot().Commands() {
		if readme := pages(t)["README.md"]; !c.Hidden && !strings.Contains(readme, "outrider "+c.Name()) {
			t.Errorf("the README does not name %q", c.Name())
		}
	}
}

// commandOf reads the arguments of a line that runs outrider, nil for others.
func commandOf(line string) []string {
	line, _, _ = strings.Cut(line, "  #")
	if _, args, ok := strings.Cut(line, "make run ARGS=\""); ok {
		args, _, _ = strings.Cut(args, "\"")
		return append([]string{"run"}, strings.Fields(args)...)
	}
	line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "$ "), "bin/")
	args, ok := strings.CutPrefix(line, "outrider ")
	if !ok {
		return nil
	}
	args, _, _ = strings.Cut(args, " > ")
	args, _, _ = strings.Cut(args, " | ")
	// Quotes hold one argument together.
	var out []string
	for i, part := range strings.Split(strings.ReplaceAll(args, "'", "\""), "\"") {
		if i%2 == 0 {
			out = append(out, strings.Fields(part)...)
		} else if n := len(out); n > 0 && strings.HasSuffix(out[n-1], "=") {
			out[n-1] += part
		} else {
			out = append(out, part)
		}
	}
	return out
}

func checkCommand(t *testing.T, page string, args []string) {
	t.Helper()
	c, rest, err := newRoot().Find(args)
	if err != nil || c.Name() == "outrider" {
		t.Errorf("%s: %v: %v", page, args, err)
		return
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%s: %v: %v", page, args, err)
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("%s: %v: %v", page, args, err)
	}
}
