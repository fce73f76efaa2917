package config

import (
	"time"

	"outrider/pipeline"
)

// Config is the whole configuration. Default returns the one that an empty file means.
type Config struct {
	Version int               `yaml:"version"` // of this format: 1
	Log     Log               `yaml:"log"`
	Web     Web               `yaml:"web"`
	WebRTC  WebRTC            `yaml:"webrtc"`
	MQTT    MQTT              `yaml:"mqtt"`
	Store   Store             `yaml:"store"`
	Model   Model             `yaml:"model"`
	Text    Text              `yaml:"text"`
	Batch   Batch             `yaml:"batch"`
	Capture Capture           `yaml:"capture"`
	Cameras map[string]Camera `yaml:"cameras"`
}

// Log says what is logged, to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json
}

// Web is the HTTP API and the dashboard.
type Web struct {
	Listen string   `yaml:"listen"` // host:port
	Hosts  []string `yaml:"hosts"`  // further names that browsers may use for this service
}

// WebRTC is live video out.
type WebRTC struct {
	UDPPort     int      `yaml:"udp_port"`    // all viewers share it; 0 for any free port each
	ICEServers  []string `yaml:"ice_servers"` // stun:host:port or turn:...
	PublicIPs   []string `yaml:"public_ips"`  // addresses to announce behind a 1:1 NAT
	Codec       string   `yaml:"codec"`       // vp8, vp9
	Mode        string   `yaml:"mode"`        // exact: a frame waits for its result; live: it does not
	ExactBudget Duration `yaml:"exact_budget"`
	Bitrate     int      `yaml:"bitrate"` // kbit/s at most
	MaxViewers  int      `yaml:"max_viewers"`
}

// MQTT is the broker to publish to.
type MQTT struct {
	URL           Secret   `yaml:"url"`    // embedded, off, or mqtt(s)://user:password@host:port
	Listen        string   `yaml:"listen"` // of the embedded broker
	User          string   `yaml:"user"`   // of the embedded broker
	Password      Secret   `yaml:"password"`
	Prefix        string   `yaml:"prefix"` // first part of every topic
	HomeAssistant bool     `yaml:"home_assistant"`
	Stats         Duration `yaml:"stats"` // between two messages on <prefix>/stats
}

// Store is where events are kept.
type Store struct {
	Path   string `yaml:"path"` // a folder; empty for the user's data folder
	Events Events `yaml:"events"`
}

// Events says how long events, their pictures and clips are kept.
type Events struct {
	Retain  Duration `yaml:"retain"`
	MaxSize Size     `yaml:"max_size"` // of all pictures and clips
}

// Model is the segmentation model.
type Model struct {
	Name        string  `yaml:"name"`       // of the catalogue
	File        string  `yaml:"file"`       // an ONNX file instead
	Input       int     `yaml:"input"`      // pixels of the long side, a multiple of 32
	Confidence  float64 `yaml:"confidence"` // segments below are dropped
	IoU         float64 `yaml:"iou"`        // of boxes, for non-maximum suppression
	MaxSegments int     `yaml:"max_segments"`
	Device      string  `yaml:"device"` // auto, cpu, cuda[:n], tensorrt, openvino, coreml
	Threads     int     `yaml:"threads"`
	Fallback    string  `yaml:"fallback"` // cpu: run there when the device cannot; empty: fail
}

// Text says how words are understood.
type Text struct {
	Name   string   `yaml:"name"`   // the encoder pair of the catalogue
	Labels []string `yaml:"labels"` // words that every confirmed track is named with
}

// Batch says how cameras share an inference.
type Batch struct {
	Max  int      `yaml:"max"`
	Wait Duration `yaml:"wait"`
}

// Capture holds what is common to all cameras.
type Capture struct {
	Isolation   string   `yaml:"isolation"` // auto, process, none
	OpenTimeout Duration `yaml:"open_timeout"`
}

// Camera is one source and what to do with it.
type Camera struct {
	Source        Secret   `yaml:"source"` // rtsp://..., /dev/video0, a file, a folder, gst:<pipeline>, synth:road
	Loop          bool     `yaml:"loop"`   // files: start again at the end
	Rate          float64  `yaml:"rate"`   // frames/s to analyse at most, 0 for as many as the machine can
	ReadTimeout   Duration `yaml:"read_timeout"`
	RTSPTransport string   `yaml:"rtsp_transport"` // tcp, udp
	Rotate        int      `yaml:"rotate"`         // degrees clockwise: 0, 90, 180, 270
	Prompts       []Prompt `yaml:"prompts"`
	Record        Record   `yaml:"record"`
}

// Record says what is kept of a camera's pictures: of the tracks of prompts, of zones and
// lines, and of obstacles.
type Record struct {
	Clips     bool     `yaml:"clips"`     // video around the moments; costs an encoder
	Snapshots bool     `yaml:"snapshots"` // the best picture of each track
	Pre       Duration `yaml:"pre"`       // of a clip, before its first moment
	Post      Duration `yaml:"post"`      // and after its last
}

// Prompt is something to follow from the start.
type Prompt struct {
	ID     string      `yaml:"id"`
	Text   []string    `yaml:"text"`
	Points [][]float64 `yaml:"points"` // [[x, y], ...] in frame pixels
	Labels []int       `yaml:"labels"`
	Box    []float64   `yaml:"box"` // [x1, y1, x2, y2]
	Level  int         `yaml:"level"`
}

// Pipeline returns the prompt in the pipeline's terms. Validate has checked the lengths.
func (p Prompt) Pipeline() pipeline.Prompt {
	q := pipeline.Prompt{ID: p.ID, Text: p.Text, Labels: p.Labels, Level: p.Level}
	for _, xy := range p.Points {
		q.Points = append(q.Points, pipeline.Point{X: xy[0], Y: xy[1]})
	}
	if len(p.Box) == 4 {
		q.Box = &pipeline.Box{X1: p.Box[0], Y1: p.Box[1], X2: p.Box[2], Y2: p.Box[3]}
	}
	return q
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		Version: 1,
		Log:     Log{Level: "info", Format: "text"},
		Web:     Web{Listen: "127.0.0.1:8080"},
		WebRTC:  WebRTC{UDPPort: 8555, Codec: "vp8", Mode: "exact", ExactBudget: Duration(120 * time.Millisecond), Bitrate: 2500, MaxViewers: 32},
		MQTT:    MQTT{URL: "embedded", Listen: "127.0.0.1:1883", Prefix: "outrider", HomeAssistant: true, Stats: Duration(time.Minute)},
		Store:   Store{Events: Events{Retain: Duration(14 * 24 * time.Hour), MaxSize: 10 << 30}},
		Model:   Model{Name: "everything-nano", Input: 640, Confidence: 0.25, IoU: 0.7, MaxSegments: 100, Device: "auto"},
		Text:    Text{Name: "clip-mini", Labels: []string{"person", "car", "bicycle", "truck", "bus", "dog"}},
		Batch:   Batch{Max: 8, Wait: Duration(5 * time.Millisecond)},
		Capture: Capture{Isolation: "auto", OpenTimeout: Duration(10 * time.Second)},
	}
}

// DefaultCamera returns the values that a camera's missing keys mean.
func DefaultCamera() Camera {
	return Camera{
		ReadTimeout: Duration(5 * time.Second), RTSPTransport: "tcp",
		Record: Record{Snapshots: true, Pre: Duration(5 * time.Second), Post: Duration(5 * time.Second)},
	}
}
