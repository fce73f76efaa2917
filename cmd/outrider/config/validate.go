package config

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"outrider/pipeline/mask"
)

var cameraName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// The video that a clip may have before and after its moments. What is before waits in memory.
const (
	maxRoll = Duration(time.Minute)
	minPost = Duration(time.Second)
)

// Validate refuses values that could not work, naming the key. It opens nothing.
func (c *Config) Validate() error {
	bad := func(key, format string, args ...any) error {
		return &Error{Reason: key + ": " + fmt.Sprintf(format, args...)}
	}
	oneOf := func(key, v string, allowed ...string) error {
		if slices.Contains(allowed, v) {
			return nil
		}
		return bad(key, "%q, want one of %s", v, strings.Join(allowed, ", "))
	}
	checks := []error{
		oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error"),
		oneOf("log.format", c.Log.Format, "text", "json"),
		oneOf("web.setup", c.Web.Setup, "local", "anywhere"),
		oneOf("webrtc.codec", c.WebRTC.Codec, "vp8", "vp9", "h264"),
		oneOf("webrtc.mode", c.WebRTC.Mode, "exact", "live"),
		oneOf("model.fallback", c.Model.Fallback, "", "cpu"),
		oneOf("model.precision", c.Model.Precision, "fp32", "fp16", "int8"),
		oneOf("tracker.gmc", c.Tracker.GMC, "auto", "off"),
		oneOf("capture.isolation", c.Capture.Isolation, "auto", "process", "none"),
		hostPort("web.listen", c.Web.Listen),
		hostPort("mqtt.listen", c.MQTT.Listen),
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	if _, _, err := c.Model.FixedShape(); err != nil {
		return bad("model.shape", "%v", err)
	}
	switch {
	case c.Version != 1:
		return bad("version", "%d is not known to this program, want 1", c.Version)
	case c.WebRTC.UDPPort < 0 || c.WebRTC.UDPPort > 65535:
		return bad("webrtc.udp_port", "%d, want 0 to 65535", c.WebRTC.UDPPort)
	case c.WebRTC.TCPPort < 0 || c.WebRTC.TCPPort > 65535:
		return bad("webrtc.tcp_port", "%d, want 0 (none) to 65535", c.WebRTC.TCPPort)
	case (c.MQTT.TLS.Cert == "") != (c.MQTT.TLS.Key == ""):
		return bad("mqtt.tls", "cert and key belong together: give both or none")
	case c.MQTT.TLS != (MQTTTLS{}) && !strings.HasPrefix(c.MQTT.URL.Reveal(), "mqtts://"):
		return bad("mqtt.tls", "it counts for mqtts:// brokers only; mqtt.url is another")
	case c.WebRTC.ExactBudget <= 0:
		return bad("webrtc.exact_budget", "%v, want more than 0", c.WebRTC.ExactBudget)
	case c.WebRTC.Bitrate < 100 || c.WebRTC.Bitrate > 100000:
		return bad("webrtc.bitrate", "%d kbit/s, want 100 to 100000", c.WebRTC.Bitrate)
	case c.WebRTC.MaxViewers < 1:
		return bad("webrtc.max_viewers", "%d, want 1 or more", c.WebRTC.MaxViewers)
	case c.MQTT.Prefix == "" || strings.ContainsAny(c.MQTT.Prefix, "#+") || strings.HasSuffix(c.MQTT.Prefix, "/"):
		return bad("mqtt.prefix", "%q, want a topic without # and + that does not end in /", c.MQTT.Prefix)
	case c.Model.Input < 32 || c.Model.Input > 4096 || c.Model.Input%32 != 0:
		return bad("model.input", "%d, want a multiple of 32 from 32 to 4096", c.Model.Input)
	case !(c.Model.Confidence > 0 && c.Model.Confidence < 1):
		return bad("model.confidence", "%v, want more than 0 and less than 1", c.Model.Confidence)
	case !(c.Model.IoU > 0 && c.Model.IoU <= 1):
		return bad("model.iou", "%v, want more than 0 and at most 1", c.Model.IoU)
	case c.Model.MaxSegments < 1 || c.Model.MaxSegments > 1000:
		return bad("model.max_segments", "%d, want 1 to 1000", c.Model.MaxSegments)
	case c.Model.RefineEvery <= 0:
		return bad("model.refine_every", "%v, want more than 0", c.Model.RefineEvery)
	case c.Model.Grid < 1 || c.Model.Grid > 256:
		return bad("model.grid", "%d, want 1 to 256 points a side", c.Model.Grid)
	case c.Model.Threads < 0 || c.Model.Threads > 1024:
		return bad("model.threads", "%d, want 0 (automatic) to 1024", c.Model.Threads)
	case c.Model.GPUMemory < 0:
		return bad("model.gpu_memory", "%v, want 0 (no limit) or more", c.Model.GPUMemory)
	case c.Model.Calibration != "" && c.Model.Precision != "int8":
		return bad("model.calibration", "is for model.precision int8 only")
	case c.Batch.Max < 1 || c.Batch.Max > 64:
		return bad("batch.max", "%d, want 1 to 64", c.Batch.Max)
	case c.Store.Events.MaxSize < 100<<20:
		return bad("store.events.max_size", "%v, want 100MB or more", c.Store.Events.MaxSize)
	case c.Capture.OpenTimeout <= 0:
		return bad("capture.open_timeout", "%v, want more than 0", c.Capture.OpenTimeout)
	}
	if s := c.MQTT.URL.Reveal(); s != "embedded" && s != "off" && !strings.HasPrefix(s, "mqtt://") && !strings.HasPrefix(s, "mqtts://") {
		return bad("mqtt.url", "want embedded, off, mqtt://[user:password@]host:port or mqtts://...")
	}
	names := make([]string, 0, len(c.Cameras))
	for n := range c.Cameras {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if err := c.Cameras[n].validate("cameras."+n, n, bad); err != nil {
			return err
		}
		if err := c.Cameras[n].validatePlaces("cameras."+n, names, bad); err != nil {
			return err
		}
	}
	return nil
}

func (c Camera) validate(key, name string, bad func(key, format string, args ...any) error) error {
	switch {
	case !cameraName.MatchString(name):
		return bad(key, "camera names are letters, digits, _ and -, at most 64")
	case c.Source == "":
		return bad(key+".source", "missing: give rtsp://..., /dev/video0, a file, a folder, gst:<pipeline> or synth:road")
	case !(c.Rate >= 0 && c.Rate <= 1000):
		return bad(key+".rate", "%v, want 0 (no limit) to 1000 frames/s", c.Rate)
	case c.ReadTimeout <= 0:
		return bad(key+".read_timeout", "%v, want more than 0", c.ReadTimeout)
	case c.RTSPTransport != "tcp" && c.RTSPTransport != "udp":
		return bad(key+".rtsp_transport", "%q, want tcp or udp", c.RTSPTransport)
	case c.Rotate != 0 && c.Rotate != 90 && c.Rotate != 180 && c.Rotate != 270:
		return bad(key+".rotate", "%d, want 0, 90, 180 or 270", c.Rotate)
	case !(c.Road.VehicleWidth >= 0 && c.Road.VehicleWidth <= 5):
		return bad(key+".road.vehicle_width", "%v, want up to 5 metres, or 0 for 1.9", c.Road.VehicleWidth)
	case !c.Road.Enabled && c.Road.Speed != "":
		return bad(key+".road.enabled", "false, but a speed is set: set it to true")
	case c.Record.Pre < 0 || c.Record.Pre > maxRoll:
		return bad(key+".record.pre", "%v, want 0s to %v", c.Record.Pre, maxRoll)
	case c.Record.Post < minPost || c.Record.Post > maxRoll:
		return bad(key+".record.post", "%v, want %v to %v", c.Record.Post, minPost, maxRoll)
	}
	switch k := c.Calibration; {
	case k.LaneWidth != 0 && !(k.LaneWidth >= 2 && k.LaneWidth <= 6):
		return bad(key+".calibration.lane_width", "%v, want 2 to 6 metres, or 0 when it is not known", k.LaneWidth)
	case k.LaneWidth != 0 && !k.Learn:
		return bad(key+".calibration.lane_width", "is for calibration.learn only")
	}
	ids := map[string]bool{}
	for i, p := range c.Prompts {
		at := fmt.Sprintf("%s.prompts[%d]", key, i)
		for j, xy := range p.Points {
			if len(xy) != 2 {
				return bad(fmt.Sprintf("%s.points[%d]", at, j), "%d numbers, want x and y", len(xy))
			}
		}
		for j, xy := range p.Zone {
			if len(xy) != 2 {
				return bad(fmt.Sprintf("%s.zone[%d]", at, j), "%d numbers, want x and y", len(xy))
			}
		}
		if n := len(p.Box); n != 0 && n != 4 {
			return bad(at+".box", "%d numbers, want x1, y1, x2, y2", n)
		}
		if p.ID != "" && ids[p.ID] {
			return bad(at+".id", "%q stands twice", p.ID)
		}
		ids[p.ID] = true
		q := p.Pipeline()
		if p.Mask != "" { // read when the camera starts; here it only stands in its place
			q.Mask = &mask.RLE{Size: [2]int{1, 1}, Counts: "01"}
		}
		if err := q.Validate(0, 0); err != nil {
			return bad(at, "%v", err)
		}
	}
	return nil
}

func hostPort(key, s string) error {
	if _, _, err := net.SplitHostPort(s); err != nil {
		return &Error{Reason: fmt.Sprintf("%s: %q, want host:port, such as 127.0.0.1:8080", key, s)}
	}
	return nil
}
