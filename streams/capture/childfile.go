package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"outrider/pipeline"
	"outrider/streams/capture/child"
	"outrider/streams/capture/decode"
)

// pictures is a file that is being decoded: by this process or by a child.
type pictures interface {
	Read() (p decode.Picture, ok bool, err error)
	Size() (w, h int)
	FPS() float64
	Frames() int
	Seek(time.Duration)
	Close()
}

var (
	_ pictures = (*decode.Reader)(nil)
	_ pictures = (*childFile)(nil)
)

// childFile decodes a file in a child process, picture by picture: none is lost.
type childFile struct {
	ctx     context.Context
	process *process
	timeout *time.Timer
	wait    time.Duration // for one picture
	w, h    int
	fps     float64
	frames  int
}

func (s *Source) openChildFile(ctx context.Context) (*childFile, error) {
	p, err := startProcess(s.command(), child.Request{API: decode.FFmpeg, Target: s.spec.target, File: true})
	if err != nil {
		return nil, err
	}
	f := &childFile{ctx: ctx, process: p, timeout: time.NewTimer(s.options.OpenTimeout), wait: s.options.ReadTimeout}
	select {
	case m := <-p.opened:
		if _, err = fmt.Sscan(m.Text, &f.w, &f.h, &f.fps, &f.frames); err == nil {
			return f, nil
		}
		err = fmt.Errorf("the decoder process says %q", short(m.Text))
	case <-p.exited:
		err = p.reason()
		if err.Error() == decode.ErrOpen.Error() {
			err = decode.ErrOpen
		}
	case <-f.timeout.C:
		err = fmt.Errorf("timeout after %v", s.options.OpenTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	f.Close()
	return nil, err
}

// Size, FPS and Frames are what the container announces, 0 when unknown.
func (f *childFile) Size() (w, h int) { return f.w, f.h }

// FPS is the rate.
func (f *childFile) FPS() float64 { return f.fps }

// Frames is the count.
func (f *childFile) Frames() int { return f.frames }

// Seek does nothing: the child decodes from the beginning, the player leaves out what is
// before the start.
func (f *childFile) Seek(time.Duration) {}

// Close ends the child.
func (f *childFile) Close() {
	f.timeout.Stop()
	f.process.stop(0)
}

// Read asks for the next picture and waits for it.
func (f *childFile) Read() (decode.Picture, bool, error) {
	// When the child is gone the write fails, and exited says why.
	_, _ = f.process.stdin.Write([]byte{1})
	f.timeout.Reset(f.wait)
	select {
	case <-f.process.ready:
	case m := <-f.process.ended:
		if m.Kind == child.Ended {
			return decode.Picture{}, false, nil
		}
		return decode.Picture{}, false, errors.New(m.Text)
	case <-f.process.exited:
		if err := f.process.reason(); !errors.Is(err, io.EOF) {
			return decode.Picture{}, false, err
		}
		return decode.Picture{}, false, nil
	case <-f.timeout.C:
		return decode.Picture{}, false, fmt.Errorf("%w for %v", pipeline.ErrStalled, f.wait)
	case <-f.ctx.Done():
		return decode.Picture{}, false, f.ctx.Err()
	}
	shot, ok, err := f.process.ring.Take()
	if err == nil && !ok {
		err = errors.New("the decoder process announced a picture that is not there")
	}
	if err != nil {
		return decode.Picture{}, false, err
	}
	p := decode.Picture{Width: shot.Width, Height: shot.Height, Data: shot.Data}
	if shot.Captured >= 0 {
		p.Position, p.HasPosition = shot.Captured, true
	}
	return p, true, nil
}
