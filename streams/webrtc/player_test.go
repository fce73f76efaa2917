package webrtc_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	pion "github.com/pion/webrtc/v4"

	"outrider/pipeline"
	"outrider/streams/webrtc"
)

const patience = 10 * time.Second // for what must happen; nothing is timed by it

// start serves s, with defaults for what a test does not care for.
func start(t testing.TB, s *webrtc.Server) *httptest.Server {
	t.Helper()
	if s.Cameras == nil {
		s.Cameras = func() []string { return []string{"yard", "gate way"} }
	}
	s.Loopback = true
	if err := s.Initialize(); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		h.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return h
}

// camera pushes frames into a server until stopped; with answer it publishes a result for
// each as well.
type camera struct {
	name   string
	w, h   int
	answer func(seq uint64) []pipeline.Track
	every  time.Duration

	pool pipeline.FramePool
	stop chan struct{}
	done chan struct{}
}

func film(t testing.TB, s *webrtc.Server, c *camera) *camera {
	t.Helper()
	if c.name == "" {
		c.name = "yard"
	}
	if c.w == 0 {
		c.w, c.h = 160, 120
	}
	if c.every == 0 {
		c.every = 20 * time.Millisecond
	}
	c.stop, c.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(c.done)
		tick := time.NewTicker(c.every)
		defer tick.Stop()
		for seq := uint64(1); ; seq++ {
			select {
			case <-c.stop:
				return
			case <-tick.C:
			}
			c.shoot(s, seq)
		}
	}()
	t.Cleanup(c.end)
	return c
}

func (c *camera) shoot(s *webrtc.Server, seq uint64) {
	f := c.pool.Get(c.w, c.h)
	f.Camera, f.Seq, f.Captured = c.name, seq, time.Now()
	for y := range c.h {
		for x := range c.w {
			o := 3 * (y*c.w + x)
			f.Data[o], f.Data[o+1], f.Data[o+2] = byte(x+int(seq)), byte(y), byte(x+y)
		}
	}
	s.PushFrame(f)
	if c.answer != nil {
		r := pipeline.NewResult(f)
		r.Tracks = c.answer(seq)
		s.Publish(r)
		r.Release()
	}
	f.Release()
}

func (c *camera) end() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	<-c.done
}

// picture is one frame as a player got it.
type picture struct {
	stamp uint32
	data  []byte // VP8 or VP9
	key   bool
	delay bool // the playout delay extension was on it
}

// meta is a metadata message as a player got it.
type meta struct {
	T      string
	RTP    uint32
	Seq    uint64
	Of     uint64
	W, H   int
	None   int
	Tracks []struct {
		ID uint64
		B  [4]float64
	}
}

// player is a WHEP client.
type player struct {
	t        testing.TB
	pc       *pion.PeerConnection
	session  string // URL
	etag     string
	links    []string
	pictures chan picture
	metas    chan meta
	channel  *pion.DataChannel
	wg       sync.WaitGroup
	left     sync.Once
}

type playerOptions struct {
	codec   string // default VP8
	noData  bool
	query   string
	loss    func(n int) bool // of the n-th packet
	trickle bool
	tcp     bool // no UDP gets through
}

func newPeer(t testing.TB, o playerOptions) *pion.PeerConnection {
	t.Helper()
	if o.codec == "" {
		o.codec = pion.MimeTypeVP8
	}
	m := &pion.MediaEngine{}
	fmtp := ""
	if o.codec == pion.MimeTypeH264 {
		fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	}
	if err := m.RegisterCodec(pion.RTPCodecParameters{RTPCodecCapability: pion.RTPCodecCapability{MimeType: o.codec, ClockRate: 90000, SDPFmtpLine: fmtp,
		RTCPFeedback: []pion.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "transport-cc"}}}, PayloadType: 120}, pion.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	if err := m.RegisterHeaderExtension(pion.RTPHeaderExtensionCapability{URI: "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"}, pion.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	var e pion.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	if o.tcp {
		e.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeTCP4})
	}
	pc, err := pion.NewAPI(pion.WithMediaEngine(m), pion.WithSettingEngine(e)).NewPeerConnection(pion.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	return pc
}

// offer makes a peer connection that wants to watch, with its offer.
func offer(t testing.TB, o playerOptions) (*pion.PeerConnection, string) {
	t.Helper()
	pc := newPeer(t, o)
	if _, err := pc.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	return pc, ""
}

func watch(t testing.TB, base, name string, o playerOptions) *player {
	t.Helper()
	pc, _ := offer(t, o)
	p := &player{t: t, pc: pc, pictures: make(chan picture, 1000), metas: make(chan meta, 1000)}
	t.Cleanup(p.leave)
	if !o.noData {
		ordered, negotiated, id, retransmits := false, true, uint16(1), uint16(0)
		d, err := pc.CreateDataChannel("meta", &pion.DataChannelInit{Ordered: &ordered, Negotiated: &negotiated, ID: &id, MaxRetransmits: &retransmits})
		if err != nil {
			t.Fatal(err)
		}
		p.channel = d
		d.OnMessage(func(msg pion.DataChannelMessage) {
			var m meta
			if err := json.Unmarshal(msg.Data, &m); err != nil || !msg.IsString {
				t.Errorf("message %q: %v", msg.Data, err)
			}
			select {
			case p.metas <- m:
			default:
			}
		})
	}
	pc.OnTrack(func(track *pion.TrackRemote, r *pion.RTPReceiver) {
		p.wg.Add(2)
		go func() {
			defer p.wg.Done()
			for {
				if _, _, err := r.ReadRTCP(); err != nil {
					return
				}
			}
		}()
		go func() {
			defer p.wg.Done()
			p.receive(track, r, o.loss)
		}()
	})
	sdp, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := pion.GatheringCompletePromise(pc)
	var late []pion.ICECandidateInit
	var lateMu sync.Mutex
	if o.trickle {
		pc.OnICECandidate(func(c *pion.ICECandidate) {
			if c != nil {
				lateMu.Lock()
				late = append(late, c.ToJSON())
				lateMu.Unlock()
			}
		})
	}
	if err := pc.SetLocalDescription(sdp); err != nil {
		t.Fatal(err)
	}
	<-gathered
	text := pc.LocalDescription().SDP
	if o.trickle {
		var lines []string
		for l := range strings.Lines(text) {
			if !strings.HasPrefix(l, "a=candidate") && !strings.HasPrefix(l, "a=end-of-candidates") {
				lines = append(lines, l)
			}
		}
		text = strings.Join(lines, "")
	}
	resp := do(t, http.MethodPost, base+"/whep/"+name+o.query, "application/sdp", text)
	if resp.status != http.StatusCreated {
		t.Fatalf("POST: %d %s", resp.status, resp.body)
	}
	p.session, p.etag, p.links = base+resp.header.Get("Location"), resp.header.Get("ETag"), resp.header.Values("Link")
	if resp.header.Get("Content-Type") != "application/sdp" || p.etag == "" || !strings.Contains(p.session, "/whep/"+name+"/") {
		t.Fatalf("POST: headers %v", resp.header)
	}
	if err := pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: resp.body}); err != nil {
		t.Fatal(err)
	}
	if o.trickle {
		lateMu.Lock()
		frag := "a=ice-ufrag:" + ufrag(t, text) + "\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
		for _, c := range late {
			frag += "a=" + c.Candidate + "\r\n"
		}
		lateMu.Unlock()
		r := do(t, http.MethodPatch, p.session, "application/trickle-ice-sdpfrag", frag, "If-Match", p.etag)
		if r.status != http.StatusNoContent {
			t.Fatalf("PATCH: %d %s", r.status, r.body)
		}
	}
	return p
}

func ufrag(t testing.TB, sdp string) string {
	t.Helper()
	_, rest, ok := strings.Cut(sdp, "a=ice-ufrag:")
	if !ok {
		t.Fatal("no ufrag in the offer")
	}
	return strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0])
}

// receive puts packets together into pictures; a picture with a packet missing is skipped.
func (p *player) receive(track *pion.TrackRemote, r *pion.RTPReceiver, loss func(int) bool) {
	id := uint8(0)
	for _, e := range r.GetParameters().HeaderExtensions {
		if strings.HasSuffix(e.URI, "playout-delay") {
			id = uint8(e.ID)
		}
	}
	var cur picture
	var last uint16
	var h264 codecs.H264Packet // pieces of a unit wait in it
	whole := false
	for n := 0; ; n++ {
		pkt, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if loss != nil && loss(n) {
			continue
		}
		if cur.data != nil && pkt.SequenceNumber != last+1 {
			whole = false
		}
		last = pkt.SequenceNumber
		var payload []byte
		var first, key bool
		if strings.EqualFold(track.Codec().MimeType, pion.MimeTypeH264) {
			payload, err = h264.Unmarshal(pkt.Payload)
			first = cur.stamp != pkt.Timestamp
			key = len(payload) > 4 && payload[4]&31 == 7 // parameter sets come before a key frame
		} else {
			payload, first, key, err = unpack(track.Codec().MimeType, pkt)
		}
		if err != nil {
			p.t.Errorf("packet: %v", err)
			return
		}
		if first {
			cur, whole = picture{stamp: pkt.Timestamp, key: key}, true
		}
		cur.data = append(cur.data, payload...)
		ext := pkt.GetExtension(id)
		cur.delay = id != 0 && bytes.Equal(ext, []byte{0, 0, 0})
		if pkt.Marker && whole {
			select {
			case p.pictures <- cur:
			default:
			}
			cur = picture{stamp: cur.stamp}
		}
	}
}

func unpack(mime string, pkt *rtp.Packet) (payload []byte, first, key bool, err error) {
	if strings.EqualFold(mime, pion.MimeTypeVP9) {
		var d codecs.VP9Packet
		payload, err = d.Unmarshal(pkt.Payload)
		return payload, d.B, !d.P, err
	}
	var d codecs.VP8Packet
	payload, err = d.Unmarshal(pkt.Payload)
	return payload, d.S == 1 && d.PID == 0, len(payload) > 0 && payload[0]&1 == 0, err
}

func (p *player) picture() picture {
	p.t.Helper()
	select {
	case f := <-p.pictures:
		return f
	case <-time.After(patience):
		p.t.Fatal("no picture came")
	}
	return picture{}
}

func (p *player) meta() meta {
	p.t.Helper()
	select {
	case m := <-p.metas:
		return m
	case <-time.After(patience):
		p.t.Fatal("no metadata came")
	}
	return meta{}
}

// want asks for another size.
func (p *player) want(rendition string) {
	p.t.Helper()
	if err := p.channel.SendText(`{"t":"want","rendition":"` + rendition + `"}`); err != nil {
		p.t.Fatal(err)
	}
}

// leave closes the player's side without telling the server.
func (p *player) leave() {
	p.left.Do(func() {
		if err := p.pc.GracefulClose(); err != nil {
			p.t.Error(err)
		}
		p.wg.Wait()
	})
}

type response struct {
	status int
	header http.Header
	body   string
}

func do(t testing.TB, method, url, contentType, body string, headers ...string) response {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(b)}
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within %v", what, patience)
}

// figures returns the counters of a stream, zero when it never ran.
func figures(s *webrtc.Server, name string, overlay bool) webrtc.StreamStats {
	for _, st := range s.Stats().Streams {
		if st.Camera == name && st.Overlay == overlay {
			return st
		}
	}
	return webrtc.StreamStats{}
}
