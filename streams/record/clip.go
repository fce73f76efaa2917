package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"

	"outrider/streams/vpx"
)

// packet is one encoded picture.
type packet struct {
	at   time.Time // capture time
	pts  int64     // ticks of vpx.ClockRate, grows
	key  bool
	data []byte
}

// ring is the encoded video of the last seconds. It begins with a key frame and keeps its
// memory.
type ring struct {
	packets []packet
	bytes   int
	spare   [][]byte
}

// maxRing bounds the encoded video in memory, whatever the bit rate does.
const maxRing = 64 << 20

// add copies a packet in and drops whole groups of pictures that are not needed to show what
// came in the last keep.
func (r *ring) add(p packet, keep time.Duration) {
	var b []byte
	if n := len(r.spare); n > 0 {
		b, r.spare = r.spare[n-1], r.spare[:n-1]
	}
	p.data = append(b[:0], p.data...)
	r.packets = append(r.packets, p)
	r.bytes += len(p.data)
	for {
		next := r.secondKey()
		if next < 0 || p.at.Sub(r.packets[next].at) < keep && r.bytes <= maxRing {
			return
		}
		r.drop(next)
	}
}

// secondKey is the index of the second group of pictures, -1 when there is only one.
func (r *ring) secondKey() int {
	for i := 1; i < len(r.packets); i++ {
		if r.packets[i].key {
			return i
		}
	}
	return -1
}

func (r *ring) drop(n int) {
	for i := range r.packets[:n] {
		r.bytes -= len(r.packets[i].data)
		r.spare = append(r.spare, r.packets[i].data)
	}
	kept := copy(r.packets, r.packets[n:])
	clear(r.packets[kept:])
	r.packets = r.packets[:kept]
}

// clip is a file that is being written.
type clip struct {
	archive   *archive
	camera    string
	temporary string
	f         *os.File
	out       *bufio.Writer

	from, to time.Time
	first    int64    // pts of the first packet
	waiting  []packet // of the fragment to come; their data is ours
	seq      uint32
	class    Class
	buf      seekablebuffer.Buffer
}

// fragment is the length of video that a power cut may cost.
const fragment = time.Second

// createClip starts a file for VP9 video of w x h pixels whose first packet, a key frame,
// comes next.
func createClip(a *archive, camera string, at time.Time, w, h int) (*clip, error) {
	if err := a.root.Mkdir(camera, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	c := &clip{archive: a, camera: camera, from: at, to: at, class: Plain}
	c.temporary = "." + at.UTC().Format(stamp) + ".mp4.part"
	var err error
	if c.f, err = a.root.OpenFile(path.Join(camera, c.temporary), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	c.out = bufio.NewWriterSize(c.f, 1<<16)
	head := fmp4.Init{Tracks: []*fmp4.InitTrack{{
		ID: 1, TimeScale: vpx.ClockRate, Codec: &mp4.CodecVP9{Width: w, Height: h, BitDepth: 8, ChromaSubsampling: 1},
	}}}
	err = head.Marshal(&c.buf)
	if err == nil {
		_, err = c.out.Write(c.buf.Bytes())
	}
	if err != nil {
		c.discard()
		return nil, err
	}
	return c, nil
}

// add appends a packet. Its data is copied.
func (c *clip) add(p packet) error {
	if len(c.waiting) == 0 && c.seq == 0 {
		c.first = p.pts
	}
	p.data = append([]byte(nil), p.data...)
	c.waiting = append(c.waiting, p)
	c.to = p.at
	if p.pts-c.waiting[0].pts >= int64(fragment/time.Second)*vpx.ClockRate {
		return c.flush(p.pts)
	}
	return nil
}

// flush writes the packets that wait, but for one that begins at end: until then they last.
func (c *clip) flush(end int64) error {
	n := len(c.waiting)
	if n > 0 && c.waiting[n-1].pts == end {
		n--
	}
	if n == 0 {
		return nil
	}
	t := &fmp4.PartTrack{ID: 1, BaseTime: uint64(c.waiting[0].pts - c.first)}
	for i, p := range c.waiting[:n] {
		next := end
		if i+1 < len(c.waiting) {
			next = c.waiting[i+1].pts
		}
		t.Samples = append(t.Samples, &fmp4.Sample{Duration: uint32(next - p.pts), IsNonSyncSample: !p.key, Payload: p.data})
	}
	c.seq++
	part := fmp4.Part{SequenceNumber: c.seq, Tracks: []*fmp4.PartTrack{t}}
	c.buf.Reset()
	if err := part.Marshal(&c.buf); err != nil {
		return err
	}
	if _, err := c.out.Write(c.buf.Bytes()); err != nil {
		return err
	}
	c.waiting = append(c.waiting[:0], c.waiting[n:]...)
	return c.out.Flush()
}

// finish writes the rest and takes the file into the archive.
func (c *clip) finish() error {
	if n := len(c.waiting); n > 0 {
		last := c.waiting[n-1].pts
		if err := c.flush(last + vpx.ClockRate/25); err != nil {
			c.discard()
			return err
		}
	}
	if c.seq == 0 {
		c.discard()
		return nil
	}
	err := c.f.Sync()
	if e := c.f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = c.archive.add(c.camera, c.temporary, file{clip: true, from: c.from, to: c.to, class: c.class})
	}
	if err != nil {
		c.archive.root.Remove(path.Join(c.camera, c.temporary))
	}
	return err
}

// discard leaves nothing behind.
func (c *clip) discard() {
	c.f.Close()
	c.archive.root.Remove(path.Join(c.camera, c.temporary))
}

// wholeFragments walks the boxes of a fragmented MP4 file (ISO/IEC 14496-12) and returns the
// size up to its last whole fragment and how long those play. A file without one has length 0.
func wholeFragments(f io.ReaderAt) (size int64, length time.Duration, err error) {
	var head [16]byte
	at := int64(0)
	var pending time.Duration // of the moof before its mdat
	for {
		n, err := f.ReadAt(head[:8], at)
		if n < 8 {
			return size, length, ignoreEOF(err)
		}
		box := int64(binary.BigEndian.Uint32(head[:4]))
		kind := string(head[4:8])
		if box < 8 {
			return size, length, nil
		}
		if _, err := f.ReadAt(head[:1], at+box-1); err != nil {
			return size, length, ignoreEOF(err) // the box is not whole
		}
		switch kind {
		case "moof":
			if box > 1<<20 {
				return size, length, nil
			}
			b := make([]byte, box)
			if _, err := f.ReadAt(b, at); err != nil {
				return size, length, ignoreEOF(err)
			}
			if pending, err = moofEnd(b[8:]); err != nil {
				return size, length, nil
			}
		case "mdat":
			size, length = at+box, pending
		}
		at += box
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// moofEnd is where the samples of a fragment end, from the start of the clip.
func moofEnd(b []byte) (time.Duration, error) {
	var base, sum uint64
	var walk func(b []byte) error
	walk = func(b []byte) error {
		for len(b) >= 8 {
			n := int(binary.BigEndian.Uint32(b))
			if n < 8 || n > len(b) {
				return fmt.Errorf("box of %d bytes", n)
			}
			body := b[8:n]
			switch string(b[4:8]) {
			case "traf":
				if err := walk(body); err != nil {
					return err
				}
			case "tfdt":
				if len(body) < 12 {
					return io.ErrUnexpectedEOF
				}
				base = binary.BigEndian.Uint64(body[4:])
			case "trun":
				// Flags as our writer sets them: data offset, duration, size, perhaps sample flags.
				if len(body) < 12 {
					return io.ErrUnexpectedEOF
				}
				each := 8
				if binary.BigEndian.Uint32(body)&0x400 != 0 {
					each = 12
				}
				count := int(binary.BigEndian.Uint32(body[4:]))
				if count < 0 || count > (len(body)-12)/each {
					return io.ErrUnexpectedEOF
				}
				for i := range count {
					sum += uint64(binary.BigEndian.Uint32(body[12+i*each:]))
				}
			}
			b = b[n:]
		}
		return nil
	}
	if err := walk(b); err != nil {
		return 0, err
	}
	if base+sum > 24*3600*vpx.ClockRate {
		return 0, errors.New("a clip of more than a day")
	}
	return time.Duration(base+sum) * time.Second / vpx.ClockRate, nil
}
