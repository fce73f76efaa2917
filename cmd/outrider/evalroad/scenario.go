package evalroad

import (
	"fmt"
	"math"
	"math/rand/v2"

	"outrider/calib"
	"outrider/streams/capture/synth"
)

// scenario is one scripted drive and what the system under test is told of it.
type scenario struct {
	group   string
	name    string
	scene   *synth.Scene
	seconds float64
	mount   calib.Mount // what is told of the camera; the truth is in scene
	ego     bool        // the speed is told
	yaw     bool        // the yaw rate is told
	switchy bool        // ids change on the way
	radius  float64     // of the curve, 0 for straight
}

// The groups of scenarios.
const (
	groupKnown    = "known"    // approaches to still and moving things, the camera is known exactly
	groupOnline   = "online"   // pitch offset unknown, swaying camera
	groupNegative = "negative" // nothing on the road but paint, patches and shadows
	groupCurve    = "curve"    // things in and beside the way, on curves
	groupBlind    = "blind"    // up to and beyond the end of the picture
	groupSwitch   = "switch"   // approaches with id switches
	groupPitch    = "pitch"    // a minute of driving with an unknown pitch
	groupHarsh    = "harsh"    // wrong height, roll, grade changes
	groupRecall   = "recall"   // things on the way at 50 km/h
)

const (
	fps    = 20.0
	degree = math.Pi / 180
)

// maker draws scenarios from a seed.
type maker struct {
	rng  *rand.Rand
	seed uint64
	list []scenario
	w, h int
}

func (m *maker) pick(v ...float64) float64    { return v[m.rng.IntN(len(v))] }
func (m *maker) between(a, b float64) float64 { return a + (b-a)*m.rng.Float64() }
func (m *maker) focal(v float64) float64      { return v * float64(m.w) / 1280 }

// camera is a random dashcam of focal length f (as of a picture 1280 wide).
func (m *maker) camera(f float64) synth.Camera {
	f = m.focal(f)
	return synth.Camera{
		Width: m.w, Height: m.h, FX: f, FY: f, CX: float64(m.w) / 2, CY: float64(m.h) / 2,
		HeightM: m.between(1.2, 1.6), Pitch: m.between(0, 4) * degree, FrontM: m.between(1.2, 2),
	}
}

// told is what an exact calibration says of the camera.
func told(c synth.Camera) calib.Mount {
	return calib.Mount{Height: c.HeightM, Pitch: c.Pitch, Roll: c.Roll, Yaw: c.Yaw, Front: c.FrontM}
}

func (m *maker) add(s scenario) {
	s.name = fmt.Sprintf("%s-%d", s.group, len(m.list))
	s.scene.Seed = m.seed + uint64(len(m.list))
	m.list = append(m.list, s)
}

// thing is a box of that height on the lane.
func (m *maker) thing(at, height float64) synth.Thing {
	return synth.Thing{
		Class: synth.Debris, Length: m.between(.3, 1), Width: m.between(.4, 1.2), Height: height,
		Way: synth.Still(at), Offset: synth.Still(m.between(-.5, .5)),
	}
}

func (m *maker) car(way func(float64) (float64, float64)) synth.Thing {
	return synth.Thing{Class: synth.Car, Length: 4.3, Width: 1.8, Height: 1.45, Way: way, Offset: synth.Still(m.between(-.2, .2))}
}

var heights = []float64{.1, .2, .5, 1.5}

// known: the camera's plane is exact.
func (m *maker) known(n int) {
	for i := range n {
		cam := m.camera(m.pick(600, 1000, 1400))
		if i%5 == 4 {
			cam.Roll = m.between(-2, 2) * degree
		}
		d := &synth.Drive{Bare: true}
		s := scenario{group: groupKnown, ego: i%3 != 0}
		switch i % 4 {
		case 0, 1, 2: // a still thing; closing at 2 to 35 m/s
			v := m.pick(2, 5, 10, 15, 20, 28, 35)
			gap := math.Min(80, 6*v)
			d.Way = synth.Steady(0, v)
			d.Things = []synth.Thing{m.thing(gap, heights[m.rng.IntN(len(heights))])}
			s.seconds = (gap - cam.FrontM - 1) / v
		case 3: // the vehicle ahead brakes
			v := m.pick(14, 22, 30)
			decel := m.pick(3, 6)
			gap := m.between(1.2, 2.0) * v
			d.Way = synth.Steady(0, v)
			d.Things = []synth.Thing{m.car(synth.Braking(gap, v, decel, 1))}
			s.seconds = 1 + math.Sqrt(2*gap/decel)
		}
		s.seconds = math.Min(s.seconds, 8)
		s.scene, s.mount = &synth.Scene{Camera: cam, Drive: d}, told(cam)
		m.add(s)
	}
}

// sway is swaying of standard deviation sigma at 1 to 2 Hz, and a brake dive of that angle at
// time at.
func (m *maker) sway(sigma, dive, at float64) func(float64) float64 {
	f1, f2 := m.between(1, 2), m.between(1, 2)
	p1, p2 := m.between(0, 7), m.between(0, 7)
	return func(t float64) float64 {
		a := sigma * (math.Sin(2*math.Pi*f1*t+p1) + math.Sin(2*math.Pi*f2*t+p2))
		if t > at {
			a += dive * math.Min(1, (t-at)/.3)
		}
		return a
	}
}

// warmUp is how long the stage drives before a scenario with an unknown pitch counts, seconds.
const warmUp = 10.0

// online: a pitch that nobody knows, and a camera that sways.
func (m *maker) online(n int) {
	for i := range n {
		cam := m.camera(m.pick(800, 1000, 1200))
		s := scenario{group: groupOnline, ego: true, mount: told(cam)}
		s.mount.Pitch += m.between(-1, 1) * degree
		s.mount.Spread.Pitch = .6 * degree
		v := m.pick(8, 14, 20)
		d := &synth.Drive{Way: synth.Steady(0, v)}
		dive, at := 0., 0.
		if i%4 == 3 {
			dive, at = .5*degree, warmUp+5
		}
		d.Sway = m.sway(.3*degree, dive, at)
		s.seconds = warmUp + 10
		// Traffic to learn from, as on any road, and things on the way.
		for k := range 6 {
			d.Things = append(d.Things, m.beside(float64(20+45*k), v*m.between(-.3, .6)))
		}
		for x := 45.0; x < v*s.seconds+50; x += 40 {
			d.Things = append(d.Things, m.thing(x, m.pick(.2, .5, 1.5)))
		}
		s.scene = &synth.Scene{Camera: cam, Drive: d}
		m.add(s)
	}
}

// beside is a car on the next lane.
func (m *maker) beside(at, v float64) synth.Thing {
	c := m.car(synth.Steady(at, v))
	c.Offset = synth.Still(3.5)
	return c
}

// pitch: a minute of straight driving with an unknown pitch.
func (m *maker) pitch(n int) {
	for range n {
		cam := m.camera(1000)
		s := scenario{group: groupPitch, ego: true, mount: told(cam), seconds: 60}
		s.mount.Pitch += m.pick(-1, 1) * m.between(.3, 1) * degree
		s.mount.Spread.Pitch = .6 * degree
		v := 14.0
		d := &synth.Drive{Way: synth.Steady(0, v), Sway: m.sway(.1*degree, 0, 1e9)}
		for x := 30.0; x < v*60+60; x += 25 {
			d.Things = append(d.Things, m.beside(x, 0))
		}
		s.scene = &synth.Scene{Camera: cam, Drive: d}
		m.add(s)
	}
}

// negative: a road with nothing on it that stands.
func (m *maker) negative(n int, seconds float64) {
	for i := range n {
		cam := m.camera(m.pick(800, 1000, 1400))
		s := scenario{group: groupNegative, ego: true, mount: told(cam), seconds: seconds}
		v := m.pick(8, 14, 22, 30)
		d := &synth.Drive{Way: synth.Steady(0, v)}
		if i%2 == 1 {
			d.Sway = m.sway(.2*degree, 0, 1e9)
			s.mount.Spread.Pitch = .3 * degree
		}
		for x := 15.0; x < v*seconds+60; x += m.between(5, 14) {
			g := synth.Thing{Way: synth.Still(x), Offset: synth.Still(m.between(-1, 1))}
			switch m.rng.IntN(4) {
			case 0:
				g.Class, g.Length, g.Width = synth.Paint, m.between(1, 4), m.between(.15, .6)
			case 1:
				g.Class, g.Length, g.Width = synth.Patch, m.between(1, 3), m.between(.8, 2)
			case 2:
				g.Class, g.Length, g.Width = synth.Shadow, m.between(1, 5), m.between(1, 3)
			default:
				g.Class, g.Length, g.Width = synth.Manhole, .7, .7
			}
			d.Things = append(d.Things, g)
		}
		s.scene = &synth.Scene{Camera: cam, Drive: d}
		m.add(s)
	}
}

// curve: things in the way and on the lanes beside it.
func (m *maker) curve(n int) {
	for i := range n {
		radius := []float64{0, 500, 250, 125}[i%4]
		cam := m.camera(m.pick(800, 1000))
		s := scenario{group: groupCurve, ego: true, yaw: i%8 < 4, mount: told(cam), radius: radius}
		v := m.pick(8, 12)
		d := &synth.Drive{Way: synth.Steady(0, v), Bare: true}
		if radius > 0 {
			d.Curvature = m.pick(-1, 1) / radius
		}
		for k := range 4 {
			g := m.thing(float64(25+18*k), m.pick(.5, 1.5))
			g.Offset = synth.Still(m.pick(-3.2, -2.4, -.3, .3, 3.5, 2.4))
			d.Things = append(d.Things, g)
		}
		s.seconds = math.Min(8, 70/v)
		s.scene = &synth.Scene{Camera: cam, Drive: d}
		m.add(s)
	}
}

// blind: the contact leaves the picture before the thing is reached.
func (m *maker) blind(n int) {
	for range n {
		cam := m.camera(m.pick(1000, 1400))
		cam.Pitch = m.between(0, 1.5) * degree
		s := scenario{group: groupBlind, ego: true, mount: told(cam)}
		v0 := m.pick(5, 8)
		const decel = 1.0
		d := &synth.Drive{Bare: true, Way: synth.Braking(0, v0, decel, 0)}
		stop := v0 * v0 / 2 / decel
		d.Things = []synth.Thing{m.car(synth.Still(stop + cam.FrontM + m.between(.8, 1.5)))}
		s.seconds = v0 / decel
		s.scene = &synth.Scene{Camera: cam, Drive: d}
		m.add(s)
	}
}

// switches: the tracker loses the thread now and then.
func (m *maker) switches(n int) {
	for range n {
		cam := m.camera(1000)
		v := m.pick(10, 14, 20)
		d := &synth.Drive{Bare: true, Way: synth.Steady(0, v), Things: []synth.Thing{m.thing(75, m.pick(.5, 1.5))}}
		s := scenario{group: groupSwitch, ego: true, mount: told(cam), switchy: true, seconds: (75 - cam.FrontM - 1) / v}
		s.scene = &synth.Scene{Camera: cam, Drive: d}
		m.add(s)
	}
}

// harsh: height wrong by 5 or 10 %, roll unknown, the road bends upward.
func (m *maker) harsh(n int) {
	for i := range n {
		cam := m.camera(1000)
		s := scenario{group: groupHarsh, ego: true, mount: told(cam)}
		v := m.pick(10, 20)
		d := &synth.Drive{Bare: true, Way: synth.Steady(0, v), Things: []synth.Thing{m.thing(75, m.pick(.2, .5, 1.5))}}
		switch i % 3 {
		case 0:
			e := m.pick(-.1, -.05, .05, .1)
			s.mount.Height *= 1 + e
			s.mount.Spread.Height = math.Abs(e) * s.mount.Height
		case 1:
			cam.Roll = m.between(-2, 2) * degree
			s.mount.Spread.Roll = 1 * degree
		case 2:
			d.Slope, d.SlopeFrom = m.pick(.02, .04), 15
			s.mount.Spread.Slope = .01
		}
		s.seconds = (75 - cam.FrontM - 1) / v
		s.scene = &synth.Scene{Camera: cam, Drive: d}
		m.add(s)
	}
}

// recall: things of 0.2 m and more on the way of a vehicle at 50 km/h.
func (m *maker) recall(n int) {
	for range n {
		cam := m.camera(m.pick(800, 1000, 1400))
		s := scenario{group: groupRecall, ego: true, mount: told(cam)}
		const v = 50 / 3.6
		d := &synth.Drive{Way: synth.Steady(0, v), Things: []synth.Thing{m.thing(85, m.pick(.2, .3, .5, 1, 1.5))}}
		s.seconds = (85 - 30) / v
		s.scene = &synth.Scene{Camera: cam, Drive: d}
		m.add(s)
	}
}
