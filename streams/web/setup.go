package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Setup is the part of the program that people change while it runs: its configuration and
// its cameras. Safe for concurrent use. Secrets in what it hands out are ***; *** in what it
// takes means the value that is there already.
type Setup interface {
	// Config returns the configuration's text.
	Config() (ConfigText, error)
	// Check says what a text would change. A text that is wrong is a *ConfigError.
	Check(text []byte) (ConfigChanges, error)
	// Apply replaces the configuration by text, if its version is still the given one
	// (ErrConfigChanged else), and brings the program in line. ErrNoConfigFile: there is no
	// file to keep it in.
	Apply(ctx context.Context, text []byte, version string) (ConfigChanges, error)
	// Reload reads the file again and brings the program in line with it.
	Reload(ctx context.Context) (ConfigChanges, error)
	// TestCamera tries a camera without adding it.
	TestCamera(ctx context.Context, name string, c CameraSettings) CameraTest
	// Camera returns a camera's settings, or a *pipeline.UnknownCameraError.
	Camera(name string) (CameraSettings, error)
	// AddCamera adds a camera, SetCamera changes one, RemoveCamera takes one out; saved tells
	// whether a restart will know of it. A setting that is wrong is a *ConfigError.
	AddCamera(ctx context.Context, name string, c CameraSettings) (saved bool, err error)
	SetCamera(ctx context.Context, name string, c CameraSettings) (saved bool, err error)
	RemoveCamera(ctx context.Context, name string) (saved bool, err error)
}

// ConfigText is a configuration as people may see it.
type ConfigText struct {
	Text    []byte // YAML
	Version string // of exactly this text; letters and digits
	File    string // where it is kept, empty when nowhere
}

// ConfigChanges says what a new configuration does to the running program.
type ConfigChanges struct {
	Keys     []string `json:"keys"`     // that change, such as cameras.yard.source
	Added    []string `json:"added"`    // cameras
	Removed  []string `json:"removed"`  // cameras
	Restarts []string `json:"restarts"` // cameras that start anew
	Keeps    []string `json:"keeps"`    // cameras that run on
	Later    []string `json:"later"`    // keys that count from the next start of the program
}

// ConfigError is a fault in a configuration: where it is and what to do about it.
type ConfigError struct {
	Line, Column int // from 1; 0 when the fault has no place
	Field        string
	Reason       string
}

func (e *ConfigError) Error() string { return e.Reason }

// Errors of Setup.
var (
	ErrConfigChanged = errors.New("the configuration was changed meanwhile")
	ErrNoConfigFile  = errors.New("outrider was started without a configuration file: start it with -c FILE to keep changes")
	ErrCameraExists  = errors.New("a camera of this name exists")
)

// CameraSettings are the settings of one camera that people change most. Nil members are not
// given: a new camera takes the default, an existing one keeps what it has.
type CameraSettings struct {
	Source        *string  `json:"source,omitempty"` // *** in it stands for the secrets that are known
	Rate          *float64 `json:"rate,omitempty"`   // frames/s to analyse at most, 0 for all
	RTSPTransport *string  `json:"rtsp_transport,omitempty"`
	Rotate        *int     `json:"rotate,omitempty"`
	Loop          *bool    `json:"loop,omitempty"`
}

// CameraTest is the result of trying a camera: the steps that were taken, up to the first
// that failed, and what was seen.
type CameraTest struct {
	OK     bool       `json:"ok"`
	Steps  []TestStep `json:"steps"`
	Width  int        `json:"width,omitempty"`
	Height int        `json:"height,omitempty"`
	FPS    float64    `json:"fps,omitempty"`
	Image  []byte     `json:"image,omitempty"` // JPEG, base64 in JSON
}

// TestStep is one step of a camera test.
type TestStep struct {
	Name  string  `json:"name"` // settings, resolve, connect, open, frames
	OK    bool    `json:"ok"`
	MS    float64 `json:"ms"`
	Error string  `json:"error,omitempty"` // what went wrong and what to do
}

// cameraTestTime bounds the test of a camera.
const cameraTestTime = 25 * time.Second

// setup is the way to read and change settings. There are no users yet, so whoever is on
// another machine may not change anything unless SetupAnywhere says so: a camera's source can
// name any file of this machine and any pipeline.
func (s *Server) setup(r *http.Request) (Setup, error) {
	if s.Setup == nil {
		return nil, problem(http.StatusConflict, "this process cannot be configured while it runs")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !s.SetupAnywhere && !local(r) {
		return nil, problem(http.StatusForbidden, "cameras and configuration are changed from the machine that outrider runs on; set web.setup: anywhere to allow it from others, behind a proxy with a login")
	}
	return s.Setup, nil
}

// local tells whether a request comes from this machine.
func local(r *http.Request) bool {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

func (s *Server) getConfig(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	c, err := setup.Config()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("ETag", `"`+c.Version+`"`)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Config-Writable", fmt.Sprint(c.File != ""))
	if r.Header.Get("If-None-Match") == `"`+c.Version+`"` {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/yaml")
	_, _ = w.Write(c.Text) // the client is gone when this fails
	return nil
}

// readText reads a body of YAML.
func readText(r *http.Request) ([]byte, error) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch strings.TrimSpace(strings.ToLower(kind)) {
	case "application/yaml", "application/x-yaml", "text/yaml", "text/plain", "text/x-yaml":
	default:
		return nil, problem(http.StatusUnsupportedMediaType, "the body must be application/yaml, the request says %q", r.Header.Get("Content-Type"))
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (s *Server) checkConfig(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	text, err := readText(r)
	if err != nil {
		return err
	}
	c, err := setup.Check(text)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, c.full())
}

func (s *Server) putConfig(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	version := strings.Trim(strings.TrimPrefix(r.Header.Get("If-Match"), "W/"), `"`)
	if version == "" {
		return problem(http.StatusPreconditionRequired, "give the ETag of the configuration that you changed as If-Match, so that nobody else's change is lost")
	}
	text, err := readText(r)
	if err != nil {
		return err
	}
	changes, err := setup.Apply(r.Context(), text, version)
	if err != nil {
		return err
	}
	if c, err := setup.Config(); err == nil {
		w.Header().Set("ETag", `"`+c.Version+`"`)
	}
	s.hub.send("config", "", changes.full())
	return writeJSON(w, http.StatusOK, changes.full())
}

func (s *Server) reloadConfig(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	changes, err := setup.Reload(r.Context())
	if err != nil {
		return err
	}
	s.hub.send("config", "", changes.full())
	return writeJSON(w, http.StatusOK, changes.full())
}

// full is c with empty lists instead of missing ones.
func (c ConfigChanges) full() ConfigChanges {
	for _, l := range []*[]string{&c.Keys, &c.Added, &c.Removed, &c.Restarts, &c.Keeps, &c.Later} {
		if *l == nil {
			*l = []string{}
		}
	}
	return c
}

// newCamera is the body of POST /cameras and POST /cameras/test.
type newCamera struct {
	Name string `json:"name"`
	CameraSettings
}

// savedCamera answers a change of a camera.
type savedCamera struct {
	Name  string `json:"name"`
	Saved bool   `json:"saved"` // the configuration file has it; else it is gone at the next start
	CameraSettings
}

func (s *Server) testCamera(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	var q newCamera
	if err := readJSON(r, &q); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), cameraTestTime)
	defer cancel()
	t := setup.TestCamera(ctx, q.Name, q.CameraSettings)
	if t.Steps == nil {
		t.Steps = []TestStep{}
	}
	return writeJSON(w, http.StatusOK, t)
}

func (s *Server) addCamera(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	var q newCamera
	if err := readJSON(r, &q); err != nil {
		return err
	}
	saved, err := setup.AddCamera(r.Context(), q.Name, q.CameraSettings)
	if err != nil {
		return err
	}
	w.Header().Set("Location", api+"/cameras/"+url.PathEscape(q.Name))
	return s.writeSettings(w, setup, http.StatusCreated, q.Name, saved)
}

func (s *Server) patchCamera(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	var q CameraSettings
	if err := readJSON(r, &q); err != nil {
		return err
	}
	saved, err := setup.SetCamera(r.Context(), r.PathValue("cam"), q)
	if err != nil {
		return err
	}
	return s.writeSettings(w, setup, http.StatusOK, r.PathValue("cam"), saved)
}

func (s *Server) writeSettings(w http.ResponseWriter, setup Setup, status int, name string, saved bool) error {
	c, err := setup.Camera(name)
	if err != nil {
		return err
	}
	s.hub.send("config", "", ConfigChanges{Restarts: []string{name}}.full())
	return writeJSON(w, status, savedCamera{name, saved, c})
}

func (s *Server) cameraSettings(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	c, err := setup.Camera(r.PathValue("cam"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, c)
}

func (s *Server) deleteCamera(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.setup(r)
	if err != nil {
		return err
	}
	name := r.PathValue("cam")
	if _, err := setup.RemoveCamera(r.Context(), name); err != nil {
		return err
	}
	s.hub.send("config", "", ConfigChanges{Removed: []string{name}}.full())
	w.WriteHeader(http.StatusNoContent)
	return nil
}
