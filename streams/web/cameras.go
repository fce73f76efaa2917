package web

import (
	"net/http"

	"outrider/pipeline"
)

type cameraList struct {
	Cameras []pipeline.CameraStatus `json:"cameras"`
}

func (s *Server) statuses() []pipeline.CameraStatus {
	names := s.Directory.Cameras()
	list := make([]pipeline.CameraStatus, 0, len(names))
	for _, n := range names {
		if c, err := s.Directory.Status(n); err == nil { // else removed meanwhile
			list = append(list, c)
		}
	}
	return list
}

func (s *Server) listCameras(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, cameraList{s.statuses()})
}

func (s *Server) getCamera(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Directory.Status(r.PathValue("cam"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, c)
}
