package capture

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Kind says what a source string names.
type Kind string

// The kinds of source.
const (
	File      Kind = "file"      // a video file
	Folder    Kind = "folder"    // a directory of images, or one image
	USB       Kind = "usb"       // /dev/videoN, usb:N
	Network   Kind = "network"   // rtsp, rtsps, http, https
	GStreamer Kind = "gstreamer" // gst:<pipeline>
	Synthetic Kind = "synthetic" // synth:<scene>
)

// ErrSpec is wrapped by every error about a source string that cannot be understood.
var ErrSpec = errors.New("not a source")

const known = "give a file, a folder of images, /dev/video0, usb:0, rtsp://..., http://..., gst:<pipeline> or synth:road"

// spec is a parsed source string.
type spec struct {
	kind     Kind
	target   string // path, URL, device node, pipeline or scene; may hold a password
	userinfo string // of a URL, as it was written
	display  string // what people may see
}

var (
	scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	device = regexp.MustCompile(`^/dev/video[0-9]+$`)
)

// parse reads a source string. Whether a path is a file or a folder is seen when it is opened:
// parse touches neither disk nor network.
func parse(s string) (spec, error) {
	switch {
	case s == "":
		return spec{}, fmt.Errorf("%w: the source is empty; %s", ErrSpec, known)
	case strings.ContainsAny(s, "\x00\n\r"):
		return spec{}, fmt.Errorf("%w: the source holds a control character; %s", ErrSpec, known)
	case strings.HasPrefix(s, "gst:"):
		pipeline := strings.TrimSpace(strings.TrimPrefix(s, "gst:"))
		if pipeline == "" {
			return spec{}, fmt.Errorf("%w: the pipeline after gst: is empty; an example: gst:videotestsrc", ErrSpec)
		}
		return spec{kind: GStreamer, target: pipeline, display: Redact(s)}, nil
	case strings.HasPrefix(s, "synth:"):
		return spec{kind: Synthetic, target: strings.TrimPrefix(s, "synth:"), display: s}, nil
	case strings.HasPrefix(s, "usb:"):
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "usb:"), 10, 16)
		if err != nil {
			return spec{}, fmt.Errorf("%w: %q: want usb:0 for the first camera, usb:1 for the next", ErrSpec, s)
		}
		return spec{kind: USB, target: fmt.Sprintf("/dev/video%d", n), display: s}, nil
	case device.MatchString(s):
		return spec{kind: USB, target: s, display: s}, nil
	case scheme.MatchString(s):
		return parseURL(s)
	}
	path := strings.TrimPrefix(s, "file:")
	abs, err := filepath.Abs(path)
	if err != nil {
		return spec{}, fmt.Errorf("%w: %q: %w", ErrSpec, s, err)
	}
	return spec{kind: File, target: abs, display: s}, nil
}

func parseURL(s string) (spec, error) {
	name, rest, _ := strings.Cut(s, "://")
	name = strings.ToLower(name)
	switch name {
	case "file":
		return parse("file:" + rest)
	case "rtsp", "rtsps", "http", "https":
	default:
		return spec{}, fmt.Errorf("%w: %s: scheme %q is not known; %s", ErrSpec, Redact(s), name, known)
	}
	user, after := splitUserinfo(rest)
	if user != "" {
		rest = escapeUserinfo(user) + "@" + after
	}
	host := after
	if end := strings.IndexAny(host, "/?#"); end >= 0 {
		host = host[:end]
	}
	if host == "" || strings.HasPrefix(host, ":") {
		return spec{}, fmt.Errorf("%w: %s: no host; want %s://host/path", ErrSpec, Redact(s), name)
	}
	return spec{kind: Network, target: name + "://" + rest, userinfo: user, display: Redact(s)}, nil
}

// escapeUserinfo writes "user:password" so that every URL parser finds its end, whatever
// characters the password holds. What is a valid escape already stays one.
func escapeUserinfo(userinfo string) string {
	user, password, both := strings.Cut(userinfo, ":")
	escape := func(s string) string {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	if !both {
		return escape(user)
	}
	return escape(user) + ":" + escape(password)
}

// splitUserinfo cuts "user:password@host/path". The cut is the last @ before the query, or
// the very last one where that leaves no host: then the password holds a question mark.
func splitUserinfo(rest string) (userinfo, after string) {
	query := strings.IndexByte(rest, '?')
	if query < 0 {
		query = len(rest)
	}
	i := strings.LastIndexByte(rest[:query], '@')
	if last := strings.LastIndexByte(rest, '@'); i < 0 || i+1 == len(rest) || strings.IndexByte("/?#:", rest[i+1]) >= 0 {
		i = last
	}
	if i < 0 {
		return "", rest
	}
	return rest[:i], rest[i+1:]
}

var element = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*`)

// Redact returns a source string as people may see it: without user, password and the values
// of the query, and of a GStreamer pipeline the first element only. It would rather hide too
// much than too little: a host goes too when the path holds an @.
func Redact(s string) string {
	if p, ok := strings.CutPrefix(s, "gst:"); ok {
		return "gst:" + element.FindString(strings.TrimSpace(p)) + " ..."
	}
	if !scheme.MatchString(s) {
		return s
	}
	name, rest, _ := strings.Cut(s, "://")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "***@" + rest[i+1:]
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i] + "?***"
	}
	return strings.ToLower(name) + "://" + rest
}

// redactor takes the secrets of one source out of text that others wrote.
type redactor struct{ r *strings.Replacer }

func newRedactor(sp spec) redactor {
	var pairs []string
	hide := func(s, with string) {
		if s != "" {
			pairs = append(pairs, s, with)
		}
	}
	switch sp.kind {
	case Network:
		hide(sp.target, sp.display)
		for _, user := range []string{sp.userinfo, escapeUserinfo(sp.userinfo)} {
			hide(user, "***")
			_, password, _ := strings.Cut(user, ":")
			hide(password, "***")
			if plain, err := url.PathUnescape(password); err == nil {
				hide(plain, "***")
			}
		}
		_, rest, _ := strings.Cut(sp.target, "://")
		_, after := splitUserinfo(rest)
		if _, query, ok := strings.Cut(after, "?"); ok {
			hide(query, "***")
			for pair := range strings.SplitSeq(query, "&") {
				_, value, _ := strings.Cut(pair, "=")
				hide(value, "***")
			}
		}
	case GStreamer:
		hide(sp.target, sp.display)
		for word := range strings.FieldsSeq(sp.target) {
			if _, value, ok := strings.Cut(word, "="); ok {
				hide(value, "***")
				hide(strings.Trim(value, `"'`), "***")
			}
		}
	}
	return redactor{strings.NewReplacer(pairs...)}
}

func (r redactor) clean(s string) string { return r.r.Replace(s) }
