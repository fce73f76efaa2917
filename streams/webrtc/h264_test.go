//go:build x264

package webrtc_test

import (
	"os"
	"path/filepath"
	"testing"

	pion "github.com/pion/webrtc/v4"
	"gocv.io/x/gocv"

	"outrider/streams/webrtc"
)

// TestH264 watches by H.264 and has an independent decoder play what came.
func TestH264(t *testing.T) {
	s := &webrtc.Server{Codec: webrtc.H264}
	h := start(t, s)
	film(t, s, &camera{w: 320, h: 240, answer: oneTrack})
	p := watch(t, h.URL, "yard", playerOptions{codec: pion.MimeTypeH264})
	path := filepath.Join(t.TempDir(), "a.h264")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const frames = 20
	for i := range frames {
		m := p.picture()
		if i == 0 && !m.key {
			t.Error("the first picture is no key frame")
		}
		if _, err := f.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	v, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	img := gocv.NewMat()
	defer img.Close()
	n := 0
	for v.Read(&img) && !img.Empty() {
		if img.Cols() != 320 || img.Rows() != 240 {
			t.Fatalf("frame of %dx%d", img.Cols(), img.Rows())
		}
		n++
	}
	if n != frames {
		t.Errorf("%d pictures play, want %d", n, frames)
	}
	// A player that knows VP8 only is told what would work.
	pc := newPeer(t, playerOptions{})
	defer pc.Close()
	if _, err := pc.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	sdp, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := do(t, "POST", h.URL+"/whep/yard", "application/sdp", sdp.SDP); r.status != 406 {
		t.Errorf("a VP8 player: %d %s", r.status, r.body)
	}
}
