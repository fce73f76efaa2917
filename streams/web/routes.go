package web

import (
	"errors"
	"net/http"
	"regexp"
	"sort"
	"strings"
	"time"
)

// handler answers a request, or returns the error to answer with; nothing may be written
// before an error is returned.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one method of one path. The paths under api are those of openapi.json.
type route struct {
	method, path string
	serve        handler
	streams      bool // may last longer than writeTimeout
}

const api = "/api/v1"

// writeTimeout bounds the answer of an ordinary request.
const writeTimeout = 30 * time.Second

func (s *Server) routes() []route {
	return []route{
		{"GET", api + "/cameras", s.listCameras, false},
		{"POST", api + "/cameras", s.addCamera, false},
		{"POST", api + "/cameras/test", s.testCamera, false},
		{"GET", api + "/cameras/{cam}", s.getCamera, false},
		{"PATCH", api + "/cameras/{cam}", s.patchCamera, false},
		{"DELETE", api + "/cameras/{cam}", s.deleteCamera, false},
		{"GET", api + "/cameras/{cam}/settings", s.cameraSettings, false},
		{"GET", api + "/cameras/{cam}/snapshot.jpg", s.snapshot, true},
		{"GET", api + "/cameras/{cam}/stream.mjpeg", s.movie, true},
		{"GET", api + "/cameras/{cam}/tracks", s.tracks, false},
		{"GET", api + "/cameras/{cam}/tracks/{track}/snapshot.jpg", s.trackPicture, false},
		{"GET", api + "/cameras/{cam}/segments", s.segments, false},
		{"GET", api + "/cameras/{cam}/obstacles", s.obstacles, false},
		{"GET", api + "/cameras/{cam}/prompts", s.listPrompts, false},
		{"POST", api + "/cameras/{cam}/prompts", s.createPrompt, false},
		{"GET", api + "/cameras/{cam}/prompts/{id}", s.getPrompt, false},
		{"PATCH", api + "/cameras/{cam}/prompts/{id}", s.patchPrompt, false},
		{"GET", api + "/cameras/{cam}/prompts/{id}/levels", s.promptLevels, false},
		{"GET", api + "/cameras/{cam}/tracks/{track}/levels", s.trackLevels, false},
		{"DELETE", api + "/cameras/{cam}/prompts/{id}", s.deletePrompt, false},
		{"GET", api + "/cameras/{cam}/zones", s.listPlaces(zones), false},
		{"GET", api + "/cameras/{cam}/zones/{id}", s.getPlace(zones), false},
		{"PUT", api + "/cameras/{cam}/zones/{id}", s.putPlace(zones), false},
		{"DELETE", api + "/cameras/{cam}/zones/{id}", s.deletePlace(zones), false},
		{"POST", api + "/cameras/{cam}/zones/{id}/reset", s.resetPlace(zones), false},
		{"GET", api + "/cameras/{cam}/lines", s.listPlaces(lines), false},
		{"GET", api + "/cameras/{cam}/lines/{id}", s.getPlace(lines), false},
		{"PUT", api + "/cameras/{cam}/lines/{id}", s.putPlace(lines), false},
		{"DELETE", api + "/cameras/{cam}/lines/{id}", s.deletePlace(lines), false},
		{"POST", api + "/cameras/{cam}/lines/{id}/reset", s.resetPlace(lines), false},
		{"GET", api + "/cameras/{cam}/calibration", s.getCalibration, false},
		{"PUT", api + "/cameras/{cam}/calibration", s.putCalibration, false},
		{"DELETE", api + "/cameras/{cam}/calibration", s.deleteCalibration, false},
		{"GET", api + "/events", s.listEvents, false},
		{"GET", api + "/events/stream", s.streamEvents, true},
		{"GET", api + "/events/summary", s.summarise, false},
		{"GET", api + "/events/{id}", s.getEvent, false},
		{"PATCH", api + "/events/{id}", s.patchEvent, false},
		{"GET", api + "/events/{id}/snapshot.jpg", s.eventPicture, false},
		{"GET", api + "/events/{id}/clip.mp4", s.eventClip, true},
		{"GET", api + "/models", s.models, false},
		{"GET", api + "/config", s.getConfig, false},
		{"PUT", api + "/config", s.putConfig, false},
		{"POST", api + "/config/check", s.checkConfig, false},
		{"POST", api + "/config/reload", s.reloadConfig, false},
		{"GET", api + "/system", s.system, false},
		{"GET", api + "/openapi.json", s.openapi, false},
		{"GET", "/healthz", s.healthz, false},
		{"GET", "/readyz", s.readyz, false},
		{"GET", "/metrics", s.metrics, false},
		{"GET", "/{$}", s.page, false},
		{"GET", "/cam/{cam}", s.page, false},
		{"GET", "/review", s.page, false},
		{"GET", "/event/{id}", s.page, false},
		{"GET", "/alarms", s.page, false},
		{"GET", "/system", s.page, false},
		{"GET", "/setup/{part...}", s.page, false},
		{"GET", "/ui/{version}/{file...}", s.asset, false},
	}
}

func (s *Server) mux() *http.ServeMux {
	m := http.NewServeMux()
	methods := map[string][]string{}
	for _, r := range s.routes() {
		m.Handle(r.method+" "+r.path, s.answer(r.serve, r.streams))
		methods[r.path] = append(methods[r.path], r.method)
		if r.method == "GET" {
			methods[r.path] = append(methods[r.path], "HEAD")
		}
	}
	for path, allow := range methods {
		if variable := lastSegment.ReplaceAllString(path, "/{"); path != variable && hasPrefixed(methods, variable) {
			continue // such as /events/stream: what /events/{id} answers to other methods is its answer too
		}
		sort.Strings(allow)
		m.Handle(path, s.answer(methodNotAllowed(allow), false))
	}
	m.Handle("/whep/", s.answer(s.whep, false))
	m.Handle("/", s.answer(notFound, false))
	return m
}

var lastSegment = regexp.MustCompile(`/[a-z]+$`)

// hasPrefixed tells whether a path is prefix and one variable to its end.
func hasPrefixed(paths map[string][]string, prefix string) bool {
	for p := range paths {
		if rest, ok := strings.CutPrefix(p, prefix); ok && !strings.Contains(rest, "/") {
			return true
		}
	}
	return false
}

// answer turns a handler into an http.Handler. It logs what was our fault.
func (s *Server) answer(h handler, streams bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if streams {
			// The connection's read deadline would end the request's context.
			_ = c.SetReadDeadline(time.Time{})
		} else {
			_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
		}
		err := h(w, r)
		if err == nil {
			return
		}
		if errors.Is(err, r.Context().Err()) && r.Context().Err() != nil && s.ctx.Err() == nil {
			return // nobody listens any more
		}
		if p := asProblem(err); p.Status >= 500 && p.Status != http.StatusServiceUnavailable {
			s.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		writeProblem(w, err)
	})
}

func notFound(_ http.ResponseWriter, r *http.Request) error {
	return problem(http.StatusNotFound, "there is nothing at %s; the API is under %s and described by %s/openapi.json", r.URL.Path, api, api)
}

func (s *Server) whep(w http.ResponseWriter, r *http.Request) error {
	if s.WHEP == nil {
		return problem(http.StatusServiceUnavailable, "video by WebRTC is off in this process")
	}
	s.WHEP.ServeHTTP(w, r)
	return nil
}
