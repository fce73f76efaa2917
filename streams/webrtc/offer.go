package webrtc

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// maxSections bounds the media sections of an offer; a player has two or three.
const maxSections = 16

// offer is what the server needs to know of an SDP offer before pion sees it.
type offer struct {
	codecs []string // offered for video, upper case, in the player's order
	data   bool     // there is a data channel section
}

// offerError is an offer that cannot be answered. Codec tells that only the codec is missing.
type offerError struct {
	reason string
	codec  bool
}

func (e *offerError) Error() string { return "offer: " + e.reason }

// parseOffer checks an offer for a player: well-formed SDP with one video section that
// receives and codec, a name as in rtpmap, among its codecs. The error is an *offerError.
func parseOffer(text []byte, codec string) (offer, error) {
	var o offer
	bad := func(format string, args ...any) (offer, error) {
		return offer{}, &offerError{reason: fmt.Sprintf(format, args...)}
	}
	var s sdp.SessionDescription
	if err := s.Unmarshal(text); err != nil {
		return bad("not SDP: %v", err)
	}
	if len(s.MediaDescriptions) > maxSections {
		return bad("%d media sections, at most %d are taken", len(s.MediaDescriptions), maxSections)
	}
	video := 0
	for _, m := range s.MediaDescriptions {
		switch m.MediaName.Media {
		case "video":
			if m.MediaName.Port.Value == 0 && !has(m, "bundle-only") {
				continue // switched off
			}
			video++
			if video > 1 {
				return bad("more than one video section; ask for one camera in one session")
			}
			if has(m, "sendrecv") || has(m, "sendonly") || has(m, "inactive") || !has(m, "recvonly") {
				return bad("the video section must be a=recvonly: this server sends and takes nothing")
			}
			o.codecs = offeredCodecs(m)
		case "audio":
			if has(m, "sendonly") {
				return bad("the audio section must be a=recvonly: this server takes nothing")
			}
		case "application":
			o.data = true
		}
		if m.MediaName.Media != "application" && !has(m, "rtcp-mux") && m.MediaName.Port.Value != 0 {
			return bad("the %s section lacks a=rtcp-mux", m.MediaName.Media)
		}
	}
	if video == 0 {
		return bad("no video section: add a recvonly video transceiver")
	}
	for _, c := range o.codecs {
		if c == codec {
			return o, nil
		}
	}
	return offer{}, &offerError{codec: true, reason: fmt.Sprintf("the player offers %s", orNone(o.codecs))}
}

func has(m *sdp.MediaDescription, key string) bool {
	_, ok := m.Attribute(key)
	return ok
}

// offeredCodecs returns the names of the video codecs in a section, without retransmission and
// error correction.
func offeredCodecs(m *sdp.MediaDescription) []string {
	var names []string
	seen := map[string]bool{}
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		_, enc, _ := strings.Cut(a.Value, " ")
		name, _, _ := strings.Cut(enc, "/")
		name = strings.ToUpper(strings.TrimSpace(name))
		switch name {
		case "", "RTX", "RED", "ULPFEC", "FLEXFEC-03":
			continue
		}
		if !seen[name] && len(names) < 32 {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func orNone(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}
