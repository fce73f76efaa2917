package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/streams/web"
	counting "outrider/tracker/event"
)

// yard is a directory of cameras that a test sets up and changes.
type yard struct {
	mu      sync.Mutex
	cameras map[string]*fakeCamera
}

type fakeCamera struct {
	status  pipeline.CameraStatus
	latest  *pipeline.Result
	prompts pipeline.Prompts
	places  pipeline.Places
	calib   fakeCalibration
}

// fakeCalibration takes any file that names a calibration.
type fakeCalibration struct {
	mu   sync.Mutex
	file []byte
}

func (f *fakeCalibration) Calibration() pipeline.Calibration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return pipeline.Calibration{Status: "UNCALIBRATED", Reason: "the lens is not known"}
	}
	return pipeline.Calibration{Status: "CALIBRATED", From: "given", Pitch: 2, Height: 1.4}
}

func (f *fakeCalibration) Settings() json.RawMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	return json.RawMessage(`{"fx":600}`)
}

func (f *fakeCalibration) SetCalibration(file []byte) error {
	if !bytes.Contains(file, []byte("calibration")) {
		return fmt.Errorf("%w: line 1: not a camera calibration", pipeline.ErrCalibration)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file = file
	return nil
}

func (f *fakeCalibration) ClearCalibration() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file = nil
	return nil
}

func newYard(names ...string) *yard {
	y := &yard{cameras: map[string]*fakeCamera{}}
	for _, n := range names {
		y.cameras[n] = &fakeCamera{
			status: pipeline.CameraStatus{
				Name: n, Source: "synth:squares", State: pipeline.CameraStreaming, Since: time.Now(),
				Width: 320, Height: 240, FPS: 9.5, CaptureFPS: 25, Frames: 100, Processed: 40, Dropped: 60, LatencyMS: 42.5,
			},
			prompts: &fakePrompts{camera: n, known: map[string]bool{"person": true}},
			places:  &counting.Counter{},
		}
	}
	return y
}

func (y *yard) get(name string) (*fakeCamera, error) {
	if c, ok := y.cameras[name]; ok {
		return c, nil
	}
	return nil, &pipeline.UnknownCameraError{Name: name, Known: y.names()}
}

func (y *yard) names() []string {
	var names []string
	for n := range y.cameras {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (y *yard) Cameras() []string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.names()
}

func (y *yard) Status(name string) (pipeline.CameraStatus, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	c, err := y.get(name)
	if err != nil {
		return pipeline.CameraStatus{}, err
	}
	return c.status, nil
}

func (y *yard) Latest(name string) (*pipeline.Result, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	c, err := y.get(name)
	if err != nil || c.latest == nil {
		return nil, err
	}
	return c.latest.Retain(), nil
}

func (y *yard) Prompts(name string) (pipeline.Prompts, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	c, err := y.get(name)
	if err != nil {
		return nil, err
	}
	if c.prompts == nil {
		return nil, fmt.Errorf("camera %q takes no prompts", name)
	}
	return c.prompts, nil
}

func (y *yard) Places(name string) (pipeline.Places, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	c, err := y.get(name)
	if err != nil {
		return nil, err
	}
	if c.places == nil {
		return nil, fmt.Errorf("camera %q has no zones and lines", name)
	}
	return c.places, nil
}

func (y *yard) Calibration(name string) (pipeline.Calibrator, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	c, err := y.get(name)
	if err != nil {
		return nil, err
	}
	return &c.calib, nil
}

// show makes r the newest result of its camera, as the engine does before it publishes.
func (y *yard) show(r *pipeline.Result) {
	y.mu.Lock()
	defer y.mu.Unlock()
	c := y.cameras[r.Frame.Camera]
	if c.latest != nil {
		c.latest.Release()
	}
	c.latest = r.Retain()
	c.status.Frames, c.status.LastFrame = r.Frame.Seq, r.Frame.Captured
}

// result is a frame of one grey colour with one track and one segment on the given box.
func result(t testing.TB, camera string, seq uint64, box pipeline.Box) *pipeline.Result {
	t.Helper()
	const w, h = 320, 240
	data := make([]byte, 3*w*h)
	for i := 0; i < len(data); i += 3 {
		data[i], data[i+1], data[i+2] = 200, 100, 50 // blue, green, red
	}
	f, err := pipeline.NewFrame(camera, w, h, data)
	if err != nil {
		t.Fatal(err)
	}
	f.Seq, f.Captured, f.Epoch = seq, time.Now(), 1
	r := pipeline.NewResult(f)
	f.Release()
	m := mask.New(mask.FrameGrid(w, h), mask.FrameGrid(w, h).Bounds())
	for y := int(box.Y1); y < int(box.Y2); y++ {
		for x := int(box.X1); x < int(box.X2); x++ {
			m.Set(x, y)
		}
	}
	r.Grid = m.Grid()
	r.Segments = append(r.Segments, pipeline.Segment{Box: box, Mask: m, Score: .9, Parent: -1})
	r.Tracks = append(r.Tracks, pipeline.Track{
		ID: 7, Box: box, Mask: m, State: pipeline.Confirmed, Observed: true, Score: .9, Label: "person",
		Epoch: 1, Hits: 3, FirstSeen: f.Captured.Add(-time.Second), LastSeen: f.Captured,
	})
	d := 12.5
	r.Obstacles = append(r.Obstacles, pipeline.Obstacle{TrackID: 7, Contact: pipeline.Point{X: 20, Y: 30}, Distance: &d, Motion: pipeline.MotionStatic, InCorridor: true, Level: 2})
	r.Times = pipeline.Times{Captured: f.Captured, Dequeued: f.Captured.Add(time.Millisecond),
		Segmented: f.Captured.Add(20 * time.Millisecond), Done: f.Captured.Add(25 * time.Millisecond)}
	return r
}

func event(camera, id string, kind pipeline.EventKind, at time.Time) pipeline.Event {
	return pipeline.Event{ID: id, Camera: camera, Kind: kind, Time: at, Seq: 3, Track: pipeline.Track{
		ID: 7, State: pipeline.Confirmed, Label: "person", PromptID: "gate", FirstSeen: at, LastSeen: at,
	}}
}

// fakePrompts answers every prompt at once: points and boxes left of x 1000 with track 7,
// texts that are known with it too.
type fakePrompts struct {
	mu     sync.Mutex
	camera string
	known  map[string]bool
	list   []pipeline.PromptStatus
	made   int
	answer func(p *pipeline.PromptStatus) // may be nil
}

func (f *fakePrompts) Create(ctx context.Context, p pipeline.Prompt) (pipeline.PromptStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.ID == "slow" {
		return pipeline.PromptStatus{}, context.DeadlineExceeded
	}
	for _, w := range p.Text {
		if !f.known[w] {
			return pipeline.PromptStatus{}, &pipeline.UnknownTextError{Text: w, Near: []string{"person", "parson"}, Hint: "spell it otherwise"}
		}
	}
	if p.ID == "" {
		f.made++
		p.ID = fmt.Sprintf("p%d", f.made)
	}
	for _, q := range f.list {
		if q.ID == p.ID {
			return pipeline.PromptStatus{}, pipeline.ErrPromptExists
		}
	}
	p.Created = time.Now()
	st := pipeline.PromptStatus{Prompt: p, State: pipeline.PromptTracking, TrackID: 7, TrackIDs: []uint64{7},
		AnswerBox: &pipeline.Box{X1: 1, Y1: 2, X2: 3, Y2: 4}, Score: .8, Why: "the smallest mask under the point",
		Alternatives: []pipeline.Alternative{{Box: pipeline.Box{X2: 9, Y2: 9}, Score: .5, Level: 1}}}
	if f.answer != nil {
		f.answer(&st)
	}
	f.list = append(f.list, st)
	return st, nil
}

func (f *fakePrompts) List() []pipeline.PromptStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

func (f *fakePrompts) Get(id string) (pipeline.PromptStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.list {
		if p.ID == id {
			return p, nil
		}
	}
	return pipeline.PromptStatus{}, pipeline.ErrNoPrompt
}

func (f *fakePrompts) Delete(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range f.list {
		if p.ID == id {
			f.list = slices.Delete(f.list, i, i+1)
			return nil
		}
	}
	return pipeline.ErrNoPrompt
}

// Change knows three levels, and refines the prompt "fine" only.
func (f *fakePrompts) Change(_ context.Context, id string, c pipeline.PromptChange) (pipeline.PromptStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		if p := &f.list[i]; p.ID == id {
			switch {
			case c.Level != nil && *c.Level > 2:
				return pipeline.PromptStatus{}, &pipeline.PromptError{ID: id, Field: "level", Reason: "there are levels 0 to 2"}
			case c.Refine && id != "fine":
				return pipeline.PromptStatus{}, &pipeline.PromptError{ID: id, Field: "refine", Reason: "there is no precise model"}
			case c.Level != nil:
				p.Level = *c.Level
			}
			return *p, nil
		}
	}
	return pipeline.PromptStatus{}, pipeline.ErrNoPrompt
}

// Levels are a square and two around it.
func (f *fakePrompts) Levels(id string) (pipeline.Levels, error) {
	st, err := f.Get(id)
	if err != nil {
		return pipeline.Levels{}, err
	}
	return f.levels(st.Level), nil
}

// TrackLevels knows track 7.
func (f *fakePrompts) TrackLevels(track uint64) (pipeline.Levels, error) {
	if track != 7 {
		return pipeline.Levels{}, pipeline.ErrNoTrack
	}
	return f.levels(0), nil
}

func (f *fakePrompts) levels(chosen int) pipeline.Levels {
	l := pipeline.Levels{Seq: 5, Time: time.Now(), Width: 320, Height: 240}
	for n := 2; n >= 0; n-- {
		side := 20 * (n + 1)
		m := mask.New(mask.FrameGrid(320, 240), image.Rect(40-side/2, 40-side/2, 40+side/2, 40+side/2))
		m.Fill(m.Window())
		v := pipeline.Level{Level: n, Key: uint64(n + 1), Area: m.PixelArea(), Score: .9, Chosen: n == chosen, Seen: true, Mask: m}
		v.Box.X1, v.Box.Y1, v.Box.X2, v.Box.Y2 = m.FrameBounds()
		l.Levels = append(l.Levels, v)
	}
	return l
}

var _ pipeline.Prompts = (*fakePrompts)(nil)

// fakeRecordings has pictures of track 7 and a clip of all times of camera yard.
type fakeRecordings struct{ protected atomic.Int32 }

func (*fakeRecordings) Snapshot(_ string, _ time.Time, track uint64, _ bool) (fs.File, error) {
	if track != 7 {
		return nil, web.ErrNoRecording
	}
	return fstest.MapFS{"a": {Data: []byte{0xff, 0xd8}}}.Open("a")
}

func (*fakeRecordings) Clip(camera string, _ time.Time) (fs.File, error) {
	if camera != "yard" {
		return nil, web.ErrNoRecording
	}
	return fstest.MapFS{"a": {Data: []byte("0123456789")}}.Open("a")
}

func (r *fakeRecordings) Protect(_ string, _, _ time.Time, _ uint64, keep bool) error {
	if keep {
		r.protected.Add(1)
	}
	return nil
}
