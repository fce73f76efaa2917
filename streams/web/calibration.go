package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"outrider/pipeline"
)

// calibration is what is known of a camera's calibration, and what it works with.
type calibration struct {
	pipeline.Calibration
	Settings json.RawMessage `json:"settings,omitempty"`
}

func (s *Server) calibrator(r *http.Request) (pipeline.Calibrator, error) {
	c, err := s.Directory.Calibration(r.PathValue("cam"))
	var unknown *pipeline.UnknownCameraError
	if err != nil && !errors.As(err, &unknown) {
		return nil, problem(http.StatusConflict, "%v", err)
	}
	return c, err
}

func (s *Server) getCalibration(w http.ResponseWriter, r *http.Request) error {
	c, err := s.calibrator(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, calibration{c.Calibration(), c.Settings()})
}

// putCalibration takes a calibration file of any format as its body, whatever the type that the
// request names: people upload what they have.
func (s *Server) putCalibration(w http.ResponseWriter, r *http.Request) error {
	c, err := s.calibrator(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	switch err := c.SetCalibration(body); {
	case errors.Is(err, pipeline.ErrCalibration):
		return problem(http.StatusUnprocessableEntity, "%v", err)
	case err != nil:
		return err
	}
	return writeJSON(w, http.StatusOK, calibration{c.Calibration(), c.Settings()})
}

func (s *Server) deleteCalibration(w http.ResponseWriter, r *http.Request) error {
	c, err := s.calibrator(r)
	if err != nil {
		return err
	}
	if err := c.ClearCalibration(); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, calibration{c.Calibration(), c.Settings()})
}
