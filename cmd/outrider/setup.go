package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
	"outrider/streams/capture"
	"outrider/streams/export"
	"outrider/streams/web"
)

// setup is how people change the running program: the configuration file, and the cameras. It
// compares the new configuration with the old one and touches only what differs; a text that
// is wrong changes nothing.
type setup struct {
	service *service
	file    string                            // the configuration file, "" when there is none
	overlay func(config.Config) config.Config // lays the command line's flags over a file

	mu sync.Mutex // one change at a time
}

var _ web.Setup = (*setup)(nil)

// text is the file as it is now.
func (s *setup) text() ([]byte, error) {
	if s.file == "" {
		return []byte("# outrider runs without a configuration file: start it with -c FILE to keep changes.\n"), nil
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return b, nil
}

func versionOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Config implements web.Setup.
func (s *setup) Config() (web.ConfigText, error) {
	b, err := s.text()
	if err != nil {
		return web.ConfigText{}, err
	}
	hidden, err := config.Hide(b, hideSecret)
	if err != nil {
		// A file that cannot be read may hold secrets anywhere.
		return web.ConfigText{}, fault(err)
	}
	return web.ConfigText{Text: hidden, Version: versionOf(b), File: s.file}, nil
}

// fault is an error of the configuration as the API tells it.
func fault(err error) error {
	var e *config.Error
	if errors.As(err, &e) {
		reason := e.Reason
		if e.Line > 0 {
			reason = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
		}
		return &web.ConfigError{Line: e.Line, Column: e.Column, Reason: reason}
	}
	return err
}

// parse reads a text in which secrets may be hidden. It returns the text with the secrets too.
func (s *setup) parse(text []byte) (config.Config, []byte, error) {
	before, err := s.text()
	if err != nil {
		return config.Config{}, nil, err
	}
	if text, err = config.Reveal(text, before, revealSecret); err != nil {
		return config.Config{}, nil, fault(err)
	}
	c, err := config.Parse("", text, nil)
	if err != nil {
		return c, nil, fault(err)
	}
	return s.overlay(c), text, nil
}

// Check implements web.Setup.
func (s *setup) Check(text []byte) (web.ConfigChanges, error) {
	c, _, err := s.parse(text)
	if err != nil {
		return web.ConfigChanges{}, err
	}
	return compare(s.service.config(), c), nil
}

// Apply implements web.Setup.
func (s *setup) Apply(ctx context.Context, text []byte, version string) (web.ConfigChanges, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == "" {
		return web.ConfigChanges{}, web.ErrNoConfigFile
	}
	now, err := s.text()
	if err != nil {
		return web.ConfigChanges{}, err
	}
	if version != versionOf(now) {
		return web.ConfigChanges{}, web.ErrConfigChanged
	}
	c, text, err := s.parse(text)
	if err != nil {
		return web.ConfigChanges{}, err
	}
	return s.replace(c, now, text)
}

// replace writes a new text and brings the program in line. Call it with mu held.
func (s *setup) replace(c config.Config, old, text []byte) (web.ConfigChanges, error) {
	changes := compare(s.service.config(), c)
	if err := writeFile(s.file, text); err != nil {
		return web.ConfigChanges{}, fmt.Errorf("write the configuration: %w", err)
	}
	if err := s.service.adopt(c); err != nil {
		return web.ConfigChanges{}, errors.Join(&web.ConfigError{Reason: fmt.Sprintf("%v; the file is as it was", err)}, writeFile(s.file, old))
	}
	return changes, nil
}

// Reload implements web.Setup.
func (s *setup) Reload(context.Context) (web.ConfigChanges, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == "" {
		return web.ConfigChanges{}, web.ErrNoConfigFile
	}
	c, err := config.Load(s.file, nil)
	if err != nil {
		return web.ConfigChanges{}, fault(err)
	}
	c = s.overlay(c)
	changes := compare(s.service.config(), c)
	if err := s.service.adopt(c); err != nil {
		return web.ConfigChanges{}, &web.ConfigError{Reason: err.Error()}
	}
	return changes, nil
}

// writeFile replaces a file at once or not at all, and keeps its mode.
func writeFile(path string, b []byte) error {
	mode := os.FileMode(0o600) // it may hold passwords
	if i, err := os.Stat(path); err == nil {
		mode = i.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Camera implements web.Setup.
func (s *setup) Camera(name string) (web.CameraSettings, error) {
	c, err := s.camera(name)
	if err != nil {
		return web.CameraSettings{}, err
	}
	source := hideSecret("cameras."+name+".source", c.Source.Reveal())
	return web.CameraSettings{Source: &source, Rate: &c.Rate, RTSPTransport: &c.RTSPTransport, Rotate: &c.Rotate, Loop: &c.Loop}, nil
}

func (s *setup) camera(name string) (config.Camera, error) {
	cams := s.service.config().Cameras
	c, ok := cams[name]
	if !ok {
		return c, &pipeline.UnknownCameraError{Name: name, Known: sortedNames(cams)}
	}
	return c, nil
}

// with lays settings over a camera and returns the keys that are given, as the file has them.
func with(c config.Camera, q web.CameraSettings) (config.Camera, []config.Setting, error) {
	var out []config.Setting
	if q.Source != nil {
		source, err := revealSecret("source", *q.Source, c.Source.Reveal())
		if err != nil {
			return c, nil, &web.ConfigError{Field: "source", Reason: "source: " + err.Error()}
		}
		if source != c.Source.Reveal() {
			if strings.Contains(source, "${") || strings.HasPrefix(source, "file:") {
				return c, nil, &web.ConfigError{Field: "source", Reason: "source: ${NAME} and file: are taken in the text of the configuration only"}
			}
			c.Source = config.Secret(source)
			out = append(out, config.Quoted("source", source))
		}
	}
	if q.Rate != nil {
		c.Rate = *q.Rate
		out = append(out, config.Setting{Key: "rate", Value: strconv.FormatFloat(c.Rate, 'g', -1, 64)})
	}
	if q.RTSPTransport != nil {
		c.RTSPTransport = *q.RTSPTransport
		out = append(out, config.Quoted("rtsp_transport", c.RTSPTransport))
	}
	if q.Rotate != nil {
		c.Rotate = *q.Rotate
		out = append(out, config.Setting{Key: "rotate", Value: strconv.Itoa(c.Rotate)})
	}
	if q.Loop != nil {
		c.Loop = *q.Loop
		out = append(out, config.Setting{Key: "loop", Value: strconv.FormatBool(c.Loop)})
	}
	return c, out, nil
}

// AddCamera implements web.Setup.
func (s *setup) AddCamera(_ context.Context, name string, q web.CameraSettings) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.camera(name); err == nil {
		return false, fmt.Errorf("camera %q: %w", name, web.ErrCameraExists)
	}
	cam, keys, err := with(config.DefaultCamera(), q)
	if err != nil {
		return false, err
	}
	return s.change(func(cams map[string]config.Camera) { cams[name] = cam },
		func(text []byte) ([]byte, error) { return config.AddCamera(text, name, keys) })
}

// SetCamera implements web.Setup.
func (s *setup) SetCamera(_ context.Context, name string, q web.CameraSettings) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.camera(name)
	if err != nil {
		return false, err
	}
	cam, keys, err := with(old, q)
	if err != nil {
		return false, err
	}
	return s.change(func(cams map[string]config.Camera) { cams[name] = cam },
		func(text []byte) ([]byte, error) { return config.SetCamera(text, name, keys) })
}

// RemoveCamera implements web.Setup.
func (s *setup) RemoveCamera(_ context.Context, name string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.camera(name); err != nil {
		return false, err
	}
	return s.change(func(cams map[string]config.Camera) { delete(cams, name) },
		func(text []byte) ([]byte, error) { return config.RemoveCamera(text, name) })
}

// change changes the cameras, in the file too when there is one. saved tells whether it did.
// Call it with mu held.
func (s *setup) change(edit func(map[string]config.Camera), rewrite func([]byte) ([]byte, error)) (saved bool, err error) {
	var old []byte
	c := s.service.config()
	if s.file != "" {
		if old, err = s.text(); err != nil {
			return false, err
		}
		if c, err = config.Parse("", old, nil); err != nil {
			return false, fault(err)
		}
	}
	c.Cameras = maps.Clone(c.Cameras)
	if c.Cameras == nil {
		c.Cameras = map[string]config.Camera{}
	}
	edit(c.Cameras)
	if err := c.Validate(); err != nil {
		return false, fault(err)
	}
	if s.file == "" {
		if err := s.service.adopt(c); err != nil {
			return false, &web.ConfigError{Reason: err.Error()}
		}
		return false, nil
	}
	text, err := rewrite(old)
	if err != nil {
		return false, &web.ConfigError{Reason: err.Error()}
	}
	// The editing of text is clever; what it says must be just what was meant.
	got, err := config.Parse("", text, nil)
	if err != nil {
		return false, fault(err)
	}
	if !reflect.DeepEqual(got.Cameras, c.Cameras) {
		return false, &web.ConfigError{Reason: "the file is written in a way that cannot be changed here: change its text"}
	}
	all := s.overlay(got)
	if len(got.Cameras) > 0 && !reflect.DeepEqual(all.Cameras, got.Cameras) {
		return false, &web.ConfigError{Reason: "the cameras come from --source: start outrider without it to change them"}
	}
	_, err = s.replace(all, old, text)
	return err == nil, err
}

// compare says what changes from a to b.
func compare(a, b config.Config) web.ConfigChanges {
	var c web.ConfigChanges
	c.Keys = changedKeys(reflect.ValueOf(a), reflect.ValueOf(b), "")
	sort.Strings(c.Keys)
	for name, cam := range b.Cameras {
		old, there := a.Cameras[name]
		switch {
		case !there:
			c.Added = append(c.Added, name)
		case !reflect.DeepEqual(withoutPlaces(old), withoutPlaces(cam)):
			c.Restarts = append(c.Restarts, name)
		default:
			c.Keeps = append(c.Keeps, name)
		}
	}
	for name := range a.Cameras {
		if _, there := b.Cameras[name]; !there {
			c.Removed = append(c.Removed, name)
		}
	}
	for _, k := range c.Keys {
		if !strings.HasPrefix(k, "cameras.") {
			c.Later = append(c.Later, k)
		}
	}
	for _, l := range [][]string{c.Added, c.Removed, c.Restarts, c.Keeps} {
		sort.Strings(l)
	}
	return c
}

// withoutPlaces is a camera without its zones and lines, which change while it runs.
func withoutPlaces(c config.Camera) config.Camera {
	c.Zones, c.Lines = nil, nil
	return c
}

// changedKeys lists the keys of which a and b differ, down to single values and lists.
func changedKeys(a, b reflect.Value, key string) []string {
	at := func(name string) string { return strings.TrimPrefix(key+"."+name, ".") }
	var out []string
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			out = append(out, changedKeys(a.Field(i), b.Field(i), at(a.Type().Field(i).Tag.Get("yaml")))...)
		}
	case reflect.Map:
		names := map[string]bool{}
		for _, m := range []reflect.Value{a, b} {
			for _, k := range m.MapKeys() {
				names[k.String()] = true
			}
		}
		for n := range names {
			x, y := a.MapIndex(reflect.ValueOf(n)), b.MapIndex(reflect.ValueOf(n))
			if x.IsValid() && y.IsValid() {
				out = append(out, changedKeys(x, y, at(n))...)
			} else {
				out = append(out, at(n))
			}
		}
	default:
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			out = append(out, key)
		}
	}
	return out
}

var onlyVariable = regexp.MustCompile(`^\$\{[^}]*\}$`)

// hideSecret is a secret's value as people may see it. What only names a secret (a variable,
// a file) is no secret.
func hideSecret(key, value string) string {
	switch {
	case value == "" || onlyVariable.MatchString(value):
		return value
	case strings.HasSuffix(key, "password"):
		if strings.HasPrefix(value, "file:") {
			return value
		}
		return config.Hidden
	case !strings.Contains(value, "://"):
		return value // a file, a device, embedded, off
	}
	scheme, rest, _ := strings.Cut(value, "://")
	if user, after, ok := cutUser(rest); ok {
		if _, password, both := strings.Cut(user, ":"); both && onlyVariable.MatchString(password) {
			return value
		}
		rest = config.Hidden + "@" + after
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i] + "?" + config.Hidden
	}
	return scheme + "://" + rest
}

// cutUser cuts "user:password@host/path" at the last @.
func cutUser(rest string) (user, after string, ok bool) {
	i := strings.LastIndexByte(rest, '@')
	if i < 0 {
		return "", rest, false
	}
	return rest[:i], rest[i+1:], true
}

var errUnknownSecret = errors.New("*** stands for a secret that is known already, and none is: write it out")

// revealSecret puts what old has where value has ***: all of it, the user and password of a
// URL, its query.
func revealSecret(key, value, old string) (string, error) {
	if !strings.Contains(value, config.Hidden) {
		return value, nil
	}
	if old == "" {
		return "", errUnknownSecret
	}
	if value == hideSecret(key, old) {
		return old, nil
	}
	scheme, rest, isURL := strings.Cut(value, "://")
	_, oldRest, wasURL := strings.Cut(old, "://")
	if !isURL || !wasURL {
		return "", errUnknownSecret
	}
	oldUser, oldAfter, hadUser := cutUser(oldRest)
	if user, after, ok := cutUser(rest); ok && user == config.Hidden {
		// The password may go to another path, port and query of its host, to no other host.
		if !hadUser || host(after) != host(oldAfter) {
			return "", errors.New("the host has changed: write user and password out, they belong to the old one")
		}
		rest = oldUser + "@" + after
	}
	if head, query, ok := strings.Cut(rest, "?"); ok && query == config.Hidden {
		_, oldQuery, had := strings.Cut(oldAfter, "?")
		if !had || host(oldAfter) != host(head[strings.LastIndexByte(head, '@')+1:]) {
			return "", errUnknownSecret
		}
		rest = head + "?" + oldQuery
	}
	if strings.Contains(rest, config.Hidden) {
		return "", errUnknownSecret
	}
	return scheme + "://" + rest, nil
}

// host is the host of what follows the user in a URL.
func host(after string) string {
	if i := strings.IndexAny(after, "/?#"); i >= 0 {
		after = after[:i]
	}
	if h, _, err := net.SplitHostPort(after); err == nil {
		return strings.ToLower(h)
	}
	return strings.ToLower(after)
}

const (
	dialTimeout = 3 * time.Second
	// testFrames is how long a camera is watched for its rate.
	testFrames = 1500 * time.Millisecond
)

// TestCamera implements web.Setup.
func (s *setup) TestCamera(ctx context.Context, name string, q web.CameraSettings) web.CameraTest {
	var t web.CameraTest
	step := func(name string, f func() error) bool {
		from := time.Now()
		err := f()
		st := web.TestStep{Name: name, OK: err == nil, MS: float64(time.Since(from).Microseconds()/100) / 10}
		if err != nil {
			st.Error = err.Error()
		}
		t.Steps = append(t.Steps, st)
		return err == nil
	}
	base := config.DefaultCamera()
	if old, err := s.camera(name); err == nil {
		base = old
	}
	var src *capture.Source
	var cam config.Camera
	if !step("settings", func() (err error) {
		if cam, _, err = with(base, q); err != nil {
			return err
		}
		c := config.Default()
		c.Cameras = map[string]config.Camera{"test": cam}
		if err := c.Validate(); err != nil {
			return errors.New(strings.TrimPrefix(err.Error(), "cameras.test."))
		}
		src, err = s.service.open(cam)
		return err
	}) {
		return t
	}
	if address := dialable(cam.Source.Reveal()); address != "" {
		h, port, _ := net.SplitHostPort(address)
		if !step("resolve", func() error {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			if _, err := net.DefaultResolver.LookupHost(ctx, h); err != nil {
				return fmt.Errorf("the host name %q is unknown: check it, and the DNS of this machine", h)
			}
			return nil
		}) {
			return t
		}
		// Media may come by UDP, but every protocol here is controlled by TCP.
		if !step("connect", func() error {
			c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
			if err != nil {
				return fmt.Errorf("nothing answers at %s port %s: check address and port, and that the camera is on (%w)", h, port, errors.Unwrap(err))
			}
			return c.Close()
		}) {
			return t
		}
	}
	s.watch(ctx, src, &t, step)
	return t
}

// watch runs a source until its rate is known.
func (s *setup) watch(ctx context.Context, src *capture.Source, t *web.CameraTest, step func(string, func() error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	frames := make(chan *pipeline.Frame, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- src.Run(ctx, func(f *pipeline.Frame) {
			select {
			case frames <- f:
			case <-ctx.Done():
				f.Release()
			}
		})
	}()
	defer func() {
		cancel()
		for {
			select {
			case f := <-frames:
				f.Release()
			case <-ended:
				return
			}
		}
	}()
	var failed error
	next := func() *pipeline.Frame {
		select {
		case f := <-frames:
			return f
		case err := <-ended:
			ended <- err // for the one who waits at the end
			failed = err
		case <-ctx.Done():
			failed = errors.New("no picture came in time")
		}
		return nil
	}
	var last *pipeline.Frame
	if !step("open", func() error {
		if last = next(); last == nil {
			return failed
		}
		return nil
	}) {
		return
	}
	t.Width, t.Height = last.Width, last.Height
	from, n, until := time.Now(), 0, time.After(testFrames)
	t.OK = step("frames", func() error {
		for {
			select {
			case <-until:
				if n > 0 {
					t.FPS = float64(int(float64(n)/time.Since(from).Seconds()*10+.5)) / 10
				}
				return nil
			default:
			}
			f := next()
			if f == nil {
				if n > 0 || errors.Is(failed, io.EOF) {
					return nil // a short film
				}
				return failed
			}
			last.Release()
			last = f
			n++
		}
	})
	var img bytes.Buffer
	if err := export.WriteJPEG(&img, last.Data, last.Width, last.Height); err == nil {
		t.Image = img.Bytes()
	}
	last.Release()
}

// dialable is host:port of a network source, "" for others.
func dialable(source string) string {
	u, err := url.Parse(source)
	if err != nil {
		scheme, rest, ok := strings.Cut(source, "://") // a password that no URL may hold
		if !ok {
			return ""
		}
		_, after, _ := cutUser(rest)
		if u, err = url.Parse(scheme + "://" + after); err != nil {
			return ""
		}
	}
	port := map[string]string{"rtsp": "554", "rtsps": "322", "http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	if port == "" || u.Hostname() == "" {
		return ""
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return net.JoinHostPort(u.Hostname(), port)
}
