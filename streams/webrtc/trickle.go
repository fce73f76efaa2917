package webrtc

import (
	"net/http"
	"strings"

	pion "github.com/pion/webrtc/v4"
)

// maxCandidates bounds the candidates of one PATCH.
const maxCandidates = 64

// fragment is an SDP fragment of trickle ICE (RFC 8840): candidates, each with the media
// section it belongs to.
type fragment struct {
	ufrag      string
	candidates []pion.ICECandidateInit
}

// parseFragment reads an SDP fragment. Lines that it does not know are skipped, as the format
// asks.
func parseFragment(text string) fragment {
	var f fragment
	mid := ""
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "a=ice-ufrag":
			f.ufrag = value
		case "a=mid":
			mid = value
		case "a=candidate":
			if len(f.candidates) < maxCandidates {
				m := mid
				f.candidates = append(f.candidates, pion.ICECandidateInit{Candidate: "candidate:" + value, SDPMid: &m})
			}
		}
	}
	return f
}

// trickle takes candidates that the player found after its offer.
func (v *viewer) trickle(body []byte) error {
	f := parseFragment(string(body))
	if f.ufrag != "" {
		remote := v.peer.RemoteDescription()
		if remote != nil && !strings.Contains(remote.SDP, "a=ice-ufrag:"+f.ufrag+"\r\n") && !strings.Contains(remote.SDP, "a=ice-ufrag:"+f.ufrag+"\n") {
			return refuse(http.StatusNotImplemented, "this server does not restart ICE: DELETE the session and POST a new offer")
		}
	}
	for _, c := range f.candidates {
		if err := v.peer.AddICECandidate(c); err != nil {
			return refuse(http.StatusBadRequest, "candidate: %v", err)
		}
	}
	return nil
}
