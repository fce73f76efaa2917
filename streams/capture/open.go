package capture

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"outrider/pipeline"
	"outrider/streams/capture/synth"
)

// Isolation says which sources are decoded in a child process.
type Isolation string

// The ways of isolation. Auto, the default, is a child for everything but files, folders and
// rendered scenes. Process is a child for video files too: for files of strangers. None reads all in this process, where a blocked or aborting decoder cannot
// be ended; it is for tests and machines without processes.
const (
	Auto    Isolation = "auto"
	Process Isolation = "process"
	None    Isolation = "none"
)

// Options are the parameters of a source. Zero fields take the default.
type Options struct {
	Loop  bool // files and folders: start again at the end; media time goes on, the epoch grows
	Paced bool // files and folders: play at their own rate, as a camera would

	FPS   float64       // rate of an image folder, default 10; of a file that does not know its own, default 25
	Start time.Duration // files and folders: media time of the first frame wanted
	End   time.Duration // and of the end, 0 for all
	Every int           // files and folders: every n-th frame, default 1

	Rotate int // degrees clockwise: 0, 90, 180, 270

	OpenTimeout time.Duration // until the first frame of a live source, default 10 s
	ReadTimeout time.Duration // between two frames of a live source, default 5 s
	Transport   string        // RTSP over tcp (default) or udp
	Isolation   Isolation     // default Auto

	Pool *pipeline.FramePool // where frames come from, default a pool of the source's own

	// Child is the command that runs child.Main, default this very binary with the argument
	// "capture-child".
	Child []string
}

// Source is one opened source string. Run may be called again after it has returned, not
// while it runs; the other methods at any time.
type Source struct {
	spec    spec
	options Options
	pool    *pipeline.FramePool
	redact  redactor
	dropped atomic.Uint64
	scene   *synth.Source // for Synthetic
}

var (
	_ pipeline.Source      = (*Source)(nil)
	_ pipeline.DropCounter = (*Source)(nil)
)

// Open reads a source string: a file, a directory of images, /dev/videoN, usb:N, rtsp://,
// rtsps://, http://, https://, gst:<pipeline> or synth:<scene>. It touches neither disk nor
// network: what is missing or broken is told by Run and Probe. Errors wrap ErrSpec.
func Open(source string, o Options) (*Source, error) {
	sp, err := parse(source)
	if err != nil {
		return nil, err
	}
	switch o.Rotate {
	case 0, 90, 180, 270:
	default:
		return nil, fmt.Errorf("%w: rotate %d: want 0, 90, 180 or 270", ErrSpec, o.Rotate)
	}
	switch o.Transport {
	case "":
		o.Transport = "tcp"
	case "tcp", "udp":
	default:
		return nil, fmt.Errorf("%w: RTSP transport %q: want tcp or udp", ErrSpec, o.Transport)
	}
	switch o.Isolation {
	case "":
		o.Isolation = Auto
	case Auto, Process, None:
	default:
		return nil, fmt.Errorf("%w: isolation %q: want auto, process or none", ErrSpec, o.Isolation)
	}
	if o.Start < 0 || o.End < 0 || o.End > 0 && o.End <= o.Start || o.Every < 0 || o.FPS < 0 {
		return nil, fmt.Errorf("%w: start %v, end %v, every %d, fps %g: want 0 or more, and the end after the start", ErrSpec, o.Start, o.End, o.Every, o.FPS)
	}
	o.Every = max(o.Every, 1)
	if o.OpenTimeout <= 0 {
		o.OpenTimeout = 10 * time.Second
	}
	if o.ReadTimeout <= 0 {
		o.ReadTimeout = 5 * time.Second
	}
	s := &Source{spec: sp, options: o, pool: o.Pool, redact: newRedactor(sp)}
	if s.pool == nil {
		s.pool = &pipeline.FramePool{}
	}
	if sp.kind == Synthetic {
		s.scene, err = synth.Parse(sp.target)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSpec, err)
		}
		s.scene.Paced = o.Paced
	}
	return s, nil
}

// Kind says what the source string names. A path is a Folder once it was seen to be one.
func (s *Source) Kind() Kind {
	if s.spec.kind == File && isFolder(s.spec.target) {
		return Folder
	}
	return s.spec.kind
}

// Live tells whether the newest frame should win over back pressure: for cameras always, for
// files, folders and scenes when they are paced.
func (s *Source) Live() bool {
	switch s.spec.kind {
	case File, Folder, Synthetic:
		return s.options.Paced
	}
	return true
}

// Display is the source as people may see it, without secrets: rtsp://***@10.0.0.2/stream1.
func (s *Source) Display() string { return s.spec.display }

// Dropped counts frames that were decoded but replaced by newer ones before they were taken,
// or thrown away because they were old when they came.
func (s *Source) Dropped() uint64 { return s.dropped.Load() }

// Run delivers the frames until ctx ends (ctx's error), the material is at its end (io.EOF,
// or a *TruncatedError, which is one too), or the first failure, named with what was being
// done to what.
func (s *Source) Run(ctx context.Context, emit func(*pipeline.Frame)) error {
	switch {
	case s.spec.kind == Synthetic:
		return s.scene.Run(ctx, emit)
	case s.Kind() == Folder:
		return s.runFolder(ctx, emit)
	case s.spec.kind == File:
		return s.runFile(ctx, emit)
	case s.options.Isolation == None:
		return s.runInProcess(ctx, emit)
	default:
		return s.runChild(ctx, emit)
	}
}
