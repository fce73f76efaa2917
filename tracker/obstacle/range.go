package obstacle

import "math"

// The state of a rangeFilter.
const (
	iLog    = iota // ln(1/X), X the distance along the road from the camera, metres
	iRate          // closing speed over X, 1/s: the inverse of the time to collision
	iAccel         // its acceleration over X, 1/s^2
	iWidth         // ln of the width, metres
	iHeight        // ln of the height, metres
	states
)

type vector [states]float64

// rangeFilter follows the distance to one object: an extended Kalman filter on the logarithm
// of the inverse distance. Inverse distance, because the image row of a contact is nearly
// linear in it and its noise there is constant (road obstacle contract, section 2.2); the
// logarithm, because the growth of the object's picture is linear in that (ln w = ln W -
// ln X), so that time to collision by scale and by range rate fuse by themselves (section
// 2.3), and because no distance can become negative.
//
// Between frames the closing speed v changes by an acceleration a that dies away (Singer, 1970):
// with k = v/X, c = a/X and g = 1 - k dt - c dt^2/2: X -> X g, k -> (k + c dt)/g,
// c -> c exp(-dt/T)/g. A filter that held k constant, as a regression of ln w over a window
// does, would be late by half its window.
type rangeFilter struct {
	x     vector
	p     [states]vector
	lag   bool // hold the rate constant between frames: an ablation
	noise [3]float64
}

// The kinds of measurements, each with a noise factor learnt from its innovations.
const (
	byContact = iota
	byWidth
	byHeight
)

// start begins at inverse distance rho of standard deviation sigma, both 1/metres, and rate k.
func (f *rangeFilter) start(rho, sigma, k, sigmaK float64) {
	lag := f.lag
	*f = rangeFilter{lag: lag, noise: [3]float64{1, 1, 1}}
	s := sigma / rho
	f.x = vector{iLog: math.Log(rho), iRate: k}
	f.p[iLog][iLog] = s * s
	f.p[iRate][iRate] = sigmaK * sigmaK
	f.p[iAccel][iAccel] = rho * rho * 4
	f.p[iWidth][iWidth], f.p[iHeight][iHeight] = unknownSize, unknownSize
}

// unknownSize is the variance of the logarithm of a size of which nothing is known.
const unknownSize = 9.0

// rho is the inverse distance, 1/metres, and its relative standard deviation.
func (f *rangeFilter) rho() (rho, relative float64) {
	return math.Exp(f.x[iLog]), math.Sqrt(f.p[iLog][iLog])
}

// predict goes dt seconds on. accel is the relative acceleration to allow for, m/s^2.
func (f *rangeFilter) predict(dt, accel float64) {
	k, c := f.x[iRate], f.x[iAccel]
	fade := math.Exp(-dt / accelTime)
	var jac [3]vector // rows of log, rate and acceleration
	if f.lag {
		f.x[iLog] += k * dt
		jac = [3]vector{{iLog: 1, iRate: dt}, {iRate: 1}, {}}
		f.x[iAccel] = 0
	} else {
		// At most so near a frame: what is here is not told apart any further.
		g := math.Max(1-k*dt-c*dt*dt/2, 0.3)
		n := k + c*dt
		f.x[iLog] -= math.Log(g)
		f.x[iRate] = n / g
		f.x[iAccel] = c * fade / g
		h := dt * dt / 2
		jac = [3]vector{
			{iLog: 1, iRate: dt / g, iAccel: h / g},
			{iRate: 1/g + n*dt/(g*g), iAccel: dt/g + n*h/(g*g)},
			{iRate: c * fade * dt / (g * g), iAccel: fade/g + c*fade*h/(g*g)},
		}
	}
	// P = J P J': only the first three rows and columns change.
	var rows [3]vector
	for i := range rows {
		for j := range states {
			rows[i][j] = jac[i][iLog]*f.p[iLog][j] + jac[i][iRate]*f.p[iRate][j] + jac[i][iAccel]*f.p[iAccel][j]
		}
	}
	copy(f.p[:], rows[:])
	for j := range states {
		a, b, d := f.p[j][iLog], f.p[j][iRate], f.p[j][iAccel]
		for i := range rows {
			f.p[j][i] = jac[i][iLog]*a + jac[i][iRate]*b + jac[i][iAccel]*d
		}
	}
	a := accel * math.Exp(f.x[iLog])
	if f.lag {
		f.p[iRate][iRate] += a * a * dt * accelTime
	} else {
		f.p[iAccel][iAccel] += a * a * (1 - fade*fade)
	}
	f.p[iWidth][iWidth] += sizeDrift * dt
	f.p[iHeight][iHeight] += sizeDrift * dt
}

// accelTime is how long an acceleration lasts, seconds.
const accelTime = 1.0

// sizeDrift is the variance of the logarithm of a size that a second adds: objects turn.
const sizeDrift = 0.03 * 0.03

// contact takes the inverse distance of the contact's place on the plane, with its variance.
func (f *rangeFilter) contact(rho, variance float64) {
	e := math.Exp(f.x[iLog])
	nu := rho - e
	// The slope of exp half way to the measurement: nearer to the truth than at its beginning.
	slope := math.Max(e+nu/2, e/2)
	f.update(byContact, vector{iLog: slope}, nu, variance)
}

// size takes the width or the height of the picture, as a multiple of the focal length, with
// the standard deviation of that in the same unit.
func (f *rangeFilter) size(kind int, angle, sigma float64) {
	i := iWidth
	if kind == byHeight {
		i = iHeight
	}
	z := math.Log(angle)
	if f.p[i][i] >= unknownSize { // the first: it only tells the size
		f.learn(i, z-f.x[iLog], f.p[iLog][iLog]+sigma*sigma/(angle*angle))
		return
	}
	h := vector{iLog: 1}
	h[i] = 1
	r := sigma / angle
	f.update(kind, h, z-f.x[iLog]-f.x[i], r*r)
}

// learn sets a size from the present distance: x[i] = z - x[log].
func (f *rangeFilter) learn(i int, v, variance float64) {
	f.x[i] = v
	for j := range states {
		f.p[i][j] = -f.p[iLog][j]
	}
	for j := range states {
		f.p[j][i] = f.p[i][j]
	}
	f.p[i][i] = variance
}

// expect tells that the size is known beforehand: ln size is mean with that standard
// deviation. It also tells the distance.
func (f *rangeFilter) expect(i int, mean, sigma float64) {
	h := vector{}
	h[i] = 1
	f.apply(h, mean-f.x[i], sigma*sigma)
}

// update is a measurement whose noise may be larger than it says: the factor follows the
// innovations, and a single wild one is taken for what it is.
func (f *rangeFilter) update(kind int, h vector, nu, r float64) {
	s := f.spread(h)
	ratio := nu * nu / (s + r*f.noise[kind])
	f.noise[kind] += 0.04 * (math.Min(ratio, 9) - 1) * f.noise[kind]
	f.noise[kind] = math.Min(math.Max(f.noise[kind], 1), maxNoise[kind])
	r *= f.noise[kind]
	if ratio > 9 { // Huber's weight: beyond three standard deviations the pull grows no more
		r = (s+r)*math.Sqrt(ratio)/3 - s
	}
	f.apply(h, nu, r)
}

// maxNoise bounds the factors: a mask's size may be worth nothing (an animal that turns), but
// the contact is what ties the distance to the ground.
var maxNoise = [3]float64{byContact: 4, byWidth: 100, byHeight: 100}

// spread is h P h'.
func (f *rangeFilter) spread(h vector) float64 {
	s := 0.0
	for i := range states {
		for j := range states {
			s += h[i] * f.p[i][j] * h[j]
		}
	}
	return math.Max(s, 0)
}

// apply is the scalar Kalman update.
func (f *rangeFilter) apply(h vector, nu, r float64) {
	var ph vector
	s := r
	for i := range states {
		for j := range states {
			ph[i] += f.p[i][j] * h[j]
		}
		s += h[i] * ph[i]
	}
	if !(s > 0) || math.IsInf(s, 0) || math.IsNaN(nu) {
		return
	}
	// Far from where the measurement was made linear, a step is only a direction.
	scale := 1.0
	if step := math.Abs(ph[iLog] / s * nu); step > maxStep {
		scale = maxStep / step
	}
	for i := range states {
		f.x[i] += scale * ph[i] / s * nu
	}
	f.x[iLog] = math.Min(math.Max(f.x[iLog], -math.Log(farthest)), -math.Log(nearest))
	// Nothing on a road comes nearer, or leaves, faster than maxSpeed.
	limit := maxSpeed * math.Exp(f.x[iLog])
	f.x[iRate] = math.Min(math.Max(f.x[iRate], -limit), limit)
	for i := range states {
		for j := range i + 1 {
			v := f.p[i][j] - ph[i]*ph[j]/s
			f.p[i][j], f.p[j][i] = v, v
		}
		f.p[i][i] = math.Max(f.p[i][i], 1e-14)
	}
}

const (
	maxStep  = 0.4 // of the logarithm of the distance, in one update
	nearest  = 0.3 // metres
	farthest = 400.0
	maxSpeed = 90.0 // m/s
)

// interval is the distance with z standard deviations to either side, metres; hi is +Inf when
// it is open (contract, section 2.2: the interval is symmetric in the inverse distance).
//
// common is a variance of the inverse distance that the filter does not know of.
func (f *rangeFilter) interval(z, common float64) (x, lo, hi float64) {
	rho, rel := f.rho()
	rel = math.Sqrt(rel*rel + common/(rho*rho))
	x, lo, hi = 1/rho, 1/(rho*(1+z*rel)), math.Inf(1)
	if z*rel < 1 {
		hi = 1 / (rho * (1 - z*rel))
	}
	return x, lo, hi
}
