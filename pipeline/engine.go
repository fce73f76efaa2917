package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"
)

// Engine runs cameras through one segmenter and their stages to the sinks.
//
//	camera goroutine            per-camera goroutines                    sinks
//	Source --Frame--> mailbox --> feed -> batcher -> work (stages) -> Result --> Publish
//	                  (newest wins, or back pressure)
//
// Fill the exported fields, call Initialize, then AddCamera and RemoveCamera at any time and
// from any goroutine. Close stops cameras, then the batcher, then closes the sinks in reverse
// order; the segmenter belongs to the caller.
type Engine struct {
	Segmenter Segmenter
	Batch     Batch
	Sinks     []Sink
	Log       *slog.Logger // nil for none

	ctx        context.Context
	cancel     context.CancelFunc
	batcher    *batcher
	frameSinks []FrameSink
	results    ResultPool

	mu      sync.Mutex
	cameras map[string]*camera
	closed  bool
	err     error
}

// Initialize starts the batcher. It fails when there is no segmenter.
func (e *Engine) Initialize() error {
	if e.Segmenter == nil {
		return errors.New("engine: no segmenter")
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	for _, s := range e.Sinks {
		if fs, ok := s.(FrameSink); ok {
			e.frameSinks = append(e.frameSinks, fs)
		}
	}
	e.cameras = map[string]*camera{}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.batcher = newBatcher(e.Segmenter, e.Batch)
	e.batcher.start(e.ctx)
	return nil
}

// AddCamera starts a camera. It fails when the name is empty or taken, or after Close.
func (e *Engine) AddCamera(p Camera) error {
	if p.Name == "" || p.Source == nil {
		return errors.New("add camera: a name and a source are needed")
	}
	if p.Inflight <= 0 {
		p.Inflight = 1
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return fmt.Errorf("add camera %q: %w", p.Name, errEngineClosed)
	}
	if _, ok := e.cameras[p.Name]; ok {
		return fmt.Errorf("add camera %q: a camera of this name exists", p.Name)
	}
	c := &camera{
		Camera: p, engine: e, log: e.Log.With("camera", p.Name),
		box: newMailbox(p.Live, p.Rate), ended: make(chan struct{}),
	}
	c.status = CameraStatus{Name: p.Name, Source: p.Display, Since: time.Now()}
	e.cameras[p.Name] = c
	e.batcher.cameras.Add(int32(p.Inflight))
	c.start(e.ctx)
	return nil
}

// RemoveCamera stops a camera and forgets it.
func (e *Engine) RemoveCamera(name string) error {
	c, err := e.camera(name)
	if err != nil {
		return err
	}
	e.mu.Lock()
	if e.cameras[name] != c {
		e.mu.Unlock()
		return e.unknown(name)
	}
	delete(e.cameras, name)
	e.mu.Unlock()
	c.stop()
	if !c.off.Load() {
		e.batcher.cameras.Add(-int32(c.Inflight))
	}
	return nil
}

// SetAnalysis switches the analysis of a camera on or off; it is on at first. While it is off
// the frames still reach the sinks that want every frame, tracks have ended, and prompts wait.
func (e *Engine) SetAnalysis(name string, on bool) error {
	c, err := e.camera(name)
	if err != nil {
		return err
	}
	c.switchAnalysis(on)
	e.tell(c)
	return nil
}

// Cameras returns the names, sorted.
func (e *Engine) Cameras() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	names := make([]string, 0, len(e.cameras))
	for n := range e.cameras {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Status returns a camera as of now, or *UnknownCameraError.
func (e *Engine) Status(name string) (CameraStatus, error) {
	c, err := e.camera(name)
	if err != nil {
		return CameraStatus{}, err
	}
	return c.snapshot(), nil
}

// Latest returns the newest result, which the caller releases; nil before the first one.
func (e *Engine) Latest(name string) (*Result, error) {
	c, err := e.camera(name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.latest == nil {
		return nil, nil
	}
	return c.latest.Retain(), nil
}

// Prompts returns the camera's prompts.
func (e *Engine) Prompts(name string) (Prompts, error) {
	c, err := e.camera(name)
	if err != nil {
		return nil, err
	}
	if c.Camera.Prompts == nil {
		return nil, fmt.Errorf("camera %q takes no prompts", name)
	}
	return c.Camera.Prompts, nil
}

// Places returns the camera's zones and lines.
func (e *Engine) Places(name string) (Places, error) {
	c, err := e.camera(name)
	if err != nil {
		return nil, err
	}
	if c.Camera.Places == nil {
		return nil, fmt.Errorf("camera %q has no zones and lines", name)
	}
	return c.Camera.Places, nil
}

// Calibration returns the camera's calibration.
func (e *Engine) Calibration(name string) (Calibrator, error) {
	c, err := e.camera(name)
	if err != nil {
		return nil, err
	}
	if c.Camera.Calibration == nil {
		return nil, fmt.Errorf("camera %q has no calibration", name)
	}
	return c.Camera.Calibration, nil
}

// ResultLatency returns the capture-to-result histogram of a camera.
func (e *Engine) ResultLatency(name string) (*Latency, error) {
	c, err := e.camera(name)
	if err != nil {
		return nil, err
	}
	return &c.latency, nil
}

// Wait returns when every camera has ended by itself and all results are published, with the
// first error of a fail-fast camera, or when ctx ends.
func (e *Engine) Wait(ctx context.Context) error {
	for _, n := range e.Cameras() {
		c, err := e.camera(n)
		if err != nil {
			continue
		}
		select {
		case <-c.ended:
			if c.err != nil {
				e.failed(c, c.err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// Close stops everything; see Engine. It waits, and may be called twice.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed || e.cancel == nil {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	cams := make([]*camera, 0, len(e.cameras))
	for _, c := range e.cameras {
		cams = append(cams, c)
	}
	e.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range cams {
		wg.Go(c.stop)
	}
	wg.Wait()
	e.cancel()
	e.batcher.stop()
	var errs []error
	for i := len(e.Sinks) - 1; i >= 0; i-- {
		errs = append(errs, e.Sinks[i].Close())
	}
	return errors.Join(errs...)
}

func (e *Engine) camera(name string) (*camera, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := e.cameras[name]; ok {
		return c, nil
	}
	known := make([]string, 0, len(e.cameras))
	for n := range e.cameras {
		known = append(known, n)
	}
	sort.Strings(known)
	return nil, &UnknownCameraError{Name: name, Known: known}
}

func (e *Engine) unknown(name string) error {
	_, err := e.camera(name)
	return err
}

func (e *Engine) failed(_ *camera, err error) {
	e.mu.Lock()
	if e.err == nil {
		e.err = err
	}
	e.mu.Unlock()
}

// tell passes a camera's state to the sinks that ask for it.
func (e *Engine) tell(c *camera) {
	s := c.snapshot()
	for _, k := range e.Sinks {
		if ss, ok := k.(StatusSink); ok {
			ss.CameraStatus(s)
		}
	}
}
