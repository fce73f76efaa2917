package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"outrider/pipeline"
)

// Config is the whole configuration. Default returns the one that an empty file means.
type Config struct {
	Version   int               `yaml:"version"` // of this format: 1
	Log       Log               `yaml:"log"`
	Web       Web               `yaml:"web"`
	WebRTC    WebRTC            `yaml:"webrtc"`
	MQTT      MQTT              `yaml:"mqtt"`
	Store     Store             `yaml:"store"`
	Model     Model             `yaml:"model"`
	Text      Text              `yaml:"text"`
	Catalogue Catalogue         `yaml:"catalogue"`
	Batch     Batch             `yaml:"batch"`
	Capture   Capture           `yaml:"capture"`
	Tracker   Tracker           `yaml:"tracker"`
	Cameras   map[string]Camera `yaml:"cameras"`
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
	Setup  string   `yaml:"setup"`  // who may change cameras and configuration: local (this machine), anywhere
}

// WebRTC is live video out.
type WebRTC struct {
	UDPPort     int      `yaml:"udp_port"`    // all viewers share it; 0 for any free port each
	TCPPort     int      `yaml:"tcp_port"`    // for viewers whose network lets no UDP through; 0 for none
	Origins     []string `yaml:"origins"`     // pages of other origins that may watch: https://host:port, or *
	MDNS        bool     `yaml:"mdns"`        // resolve viewers' .local names
	ICEServers  []string `yaml:"ice_servers"` // stun:host:port or turn:...
	PublicIPs   []string `yaml:"public_ips"`  // addresses to announce behind a 1:1 NAT
	Codec       string   `yaml:"codec"`       // vp8, vp9; h264 in programs built with the tag x264
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
	TLS           MQTTTLS  `yaml:"tls"`
	Prefix        string   `yaml:"prefix"` // first part of every topic
	HomeAssistant bool     `yaml:"home_assistant"`
	Stats         Duration `yaml:"stats"` // between two messages on <prefix>/stats
}

// MQTTTLS says whom to trust and who we are, for mqtts:// brokers. All are PEM files.
type MQTTTLS struct {
	CA       string `yaml:"ca"`       // certificates to trust; empty for the system's
	Cert     string `yaml:"cert"`     // of this client
	Key      string `yaml:"key"`      // of this client
	Insecure bool   `yaml:"insecure"` // trust any certificate: for tests in a closed network only
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

	// Refine is a SAM, MobileSAM or HQ-SAM pair that segments prompted objects anew on key frames: a
	// name of the catalogue, a folder, or encoder.onnx,decoder.onnx. File may name a pair too.
	Refine      string   `yaml:"refine"`
	RefineEvery Duration `yaml:"refine_every"` // between two key frames of one object
	Grid        int      `yaml:"grid"`         // points a side with which a pair segments everything

	// Shape fixes the input of a model that leaves it open, like 640x384: TensorRT, OpenVINO and
	// CoreML compile the network for one shape. Frames are letterboxed into it.
	Shape       string `yaml:"shape"`
	GPUMemory   Size   `yaml:"gpu_memory"`   // that CUDA may take, 0 for no limit
	Precision   string `yaml:"precision"`    // of TensorRT: fp32, fp16, int8
	Calibration string `yaml:"calibration"`  // TensorRT's table for int8; a quantized (QDQ) model needs none
	EngineCache string `yaml:"engine_cache"` // folder of compiled networks; empty for the user's cache folder
}

// FixedShape is Shape as numbers, 0 when it is empty.
func (m Model) FixedShape() (w, h int, err error) {
	if m.Shape == "" {
		return 0, 0, nil
	}
	a, b, ok := strings.Cut(m.Shape, "x")
	w, err1 := strconv.Atoi(a)
	h, err2 := strconv.Atoi(b)
	if !ok || err1 != nil || err2 != nil || w < 32 || h < 32 || w > 4096 || h > 4096 || w%32 != 0 || h%32 != 0 {
		return 0, 0, fmt.Errorf("%q, want width x height in multiples of 32, such as 640x384", m.Shape)
	}
	return w, h, nil
}

// Catalogue says where pulled models lie and where they come from.
type Catalogue struct {
	Dir      string `yaml:"dir"`      // empty for OUTRIDER_MODELS, else the user's data folder
	Manifest string `yaml:"manifest"` // JSON laid over the program's list; empty for manifest.json in Dir
	Mirror   Secret `yaml:"mirror"`   // an address, file:// or a folder instead of the models' own addresses
	Proxy    Secret `yaml:"proxy"`    // empty for what the environment says
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

// Tracker says how objects are followed.
type Tracker struct {
	GMC string `yaml:"gmc"` // auto: the camera's motion is taken out; off: it never moves
}

// Camera is one source and what to do with it.
type Camera struct {
	Source        Secret          `yaml:"source"` // rtsp://..., /dev/video0, a file, a folder, gst:<pipeline>, synth:road
	Loop          bool            `yaml:"loop"`   // files: start again at the end
	Rate          float64         `yaml:"rate"`   // frames/s to analyse at most, 0 for as many as the machine can
	ReadTimeout   Duration        `yaml:"read_timeout"`
	RTSPTransport string          `yaml:"rtsp_transport"` // tcp, udp
	Rotate        int             `yaml:"rotate"`         // degrees clockwise: 0, 90, 180, 270
	Prompts       []Prompt        `yaml:"prompts"`
	Zones         map[string]Zone `yaml:"zones"`
	Lines         map[string]Line `yaml:"lines"`
	Ground        Ground          `yaml:"ground"` // for speeds
	Record        Record          `yaml:"record"`

	Calibration Calibration `yaml:"calibration"`
	Road        Road        `yaml:"road"`
}

// Calibration says how a camera's pixels become metres.
type Calibration struct {
	File      string  `yaml:"file"`       // lens and mount: OpenCV, ROS, Kalibr or our own; empty for none
	Learn     bool    `yaml:"learn"`      // road cameras: find pitch, yaw and height from driving
	LaneWidth float64 `yaml:"lane_width"` // metres, for the height while the speed is not known; 0 when not known
}

// Road says that a camera looks at the road ahead of a vehicle, and what is known of both.
type Road struct {
	Enabled      bool    `yaml:"enabled"`
	Speed        string  `yaml:"speed"`         // of the vehicle: m/s, or a file beside the video; empty: unknown
	VehicleWidth float64 `yaml:"vehicle_width"` // metres, 0 for 1.9
}

// Road reports whether any camera looks at a road.
func (c *Config) Road() bool {
	for _, cam := range c.Cameras {
		if cam.Road.Enabled {
			return true
		}
	}
	return false
}

// Record says what is kept of a camera's pictures: of the tracks of prompts, of zones and
// lines, and of obstacles.
type Record struct {
	Clips     bool     `yaml:"clips"`     // video around the moments; costs an encoder
	Snapshots bool     `yaml:"snapshots"` // the best picture of each track
	Pre       Duration `yaml:"pre"`       // of a clip, before its first moment
	Post      Duration `yaml:"post"`      // and after its last
}

// Zone is an area in which objects are counted.
type Zone struct {
	Polygon    [][]float64   `yaml:"polygon"` // [[x, y], ...]
	Holes      [][][]float64 `yaml:"holes"`
	Size       []int         `yaml:"size"`      // [width, height] of the picture that the points are of; without: shares, or pixels of the stream
	Anchor     string        `yaml:"anchor"`    // ground, bottom, center
	Prompts    []string      `yaml:"prompts"`   // only tracks of these prompts
	Labels     []string      `yaml:"labels"`    // only tracks that are named so
	MinScore   float64       `yaml:"min_score"` // 0..1
	MinArea    float64       `yaml:"min_area"`  // of the box, as a share of the picture
	Parts      bool          `yaml:"parts"`     // count parts of an object beside it
	Inertia    Duration      `yaml:"inertia"`
	Loiter     Duration      `yaml:"loiter"`
	LeftBehind Duration      `yaml:"left_behind"`
	Removed    Duration      `yaml:"removed"`
	TripsFrom  []string      `yaml:"trips_from"`
	Alert      bool          `yaml:"alert"`
}

// Line is a directed line that objects cross. What it has in common with a zone means the same.
type Line struct {
	From     []float64 `yaml:"from"` // [x, y]
	To       []float64 `yaml:"to"`
	Size     []int     `yaml:"size"`
	Anchor   string    `yaml:"anchor"`
	Prompts  []string  `yaml:"prompts"`
	Labels   []string  `yaml:"labels"`
	MinScore float64   `yaml:"min_score"`
	MinArea  float64   `yaml:"min_area"`
	Parts    bool      `yaml:"parts"`
	Settle   Duration  `yaml:"settle"`
	Margin   float64   `yaml:"margin"` // share of the object's size
	Alert    bool      `yaml:"alert"`
}

// Ground is a flat ground, by four or more points of known position.
type Ground struct {
	Size  []int  `yaml:"size"` // [width, height] of the picture that the points are of
	Marks []Mark `yaml:"marks"`
}

// Mark is a point of the ground in the picture and in metres, y to the left of x.
type Mark struct {
	Image  []float64 `yaml:"image"`
	Metres []float64 `yaml:"metres"`
}

// Prompt is something to follow from the start.
type Prompt struct {
	ID     string      `yaml:"id"`
	Text   []string    `yaml:"text"`
	Points [][]float64 `yaml:"points"` // [[x, y], ...] in frame pixels
	Labels []int       `yaml:"labels"`
	Box    []float64   `yaml:"box"`  // [x1, y1, x2, y2]
	Zone   [][]float64 `yaml:"zone"` // with text: corners of a polygon to search in
	Mask   string      `yaml:"mask"` // a PNG or COCO RLE file of the frame's size
	Level  int         `yaml:"level"`
	TopK   int         `yaml:"top_k"`     // with text: the best so many, 0 for all that fit
	MinCos float64     `yaml:"threshold"` // with text: the least cosine, 0 for the encoder's own
}

// Pipeline returns the prompt in the pipeline's terms, without its mask, which is in a file.
// Validate has checked the lengths.
func (p Prompt) Pipeline() pipeline.Prompt {
	q := pipeline.Prompt{ID: p.ID, Text: p.Text, Labels: p.Labels, Level: p.Level, TopK: p.TopK, MinCos: p.MinCos}
	for _, xy := range p.Points {
		q.Points = append(q.Points, pipeline.Point{X: xy[0], Y: xy[1]})
	}
	for _, xy := range p.Zone {
		q.Zone = append(q.Zone, pipeline.Point{X: xy[0], Y: xy[1]})
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
		Web:     Web{Listen: "127.0.0.1:8080", Setup: "local"},
		WebRTC:  WebRTC{UDPPort: 8555, Codec: "vp8", Mode: "exact", ExactBudget: Duration(120 * time.Millisecond), Bitrate: 2500, MaxViewers: 32},
		MQTT:    MQTT{URL: "embedded", Listen: "127.0.0.1:1883", Prefix: "outrider", HomeAssistant: true, Stats: Duration(time.Minute)},
		Store:   Store{Events: Events{Retain: Duration(14 * 24 * time.Hour), MaxSize: 10 << 30}},
		Model:   Model{Name: "everything-nano", Input: 640, Confidence: 0.25, IoU: 0.7, MaxSegments: 100, Device: "auto", Precision: "fp32", RefineEvery: Duration(2 * time.Second), Grid: 32},
		Text:    Text{Name: "clip-mini", Labels: []string{"person", "car", "bicycle", "truck", "bus", "dog"}},
		Batch:   Batch{Max: 8, Wait: Duration(5 * time.Millisecond)},
		Tracker: Tracker{GMC: "auto"},
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
