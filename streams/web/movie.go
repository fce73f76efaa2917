package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// movieGap is the least time between two pictures of a movie.
	movieGap = 100 * time.Millisecond
	// maxMovies bounds the open movies: each costs a JPEG a picture.
	maxMovies = 16
	boundary  = "outrider-frame"
)

// movie answers with the camera's pictures as multipart/x-mixed-replace (MJPEG), for players
// that know nothing better. ?overlay=1 paints the tracks, ?w= scales down to a width. A
// client that takes pictures slowly gets fewer, never late ones.
func (s *Server) movie(w http.ResponseWriter, r *http.Request) error {
	painted, err := flag(r, "overlay", false)
	if err != nil {
		return err
	}
	width, err := number(r, "w", 0, 16, maxSnapshot)
	if err != nil {
		return err
	}
	cam := r.PathValue("cam")
	if _, err := s.Directory.Status(cam); err != nil {
		return err
	}
	if s.movies.Add(1) > maxMovies {
		s.movies.Add(-1)
		w.Header().Set("Retry-After", "10")
		return problem(http.StatusServiceUnavailable, "%d movies are open already; use WebRTC, or close one", maxMovies)
	}
	defer s.movies.Add(-1)
	h := w.Header()
	h.Set("Content-Type", "multipart/x-mixed-replace; boundary="+boundary)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c := http.NewResponseController(w)
	p := pictures.Get().(*picture)
	defer pictures.Put(p)
	var head []byte
	for seq := uint64(0); ; {
		from := time.Now()
		res, err := s.newer(r.Context(), cam, seq)
		if err != nil {
			return nil // the camera was removed, or nobody looks any more
		}
		if res == nil { // a camera that stands still: its stream stays open
			if !pause(r, time.Second) {
				return nil
			}
			continue
		}
		seq = max(res.Frame.Seq, 1)
		select {
		case s.encoding <- struct{}{}:
		case <-r.Context().Done():
			res.Release()
			return nil
		}
		body, err := p.encode(res, painted, int(width))
		<-s.encoding
		at := res.Frame.Captured
		res.Release()
		if err != nil {
			return nil
		}
		head = fmt.Appendf(head[:0], "--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\nX-Frame-Seq: %s\r\nX-Frame-Time: %s\r\n\r\n",
			boundary, len(body), strconv.FormatUint(seq, 10), at.UTC().Format("2006-01-02T15:04:05.000000Z"))
		_ = c.SetWriteDeadline(time.Now().Add(writeStall))
		for _, b := range [][]byte{head, body, []byte("\r\n")} {
			if _, err := w.Write(b); err != nil {
				return nil
			}
		}
		if c.Flush() != nil || !pause(r, movieGap-time.Since(from)) {
			return nil
		}
	}
}

// pause waits, and tells whether anybody still listens.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return r.Context().Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
