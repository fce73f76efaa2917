package webrtc

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// browserOffer is the skeleton of what a browser sends.
const browserOffer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 102\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n" +
	"a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 VP9/90000\r\na=rtpmap:102 H264/90000\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n" +
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n"

func TestParseOffer(t *testing.T) {
	o, err := parseOffer([]byte(browserOffer), "VP8")
	if err != nil || !o.data || !slices.Equal(o.codecs, []string{"VP8", "VP9", "H264"}) {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parseOffer([]byte(browserOffer[:strings.Index(browserOffer, "m=audio")]), "VP9"); err != nil || o.data {
		t.Errorf("without audio and data: %+v, %v", o, err)
	}
	var e *offerError
	if _, err := parseOffer([]byte(browserOffer), "AV1"); !errors.As(err, &e) || !e.codec || !strings.Contains(e.reason, "VP8, VP9, H264") {
		t.Errorf("another codec: %v", err)
	}
	if _, err := parseOffer([]byte(strings.Replace(browserOffer, "m=video 9", "m=video 0", 1)), "VP8"); !errors.As(err, &e) || e.codec {
		t.Errorf("video switched off: %v", err)
	}
}

func FuzzOffer(f *testing.F) {
	f.Add([]byte(browserOffer))
	f.Add([]byte("v=0\r\nm=video 0 UDP 96\r\n"))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseOffer(b, "VP8")
		var e *offerError
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%v is no *offerError", err)
		}
		if err == nil && !slices.Contains(o.codecs, "VP8") {
			t.Errorf("taken without VP8: %+v", o)
		}
	})
}

func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:x\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n")
	f.Add("a=candidate")
	f.Fuzz(func(t *testing.T, s string) {
		frag := parseFragment(s)
		if len(frag.candidates) > maxCandidates {
			t.Errorf("%d candidates", len(frag.candidates))
		}
		for _, c := range frag.candidates {
			if c.SDPMid == nil || !strings.HasPrefix(c.Candidate, "candidate:") {
				t.Errorf("%+v", c)
			}
		}
	})
}
