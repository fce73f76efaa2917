package pipetest

// A stamp is a frame's number in the picture itself: a strip of black and white blocks along
// the top, one a bit, lowest first, then one for parity. It survives lossy video and scaling.
const stampBits = 24

// StampHeight is the height of the strip in a picture of height h.
func StampHeight(h int) int { return max(4, h/20) }

func writeStamp(pix []byte, w, h int, n uint32) {
	n = n&(1<<stampBits-1) | parity(n)<<stampBits
	for y := range min(StampHeight(h), h) {
		for x := range w {
			v := byte(0)
			if n>>(x*(stampBits+1)/w)&1 != 0 {
				v = 255
			}
			i := 3 * (y*w + x)
			pix[i], pix[i+1], pix[i+2] = v, v, v
		}
	}
}

// ReadStamp reads the number back from the BGR pixels of a w x h picture; ok is false when
// there is none to be read. It needs at least 75 pixels of width.
func ReadStamp(pix []byte, w, h int) (n uint32, ok bool) {
	if w < 3*(stampBits+1) || h < 1 || len(pix) < 3*w*h {
		return 0, false
	}
	y := StampHeight(h) / 2
	for i := range stampBits + 1 {
		x := (2*i + 1) * w / (2 * (stampBits + 1))
		p := pix[3*(y*w+x):]
		switch v := (int(p[0]) + int(p[1]) + int(p[2])) / 3; {
		case v > 170:
			n |= 1 << i
		case v > 85:
			return 0, false // neither black nor white
		}
	}
	bit := n >> stampBits
	n &= 1<<stampBits - 1
	return n, bit == parity(n)
}

// parity is 1 for an even number of ones, so that an all-black strip is no stamp.
func parity(n uint32) uint32 {
	p := uint32(1)
	for n &= 1<<stampBits - 1; n != 0; n &= n - 1 {
		p ^= 1
	}
	return p
}
