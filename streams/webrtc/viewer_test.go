package webrtc

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// testViewer is a viewer with a connection that goes nowhere, estimated to carry bitrate.
func testViewer(t *testing.T, bitrate int) *viewer {
	t.Helper()
	s := &Server{Bitrate: bitrate, Cameras: func() []string { return nil }, Log: slog.New(slog.DiscardHandler)}
	if err := s.Initialize(); err != nil {
		t.Fatal(err)
	}
	p, err := s.newPeer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.GracefulClose(); err != nil {
			t.Error(err)
		}
	})
	track, err := pion.NewTrackLocalStaticRTP(s.Codec.capability(), "video", "test")
	if err != nil {
		t.Fatal(err)
	}
	key := streamKey{camera: "yard"}
	v := &viewer{server: s, key: key, peer: p, track: track, queue: make(chan item, queueLength), stream: newStream(s, key)}
	// The pacer and the estimator exist once the interceptors do.
	if p.pacer == nil || p.bandwidth == nil {
		t.Fatal("a connection without an estimator")
	}
	return v
}

func TestFullQueueDropsAndNeverBlocks(t *testing.T) {
	v := testViewer(t, 2_500_000)
	frame := &encoded{packets: [][]byte{{1}}}
	for range queueLength + 10 {
		v.enqueue(item{frame: frame})
	}
	v.enqueue(item{meta: "{}"})
	c := v.server.counters(v.key)
	if !v.lost.Load() || c.lostFrames.Load() != 10 || c.droppedMeta.Load() != 1 {
		t.Errorf("lost %v, %d frames, %d messages", v.lost.Load(), c.lostFrames.Load(), c.droppedMeta.Load())
	}
}

func TestThinLineLosesFramesUntilAKeyFrame(t *testing.T) {
	v := testViewer(t, 2_500_000)
	delta, key := item{frame: &encoded{packets: [][]byte{{1}}}}, item{frame: &encoded{packets: [][]byte{{2}}, key: true}}
	c := v.server.counters(v.key)
	sent := func(it item) bool {
		n := c.sentFrames.Load()
		v.send(it)
		return c.sentFrames.Load() > n
	}
	if !sent(key) || !sent(delta) {
		t.Error("a good line loses frames")
	}
	v.peer.pacer.backlog.Store(1 << 20)
	if sent(delta) || sent(key) {
		t.Error("frames are queued behind a second of others")
	}
	v.peer.pacer.backlog.Store(0)
	v.stream.renditions[0].keyWanted.Store(false)
	if sent(delta) {
		t.Error("a frame was sent that builds on a lost one")
	}
	if !v.stream.renditions[0].keyWanted.Load() {
		t.Error("no key frame is asked for once the line is free")
	}
	v.stream.renditions[0].keyWanted.Store(false)
	if sent(delta); v.stream.renditions[0].keyWanted.Load() {
		t.Error("a slow viewer asks for a key frame with every frame")
	}
	if !sent(key) || !sent(delta) {
		t.Error("a key frame does not mend it")
	}
}

func TestThinLineGetsSimplerOutlines(t *testing.T) {
	at := time.Now()
	g := mask.Grid{W: 160, H: 90, SX: 8, SY: 8}
	r := testResult(t, 640, 360, 1, at)
	for i := range 12 {
		r.Tracks = append(r.Tracks, pipeline.Track{ID: uint64(i), State: pipeline.Confirmed, Segment: -1, Mask: disc(g, 40, 22, 20), Box: pipeline.Box{X2: 100, Y2: 100}})
	}
	for _, c := range []struct{ bitrate, q int }{{20_000_000, 48}, {1_650_000, 24}, {500_000, 0}} {
		v := testViewer(t, c.bitrate)
		v.stream.targets = []*viewer{v}
		v.stream.sendMeta(frameInfo{rtp: 1, seq: 1, captured: at, w: 640, h: 360}, r)
		if len(v.queue) != 0 {
			t.Fatal("a message for a viewer that has no channel open")
		}
		v.listening.Store(true)
		for range 50 {
			v.stream.sendMeta(frameInfo{rtp: 1, seq: 1, captured: at, w: 640, h: 360}, r)
		}
		m := parseMessage(t, []byte((<-v.queue).meta))
		if m.Q != c.q || len(m.Tracks) != 12 {
			t.Errorf("%d bit/s: q %d, want %d; %d bit/s of metadata", c.bitrate, m.Q, c.q, v.metaRate)
		}
		if v.metaRate == 0 {
			t.Error("the metadata's share is not taken from the video's")
		}
	}
}

func TestPacerKnowsItsBacklogAndLetsRetransmissionsThrough(t *testing.T) {
	p := newPacer(8_000_000)
	defer p.Close()
	var mu sync.Mutex
	got := map[uint32]int{}
	p.AddStream(1, interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
		mu.Lock()
		got[h.SSRC]++
		mu.Unlock()
		return len(payload), nil
	}))
	payload := make([]byte, 1000)
	for i := range 20 {
		if _, err := p.Write(&rtp.Header{Version: 2, SSRC: uint32(1 + i%2)}, payload, nil); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(10 * time.Second); p.backlog.Load() > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	if got[1] != 10 || got[2] != 10 || p.backlog.Load() != 0 {
		t.Errorf("sent %v, backlog %d", got, p.backlog.Load())
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(&rtp.Header{Version: 2, SSRC: 1}, payload, nil); err == nil || p.backlog.Load() != 0 {
		t.Errorf("after Close: %v, backlog %d", err, p.backlog.Load())
	}
}
