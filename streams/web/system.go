package web

import (
	"bytes"
	"math"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"outrider/pipeline"
)

type systemInfo struct {
	Build      Build          `json:"build"`
	Go         string         `json:"go"`
	Started    time.Time      `json:"started"`
	Uptime     float64        `json:"uptime_s"`
	CPUs       int            `json:"cpus"`
	Goroutines int            `json:"goroutines"`
	Heap       uint64         `json:"heap_bytes"`
	RSS        uint64         `json:"rss_bytes,omitempty"` // the whole process, where the platform tells
	Storage    *Storage       `json:"storage,omitempty"`
	Problems   []string       `json:"problems"` // what needs somebody now, empty when nothing does
	Cameras    []cameraHealth `json:"cameras"`
}

// cameraHealth is a camera with the time that its frames spend in each stage.
type cameraHealth struct {
	pipeline.CameraStatus
	Stages stageTimes `json:"stages_ms"`
}

// stageTimes are milliseconds, smoothed over some dozen frames.
type stageTimes struct {
	Queue   float64 `json:"queue"`
	Segment float64 `json:"segment"`
	Track   float64 `json:"track"`
}

// Storage is what recordings take on the disk.
type Storage struct {
	Bytes int64 `json:"bytes"`
	Limit int64 `json:"limit_bytes"`
}

// stages smooth the stage times of all cameras. The zero value is ready; safe for concurrent
// use; an observed frame allocates nothing.
type stages struct {
	mu sync.Mutex
	by map[string]*stageTimes
}

func (s *stages) observe(camera string, t *pipeline.Times) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.by[camera]
	if c == nil {
		if s.by == nil {
			s.by = map[string]*stageTimes{}
		}
		c = &stageTimes{}
		s.by[camera] = c
	}
	for _, x := range [3]struct {
		to       *float64
		from, at time.Time
	}{{&c.Queue, t.Captured, t.Dequeued}, {&c.Segment, t.Dequeued, t.Segmented}, {&c.Track, t.Segmented, t.Done}} {
		if x.from.IsZero() || x.at.IsZero() {
			continue
		}
		ms := x.at.Sub(x.from).Seconds() * 1000
		if *x.to == 0 {
			*x.to = ms
		}
		*x.to += (ms - *x.to) / 16
	}
}

func (s *stages) of(camera string) stageTimes {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out stageTimes
	if c := s.by[camera]; c != nil {
		round := func(v float64) float64 { return math.Round(v*10) / 10 }
		out = stageTimes{round(c.Queue), round(c.Segment), round(c.Track)}
	}
	return out
}

func (s *Server) system(w http.ResponseWriter, _ *http.Request) error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	info := systemInfo{
		Build: s.Build, Go: runtime.Version(), Started: s.started,
		Uptime: time.Since(s.started).Round(time.Millisecond).Seconds(),
		CPUs:   runtime.NumCPU(), Goroutines: runtime.NumGoroutine(),
		Heap: m.HeapAlloc, RSS: residentBytes(), Problems: []string{}, Cameras: []cameraHealth{},
	}
	for _, c := range s.statuses() {
		info.Cameras = append(info.Cameras, cameraHealth{c, s.stages.of(c.Name)})
	}
	if s.Problems != nil {
		info.Problems = append(info.Problems, s.Problems()...)
	}
	if s.Storage != nil {
		st := s.Storage()
		info.Storage = &st
	}
	return writeJSON(w, http.StatusOK, info)
}

// residentBytes is the process's resident memory by /proc/self/statm (its second number, in
// pages); 0 where there is none.
func residentBytes() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0
	}
	n, err := strconv.ParseUint(string(f[1]), 10, 64)
	if err != nil {
		return 0
	}
	return n * uint64(os.Getpagesize())
}

// health is also the page's clock: it compares Time with its own.
type health struct {
	Status string    `json:"status"`
	Time   time.Time `json:"time"`
}

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, health{"ok", time.Now()})
}

// readyz says whether the service does its work.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) error {
	if s.Ready != nil {
		if err := s.Ready(); err != nil {
			return problem(http.StatusServiceUnavailable, "%v", err)
		}
	}
	return writeJSON(w, http.StatusOK, health{"ready", time.Now()})
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	if s.Registry == nil {
		return problem(http.StatusServiceUnavailable, "metrics are off in this process")
	}
	promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}
