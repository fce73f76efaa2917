package webrtc_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/webrtc/v4"

	"outrider/pipeline"
	"outrider/streams/vpx"
	"outrider/streams/vpx/vpxtest"
	"outrider/streams/webrtc"
)

func oneTrack(seq uint64) []pipeline.Track {
	return []pipeline.Track{{ID: seq + 1000, Box: pipeline.Box{X1: float64(seq % 100), X2: 120, Y2: 90}, State: pipeline.Confirmed, Observed: true, Segment: -1}}
}

func TestVideoAndMetadataShareTheTimestamp(t *testing.T) {
	for _, c := range []struct {
		codec webrtc.Codec
		mime  string
		mode  webrtc.Mode
	}{{webrtc.VP8, pion.MimeTypeVP8, webrtc.Exact}, {webrtc.VP9, pion.MimeTypeVP9, webrtc.Live}} {
		t.Run(fmt.Sprint(c.codec, " ", c.mode), func(t *testing.T) {
			s := &webrtc.Server{Codec: c.codec, Mode: c.mode}
			h := start(t, s)
			film(t, s, &camera{answer: oneTrack})
			p := watch(t, h.URL, "yard", playerOptions{codec: c.mime})
			d, err := vpxtest.NewDecoder(vpx.Codec(c.codec))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			known := map[uint32]meta{}
			matched := 0
			for i := range 40 {
				f := p.picture()
				if i == 0 && !f.key {
					t.Fatal("the first picture is no key frame")
				}
				if !f.delay {
					t.Error("no playout delay on the packets")
				}
				m, err := d.Decode(f.data)
				if err != nil {
					t.Fatalf("picture %d: %v", i, err)
				}
				if m.Width != 160 || m.Height != 120 {
					t.Fatalf("picture of %dx%d", m.Width, m.Height)
				}
				for more := true; more; {
					select {
					case m := <-p.metas:
						known[m.RTP] = m
					default:
						more = false
					}
				}
				if m, ok := known[f.stamp]; ok {
					matched++
					own := m.Of == 0 && m.None == 0
					if c.mode == webrtc.Exact && (!own || len(m.Tracks) != 1 || m.Tracks[0].ID != m.Seq+1000) {
						t.Errorf("frame %d: %+v", m.Seq, m)
					}
				}
			}
			// The channel may open a little after the video.
			if matched < 20 {
				t.Errorf("%d of 40 pictures had their metadata before them", matched)
			}
			if st := figures(s, "yard", false); st.Viewers != 1 || st.Frames < 40 || st.SentFrames < 40 || st.SentMeta < 20 || st.EncodedBytes == 0 || st.Sessions != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestFrameWithoutAnswerLeavesAfterTheBudget(t *testing.T) {
	s := &webrtc.Server{ExactBudget: 30 * time.Millisecond}
	h := start(t, s)
	film(t, s, &camera{}) // nothing is analysed
	p := watch(t, h.URL, "yard", playerOptions{})
	p.picture()
	for range 5 {
		if m := p.meta(); m.None != 1 || len(m.Tracks) != 0 {
			t.Errorf("%+v", m)
		}
	}
}

func TestTwoViewersOneEncoder(t *testing.T) {
	s := &webrtc.Server{}
	h := start(t, s)
	c := film(t, s, &camera{answer: oneTrack})
	a := watch(t, h.URL, "yard", playerOptions{})
	a.picture()
	b := watch(t, h.URL, "yard", playerOptions{noData: true}) // a foreign player
	first := b.picture()
	if !first.key {
		t.Error("the second viewer does not begin with a key frame")
	}
	seen := map[uint32][]byte{first.stamp: first.data}
	for range 20 {
		f := b.picture()
		seen[f.stamp] = f.data
	}
	for same := 0; same < len(seen); {
		f := a.picture()
		if data, ok := seen[f.stamp]; ok {
			same++
			if !bytes.Equal(data, f.data) {
				t.Fatal("one time stamp, two pictures")
			}
		}
	}
	c.end()
	st := figures(s, "yard", false)
	if st.Viewers != 2 || st.Sessions != 2 {
		t.Errorf("%+v", st)
	}
	if st.SentFrames < st.Frames+10 || st.SentFrames > 2*st.Frames {
		t.Errorf("%d frames encoded, %d sent to two viewers", st.Frames, st.SentFrames)
	}
}

func TestUnwatchedCameraEncodesNothing(t *testing.T) {
	s := &webrtc.Server{}
	h := start(t, s)
	yard := film(t, s, &camera{answer: oneTrack})
	gate := film(t, s, &camera{name: "gate way", answer: oneTrack})
	p := watch(t, h.URL, "gate%20way", playerOptions{})
	p.picture()
	if st := figures(s, "yard", false); st.Frames != 0 {
		t.Errorf("unwatched: %+v", st)
	}
	if r := do(t, http.MethodDelete, p.session, "", ""); r.status != http.StatusOK {
		t.Errorf("DELETE: %d %s", r.status, r.body)
	}
	eventually(t, "the stream ends", func() bool { return figures(s, "gate way", false).Renditions[0].Bitrate == 0 })
	frames := figures(s, "gate way", false).Frames
	time.Sleep(100 * time.Millisecond)
	if st := figures(s, "gate way", false); st.Frames != frames || st.Viewers != 0 {
		t.Errorf("after the last viewer left: %d frames, then %+v", frames, st)
	}
	yard.end()
	gate.end()
	if n := yard.pool.Outstanding() + gate.pool.Outstanding(); n != 0 {
		t.Errorf("%d frames are still held", n)
	}
	if n := testing.AllocsPerRun(100, func() { s.Publish(&pipeline.Result{Frame: &pipeline.Frame{Camera: "yard"}}) }); n > 2 {
		t.Errorf("%v allocations for a camera that nobody watches", n)
	}
	if r := do(t, http.MethodDelete, p.session, "", ""); r.status != http.StatusNotFound {
		t.Errorf("a second DELETE: %d", r.status)
	}
}

func TestKeyFrameOnRequest(t *testing.T) {
	s := &webrtc.Server{}
	h := start(t, s)
	film(t, s, &camera{answer: oneTrack})
	p := watch(t, h.URL, "yard", playerOptions{})
	p.picture()
	before := figures(s, "yard", false).KeyFrames
	ssrc := uint32(p.pc.GetReceivers()[0].Track().SSRC())
	begin := time.Now()
	for range 50 { // a burst, as a lossy viewer sends
		if err := p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	eventually(t, "a key frame", func() bool { return figures(s, "yard", false).KeyFrames > before })
	got, most := figures(s, "yard", false).KeyFrames-before, uint64(time.Since(begin)/(300*time.Millisecond))+2
	if got > most {
		t.Errorf("%d key frames for a burst of requests, at most %d in that time", got, most)
	}
}

func TestFrameSizes(t *testing.T) {
	s := &webrtc.Server{Mode: webrtc.Live}
	h := start(t, s)
	c := film(t, s, &camera{w: 161, h: 121})
	p := watch(t, h.URL, "yard", playerOptions{})
	d, err := vpxtest.NewDecoder(vpx.VP8)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	size := func(f picture) string {
		m, err := d.Decode(f.data)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%dx%d", m.Width, m.Height)
	}
	if got := size(p.picture()); got != "160x120" {
		t.Errorf("an odd frame became %s", got)
	}
	if m := p.meta(); m.W != 160 || m.H != 120 {
		t.Errorf("metadata says %dx%d", m.W, m.H)
	}
	c.end()
	// A camera that changes its size goes on with a key frame; one that is too small is
	// refused without harm.
	seq := uint64(10_000)
	shoot := func(w, h int) {
		seq++
		(&camera{name: "yard", w: w, h: h}).shoot(s, seq)
		time.Sleep(2 * time.Millisecond)
	}
	for range 5 {
		shoot(8, 8)
	}
	eventually(t, "errors are counted", func() bool { return figures(s, "yard", false).Errors > 0 })
	for range 10 {
		shoot(240, 80)
	}
	for {
		f := p.picture()
		if got := size(f); got == "240x80" {
			if !f.key {
				t.Error("another size without a key frame")
			}
			break
		}
	}
}

type stripes struct{}

func (stripes) Draw(pix []byte, w, h int, _ *pipeline.Result) {
	for i := range pix[:3*w*h/2] {
		pix[i] = 255
	}
}

func TestOverlayIsDrawnIn(t *testing.T) {
	s := &webrtc.Server{NewPainter: func() webrtc.Painter { return stripes{} }}
	h := start(t, s)
	film(t, s, &camera{answer: oneTrack})
	burned := watch(t, h.URL, "yard", playerOptions{query: "?overlay=1"})
	plain := watch(t, h.URL, "yard", playerOptions{})
	for _, c := range []struct {
		p     *player
		white bool
	}{{burned, true}, {plain, false}} {
		d, err := vpxtest.NewDecoder(vpx.VP8)
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Decode(c.p.picture().data)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		if white := m.Y[10*160+80] > 200; white != c.white {
			t.Errorf("upper half: luma %d, drawn in: %v", m.Y[10*160+80], c.white)
		}
	}
	if a, b := figures(s, "yard", true), figures(s, "yard", false); a.Viewers != 1 || b.Viewers != 1 || a.SentMeta != 0 {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestConnectAndLeaveManyTimes(t *testing.T) {
	s := &webrtc.Server{MaxViewers: 4}
	h := start(t, s)
	c := film(t, s, &camera{answer: oneTrack, every: 10 * time.Millisecond})
	for i := range 50 {
		p := watch(t, h.URL, "yard", playerOptions{})
		if i%2 == 0 {
			p.picture()
		}
		// Most say goodbye, some early; the goroutine check at the end is the test.
		if r := do(t, http.MethodDelete, p.session, "", ""); r.status != http.StatusOK {
			t.Fatalf("DELETE: %d %s", r.status, r.body)
		}
		p.leave()
	}
	eventually(t, "all are gone", func() bool { st := s.Stats(); return st.Viewers+st.Pending == 0 })
	c.end()
	if n := c.pool.Outstanding(); n != 0 {
		t.Errorf("%d frames are still held", n)
	}
}

func TestVanishedViewerIsForgotten(t *testing.T) {
	s := &webrtc.Server{}
	h := start(t, s)
	film(t, s, &camera{answer: oneTrack})
	p := watch(t, h.URL, "yard", playerOptions{})
	p.picture()
	p.leave() // closes DTLS, says nothing by HTTP
	eventually(t, "the session ends", func() bool { return s.Stats().Viewers == 0 })
}

func TestCameraTakenAway(t *testing.T) {
	s := &webrtc.Server{}
	h := start(t, s)
	c := film(t, s, &camera{answer: oneTrack})
	p := watch(t, h.URL, "yard", playerOptions{})
	p.picture()
	s.CameraStatus(pipeline.CameraStatus{Name: "yard", State: pipeline.CameraRetrying})
	s.CameraStatus(pipeline.CameraStatus{Name: "other", State: pipeline.CameraStopped})
	p.picture()
	if n := s.Stats().Viewers; n != 1 {
		t.Errorf("%d viewers while the camera is only lost", n)
	}
	c.end()
	s.CameraStatus(pipeline.CameraStatus{Name: "yard", State: pipeline.CameraStopped})
	eventually(t, "the session ends", func() bool { return s.Stats().Viewers == 0 })
}

func TestSessionThatNeverConnects(t *testing.T) {
	s := &webrtc.Server{ConnectTimeout: 50 * time.Millisecond, MaxPending: 2}
	h := start(t, s)
	pc, sdp := quietOffer(t)
	defer pc.Close()
	for range 2 {
		if r := do(t, http.MethodPost, h.URL+"/whep/yard", "application/sdp", sdp); r.status != http.StatusCreated {
			t.Fatalf("POST: %d %s", r.status, r.body)
		}
	}
	eventually(t, "the sessions end", func() bool { st := s.Stats(); return st.Pending+st.Viewers == 0 })
}

func TestTooManyViewers(t *testing.T) {
	for name, s := range map[string]*webrtc.Server{"viewers": {MaxViewers: 1}, "pending": {MaxPending: 1}} {
		t.Run(name, func(t *testing.T) {
			h := start(t, s)
			pc, sdp := quietOffer(t)
			defer pc.Close()
			first := do(t, http.MethodPost, h.URL+"/whep/yard", "application/sdp", sdp)
			if first.status != http.StatusCreated {
				t.Fatalf("POST: %d %s", first.status, first.body)
			}
			r := do(t, http.MethodPost, h.URL+"/whep/yard", "application/sdp", sdp)
			if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
				t.Errorf("one too many: %d %s", r.status, r.body)
			}
			do(t, http.MethodDelete, h.URL+first.header.Get("Location"), "", "")
			if r := do(t, http.MethodPost, h.URL+"/whep/yard", "application/sdp", sdp); r.status != http.StatusCreated {
				t.Errorf("after one left: %d %s", r.status, r.body)
			}
		})
	}
}

// quietOffer is a good offer of a player that never answers.
func quietOffer(t *testing.T) (*pion.PeerConnection, string) {
	t.Helper()
	pc, _ := offer(t, playerOptions{})
	sdp, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pc, sdp.SDP
}

func TestOnePort(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := c.LocalAddr().(*net.UDPAddr).Port
	c.Close()
	s := &webrtc.Server{UDPPort: port}
	h := start(t, s)
	film(t, s, &camera{answer: oneTrack})
	a, b := watch(t, h.URL, "yard", playerOptions{}), watch(t, h.URL, "yard", playerOptions{trickle: true})
	a.picture()
	b.picture()
	taken := &webrtc.Server{UDPPort: port, Loopback: true, Cameras: func() []string { return nil }}
	if err := taken.Initialize(); err == nil {
		taken.Close()
		t.Error("a port in use was taken twice")
	}
}

// TestTCP watches from a network that lets no UDP through.
func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	s := &webrtc.Server{TCPPort: port}
	h := start(t, s)
	film(t, s, &camera{answer: oneTrack})
	p := watch(t, h.URL, "yard", playerOptions{tcp: true})
	for range 5 {
		p.picture()
	}
	if m := p.meta(); len(m.Tracks) != 1 {
		t.Errorf("%+v", m)
	}
	taken := &webrtc.Server{TCPPort: port, Cameras: func() []string { return nil }}
	if err := taken.Initialize(); err == nil {
		taken.Close()
		t.Error("a port in use was taken twice")
	}
}

func TestInitializeRefuses(t *testing.T) {
	cams := func() []string { return nil }
	for name, s := range map[string]*webrtc.Server{
		"no cameras": {},
		"codec":      {Cameras: cams, Codec: "h265"},
		"mode":       {Cameras: cams, Mode: "fast"},
		"bit rate":   {Cameras: cams, Bitrate: 5},
		"floor":      {Cameras: cams, Bitrate: 100_000, MinBitrate: 200_000},
		"port":       {Cameras: cams, UDPPort: 70_000},
		"address":    {Cameras: cams, PublicIPs: []string{"nonsense"}},
		"ICE server": {Cameras: cams, ICEServers: []string{"http://x"}},
		"ICE empty":  {Cameras: cams, ICEServers: []string{""}},
		"TURN":       {Cameras: cams, ICEServers: []string{"turn:127.0.0.1:3478"}},
	} {
		if err := s.Initialize(); err == nil {
			t.Errorf("%s: taken", name)
			s.Close()
		}
	}
	if err := (&webrtc.Server{}).Close(); err != nil {
		t.Errorf("Close without Initialize: %v", err)
	}
}
