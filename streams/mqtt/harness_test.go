package mqtt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/streams/mqtt"
)

// directory is a house of cameras without pictures.
type directory struct {
	mu      sync.Mutex
	status  map[string]pipeline.CameraStatus
	prompts map[string]*prompts
}

var _ mqtt.Directory = (*directory)(nil)

func newDirectory(names ...string) *directory {
	d := &directory{status: map[string]pipeline.CameraStatus{}, prompts: map[string]*prompts{}}
	for _, n := range names {
		d.set(n, pipeline.CameraStreaming)
	}
	return d
}

func (d *directory) set(name string, s pipeline.CameraState) pipeline.CameraStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := pipeline.CameraStatus{Name: name, Source: "test", State: s, Since: time.Now(), Width: 640, Height: 480, FPS: 12.5, CaptureFPS: 25, LatencyMS: 31.5}
	d.status[name] = st
	if d.prompts[name] == nil {
		d.prompts[name] = &prompts{}
	}
	return st
}

func (d *directory) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.status, name)
}

func (d *directory) Cameras() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := []string{}
	for n := range d.status {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func (d *directory) Status(name string) (pipeline.CameraStatus, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.status[name]
	if !ok {
		return s, &pipeline.UnknownCameraError{Name: name}
	}
	return s, nil
}

func (d *directory) Latest(string) (*pipeline.Result, error) { return nil, nil }

func (d *directory) Prompts(name string) (pipeline.Prompts, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.prompts[name]
	if !ok {
		return nil, &pipeline.UnknownCameraError{Name: name}
	}
	return p, nil
}

// prompts answers every prompt with a track, and knows the word "person" only.
type prompts struct {
	mu   sync.Mutex
	all  []pipeline.PromptStatus
	hang bool
}

func (p *prompts) Create(ctx context.Context, q pipeline.Prompt) (pipeline.PromptStatus, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hang {
		<-ctx.Done()
		return pipeline.PromptStatus{}, ctx.Err()
	}
	if err := q.Validate(640, 480); err != nil {
		return pipeline.PromptStatus{}, err
	}
	for _, w := range q.Text {
		if w != "person" {
			return pipeline.PromptStatus{}, &pipeline.UnknownTextError{Text: w, Near: []string{"person"}}
		}
	}
	if q.ID == "" {
		q.ID = fmt.Sprintf("p%d", len(p.all)+1)
	}
	for _, o := range p.all {
		if o.ID == q.ID {
			return pipeline.PromptStatus{}, pipeline.ErrPromptExists
		}
	}
	s := pipeline.PromptStatus{Prompt: q, State: pipeline.PromptTracking, TrackID: 7, Score: .9}
	p.all = append(p.all, s)
	return s, nil
}

func (p *prompts) List() []pipeline.PromptStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]pipeline.PromptStatus(nil), p.all...)
}

func (p *prompts) Get(id string) (pipeline.PromptStatus, error) {
	for _, s := range p.List() {
		if s.ID == id {
			return s, nil
		}
	}
	return pipeline.PromptStatus{}, pipeline.ErrNoPrompt
}

func (p *prompts) Delete(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.all {
		if p.all[i].ID == id {
			p.all = append(p.all[:i], p.all[i+1:]...)
			return nil
		}
	}
	return pipeline.ErrNoPrompt
}

func (p *prompts) Change(_ context.Context, id string, _ pipeline.PromptChange) (pipeline.PromptStatus, error) {
	return p.Get(id)
}

func (p *prompts) Levels(id string) (pipeline.Levels, error) {
	_, err := p.Get(id)
	return pipeline.Levels{}, err
}

func (p *prompts) TrackLevels(uint64) (pipeline.Levels, error) {
	return pipeline.Levels{}, pipeline.ErrNoTrack
}

// track is a confirmed track of 40 x 80 pixels with a mask.
func track(id uint64, label string, x, y float64) pipeline.Track {
	m := mask.New(mask.FrameGrid(640, 480), mask.FrameGrid(640, 480).Bounds())
	for r := int(y); r < int(y)+80; r++ {
		for c := int(x); c < int(x)+40; c++ {
			m.Set(c, r)
		}
	}
	return pipeline.Track{
		ID: id, Label: label, Score: .8, State: pipeline.Confirmed, Observed: true, Segment: -1, Mask: m,
		Box: pipeline.Box{X1: x, Y1: y, X2: x + 40, Y2: y + 80}, FirstSeen: epoch, LastSeen: epoch.Add(time.Second),
	}
}

var epoch = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// result is a frame of a camera taken at seconds after epoch.
func result(camera string, at float64, tracks []pipeline.Track, events ...pipeline.Event) *pipeline.Result {
	f, err := pipeline.NewFrame(camera, 640, 480, make([]byte, 3*640*480))
	if err != nil {
		panic(err)
	}
	f.Seq, f.Captured = uint64(at*10), epoch.Add(time.Duration(at*float64(time.Second)))
	r := pipeline.NewResult(f)
	f.Release()
	r.Tracks, r.Events = tracks, events
	for i := range r.Events {
		e := &r.Events[i]
		e.Camera, e.Time, e.Seq = camera, f.Captured, f.Seq
		if e.ID == "" {
			e.ID = fmt.Sprintf("%s-%d-%s-%d", camera, e.Track.ID, e.Kind, int(at*1000))
		}
	}
	return r
}

func event(kind pipeline.EventKind, t pipeline.Track) pipeline.Event {
	return pipeline.Event{Kind: kind, Track: t}
}

// publish gives a result to sinks and lets it go.
func publish(r *pipeline.Result, sinks ...pipeline.Sink) {
	for _, s := range sinks {
		s.Publish(r)
	}
	r.Release()
}

// startPublisher runs p until the test ends.
func startPublisher(t *testing.T, p *mqtt.Publisher) *mqtt.Publisher {
	t.Helper()
	if err := p.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// eventually waits for ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// message is what a watcher saw.
type message struct {
	topic, payload string
	retained       bool
}

// watcher is a client that notes all messages of a filter.
type watcher struct {
	client paho.Client
	mu     sync.Mutex
	seen   []message
}

func watch(t *testing.T, addr, filter string) *watcher {
	t.Helper()
	return watchWith(t, addr, filter, "watcher-"+t.Name(), "", "")
}

func (w *watcher) all() []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]message(nil), w.seen...)
}

// on returns the payloads of a topic.
func (w *watcher) on(topic string) []string {
	var out []string
	for _, m := range w.all() {
		if m.topic == topic {
			out = append(out, m.payload)
		}
	}
	return out
}

// last is the newest payload of a topic, "" when there is none.
func (w *watcher) last(topic string) string {
	if all := w.on(topic); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

func (w *watcher) send(t *testing.T, topic string, payload []byte) {
	t.Helper()
	if tok := w.client.Publish(topic, 1, false, payload); !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
		t.Fatalf("publish to %s: %v", topic, tok.Error())
	}
}

// kept waits until the broker has a retained message for who comes later. It acknowledges
// the publication before that.
func kept(t *testing.T, addr, topic, user, password string) {
	t.Helper()
	n := 0
	eventually(t, "the retained message of "+topic, func() bool {
		n++
		w := watchWith(t, addr, topic, fmt.Sprintf("kept-%d-%s", n, t.Name()), user, password)
		defer w.client.Disconnect(0)
		for range 20 {
			if len(w.on(topic)) > 0 {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return false
	})
}

// told is an event as a subscriber reads it.
type told struct {
	Type   string
	Before map[string]any
	After  struct {
		ID         string
		Label      string
		TopScore   float64 `json:"top_score"`
		EndTime    *float64
		Stationary bool
		Ext        struct {
			EventID  string   `json:"event_id"`
			EventSeq uint64   `json:"event_seq"`
			TrackID  uint64   `json:"track_id"`
			Mask     mask.RLE `json:"mask"`
			Polygon  [][2]float64
			Reason   string
		}
	}
}

func readEvents(t *testing.T, payloads []string) []told {
	t.Helper()
	out := make([]told, len(payloads))
	for i, p := range payloads {
		if err := json.Unmarshal([]byte(p), &out[i]); err != nil {
			t.Fatalf("event %d: %v: %s", i, err, p)
		}
	}
	return out
}

// schemaOf picks the schema of a topic, "" for payloads that are no JSON.
func schemaOf(prefix, topic string) string {
	switch {
	case topic == prefix+"/events":
		return "event"
	case topic == prefix+"/stats":
		return "stats"
	case strings.HasPrefix(topic, "homeassistant/device/"):
		return "ha_device"
	case topic == prefix+"/reviews":
		return "review"
	case strings.HasSuffix(topic, "/state") && strings.Count(strings.TrimPrefix(topic, prefix), "/") == 2:
		return "camera_state" // the third level is a switch
	case strings.HasSuffix(topic, "/event"):
		return "camera_event"
	case strings.HasSuffix(topic, "/prompt/result"):
		return "prompt_result"
	}
	return ""
}

var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := mqtt.Schemas.ReadDir("schema")
	if err != nil {
		return nil, err
	}
	out := map[string]*jsonschema.Schema{}
	for _, f := range files {
		b, err := mqtt.Schemas.ReadFile("schema/" + f.Name())
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource(f.Name(), doc); err != nil {
			return nil, err
		}
		if out[strings.TrimSuffix(f.Name(), ".json")], err = c.Compile(f.Name()); err != nil {
			return nil, err
		}
	}
	return out, nil
})

// validate holds a payload against a published schema.
func validate(name string, payload []byte) error {
	all, err := schemas()
	if err != nil {
		return err
	}
	if all[name] == nil {
		return errors.New("no schema " + name)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return err
	}
	return all[name].Validate(doc)
}

// mosquitto is a broker in a process of its own, which can be killed and started again on the
// same port and files.
type mosquitto struct {
	t      *testing.T
	bin    string
	config string
	addr   string
	cmd    *exec.Cmd
}

// startMosquitto starts one; extra are lines for its configuration.
func startMosquitto(t *testing.T, extra ...string) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, bin: mosquittoTool(t, "mosquitto")}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(m.addr)
	dir := t.TempDir()
	os.Chmod(dir, 0o777)
	m.config = filepath.Join(dir, "m.conf")
	lines := []string{
		"listener " + port + " 127.0.0.1", "persistence true", "persistence_location " + dir + "/",
		"max_queued_messages 0", "max_inflight_messages 0",
	}
	if os.Getuid() == 0 {
		lines = append(lines, "user root")
	}
	if len(extra) == 0 {
		extra = []string{"allow_anonymous true"}
	}
	lines = append(lines, extra...)
	if err := os.WriteFile(m.config, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.cmd = exec.Command(m.bin, "-c", m.config)
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	eventually(m.t, "mosquitto accepts", func() bool {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// terminate lets it write its file first.
func (m *mosquitto) terminate() {
	m.t.Helper()
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
	m.cmd.Wait()
	m.cmd = nil
}

func (m *mosquitto) kill() {
	if m.cmd != nil {
		m.cmd.Process.Kill()
		m.cmd.Wait()
		m.cmd = nil
	}
}
