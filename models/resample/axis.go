package resample

import "math"

// PIL's 8-bit resampling works in fixed point with this many fractional bits.
const (
	precision = 32 - 8 - 2
	roundHalf = 1 << (precision - 1)
)

// Filter is a resampling kernel: zero outside -Support..Support.
type Filter struct {
	Support float64
	Kernel  func(x float64) float64
}

// Bilinear is the triangle kernel.
var Bilinear = Filter{1, func(x float64) float64 { return max(1-math.Abs(x), 0) }}

// Bicubic is Keys' kernel with a = -0.5, as PIL has it (OpenCV takes -0.75).
var Bicubic = Filter{2, func(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}}

// Axis holds the filter taps of one dimension. The zero value is ready for Compute; its memory
// is reused by the next one.
type Axis struct {
	first  []int32 // first source sample of each output
	count  []int32 // taps of each output
	weight []int32 // stride weights an output
	stride int

	tmp []float64
}

// Compute fills the taps that resize in samples to out and keep the outputs from crop to
// crop+n, after PIL's precompute_coeffs: the kernel is stretched by the scale when
// shrinking (antialias). Only the samples lo <= s < hi exist; the others are zero (a black
// border), so their taps are left out, and sample indices count from lo. All sizes are
// positive, crop+n is at most out, and 0 <= lo < hi <= in.
func (a *Axis) Compute(f Filter, in, out, crop, n, lo, hi int) {
	scale := float64(in) / float64(out)
	stretch := math.Max(scale, 1)
	support := f.Support * stretch
	a.stride = 2*int(math.Ceil(support)) + 1
	a.first, a.count = resized(a.first, n), resized(a.count, n)
	a.weight, a.tmp = resized(a.weight, n*a.stride), resized(a.tmp, a.stride)
	for i := range n {
		center := (float64(crop+i) + 0.5) * scale
		from := max(int(center-support+0.5), 0)
		to := min(int(center+support+0.5), in)
		w, sum := a.tmp[:to-from], 0.0
		for j := range w {
			w[j] = f.Kernel((float64(from+j) - center + 0.5) / stretch)
			sum += w[j]
		}
		k, taps := a.weight[i*a.stride:], 0
		start := min(max(from, lo), hi)
		for s := start; s < min(to, hi); s++ {
			k[taps] = int32(math.Round(w[s-from] / sum * (1 << precision)))
			taps++
		}
		a.first[i], a.count[i] = int32(start-lo), int32(taps)
	}
}

// Span returns the source samples that the outputs read.
func (a *Axis) Span() (lo, hi int) {
	lo, hi = math.MaxInt, 0
	for i, n := range a.count {
		if n > 0 {
			lo, hi = min(lo, int(a.first[i])), max(hi, int(a.first[i]+n))
		}
	}
	return min(lo, hi), hi
}

// Row filters one row of BGR pixels, from sample lo on, into dst, RGB.
func (a *Axis) Row(dst, src []byte) {
	for i, n := range a.count {
		k := a.weight[i*a.stride : i*a.stride+int(n)]
		s := src[3*a.first[i]:]
		var c0, c1, c2 int32 = roundHalf, roundHalf, roundHalf
		for j, w := range k {
			p := s[3*j : 3*j+3 : 3*j+3]
			c0 += int32(p[0]) * w
			c1 += int32(p[1]) * w
			c2 += int32(p[2]) * w
		}
		d := dst[3*i : 3*i+3 : 3*i+3]
		d[0], d[1], d[2] = clip8(c2), clip8(c1), clip8(c0)
	}
}

// Column filters output row i from rows of len(dst) bytes that lie in src one after the
// other, from sample lo on; acc is scratch of at least that length.
func (a *Axis) Column(dst []byte, acc []int32, src []byte, i int) {
	n := len(dst)
	acc = acc[:n]
	for j := range acc {
		acc[j] = roundHalf
	}
	k := a.weight[i*a.stride : i*a.stride+int(a.count[i])]
	src = src[int(a.first[i])*n:]
	for len(k) >= 4 {
		r0, r1, r2, r3 := src[:n], src[n:2*n], src[2*n:3*n], src[3*n:4*n]
		k0, k1, k2, k3 := k[0], k[1], k[2], k[3]
		r1, r2, r3 = r1[:len(r0)], r2[:len(r0)], r3[:len(r0)]
		for j := range r0 {
			acc[j] += int32(r0[j])*k0 + int32(r1[j])*k1 + int32(r2[j])*k2 + int32(r3[j])*k3
		}
		k, src = k[4:], src[4*n:]
	}
	for _, w := range k {
		for j, v := range src[:n] {
			acc[j] += int32(v) * w
		}
		src = src[n:]
	}
	for j, v := range acc {
		dst[j] = clip8(v)
	}
}

func clip8(v int32) byte { return byte(min(max(v>>precision, 0), 255)) }

// resized returns s with length n and undefined content, in the old memory when it is enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
