package webrtc_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"outrider/streams/webrtc"
)

func TestWHEPRefuses(t *testing.T) {
	s := &webrtc.Server{}
	h := start(t, s)
	pc, good := quietOffer(t)
	defer pc.Close()
	sub := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in the offer", old)
		}
		return strings.ReplaceAll(good, old, new)
	}
	video := good[strings.Index(good, "m=video"):]
	for _, c := range []struct {
		name, method, path, contentType, body string
		status                                int
		want                                  string
	}{
		{"unknown camera", "POST", "/whep/nowhere", "application/sdp", good, 404, `"cameras":["yard","gate way"]`},
		{"no camera", "POST", "/whep/", "application/sdp", good, 404, "/whep/{camera}"},
		{"deep", "POST", "/whep/yard/a/b", "application/sdp", good, 404, ""},
		{"content type", "POST", "/whep/yard", "text/plain", good, 415, "application/sdp"},
		{"no content type", "POST", "/whep/yard", "", good, 415, ""},
		{"oversize", "POST", "/whep/yard", "application/sdp", strings.Repeat("a", 64<<10+1), 413, "65536"},
		{"empty", "POST", "/whep/yard", "application/sdp", "", 400, "offer"},
		{"not SDP", "POST", "/whep/yard", "application/sdp", "hello", 400, "not SDP"},
		{"binary", "POST", "/whep/yard", "application/sdp", "\x00\xff\xfe", 400, ""},
		{"cut short", "POST", "/whep/yard", "application/sdp", good[:200], 400, ""},
		{"no ufrag", "POST", "/whep/yard", "application/sdp", sub("a=ice-ufrag", "a=x-ufrag"), 400, "offer"},
		{"no fingerprint", "POST", "/whep/yard", "application/sdp", sub("a=fingerprint", "a=x-print"), 400, "offer"},
		{"sends itself", "POST", "/whep/yard", "application/sdp", sub("a=recvonly", "a=sendrecv"), 400, "recvonly"},
		{"sends only", "POST", "/whep/yard", "application/sdp", sub("a=recvonly", "a=sendonly"), 400, "recvonly"},
		{"no direction", "POST", "/whep/yard", "application/sdp", sub("a=recvonly", "a=x"), 400, "recvonly"},
		{"no video", "POST", "/whep/yard", "application/sdp", sub("m=video", "m=text"), 400, "video"},
		{"two videos", "POST", "/whep/yard", "application/sdp", good + video, 400, "more than one"},
		{"no rtcp-mux", "POST", "/whep/yard", "application/sdp", sub("a=rtcp-mux", "a=x"), 400, "rtcp-mux"},
		{"many sections", "POST", "/whep/yard", "application/sdp", good + strings.Repeat(video, 20), 400, "sections"},
		{"other codec", "POST", "/whep/yard", "application/sdp", sub("VP8/90000", "H264/90000"), 406, `"codecs":["VP8"]`},
		{"overlay without painter", "POST", "/whep/yard?overlay=1", "application/sdp", good, 501, "overlay"},
		{"overlay nonsense", "POST", "/whep/yard?overlay=maybe", "application/sdp", good, 400, "overlay"},
		{"GET", "GET", "/whep/yard", "", "", 405, "POST"},
		{"unknown session", "DELETE", "/whep/yard/abc", "", "", 404, "session"},
		{"unknown session", "PATCH", "/whep/yard/abc", "application/trickle-ice-sdpfrag", "", 404, "session"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := do(t, c.method, h.URL+c.path, c.contentType, c.body)
			var p struct {
				Status int
				Title  string
				Detail string
			}
			if err := json.Unmarshal([]byte(r.body), &p); err != nil {
				t.Fatalf("%d %q: %v", r.status, r.body, err)
			}
			if r.status != c.status || p.Status != c.status || p.Title == "" || p.Detail == "" || !strings.Contains(r.body, c.want) || r.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s %s, want %d with %q", r.status, r.header.Get("Content-Type"), r.body, c.status, c.want)
			}
		})
	}
	if st := s.Stats(); st.Viewers+st.Pending != 0 || len(st.Streams) != 0 {
		t.Errorf("refused offers left something: %+v", st)
	}
}

func TestWHEPSession(t *testing.T) {
	s := &webrtc.Server{ICEServers: []string{"stun:127.0.0.1:9", `turn:us"er:pass@127.0.0.1:9?transport=udp`}, Origins: []string{"https://wall.example"}}
	h := start(t, s)
	pc, sdp := quietOffer(t)
	defer pc.Close()
	post := do(t, "POST", h.URL+"/whep/gate%20way", "application/sdp; charset=utf-8", sdp, "Origin", "https://wall.example")
	if post.status != http.StatusCreated {
		t.Fatalf("POST: %d %s", post.status, post.body)
	}
	links := strings.Join(post.header.Values("Link"), "\n")
	want := `<stun:127.0.0.1:9>; rel="ice-server"` + "\n" +
		`<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="us\"er"; credential="pass"; credential-type="password"`
	if links != want {
		t.Errorf("Link\n%s\nwant\n%s", links, want)
	}
	location := post.header.Get("Location")
	if !strings.HasPrefix(location, "/whep/gate%20way/") || post.header.Get("Access-Control-Allow-Origin") != "https://wall.example" ||
		!strings.Contains(post.header.Get("Access-Control-Expose-Headers"), "Location, Link, ETag") {
		t.Errorf("headers %v", post.header)
	}
	for _, attribute := range []string{"a=sendonly", "a=candidate", "VP8/90000", "playout-delay", "transport-wide-cc"} {
		if !strings.Contains(post.body, attribute) {
			t.Errorf("no %s in the answer", attribute)
		}
	}
	const frag = "application/trickle-ice-sdpfrag"
	etag := post.header.Get("ETag")
	for _, c := range []struct {
		name, contentType, body, match string
		status                         int
	}{
		{"a candidate", frag, "a=mid:0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n", etag, 204},
		{"end of candidates", frag, "a=mid:0\r\na=end-of-candidates\r\n", "", 204},
		{"mDNS name", frag, "a=mid:0\r\na=candidate:1 1 udp 2130706431 0a0b.local 9 typ host\r\n", "*", 204},
		{"other ETag", frag, "", `"nonsense"`, 412},
		{"content type", "application/sdp", "", "", 415},
		{"broken candidate", frag, "a=mid:0\r\na=candidate:nonsense\r\n", "", 400},
		{"ICE restart", frag, "a=ice-ufrag:anew\r\na=ice-pwd:0123456789012345678901\r\n", "", 501},
		{"oversize", frag, strings.Repeat("a", 64<<10+1), "", 413},
	} {
		headers := []string{}
		if c.match != "" {
			headers = []string{"If-Match", c.match}
		}
		if r := do(t, "PATCH", h.URL+location, c.contentType, c.body, headers...); r.status != c.status {
			t.Errorf("PATCH %s: %d %s, want %d", c.name, r.status, r.body, c.status)
		}
	}
	if r := do(t, "GET", h.URL+location, "", ""); r.status != 405 || r.header.Get("Allow") == "" {
		t.Errorf("GET: %d", r.status)
	}
	if r := do(t, "DELETE", h.URL+strings.Replace(location, "gate%20way", "yard", 1), "", ""); r.status != 404 {
		t.Errorf("DELETE under another camera: %d", r.status)
	}
	if r := do(t, "OPTIONS", h.URL+location, "", "", "Origin", "https://evil.example"); r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("OPTIONS by another origin: %d %v", r.status, r.header)
	}
	o := do(t, "OPTIONS", h.URL+"/whep/yard", "", "", "Origin", "https://wall.example")
	if o.status != 204 || o.header.Get("Accept-Post") != "application/sdp" || len(o.header.Values("Link")) != 2 || !strings.Contains(o.header.Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("OPTIONS: %d %v", o.status, o.header)
	}
	if r := do(t, "DELETE", h.URL+location, "", ""); r.status != 200 {
		t.Errorf("DELETE: %d %s", r.status, r.body)
	}
	if st := s.Stats(); st.Viewers+st.Pending != 0 {
		t.Errorf("after DELETE: %+v", st)
	}
}
