package mqtt

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

const (
	unnamed       = "object" // label of a track that nothing has named
	updateEvery   = 60 * time.Second
	pathEvery     = time.Second
	pathPoints    = 64
	polygonPoints = 64
	maxEventBytes = 96 << 10 // above it the outline is left out: brokers refuse what is too large
	extSchema     = 1
)

// eventMessage is the payload of <prefix>/events.
type eventMessage struct {
	Type   string       `json:"type"` // new, update, end
	Before *eventObject `json:"before"`
	After  *eventObject `json:"after"`
}

// eventObject has Frigate's fields of a tracked object, and under ext what is ours.
type eventObject struct {
	ID             string             `json:"id"` // of the object: the same in new, update and end
	Camera         string             `json:"camera"`
	FrameTime      float64            `json:"frame_time"` // Unix seconds, as all times here
	StartTime      float64            `json:"start_time"`
	EndTime        *float64           `json:"end_time"`
	Label          string             `json:"label"`
	SubLabel       *string            `json:"sub_label"`
	Score          float64            `json:"score"`
	ComputedScore  float64            `json:"computed_score"` // mean of all scores so far
	TopScore       float64            `json:"top_score"`
	FalsePositive  bool               `json:"false_positive"`
	Box            [4]int             `json:"box"` // x1, y1, x2, y2 in source pixels
	Area           int                `json:"area"`
	Ratio          float64            `json:"ratio"` // width / height
	Region         [4]int             `json:"region"`
	CurrentZones   []string           `json:"current_zones"`
	EnteredZones   []string           `json:"entered_zones"`
	HasClip        bool               `json:"has_clip"`
	HasSnapshot    bool               `json:"has_snapshot"`
	Snapshot       *struct{}          `json:"snapshot"`
	Active         bool               `json:"active"`
	Stationary     bool               `json:"stationary"`
	Motionless     int                `json:"motionless_count"`
	Moves          int                `json:"position_changes"`
	Attributes     map[string]float64 `json:"attributes"`
	CurrentAttrs   []struct{}         `json:"current_attributes"`
	PendingLoiter  bool               `json:"pending_loitering"`
	MaxSeverity    *string            `json:"max_severity"`
	CurrentSpeed   float64            `json:"current_estimated_speed"`
	AverageSpeed   float64            `json:"average_estimated_speed"`
	VelocityAngle  float64            `json:"velocity_angle"` // degrees, 0 to the right, anticlockwise
	Path           []pathPoint        `json:"path_data"`
	LicensePlate   *string            `json:"recognized_license_plate"`
	LicensePlateSc *float64           `json:"recognized_license_plate_score"`
	Ext            eventExt           `json:"ext"`
}

// pathPoint is [[x, y], time]: bottom centre of the box as shares of the frame.
type pathPoint struct{ x, y, t float64 }

// MarshalJSON writes [[x, y], time].
func (p pathPoint) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]any{[2]float64{p.x, p.y}, p.t})
}

// eventExt is what we add to Frigate's object.
type eventExt struct {
	Schema     int                 `json:"schema"`
	EventID    string              `json:"event_id"` // unique: what a consumer drops doubles by
	EventSeq   uint64              `json:"event_seq"`
	Kind       string              `json:"kind"` // our own, finer kind
	TrackID    uint64              `json:"track_id"`
	PromptID   string              `json:"prompt_id,omitempty"`
	State      pipeline.TrackState `json:"state"`
	Observed   bool                `json:"observed"`
	Similarity float64             `json:"similarity,omitempty"`
	Level      *int                `json:"level,omitempty"`
	Box        pipeline.Box        `json:"box"`
	Velocity   pipeline.Point      `json:"velocity"`
	FrameSize  [2]int              `json:"frame_size"` // width, height
	FrameSeq   uint64              `json:"frame_seq"`
	CaptureTS  time.Time           `json:"capture_ts"`
	LostFor    float64             `json:"lost_for_s"`
	Reason     pipeline.EndReason  `json:"reason,omitempty"`
	AreaPx     float64             `json:"area_px,omitempty"` // of the mask
	Mask       *mask.RLE           `json:"mask,omitempty"`
	Polygon    [][2]float64        `json:"polygon,omitempty"` // largest outline, simplified
	Zone       string              `json:"zone,omitempty"`    // of an event of a zone
	Line       string              `json:"line,omitempty"`    // of an event of a line
	Speed      *pipeline.Speed     `json:"speed,omitempty"`
	Data       map[string]any      `json:"data,omitempty"`
}

// object is what we remember of a track between its messages.
type object struct {
	id         string
	last       *eventObject // as told
	told       time.Time    // capture time of the last message
	seq        uint64
	scores     float64
	samples    int
	top        float64
	motionless int
	moves      int
	stationary bool
	entered    []string // zones, in the order of entering
	loiters    []string // zones in which it may yet loiter
	speeds     float64  // sum of the speeds, km/h
	speedN     int
	path       []pathPoint
	pathAt     time.Time
}

func newObject(camera string, t *pipeline.Track) *object {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", camera, t.ID)
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	suffix, n := [6]byte{}, h.Sum64()
	for i := range suffix {
		suffix[i] = letters[n%uint64(len(letters))]
		n /= uint64(len(letters))
	}
	return &object{id: fmt.Sprintf("%.6f-%s", unix(t.FirstSeen), suffix)}
}

// observe takes in the track as of one frame and tells whether it began or stopped moving.
func (o *object) observe(t *pipeline.Track, f *pipeline.Frame) (flipped bool) {
	now := f.Captured
	if t.Observed {
		o.scores += t.Score
		o.samples++
		o.top = max(o.top, t.Score)
	}
	flipped = o.rests(t)
	if o.stationary {
		o.motionless++
	}
	if t.Speed != (pipeline.Speed{}) {
		o.speeds += kmh * t.Speed.MPS
		o.speedN++
	}
	if now.Sub(o.pathAt) >= pathEvery && f.Width > 0 && f.Height > 0 {
		if len(o.path) == pathPoints {
			o.path = append(o.path[:0:0], o.path[1:]...)
		}
		x := round4(clamp01((t.Box.X1 + t.Box.X2) / 2 / float64(f.Width)))
		y := round4(clamp01(t.Box.Y2 / float64(f.Height)))
		o.path = append(o.path, pathPoint{x, y, unix(now)})
		o.pathAt = now
	}
	return flipped
}

// rests takes in whether the track is stationary, and tells whether that is new.
func (o *object) rests(t *pipeline.Track) bool {
	if t.Stationary == o.stationary {
		return false
	}
	if o.stationary = t.Stationary; !o.stationary {
		o.motionless = 0
		o.moves++
	}
	return true
}

const kmh = 3.6 // kilometres an hour of a metre a second

// zones takes in what an event says of a zone, and returns those that the track is in now.
func (o *object) zones(e *pipeline.Event, c *pipeline.Counts) []string {
	in := c.ZonesOf(&e.Track)
	for _, z := range in {
		if !slices.Contains(o.entered, z) {
			o.entered = append(o.entered, z)
		}
	}
	switch e.Kind {
	case pipeline.EventZoneEnter:
		if i := slices.IndexFunc(c.Zones, func(z pipeline.ZoneCount) bool { return z.ID == e.Zone && z.Loiter > 0 }); i >= 0 {
			o.loiters = append(o.loiters, e.Zone)
		}
	case pipeline.EventLoitering, pipeline.EventZoneLeave:
		o.loiters = slices.DeleteFunc(o.loiters, func(z string) bool { return z == e.Zone })
	}
	return append([]string{}, in...)
}

// describe makes the payload's object of a track as of event e on frame f.
func (o *object) describe(e *pipeline.Event, r *pipeline.Result) *eventObject {
	t, f := &e.Track, r.Frame
	b := t.Box
	w, h := max(b.W(), 0), max(b.H(), 0)
	ratio := 0.0
	if h > 0 {
		ratio = round4(w / h)
	}
	mean := t.Score
	if o.samples > 0 {
		mean = o.scores / float64(o.samples)
	}
	angle := math.Mod(math.Atan2(-t.Velocity.Y, t.Velocity.X)*180/math.Pi+360, 360)
	if t.Velocity == (pipeline.Point{}) {
		angle = 0
	}
	o.seq++
	current := o.zones(e, r.Counts)
	speed, average := kmh*t.Speed.MPS, 0.0
	if o.speedN > 0 {
		average = o.speeds / float64(o.speedN)
	}
	d := &eventObject{
		ID: o.id, Camera: e.Camera, Label: label(t),
		FrameTime: unix(e.Time), StartTime: unix(t.FirstSeen),
		Score: finite(t.Score), ComputedScore: finite(round4(mean)), TopScore: finite(max(o.top, t.Score)),
		Box:  [4]int{pixel(b.X1), pixel(b.Y1), pixel(b.X2), pixel(b.Y2)},
		Area: pixel(w * h), Ratio: finite(ratio), Region: [4]int{0, 0, f.Width, f.Height},
		CurrentZones: current, EnteredZones: append([]string{}, o.entered...), PendingLoiter: len(o.loiters) > 0,
		CurrentSpeed: finite(round1(speed)), AverageSpeed: finite(round1(average)), Attributes: map[string]float64{}, CurrentAttrs: []struct{}{},
		Active: !o.stationary, Stationary: o.stationary, Motionless: o.motionless, Moves: o.moves,
		VelocityAngle: finite(math.Round(angle)),
		Path:          append([]pathPoint{}, o.path...),
		Ext: eventExt{
			Schema: extSchema, EventID: e.ID, EventSeq: o.seq, Kind: string(e.Kind),
			TrackID: t.ID, PromptID: t.PromptID, State: t.State, Observed: t.Observed, Similarity: finite(t.Similarity),
			Box:       pipeline.Box{X1: finite(b.X1), Y1: finite(b.Y1), X2: finite(b.X2), Y2: finite(b.Y2)},
			Velocity:  pipeline.Point{X: finite(t.Velocity.X), Y: finite(t.Velocity.Y)},
			FrameSize: [2]int{f.Width, f.Height}, FrameSeq: e.Seq, CaptureTS: e.Time.UTC(),
			Reason: e.Reason, Zone: e.Zone, Line: e.Line, Data: e.Data,
		},
	}
	if t.Speed != (pipeline.Speed{}) {
		speed := t.Speed
		d.Ext.Speed = &speed
	}
	if !t.Observed && e.Time.After(t.LastSeen) {
		d.Ext.LostFor = e.Time.Sub(t.LastSeen).Seconds()
	}
	if e.Kind == pipeline.EventEnded {
		end := unix(e.Time)
		d.EndTime = &end
	}
	if t.Observed && t.Segment >= 0 && t.Segment < len(r.Segments) {
		level := r.Segments[t.Segment].Level
		d.Ext.Level = &level
	}
	if t.Mask != nil && !t.Mask.Empty() {
		rle := t.Mask.RLE(f.Width, f.Height)
		d.Ext.Mask = &rle
		d.Ext.AreaPx = t.Mask.PixelArea()
		if ps := t.Mask.Polygons(polygonPoints); len(ps) > 0 {
			for _, q := range ps[0] {
				d.Ext.Polygon = append(d.Ext.Polygon, [2]float64{round1(q[0]), round1(q[1])})
			}
		}
	}
	return d
}

// bare returns d without its outline, which would only be repeated in "before".
func (d *eventObject) bare() *eventObject {
	c := *d
	c.Ext.Mask, c.Ext.Polygon, c.Path = nil, nil, []pathPoint{}
	return &c
}

// message renders and remembers d.
func (o *object) message(kind string, d *eventObject) ([]byte, error) {
	before := o.last
	bare := d.bare()
	if before == nil {
		before = bare
	}
	o.last = bare
	payload, err := json.Marshal(eventMessage{kind, before, d})
	if err == nil && len(payload) > maxEventBytes {
		d.Ext.Mask, d.Ext.Polygon = nil, nil
		payload, err = json.Marshal(eventMessage{kind, before, d})
	}
	return payload, err
}

func label(t *pipeline.Track) string {
	if t.Label == "" {
		return unnamed
	}
	return t.Label
}

func unix(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// finite replaces what JSON cannot say.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func pixel(v float64) int       { return int(math.Round(finite(v))) }
func round1(v float64) float64  { return math.Round(v*10) / 10 }
func round4(v float64) float64  { return math.Round(v*1e4) / 1e4 }
func clamp01(v float64) float64 { return min(max(finite(v), 0), 1) }
