package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"outrider/pipeline"
)

// Server serves the API, the dashboard, WHEP and the metrics on one address.
//
// Fill the exported fields, call Initialize, then let the engine publish to it. Publish and
// CameraStatus never block. Close ends the streams, waits for the requests under way (at most
// two seconds) and may be called twice.
type Server struct {
	Listen      string   // host:port; port 0 takes a free one
	Hosts       []string // further names that browsers may use for this server
	Directory   Directory
	WHEP        http.Handler // serves /whep/{cam} and its sessions; nil: 503
	WHEPOrigins []string     // pages of other origins that WHEP is open to, "*" for any; its answers say so too
	Events      Events       // past events; nil: the newest few hundred, from memory
	Recordings  Recordings   // pictures and clips of the past; nil: none are kept
	Setup       Setup        // configuration and cameras; nil: nothing can be changed
	// SetupAnywhere lets other machines change what Setup changes; else only this one may.
	SetupAnywhere bool
	Models        func() []Model      // the catalogue; may be nil
	Registry      prometheus.Gatherer // behind /metrics; nil: 503
	Build         Build
	Storage       func() Storage  // what recordings take; may be nil
	Problems      func() []string // sentences about what needs somebody now; may be nil
	Ready         func() error    // why the service is not ready, nil when it is; may be nil
	Log           *slog.Logger    // nil for none

	hosts    hostList
	listener net.Listener
	http     *http.Server
	ctx      context.Context // ends the streams
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	started  time.Time
	assets   *assets
	hub      hub
	waiters  waiters
	changing sync.Mutex // from looking at a zone or line's tag to changing it
	stages   stages
	encoding chan struct{} // one element a JPEG being encoded
	movies   atomic.Int32  // open MJPEG streams

	reviewing sync.Mutex // a review is read, changed and written

	closing sync.Once
	err     error
}

var _ pipeline.StatusSink = (*Server)(nil)

// Build says what this program is made of.
type Build struct {
	Version  string `json:"version"`
	Model    string `json:"model,omitempty"`
	Provider string `json:"provider,omitempty"` // where the model runs
	ORT      string `json:"ort,omitempty"`
	OpenCV   string `json:"opencv,omitempty"`
}

// closeGrace is how long Close waits for requests under way.
const closeGrace = 2 * time.Second

// Initialize listens and serves. An address that is taken is an error that says so and names
// the way out.
func (s *Server) Initialize() error {
	if s.Directory == nil {
		return errors.New("web: no directory of cameras")
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	files, err := fs.Sub(uiFiles, "ui")
	if err != nil {
		return fmt.Errorf("web: dashboard: %w", err)
	}
	if s.assets, err = newAssets(files); err != nil {
		return fmt.Errorf("web: dashboard: %w", err)
	}
	l, err := net.Listen("tcp", s.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("web: listen on %s: the address is in use by another program (another outrider?); stop it or choose another with --listen: %w", s.Listen, err)
	case err != nil:
		return fmt.Errorf("web: listen on %q: %w; choose another address with --listen", s.Listen, err)
	}
	s.listener = l
	s.hosts = newHostList(l.Addr(), s.Listen, s.Hosts)
	s.started = time.Now()
	s.encoding = make(chan struct{}, 2)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           s.guard(s.mux()),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
	}
	s.wg.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.Log.Error("web server ended", "error", err)
		}
	})
	return nil
}

// Addr is the address the server listens on, nil before Initialize.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Publish takes a result's events to the streams and wakes who waits for a picture.
func (s *Server) Publish(r *pipeline.Result) {
	for i := range r.Events {
		s.hub.event(&r.Events[i])
	}
	s.stages.observe(r.Frame.Camera, &r.Times)
	s.waiters.wake(r.Frame.Camera)
}

// CameraStatus takes a camera's change to the streams.
func (s *Server) CameraStatus(c pipeline.CameraStatus) { s.hub.send("camera", "", c) }

// Close stops serving.
func (s *Server) Close() error {
	if s.http == nil {
		return nil
	}
	s.closing.Do(func() {
		s.cancel() // streams and long polls end by themselves
		ctx, done := context.WithTimeout(context.Background(), closeGrace)
		defer done()
		if err := s.http.Shutdown(ctx); err != nil {
			s.err = s.http.Close()
		}
		s.wg.Wait()
	})
	return s.err
}
