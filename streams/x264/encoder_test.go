//go:build x264

package x264_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"gocv.io/x/gocv"

	"outrider/streams/vpx"
	"outrider/streams/x264"
)

const width, height = 320, 240

// picture has texture, noise that is new each time so that a target rate can be spent, and a
// bright square that moves.
func picture(t *testing.T, i int) *vpx.I420 {
	t.Helper()
	m, err := vpx.NewI420(width, height)
	if err != nil {
		t.Fatal(err)
	}
	for y := range height {
		for x := range width {
			h := uint32(x)*0x9e3779b1 ^ uint32(y)*0x85ebca77 ^ uint32(i)*0xc2b2ae3d
			h ^= h >> 15
			v := 90 + int(40*math.Sin(float64(x)/17)*math.Cos(float64(y)/11)) + int(h*0x2c1b3c6d>>16)%24
			if cx := (40 + 5*i) % (width - 40); x >= cx && x < cx+40 && y >= 60 && y < 120 {
				v = 220
			}
			m.Y[y*m.YStride+x] = byte(v)
		}
	}
	for i := range m.U {
		m.U[i], m.V[i] = 120, 130
	}
	return m
}

func open(t *testing.T, bitrate int) *x264.Encoder {
	t.Helper()
	e, err := x264.New(width, height, bitrate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestRate(t *testing.T) {
	for _, fps := range []int{5, 30} {
		e := open(t, 250_000)
		bits, seconds := 0, 10
		for i := range seconds * fps {
			p, err := e.Encode(picture(t, 3*i), int64(i)*vpx.ClockRate/int64(fps), false)
			if err != nil {
				t.Fatal(err)
			}
			if i >= 2*fps {
				bits += 8 * len(p.Data)
			}
		}
		if got := float64(bits) / float64(seconds-2) / 250_000; got < .85 || got > 1.1 {
			t.Errorf("%d frames/s: %.2f of the target rate", fps, got)
		}
	}
}

func TestBitrateChange(t *testing.T) {
	e := open(t, 400_000)
	n := 0
	run := func(frames int) float64 {
		bits := 0
		for range frames {
			p, err := e.Encode(picture(t, 3*n), int64(n)*vpx.ClockRate/15, false)
			if err != nil {
				t.Fatal(err)
			}
			bits += 8 * len(p.Data)
			n++
		}
		return float64(bits) * 15 / float64(frames)
	}
	run(45)
	for _, rate := range []int{150_000, 400_000} {
		if err := e.SetBitrate(rate); err != nil {
			t.Fatal(err)
		}
		run(30)
		if got := run(60) / float64(rate); got < .8 || got > 1.2 {
			t.Errorf("after a change to %d: %.2f of it", rate, got)
		}
	}
	if err := e.SetBitrate(0); err == nil {
		t.Error("bit rate 0 taken")
	}
}

// TestPlays writes a stream to a file and has an independent decoder play it; a key frame comes
// first and when asked for, and carries its parameter sets.
func TestPlays(t *testing.T) {
	e := open(t, 800_000)
	path := filepath.Join(t.TempDir(), "a.h264")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const frames = 30
	for i := range frames {
		want := i == 0 || i == 13 || i == 14
		p, err := e.Encode(picture(t, i), int64(i)*3600, want && i > 0)
		if err != nil {
			t.Fatal(err)
		}
		if p.Key != want {
			t.Errorf("frame %d: key %v, want %v", i, p.Key, want)
		}
		if sps := len(p.Data) > 5 && p.Data[4]&31 == 7; sps != want {
			t.Errorf("frame %d: begins with parameters %v, want %v", i, sps, want)
		}
		f.Write(p.Data)
	}
	f.Close()
	v, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	m := gocv.NewMat()
	defer m.Close()
	n := 0
	for v.Read(&m) && !m.Empty() {
		if m.Cols() != width || m.Rows() != height {
			t.Fatalf("frame of %dx%d", m.Cols(), m.Rows())
		}
		cx := (40+5*n)%(width-40) + 20
		if b := m.GetVecbAt(90, cx)[1]; b < 200 {
			t.Errorf("frame %d: the square is %d at %d,90", n, b, cx)
		}
		n++
	}
	if n != frames {
		t.Errorf("%d frames play, want %d", n, frames)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range [][3]int{{15, 16, 1e6}, {17, 16, 1e6}, {5000, 100, 1e6}, {64, 64, 1}, {0, 0, 0}} {
		if e, err := x264.New(c[0], c[1], c[2]); err == nil {
			e.Close()
			t.Errorf("%v taken", c)
		}
	}
	e := open(t, 100_000)
	m := picture(t, 0)
	for _, c := range []struct {
		m   *vpx.I420
		pts int64
		ok  bool
	}{{nil, 0, false}, {&vpx.I420{Width: width, Height: height}, 0, false}, {m, -1, false}, {m, 0, true}, {m, 0, false}, {m, 90_000, true}} {
		if _, err := e.Encode(c.m, c.pts, false); (err == nil) != c.ok {
			t.Errorf("pts %d: %v", c.pts, err)
		}
	}
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := e.Encode(m, 180_000, false); !errors.Is(err, vpx.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := e.SetBitrate(200_000); !errors.Is(err, vpx.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
