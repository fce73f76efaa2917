package capture_test

import (
	"errors"
	"strings"
	"testing"

	"outrider/streams/capture"
)

func TestOpenSpec(t *testing.T) {
	tests := []struct {
		source  string
		kind    capture.Kind
		live    bool
		display string
	}{
		{"/videos/a.mp4", capture.File, false, "/videos/a.mp4"},
		{"file:///videos/a.mp4", capture.File, false, "file:/videos/a.mp4"},
		{"/dev/video12", capture.USB, true, "/dev/video12"},
		{"usb:1", capture.USB, true, "usb:1"},
		{"rtsp://10.0.0.2/s", capture.Network, true, "rtsp://10.0.0.2/s"},
		{"RTSP://10.0.0.2:554/s", capture.Network, true, "rtsp://10.0.0.2:554/s"},
		{"rtsps://user:secret@cam.lan/s", capture.Network, true, "rtsps://***@cam.lan/s"},
		{"rtsp://secret@cam/s", capture.Network, true, "rtsp://***@cam/s"},
		{"rtsp://user:sec@ret/s#?x@cam/s", capture.Network, true, "rtsp://***@cam/s"},
		{"rtsp://u:secret@cam/s?user=u&password=secret", capture.Network, true, "rtsp://***@cam/s?***"},
		{"http://cam/mjpeg?token=secret", capture.Network, true, "http://cam/mjpeg?***"},
		{"https://cam/live.m3u8", capture.Network, true, "https://cam/live.m3u8"},
		{"gst:rtspsrc location=rtsp://u:secret@cam ! appsink", capture.GStreamer, true, "gst:rtspsrc ..."},
		{"synth:road?seed=3", capture.Synthetic, false, "synth:road?seed=3"},
	}
	for _, tt := range tests {
		src, err := capture.Open(tt.source, capture.Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.source, err)
			continue
		}
		if src.Kind() != tt.kind || src.Live() != tt.live || src.Display() != tt.display {
			t.Errorf("%s: %s, live %v, %q; want %s, %v, %q", tt.source, src.Kind(), src.Live(), src.Display(), tt.kind, tt.live, tt.display)
		}
	}
}

func TestOpenBadSpec(t *testing.T) {
	tests := []struct {
		source string
		o      capture.Options
		want   string
	}{
		{"", capture.Options{}, "empty"},
		{"a\x00b", capture.Options{}, "control character"},
		{"gst: ", capture.Options{}, "pipeline after gst: is empty"},
		{"usb:x", capture.Options{}, "want usb:0"},
		{"usb:-1", capture.Options{}, "want usb:0"},
		{"ftp://u:secret@host/a", capture.Options{}, `ftp://***@host/a: scheme "ftp" is not known`},
		{"rtsp://", capture.Options{}, "no host"},
		{"rtsp://u:secret@:554/s", capture.Options{}, "no host"},
		{"synth:moon", capture.Options{}, "the only scene is road"},
		{"a.mp4", capture.Options{Rotate: 45}, "rotate 45"},
		{"a.mp4", capture.Options{Transport: "sctp"}, "want tcp or udp"},
		{"a.mp4", capture.Options{Isolation: "some"}, "want auto, process or none"},
		{"a.mp4", capture.Options{Start: 5, End: 5}, "the end after the start"},
	}
	for _, tt := range tests {
		_, err := capture.Open(tt.source, tt.o)
		if !errors.Is(err, capture.ErrSpec) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %s", tt.source, err, tt.want)
		}
	}
}

// FuzzRedact puts any text into the password: none of it may be seen.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{"", "@", "a/b", "?x=1", "#", "p@h/q?r@", "%40", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, password string) {
		src, err := capture.Open("rtsp://user:"+password+"@host/path", capture.Options{})
		if err != nil {
			if !strings.Contains(err.Error(), "control character") {
				t.Errorf("password %q: %v", password, err)
			}
			return
		}
		if got := src.Display(); got != "rtsp://***@host/path" {
			t.Errorf("password %q shows %q", password, got)
		}
	})
}
