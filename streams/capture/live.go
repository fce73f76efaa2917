package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"outrider/pipeline"
	"outrider/streams/capture/child"
	"outrider/streams/capture/decode"
)

// hasSink finds the sink from which OpenCV takes pictures.
var hasSink = regexp.MustCompile(`\bappsink\b`)

// goodbye is how long a child that is no longer wanted may take to close the stream.
const goodbye = 500 * time.Millisecond

// api returns the back end of a source that is decoded by OpenCV.
func (s *Source) api() decode.API {
	switch s.spec.kind {
	case USB:
		return decode.V4L2
	case GStreamer:
		return decode.GStreamer
	}
	return decode.FFmpeg
}

// target returns what OpenCV opens. A pipeline without a sink gets one that keeps only the
// newest picture.
func (s *Source) target() string {
	if s.spec.kind != GStreamer || hasSink.MatchString(s.spec.target) {
		return s.spec.target
	}
	return s.spec.target + " ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
}

// nativeTimeout is for FFmpeg's own operations. It is longer than ours, so that the error
// which people see is ours, and old pictures that FFmpeg gives out at the end are never seen.
func (s *Source) nativeTimeout() time.Duration {
	return max(s.options.OpenTimeout, s.options.ReadTimeout) + time.Second
}

func (s *Source) command() []string {
	if len(s.options.Child) > 0 {
		return s.options.Child
	}
	// Not os.Executable: after an upgrade that names another program than this one.
	return []string{"/proc/self/exe", child.Argument}
}

// runChild reads a live source in a child process.
func (s *Source) runChild(ctx context.Context, emit func(*pipeline.Frame)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := startProcess(s.command(), child.Request{
		API: s.api(), Target: s.target(), Transport: s.options.Transport, Timeout: s.nativeTimeout(),
	})
	if err != nil {
		return s.opening(err)
	}
	grace := time.Duration(0)
	defer func() { p.stop(grace) }()

	out := liveEmitter{source: s, emit: emit}
	at, doing := s.opening, s.options.OpenTimeout
	timeout := time.NewTimer(doing)
	defer timeout.Stop()
	for {
		select {
		case <-ctx.Done():
			grace = goodbye
			return ctx.Err()
		case <-p.opened:
			at = s.reading
		case <-p.ready:
			shot, ok, err := p.ring.Take()
			if err != nil {
				return s.reading(err)
			}
			if !ok {
				continue
			}
			if out.frames == 0 {
				at, doing = s.reading, s.options.ReadTimeout
			}
			s.dropped.Add(shot.Missed)
			emit(out.frame(shot.Data, shot.Width, shot.Height, shot.Captured))
			timeout.Reset(doing)
		case <-p.exited:
			return s.ended(at, p.reason())
		case <-timeout.C:
			if out.frames == 0 {
				return s.opening(fmt.Errorf("timeout after %v: %w", doing, pipeline.ErrStalled))
			}
			return s.reading(fmt.Errorf("timeout: %w for %v", pipeline.ErrStalled, doing))
		}
	}
}

// ended words the end of a stream that was said by the native code.
func (s *Source) ended(at func(error) error, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		err = decode.ErrEnded
	case err.Error() == decode.ErrOpen.Error() && s.spec.kind == Network:
		err = errors.New("the camera closed the connection, or does not speak this protocol")
	case err.Error() == decode.ErrOpen.Error() && s.spec.kind == USB:
		err = errors.New("no camera that can be used: check that it is plugged in, that this user may read it, and that no other program has it open")
	}
	return s.safe(at(err))
}

// safe takes secrets out of an error whose text comes from elsewhere.
func (s *Source) safe(err error) error {
	if text := err.Error(); s.redact.clean(text) != text {
		return errors.New(s.redact.clean(text))
	}
	return err
}

// liveEmitter turns pictures into frames.
type liveEmitter struct {
	source *Source
	emit   func(*pipeline.Frame)
	frames uint64
	first  time.Duration
}

// frame copies a picture. captured is on the monotonic clock that processes share.
func (e *liveEmitter) frame(bgr []byte, w, h int, captured time.Duration) *pipeline.Frame {
	s := e.source
	now, mono := time.Now(), decode.Now()
	captured = min(captured, mono)
	if e.frames == 0 {
		e.first = captured
	}
	e.frames++
	fw, fh := rotated(w, h, s.options.Rotate)
	f := s.pool.Get(fw, fh)
	copyRotated(f.Data, bgr, w, h, s.options.Rotate)
	f.Captured = now.Add(captured - mono)
	f.MediaTime = captured - e.first
	return f
}
