package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"outrider/pipeline"
	"outrider/streams/capture/decode"
)

// defaultFPS is assumed of a video that does not know its own rate.
const defaultFPS = 25

// endSlack is the part of a file's announced duration that may be missing before it counts
// as truncated: announced durations are estimates, and the last group of pictures is often
// not whole.
const endSlack = 0.05

func (s *Source) openFile(ctx context.Context) (pictures, error) {
	if err := s.checkFile(); err != nil {
		return nil, err
	}
	var r pictures
	var err error
	if s.options.Isolation == Process {
		r, err = s.openChildFile(ctx)
	} else {
		decode.Quiet()
		r, err = decode.Open(decode.FFmpeg, s.spec.target)
	}
	if errors.Is(err, decode.ErrOpen) {
		err = fmt.Errorf("%w: the content is not video, is cut short, or has a codec unknown here", err)
	}
	if err != nil {
		return nil, s.opening(err)
	}
	return r, nil
}

func (s *Source) probeFile() (Material, error) {
	r, err := s.openFile(context.Background())
	if err != nil {
		return Material{}, err
	}
	defer r.Close()
	return s.material(r), nil
}

func (s *Source) material(r pictures) Material {
	m := Material{Frames: r.Frames(), FPS: r.FPS()}
	m.Width, m.Height = r.Size()
	if m.FPS == 0 {
		m.FPS = s.options.FPS
	}
	if m.FPS == 0 {
		m.FPS = defaultFPS
	}
	m.Duration = time.Duration(float64(m.Frames) / m.FPS * float64(time.Second))
	return m
}

// runFile plays a file once, or for ever.
func (s *Source) runFile(ctx context.Context, emit func(*pipeline.Frame)) error {
	p := player{source: s, emit: emit}
	for {
		r, err := s.openFile(ctx)
		if err != nil {
			return err
		}
		m := s.material(r)
		r, err = s.seek(ctx, r)
		if err != nil {
			return err
		}
		n, last, err := p.play(ctx, r, m)
		r.Close()
		switch {
		case err != nil:
			return err
		case n == 0 && s.options.Start == 0:
			return s.reading(fmt.Errorf("no picture could be decoded: the file is cut short or damaged"))
		case n == 0:
			return s.reading(fmt.Errorf("no picture after the start of %v", s.options.Start))
		case s.options.Loop:
			p.restart()
			continue
		}
		if end := last + time.Duration(float64(time.Second)/m.FPS); m.Duration > 0 && !p.ended &&
			m.Duration-end > max(time.Duration(endSlack*float64(m.Duration)), time.Second/2) {
			return &TruncatedError{Display: s.spec.display, Got: end, Want: m.Duration}
		}
		return io.EOF
	}
}

// seek moves r to the start that was asked for. Where the back end lands behind it, the file
// is opened anew to be decoded from the beginning.
func (s *Source) seek(ctx context.Context, r pictures) (pictures, error) {
	if s.options.Start == 0 {
		return r, nil
	}
	r.Seek(s.options.Start)
	p, ok, err := r.Read()
	landed := ok && err == nil && p.HasPosition && p.Position <= s.options.Start
	if landed {
		r.Seek(p.Position)
		return r, nil
	}
	r.Close()
	return s.openFile(ctx)
}

// player emits the pictures of one or more passes over a file or folder.
type player struct {
	source *Source
	emit   func(*pipeline.Frame)
	pacer  pacer
	base   time.Duration // added to the media time of this pass
	next   time.Duration // media time at which another pass would begin
	epoch  uint32
	ended  bool // by the option End
}

// play decodes until the end. n counts pictures within the wanted part; last is the media
// time of the last one in the file.
func (p *player) play(ctx context.Context, r pictures, m Material) (n int, last time.Duration, err error) {
	o := &p.source.options
	gap := time.Duration(float64(time.Second) / m.FPS)
	last = -gap
	first := true
	for {
		if err := ctx.Err(); err != nil {
			return n, last, err
		}
		pic, ok, err := r.Read()
		switch {
		case ctx.Err() != nil:
			return n, last, ctx.Err()
		case err != nil:
			return n, last, p.source.reading(err)
		}
		if !ok {
			return n, last, nil
		}
		// The container's own time, unless it is missing or runs backwards.
		media := last + gap
		if pic.HasPosition && (first || pic.Position > last) {
			media = pic.Position
		}
		first = false
		last = media
		if media < o.Start {
			continue
		}
		if o.End > 0 && media >= o.End {
			p.ended = true
			return n, last, nil
		}
		n++
		if (n-1)%o.Every != 0 {
			continue
		}
		if err := p.deliver(ctx, pic.Data, pic.Width, pic.Height, media, gap); err != nil {
			return n, last, err
		}
	}
}

// deliver copies a picture into a frame, waits for its time and emits it.
func (p *player) deliver(ctx context.Context, bgr []byte, w, h int, media, gap time.Duration) error {
	s := p.source
	fw, fh := rotated(w, h, s.options.Rotate)
	f := s.pool.Get(fw, fh)
	copyRotated(f.Data, bgr, w, h, s.options.Rotate)
	f.MediaTime, f.Epoch = p.base+media, p.epoch
	p.next = f.MediaTime + gap
	if s.options.Paced && !p.pacer.wait(ctx, f.MediaTime) {
		f.Release()
		return ctx.Err()
	}
	f.Captured = time.Now()
	p.emit(f)
	return nil
}

// restart begins another pass: media time goes on from where it was, and the epoch grows,
// because the jump back to the first picture is a cut that no track may cross.
func (p *player) restart() {
	p.base = p.next - p.source.options.Start
	p.epoch++
	p.ended = false
}
