package webrtc

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"outrider/pipeline"
)

// # The metadata channel
//
// What is known of each frame travels as one JSON text message on the negotiated data channel
// id 1 (ordered false, maxRetransmits 0), sent before the frame itself is encoded. A message
// has no newline, is at most 16 kB long, and absent keys mean zero, false, empty or unknown:
//
//	{
//	  "t":"f",               // kind of message: frame
//	  "rtp":4294967295,      // RTP timestamp of the frame on the wire: compare with
//	                         // requestVideoFrameCallback's metadata.rtpTimestamp >>> 0
//	  "seq":123,             // number of the frame
//	  "cap":1732438800123,   // its capture time, unix ms, wall clock of the server
//	  "w":1280,"h":720,      // size of the picture; boxes and points below are in its pixels
//	  "of":121,              // number of the analysed frame that the tracks come from, when it is
//	                         // an earlier one (the frame was not analysed, or not in time)
//	  "lag":80,              // ms from that frame's capture to this one's; boxes and outlines were
//	                         // moved ahead by the tracks' velocity over it. At most 1000: an older
//	                         // answer is not sent
//	  "none":1,              // no answer belongs to this frame: tracks is empty because nothing is
//	                         // known, not because nothing is there
//	  "n":20,                // live tracks of the answer; more than tracks has when the list was cut
//	  "q":48,                // most vertices of an outline in this message: 48, 24 ("simple
//	                         // outlines") or 0 (boxes only)
//	  "tracks":[{
//	    "id":17,             // track
//	    "p":"gate",          // prompt that the track belongs to
//	    "st":"c",            // c confirmed, l lost
//	    "ob":1,              // 1 seen in the analysed frame, 0 predicted
//	    "b":[x1,y1,x2,y2],   // box
//	    "l":"person","s":.83,// label and score
//	    "lv":2,              // level in the containment tree, 0 for a root
//	    "up":16,             // the track that this one is a part of
//	    "bg":1,              // background such as road or sky
//	    "m":"..."            // outline, see DecodeOutline
//	  }],
//	  "obs":[{
//	    "id":17,             // track
//	    "at":[x,y],          // where it meets the ground
//	    "d":23.4,"lo":20.1,"hi":27,  // distance and its 95 % interval, m; no hi: open interval
//	    "lat":-.4,           // lateral offset, m, left positive
//	    "v":3.2,             // closing speed, m/s
//	    "ttc":7.3,           // time to collision, s
//	    "in":1,              // in the corridor
//	    "lv":3               // warning level 0..4
//	  }],
//	  "zn":[{"id":"drive","n":2}],  // zones and how many objects are inside now; as of the answer
//	  "ln":[{"id":"door","i":3,"o":1,"x":1}]  // lines, crossings in and out, and x while the newest
//	                         // crossing is less than a second old
//	}

// maxMetaBytes bounds one message: larger ones are cut into pieces by some SCTP stacks, and
// one lost piece loses the message.
const maxMetaBytes = 16 << 10

// maxLag is the oldest answer that is sent along with a frame.
const maxLag = time.Second

// frameInfo identifies the frame that a message belongs to.
type frameInfo struct {
	rtp      uint32
	seq      uint64
	captured time.Time
	w, h     int
}

// metaEncoder writes metadata messages and keeps the buffers for it. Not safe for concurrent
// use.
type metaEncoder struct {
	outliner outliner
	bytes    []byte
}

// details are the most vertices of an outline, by level: the full message and two simpler ones
// for thin lines.
var details = [...]int{48, 24, 0}

// append adds the message of frame f to dst. r is the newest answer not newer than f, nil when
// there is none. It begins with the given level of detail and lowers it until the message fits.
func (e *metaEncoder) append(dst []byte, f frameInfo, r *pipeline.Result, level int) []byte {
	start := len(dst)
	for _, vertices := range details[level:] {
		dst = e.appendWith(dst[:start], f, r, vertices)
		if len(dst)-start <= maxMetaBytes {
			break
		}
	}
	return dst
}

func (e *metaEncoder) appendWith(dst []byte, f frameInfo, r *pipeline.Result, vertices int) []byte {
	start := len(dst)
	dst = append(dst, `{"t":"f","rtp":`...)
	dst = strconv.AppendUint(dst, uint64(f.rtp), 10)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, f.seq, 10)
	dst = append(dst, `,"cap":`...)
	dst = strconv.AppendInt(dst, f.captured.UnixMilli(), 10)
	dst = append(dst, `,"w":`...)
	dst = strconv.AppendInt(dst, int64(f.w), 10)
	dst = append(dst, `,"h":`...)
	dst = strconv.AppendInt(dst, int64(f.h), 10)
	var lag time.Duration
	if r != nil && r.Frame.Seq != f.seq {
		lag = max(0, f.captured.Sub(r.Frame.Captured))
	}
	if r == nil || lag > maxLag {
		return append(dst, `,"none":1,"tracks":[],"obs":[]}`...)
	}
	if r.Frame.Seq != f.seq {
		dst = append(dst, `,"of":`...)
		dst = strconv.AppendUint(dst, r.Frame.Seq, 10)
		dst = append(dst, `,"lag":`...)
		dst = strconv.AppendInt(dst, lag.Milliseconds(), 10)
	}
	dst = append(dst, `,"n":`...)
	dst = strconv.AppendInt(dst, int64(len(r.Tracks)), 10)
	dst = append(dst, `,"q":`...)
	dst = strconv.AppendInt(dst, int64(vertices), 10)
	// Obstacles come first, though they stand last in the text: they may not be cut.
	e.bytes = appendObstacles(e.bytes[:0], r.Obstacles)
	e.bytes = appendCounts(append(e.bytes, ']'), r.Counts, f.captured)
	room := maxMetaBytes - len(e.bytes) - len(`],"obs":[}`)
	dst = append(dst, `,"tracks":[`...)
	for i, n := 0, 0; i < len(r.Tracks); i++ {
		t := &r.Tracks[i]
		if !t.Box.Finite() {
			continue
		}
		before := len(dst)
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendTrack(dst, f, t, lag, r.Segments, vertices)
		if vertices == 0 && len(dst)-start > room {
			dst = dst[:before]
			break
		}
		n++
	}
	dst = append(dst, `],"obs":[`...)
	dst = append(dst, e.bytes...)
	return append(dst, '}')
}

// crossedFor is how long a line says that it was crossed.
const crossedFor = time.Second

// maxCounts bounds obstacles and counts together, so that tracks have room.
const maxCounts = maxMetaBytes * 3 / 4

// appendCounts adds the zones and lines that there are, as many as fit.
func appendCounts(dst []byte, c *pipeline.Counts, now time.Time) []byte {
	if c == nil {
		return dst
	}
	open := ""
	next := func(list string) { // a member of a list begins
		if open == list {
			dst = append(dst, ',')
			return
		}
		dst = append(append(dst, `,"`...), list...)
		dst, open = append(dst, `":[`...), list
	}
	end := func() {
		if open != "" {
			dst, open = append(dst, ']'), ""
		}
	}
	for i := range c.Zones {
		if len(dst) > maxCounts {
			break
		}
		next("zn")
		dst = appendString(append(dst, `{"id":`...), c.Zones[i].ID)
		dst = strconv.AppendInt(append(dst, `,"n":`...), int64(c.Zones[i].Inside), 10)
		dst = append(dst, '}')
	}
	end()
	for i := range c.Lines {
		if len(dst) > maxCounts {
			break
		}
		l := &c.Lines[i]
		next("ln")
		dst = appendString(append(dst, `{"id":`...), l.ID)
		dst = strconv.AppendUint(append(dst, `,"i":`...), l.In, 10)
		dst = strconv.AppendUint(append(dst, `,"o":`...), l.Out, 10)
		if since := now.Sub(l.Last); since >= 0 && since < crossedFor {
			dst = append(dst, `,"x":1`...)
		}
		dst = append(dst, '}')
	}
	end()
	return dst
}

func (e *metaEncoder) appendTrack(dst []byte, f frameInfo, t *pipeline.Track, lag time.Duration, segs []pipeline.Segment, vertices int) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, t.ID, 10)
	if t.PromptID != "" {
		dst = appendString(append(dst, `,"p":`...), t.PromptID)
	}
	if t.State == pipeline.Lost {
		dst = append(dst, `,"st":"l"`...)
	} else {
		dst = append(dst, `,"st":"c"`...)
	}
	if t.Observed {
		dst = append(dst, `,"ob":1`...)
	} else {
		dst = append(dst, `,"ob":0`...)
	}
	dx, dy := t.Velocity.X*lag.Seconds(), t.Velocity.Y*lag.Seconds()
	if !finite(dx) || !finite(dy) {
		dx, dy = 0, 0
	}
	b := pipeline.Box{X1: t.Box.X1 + dx, Y1: t.Box.Y1 + dy, X2: t.Box.X2 + dx, Y2: t.Box.Y2 + dy}
	dst = appendNumber(append(dst, `,"b":[`...), b.X1, 1)
	dst = appendNumber(append(dst, ','), b.Y1, 1)
	dst = appendNumber(append(dst, ','), b.X2, 1)
	dst = appendNumber(append(dst, ','), b.Y2, 1)
	dst = append(dst, ']')
	if t.Label != "" {
		dst = appendString(append(dst, `,"l":`...), t.Label)
	}
	if finite(t.Score) {
		dst = appendNumber(append(dst, `,"s":`...), t.Score, 2)
	}
	if t.Observed && t.Segment >= 0 && t.Segment < len(segs) && segs[t.Segment].Level > 0 {
		dst = append(dst, `,"lv":`...)
		dst = strconv.AppendInt(dst, int64(segs[t.Segment].Level), 10)
	}
	if t.Parent != 0 {
		dst = append(dst, `,"up":`...)
		dst = strconv.AppendUint(dst, t.Parent, 10)
	}
	if t.Stuff {
		dst = append(dst, `,"bg":1`...)
	}
	if t.Mask != nil && vertices > 0 {
		if rings := e.outliner.outline(t.Mask, vertices); len(rings) > 0 {
			dst = append(dst, `,"m":"`...)
			dst = appendOutline(dst, rings, f.w, f.h, dx, dy)
			dst = append(dst, '"')
		}
	}
	return append(dst, '}')
}

func appendObstacles(dst []byte, obs []pipeline.Obstacle) []byte {
	optional := func(key string, v *float64, digits int) {
		if v != nil && finite(*v) {
			dst = append(dst, `,"`...)
			dst = append(dst, key...)
			dst = appendNumber(append(dst, `":`...), *v, digits)
		}
	}
	for i := range obs {
		o := &obs[i]
		// Most critical ones are few; the bound only guards against a broken stage.
		if len(dst) > maxMetaBytes/2 {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"id":`...)
		dst = strconv.AppendUint(dst, o.TrackID, 10)
		if finite(o.Contact.X) && finite(o.Contact.Y) {
			dst = appendNumber(append(dst, `,"at":[`...), o.Contact.X, 1)
			dst = appendNumber(append(dst, ','), o.Contact.Y, 1)
			dst = append(dst, ']')
		}
		optional("d", o.Distance, 2)
		optional("lo", o.DistanceLo, 2)
		optional("hi", o.DistanceHi, 2)
		optional("lat", o.Lateral, 2)
		optional("v", o.Closing, 2)
		optional("ttc", o.TTC, 2)
		if o.InCorridor {
			dst = append(dst, `,"in":1`...)
		}
		dst = append(dst, `,"lv":`...)
		dst = strconv.AppendInt(dst, int64(o.Level), 10)
		dst = append(dst, '}')
	}
	return dst
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// appendNumber writes v with at most the given decimals and no trailing zeros. v is finite;
// beyond ±1e9 it is cut, since no picture is that large.
func appendNumber(dst []byte, v float64, decimals int) []byte {
	v = min(max(v, -1e9), 1e9)
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', decimals, 64)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	if s := string(dst[start:]); s == "" || s == "-" || s == "-0" {
		dst = append(dst[:start], '0')
	}
	return dst
}

// appendString writes s as a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20 || r == 0x2028 || r == 0x2029:
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
