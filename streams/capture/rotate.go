package capture

// copyRotated copies w x h BGR pixels turned clockwise by 0, 90, 180 or 270 degrees. dst has
// the same length; its width is h for quarter turns.
func copyRotated(dst, src []byte, w, h, degrees int) {
	switch degrees {
	case 90: // (x, y) goes to (h-1-y, x)
		for y := range h {
			d := 3 * (h - 1 - y)
			for s := 3 * w * y; s < 3*w*(y+1); s, d = s+3, d+3*h {
				dst[d], dst[d+1], dst[d+2] = src[s], src[s+1], src[s+2]
			}
		}
	case 180:
		d := len(src) - 3
		for s := 0; s < len(src); s, d = s+3, d-3 {
			dst[d], dst[d+1], dst[d+2] = src[s], src[s+1], src[s+2]
		}
	case 270: // (x, y) goes to (y, w-1-x)
		for y := range h {
			d := 3 * (h*(w-1) + y)
			for s := 3 * w * y; s < 3*w*(y+1); s, d = s+3, d-3*h {
				dst[d], dst[d+1], dst[d+2] = src[s], src[s+1], src[s+2]
			}
		}
	default:
		copy(dst, src)
	}
}

// rotated returns the sides after the turn.
func rotated(w, h, degrees int) (int, int) {
	if degrees == 90 || degrees == 270 {
		return h, w
	}
	return w, h
}
