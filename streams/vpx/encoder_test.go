package vpx_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"outrider/streams/vpx"
	"outrider/streams/vpx/vpxtest"
)

// hash is noise that is new in each picture, so that a target rate can be spent.
func hash(x, y, i int) uint32 {
	h := uint32(x)*0x9e3779b1 ^ uint32(y)*0x85ebca77 ^ uint32(i)*0xc2b2ae3d
	h ^= h >> 15
	h *= 0x2c1b3c6d
	return h >> 16
}

// scene is a BGR picture with texture and two things that move with i.
func scene(w, h, i int) []byte {
	b := make([]byte, 3*w*h)
	for y := range h {
		for x := range w {
			v := 90 + int(40*math.Sin(float64(x)/17)*math.Cos(float64(y)/11)) + int(hash(x, y, i)%24)
			r, g, bl := v, v+10, v-20
			if cx := (40 + 5*i) % w; x >= cx && x < cx+w/8 && y >= h/4 && y < h/2 {
				r, g, bl = 220, 40+(x-cx)%20, 30
			}
			if cy := (20 + 3*i) % h; y >= cy && y < cy+h/6 && x >= w/2 && x < w/2+w/10 {
				r, g, bl = 20, 60, 230-(y-cy)%20
			}
			o := 3 * (y*w + x)
			b[o], b[o+1], b[o+2] = byte(bl), byte(g), byte(r)
		}
	}
	return b
}

func picture(t testing.TB, w, h, i int) *vpx.I420 {
	t.Helper()
	m, err := vpx.NewI420(w, h)
	if err != nil {
		t.Fatal(err)
	}
	var c vpx.Converter
	if err := c.Convert(m, scene(w, h, i), w, h); err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t testing.TB, o vpx.Options) *vpx.Encoder {
	t.Helper()
	e, err := vpx.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func eachCodec(t *testing.T, f func(t *testing.T, c vpx.Codec)) {
	for _, c := range []vpx.Codec{vpx.VP8, vpx.VP9} {
		t.Run(string(c), func(t *testing.T) { f(t, c) })
	}
}

const side = 320 // small pictures keep the tests short

func TestRateHoldsAtAnyFrameRate(t *testing.T) {
	eachCodec(t, func(t *testing.T, c vpx.Codec) {
		for _, fps := range []int{5, 10, 30} {
			t.Run(fmt.Sprint(fps), func(t *testing.T) {
				const target = 250_000
				e := open(t, vpx.Options{Codec: c, Width: side, Height: 240, Bitrate: target})
				bits := 0
				seconds := 12
				if fps == 30 {
					seconds = 8
				}
				skip := 2 * fps // the first key frame is paid back over the first second or two
				for i := range seconds * fps {
					p, err := e.Encode(picture(t, side, 240, 3*i), int64(i)*vpx.ClockRate/int64(fps), i == 0)
					if err != nil {
						t.Fatal(err)
					}
					if i >= skip {
						bits += 8 * len(p.Data)
					}
				}
				if got := float64(bits) / float64(seconds-2) / target; got < .9 || got > 1.1 {
					t.Errorf("%.2f of the target rate", got)
				}
			})
		}
	})
}

func TestBitrateChange(t *testing.T) {
	eachCodec(t, func(t *testing.T, c vpx.Codec) {
		e := open(t, vpx.Options{Codec: c, Width: side, Height: 240, Bitrate: 200_000})
		const fps = 15
		n := 0
		run := func(seconds int) float64 {
			bits := 0
			for range seconds * fps {
				p, err := e.Encode(picture(t, side, 240, 3*n), int64(n)*vpx.ClockRate/fps, false)
				if err != nil {
					t.Fatal(err)
				}
				bits += 8 * len(p.Data)
				n++
			}
			return float64(bits) / float64(seconds)
		}
		run(3)
		for _, rate := range []int{100_000, 400_000} {
			if err := e.SetBitrate(rate); err != nil {
				t.Fatal(err)
			}
			run(2)
			if got := run(3) / float64(rate); got < .85 || got > 1.15 {
				t.Errorf("two seconds after a change to %d: %.2f of it", rate, got)
			}
		}
		for _, bad := range []int{-1, 0, 999, 1 << 40} {
			if err := e.SetBitrate(bad); err == nil {
				t.Errorf("bit rate %d taken", bad)
			}
		}
		run(1) // a refused rate leaves the encoder usable
	})
}

func TestKeyOnDemandAndQuality(t *testing.T) {
	eachCodec(t, func(t *testing.T, c vpx.Codec) {
		e := open(t, vpx.Options{Codec: c, Width: side, Height: 240, Bitrate: 800_000})
		d, err := vpxtest.NewDecoder(c)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for i := range 40 {
			m := picture(t, side, 240, i)
			want := i == 0 || i == 13 || i == 14
			p, err := e.Encode(m, int64(i)*3600, want && i > 0)
			if err != nil {
				t.Fatal(err)
			}
			if p.Key != want {
				t.Errorf("frame %d: key %v, want %v", i, p.Key, want)
			}
			got, err := d.Decode(p.Data)
			if err != nil {
				t.Fatalf("frame %d: %v", i, err)
			}
			if db := vpxtest.PSNR(m, got); db < 30 {
				t.Errorf("frame %d: PSNR %.1f dB", i, db)
			}
		}
	})
}

func TestKeyInterval(t *testing.T) {
	eachCodec(t, func(t *testing.T, c vpx.Codec) {
		e := open(t, vpx.Options{Codec: c, Width: 64, Height: 64, Bitrate: 200_000, KeyInterval: 10})
		gap := 0
		for i := range 45 {
			p, err := e.Encode(picture(t, 64, 64, 0), int64(i+1)*3600, false)
			if err != nil {
				t.Fatal(err)
			}
			gap++
			if p.Key {
				gap = 0
			}
			if gap > 10 {
				t.Fatalf("frame %d: %d frames since the last key frame", i, gap)
			}
		}
	})
}

func TestTimestampsMustGrow(t *testing.T) {
	eachCodec(t, func(t *testing.T, c vpx.Codec) {
		e := open(t, vpx.Options{Codec: c, Width: 64, Height: 64, Bitrate: 100_000})
		m := picture(t, 64, 64, 0)
		for _, s := range []struct {
			pts int64
			ok  bool
		}{{-1, false}, {0, true}, {0, false}, {90000, true}, {89999, false}, {90001, true}, {90001 + 90000*3600*24, true}, {math.MaxInt64, false}, {math.MinInt64, false}} {
			_, err := e.Encode(m, s.pts, false)
			if s.ok != (err == nil) || err != nil && !errors.Is(err, vpx.ErrTimestamp) {
				t.Errorf("pts %d: %v", s.pts, err)
			}
		}
	})
}

func TestNewRefuses(t *testing.T) {
	good := vpx.Options{Codec: vpx.VP8, Width: 64, Height: 64, Bitrate: 100_000}
	for _, c := range []struct {
		want string
		edit func(o *vpx.Options)
	}{
		{"codec", func(o *vpx.Options) { o.Codec = "h264" }},
		{"codec", func(o *vpx.Options) { o.Codec = "" }},
		{"size 0x64", func(o *vpx.Options) { o.Width = 0 }},
		{"size 64x-2", func(o *vpx.Options) { o.Height = -2 }},
		{"size 14x64", func(o *vpx.Options) { o.Width = 14 }},
		{"even", func(o *vpx.Options) { o.Width = 65 }},
		{"size 16384", func(o *vpx.Options) { o.Width = 16384 }},
		{"size 64x16386", func(o *vpx.Options) { o.Codec, o.Height = vpx.VP9, 16386 }},
		{"bit rate 0", func(o *vpx.Options) { o.Bitrate = 0 }},
		{"bit rate -5", func(o *vpx.Options) { o.Bitrate = -5 }},
		{"bit rate", func(o *vpx.Options) { o.Bitrate = math.MaxInt }},
		{"threads -1", func(o *vpx.Options) { o.Threads = -1 }},
		{"threads 17", func(o *vpx.Options) { o.Threads = 17 }},
		{"cpu used 3", func(o *vpx.Options) { o.CPUUsed = 3 }},
		{"cpu used -3", func(o *vpx.Options) { o.Codec, o.CPUUsed = vpx.VP9, -3 }},
		{"key interval", func(o *vpx.Options) { o.KeyInterval = -1 }},
	} {
		o := good
		c.edit(&o)
		e, err := vpx.New(o)
		if err == nil {
			e.Close()
			t.Errorf("%+v taken", o)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %q, want %q in it", o, err, c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	eachCodec(t, func(t *testing.T, c vpx.Codec) {
		e := open(t, vpx.Options{Codec: c, Width: 64, Height: 48, Bitrate: 100_000})
		good := picture(t, 64, 48, 0)
		for name, edit := range map[string]func(m *vpx.I420){
			"other size":    func(m *vpx.I420) { m.Width = 66 },
			"short Y":       func(m *vpx.I420) { m.Y = m.Y[:64*48-1] },
			"no U":          func(m *vpx.I420) { m.U = nil },
			"short V":       func(m *vpx.I420) { m.V = m.V[:10] },
			"small stride":  func(m *vpx.I420) { m.YStride = 63 },
			"negative":      func(m *vpx.I420) { m.CStride = -32 },
			"chroma stride": func(m *vpx.I420) { m.CStride = 1 << 40 },
		} {
			m := *good
			edit(&m)
			if _, err := e.Encode(&m, 0, false); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
		if _, err := e.Encode(nil, 0, false); err == nil {
			t.Error("nil taken")
		}
		if p, err := e.Encode(good, 0, false); err != nil || !p.Key || len(p.Data) == 0 {
			t.Errorf("a good picture afterwards: %v", err)
		}
		// Rows with room between them are as good as tight ones.
		wide := &vpx.I420{Width: 64, Height: 48, YStride: 80, CStride: 40, Y: make([]byte, 80*48), U: make([]byte, 40*24), V: make([]byte, 40*24)}
		if _, err := e.Encode(wide, 3000, false); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseTwice(t *testing.T) {
	eachCodec(t, func(t *testing.T, c vpx.Codec) {
		e := open(t, vpx.Options{Codec: c, Width: 64, Height: 64, Bitrate: 100_000})
		for range 2 {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := e.Encode(picture(t, 64, 64, 0), 0, false); !errors.Is(err, vpx.ErrClosed) {
			t.Errorf("encode: %v", err)
		}
		if err := e.SetBitrate(200_000); !errors.Is(err, vpx.ErrClosed) {
			t.Errorf("set bit rate: %v", err)
		}
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	eachCodec(t, func(t *testing.T, c vpx.Codec) {
		e := open(t, vpx.Options{Codec: c, Width: 64, Height: 64, Bitrate: 100_000})
		m, bgr := picture(t, 64, 64, 0), scene(64, 64, 1)
		var conv vpx.Converter
		pts := int64(0)
		step := func() {
			pts += 3000
			if err := conv.Convert(m, bgr, 64, 64); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Encode(m, pts, pts == 3000); err != nil {
				t.Fatal(err)
			}
		}
		step()
		// Encode's three results of C are the price of calling it.
		if n := testing.AllocsPerRun(20, step); n > 4 {
			t.Errorf("%v allocations a frame", n)
		}
	})
}
