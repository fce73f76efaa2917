package synth

import "math"

// Camera is the geometry of the pinhole camera that looks at the scene.
type Camera struct {
	Width, Height  int
	FX, FY, CX, CY float64 // pixels
	HeightM        float64 // of the optical centre above the road, metres
	Pitch          float64 // radians, positive looks down
	Roll           float64 // radians
	Yaw            float64 // radians
	FrontM         float64 // from the camera forward to the front bumper, metres
}

// DefaultCamera is a dashcam: 58 degrees of horizontal view, 1.4 m above the road, looking
// two degrees down.
func DefaultCamera(w, h int) Camera {
	f := 0.9 * float64(w)
	return Camera{
		Width: w, Height: h, FX: f, FY: f, CX: float64(w) / 2, CY: float64(h) / 2,
		HeightM: 1.4, Pitch: 2 * math.Pi / 180, FrontM: 1.6,
	}
}

type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec       { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) sub(b vec) vec       { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) scale(s float64) vec { return vec{a.x * s, a.y * s, a.z * s} }
func (a vec) dot(b vec) float64   { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) cross(b vec) vec {
	return vec{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x}
}

// view is a camera's rotation: the rows of R = Rz(roll) Rx(pitch) Ry(yaw), which takes level
// camera axes to camera axes.
type view struct {
	Camera
	r0, r1, r2 vec
}

func (c Camera) view() view {
	sf, cf := math.Sincos(c.Roll)
	st, ct := math.Sincos(c.Pitch)
	sp, cp := math.Sincos(c.Yaw)
	// Rx*Ry first, row by row, then Rz on the left.
	a0 := vec{cp, 0, sp}
	a1 := vec{st * sp, ct, -st * cp}
	a2 := vec{-ct * sp, st, ct * cp}
	return view{
		Camera: c,
		r0:     a0.scale(cf).sub(a1.scale(sf)),
		r1:     a0.scale(sf).add(a1.scale(cf)),
		r2:     a2,
	}
}

// toCamera takes a point of the road frame (X forward, Y left, Z up, metres) to camera axes.
func (v *view) toCamera(p vec) vec {
	level := vec{-p.y, v.HeightM - p.z, p.x}
	return vec{v.r0.dot(level), v.r1.dot(level), v.r2.dot(level)}
}

// ray is the direction, in the road frame, in which pixel position (u, v) looks.
func (v *view) ray(u, w float64) vec {
	d := vec{(u - v.CX) / v.FX, (w - v.CY) / v.FY, 1}
	// The transpose of R takes camera axes back to level ones.
	x := v.r0.x*d.x + v.r1.x*d.y + v.r2.x*d.z
	y := v.r0.y*d.x + v.r1.y*d.y + v.r2.y*d.z
	z := v.r0.z*d.x + v.r1.z*d.y + v.r2.z*d.z
	return vec{z, -x, -y}
}

// Project returns the pixel position of a point of the road frame (metres); ok is false
// behind the camera.
func (c Camera) Project(x, y, z float64) (u, v float64, ok bool) {
	w := c.view()
	return w.project(vec{x, y, z})
}

func (v *view) project(p vec) (u, w float64, ok bool) {
	q := v.toCamera(p)
	if q.z <= near {
		return 0, 0, false
	}
	return v.CX + v.FX*q.x/q.z, v.CY + v.FY*q.y/q.z, true
}

// near is the nearest depth that is drawn, metres.
const near = 0.4
