package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
)

// sampleVideo is the street scene with pedestrians of Debian's opencv-doc.
const sampleVideo = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"

// statusEvery is the time between two status lines.
const statusEvery = 5 * time.Second

type runOptions struct {
	configFile string
	sources    []string
	duration   time.Duration
	listen     string
	mqtt       string
	model      string
	refine     string
	every      time.Duration
	device     string
	input      int
	threads    int
	udpPort    int
	logFormat  string
	logLevel   string
}

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run",
		Short: "Watch cameras and serve the dashboard, WebRTC, MQTT and the HTTP API",
		Long: `Watch cameras and serve the dashboard, WebRTC, MQTT and the HTTP API until interrupted.

Without -c and --source it runs a demo: the pedestrian video of opencv-doc, or a rendered street where that is missing.`,
		Example: `  outrider run
  outrider run --source rtsp://user:password@10.0.0.2/stream1
  outrider run --source /dev/video0 --listen 0.0.0.0:8080
  outrider run -c outrider.yml
  outrider run --for 30s`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, notes, err := o.config(c.Flags().Changed)
			if err != nil {
				return err
			}
			s := &service{Config: conf, File: o.configFile, Overlay: func(read config.Config) config.Config {
				read, _ = o.overlay(read, c.Flags().Changed)
				return read
			}}
			return runService(c.Context(), s, notes, o.duration, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.configFile, "config", "c", "", "configuration `file` (YAML)")
	f.StringArrayVar(&o.sources, "source", nil, "`camera`: rtsp://..., /dev/video0, a file, a folder, gst:<pipeline>, synth:road; may be given several times")
	f.DurationVar(&o.duration, "for", 0, "stop after this time and print a JSON summary")
	f.StringVar(&o.listen, "listen", "", "`host:port` of the dashboard and API")
	f.StringVar(&o.mqtt, "mqtt", "", "broker `URL`: embedded, off, mqtt://user:password@host:port")
	f.StringVar(&o.model, "model", "", "segmentation model: a `name` of the catalogue, an ONNX file, or a SAM pair as a folder or encoder.onnx,decoder.onnx")
	f.StringVar(&o.refine, "refine", "", "precise model for prompted objects: a SAM, MobileSAM or HQ-SAM `pair`, named like --model")
	f.DurationVar(&o.every, "refine-every", 0, "`time` between two key frames of one object")
	f.StringVar(&o.device, "device", "", "where the model runs: auto, cpu, cuda[:n], tensorrt, openvino, coreml")
	f.IntVar(&o.input, "input", 0, "long side of the model's input in `pixels`, a multiple of 32")
	f.IntVar(&o.threads, "threads", 0, "threads of the model, 0 for what suits the machine")
	f.IntVar(&o.udpPort, "udp-port", 0, "UDP `port` of WebRTC, 0 for any free one")
	f.StringVar(&o.logFormat, "log-format", "", "text or json")
	f.StringVar(&o.logLevel, "log-level", "", "debug, info, warn or error")
	return c
}

// config reads the file and lays the flags over it. notes are sentences for the user.
func (o *runOptions) config(changed func(flag string) bool) (config.Config, []string, error) {
	conf := config.Default()
	if o.configFile != "" {
		var err error
		if conf, err = config.Load(o.configFile, nil); err != nil {
			return conf, nil, err
		}
	}
	if changed("for") && o.duration <= 0 {
		return conf, nil, usagef("--for %v: want more than 0, such as 30s", o.duration)
	}
	conf, notes := o.overlay(conf, changed)
	if err := conf.Validate(); err != nil {
		return conf, nil, &usageError{err}
	}
	return conf, notes, nil
}

// overlay lays the flags that were given over a configuration, and the demo over one without
// cameras. notes are sentences for the user.
func (o *runOptions) overlay(conf config.Config, changed func(flag string) bool) (_ config.Config, notes []string) {
	for flag, set := range map[string]func(){
		"listen":       func() { conf.Web.Listen = o.listen },
		"mqtt":         func() { conf.MQTT.URL = config.Secret(o.mqtt) },
		"model":        func() { chooseModel(&conf.Model, o.model) },
		"refine":       func() { conf.Model.Refine = o.refine },
		"refine-every": func() { conf.Model.RefineEvery = config.Duration(o.every) },
		"device":       func() { conf.Model.Device = o.device },
		"input":        func() { conf.Model.Input = o.input },
		"threads":      func() { conf.Model.Threads = o.threads },
		"udp-port":     func() { conf.WebRTC.UDPPort = o.udpPort },
		"log-format":   func() { conf.Log.Format = o.logFormat },
		"log-level":    func() { conf.Log.Level = o.logLevel },
	} {
		if changed(flag) {
			set()
		}
	}
	if len(o.sources) == 0 {
		if len(conf.Cameras) == 0 {
			cam := config.DefaultCamera()
			cam.Source, cam.Loop = sampleVideo, true
			if _, err := os.Stat(sampleVideo); err != nil {
				cam.Source = "synth:road"
				notes = append(notes, "the sample video is not installed (package opencv-doc): showing a rendered street instead")
			}
			conf.Cameras = map[string]config.Camera{"demo": cam}
		}
		return conf, notes
	}
	conf.Cameras = map[string]config.Camera{}
	for i, s := range o.sources {
		cam := config.DefaultCamera()
		cam.Source = config.Secret(s)
		name := "camera"
		if len(o.sources) > 1 {
			name = fmt.Sprintf("camera%d", i+1)
		}
		conf.Cameras[name] = cam
	}
	return conf, nil
}

// summary is what --for prints: one JSON line.
type summary struct {
	Seconds   float64                  `json:"seconds"`
	FramesIn  uint64                   `json:"frames_in"`
	Processed uint64                   `json:"frames_processed"`
	Dropped   uint64                   `json:"frames_dropped"`
	Tracks    uint64                   `json:"tracks"`
	FPS       float64                  `json:"fps"`
	LatencyMS quantiles                `json:"latency_ms"` // capture to result
	Errors    []string                 `json:"errors"`
	Cameras   map[string]cameraSummary `json:"cameras"`
}

type cameraSummary struct {
	State      pipeline.CameraState `json:"state"`
	FramesIn   uint64               `json:"frames_in"`
	Processed  uint64               `json:"frames_processed"`
	Dropped    uint64               `json:"frames_dropped"`
	Tracks     uint64               `json:"tracks"`
	Reconnects uint64               `json:"reconnects"`
	LatencyMS  quantiles            `json:"latency_ms"`
	Error      string               `json:"error,omitempty"`
}

type quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func quantilesOf(l *pipeline.Latency) quantiles {
	ms := func(q float64) float64 { return float64(l.Quantile(q).Microseconds()/10) / 100 }
	return quantiles{ms(.5), ms(.95), ms(.99)}
}

func summarise(e *pipeline.Engine, took time.Duration) summary {
	s := summary{Seconds: took.Seconds(), Errors: []string{}, Cameras: map[string]cameraSummary{}}
	worst := quantiles{}
	for _, name := range e.Cameras() {
		st, err := e.Status(name)
		if err != nil {
			continue
		}
		c := cameraSummary{State: st.State, FramesIn: st.Frames, Processed: st.Processed, Dropped: st.Dropped,
			Tracks: st.TracksSeen, Reconnects: st.Reconnects, Error: st.Error}
		if l, err := e.ResultLatency(name); err == nil {
			c.LatencyMS = quantilesOf(l)
		}
		s.FramesIn += c.FramesIn
		s.Processed += c.Processed
		s.Dropped += c.Dropped
		s.Tracks += c.Tracks
		if c.LatencyMS.P95 >= worst.P95 {
			worst = c.LatencyMS
		}
		if c.Error != "" {
			s.Errors = append(s.Errors, fmt.Sprintf("camera %q: %s", name, c.Error))
		}
		s.Cameras[name] = c
	}
	s.LatencyMS = worst // of the slowest camera
	s.FPS = float64(int(float64(s.Processed)/took.Seconds()*100+.5)) / 100
	return s
}

// runService runs until ctx ends or the duration is over.
func runService(ctx context.Context, s *service, notes []string, duration time.Duration, stdout, stderr io.Writer) error {
	log, err := newLog(s.Config.Log, stderr)
	if err != nil {
		return err
	}
	s.Log = log
	if err := s.Initialize(ctx); err != nil {
		s.Close()
		return err
	}
	defer s.Close()
	for _, n := range notes {
		fmt.Fprintln(stderr, "note:", n)
	}
	for _, line := range s.Where() {
		fmt.Fprintln(stderr, line)
	}
	start := time.Now()
	var over <-chan time.Time
	if duration > 0 {
		t := time.NewTimer(duration)
		defer t.Stop()
		over = t.C
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, line := range statusLines(s.Engine()) {
				fmt.Fprintln(stderr, line)
			}
			continue
		case <-hangup:
			fmt.Fprintln(stderr, s.reload(ctx))
			continue
		case <-ctx.Done():
			fmt.Fprintln(stderr, "stopping")
		case <-over:
		}
		break
	}
	sum := summarise(s.Engine(), time.Since(start))
	err = s.Close()
	if duration > 0 {
		if e := json.NewEncoder(stdout).Encode(sum); err == nil {
			err = e
		}
	}
	return err
}

// reload reads the configuration file again and says what came of it.
func (s *service) reload(ctx context.Context) string {
	c, err := s.setup.Reload(ctx)
	if err != nil {
		return "configuration not reloaded, everything runs on: " + err.Error()
	}
	return fmt.Sprintf("configuration reloaded: %d cameras added, %d removed, %d started anew, %d run on; %d keys count from the next start",
		len(c.Added), len(c.Removed), len(c.Restarts), len(c.Keeps), len(c.Later))
}

// statusLines says how each camera does, a line a camera.
func statusLines(e *pipeline.Engine) []string {
	var out []string
	for _, name := range e.Cameras() {
		s, err := e.Status(name)
		if err != nil {
			continue
		}
		line := fmt.Sprintf("%s: %s, %.1f frames/s, %d tracks, %.0f ms, %d dropped of %d", name, s.State, s.FPS, s.Tracks, s.LatencyMS, s.Dropped, s.Frames)
		if s.State != pipeline.CameraStreaming {
			line = fmt.Sprintf("%s: %s", name, s.State)
			if s.Error != "" {
				line += ": " + s.Error
			}
		}
		out = append(out, line)
	}
	return out
}

func newLog(l config.Log, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return nil, usagef("log level %q: want debug, info, warn or error", l.Level)
	}
	o := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return slog.New(slog.NewTextHandler(w, o)), nil
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// baseName is a file's name without folder and ending, for names of outputs.
func baseName(path string) string {
	path = strings.TrimRight(path, "/")
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		path = path[i+1:]
	}
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		path = path[:i]
	}
	return path
}
