package web

import (
	"bytes"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"outrider/pipeline"
)

type systemInfo struct {
	Build      Build                   `json:"build"`
	Go         string                  `json:"go"`
	Started    time.Time               `json:"started"`
	Uptime     float64                 `json:"uptime_s"`
	CPUs       int                     `json:"cpus"`
	Goroutines int                     `json:"goroutines"`
	Heap       uint64                  `json:"heap_bytes"`
	RSS        uint64                  `json:"rss_bytes,omitempty"` // the whole process, where the platform tells
	Cameras    []pipeline.CameraStatus `json:"cameras"`
}

func (s *Server) system(w http.ResponseWriter, _ *http.Request) error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return writeJSON(w, http.StatusOK, systemInfo{
		Build: s.Build, Go: runtime.Version(), Started: s.started,
		Uptime: time.Since(s.started).Round(time.Millisecond).Seconds(),
		CPUs:   runtime.NumCPU(), Goroutines: runtime.NumGoroutine(),
		Heap: m.HeapAlloc, RSS: residentBytes(), Cameras: s.statuses(),
	})
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
