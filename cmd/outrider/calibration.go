package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"outrider/calib"
	"outrider/calib/camfile"
	"outrider/calib/road"
	"outrider/cmd/outrider/config"
	"outrider/pipeline"
	"outrider/tracker/event"
)

// calibration is one camera's: what the configuration says, or what somebody gave it since,
// which is kept in the data folder. Its stage tells the ground plane of each frame.
type calibration struct {
	conf  config.Calibration
	kept  string // file of what was given by the API
	stage *road.Stage

	mu       sync.Mutex
	settings json.RawMessage
}

var _ pipeline.Calibrator = (*calibration)(nil)

// newCalibration makes the calibration of a camera. A file that is missing or broken is an
// error of the configuration; what was given later and cannot be read any more is logged.
func newCalibration(dir, camera string, c config.Calibration, log *slog.Logger) (*calibration, error) {
	k := &calibration{conf: c, kept: filepath.Join(dir, camera+".yaml"), stage: &road.Stage{State: filepath.Join(dir, camera+".json"), Log: log}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make calibration folder: %w", err)
	}
	if data, err := os.ReadFile(k.kept); err == nil {
		if err = k.use(k.kept, data); err == nil {
			return k, nil
		}
		log.Error("calibration that was given before is not used", "camera", camera, "error", err)
	}
	if err := k.configured(); err != nil {
		return nil, &usageError{fmt.Errorf("camera %q: calibration.file: %w", camera, err)}
	}
	return k, nil
}

// configured takes what the configuration says.
func (k *calibration) configured() error {
	if k.conf.File == "" {
		return k.apply(nil)
	}
	c, err := camfile.Load(k.conf.File, camfile.Options{})
	if err != nil {
		return err
	}
	return k.apply(&c)
}

// use takes a file's content.
func (k *calibration) use(name string, data []byte) error {
	c, err := camfile.Read(name, data, camfile.Options{})
	if err != nil {
		return err
	}
	return k.apply(&c)
}

func (k *calibration) apply(c *camfile.Calibration) error {
	s := road.Settings{Learn: k.conf.Learn, LaneWidth: k.conf.LaneWidth}
	var text json.RawMessage
	if c != nil {
		var err error
		if s.Camera, err = calib.New(c.Intrinsics); err != nil {
			return err
		}
		s.Mount = c.Mount
		if text, err = json.Marshal(camfile.NewBlock(*c)); err != nil {
			return fmt.Errorf("encode the calibration: %w", err)
		}
	}
	if err := k.stage.Set(s); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settings = text
	return nil
}

// Calibration implements pipeline.Calibrator.
func (k *calibration) Calibration() pipeline.Calibration { return k.stage.Calibration() }

// Settings implements pipeline.Calibrator.
func (k *calibration) Settings() json.RawMessage {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.settings
}

// SetCalibration implements pipeline.Calibrator.
func (k *calibration) SetCalibration(file []byte) error {
	c, err := camfile.Read("the calibration", file, camfile.Options{})
	if err == nil {
		err = k.apply(&c)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", pipeline.ErrCalibration, err)
	}
	return camfile.Save(k.kept, camfile.Outrider, c)
}

// ClearCalibration implements pipeline.Calibrator.
func (k *calibration) ClearCalibration() error {
	if err := os.Remove(k.kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the calibration: %w", err)
	}
	return k.configured()
}

// groundPlane tells the places of a camera that stands still to the counter of zones and lines,
// in pixels of the newest frame.
type groundPlane struct{ stage *road.Stage }

var _ event.Ground = groundPlane{}

// boxError is the standard error of a box's side, pixels.
const boxError = 2

// Metres implements event.Ground. Errors that all places share, such as that of the height, are
// left out: they change no direction and scale all speeds alike.
func (g groundPlane) Metres(at pipeline.Point) (pos pipeline.Point, cov [3]float64, ok bool) {
	plane, ok := g.stage.Plane(time.Time{})
	if !ok {
		return pos, cov, false
	}
	plane = plane.With(calib.Spread{Pixel: boxError})
	return plane.Metres(at)
}
