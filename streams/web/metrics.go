package web

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"outrider/pipeline"
)

// Metrics are the service's figures for Prometheus. It is a sink, which observes results, and
// a collector, which asks the directory for the rest at each scrape.
//
// Fill the exported fields, call Initialize, give Registry to the server. Safe for concurrent
// use; an observed frame allocates nothing.
type Metrics struct {
	Directory Directory
	Viewers   func(camera string) int // open WebRTC sessions; may be nil
	Build     Build
	Registry  *prometheus.Registry // nil: a new one, with the Go and process collectors

	stages *prometheus.HistogramVec
	events *prometheus.CounterVec

	mu      sync.Mutex
	cameras map[string]*cameraMetrics
}

var (
	_ pipeline.Sink        = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// cameraMetrics holds what a result of one camera changes.
type cameraMetrics struct {
	queue, segment, track, total prometheus.Observer
	confirmed, lost              int
	counts                       *pipeline.Counts // of the newest result
}

var (
	descFrames     = prometheus.NewDesc("outrider_frames_total", "Frames that a camera's stage has seen.", []string{"camera", "stage"}, nil)
	descDropped    = prometheus.NewDesc("outrider_frames_dropped_total", "Captured frames that were not analysed.", []string{"camera", "reason"}, nil)
	descAge        = prometheus.NewDesc("outrider_result_age_seconds", "Time since the capture of the newest frame that has a result.", []string{"camera"}, nil)
	descTracks     = prometheus.NewDesc("outrider_tracks", "Tracks in the newest result.", []string{"camera", "state"}, nil)
	descState      = prometheus.NewDesc("outrider_camera_state", "1 for the state that the camera is in, 0 for the others.", []string{"camera", "state"}, nil)
	descReconnects = prometheus.NewDesc("outrider_reconnects_total", "Attempts to open the camera again.", []string{"camera"}, nil)
	descViewers    = prometheus.NewDesc("outrider_viewers", "Open WebRTC sessions.", []string{"camera"}, nil)
	descCalib      = prometheus.NewDesc("outrider_calibration_state", "1 for the state of the camera's calibration, 0 for the others.", []string{"camera", "state"}, nil)
	descOccupancy  = prometheus.NewDesc("outrider_zone_occupancy", "Objects in a zone now.", []string{"camera", "zone"}, nil)
	descEntries    = prometheus.NewDesc("outrider_zone_entries_total", "Objects that came into a zone (outside) or were first seen there (inside).", []string{"camera", "zone", "from"}, nil)
	descCrossings  = prometheus.NewDesc("outrider_line_crossings_total", "Crossings of a line.", []string{"camera", "line", "direction"}, nil)
	descBuild      = prometheus.NewDesc("outrider_build_info", "1, with what the program is made of.", []string{"version", "ort", "opencv", "provider"}, nil)
)

var cameraStates = []pipeline.CameraState{
	pipeline.CameraConnecting, pipeline.CameraStreaming, pipeline.CameraStalled,
	pipeline.CameraRetrying, pipeline.CameraEnded, pipeline.CameraStopped,
}

// Initialize makes the metrics and registers them. It fails when the registry has metrics of
// these names already.
func (m *Metrics) Initialize() error {
	if m.Directory == nil {
		return fmt.Errorf("metrics: no directory of cameras")
	}
	if m.Registry == nil {
		m.Registry = prometheus.NewRegistry()
		m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	m.cameras = map[string]*cameraMetrics{}
	m.stages = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "outrider_stage_seconds", Help: "Time that a frame spent in a stage.",
		Buckets: []float64{.001, .0025, .005, .01, .02, .04, .06, .08, .1, .15, .25, .5, 1, 2.5, 5},
	}, []string{"camera", "stage"})
	m.events = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "outrider_events_total", Help: "Events by kind.",
	}, []string{"kind"})
	for _, c := range []prometheus.Collector{m.stages, m.events, m} {
		if err := m.Registry.Register(c); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}

// Publish observes a result.
func (m *Metrics) Publish(r *pipeline.Result) {
	confirmed, lost := 0, 0
	for i := range r.Tracks {
		switch r.Tracks[i].State {
		case pipeline.Confirmed:
			confirmed++
		case pipeline.Lost:
			lost++
		}
	}
	m.mu.Lock()
	c := m.cameras[r.Frame.Camera]
	if c == nil {
		stage := func(name string) prometheus.Observer { return m.stages.WithLabelValues(r.Frame.Camera, name) }
		c = &cameraMetrics{queue: stage("queue"), segment: stage("segment"), track: stage("track"), total: stage("total")}
		m.cameras[r.Frame.Camera] = c
	}
	c.confirmed, c.lost, c.counts = confirmed, lost, r.Counts
	m.mu.Unlock()
	t := &r.Times
	observe(c.queue, t.Captured, t.Dequeued)
	observe(c.segment, t.Dequeued, t.Segmented)
	observe(c.track, t.Segmented, t.Done)
	observe(c.total, t.Captured, t.Done)
	for i := range r.Events {
		m.events.WithLabelValues(string(r.Events[i].Kind)).Inc()
	}
}

// observe counts the time from a to b, unless the frame passed one of them by.
func observe(o prometheus.Observer, a, b time.Time) {
	if !a.IsZero() && !b.IsZero() {
		o.Observe(b.Sub(a).Seconds())
	}
}

// Close does nothing: metrics have no goroutine.
func (m *Metrics) Close() error { return nil }

// Describe is part of prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descFrames, descDropped, descAge, descTracks, descState, descReconnects, descViewers, descCalib, descOccupancy, descEntries, descCrossings, descBuild} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descBuild, 1, m.Build.Version, m.Build.ORT, m.Build.OpenCV, m.Build.Provider)
	for _, name := range m.Directory.Cameras() {
		c, err := m.Directory.Status(name)
		if err != nil {
			continue // removed meanwhile
		}
		counter(descFrames, c.Frames, name, "captured")
		counter(descFrames, c.Processed, name, "analysed")
		counter(descDropped, c.Dropped, name, "newer frame")
		counter(descReconnects, c.Reconnects, name)
		if !c.LastFrame.IsZero() {
			gauge(descAge, time.Since(c.LastFrame).Seconds(), name)
		}
		for _, s := range cameraStates {
			v := 0.
			if c.State == s {
				v = 1
			}
			gauge(descState, v, name, string(s))
		}
		if k := c.Calibration; k != nil {
			for _, s := range [3]string{"UNCALIBRATED", "CALIBRATED", "INVALID"} {
				v := 0.
				if k.Status == s {
					v = 1
				}
				gauge(descCalib, v, name, s)
			}
		}
		if m.Viewers != nil {
			gauge(descViewers, float64(m.Viewers(name)), name)
		}
		confirmed, lost, counts := m.newest(name)
		gauge(descTracks, float64(confirmed), name, string(pipeline.Confirmed))
		gauge(descTracks, float64(lost), name, string(pipeline.Lost))
		if counts == nil {
			continue
		}
		for i := range counts.Zones {
			z := &counts.Zones[i]
			gauge(descOccupancy, float64(z.Inside), name, z.ID)
			counter(descEntries, z.Entered, name, z.ID, "outside")
			counter(descEntries, z.Appeared, name, z.ID, "inside")
		}
		for i := range counts.Lines {
			l := &counts.Lines[i]
			counter(descCrossings, l.In, name, l.ID, string(pipeline.In))
			counter(descCrossings, l.Out, name, l.ID, string(pipeline.Out))
		}
	}
}

// newest is what the newest result of a camera says.
func (m *Metrics) newest(camera string) (confirmed, lost int, counts *pipeline.Counts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.cameras[camera]; c != nil {
		return c.confirmed, c.lost, c.counts
	}
	return 0, 0, nil
}
