package calib

import "math"

// vec3 is a direction or a point: in camera axes, or in level ones.
type vec3 [3]float64

// mat3 is a matrix by rows.
type mat3 [3]vec3

func (m *mat3) mul(v vec3) vec3 {
	return vec3{
		m[0][0]*v[0] + m[0][1]*v[1] + m[0][2]*v[2],
		m[1][0]*v[0] + m[1][1]*v[1] + m[1][2]*v[2],
		m[2][0]*v[0] + m[2][1]*v[1] + m[2][2]*v[2],
	}
}

// back multiplies with the transpose, the inverse of a rotation.
func (m *mat3) back(v vec3) vec3 {
	return vec3{
		m[0][0]*v[0] + m[1][0]*v[1] + m[2][0]*v[2],
		m[0][1]*v[0] + m[1][1]*v[1] + m[2][1]*v[2],
		m[0][2]*v[0] + m[1][2]*v[1] + m[2][2]*v[2],
	}
}

func (m mat3) times(o mat3) (r mat3) {
	for i := range 3 {
		for j := range 3 {
			r[i][j] = m[i][0]*o[0][j] + m[i][1]*o[1][j] + m[i][2]*o[2][j]
		}
	}
	return r
}

// attitude is the rotation from level camera axes to camera axes and its derivatives:
// R = Rz(roll) Rx(pitch) Ry(yaw), with the signs of the package comment.
type attitude struct {
	r                      mat3
	byPitch, byRoll, byYaw mat3
}

func newAttitude(pitch, roll, yaw float64) (a attitude) {
	s, c := math.Sincos(roll)
	rz, dz := mat3{{c, -s, 0}, {s, c, 0}, {0, 0, 1}}, mat3{{-s, -c, 0}, {c, -s, 0}}
	s, c = math.Sincos(pitch)
	rx, dx := mat3{{1, 0, 0}, {0, c, -s}, {0, s, c}}, mat3{{}, {0, -s, -c}, {0, c, -s}}
	s, c = math.Sincos(yaw)
	ry, dy := mat3{{c, 0, s}, {0, 1, 0}, {-s, 0, c}}, mat3{{-s, 0, c}, {}, {-c, 0, -s}}
	xy := rx.times(ry)
	a.r = rz.times(xy)
	a.byPitch = rz.times(dx).times(ry)
	a.byRoll = dz.times(xy)
	a.byYaw = rz.times(rx).times(dy)
	return a
}

// inverse is by cofactors; ok is false for a matrix without one.
func (m mat3) inverse() (r mat3, ok bool) {
	for i := range 3 {
		for j := range 3 {
			a, b, c, d := m[(j+1)%3][(i+1)%3], m[(j+1)%3][(i+2)%3], m[(j+2)%3][(i+1)%3], m[(j+2)%3][(i+2)%3]
			r[i][j] = a*d - b*c
		}
	}
	det := m[0][0]*r[0][0] + m[0][1]*r[1][0] + m[0][2]*r[2][0]
	if det == 0 || !finite(1/det) {
		return r, false
	}
	for i := range 3 {
		for j := range 3 {
			r[i][j] /= det
		}
	}
	return r, true
}
