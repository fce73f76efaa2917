package webrtc_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"outrider/streams/vpx"
	"outrider/streams/vpx/vpxtest"
	"outrider/streams/webrtc"
)

// sizes decodes what a player gets.
func sizes(t *testing.T) func(picture) string {
	t.Helper()
	d, err := vpxtest.NewDecoder(vpx.VP8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return func(f picture) string {
		m, err := d.Decode(f.data)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%dx%d", m.Width, m.Height)
	}
}

// TestRenditions watches one camera in a grid and in a large view: each gets its size of the
// same frames, the overlay's units stay the source's, a change begins with a key frame, and a
// size that nobody gets is not encoded.
func TestRenditions(t *testing.T) {
	s := &webrtc.Server{}
	h := start(t, s)
	c := film(t, s, &camera{w: 640, h: 480, answer: oneTrack, every: 50 * time.Millisecond})
	large := watch(t, h.URL, "yard", playerOptions{query: "?rendition=source"})
	large.picture()
	if st := figures(s, "yard", false); len(st.Renditions) != 1 || st.Renditions[0].Name != "source" {
		t.Errorf("renditions for one large view: %+v", st.Renditions)
	}
	small := watch(t, h.URL, "yard", playerOptions{query: "?rendition=360p"})
	smallSize := sizes(t)
	first := small.picture()
	if got := smallSize(first); got != "480x360" || !first.key {
		t.Errorf("the small view begins with %s, key frame %v", got, first.key)
	}
	if m := small.meta(); m.W != 640 || m.H != 480 {
		t.Errorf("boxes for the small view are in pixels of %dx%d", m.W, m.H)
	}
	stamps := map[uint32]bool{}
	for range 10 {
		f := small.picture()
		if got := smallSize(f); got != "480x360" {
			t.Fatalf("the small view gets %s", got)
		}
		stamps[f.stamp] = true
	}
	for same := 0; same < 5; {
		if stamps[large.picture().stamp] {
			same++
		}
	}
	st := figures(s, "yard", false)
	if len(st.Renditions) != 2 || st.Renditions[1].Name != "360p" || st.Renditions[1].Viewers != 1 || st.Renditions[0].Viewers != 1 {
		t.Errorf("%+v", st.Renditions)
	}
	// The grid's view is opened: it wants the source's size from now on.
	small.want("source")
	for changed := false; !changed; {
		f := small.picture()
		if got := smallSize(f); got == "640x480" {
			if changed = true; !f.key {
				t.Error("another size without a key frame")
			}
		}
	}
	eventually(t, "the small size is not encoded any more", func() bool { return figures(s, "yard", false).Renditions[1].Bitrate == 0 })
	frames := figures(s, "yard", false).Renditions[1].Frames
	for range 5 {
		large.picture()
	}
	if n := figures(s, "yard", false).Renditions[1].Frames; n != frames {
		t.Errorf("%d frames of a size that nobody gets", n-frames)
	}
	small.want("360p")
	small.want("a poster")
	for smallSize(small.picture()) != "480x360" {
	}
	c.end()
	if r := do(t, http.MethodPost, h.URL+"/whep/yard?rendition=8k", "application/sdp", "v=0"); r.status != http.StatusBadRequest {
		t.Errorf("rendition=8k: %d %s", r.status, r.body)
	}
}

// TestSmallCameraHasOneSize asks for less than there is.
func TestSmallCameraHasOneSize(t *testing.T) {
	s := &webrtc.Server{}
	h := start(t, s)
	film(t, s, &camera{w: 320, h: 240, answer: oneTrack})
	p := watch(t, h.URL, "yard", playerOptions{query: "?rendition=360p"})
	size := sizes(t)
	for range 5 {
		if got := size(p.picture()); got != "320x240" {
			t.Fatalf("got %s", got)
		}
	}
}
