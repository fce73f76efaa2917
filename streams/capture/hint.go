package capture

import (
	"regexp"
	"strings"
)

// hints are the reasons that FFmpeg writes to standard error, in its own words and in ours.
// OpenCV itself says only that an open failed.
var hints = []struct{ theirs, ours string }{
	{"401 Unauthorized", "the camera refuses user and password (401 Unauthorized): check them in the source"},
	{"403 Forbidden", "the camera forbids it (403 Forbidden): check the rights of this user"},
	{"404 Not Found", "the camera has no such stream (404 Not Found): check the path of the URL"},
	{"503 Service Unavailable", "the camera is busy (503 Service Unavailable): it may have too many viewers"},
	{"Connection refused", "connection refused: nothing listens at this address and port"},
	{"Failed to resolve hostname", "the host name is unknown: check it, and the DNS of this machine"},
	{"No route to host", "no route to host"},
	{"Network is unreachable", "the network is unreachable"},
	{"Connection timed out", "connection timed out"},
	{"Connection reset", "the camera closed the connection (reset)"},
	{"certificate verify failed", "the TLS certificate of the camera is not trusted"},
	{"Nonmatching transport", "the camera does not speak this RTSP transport: try the other of tcp and udp"},
	{"cannot find appsink", "the pipeline has no appsink, or GStreamer's base plugins are missing (package gstreamer1.0-plugins-base)"},
	{"Protocol not found", "FFmpeg here does not know this protocol"},
}

// gstReported is how OpenCV passes on the error of a GStreamer element.
var gstReported = regexp.MustCompile(`GStreamer warning: (?:Embedded video playback halted; module (\S+) reported: |Error opening bin: )(.+)`)

// hint finds the reason of a failure in what the child wrote, "" when there is none.
func hint(stderr string) string {
	for _, h := range hints {
		if strings.Contains(stderr, h.theirs) {
			return h.ours
		}
	}
	if m := gstReported.FindStringSubmatch(stderr); m != nil {
		if m[1] != "" {
			return "GStreamer element " + m[1] + ": " + short(m[2])
		}
		return "GStreamer: " + short(m[2])
	}
	return ""
}

// crashed are the lines that a dying process leaves, the most telling first: the text of a
// C++ exception, then what the C++ or Go runtime says of the end.
var crashed = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^\s*what\(\):\s*(.+)$`),
	regexp.MustCompile(`(?m)^(terminate called .+)$`),
	regexp.MustCompile(`(?m)^((?:panic|fatal error|SIG[A-Z]+): .+)$`),
}

// lastWords returns why a process crashed, by what it wrote, or "".
func lastWords(stderr string) string {
	for _, r := range crashed {
		if m := r.FindStringSubmatch(stderr); m != nil {
			return short(m[1])
		}
	}
	return ""
}

func short(s string) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "?")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "..."
	}
	return s
}
