package mqtt

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"outrider/pipeline"
)

// settleTime is how long changes of states are gathered before they are told.
const settleTime = 200 * time.Millisecond

// maxPicture bounds a picture: the embedded broker takes 1 MiB.
const maxPicture = 900 << 10

// view is what we know of a camera, and what we have told. Guarded by Publisher.mu.
type view struct {
	objects map[uint64]*object // tracks that were told of and have not ended
	names   map[string]string  // label -> topic label
	counts  map[string]int     // topic label -> live tracks now; those at 0 stay
	scratch map[string]int
	places  *pipeline.Counts // zones and lines, nil for none
	asleep  bool             // stopped: nobody is in its zones

	review   *review           // that is open, nil for none
	pictures map[string][]byte // topic -> newest JPEG, never changed

	road    bool                  // somebody watches the road of this camera
	level   pipeline.WarningLevel // of its most urgent obstacle
	roadAt  time.Time             // capture time of the last list of obstacles that was told
	roadHad bool                  // that list was not empty

	told       map[string]string // topic -> retained payload at the broker
	shown      map[string]*byte  // topic -> picture at the broker
	announced  bool              // the last discovery message still holds
	sign       string            // the zones and lines in it
	labels     int               // and the number of labels
	components map[string]string // and its entities' platforms, on any connection

	calibration string // state of the calibration, as last told
}

// view returns a camera's view, made when new. Call it with mu held.
func (p *Publisher) view(camera string) *view {
	v := p.views[camera]
	if v == nil {
		v = &view{
			objects: map[uint64]*object{}, names: map[string]string{},
			counts: map[string]int{"all": 0}, scratch: map[string]int{},
			told: map[string]string{}, pictures: map[string][]byte{}, shown: map[string]*byte{},
		}
		p.views[camera] = v
	}
	return v
}

// topicLabel is topicLabel remembered; "" when the camera has too many labels already.
func (v *view) topicLabel(label string) string {
	s, ok := v.names[label]
	if !ok {
		if len(v.names) >= maxLabels {
			return ""
		}
		s = topicLabel(label)
		v.names[label] = s
	}
	return s
}

// count takes the number of live tracks of each label from a frame.
func (p *Publisher) count(r *pipeline.Result) {
	p.mu.Lock()
	v := p.view(r.Frame.Camera)
	changed := v.places != r.Counts || v.asleep
	v.places, v.asleep = r.Counts, false
	clear(v.scratch)
	for i := range r.Tracks {
		t := &r.Tracks[i]
		if t.State != pipeline.Confirmed || t.Stuff {
			continue
		}
		v.scratch["all"]++
		if s := v.topicLabel(label(t)); s != "" {
			v.scratch[s]++
		}
	}
	for s := range v.counts {
		if n := v.scratch[s]; n != v.counts[s] {
			v.counts[s], changed = n, true
		}
	}
	for s, n := range v.scratch {
		if _, ok := v.counts[s]; !ok {
			v.counts[s], changed = n, true
		}
	}
	changed = v.watchRoad(r) || changed
	list := v.obstacleList(r)
	p.mu.Unlock()
	if list != nil {
		p.send(p.topics.obstacle(r.Frame.Camera), 0, list)
	}
	if changed {
		p.changed()
	}
}

// obstacleEvery is the shortest time between two lists of obstacles of a camera.
const obstacleEvery = 200 * time.Millisecond

// watchRoad takes the warning level of a frame and reports whether it is news.
func (v *view) watchRoad(r *pipeline.Result) bool {
	if r.Road.Status == "" {
		return false
	}
	level := pipeline.LevelNone
	for i := range r.Obstacles {
		level = max(level, r.Obstacles[i].Level)
	}
	news := !v.road || level != v.level
	if !v.road {
		v.road, v.announced = true, false
	}
	v.level = level
	return news
}

// roadMessage is the payload of <prefix>/<camera>/obstacle.
type roadMessage struct {
	Time        float64             `json:"time"` // Unix seconds
	Calibration pipeline.RoadStatus `json:"calibration"`
	Speed       *float64            `json:"ego_mps"`
	Obstacles   []pipeline.Obstacle `json:"obstacles"` // level 1 and more, most urgent first
}

// obstacleList is what is to be told of the obstacles now, nil for nothing: at most five times
// a second, and once more when there is none left.
func (v *view) obstacleList(r *pipeline.Result) []byte {
	now := r.Frame.Captured
	if since := now.Sub(v.roadAt); !v.road || since >= 0 && since < obstacleEvery {
		return nil
	}
	m := roadMessage{Time: float64(now.UnixMilli()) / 1000, Calibration: r.Road.Status, Speed: r.Road.Speed, Obstacles: []pipeline.Obstacle{}}
	for i := range r.Obstacles {
		if r.Obstacles[i].Level > pipeline.LevelNone {
			m.Obstacles = append(m.Obstacles, r.Obstacles[i])
		}
	}
	if len(m.Obstacles) == 0 && !v.roadHad {
		return nil
	}
	v.roadAt, v.roadHad = now, len(m.Obstacles) > 0
	b, err := json.Marshal(m)
	if err != nil {
		return nil // a number that is none: the stage gives no such
	}
	return b
}

// CameraStatus takes in a change of a camera's state. It never blocks.
func (p *Publisher) CameraStatus(s pipeline.CameraStatus) {
	var ends []pipeline.OutboxMessage
	p.mu.Lock()
	v := p.view(s.Name)
	if s.State == pipeline.CameraStopped || s.State == pipeline.CameraEnded {
		ends = p.endAll(v)
		if v.review != nil {
			ends = p.endReview(ends, v, time.Now())
		}
		for l := range v.counts {
			v.counts[l] = 0
		}
		v.level = pipeline.LevelNone
		v.asleep = true
	}
	p.mu.Unlock()
	if len(ends) > 0 {
		p.put(ends)
	}
	p.changed()
}

func (p *Publisher) changed() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// forgetTold makes the next tellStates tell everything: this may be another broker, or one
// that has lost its memory.
func (p *Publisher) forgetTold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.announced = false
	clear(p.zonesTold)
	for _, v := range p.views {
		clear(v.told)
		clear(v.shown)
		v.announced = false
	}
}

func (p *Publisher) forgetAnnouncements() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.announced = false
	for _, v := range p.views {
		v.announced = false
	}
}

// retained is a message of tellStates.
type retained struct {
	topic   string
	payload []byte
}

// tellStates publishes what differs from what the broker holds: availability, state and
// counts of each camera, and empties what belonged to cameras that are gone. With refresh
// the numbers in the states (fps, latency) are told even when the state is the same.
func (p *Publisher) tellStates(c *connection, refresh bool) {
	names := p.Directory.Cameras()
	status := make(map[string]pipeline.CameraStatus, len(names))
	for _, n := range names {
		if s, err := p.Directory.Status(n); err == nil {
			status[n] = s
		}
	}
	var out []retained
	p.mu.Lock()
	if p.HomeAssistant {
		out = p.announceService(out)
	}
	for n, s := range status {
		out = p.describeCamera(out, p.view(n), s, refresh)
	}
	for n, v := range p.views {
		if _, ok := status[n]; !ok {
			out = p.forgetCamera(out, n, v)
		}
	}
	out = p.describeZones(out, status)
	p.mu.Unlock()
	for _, m := range out {
		// Not awaited: QoS 1 keeps their order, and a broken connection tells all anew.
		c.publish(m.topic, 1, true, m.payload)
	}
}

func (p *Publisher) describeCamera(out []retained, v *view, s pipeline.CameraStatus, refresh bool) []retained {
	tell := func(topic string, payload []byte) {
		if old, ok := v.told[topic]; !ok || old != string(payload) {
			v.told[topic] = string(payload)
			out = append(out, retained{topic, payload})
		}
	}
	if sign := placeSign(v.places); p.HomeAssistant && (!v.announced || v.labels != len(v.counts) || v.sign != sign) {
		v.announced, v.labels, v.sign = true, len(v.counts), sign
		out = p.announceDevice(out, v, s.Name)
	}
	detect := payloadOffline
	if s.State == pipeline.CameraStreaming {
		detect = payloadOnline
	}
	was, known := v.told[p.topics.detect(s.Name)]
	tell(p.topics.detect(s.Name), []byte(detect))
	calibration := ""
	if s.Calibration != nil {
		calibration = s.Calibration.Status
	}
	if refresh || !known || was != detect || v.calibration != calibration {
		v.calibration = calibration
		if b, err := json.Marshal(s); err == nil {
			tell(p.topics.state(s.Name), b)
		}
	}
	for _, l := range slices.Sorted(maps.Keys(v.counts)) {
		tell(p.topics.camera(s.Name, l), []byte(strconv.Itoa(v.counts[l])))
	}
	if v.road {
		tell(p.topics.obstacleLevel(s.Name), []byte(v.level.String()))
	}
	tell(p.topics.reviewStatus(s.Name), []byte(v.reviewStatus()))
	if p.Switches != nil {
		for _, n := range switchNames {
			tell(p.topics.switchState(s.Name, n), []byte(onOff(p.Switches.Switched(s.Name, n))))
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(v.pictures)) {
		if jpeg := v.pictures[topic]; v.shown[topic] != &jpeg[0] {
			v.shown[topic] = &jpeg[0]
			out = append(out, retained{topic, jpeg})
			v.told[topic] = "" // so that it is emptied with the camera
		}
	}
	return p.describeLines(out, v, s.Name)
}

// Picture takes the best picture so far of an object, a JPEG that is not changed any more: it
// is told as the newest of its label, and of its camera. It never blocks; pictures too large
// for a broker are left out.
func (p *Publisher) Picture(camera, label string, jpeg []byte) {
	if len(jpeg) == 0 || len(jpeg) > maxPicture {
		return
	}
	p.mu.Lock()
	v := p.views[camera]
	if v != nil { // else it says nothing of a camera that is gone, or not there yet
		if label == "" {
			label = unnamed
		}
		if s := v.topicLabel(label); s != "" {
			v.pictures[p.topics.snapshot(camera, s)] = jpeg
		}
		v.pictures[p.topics.snapshot(camera, "all")] = jpeg
	}
	p.mu.Unlock()
	p.changed()
}

// forgetCamera empties the retained messages of a camera that is gone.
func (p *Publisher) forgetCamera(out []retained, name string, v *view) []retained {
	if len(v.objects) > 0 {
		return out // its end is still on the way
	}
	for _, t := range slices.Sorted(maps.Keys(v.told)) {
		out = append(out, retained{t, nil})
	}
	delete(p.views, name)
	return out
}

// serviceStats is the payload of <prefix>/stats.
type serviceStats struct {
	Service struct {
		Version string  `json:"version"`
		Uptime  float64 `json:"uptime"` // seconds
		Time    float64 `json:"time"`   // Unix seconds
	} `json:"service"`
	MQTT    Counters               `json:"mqtt"`
	Cameras map[string]cameraStats `json:"cameras"`
}

// cameraStats has Frigate's names for the rates, and the camera's state as we know it.
type cameraStats struct {
	CameraFPS  float64 `json:"camera_fps"`
	ProcessFPS float64 `json:"process_fps"`
	SkippedFPS float64 `json:"skipped_fps"`
	pipeline.CameraStatus
}

func (p *Publisher) stats() []byte {
	var s serviceStats
	now := time.Now()
	s.Service.Version, s.Service.Uptime, s.Service.Time = p.Version, round1(now.Sub(p.started).Seconds()), unix(now)
	s.MQTT = p.Counters()
	s.Cameras = map[string]cameraStats{}
	for _, n := range p.Directory.Cameras() {
		if c, err := p.Directory.Status(n); err == nil {
			s.Cameras[n] = cameraStats{c.CaptureFPS, c.FPS, max(0, round1(c.CaptureFPS-c.FPS)), c}
		}
	}
	b, err := json.Marshal(s)
	if err != nil { // no field can hold what JSON cannot say
		p.Log.Error("mqtt: render stats", "error", err)
	}
	return b
}
