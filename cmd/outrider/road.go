package main

import (
	"fmt"
	"math"
	"strconv"

	"outrider/calib"
	"outrider/calib/camfile"
	"outrider/tracker/obstacle"
	"outrider/tracker/obstacle/egomotion"
)

// newRoadStage makes the stage that watches the road. file is a calibration with the camera's
// mount, empty for times to collision alone; speed is metres a second or a file, empty for
// unknown; vehicle is its width in metres, 0 for the usual.
func newRoadStage(file, speed string, vehicle float64) (*obstacle.Stage, error) {
	s := &obstacle.Stage{VehicleWidth: vehicle}
	if file != "" {
		cal, err := camfile.Load(file, camfile.Options{})
		if err != nil {
			return nil, err
		}
		if cal.Mount == nil {
			return nil, fmt.Errorf("calibration %s: it does not say how the camera is mounted (height and pitch): run outrider calib road", file)
		}
		cam, err := calib.New(cal.Intrinsics)
		if err != nil {
			return nil, fmt.Errorf("calibration %s: %w", file, err)
		}
		plane, err := calib.NewPlane(cam, *cal.Mount)
		if err != nil {
			return nil, fmt.Errorf("calibration %s: %w", file, err)
		}
		s.Calibration = obstacle.Fixed{Road: plane}
	}
	switch v, err := strconv.ParseFloat(speed, 64); {
	case speed == "":
	case err == nil && (math.IsNaN(v) || math.Abs(v) > 120):
		return nil, fmt.Errorf("speed %q: want metres a second up to 120", speed)
	case err == nil:
		s.Ego = egomotion.Constant(v)
	default:
		l, err := egomotion.Load(speed)
		if err != nil {
			return nil, err
		}
		s.Ego = l
	}
	return s, nil
}
