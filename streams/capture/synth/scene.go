package synth

import "math"

// Class says what an object is.
type Class string

// The classes of objects. Buildings and trees stand beside the road and never move.
const (
	Car        Class = "car"
	Pedestrian Class = "pedestrian"
	Cone       Class = "cone"
	Debris     Class = "box"
	Pole       Class = "pole"
	Tree       Class = "tree"
	Building   Class = "building"
)

// Scene is a street on which the ego vehicle drives straight ahead in its lane.
type Scene struct {
	Seed   uint64
	Camera Camera
	Speed  float64 // of the ego vehicle, m/s
	Drive  *Drive  // a script instead of the standard street; nil for that
}

// Road returns the standard scene of w x h pixels.
func Road(seed uint64, w, h int) *Scene {
	return &Scene{Seed: seed, Camera: DefaultCamera(w, h), Speed: 8}
}

// The cross-section of the street in metres, Y left of the ego lane's centre.
const (
	laneWidth  = 3.5
	roadLeft   = 1.5*laneWidth + 0.3  // kerb behind the oncoming lane
	roadRight  = -0.5*laneWidth - 2.6 // kerb behind the parked cars
	walkWidth  = 2.6
	facadeBack = 9.0 // depth of a house
	cell       = 13.0
	horizonM   = 130.0 // nothing is drawn beyond
)

// object is one thing at one moment, in the road frame of that moment.
type object struct {
	id         uint64
	class      Class
	x, y, z    float64 // centre of its footprint
	l, w, h    float64 // along X, along Y, up
	vx, vy     float64 // ground speed, m/s
	hue        uint64  // a hash that colours it
	phase      float64 // of the gait
	facingAway bool
}

// rear is the X of the nearest point.
func (o *object) rear() float64 { return o.x - o.l/2 }

// objects returns everything within sight at time t.
func (s *Scene) objects(t float64) []object {
	ego, _ := s.way(t)
	var out []object
	if s.Drive != nil {
		out = s.Drive.objects(t)
		if s.Drive.Bare {
			return out
		}
	}
	add := func(o object) {
		if s.Drive != nil {
			if o.class == Pedestrian {
				return
			}
			o.y += s.Drive.bend(o.x)
			o.z = s.Drive.rise(o.x)
		}
		if o.x+o.l/2 > 0.5 && o.rear() < horizonM {
			out = append(out, o)
		}
	}
	first := int(math.Floor(ego/cell)) - 1
	for i := first; i <= first+int(horizonM/cell)+2; i++ {
		base := float64(i)*cell - ego
		for side := range 2 {
			k := s.hash(uint64(i), uint64(side), 1)
			sign, kerb := 1.0, roadLeft
			if side == 1 {
				sign, kerb = -1, -roadRight
			}
			walk := kerb + walkWidth
			switch {
			case k%8 < 6:
				add(object{id: s.id(i, side, 0), class: Building, x: base + cell/2, y: sign * (walk + facadeBack/2),
					l: cell - 0.4, w: facadeBack, h: 5 + unit(k>>8)*9, hue: k >> 20})
			default:
				add(object{id: s.id(i, side, 1), class: Tree, x: base + cell/2, y: sign * (walk + 1.5),
					l: 0.1, w: 4 + 2*unit(k>>9), h: 6 + 3*unit(k>>17), hue: k >> 20})
			}
			if k>>40%3 == 0 {
				add(object{id: s.id(i, side, 2), class: Pole, x: base + 2, y: sign * (kerb + 0.5), l: 0.14, w: 0.14, h: 4.5, hue: k})
			}
			if p := s.hash(uint64(i), uint64(side), 2); p%2 == 0 { // somebody on the pavement
				v := (0.8 + 0.8*unit(p>>5)) * (1 - 2*float64(p>>3&1))
				// They walk to and fro within their cell, so that the street never empties.
				span := cell - 3
				way := math.Mod(math.Abs(v)*t+unit(p>>13)*2*span, 2*span)
				pos, dir := way, 1.0
				if way > span {
					pos, dir = 2*span-way, -1
				}
				add(object{id: s.id(i, side, 3), class: Pedestrian, x: base + 1.5 + pos, y: sign * (kerb + 0.9 + unit(p>>21)),
					l: 0.1, w: 0.75, h: 1.6 + 0.3*unit(p>>29), vx: dir * math.Abs(v), hue: p >> 8, phase: way * 4, facingAway: dir > 0})
			}
		}
		if s.Drive != nil {
			continue // what is on the road stands in the script
		}
		if k := s.hash(uint64(i), 9, 3); k%3 != 0 { // parked on the right
			add(object{id: s.id(i, 1, 4), class: Car, x: base + cell/2 + 2*unit(k>>7) - 1, y: -0.5*laneWidth - 1.4,
				l: 4.3, w: 1.8, h: 1.45, hue: k >> 12, facingAway: true})
		}
		switch k := s.hash(uint64(i), 11, 4); {
		case k%9 == 0:
			add(object{id: s.id(i, 2, 5), class: Cone, x: base + 4, y: -0.5 * laneWidth * 0.9, l: 0.35, w: 0.35, h: 0.7, hue: k})
		case k%9 == 1:
			add(object{id: s.id(i, 2, 6), class: Debris, x: base + 8, y: 2.4 * (unit(k>>8) - 0.5), l: 0.5, w: 0.6 + 0.4*unit(k>>16), h: 0.45, hue: k})
		}
	}
	if s.Drive != nil {
		return out
	}
	// The car ahead: its gap breathes between 12 and 30 m.
	phase := unit(s.hash(0, 0, 5)) * 2 * math.Pi
	gap := 21 + 9*math.Sin(0.35*t+phase)
	add(object{id: s.id(0, 3, 7), class: Car, x: s.Camera.FrontM + gap + 2.15, y: 0.1 * math.Sin(0.2*t),
		l: 4.3, w: 1.8, h: 1.45, vx: s.Speed + 9*0.35*math.Cos(0.35*t+phase), hue: s.hash(0, 0, 6), facingAway: true})
	// Oncoming traffic: one car every 45 m of the other lane, which moves towards us.
	const oncoming, every = 9.0, 45.0
	shift := ego + oncoming*t
	n0 := int(math.Floor(shift / every))
	for n := n0; n <= n0+int(math.Ceil(horizonM/every)); n++ {
		k := s.hash(uint64(n), 13, 7)
		if k%4 == 0 {
			continue
		}
		add(object{id: s.id(n, 4, 8), class: Car, x: float64(n)*every - shift + 20*unit(k>>6), y: laneWidth,
			l: 4.3, w: 1.8, h: 1.45, vx: -oncoming, hue: k >> 12})
	}
	// Somebody crosses every 14 s, and is in our lane when still 30 to 50 m ahead.
	period := 14.0
	c := math.Floor(t / period)
	if k, dt := s.hash(uint64(c), 17, 8), t-c*period; dt < 11 {
		y := roadRight - 0.5 + 1.2*dt
		add(object{id: s.id(int(c), 5, 9), class: Pedestrian, x: 30 + 20*unit(k) + s.Speed*(5-dt),
			y: y, l: 0.1, w: 0.75, h: 1.75, vy: 1.2, hue: k >> 8, phase: dt * 5})
	}
	return out
}

// way is the distance driven and the speed at time t.
func (s *Scene) way(t float64) (distance, speed float64) {
	if s.Drive != nil {
		return s.Drive.Way(t)
	}
	return s.Speed * t, s.Speed
}

// camera is the camera as it hangs at time t.
func (s *Scene) camera(t float64) Camera {
	c := s.Camera
	if s.Drive != nil && s.Drive.Sway != nil {
		c.Pitch += s.Drive.Sway(t)
	}
	return c
}

// id is unique for what stands in slot kind of a cell and never changes over time.
func (s *Scene) id(cell, side, kind int) uint64 {
	return uint64(uint32(cell))<<16 | uint64(side)<<8 | uint64(kind)
}

func (s *Scene) hash(a, b, c uint64) uint64 {
	return mix(mix(mix(s.Seed+0x9e3779b97f4a7c15)^a) ^ b<<32 ^ c)
}

// mix is the finaliser of splitmix64 (Steele, Lea, Flood 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit maps a hash to [0, 1).
func unit(h uint64) float64 { return float64(h&0xffff) / 65536 }
