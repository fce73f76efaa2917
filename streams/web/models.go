package web

import "net/http"

// Model is an entry of the catalogue of models.
type Model struct {
	Name        string `json:"name"`
	Task        string `json:"task"`
	Description string `json:"description"`
	Licence     string `json:"licence"` // SPDX identifier
	Size        int64  `json:"size"`    // bytes
	Input       int    `json:"input,omitempty"`
	Installed   bool   `json:"installed"` // here already, nothing need be fetched
	Active      bool   `json:"active"`    // in use now
}

type modelList struct {
	Models []Model `json:"models"`
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) error {
	list := []Model{}
	if s.Models != nil {
		list = append(list, s.Models()...)
	}
	return writeJSON(w, http.StatusOK, modelList{list})
}
