package evalroad

import (
	"context"
	"math"
	"time"

	"outrider/calib"
	"outrider/pipeline"
	"outrider/streams/capture/synth"
	"outrider/tracker/obstacle"
)

// sample is one object in one frame: what is true and what was said.
type sample struct {
	id      uint64 // of the thing
	track   uint64 // that shows it, 0 for none
	t       float64
	flat    bool
	class   synth.Class
	height  float64
	lateral float64

	x, ttc, closing, speed float64 // true, from the bumper
	inPath                 bool    // true
	level                  pipeline.WarningLevel
	cut                    bool // the contact is outside the picture
	road                   bool // it is on the road

	said bool
	got  pipeline.Obstacle
}

// frameNote is what was said of a whole frame.
type frameNote struct {
	t     float64
	pitch float64 // degrees, corrected
	told  bool
}

// Perception turns a drive's frame into tracks and the drivable surface, as the program does.
type Perception interface {
	// Perceive fills the tracks, and what else is known, of a result whose frame shows what
	// truth tells.
	Perceive(ctx context.Context, r *pipeline.Result) error
	Close() error
}

// player runs scenarios through a stage.
type player struct {
	off    obstacle.Ablation
	see    func(s *synth.Scene) (Perception, error) // nil: perfect masks
	pixels []byte
	alarms int // events of level 3 and more
	cost   []time.Duration
}

// egoOf tells the stage how the vehicle moves.
type egoOf struct{ e obstacle.Ego }

func (e *egoOf) Ego(*pipeline.Frame) obstacle.Ego { return e.e }

// stageFor makes the stage that the scenario's camera would have.
func stageFor(s *scenario, off obstacle.Ablation) (*obstacle.Stage, *egoOf, error) {
	c := s.scene.Camera
	cam, err := calib.New(calib.Intrinsics{Width: c.Width, Height: c.Height, FX: c.FX, FY: c.FY, CX: c.CX, CY: c.CY, Model: calib.PlumbBob})
	if err != nil {
		return nil, nil, err
	}
	plane, err := calib.NewPlane(cam, s.mount)
	if err != nil {
		return nil, nil, err
	}
	e := &egoOf{}
	return &obstacle.Stage{Calibration: obstacle.Fixed{Road: plane}, Ego: e, Off: off}, e, nil
}

var epoch = time.Unix(1_700_000_000, 0)

// play runs one scenario and returns its samples and notes.
func (p *player) play(s *scenario) ([]sample, []frameNote, error) {
	stage, ego, err := stageFor(s, p.off)
	if err != nil {
		return nil, nil, err
	}
	c := s.scene.Camera
	if len(p.pixels) != 3*c.Width*c.Height {
		p.pixels = make([]byte, 3*c.Width*c.Height)
	}
	var eyes Perception
	if p.see != nil {
		if eyes, err = p.see(s.scene); err != nil {
			return nil, nil, err
		}
		defer eyes.Close()
	}
	d := drive{player: p, scenario: s, stage: stage, ego: ego, eyes: eyes, seen: map[uint64]int{}}
	d.renderer.Scene = s.scene
	for i := range int(s.seconds * fps) {
		if err := d.frame(i); err != nil {
			return nil, nil, err
		}
	}
	return d.samples, d.notes, nil
}

// drive is a scenario under way.
type drive struct {
	*player
	scenario *scenario
	stage    *obstacle.Stage
	ego      *egoOf
	eyes     Perception
	renderer synth.Renderer
	seen     map[uint64]int
	samples  []sample
	notes    []frameNote
}

// frame runs the i-th frame through the stage.
func (d *drive) frame(i int) error {
	s, c := d.scenario, d.scenario.scene.Camera
	t := float64(i) / fps
	var truth synth.Truth
	if d.eyes != nil {
		truth = d.renderer.Render(t, d.pixels)
	} else {
		truth = d.renderer.Truth(t)
	}
	f, err := pipeline.NewFrame("road", c.Width, c.Height, d.pixels)
	if err != nil {
		return err
	}
	defer f.Release()
	f.Seq, f.Epoch, f.MediaTime = uint64(i+1), 1, time.Duration(t*float64(time.Second))
	f.Captured = epoch.Add(f.MediaTime)
	res := pipeline.NewResult(f)
	defer res.Release()
	d.ego.e = obstacle.Ego{Speed: truth.Speed, HasSpeed: s.ego, HasYaw: s.yaw, YawRate: truth.Speed * s.scene.Drive.Curvature}
	first := len(d.samples)
	if d.eyes != nil {
		if err := d.eyes.Perceive(context.Background(), res); err != nil {
			return err
		}
		for k := range truth.Objects {
			if o := &truth.Objects[k]; o.Visible >= 12 {
				d.samples = append(d.samples, truthOf(s, o, t, truth, meets(res, o)))
			}
		}
	} else {
		d.perfect(res, truth, t)
	}
	begin := time.Now()
	if err := d.stage.Process(context.Background(), res); err != nil {
		return err
	}
	d.cost = append(d.cost, time.Since(begin))
	for k := first; k < len(d.samples); k++ {
		a := &d.samples[k]
		for j := range res.Obstacles {
			if a.track != 0 && res.Obstacles[j].TrackID == a.track {
				a.said, a.got = true, res.Obstacles[j].Clone()
			}
		}
	}
	for j := range res.Events {
		if e := &res.Events[j]; e.Kind == pipeline.EventObstacle && e.Data["level"].(int) >= int(pipeline.LevelWarning) && !real(truth, e.Track.Box) {
			d.alarms++
		}
	}
	n := frameNote{t: t}
	if res.Road.Pitch != nil {
		n.pitch, n.told = *res.Road.Pitch, true
	}
	d.notes = append(d.notes, n)
	return nil
}

// real reports whether something stands where a box is.
func real(truth synth.Truth, b pipeline.Box) bool {
	for i := range truth.Objects {
		if o := &truth.Objects[i]; !o.Class.Flat() && o.Box.Intersect(b).Area() > .3*math.Min(b.Area(), o.Box.Area()) {
			return true
		}
	}
	return false
}

// meets is the track that shows an object, 0 for none.
func meets(r *pipeline.Result, o *synth.Object) uint64 {
	best, id := .3, uint64(0)
	for i := range r.Tracks {
		if iou := r.Tracks[i].Box.IoU(o.Box); iou > best {
			best, id = iou, r.Tracks[i].ID
		}
	}
	return id
}

// perfect fills a result with the truth, after the frames that a tracker takes to confirm.
func (d *drive) perfect(res *pipeline.Result, truth synth.Truth, t float64) {
	s, f := d.scenario, res.Frame
	res.Drivable = d.renderer.Ground(4)
	for k := range truth.Objects {
		o := &truth.Objects[k]
		if o.Visible < 12 {
			d.seen[o.ID] = 0
			continue
		}
		if d.seen[o.ID]++; d.seen[o.ID] < 3 {
			continue
		}
		id := trackID(s, o.ID, t)
		res.Tracks = append(res.Tracks, pipeline.Track{
			ID: id, Box: o.Box, Mask: o.Mask, State: pipeline.Confirmed, Observed: true, Score: 1, Segment: -1,
			Epoch: 1, FirstSeen: f.Captured, LastSeen: f.Captured,
		})
		d.samples = append(d.samples, truthOf(s, o, t, truth, id))
	}
	sortTracks(res.Tracks)
}

// trackID is the tracker's id: that of the thing, or a new one every 1.3 s.
func trackID(s *scenario, id uint64, t float64) uint64 {
	id <<= 8
	if s.switchy {
		id |= uint64(t / 1.3)
	}
	return id
}

func sortTracks(ts []pipeline.Track) {
	for i := 1; i < len(ts); i++ {
		for j := i; j > 0 && ts[j].ID < ts[j-1].ID; j-- {
			ts[j], ts[j-1] = ts[j-1], ts[j]
		}
	}
}

// halfPath is half the way's width: a vehicle of 1.9 m and 0.3 m to either side.
const halfPath = 1.9/2 + 0.3

// truthOf is what is true of an object.
func truthOf(s *scenario, o *synth.Object, t float64, truth synth.Truth, track uint64) sample {
	d := s.scene.Drive
	x := o.Distance + truth.Camera.FrontM
	way := d.Curvature * x * x / 2
	a := sample{
		id: o.ID, track: track, t: t, flat: o.Class.Flat(), class: o.Class, height: o.Height, lateral: o.Lateral,
		x: o.Distance, ttc: o.TTC, closing: o.Closing, speed: truth.Speed,
		inPath: math.Abs(o.Lateral-way) < halfPath+o.Width/2,
		road:   math.Abs(o.Lateral-way) < 4,
		cut:    math.Max(o.Contact[0].Y, o.Contact[1].Y) >= float64(truth.Camera.Height)-1,
	}
	if !a.flat && a.inPath && a.height >= .1 {
		a.level = obstacle.Grade(obstacle.Situation{Distance: math.Max(0, a.x), Closing: a.closing, TTC: a.ttc, Ego: truth.Speed, Static: o.Static}, 1)
	}
	return a
}
