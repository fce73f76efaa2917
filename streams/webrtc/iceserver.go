package webrtc

import (
	"fmt"
	"strings"

	"github.com/pion/stun/v4"
	pion "github.com/pion/webrtc/v4"
)

// parseICEServer reads "stun:host:port" or "turn:user:password@host:port?transport=udp"
// (also stuns, turns).
func parseICEServer(s string) (pion.ICEServer, error) {
	var out pion.ICEServer
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok {
		return out, fmt.Errorf("ICE server: want stun:host:port or turn:user:password@host:port")
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		user, password, _ := strings.Cut(rest[:i], ":")
		out.Username, out.Credential = user, password
		rest = rest[i+1:]
	}
	url := scheme + ":" + rest
	u, err := stun.ParseURI(url)
	if err != nil {
		return out, fmt.Errorf("ICE server %q: %w", url, err)
	}
	if strings.HasPrefix(u.Scheme.String(), "turn") && out.Username == "" {
		return out, fmt.Errorf("ICE server %q: a TURN server needs user:password@ before its host", url)
	}
	out.URLs = []string{url}
	return out, nil
}

// iceLink is the Link header that tells a player of an ICE server.
func iceLink(s pion.ICEServer) string {
	l := fmt.Sprintf("<%s>; rel=\"ice-server\"", s.URLs[0])
	if s.Username != "" {
		l += fmt.Sprintf("; username=%s; credential=%s; credential-type=\"password\"", quoteHeader(s.Username), quoteHeader(fmt.Sprint(s.Credential)))
	}
	return l
}

// quoteHeader writes s as a quoted string of HTTP; control characters are left out.
func quoteHeader(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r == '"' || r == '\\' {
			b.WriteByte('\\')
		}
		if r >= ' ' && r != 0x7f {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
