package export

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"outrider/streams/vpx"
)

// Video writes BGR frames of one size as an MP4 file with VP9 video, which browsers and players
// open without a plug-in and which carries no patent licence. Frames keep their own media
// times. The encoded frames wait in a temporary file until Commit, because an MP4 index that
// stands in front (so that playing starts at once) is known only at the end.
//
// One goroutine at a time may use a Video.
type Video struct {
	path          string
	width, height int
	enc           *vpx.Encoder
	conv          vpx.Converter
	pic           vpx.I420
	spool         *os.File
	buf           *bufio.Writer
	offset        int64
	samples       []sample
}

type sample struct {
	pts    int64 // ticks of vpx.ClockRate from the first frame
	offset int64
	size   uint32
	key    bool
}

// VideoOptions say how a Video is encoded. Zero fields take the default.
type VideoOptions struct {
	Bitrate int // bits a second, default by picture size
	Threads int // default 1
}

// keyEvery is the number of frames between two key frames: where a player can seek to.
const keyEvery = 100

// maxVideoBytes is where an MP4 of 32-bit offsets ends.
const maxVideoBytes = 4<<30 - 1<<26

// CreateVideo starts a file for frames of w x h pixels. An odd side loses its last pixel.
func CreateVideo(path string, w, h int, o VideoOptions) (*Video, error) {
	v := &Video{path: path, width: w, height: h}
	if o.Bitrate == 0 {
		// 4 Mbit/s at 720p, by area.
		o.Bitrate = max(600_000, 4_000_000*w*h/(1280*720))
	}
	if o.Threads == 0 {
		o.Threads = 1
	}
	ew, eh := w&^1, h&^1
	var err error
	v.enc, err = vpx.New(vpx.Options{Codec: vpx.VP9, Width: ew, Height: eh, Bitrate: o.Bitrate, Threads: o.Threads, CPUUsed: 9, KeyInterval: keyEvery})
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	if err = v.pic.Resize(ew, eh); err == nil {
		v.spool, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	}
	if err != nil {
		v.enc.Close()
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	v.buf = bufio.NewWriterSize(v.spool, 1<<18)
	return v, nil
}

// Add appends a frame of the video's size, shown at media time at. A frame that is not later
// than the one before is moved a millisecond behind it.
func (v *Video) Add(bgr []byte, at time.Duration) error {
	if len(bgr) != 3*v.width*v.height {
		return fmt.Errorf("write %s: frame of %d bytes in a video of %dx%d", v.path, len(bgr), v.width, v.height)
	}
	pts := int64(at) * 9 / 100_000
	if n := len(v.samples); n > 0 && pts <= v.samples[n-1].pts {
		pts = v.samples[n-1].pts + vpx.ClockRate/1000
	} else if n == 0 && pts < 0 {
		pts = 0
	}
	if err := v.conv.Convert(&v.pic, bgr, v.width, v.height); err != nil {
		return fmt.Errorf("write %s: %w", v.path, err)
	}
	p, err := v.enc.Encode(&v.pic, pts, len(v.samples)%keyEvery == 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", v.path, err)
	}
	if v.offset+int64(len(p.Data)) > maxVideoBytes {
		return fmt.Errorf("write %s: the file would grow past 4 GB; write shorter parts (--start, --end) or no video (--no-video)", v.path)
	}
	if _, err := v.buf.Write(p.Data); err != nil {
		return fmt.Errorf("write %s: %w", v.path, err)
	}
	v.samples = append(v.samples, sample{pts: pts, offset: v.offset, size: uint32(len(p.Data)), key: p.Key})
	v.offset += int64(len(p.Data))
	return nil
}

// Frames is the number of frames added.
func (v *Video) Frames() int { return len(v.samples) }

// Commit writes the file under its name. A video without a frame leaves no file.
func (v *Video) Commit() error {
	if v.spool == nil {
		return nil
	}
	defer v.Close()
	if len(v.samples) == 0 {
		return nil
	}
	if err := v.buf.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", v.path, err)
	}
	err := WriteFile(v.path, func(w *bufio.Writer) error {
		p := pmp4.Presentation{Tracks: []*pmp4.Track{v.track()}}
		return p.Marshal(w)
	})
	return err
}

func (v *Video) track() *pmp4.Track {
	t := &pmp4.Track{
		ID: 1, TimeScale: vpx.ClockRate,
		Codec: &mp4.CodecVP9{Width: v.width &^ 1, Height: v.height &^ 1, BitDepth: 8, ChromaSubsampling: 1},
	}
	buf := []byte{} // one payload at a time is alive
	for i, s := range v.samples {
		// The last frame is shown as long as the one before.
		duration := int64(vpx.ClockRate / 25)
		switch {
		case i+1 < len(v.samples):
			duration = v.samples[i+1].pts - s.pts
		case i > 0:
			duration = s.pts - v.samples[i-1].pts
		}
		t.Samples = append(t.Samples, &pmp4.Sample{
			Duration: uint32(duration), IsNonSyncSample: !s.key, PayloadSize: s.size,
			GetPayload: func() ([]byte, error) {
				if cap(buf) < int(s.size) {
					buf = make([]byte, s.size)
				}
				buf = buf[:s.size]
				_, err := v.spool.ReadAt(buf, s.offset)
				if err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				return buf, err
			},
		})
	}
	return t
}

// Close frees everything and removes what was not committed; twice is fine.
func (v *Video) Close() error {
	if v.spool != nil {
		v.spool.Close()
		os.Remove(v.spool.Name())
		v.spool = nil
	}
	return v.enc.Close()
}
