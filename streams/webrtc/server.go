package webrtc

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/webrtc/v4"

	"outrider/pipeline"
	"outrider/streams/vpx"
)

// Mode says whether frames wait for their results.
type Mode string

// The modes.
const (
	Exact Mode = "exact" // a frame waits for its own result, up to ExactBudget
	Live  Mode = "live"  // a frame never waits; what is drawn on it may be of an earlier one
)

// Painter draws a result into a picture: BGR, w x h, tight rows. One goroutine at a time uses
// it.
type Painter interface {
	Draw(pix []byte, w, h int, r *pipeline.Result)
}

// Server sends the cameras' pictures to browsers by WebRTC. It is a sink of the engine and
// the http.Handler of /whep/{camera} and /whep/{camera}/{session}. Fill the exported fields,
// call Initialize, then use it from any goroutine; Close ends all sessions and waits.
type Server struct {
	// Cameras returns the names of the cameras that there are; needed, called for each POST.
	Cameras func() []string
	// NewPainter makes what draws the overlay for ?overlay=1, one for each stream; nil refuses
	// such requests.
	NewPainter func() Painter

	Codec       Codec         // default VP8
	Mode        Mode          // default Exact
	ExactBudget time.Duration // default 120 ms
	Bitrate     int           // bits a second of one stream at most, default 2.5 million
	MinBitrate  int           // the floor that a slow viewer cannot push a stream below, default 200,000

	UDPPort    int      // all viewers share it; 0 for a free port each
	TCPPort    int      // for players behind firewalls that let no UDP through; 0 for none
	ICEServers []string // stun:host:port or turn:user:password@host:port, also told to players
	PublicIPs  []string // addresses to announce instead of the machine's own, behind a 1:1 NAT
	MDNS       bool     // resolve the .local names behind which browsers hide their addresses
	Loopback   bool     // announce loopback addresses too, for players that use them (browsers do not)

	MaxViewers     int           // sessions at once, default 32
	MaxPending     int           // of those, sessions that are not connected yet, default 16
	ConnectTimeout time.Duration // how long a session may take to connect, default 10 s

	// Origins are the pages of other origins that may ask (https://host:port), "*" for any;
	// none by default. Who may watch at all is the business of the handler in front.
	Origins []string
	Log     *slog.Logger // nil for none

	engine     pion.SettingEngine
	iceServers []pion.ICEServer
	links      []string
	sockets    []io.Closer
	figures    sync.Map // streamKey -> *counters
	wg         sync.WaitGroup

	// watched is what the engine's goroutines look at: replaced whole, never changed.
	watched atomic.Pointer[map[string][]*stream]

	mu       sync.Mutex // guards what follows
	sessions map[string]*viewer
	opening  int // sessions between their check and their entry in sessions
	streams  map[streamKey]*stream
	closed   bool
}

var (
	_ pipeline.FrameSink  = (*Server)(nil)
	_ pipeline.StatusSink = (*Server)(nil)
)

// Initialize checks the parameters and opens the shared ports. Nothing runs until a viewer
// comes.
func (s *Server) Initialize() error {
	if s.Cameras == nil {
		return errors.New("webrtc: no list of cameras")
	}
	s.setDefaults()
	switch {
	case s.Codec == H264 && !hasH264:
		return errors.New("webrtc: codec h264: this program was built without it; build with -tags x264 (libx264 makes it GPL), or use vp8")
	case s.Codec != VP8 && s.Codec != VP9 && s.Codec != H264:
		return fmt.Errorf("webrtc: codec %q: want %s, %s or %s", s.Codec, VP8, VP9, H264)
	case s.Mode != Exact && s.Mode != Live:
		return fmt.Errorf("webrtc: mode %q: want %s or %s", s.Mode, Exact, Live)
	case s.MinBitrate < vpx.MinBitrate || s.Bitrate < s.MinBitrate || s.Bitrate > vpx.MaxBitrate:
		return fmt.Errorf("webrtc: bit rate %d with a floor of %d: want %d to %d bit/s, the floor below", s.Bitrate, s.MinBitrate, vpx.MinBitrate, vpx.MaxBitrate)
	case s.UDPPort < 0 || s.UDPPort > 65535 || s.TCPPort < 0 || s.TCPPort > 65535:
		return fmt.Errorf("webrtc: ports %d and %d: want 0 to 65535", s.UDPPort, s.TCPPort)
	}
	for _, text := range s.ICEServers {
		i, err := parseICEServer(text)
		if err != nil {
			return fmt.Errorf("webrtc: %w", err)
		}
		s.iceServers = append(s.iceServers, i)
		s.links = append(s.links, iceLink(i))
	}
	if err := s.settings(); err != nil {
		return fmt.Errorf("webrtc: %w", errors.Join(err, s.closeSockets()))
	}
	s.sessions, s.streams = map[string]*viewer{}, map[streamKey]*stream{}
	s.watched.Store(&map[string][]*stream{})
	return nil
}

func (s *Server) setDefaults() {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Codec == "" {
		s.Codec = VP8
	}
	if s.Mode == "" {
		s.Mode = Exact
	}
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&s.Bitrate, 2_500_000)
	def(&s.MinBitrate, max(vpx.MinBitrate, min(200_000, s.Bitrate/4)))
	def(&s.MaxViewers, 32)
	def(&s.MaxPending, 16)
	if s.ExactBudget <= 0 {
		s.ExactBudget = 120 * time.Millisecond
	}
	if s.ConnectTimeout <= 0 {
		s.ConnectTimeout = 10 * time.Second
	}
}

// PushFrame takes a captured frame. It returns at once when nobody watches its camera, and
// never blocks.
func (s *Server) PushFrame(f *pipeline.Frame) {
	if m := s.watched.Load(); m != nil {
		for _, st := range (*m)[f.Camera] {
			st.pushFrame(f)
		}
	}
}

// Publish takes the result of a frame. It returns at once when nobody watches its camera, and
// never blocks.
func (s *Server) Publish(r *pipeline.Result) {
	if m := s.watched.Load(); m != nil {
		for _, st := range (*m)[r.Frame.Camera] {
			st.publish(r)
		}
	}
}

// CameraStatus takes a change of a camera's state. When a camera is taken away its sessions
// end: no picture would ever come, and a player that asks again learns why.
func (s *Server) CameraStatus(c pipeline.CameraStatus) {
	if c.State != pipeline.CameraStopped {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.sessions {
		if v.key.camera == c.Name {
			v.stop()
		}
	}
}

// Close ends all sessions, waits for their goroutines and closes the ports; twice is fine.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, v := range s.sessions {
		v.stop()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return s.closeSockets()
}

func (s *Server) closeSockets() error {
	s.mu.Lock()
	sockets := s.sockets
	s.sockets = nil
	s.mu.Unlock()
	var errs []error
	for _, c := range sockets {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// join adds a connected viewer to its stream, which it starts when it is the first. It
// returns nil when the server closes.
func (s *Server) join(v *viewer) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	st := s.streams[v.key]
	if st == nil {
		st = newStream(s, v.key)
		s.streams[v.key] = st
		s.show()
		s.wg.Go(st.run)
	}
	st.mu.Lock()
	st.viewers = append(st.viewers, v)
	st.mu.Unlock()
	st.count.viewers.Add(1)
	st.count.sessions.Add(1)
	return st
}

// forget takes a viewer out of its stream, ends the stream with its last viewer, and closes
// the connection.
func (s *Server) forget(v *viewer) {
	s.mu.Lock()
	if st := v.stream; st != nil {
		st.mu.Lock()
		st.viewers = slices.DeleteFunc(st.viewers, func(o *viewer) bool { return o == v })
		last := len(st.viewers) == 0
		st.mu.Unlock()
		st.count.viewers.Add(-1)
		if last {
			delete(s.streams, v.key)
			s.show()
			close(st.done)
		}
	}
	s.mu.Unlock()
	if err := v.peer.GracefulClose(); err != nil {
		s.Log.Debug("close a viewer's connection", "camera", v.key.camera, "error", err)
	}
	s.mu.Lock()
	delete(s.sessions, v.id)
	s.mu.Unlock()
}

// show makes the streams known to PushFrame and Publish. Call it with mu held.
func (s *Server) show() {
	m := map[string][]*stream{}
	for k, st := range s.streams {
		m[k.camera] = append(m[k.camera], st)
	}
	s.watched.Store(&m)
}

// keyRequest asks for a key frame of what a viewer gets, when its stream still runs.
func (s *Server) keyRequest(v *viewer) {
	if m := s.watched.Load(); m != nil {
		for _, st := range (*m)[v.key.camera] {
			if st.key == v.key {
				st.wantKey(int(v.rung.Load()))
			}
		}
	}
}
