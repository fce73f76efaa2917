package synth

import (
	"math"

	"outrider/pipeline/mask"
)

// The classes of what lies flat on a road and is no obstacle.
const (
	Paint   Class = "paint"
	Patch   Class = "patch"
	Shadow  Class = "shadow"
	Manhole Class = "manhole"
)

// Flat reports whether things of the class lie on the ground.
func (c Class) Flat() bool { return c == Paint || c == Patch || c == Shadow || c == Manhole }

// Drive scripts a scene: how the vehicle moves, how its camera sways, what the road does and
// what is on it. Everything is a function of time, so that a scene can be looked at in any
// order.
//
// The road is a parabola, y = Curvature x^2/2 left of the vehicle's present direction, and the
// vehicle keeps to its lane's middle.
type Drive struct {
	Curvature float64 // 1/metres, positive to the left
	Slope     float64 // rise of the road from SlopeFrom metres ahead of the vehicle on
	SlopeFrom float64

	// Way is the distance driven, metres, and the speed, m/s, at time t.
	Way func(t float64) (s, v float64)
	// Sway is what the camera's pitch differs by from Camera.Pitch at time t, radians; nil for
	// nothing.
	Sway func(t float64) float64

	Things []Thing
	Bare   bool // no houses, trees and parked cars beside the road
}

// Thing is one object of a Drive.
type Thing struct {
	Class                 Class
	Length, Width, Height float64 // metres
	// Way is its distance along the road from the vehicle's start to its near end, and its
	// speed along the road.
	Way    func(t float64) (s, v float64)
	Offset func(t float64) (y, v float64) // of its middle, left of the lane's middle
}

// Still is the Way of what stands at distance s, and the Offset of what keeps to it.
func Still(s float64) func(float64) (float64, float64) {
	return func(float64) (float64, float64) { return s, 0 }
}

// Steady is the Way of what starts at s and moves at v.
func Steady(s, v float64) func(float64) (float64, float64) {
	return func(t float64) (float64, float64) { return s + v*t, v }
}

// Braking is the Way of what starts at s with speed v, brakes with decel from time at on, and
// stands then.
func Braking(s, v, decel, at float64) func(float64) (float64, float64) {
	return func(t float64) (float64, float64) {
		if t <= at {
			return s + v*t, v
		}
		d := math.Min(t-at, v/decel)
		return s + v*at + v*d - decel*d*d/2, v - decel*d
	}
}

// rise is the height of the road at distance x.
func (d *Drive) rise(x float64) float64 {
	if d == nil || x <= d.SlopeFrom {
		return 0
	}
	return d.Slope * (x - d.SlopeFrom)
}

// bend is the lateral place of the lane's middle at distance x.
func (d *Drive) bend(x float64) float64 {
	if d == nil {
		return 0
	}
	return d.Curvature * x * x / 2
}

// objects places the things at time t.
func (d *Drive) objects(t float64) []object {
	s, v := d.Way(t)
	out := make([]object, 0, len(d.Things))
	for i := range d.Things {
		g := &d.Things[i]
		at, speed := g.Way(t)
		off, side := g.Offset(t)
		x := at - s
		if x+g.Length < 0.5 || x > horizonM {
			continue
		}
		mid := x + g.Length/2
		out = append(out, object{
			id: uint64(i) + 1, class: g.Class, x: mid, y: d.bend(mid) + off, z: d.rise(x), l: g.Length, w: g.Width, h: g.Height,
			vx: speed, vy: side, hue: mix(uint64(i) + 77), facingAway: true, phase: t * 5,
		})
	}
	_ = v
	return out
}

// Ground is the drivable part of what is seen: road between the kerbs that nothing covers, on
// a grid of cells of so many pixels. Call it after Render or Truth, for the same time.
func (r *Renderer) Ground(cell int) *mask.Mask {
	c := r.view.Camera
	g := mask.Grid{W: (c.Width + cell - 1) / cell, H: (c.Height + cell - 1) / cell, SX: float64(cell), SY: float64(cell)}
	m := mask.New(g, g.Bounds())
	for j := range g.H {
		for i := range g.W {
			u, v := g.ToFrame(float64(i)+.5, float64(j)+.5)
			if u >= float64(c.Width) || v >= float64(c.Height) {
				continue
			}
			if l := r.labels[int(v)*c.Width+int(u)]; l != 0 && !r.flat[l-1] {
				continue
			}
			d := r.view.ray(u, v)
			x, y, ok := r.ground(d)
			if !ok || x > horizonM {
				continue
			}
			if y -= r.Scene.Drive.bend(x); y > roadRight && y < roadLeft {
				m.Set(i, j)
			}
		}
	}
	return m
}

// ground is where the ray d meets the road.
func (r *Renderer) ground(d vec) (x, y float64, ok bool) {
	h := r.view.HeightM
	drive := r.Scene.Drive
	if d.z < -1e-4 {
		k := h / -d.z
		x, y, ok = k*d.x, k*d.y, true
	}
	if drive == nil || drive.Slope == 0 || ok && x <= drive.SlopeFrom {
		return x, y, ok
	}
	// h + k d.z = slope (k d.x - from)
	if den := drive.Slope*d.x - d.z; den > 1e-6 {
		k := (h + drive.Slope*drive.SlopeFrom) / den
		if k*d.x >= drive.SlopeFrom {
			return k * d.x, k * d.y, true
		}
	}
	return 0, 0, false
}

// drawThing draws what only drives have.
func (r *Renderer) drawThing(o *object, label int32) {
	var f func(a, b float64) float64
	switch o.class {
	case Paint:
		f = func(float64, float64) float64 { return 2.3 }
	case Patch:
		f = func(float64, float64) float64 { return .72 }
	case Manhole:
		f = func(a, b float64) float64 {
			if math.Hypot(a/o.w-.5, b/o.l-.5) > .5 {
				return 1
			}
			return .6
		}
	case Shadow:
		f = func(a, b float64) float64 {
			d := math.Max(math.Abs(a/o.w-.5), math.Abs(b/o.l-.5)) * 2
			return 1 - .55*math.Min(1, math.Max(0, (1-d)*8))
		}
	}
	near, w := o.rear(), vec{0, -o.w, 0}
	corner := vec{near, o.y + o.w/2, o.z + .003}
	// What lies on a slope follows it.
	along := vec{o.l, 0, r.Scene.Drive.rise(near+o.l) - r.Scene.Drive.rise(near)}
	r.scan(corner, w, along, func(i int, k, s, t float64) {
		if r.labels[i] != 0 || k > float64(r.depth[i])*1.02 {
			return
		}
		m := f(s*o.w, t*o.l)
		if m == 1 {
			return
		}
		r.labels[i] = label
		if r.pix != nil {
			p := r.pix[3*i:]
			put(p, colour{float64(p[0]) * m, float64(p[1]) * m, float64(p[2]) * m})
		}
	})
}
