package main

import (
	"fmt"
	"sync"

	"outrider/streams/mqtt"
	"outrider/streams/record"
)

// switches are what people turn on and off while cameras run, over what the configuration
// says. They last until the program starts anew.
type switches struct {
	service *service

	mu  sync.Mutex
	set map[switchKey]bool
}

type switchKey struct{ camera, name string }

var _ mqtt.Switches = (*switches)(nil)

// Switched implements mqtt.Switches.
func (w *switches) Switched(camera, name string) bool {
	if name == mqtt.SwitchDetect {
		s, err := w.service.engine.Status(camera)
		return err == nil && !s.Paused
	}
	o := w.recording(camera)
	return name == mqtt.SwitchRecordings && o.Clips || name == mqtt.SwitchSnapshots && o.Snapshots
}

// Switch implements mqtt.Switches.
func (w *switches) Switch(camera, name string, on bool) error {
	switch name {
	case mqtt.SwitchDetect:
		return w.service.engine.SetAnalysis(camera, on)
	case mqtt.SwitchRecordings, mqtt.SwitchSnapshots:
	default:
		return fmt.Errorf("there is no switch %q", name)
	}
	w.mu.Lock()
	if w.set == nil {
		w.set = map[switchKey]bool{}
	}
	w.set[switchKey{camera, name}] = on
	w.mu.Unlock()
	w.service.record.Reload(camera)
	return nil
}

// recording is what the configuration and the switches say of a camera's recordings.
func (w *switches) recording(camera string) record.Options {
	c := w.service.config().Cameras[camera].Record
	o := record.Options{Clips: c.Clips, Snapshots: c.Snapshots, Pre: c.Pre.D(), Post: c.Post.D()}
	w.mu.Lock()
	defer w.mu.Unlock()
	if on, ok := w.set[switchKey{camera, mqtt.SwitchRecordings}]; ok {
		o.Clips = on
	}
	if on, ok := w.set[switchKey{camera, mqtt.SwitchSnapshots}]; ok {
		o.Snapshots = on
	}
	return o
}
