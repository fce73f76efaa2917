package webrtc

import (
	"sort"
	"sync/atomic"
	"time"

	"outrider/pipeline"
)

// counters are the figures of one stream since the server's start; they outlive the stream.
type counters struct {
	frames, keys, encodedBytes, droppedFrames, errors      atomic.Uint64
	ownAnswer, sentFrames, sentBytes, lostFrames, sentMeta atomic.Uint64
	droppedMeta, sessions                                  atomic.Uint64
	viewers                                                atomic.Int64
	encodeTime                                             pipeline.Latency
	renditions                                             [rungs]struct {
		bitrate atomic.Int64
		frames  atomic.Uint64
	}
}

// StreamStats are the figures of one stream. Counters grow from the server's start on and
// are not reset when the last viewer leaves.
type StreamStats struct {
	Camera  string
	Overlay bool // with the overlay drawn in

	Viewers int // connected now

	Renditions []RenditionStats // each size that was ever sent, the source's own first

	Sessions      uint64 // viewers that connected
	Frames        uint64 // encoded
	KeyFrames     uint64
	EncodedBytes  uint64
	DroppedFrames uint64 // came in and were not encoded: the encoder did not keep up
	Errors        uint64 // frames that could not be encoded
	OwnAnswer     uint64 // frames that went out with their own result

	SentFrames  uint64 // over all viewers
	SentBytes   uint64 // video payload over all viewers, without retransmissions
	LostFrames  uint64 // encoded and not sent to some viewer: its line was too thin, or it waited for a key frame
	SentMeta    uint64 // metadata messages over all viewers
	DroppedMeta uint64 // messages not sent because too many waited

	EncodeP50, EncodeP95 time.Duration // conversion and encoding of a frame
}

// RenditionStats are the figures of one size of a stream.
type RenditionStats struct {
	Name    string // source, 720p, 360p
	Viewers int    // that get it now
	Bitrate int    // bits a second that its encoder aims at now, 0 while nobody watches
	Frames  uint64 // encoded
}

// Stats are the server's figures as of now.
type Stats struct {
	Viewers int           // connected
	Pending int           // sessions that have not connected yet
	Streams []StreamStats // every stream that ever had a viewer, by camera
}

// Stats returns the figures. Safe for concurrent use.
func (s *Server) Stats() Stats {
	var out Stats
	at := map[streamKey]*[rungs]int{}
	s.mu.Lock()
	for _, v := range s.sessions {
		select {
		case <-v.connected:
			out.Viewers++
			if at[v.key] == nil {
				at[v.key] = &[rungs]int{}
			}
			at[v.key][v.rung.Load()]++
		default:
			out.Pending++
		}
	}
	s.mu.Unlock()
	s.figures.Range(func(k, v any) bool {
		key, c := k.(streamKey), v.(*counters)
		var renditions []RenditionStats
		for r := range c.renditions {
			if n := c.renditions[r].frames.Load(); n > 0 {
				out := RenditionStats{Name: rungNames[r], Bitrate: int(c.renditions[r].bitrate.Load()), Frames: n}
				if a := at[key]; a != nil {
					out.Viewers = a[r]
				}
				renditions = append(renditions, out)
			}
		}
		out.Streams = append(out.Streams, StreamStats{
			Camera: key.camera, Overlay: key.overlay, Viewers: int(c.viewers.Load()), Renditions: renditions,
			Sessions: c.sessions.Load(), Frames: c.frames.Load(), KeyFrames: c.keys.Load(), EncodedBytes: c.encodedBytes.Load(),
			DroppedFrames: c.droppedFrames.Load(), Errors: c.errors.Load(), OwnAnswer: c.ownAnswer.Load(),
			SentFrames: c.sentFrames.Load(), SentBytes: c.sentBytes.Load(), LostFrames: c.lostFrames.Load(),
			SentMeta: c.sentMeta.Load(), DroppedMeta: c.droppedMeta.Load(),
			EncodeP50: c.encodeTime.Quantile(.5), EncodeP95: c.encodeTime.Quantile(.95),
		})
		return true
	})
	sort.Slice(out.Streams, func(i, j int) bool {
		a, b := out.Streams[i], out.Streams[j]
		return a.Camera < b.Camera || a.Camera == b.Camera && !a.Overlay && b.Overlay
	})
	return out
}

// counters returns the figures of a stream, new ones at first.
func (s *Server) counters(key streamKey) *counters {
	if c, ok := s.figures.Load(key); ok {
		return c.(*counters)
	}
	c, _ := s.figures.LoadOrStore(key, &counters{})
	return c.(*counters)
}
