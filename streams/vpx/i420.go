package vpx

import "fmt"

// I420 is a picture in planes: Y of Width x Height, U and V of half the sides, 8 bits each.
// Sides are even. Row i of a plane starts at i times its stride.
type I420 struct {
	Width, Height    int
	YStride, CStride int
	Y, U, V          []byte
}

// NewI420 returns a picture with tight planes in one piece of memory, all zero. It fails when a
// side is odd, or out of 2 to MaxSide.
func NewI420(w, h int) (*I420, error) {
	m := &I420{}
	if err := m.Resize(w, h); err != nil {
		return nil, err
	}
	return m, nil
}

// Resize makes m a picture of w x h with tight planes, in the memory that it has when that is
// enough. The pixels are undefined. It fails as NewI420 does.
func (m *I420) Resize(w, h int) error {
	if w < 2 || h < 2 || w > MaxSide || h > MaxSide || w%2 != 0 || h%2 != 0 {
		return fmt.Errorf("vpx: picture of %dx%d: want even sides of 2 to %d", w, h, MaxSide)
	}
	n := w * h
	buf := m.Y[:cap(m.Y)]
	if len(buf) < n+n/2 {
		buf = make([]byte, n+n/2)
	}
	m.Width, m.Height, m.YStride, m.CStride = w, h, w, w/2
	// Y keeps the capacity of the whole, so that the next Resize finds it.
	m.Y, m.U, m.V = buf[:n], buf[n:n+n/4:n+n/4], buf[n+n/4:n+n/2:n+n/2]
	return nil
}

func (m *I420) check() error {
	if m.Width < 2 || m.Height < 2 || m.Width%2 != 0 || m.Height%2 != 0 {
		return fmt.Errorf("picture of %dx%d: want even sides of at least 2", m.Width, m.Height)
	}
	for _, p := range [...]struct {
		name         string
		data         []byte
		stride, w, h int
	}{{"Y", m.Y, m.YStride, m.Width, m.Height}, {"U", m.U, m.CStride, m.Width / 2, m.Height / 2}, {"V", m.V, m.CStride, m.Width / 2, m.Height / 2}} {
		if p.stride < p.w || p.stride > 4*MaxSide {
			return fmt.Errorf("plane %s: stride %d for rows of %d", p.name, p.stride, p.w)
		}
		if want := p.stride*(p.h-1) + p.w; len(p.data) < want {
			return fmt.Errorf("plane %s: %d bytes, want %d", p.name, len(p.data), want)
		}
	}
	return nil
}
