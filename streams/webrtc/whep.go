package webrtc

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"outrider/pipeline"
)

// maxOffer bounds the body of a request; offers are 3 to 8 kB.
const maxOffer = 64 << 10

const (
	typeSDP  = "application/sdp"
	typeFrag = "application/trickle-ice-sdpfrag"
)

// statusError is an answer other than success.
type statusError struct {
	status int
	detail string
	extra  map[string]any
}

func (e *statusError) Error() string { return e.detail }

func refuse(status int, format string, args ...any) error {
	return &statusError{status: status, detail: fmt.Sprintf(format, args...)}
}

// ServeHTTP serves WHEP (draft-ietf-wish-whep):
//
//	OPTIONS /whep/{camera}             what may be posted
//	POST    /whep/{camera}             an SDP offer; 201 with the answer, Location and ETag
//	PATCH   /whep/{camera}/{session}   an ICE candidate found later (trickle)
//	DELETE  /whep/{camera}/{session}   the end
//
// POST takes two parameters: overlay=1 draws what is known into the picture, for players
// without a metadata channel; rendition=source|720p|360p|auto is the best size that the player
// wants, within which it gets what its line carries.
//
// Errors are application/problem+json.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.allowOrigin(w, r)
	rest, ok := strings.CutPrefix(r.URL.Path, "/whep/")
	camera, session, deeper := strings.Cut(rest, "/")
	var err error
	switch {
	case !ok || camera == "" || deeper && (session == "" || strings.Contains(session, "/")):
		err = refuse(http.StatusNotFound, "no such address; a camera's video is at /whep/{camera}")
	case deeper:
		err = s.serveSession(w, r, camera, session)
	default:
		err = s.serveCamera(w, r, camera)
	}
	if err == nil {
		return
	}
	var e *statusError
	if !errors.As(err, &e) {
		s.Log.Error("WHEP request failed", "camera", camera, "error", err)
		e = &statusError{status: http.StatusInternalServerError, detail: "the connection could not be set up; the log says why"}
	}
	body := map[string]any{"type": "about:blank", "title": http.StatusText(e.status), "status": e.status, "detail": e.detail}
	for k, v := range e.extra {
		body[k] = v
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone; nobody is left to tell
}

// allowOrigin lets pages of the configured origins ask and read the headers that WHEP needs.
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" || len(s.Origins) == 0 {
		return
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	switch {
	case slices.Contains(s.Origins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(s.Origins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
	default:
		return
	}
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Expose-Headers", "Location, Link, ETag, Accept-Post, Accept-Patch")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "OPTIONS, POST, PATCH, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
		h.Set("Access-Control-Max-Age", "600")
	}
}

func (s *Server) serveCamera(w http.ResponseWriter, r *http.Request, camera string) error {
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Accept-Post", typeSDP)
		s.addLinks(w)
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodPost:
		return s.post(w, r, camera)
	}
	w.Header().Set("Allow", "OPTIONS, POST")
	return refuse(http.StatusMethodNotAllowed, "%s: POST an SDP offer here", r.Method)
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, camera string) error {
	if cameras := s.Cameras(); !slices.Contains(cameras, camera) {
		e := &pipeline.UnknownCameraError{Name: camera, Known: cameras}
		return &statusError{status: http.StatusNotFound, detail: e.Error(), extra: map[string]any{"cameras": cameras}}
	}
	key := streamKey{camera: camera}
	switch r.URL.Query().Get("overlay") {
	case "", "0", "false":
	case "1", "true":
		key.overlay = true
		if s.NewPainter == nil {
			return refuse(http.StatusNotImplemented, "this server draws no overlay")
		}
	default:
		return refuse(http.StatusBadRequest, "overlay: want 0 or 1")
	}
	best, ok := parseRung(r.URL.Query().Get("rendition"))
	if !ok {
		return refuse(http.StatusBadRequest, "rendition: want auto, %s", strings.Join(rungNames[:], ", "))
	}
	body, err := readBody(w, r, typeSDP)
	if err != nil {
		return err
	}
	o, err := parseOffer(body, s.Codec.rtpName())
	if err != nil {
		var e *offerError
		if errors.As(err, &e) && e.codec {
			have := []string{s.Codec.rtpName()}
			return &statusError{status: http.StatusNotAcceptable, extra: map[string]any{"codecs": have},
				detail: fmt.Sprintf("no codec in common: %s; this server sends %s", e.reason, strings.Join(have, ", "))}
		}
		return refuse(http.StatusBadRequest, "%v", err)
	}
	if err := s.reserve(); err != nil {
		w.Header().Set("Retry-After", "5")
		return err
	}
	v, answer, err := s.open(r.Context(), key, best, string(body), o)
	s.mu.Lock()
	s.opening--
	s.mu.Unlock()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", "/whep/"+url.PathEscape(camera)+"/"+v.id)
	h.Set("ETag", v.etag)
	h.Set("Accept-Patch", typeFrag)
	h.Set("Cache-Control", "no-store")
	s.addLinks(w)
	w.WriteHeader(http.StatusCreated)
	if _, err := io.WriteString(w, answer); err != nil {
		v.stop() // it will never connect
	}
	return nil
}

// reserve takes a place for one more session.
func (s *Server) reserve() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := s.opening
	for _, v := range s.sessions {
		select {
		case <-v.connected:
		default:
			pending++
		}
	}
	switch {
	case s.closed:
		return refuse(http.StatusServiceUnavailable, "the server is stopping")
	case len(s.sessions)+s.opening >= s.MaxViewers:
		return refuse(http.StatusServiceUnavailable, "%d viewers are watching, which is the limit (webrtc.max_viewers); try again later", s.MaxViewers)
	case pending >= s.MaxPending:
		return refuse(http.StatusServiceUnavailable, "%d sessions are being set up, which is the limit; try again in a few seconds", pending)
	}
	s.opening++
	return nil
}

func (s *Server) serveSession(w http.ResponseWriter, r *http.Request, camera, id string) error {
	if r.Method == http.MethodOptions {
		w.Header().Set("Accept-Patch", typeFrag)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	s.mu.Lock()
	v := s.sessions[id]
	s.mu.Unlock()
	if v == nil || v.key.camera != camera {
		return refuse(http.StatusNotFound, "no such session; it may have ended")
	}
	switch r.Method {
	case http.MethodDelete:
		v.stop()
		select {
		case <-v.ended:
		case <-time.After(5 * time.Second): // it ends by itself; the player need not wait
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusOK)
		return nil
	case http.MethodPatch:
		body, err := readBody(w, r, typeFrag)
		if err != nil {
			return err
		}
		if m := r.Header.Get("If-Match"); m != "" && m != "*" && m != v.etag {
			return refuse(http.StatusPreconditionFailed, "If-Match is not the session's ETag")
		}
		if err := v.trickle(body); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Allow", "OPTIONS, PATCH, DELETE")
	return refuse(http.StatusMethodNotAllowed, "%s: PATCH a candidate or DELETE the session", r.Method)
}

func (s *Server) addLinks(w http.ResponseWriter) {
	for _, l := range s.links {
		w.Header().Add("Link", l)
	}
}

func readBody(w http.ResponseWriter, r *http.Request, want string) ([]byte, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != want {
		return nil, refuse(http.StatusUnsupportedMediaType, "Content-Type %q: want %s", r.Header.Get("Content-Type"), want)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxOffer)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "read the body: %v", err)
	}
	return body, nil
}

// newID is a session's name: nobody can guess it, so knowing it is the right to end it.
func newID() string { return strings.ToLower(rand.Text()) }
