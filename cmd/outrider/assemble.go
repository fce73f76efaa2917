package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gocv.io/x/gocv"

	"outrider/cmd/outrider/config"
	"outrider/models"
	"outrider/models/levels"
	"outrider/models/ort"
	"outrider/pipeline"
	"outrider/pipeline/overlay"
	"outrider/streams/capture"
	"outrider/streams/mqtt"
	"outrider/streams/record"
	"outrider/streams/store"
	"outrider/streams/web"
	"outrider/streams/webrtc"
	"outrider/tracker"
	"outrider/tracker/obstacle"
	"outrider/tracker/prompt"
)

// service is the whole program as `outrider run` runs it: models, broker, store, sinks,
// engine, cameras, started in this order and stopped in reverse.
type service struct {
	Config config.Config // as of the start; later ones by config
	File   string        // the configuration file, "" when there is none
	// Overlay lays the command line's flags over a configuration file that is read anew.
	Overlay func(config.Config) config.Config
	Log     *slog.Logger

	models modelSet
	engine pipeline.Engine
	broker *mqtt.Broker
	store  *store.Store
	keeper *keeper
	record *record.Recorder
	mqtt   *mqtt.Publisher
	rtc    *webrtc.Server
	web    *web.Server
	setup  *setup
	ctx    context.Context // ends when the service is closed

	current  sync.Mutex // guards conf
	conf     config.Config
	adopting sync.Mutex // one adoption at a time
	chains   map[string]*chain
	places   *placesBook
	data     string // folder of what is kept

	closers []func() error // in the order of starting
	asking  sync.WaitGroup // prompts of the configuration that wait for their answer
	stop    context.CancelFunc
	closing sync.Once
	err     error
}

// Initialize starts everything. On an error, Close undoes what was started.
func (s *service) Initialize(ctx context.Context) error {
	ctx, s.stop = context.WithCancel(ctx)
	s.ctx, s.conf, s.chains = ctx, s.Config, map[string]*chain{}
	if s.Overlay == nil {
		s.Overlay = func(c config.Config) config.Config { return c }
	}
	s.setup = &setup{service: s, file: s.File, overlay: s.Overlay}
	s.models = *newModelSet(s.Config)
	s.models.Drivable = s.Config.Road()
	if err := s.models.Initialize(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.models.Close)
	if err := s.models.Fallback(); err != nil && s.Config.Model.Device != "auto" {
		s.Log.Warn("the model runs on another device than asked for", "device", s.models.Provider(), "error", err)
	}
	s.Log.Info("model loaded", "model", s.models.Name(), "device", s.models.Provider(), "threads", s.models.Threads())
	if err := s.startSinks(); err != nil {
		return err
	}
	s.engine.Segmenter = s.models.Segmenter()
	s.engine.Batch = pipeline.Batch{Max: s.Config.Batch.Max, Wait: s.Config.Batch.Wait.D()}
	s.engine.Log = s.Log
	if err := s.engine.Initialize(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.closeChains, s.engine.Close) // in reverse: when no frame comes any more
	s.keeper = &keeper{Store: s.store, Encoder: s.Config.Text.Name, Log: s.Log}
	if err := s.keeper.Initialize(ctx); err != nil {
		return err
	}
	s.closers = append(s.closers, s.keeper.Close) // before the engine, which closes the store
	for _, name := range sortedNames(s.Config.Cameras) {
		if err := s.addCamera(name, s.Config.Cameras[name]); err != nil {
			return err
		}
	}
	s.keeper.idle(s.configured)
	return nil
}

// configured tells whether a camera is in the configuration.
func (s *service) configured(camera string) bool {
	_, ok := s.config().Cameras[camera]
	return ok
}

// closeChains ends what the chains of all cameras do beside the streams.
func (s *service) closeChains() error {
	var errs []error
	for _, c := range s.chains {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// sink adds a sink that has started; the engine closes it.
func (s *service) sink(k pipeline.Sink) { s.engine.Sinks = append(s.engine.Sinks, k) }

// startSinks starts broker, store, MQTT, WebRTC and web. The engine, which does not run yet,
// is their directory of cameras.
func (s *service) startSinks() error {
	c := s.Config
	dir, err := dataFolder(c.Store.Path)
	if err != nil {
		return err
	}
	s.data = dir
	s.store = &store.Store{Path: filepath.Join(dir, "outrider.db"), Retain: c.Store.Events.Retain.D(), Log: s.Log}
	if err := s.store.Initialize(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.store.Close)
	if c.MQTT.URL.Reveal() == "embedded" {
		s.broker = &mqtt.Broker{Addr: c.MQTT.Listen, Dir: filepath.Join(dir, "broker"), User: c.MQTT.User, Password: c.MQTT.Password.Reveal(), Log: s.Log}
		if err := s.broker.Initialize(); err != nil {
			return fmt.Errorf("%w; another broker may be running: choose another address with mqtt.listen, use that broker with --mqtt mqtt://%s, or none with --mqtt off", err, c.MQTT.Listen)
		}
		s.closers = append(s.closers, s.broker.Close)
	}
	s.sink(s.store)
	switches := &switches{service: s}
	s.places = &placesBook{keep: s.store, cameras: s.engine.Cameras}
	s.sink(s.places)
	s.record = &record.Recorder{
		Dir: filepath.Join(dir, "media"), Retain: c.Store.Events.Retain.D(), MaxBytes: int64(c.Store.Events.MaxSize),
		Options: switches.recording, Picture: s.picture, Log: s.Log,
	}
	if err := s.record.Initialize(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.record.Close)
	s.sink(s.record)
	if c.MQTT.URL.Reveal() != "off" {
		s.mqtt = &mqtt.Publisher{
			URL: c.MQTT.URL.Reveal(), Broker: s.broker, Prefix: c.MQTT.Prefix, Directory: &s.engine, Outbox: s.store, Switches: switches, TLS: mqtt.TLS(c.MQTT.TLS),
			HomeAssistant: c.MQTT.HomeAssistant, Version: version, DashboardURL: "http://" + c.Web.Listen, StatsInterval: c.MQTT.Stats.D(), Log: s.Log,
		}
		if err := s.mqtt.Initialize(); err != nil {
			return err
		}
		s.closers = append(s.closers, s.mqtt.Close)
		s.sink(s.mqtt)
	}
	s.rtc = &webrtc.Server{
		Cameras: s.engine.Cameras, NewPainter: func() webrtc.Painter { return &overlay.Painter{} },
		Codec: webrtc.Codec(c.WebRTC.Codec), Mode: webrtc.Mode(c.WebRTC.Mode), ExactBudget: c.WebRTC.ExactBudget.D(),
		Bitrate: c.WebRTC.Bitrate * 1000, UDPPort: c.WebRTC.UDPPort, TCPPort: c.WebRTC.TCPPort, MDNS: c.WebRTC.MDNS, Origins: c.WebRTC.Origins, ICEServers: c.WebRTC.ICEServers, PublicIPs: c.WebRTC.PublicIPs,
		MaxViewers: c.WebRTC.MaxViewers, Log: s.Log,
	}
	if err := s.rtc.Initialize(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.rtc.Close)
	s.sink(s.rtc)
	ortVersion, _ := ort.Version()
	build := web.Build{Version: version, Model: s.models.Name(), Provider: s.models.Provider(), ORT: ortVersion, OpenCV: gocv.OpenCVVersion()}
	metrics := &web.Metrics{Directory: &s.engine, Viewers: s.viewers, Build: build}
	if err := metrics.Initialize(); err != nil {
		return err
	}
	s.sink(metrics)
	s.web = &web.Server{
		Listen: c.Web.Listen, Hosts: c.Web.Hosts, Directory: &s.engine, WHEP: s.rtc, WHEPOrigins: c.WebRTC.Origins, Events: pastEvents{s.store},
		Recordings: recordings{s.record}, Storage: s.storage, Problems: s.problems, Setup: s.setup, SetupAnywhere: c.Web.Setup == "anywhere", Models: s.catalogue, Registry: metrics.Registry, Build: build, Ready: s.ready, Log: s.Log,
	}
	if err := s.web.Initialize(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.web.Close)
	s.sink(s.web)
	return nil
}

// ready says why the service does not do its work: it cannot keep events, or has cameras and
// sees through none of them.
func (s *service) ready() error {
	if err := s.store.Health(); err != nil {
		return err
	}
	var reasons []string
	for _, name := range s.engine.Cameras() {
		switch c, err := s.engine.Status(name); {
		case err != nil: // it has gone meanwhile
		case c.State == pipeline.CameraStreaming || c.State == pipeline.CameraEnded:
			return nil
		case c.Error != "":
			reasons = append(reasons, fmt.Sprintf("camera %q: %s: %s", name, c.State, c.Error))
		default:
			reasons = append(reasons, fmt.Sprintf("camera %q: %s", name, c.State))
		}
	}
	if len(reasons) > 0 {
		return errors.New(strings.Join(reasons, "; "))
	}
	return nil
}

// picture passes a new picture of a track on.
func (s *service) picture(camera, label string, jpeg []byte) {
	if s.mqtt != nil {
		s.mqtt.Picture(camera, label, jpeg)
	}
}

func (s *service) viewers(camera string) int {
	n := 0
	for _, st := range s.rtc.Stats().Streams {
		if st.Camera == camera {
			n += st.Viewers
		}
	}
	return n
}

// open makes the source of a camera; nothing is opened yet.
func (s *service) open(c config.Camera) (*capture.Source, error) {
	return capture.Open(c.Source.Reveal(), capture.Options{
		Loop: c.Loop, Paced: true, Rotate: c.Rotate, OpenTimeout: s.Config.Capture.OpenTimeout.D(),
		ReadTimeout: c.ReadTimeout.D(), Transport: c.RTSPTransport, Isolation: capture.Isolation(s.Config.Capture.Isolation),
	})
}

// addCamera starts a camera with the prompts of its configuration and those that users gave it
// in earlier runs.
func (s *service) addCamera(name string, c config.Camera) error {
	demo := c.Loop
	src, err := s.open(c)
	if err != nil {
		return &usageError{fmt.Errorf("camera %q: %w", name, err)}
	}
	k, err := newCalibration(filepath.Join(s.data, "calibration"), name, c.Calibration, s.Log)
	if err != nil {
		return err
	}
	chain := newChain(&s.models, src.Live())
	chain.tracker.FixedCamera = s.Config.Tracker.GMC == "off"
	if chain.places, err = s.places.open(s.ctx, name, c); err != nil {
		return err
	}
	chain.calibrate(k)
	if r := c.Road; r.Enabled {
		if chain.road, err = newRoadStage("", r.Speed, r.VehicleWidth); err != nil {
			return &usageError{fmt.Errorf("camera %q: road: %w", name, err)}
		}
		chain.road.Calibration = k.stage
	}
	cam := pipeline.Camera{
		Name: name, Display: src.Display(), Source: src, Stages: chain.stages(), Prompts: userPrompts{chain.prompts, name, s.keeper}, Places: chain.places,
		Live: src.Live(), Rate: c.Rate, Calibration: k,
	}
	if k := src.Kind(); k != capture.File && k != capture.Folder && !demo {
		cam.StallTimeout = max(s.Config.Capture.OpenTimeout.D(), c.ReadTimeout.D()) + 5*time.Second
	}
	s.keeper.watch(s.ctx, name, chain.prompts, func(id string) bool {
		return slices.ContainsFunc(c.Prompts, func(p config.Prompt) bool { return p.ID == id })
	})
	if err := s.engine.AddCamera(cam); err != nil {
		return err
	}
	s.chains[name] = chain
	for _, p := range c.Prompts {
		q, err := maskedPrompt(p)
		if err != nil {
			s.Log.Error("prompt refused", "camera", name, "prompt", p.ID, "error", err)
			continue
		}
		s.asking.Go(func() {
			if _, err := chain.prompts.Create(s.ctx, q); err != nil && s.ctx.Err() == nil {
				s.Log.Error("prompt refused", "camera", name, "prompt", p.ID, "error", err)
			}
		})
	}
	return nil
}

// maskedPrompt is a prompt of the configuration with its mask file read.
func maskedPrompt(p config.Prompt) (pipeline.Prompt, error) {
	q := p.Pipeline()
	if p.Mask == "" {
		return q, nil
	}
	var err error
	if q.Mask, err = readMask(p.Mask); err != nil {
		return q, fmt.Errorf("prompt %q: mask: %w", p.ID, err)
	}
	return q, q.Validate(0, 0)
}

// config is the configuration as of now.
func (s *service) config() config.Config {
	s.current.Lock()
	defer s.current.Unlock()
	return s.conf
}

// adopt brings the running cameras in line with a configuration that is valid: what is the
// same in both runs on. A camera whose source cannot be understood is an error, and nothing
// is changed. All other keys count from the next start.
func (s *service) adopt(next config.Config) error {
	s.adopting.Lock()
	defer s.adopting.Unlock()
	if s.ctx.Err() != nil {
		return errors.New("outrider is stopping")
	}
	now := s.config()
	changes := compare(now, next)
	started := append(slices.Clone(changes.Added), changes.Restarts...)
	for _, name := range started {
		if _, err := s.open(next.Cameras[name]); err != nil {
			return fmt.Errorf("camera %q: %w", name, err)
		}
	}
	for _, name := range append(slices.Clone(changes.Removed), changes.Restarts...) {
		s.keeper.unwatch(name)
		if err := s.engine.RemoveCamera(name); err != nil {
			return err
		}
		if c := s.chains[name]; c != nil {
			if err := c.Close(); err != nil {
				s.Log.Error("camera closed badly", "camera", name, "error", err)
			}
		}
		delete(s.chains, name)
	}
	s.current.Lock()
	s.conf = next
	s.current.Unlock()
	var errs []error
	for _, name := range changes.Keeps {
		errs = append(errs, s.places.adopt(name, next.Cameras[name]))
	}
	for _, name := range started {
		errs = append(errs, s.addCamera(name, next.Cameras[name]))
	}
	if len(changes.Removed) > 0 {
		s.keeper.idle(s.configured)
	}
	if len(changes.Later) > 0 {
		s.Log.Info("these keys count from the next start", "keys", strings.Join(changes.Later, ", "))
	}
	return errors.Join(errs...)
}

// storage is what recordings take.
func (s *service) storage() web.Storage {
	n, limit := s.record.Usage()
	return web.Storage{Bytes: n, Limit: limit}
}

// problems are what needs somebody now.
func (s *service) problems() []string {
	var out []string
	for what, err := range map[string]error{"events are not stored": s.store.Health(), "watching, not recording": s.record.Health()} {
		if err != nil {
			out = append(out, what+": "+err.Error())
		}
	}
	if err := s.models.Fallback(); err != nil && s.Config.Model.Device != "auto" {
		out = append(out, "the model runs on another device than asked for: "+err.Error())
	}
	slices.Sort(out)
	return out
}

// catalogue lists the models for the API.
func (s *service) catalogue() []web.Model {
	var out []web.Model
	for _, e := range models.Catalogue() {
		out = append(out, web.Model{
			Name: e.Name, Task: string(e.Task), Description: e.Description, Licence: e.Licence, Size: e.Size(), Input: e.Input,
			Installed: e.Embedded, Active: e.Name == s.models.Name() || e.Name == s.Config.Text.Name,
		})
	}
	return out
}

// Engine is the engine, for figures.
func (s *service) Engine() *pipeline.Engine { return &s.engine }

// URL is where the dashboard is.
func (s *service) URL() string {
	host, port, err := net.SplitHostPort(s.web.Addr().String())
	if err != nil {
		return "http://" + s.web.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Where says where to look, for people.
func (s *service) Where() []string {
	out := []string{
		fmt.Sprintf("outrider %s: %s on %s", version, s.models.Name(), s.models.Provider()),
		"dashboard   " + s.URL(),
	}
	switch {
	case s.broker != nil:
		out = append(out, fmt.Sprintf("MQTT        %s, topics %s/#   (mosquitto_sub -p %s -t '%s/#' -v)", s.broker.URL(), s.Config.MQTT.Prefix, port(s.broker.ListenAddr()), s.Config.MQTT.Prefix))
	case s.mqtt != nil:
		out = append(out, "MQTT        the broker of the configuration, topics "+s.Config.MQTT.Prefix+"/#")
	}
	return append(out, "cameras     "+strings.Join(s.engine.Cameras(), ", "), "stop with Ctrl-C")
}

func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return p
}

// Close stops everything in reverse order. It waits, and may be called twice.
func (s *service) Close() error {
	s.closing.Do(func() {
		if s.stop != nil {
			s.stop()
		}
		s.asking.Wait()
		var errs []error
		for i := len(s.closers) - 1; i >= 0; i-- {
			errs = append(errs, s.closers[i]())
		}
		s.err = errors.Join(errs...)
	})
	return s.err
}

// dataFolder is where databases live: the configured folder, or the user's data folder.
func dataFolder(path string) (string, error) {
	if path == "" {
		switch {
		case os.Getenv("XDG_DATA_HOME") != "":
			path = filepath.Join(os.Getenv("XDG_DATA_HOME"), "outrider")
		default:
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("find the data folder: %w; set store.path", err)
			}
			path = filepath.Join(home, ".local", "share", "outrider")
		}
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("make the data folder: %w; set store.path", err)
	}
	return path, nil
}

// pastEvents shows the store's events to the web server.
type pastEvents struct{ *store.Store }

// Query answers a page of events.
func (p pastEvents) Query(ctx context.Context, q web.EventQuery) (web.EventPage, error) {
	f := filterOf(q)
	if q.After != "" {
		cursor, err := p.CursorAfter(ctx, q.After)
		if err != nil {
			return web.EventPage{}, eventError(err)
		}
		f.Cursor, f.OldestFirst = cursor, true
	}
	page, err := p.Events(ctx, f)
	return web.EventPage(page), eventError(err)
}

// Event answers one event.
func (p pastEvents) Event(ctx context.Context, id string) (pipeline.ReviewedEvent, error) {
	e, err := p.Store.Event(ctx, id)
	return e, eventError(err)
}

// SetReview keeps what is said about an event.
func (p pastEvents) SetReview(ctx context.Context, id string, r pipeline.Review) error {
	return eventError(p.Store.SetReview(ctx, id, r))
}

// Summary counts events.
func (p pastEvents) Summary(ctx context.Context, q web.EventQuery, step time.Duration) ([]web.EventCount, error) {
	list, err := p.Store.Summary(ctx, filterOf(q), step)
	out := make([]web.EventCount, 0, len(list))
	for _, b := range list {
		out = append(out, web.EventCount(b))
	}
	return out, eventError(err)
}

func filterOf(q web.EventQuery) store.Filter {
	f := store.Filter{Camera: q.Camera, Label: q.Label, Zone: q.Zone, Line: q.Line, Unreviewed: q.Unreviewed, Flagged: q.Flagged, From: q.From, To: q.To, Cursor: q.Cursor, Limit: q.Limit}
	for _, k := range q.Kinds {
		f.Kinds = append(f.Kinds, pipeline.EventKind(k))
	}
	return f
}

// eventError is an error of the store in the web server's terms.
func eventError(err error) error {
	switch {
	case errors.Is(err, store.ErrNoEvent):
		return fmt.Errorf("%w: %w", web.ErrNoEvent, err)
	case errors.Is(err, store.ErrBadCursor):
		return web.ErrBadCursor
	}
	return err
}

// recordings shows the recorder's files to the web server.
type recordings struct{ *record.Recorder }

// Snapshot opens the best picture of a track.
func (r recordings) Snapshot(camera string, firstSeen time.Time, track uint64, marked bool) (fs.File, error) {
	f, err := r.Recorder.Snapshot(camera, firstSeen, track, marked)
	return f, recordingError(err)
}

// Clip opens the clip that shows a moment.
func (r recordings) Clip(camera string, at time.Time) (fs.File, error) {
	list := r.Clips(camera, at, at)
	if len(list) == 0 {
		return nil, web.ErrNoRecording
	}
	f, err := r.OpenClip(list[0])
	return f, recordingError(err)
}

// Protect keeps what shows a moment and a track, or gives it back to its fate.
func (r recordings) Protect(camera string, at, firstSeen time.Time, track uint64, keep bool) error {
	_, err := r.Recorder.Protect(camera, at, firstSeen, track, keep)
	return recordingError(err)
}

func recordingError(err error) error {
	if errors.Is(err, record.ErrNone) {
		return fmt.Errorf("%w: %w", web.ErrNoRecording, err)
	}
	return err
}

// chain is what one camera's frames go through after segmentation.
type chain struct {
	tracker *tracker.Tracker
	prompts *prompt.Set
	places  *places         // nil: nothing is counted
	road    *obstacle.Stage // nil for cameras that do not look at a road

	calibration *calibration // nil for none
}

// newChain makes the chain of one camera. On a live one the precise model works beside the
// stream, else the stream waits for it.
func newChain(m *modelSet, live bool) *chain {
	tr := &tracker.Tracker{}
	return &chain{
		tracker: tr,
		prompts: &prompt.Set{
			Tracks: tr, Texts: m.TextEncoder(), Images: m.ImageEncoder(), Labels: m.Text.Labels, Distractors: m.Distractors(),
			NewLadder: func() prompt.Ladder { return &levels.Ladder{} },
			Refiner:   m.Refiner(), Refine: prompt.Refine{Every: m.Model.RefineEvery.D(), Wait: !live},
		},
	}
}

// Close ends what the chain does beside the stream; after the last frame.
func (c *chain) Close() error { return c.prompts.Close() }

// calibrate gives the chain metres: the ground of each frame, and, for a camera that stands
// still, speeds over it.
func (c *chain) calibrate(k *calibration) {
	c.calibration = k
	if c.places != nil && c.places.counter.Ground == nil && !k.conf.Learn {
		c.places.counter.Ground = groundPlane{k.stage}
	}
}

func (c *chain) stages() []pipeline.Stage {
	list := []pipeline.Stage{c.tracker, c.prompts}
	if c.places != nil {
		list = append(list, c.places.counter)
	}
	if c.calibration != nil {
		list = append([]pipeline.Stage{c.calibration.stage}, list...)
	}
	if c.road != nil {
		list = append(list, c.road)
	}
	return list
}
