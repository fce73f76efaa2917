package road

import (
	"encoding/json"
	"fmt"
	"math"

	"outrider/calib"
)

// sample is one good reading.
type sample struct {
	pitch, yaw         float64 // of the direction of motion
	lanePitch, laneYaw float64
	laneWidth          float64 // camera heights, 0 when not seen
	height             float64 // metres, 0 when not known
	dt                 float64
	hasLanes           bool
}

// The shape of openpilot's calibrationd: blocks, valid after five, the newest fifty count, and
// what a camera behind a windscreen can be.
const (
	blockSamples = 20
	blockSeconds = 1.5
	needBlocks   = 5
	keepBlocks   = 50
	minPitch     = -0.0907
	maxPitch     = 0.149
	maxYaw       = 0.069
	maxSpread    = 0.6 * math.Pi / 180 // of the blocks
	movedBy      = 1.0 * math.Pi / 180 // blocks in a row that far off: the camera was moved
	movedBlocks  = 3
)

// value is a block's median of one thing; a block without it has N 0.
type value struct {
	V float64 `json:"v"`
	N int     `json:"n"`
}

// block is the medians of some seconds of driving.
type block struct {
	Pitch     value `json:"pitch"` // radians; of the motion
	Yaw       value `json:"yaw"`
	LanePitch value `json:"lane_pitch"`
	LaneYaw   value `json:"lane_yaw"`
	LaneWidth value `json:"lane_width"` // camera heights
	Height    value `json:"height"`     // metres
}

type blocks struct {
	done    []block
	samples []sample
	seconds float64
	sort    []float64
	moved   bool
}

func (b *blocks) add(s sample) {
	b.samples = append(b.samples, s)
	b.seconds += s.dt
	if len(b.samples) < blockSamples || b.seconds < blockSeconds {
		return
	}
	b.done = append(b.done, b.close())
	if len(b.done) > keepBlocks {
		b.done = append(b.done[:0], b.done[1:]...)
	}
	b.samples, b.seconds = b.samples[:0], 0
	b.watch()
}

// close is the block of the samples so far.
func (b *blocks) close() block {
	of := func(get func(*sample) (float64, bool)) value {
		b.sort = b.sort[:0]
		for i := range b.samples {
			if v, ok := get(&b.samples[i]); ok {
				b.sort = append(b.sort, v)
			}
		}
		if len(b.sort) < blockSamples/4 {
			return value{}
		}
		return value{V: median(b.sort), N: len(b.sort)}
	}
	return block{
		Pitch:     of(func(s *sample) (float64, bool) { return s.pitch, true }),
		Yaw:       of(func(s *sample) (float64, bool) { return s.yaw, true }),
		LanePitch: of(func(s *sample) (float64, bool) { return s.lanePitch, s.hasLanes }),
		LaneYaw:   of(func(s *sample) (float64, bool) { return s.laneYaw, s.hasLanes }),
		LaneWidth: of(func(s *sample) (float64, bool) { return s.laneWidth, s.laneWidth > 0 }),
		Height:    of(func(s *sample) (float64, bool) { return s.height, s.height > 0 }),
	}
}

// watch forgets the blocks before the camera was moved.
func (b *blocks) watch() {
	n := len(b.done) - movedBlocks
	if n < movedBlocks {
		return
	}
	pitch, yaw := mean(b.done[:n], func(k *block) value { return k.Pitch }), mean(b.done[:n], func(k *block) value { return k.Yaw })
	for _, k := range b.done[n:] {
		if math.Abs(k.Pitch.V-pitch.mean) < movedBy && math.Abs(k.Yaw.V-yaw.mean) < movedBy {
			return
		}
	}
	b.done = append(b.done[:0], b.done[n:]...)
	b.moved = true
}

// pitchYaw is what is known so far, for the next fit; ok is false when nothing is.
func (b *blocks) pitchYaw() (c [2]float64, ok bool) {
	if len(b.done) > 0 {
		return [2]float64{mean(b.done, func(k *block) value { return k.Pitch }).mean, mean(b.done, func(k *block) value { return k.Yaw }).mean}, true
	}
	if len(b.samples) < 5 {
		return c, false
	}
	for k := range c {
		b.sort = b.sort[:0]
		for i := range b.samples {
			b.sort = append(b.sort, [2]float64{b.samples[i].pitch, b.samples[i].yaw}[k])
		}
		c[k] = median(b.sort)
	}
	return c, true
}

// stat is the mean of blocks, their standard deviation, and the mean's.
type stat struct {
	mean, spread, sigma float64
	n                   int
}

func mean(b []block, get func(*block) value) (s stat) {
	for i := range b {
		if v := get(&b[i]); v.N > 0 {
			s.n++
			s.mean += v.V
		}
	}
	if s.n == 0 {
		return s
	}
	s.mean /= float64(s.n)
	for i := range b {
		if v := get(&b[i]); v.N > 0 {
			s.spread += (v.V - s.mean) * (v.V - s.mean)
		}
	}
	s.spread = math.Sqrt(s.spread / math.Max(1, float64(s.n-1)))
	s.sigma = s.spread / math.Sqrt(float64(s.n))
	return s
}

// fuse is the mean of what motion and lines say of the same thing, weighed by their variance with a
// floor for what each gets wrong in every block alike; where they disagree by more than they admit the
// variance grows by the ratio (Birge). What was seen in fewer than half the blocks does not count.
func fuse(blocks int, motion, lines stat) stat {
	s := motion
	if s.n == 0 {
		return s
	}
	wm := 1 / (motion.sigma*motion.sigma + motionFloor*motionFloor)
	s.sigma = 1 / math.Sqrt(wm)
	if 2*lines.n < blocks {
		return s
	}
	wl := 1 / (lines.sigma*lines.sigma + linesFloor*linesFloor)
	s.mean = (wm*motion.mean + wl*lines.mean) / (wm + wl)
	d := motion.mean - lines.mean
	s.sigma = math.Sqrt(math.Max(1, d*d*wm*wl/(wm+wl)) / (wm + wl))
	return s
}

// The errors (radians) that every block of a source may share: the vehicle on its springs; the
// blur of far lines, kerbs that are not quite parallel.
const (
	motionFloor = 0.05 * math.Pi / 180
	linesFloor  = 0.25 * math.Pi / 180
	// heightFloor is the share of the height that the blocks get wrong alike: most where a narrow
	// view shows the road only from ten metres on.
	heightFloor = 0.03
)

// State is what is known of the mount. Angles are degrees, with the signs of package calib.
type State struct {
	Status   calib.Status `json:"status"`
	Reason   string       `json:"reason,omitempty"` // why it is not CALIBRATED
	PitchDeg float64      `json:"pitch_deg"`
	YawDeg   float64      `json:"yaw_deg"`
	PitchSD  float64      `json:"pitch_sd_deg"` // standard deviation of the value given
	YawSD    float64      `json:"yaw_sd_deg"`
	Spread   float64      `json:"spread_deg"` // standard deviation of a block: the greater of pitch's and yaw's
	Height   float64      `json:"height_m"`
	HeightSD float64      `json:"height_sd_m"`
	// HeightFrom says what the height comes from: speed, lane or given.
	HeightFrom string `json:"height_from"`
	Blocks     int    `json:"blocks"`
	Need       int    `json:"need"` // blocks before it is CALIBRATED
}

// State returns what is known by now.
func (e *Estimator) State() State {
	b := e.blocks.done
	pitch := fuse(len(b), mean(b, func(k *block) value { return k.Pitch }), mean(b, func(k *block) value { return k.LanePitch }))
	yaw := fuse(len(b), mean(b, func(k *block) value { return k.Yaw }), mean(b, func(k *block) value { return k.LaneYaw }))
	const degree = math.Pi / 180
	s := State{
		Status: calib.Uncalibrated, Blocks: len(b), Need: needBlocks,
		PitchDeg: pitch.mean / degree, YawDeg: yaw.mean / degree, PitchSD: pitch.sigma / degree, YawSD: yaw.sigma / degree,
		Spread: math.Max(pitch.spread, yaw.spread) / degree,
		Height: e.Height, HeightSD: 0.05 * e.Height, HeightFrom: "given",
	}
	height, width := mean(b, func(k *block) value { return k.Height }), mean(b, func(k *block) value { return k.LaneWidth })
	switch {
	case 2*height.n >= len(b) && height.n >= needBlocks/2:
		s.Height, s.HeightSD, s.HeightFrom = height.mean, math.Hypot(height.sigma, heightFloor*height.mean), "speed"
	case e.LaneWidth > 0 && 2*width.n >= len(b) && width.n >= needBlocks/2:
		s.Height = e.LaneWidth / width.mean
		s.HeightSD, s.HeightFrom = s.Height*math.Hypot(width.sigma/width.mean, 0.04), "lane"
	}
	switch {
	case e.invalid != nil:
		s.Status, s.Reason = calib.Invalid, e.invalid.Error()
	case len(b) < needBlocks:
		s.Reason = fmt.Sprintf("%d of %d blocks of straight driving", len(b), needBlocks)
		if e.blocks.moved {
			s.Reason += "; the camera was moved, so it learns anew"
		}
	case pitch.mean < minPitch || pitch.mean > maxPitch || math.Abs(yaw.mean) > maxYaw:
		s.Status = calib.Invalid
		s.Reason = fmt.Sprintf("pitch %.1f, yaw %.1f degrees are beyond what a road camera can be (%.1f to %.1f, +-%.1f): is the lens calibration this camera's, and does it look ahead?",
			s.PitchDeg, s.YawDeg, minPitch/degree, maxPitch/degree, maxYaw/degree)
	case math.Max(pitch.spread, yaw.spread) > maxSpread:
		s.Status = calib.Invalid
		s.Reason = fmt.Sprintf("the readings scatter by %.2f degrees: is the camera fixed?", s.Spread)
	case s.Height < 0.3 || s.Height > 5:
		s.Status = calib.Invalid
		s.Reason = fmt.Sprintf("a height of %.2f m is not a road camera's: check the speed and the height given", s.Height)
	default:
		s.Status = calib.Calibrated
	}
	return s
}

// Mount is the state as a mount, with roll and front as given; ok is false unless CALIBRATED.
func (s State) Mount(roll, front float64) (m calib.Mount, ok bool) {
	const degree = math.Pi / 180
	m = calib.Mount{
		Height: s.Height, Pitch: s.PitchDeg * degree, Yaw: s.YawDeg * degree, Roll: roll, Front: front,
		Spread: calib.Spread{Height: s.HeightSD, Pitch: s.PitchSD * degree, Yaw: s.YawSD * degree},
	}
	return m, s.Status == calib.Calibrated && m.Validate() == nil
}

// saved is the persistent part of an Estimator.
type saved struct {
	Version int        `json:"version"`
	Size    [2]int     `json:"size"` // and focal length: another camera's blocks are not taken up
	Focal   [2]float64 `json:"focal"`
	Blocks  []block    `json:"blocks"`
}

// Save returns the blocks as JSON, for Restore.
func (e *Estimator) Save() ([]byte, error) {
	in := e.Camera.Intrinsics()
	return json.Marshal(saved{Version: 1, Size: [2]int{in.Width, in.Height}, Focal: [2]float64{in.FX, in.FY}, Blocks: e.blocks.done})
}

// Restore takes up blocks that were saved; it refuses those of another camera model and those
// that are broken, and then changes nothing.
func (e *Estimator) Restore(data []byte) error {
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("restore road calibration: %w", err)
	}
	in := e.Camera.Intrinsics()
	if s.Version != 1 || s.Size != [2]int{in.Width, in.Height} || s.Focal != [2]float64{in.FX, in.FY} {
		return fmt.Errorf("restore road calibration: it is of another camera model; it will be learnt anew")
	}
	if len(s.Blocks) > keepBlocks {
		return fmt.Errorf("restore road calibration: %d blocks, at most %d", len(s.Blocks), keepBlocks)
	}
	for i := range s.Blocks {
		k := &s.Blocks[i]
		for _, v := range [6]value{k.Pitch, k.Yaw, k.LanePitch, k.LaneYaw, k.LaneWidth, k.Height} {
			if v.N < 0 || math.Abs(v.V) > 10 {
				return fmt.Errorf("restore road calibration: block %d holds %v", i+1, v.V)
			}
		}
	}
	e.blocks = blocks{done: s.Blocks}
	return nil
}
