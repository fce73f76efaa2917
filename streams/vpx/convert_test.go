package vpx_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"outrider/streams/vpx"
)

// bt601 is the definition in floating point.
func bt601(b, g, r float64) (y, u, v float64) {
	return 16 + (65.481*r+128.553*g+24.966*b)/255,
		128 + (-37.797*r-74.203*g+112*b)/255,
		128 + (112*r-93.786*g-18.214*b)/255
}

// reference scales by area means and converts, in floating point.
func reference(bgr []byte, sw, sh, w, h int) (y, u, v []float64) {
	small := make([]float64, 3*w*h)
	fx, fy := float64(sw)/float64(w), float64(sh)/float64(h)
	for j := range h {
		for i := range w {
			var sum [3]float64
			for sy := int(float64(j) * fy); float64(sy) < float64(j+1)*fy && sy < sh; sy++ {
				wy := math.Min(float64(sy+1), float64(j+1)*fy) - math.Max(float64(sy), float64(j)*fy)
				for sx := int(float64(i) * fx); float64(sx) < float64(i+1)*fx && sx < sw; sx++ {
					wx := math.Min(float64(sx+1), float64(i+1)*fx) - math.Max(float64(sx), float64(i)*fx)
					for c := range 3 {
						sum[c] += wx * wy * float64(bgr[3*(sy*sw+sx)+c])
					}
				}
			}
			for c := range 3 {
				small[3*(j*w+i)+c] = sum[c] / (fx * fy)
			}
		}
	}
	y, u, v = make([]float64, w*h), make([]float64, w*h/4), make([]float64, w*h/4)
	for i := range w * h {
		y[i], _, _ = bt601(small[3*i], small[3*i+1], small[3*i+2])
	}
	for j := range h / 2 {
		for i := range w / 2 {
			var m [3]float64
			for c := range 3 {
				for _, o := range [...]int{0, 1, w, w + 1} {
					m[c] += small[3*(2*j*w+2*i+o)+c] / 4
				}
			}
			_, u[j*w/2+i], v[j*w/2+i] = bt601(m[0], m[1], m[2])
		}
	}
	return y, u, v
}

func compare(t *testing.T, plane string, got []byte, want []float64, tolerance float64) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > tolerance {
			t.Errorf("%s[%d] = %d, want %.2f", plane, i, got[i], want[i])
			return
		}
	}
}

func TestConvert(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ sw, sh, w, h int }{
		{2, 2, 2, 2}, {34, 18, 34, 18}, {130, 64, 130, 64}, {131, 67, 130, 66},
		{64, 48, 32, 24}, {100, 60, 64, 38}, {131, 67, 34, 20}, {33, 33, 2, 2},
	} {
		bgr := make([]byte, 3*c.sw*c.sh)
		for i := range bgr {
			bgr[i] = byte(rnd.IntN(256))
		}
		copy(bgr, []byte{0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0})
		m, err := vpx.NewI420(c.w, c.h)
		if err != nil {
			t.Fatal(err)
		}
		var conv vpx.Converter
		if err := conv.Convert(m, bgr, c.sw, c.sh); err != nil {
			t.Fatal(err)
		}
		src, sw, sh := bgr, c.sw, c.sh
		if c.w == c.sw&^1 && c.h == c.sh&^1 && (c.w != c.sw || c.h != c.sh) { // cut, not scaled
			src = nil
			for y := range c.h {
				src = append(src, bgr[3*c.sw*y:3*(c.sw*y+c.w)]...)
			}
			sw, sh = c.w, c.h
		}
		y, u, v := reference(src, sw, sh, c.w, c.h)
		compare(t, "Y", m.Y, y, 1.6)
		compare(t, "U", m.U, u, 1.6)
		compare(t, "V", m.V, v, 1.6)
		if t.Failed() {
			t.Fatalf("%+v", c)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	var c vpx.Converter
	m := picture(t, 64, 48, 0)
	bgr := scene(64, 48, 0)
	wide := &vpx.I420{Width: 64, Height: 48, YStride: 80, CStride: 40, Y: make([]byte, 80*48), U: make([]byte, 40*24), V: make([]byte, 40*24)}
	for name, err := range map[string]error{
		"short":         c.Convert(m, bgr[1:], 64, 48),
		"empty":         c.Convert(m, nil, 0, 0),
		"negative":      c.Convert(m, bgr, -64, -48),
		"larger target": c.Convert(m, scene(32, 24, 0), 32, 24),
		"no planes":     c.Convert(&vpx.I420{Width: 64, Height: 48}, bgr, 64, 48),
		"wide rows":     c.Convert(wide, bgr, 64, 48),
		"zero picture":  c.Convert(&vpx.I420{}, bgr, 64, 48),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, s := range [][2]int{{0, 0}, {3, 4}, {4, 3}, {-2, 4}, {16386, 4}} {
		if _, err := vpx.NewI420(s[0], s[1]); err == nil {
			t.Errorf("picture of %v taken", s)
		}
	}
}

func TestResizeReusesMemory(t *testing.T) {
	m := picture(t, 64, 48, 0)
	first := &m.Y[0]
	for _, s := range [][2]int{{32, 24}, {64, 48}, {16, 16}} {
		if err := m.Resize(s[0], s[1]); err != nil {
			t.Fatal(err)
		}
		if len(m.Y) != s[0]*s[1] || len(m.U) != len(m.Y)/4 || len(m.V) != len(m.Y)/4 || &m.Y[0] != first {
			t.Errorf("%v: planes of %d, %d, %d", s, len(m.Y), len(m.U), len(m.V))
		}
	}
}
