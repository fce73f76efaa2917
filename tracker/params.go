package tracker

// Params tune a Core. A field left zero takes the default named beside it. The defaults were
// chosen on MOT17, DanceTrack, KITTI and MOT15 together (mean HOTA), one set of values for
// all; Tracker has others for the scores of segment-everything models.
type Params struct {
	High    float64 // detections above are associated first, 0.6
	Low     float64 // detections below are ignored, 0.1
	Init    float64 // detections above may start a track, 0.7
	Instant float64 // detections from here on start a confirmed track at once, 0.9; above 1 for never

	MinHits int     // observations until a track is confirmed, 2
	TTL     float64 // seconds a lost track is kept, 3
	LeftTTL float64 // the same for one that was leaving the frame, 0.3

	// Pinned tracks, those that a user pointed at.
	PinnedTTL float64 // 10

	// Stationary tracks that were seen for at least StationaryAge seconds without moving are
	// kept for StationaryTTL: what stands in front of a parked car goes away again.
	StationaryAge float64 // 5
	StationaryTTL float64 // 0 for TTL

	LostAfter float64 // a confirmed track is called lost after two misses and so many seconds, 0.2

	// Costs. A pair's cost is 1 - overlap plus the terms below.
	Match       float64 // highest cost with detections above High, 0.9
	MatchLow    float64 // highest cost with detections below, 0.5
	Recover     float64 // least IoU with the last observed box, 0.3
	Gate        float64 // least IoU of any pair, 0.1
	Angle       float64 // weight of the direction of motion, 0.05
	Confidence  float64 // weight of the change of score, 0.1; negative for none
	Suppress    float64 // a new track must overlap live ones less than this: box IoU 0.55, mask IoU 0.7
	Width       float64 // frame size in pixels, to know what leaves; 0 for unknown
	Height      float64
	MaxTracks   int // 10000
	maskOverlap float64
}

func or[T int | float64](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// withDefaults fills the zero fields.
func (p Params) withDefaults() Params {
	or(&p.High, 0.6)
	or(&p.Low, 0.1)
	or(&p.Init, 0.7)
	or(&p.Instant, 0.9)
	or(&p.MinHits, 2)
	or(&p.TTL, 3)
	or(&p.LeftTTL, 0.3)
	or(&p.PinnedTTL, 10)
	or(&p.StationaryAge, 5)
	or(&p.StationaryTTL, p.TTL)
	or(&p.LostAfter, 0.2)
	or(&p.Match, 0.9)
	or(&p.MatchLow, 0.5)
	or(&p.Recover, 0.3)
	or(&p.Gate, 0.1)
	or(&p.Angle, 0.05)
	or(&p.Confidence, 0.1)
	or(&p.Suppress, 0.55)
	or(&p.MaxTracks, 10000)
	p.Confidence = max(p.Confidence, 0)
	p.maskOverlap = 0.7
	return p
}
