package webrtc

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"
)

const (
	// queueLength bounds what waits for a viewer's goroutine: a second of frames and messages.
	// It fills only when the machine stands still.
	queueLength = 64
	// maxBuffered is the unsent metadata above which messages are dropped: on a thin line the
	// newest frame's is worth more than all that wait.
	maxBuffered = 64 << 10
	// minBacklog and backlogTime bound the video that waits in a viewer's pacer: a key frame at
	// the lowest rate, or what the line carries in that time. Above it the viewer loses frames.
	minBacklog  = 24 << 10
	backlogTime = 500 * time.Millisecond
	// slowKeyGap is the least time between the key frames that a viewer below the floor costs
	// all the others.
	slowKeyGap = 2 * time.Second
)

// encoded is one frame as packets, shared by all viewers and never changed.
type encoded struct {
	packets [][]byte // RTP payloads
	stamp   uint32   // RTP time stamp
	key     bool
}

// item is something on its way to a viewer: a frame or a message.
type item struct {
	frame *encoded
	meta  string
}

// viewer is one session: a connection that gets the video of one stream.
type viewer struct {
	server *Server
	id     string
	key    streamKey
	peer   *peer
	track  *pion.TrackLocalStaticRTP
	etag   string

	queue     chan item
	connected chan struct{} // closed when the connection stands
	quit      chan struct{} // closed to end the session
	ended     chan struct{} // closed when everything of it is gone
	connOnce  sync.Once
	quitOnce  sync.Once
	listening atomic.Bool  // the metadata channel is open
	lost      atomic.Bool  // a frame was dropped: the next one must be a key frame
	starved   atomic.Bool  // the line carries key frames only
	feedback  atomic.Int64 // unix ns of the last transport feedback, 0 before the first
	rung      atomic.Int32 // of the ladder: the size that it gets
	best      atomic.Int32 // the best rung that the player wants

	channel *pion.DataChannel // nil when the player offered none

	// What follows belongs to the stream's goroutine.
	metaRate int // smoothed bits a second of metadata
	ladder   ladder
	next     int // the rung that it is to get, when that has a key frame
	wished   int // best, as it was last looked at

	// What follows belongs to the goroutine.
	stream    *stream
	line      line
	sequence  uint16
	lastAsked time.Time
	lastKey   time.Time // that mended a loss
}

// enqueue hands something to the viewer; when its queue is full it is dropped.
func (v *viewer) enqueue(it item) {
	select {
	case v.queue <- it:
	default:
		v.drop(it)
	}
}

func (v *viewer) drop(it item) {
	c := v.server.counters(v.key)
	if it.frame == nil {
		c.droppedMeta.Add(1)
		return
	}
	v.lost.Store(true)
	c.lostFrames.Add(1)
}

// room is what the line has for video, in bits a second: a tenth is left for retransmissions
// and the estimate's own swing. For the stream's goroutine.
func (v *viewer) room() int { return v.estimate()/10*9 - v.metaRate }

// estimate is the bandwidth to the viewer in bits a second.
func (v *viewer) estimate() int { return v.peer.bandwidth.GetTargetBitrate() }

// stop ends the session; it does not wait.
func (v *viewer) stop() { v.quitOnce.Do(func() { close(v.quit) }) }

// run serves the viewer until it leaves, is stopped, or does not connect in time.
func (v *viewer) run() {
	defer close(v.ended)
	defer v.server.forget(v)
	deadline := time.NewTimer(v.server.ConnectTimeout)
	defer deadline.Stop()
	connected := v.connected
	for {
		select {
		case <-v.quit:
			return
		case <-deadline.C:
			if v.stream == nil {
				v.server.Log.Debug("viewer did not connect", "camera", v.key.camera, "within", v.server.ConnectTimeout)
				return
			}
		case <-connected:
			connected = nil
			v.lost.Store(true) // it can begin only with a key frame
			v.stream = v.server.join(v)
			if v.stream == nil {
				return // the server closes
			}
			v.wantKey()
			v.lastAsked = time.Now()
		case it := <-v.queue:
			if it.frame == nil {
				v.sendMeta(it)
			} else {
				v.send(it)
			}
		}
	}
}

// wantKey asks for a key frame of what the viewer gets.
func (v *viewer) wantKey() { v.stream.wantKey(int(v.rung.Load())) }

// send writes a frame's packets into the pacer, or drops the frame when the viewer has no
// picture that it builds on or too much waits already.
func (v *viewer) send(it item) {
	v.judge()
	backlog := v.peer.pacer.backlog.Load()
	limit := max(minBacklog, int64(backlogTime.Seconds()*float64(v.estimate())/8))
	if v.lost.Load() {
		if !it.frame.key || backlog > limit/2 || v.starved.Load() && time.Since(v.lastKey) < slowKeyGap {
			if backlog <= limit/2 && time.Since(v.lastAsked) > slowKeyGap {
				v.lastAsked = time.Now()
				v.wantKey()
			}
			v.server.counters(v.key).lostFrames.Add(1)
			return
		}
		v.lost.Store(false)
		v.lastKey = time.Now()
	} else if backlog > limit || v.starved.Load() {
		v.drop(it)
		return
	}
	n := 0
	for i, p := range it.frame.packets {
		packet := rtp.Packet{Payload: p, Header: rtp.Header{
			Version: 2, SequenceNumber: v.sequence, Timestamp: it.frame.stamp, Marker: i == len(it.frame.packets)-1,
		}}
		v.sequence++
		if err := v.track.WriteRTP(&packet); err != nil {
			v.drop(it)
			return
		}
		n += len(p)
	}
	c := v.server.counters(v.key)
	c.sentFrames.Add(1)
	c.sentBytes.Add(uint64(n))
}

// judge looks at the line.
func (v *viewer) judge() {
	var feedback time.Time
	if ns := v.feedback.Load(); ns > 0 {
		feedback = time.Unix(0, ns)
	}
	starved := v.line.starved(time.Now(), v.estimate() < v.server.MinBitrate, feedback)
	if v.starved.Swap(starved) != starved {
		v.server.Log.Debug("viewer's line", "camera", v.key.camera, "key_frames_only", starved, "estimate", v.estimate())
	}
}

func (v *viewer) sendMeta(it item) {
	buffered := uint64(maxBuffered)
	if v.starved.Load() {
		buffered = 0
	}
	if !v.listening.Load() || v.channel.BufferedAmount() > buffered {
		v.drop(it)
		return
	}
	if err := v.channel.SendText(it.meta); err != nil {
		v.drop(it)
		return
	}
	v.server.counters(v.key).sentMeta.Add(1)
}

// readRTCP answers the viewer's requests for key frames until the connection is closed. Its
// reading is also what drives retransmission and the bandwidth estimate.
func (v *viewer) readRTCP(sender *pion.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.TransportLayerCC:
				v.feedback.Store(time.Now().UnixNano())
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				if !v.starved.Load() { // it gets them at its own pace
					v.server.keyRequest(v)
				}
			}
		}
	}
}
