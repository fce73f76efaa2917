package web

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/image/draw"

	"outrider/pipeline"
	"outrider/pipeline/overlay"
)

const (
	snapshotQuality = 80
	// snapshotWait is how long ?after= waits for a newer picture.
	snapshotWait = 10 * time.Second
	maxSnapshot  = 7680 // pixels of width
)

// snapshot answers with the newest analysed picture as JPEG. ?overlay=1 paints the tracks,
// ?w= scales down to a width, ?after=SEQ waits until there is a newer picture than that
// (204 when none came in ten seconds). X-Frame-Seq and X-Frame-Time say which frame it is.
func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) error {
	painted, err := flag(r, "overlay", false)
	if err != nil {
		return err
	}
	width, err := number(r, "w", 0, 16, maxSnapshot)
	if err != nil {
		return err
	}
	after, err := number(r, "after", 0, 0, 1<<62)
	if err != nil {
		return err
	}
	res, err := s.newer(r.Context(), r.PathValue("cam"), after)
	if err != nil {
		return err
	}
	if res == nil {
		if after > 0 {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		w.Header().Set("Retry-After", "1")
		return problem(http.StatusServiceUnavailable, "camera %q has no picture yet", r.PathValue("cam"))
	}
	defer res.Release()
	f := res.Frame
	h := w.Header()
	etag := fmt.Sprintf(`"%d-%d-%d-%t"`, s.started.UnixNano(), f.Seq, width, painted)
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Frame-Seq", strconv.FormatUint(f.Seq, 10))
	h.Set("X-Frame-Time", f.Captured.UTC().Format("2006-01-02T15:04:05.000000Z"))
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	select {
	case s.encoding <- struct{}{}:
		defer func() { <-s.encoding }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	p := pictures.Get().(*picture)
	defer pictures.Put(p)
	body, err := p.encode(res, painted, int(width))
	if err != nil {
		return fmt.Errorf("camera %q: snapshot: %w", f.Camera, err)
	}
	h.Set("Content-Type", "image/jpeg")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	_, _ = w.Write(body) // the client is gone when this fails
	return nil
}

// newer returns the newest result of a frame after seq, which the caller releases; nil when
// there is none, with seq > 0 not before snapshotWait.
func (s *Server) newer(ctx context.Context, camera string, seq uint64) (*pipeline.Result, error) {
	timeout := time.NewTimer(snapshotWait)
	defer timeout.Stop()
	for {
		next := s.waiters.next(camera)
		r, err := s.Directory.Latest(camera)
		if err != nil {
			return nil, err
		}
		if r != nil && r.Frame.Seq > seq {
			return r, nil
		}
		if r != nil {
			r.Release()
		}
		if seq == 0 {
			return nil, nil
		}
		select {
		case <-next:
		case <-timeout.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pictures are the buffers of snapshots.
var pictures = sync.Pool{New: func() any {
	p := new(picture)
	// Trails need a stream; a snapshot is of any camera.
	p.painter.Layers = overlay.DefaultLayers &^ overlay.Trails
	return p
}}

type picture struct {
	bgr           []byte
	full, reduced image.RGBA
	out           bytes.Buffer
	painter       overlay.Painter
}

// encode returns the JPEG of res's frame, valid until the next call. It is at most width
// pixels wide when width is positive. The overlay is painted after scaling, so that its words
// can be read.
func (p *picture) encode(res *pipeline.Result, painted bool, width int) ([]byte, error) {
	f := res.Frame
	resize(&p.full, f.Width, f.Height)
	fromBGR(p.full.Pix, f.Data)
	img := &p.full
	if width > 0 && width < f.Width {
		resize(&p.reduced, width, max(1, (f.Height*width+f.Width/2)/f.Width))
		draw.BiLinear.Scale(&p.reduced, p.reduced.Rect, &p.full, p.full.Rect, draw.Src, nil)
		img = &p.reduced
	}
	if painted {
		p.bgr = appendBGR(p.bgr[:0], img.Pix)
		p.painter.Draw(p.bgr, img.Rect.Dx(), img.Rect.Dy(), res)
		fromBGR(img.Pix, p.bgr)
	}
	p.out.Reset()
	if err := jpeg.Encode(&p.out, img, &jpeg.Options{Quality: snapshotQuality}); err != nil {
		return nil, err
	}
	return p.out.Bytes(), nil
}

// resize makes img w x h pixels of undefined colour, in its own memory when that is enough.
func resize(img *image.RGBA, w, h int) {
	n := 4 * w * h
	if cap(img.Pix) < n {
		img.Pix = make([]byte, n)
	}
	img.Pix, img.Stride, img.Rect = img.Pix[:n], 4*w, image.Rect(0, 0, w, h)
}

// fromBGR fills RGBA pixels from BGR ones.
func fromBGR(rgba, bgr []byte) {
	for i, j := 0, 0; i+4 <= len(rgba) && j+3 <= len(bgr); i, j = i+4, j+3 {
		d, s := rgba[i:i+4:i+4], bgr[j:j+3:j+3]
		d[0], d[1], d[2], d[3] = s[2], s[1], s[0], 255
	}
}

// appendBGR appends RGBA pixels as BGR ones.
func appendBGR(bgr, rgba []byte) []byte {
	for i := 0; i+4 <= len(rgba); i += 4 {
		bgr = append(bgr, rgba[i+2], rgba[i+1], rgba[i])
	}
	return bgr
}
