package decode

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Live reads a stream that does not wait: a network camera, a USB camera or a pipeline.
type Live struct {
	API       API
	Target    string        // URL, device node or pipeline
	Transport string        // of RTSP: tcp or udp
	Timeout   time.Duration // of each network operation, for FFmpeg
}

// optionsVariable is read by OpenCV at every open through FFmpeg; it knows no other way to
// pass options.
const optionsVariable = "OPENCV_FFMPEG_CAPTURE_OPTIONS"

var opening sync.Mutex // guards optionsVariable

// ErrEnded is returned by Run when the stream gives no more pictures.
var ErrEnded = errors.New("the stream ended")

// Run opens the stream, calls opened, and then publish for every picture with the time of its
// capture on the monotonic clock (see Now). A stale picture comes without Data, to be counted.
// Run returns nil when publish returns false, else why it ended: ErrEnded, an error of Open or
// of a Read. It blocks for as long as the native code does.
func (l *Live) Run(opened func(), publish func(p Picture, captured time.Duration) bool) error {
	r, err := l.open()
	if err != nil {
		return err
	}
	defer r.Close()
	opened()
	gate := staleGate{gap: gapOf(r.FPS())}
	var clock streamClock
	for {
		before := Now()
		p, ok, err := r.Read()
		arrival := Now()
		if err != nil {
			return err
		}
		if !ok {
			return ErrEnded
		}
		captured := clock.captured(arrival, p.Position, p.HasPosition)
		if gate.stale(before, arrival, captured) {
			p.Data = nil
		}
		if !publish(p, captured) {
			return nil
		}
	}
}

func (l *Live) open() (*Reader, error) {
	if l.API != FFmpeg {
		return Open(l.API, l.Target)
	}
	opening.Lock()
	defer opening.Unlock()
	if err := os.Setenv(optionsVariable, l.options()); err != nil {
		return nil, fmt.Errorf("set the options of FFmpeg: %w", err)
	}
	defer os.Unsetenv(optionsVariable)
	return Open(l.API, l.Target)
}

// options are those measured to give the least delay: without nobuffer FFmpeg hands out a
// second of old pictures first, without timeout a dead camera holds Read for 30 s.
func (l *Live) options() string {
	o := "fflags;nobuffer|flags;low_delay"
	us := l.Timeout.Microseconds()
	if strings.HasPrefix(l.Target, "rtsp") {
		return fmt.Sprintf("rtsp_transport;%s|%s|timeout;%d", l.Transport, o, us)
	}
	return fmt.Sprintf("%s|rw_timeout;%d", o, us)
}

// Now is the monotonic clock of the machine, which processes share. time.Time hides it.
func Now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic("clock_gettime: " + err.Error()) // not possible with a valid clock
	}
	return time.Duration(t.Nano())
}

// staleGate finds pictures that lay in the decoder while the camera was silent: when it
// speaks again (or FFmpeg gives up), the first to come out are old ones.
type staleGate struct {
	gap   time.Duration // smoothed time between pictures
	until time.Duration // after a stall, how long pictures are looked at
}

func gapOf(fps float64) time.Duration {
	if fps == 0 || fps < 1 {
		return time.Second
	}
	return time.Duration(float64(time.Second) / fps)
}

// limit is how long a Read may take: five pictures, at least a second.
func (g *staleGate) limit() time.Duration { return max(time.Second, 5*g.gap) }

// stale takes the times before and after a Read and the capture time of what it gave.
func (g *staleGate) stale(before, arrival, captured time.Duration) bool {
	took := arrival - before
	limit := g.limit()
	g.gap += (took - g.gap) / 8
	if took > limit {
		g.until = arrival + 2*time.Second
		return true
	}
	return arrival < g.until && arrival-captured > limit/2
}
