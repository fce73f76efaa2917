package webrtc

import (
	"math/rand/v2"
	"sync"
	"time"

	"outrider/pipeline"
	"outrider/streams/vpx"
)

// keyGap is the least time between two key frames asked for: a lossy viewer asks in bursts,
// and a key frame costs all viewers as much as several others.
const keyGap = 300 * time.Millisecond

// streamKey names a stream: a camera, with or without its overlay drawn in.
type streamKey struct {
	camera  string
	overlay bool
}

// stream is the video of one camera as all its viewers get it: one goroutine with an encoder
// for each size that somebody gets. It lives while it has viewers.
type stream struct {
	server *Server
	key    streamKey
	count  *counters

	wake chan struct{} // something came in
	done chan struct{} // closed when the last viewer has left

	mu      sync.Mutex // guards what follows
	gate    gate
	viewers []*viewer
	closed  bool

	renditions [rungs]rendition

	// What follows belongs to the goroutine.
	base      uint32 // RTP time stamp of the first frame
	clock     clock
	converter vpx.Converter
	canvas    []byte
	painter   Painter
	meta      metaEncoder
	message   []byte
	interval  float64 // smoothed ticks between frames
	lastTicks int64
	targets   []*viewer
}

func newStream(s *Server, key streamKey) *stream {
	st := &stream{
		server: s, key: key, count: s.counters(key),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		base: rand.Uint32(),
	}
	st.interval = vpx.ClockRate / 25
	if key.overlay {
		st.painter = s.NewPainter()
	}
	if s.Mode == Exact {
		st.gate.budget = s.ExactBudget
	}
	return st
}

// pushFrame queues a frame. It never blocks.
func (st *stream) pushFrame(f *pipeline.Frame) {
	st.mu.Lock()
	if !st.closed {
		st.gate.push(f, time.Now())
	}
	st.mu.Unlock()
	st.signal()
}

// publish queues a result. It never blocks.
func (st *stream) publish(r *pipeline.Result) {
	st.mu.Lock()
	if !st.closed {
		st.gate.answer(r)
	}
	st.mu.Unlock()
	st.signal()
}

func (st *stream) signal() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// wantKey asks for a key frame of a rung; requests that come close together get one.
func (st *stream) wantKey(rung int) { st.renditions[rung].keyWanted.Store(true) }

// run sends frames until the stream is closed.
func (st *stream) run() {
	defer st.free()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		st.mu.Lock()
		f, r, wait := st.gate.next(time.Now())
		dropped := st.gate.dropped
		st.gate.dropped = 0
		st.targets = append(st.targets[:0], st.viewers...)
		st.mu.Unlock()
		st.count.droppedFrames.Add(dropped)
		if f != nil {
			st.send(f, r)
			f.Release()
			if r != nil {
				r.Release()
			}
			select {
			case <-st.done:
				return
			default:
			}
			continue
		}
		if wait <= 0 {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-st.wake:
		case <-timer.C:
		case <-st.done:
			return
		}
	}
}

func (st *stream) free() {
	st.mu.Lock()
	st.closed = true
	st.gate.clear()
	st.mu.Unlock()
	for r := range st.renditions {
		st.renditions[r].free()
		st.count.renditions[r].bitrate.Store(0)
	}
}

// send encodes one frame, at each size that is watched, and hands it to the viewers. r is the newest answer not newer than
// the frame, nil when there is none.
func (st *stream) send(f *pipeline.Frame, r *pipeline.Result) {
	w, h := f.Width&^1, f.Height&^1
	ticks := st.clock.ticks(f.Captured)
	stamp := st.base + uint32(ticks)
	st.interval += (float64(ticks-st.lastTicks) - st.interval) / 8
	st.lastTicks = ticks
	if r != nil && r.Frame.Seq == f.Seq {
		st.count.ownAnswer.Add(1)
	}
	// The metadata goes first: encoding takes longer than its way to the page.
	if !st.key.overlay {
		st.sendMeta(frameInfo{rtp: stamp, seq: f.Seq, captured: f.Captured, w: w, h: h}, r)
	}
	pix := f.Data
	if st.key.overlay && r != nil && f.Captured.Sub(r.Frame.Captured) <= maxLag {
		st.canvas = append(st.canvas[:0], f.Data...)
		st.painter.Draw(st.canvas, f.Width, f.Height, r)
		pix = st.canvas
	}
	st.climb(time.Now(), w, h)
	for rung := range st.renditions {
		n := &st.renditions[rung]
		n.out = nil
		if !st.watched(rung) {
			n.free()
			st.count.renditions[rung].bitrate.Store(0)
			continue
		}
		if st.encode(rung, pix, f.Width, f.Height, ticks); n.out != nil {
			st.deliver(rung)
		}
	}
	st.move()
}

// encode makes the frame in hand of a rung, out of w x h pixels.
func (st *stream) encode(rung int, pix []byte, w, h int, ticks int64) {
	n := &st.renditions[rung]
	rw, rh := rungSize(rung, w, h)
	if err := n.prepare(st.server.Codec, rw, rh, st.ceiling(rw, rh)); err != nil {
		st.count.errors.Add(1)
		if n.refused != [2]int{rw, rh} {
			n.refused = [2]int{rw, rh}
			st.server.Log.Error("cannot send this camera's pictures", "camera", st.key.camera, "error", err)
		}
		return
	}
	begin := time.Now()
	if err := st.converter.Convert(&n.picture, pix, w, h); err != nil {
		st.fail(err)
		return
	}
	st.adapt(rung, rw, rh)
	key := begin.Sub(n.lastKey) >= keyGap && n.keyWanted.Swap(false)
	p, err := n.encoder.Encode(&n.picture, ticks, key)
	if err != nil {
		n.keyWanted.Store(true)
		st.fail(err)
		return
	}
	if p.Key {
		n.lastKey = begin
		st.count.keys.Add(1)
	}
	st.count.encodeTime.Add(time.Since(begin))
	st.count.frames.Add(1)
	st.count.renditions[rung].frames.Add(1)
	st.count.encodedBytes.Add(uint64(len(p.Data)))
	n.out = &encoded{packets: n.payloader.Payload(mtu, p.Data), stamp: st.base + uint32(ticks), key: p.Key}
}

// ceiling is the most bits a second that pictures of w x h are worth: 4 a pixel, which is
// 3.7 Mbit/s at 1280x720, and never more than the server's limit.
func (st *stream) ceiling(w, h int) int {
	return max(st.server.MinBitrate, min(st.server.Bitrate, max(300_000, 4*w*h)))
}

// adapt lets the encoder of a rung follow the bandwidth of its slowest viewer, above the floor.
// Viewers below the floor get key frames only (see line) and count when there are no others.
func (st *stream) adapt(rung, w, h int) {
	rate, fed := st.ceiling(w, h), false
	for _, v := range st.targets {
		if v.starved.Load() || int(v.rung.Load()) != rung {
			continue
		}
		fed = true
		rate = min(rate, v.room())
	}
	if rate < st.server.MinBitrate || !fed {
		rate = st.server.MinBitrate
	}
	st.count.renditions[rung].bitrate.Store(int64(rate))
	n := &st.renditions[rung]
	if d := rate - n.bitrate; d > n.bitrate/32 || -d > n.bitrate/32 {
		if err := n.encoder.SetBitrate(rate); err != nil {
			st.fail(err)
			return
		}
		n.bitrate = rate
	}
}

// sendMeta sends the message of a frame to the viewers that have a channel.
func (st *stream) sendMeta(f frameInfo, r *pipeline.Result) {
	var texts [len(details)]string
	ceiling := st.ceiling(f.w, f.h)
	for _, v := range st.targets {
		if !v.listening.Load() {
			v.metaRate = 0
			continue
		}
		// Metadata may take 15 % of the line, or what the video leaves of a wide one.
		estimate := v.estimate()
		budget := max(estimate/100*15, estimate/10*9-ceiling)
		for level := range texts {
			if texts[level] == "" {
				st.message = st.meta.append(st.message[:0], f, r, level)
				texts[level] = string(st.message)
			}
			rate := int(float64(8*len(texts[level])*vpx.ClockRate) / max(st.interval, minStep))
			if rate <= budget || level == len(texts)-1 {
				v.metaRate += (rate - v.metaRate) / 8
				v.enqueue(item{meta: texts[level]})
				break
			}
		}
	}
}

// fail counts an error, and tells the first of a kind that lasts.
func (st *stream) fail(err error) {
	if n := st.count.errors.Add(1); n&(n-1) == 0 {
		st.server.Log.Error("video frame not sent", "camera", st.key.camera, "error", err, "times", n)
	}
}
