package synth

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"outrider/pipeline"
)

// Source renders a scene as a camera. Paced, it delivers frames at FPS on the wall clock, as
// a camera does; else as fast as they are taken.
type Source struct {
	Scene  *Scene
	FPS    float64
	Frames int  // end (io.EOF) after so many, 0 for never
	Paced  bool // in real time

	// Each is told of every frame and its truth before the frame is emitted; nil for nobody.
	// The frame is only lent.
	Each func(f *pipeline.Frame, truth Truth)

	pool pipeline.FramePool
}

var _ pipeline.Source = (*Source)(nil)

// Parse reads "road", "road?seed=3&size=1280x720&fps=20&frames=100"; unknown scenes and
// parameters are errors that name what there is.
func Parse(spec string) (*Source, error) {
	name, query, _ := strings.Cut(spec, "?")
	if name != "road" {
		return nil, fmt.Errorf("synthetic scene %q: unknown; the only scene is road", name)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("synthetic scene %q: %w", spec, err)
	}
	s := &Source{FPS: 15}
	seed, w, h := uint64(1), 640, 360
	for key, v := range values {
		text := v[len(v)-1]
		var ok bool
		switch key {
		case "seed":
			seed, err = strconv.ParseUint(text, 10, 64)
			ok = err == nil
		case "size":
			ws, hs, cut := strings.Cut(text, "x")
			w, err = strconv.Atoi(ws)
			ok = cut && err == nil
			h, err = strconv.Atoi(hs)
			ok = ok && err == nil && w >= 64 && h >= 64 && w <= 4096 && h <= 4096
		case "fps":
			s.FPS, err = strconv.ParseFloat(text, 64)
			ok = err == nil && s.FPS >= 0.1 && s.FPS <= 1000
		case "frames":
			s.Frames, err = strconv.Atoi(text)
			ok = err == nil && s.Frames >= 0
		default:
			return nil, fmt.Errorf("synthetic scene %q: unknown parameter %q; known are seed, size, fps, frames", spec, key)
		}
		if !ok {
			return nil, fmt.Errorf("synthetic scene %q: %s=%q is out of range: seed is a whole number, size 64x64 to 4096x4096, fps 0.1 to 1000", spec, key, text)
		}
	}
	s.Scene = Road(seed, w, h)
	return s, nil
}

// Run renders frames until ctx ends or Frames are done.
func (s *Source) Run(ctx context.Context, emit func(*pipeline.Frame)) error {
	r := Renderer{Scene: s.Scene}
	c := s.Scene.Camera
	start := time.Now()
	for i := 0; s.Frames == 0 || i < s.Frames; i++ {
		media := time.Duration(float64(i) / s.FPS * float64(time.Second))
		if s.Paced {
			if late := time.Since(start) - media; late > time.Second {
				start = start.Add(late) // a machine that cannot keep up must not try to catch up
			}
			if !sleep(ctx, time.Until(start.Add(media))) {
				return ctx.Err()
			}
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		f := s.pool.Get(c.Width, c.Height)
		truth := r.Render(media.Seconds(), f.Data)
		f.MediaTime = media
		f.Captured = time.Now()
		if s.Each != nil {
			s.Each(f, truth)
		}
		emit(f)
	}
	return io.EOF
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
