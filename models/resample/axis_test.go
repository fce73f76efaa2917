package resample_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"outrider/models/resample"
)

// resize runs both axes over a whole BGR picture.
func resize(f resample.Filter, bgr []byte, w, h, outW, outH int) []byte {
	var x, y resample.Axis
	x.Compute(f, w, outW, 0, outW, 0, w)
	y.Compute(f, h, outH, 0, outH, 0, h)
	rows, out, acc := make([]byte, 3*outW*h), make([]byte, 3*outW*outH), make([]int32, 3*outW)
	for i := range h {
		x.Row(rows[i*3*outW:(i+1)*3*outW], bgr[i*3*w:(i+1)*3*w])
	}
	for i := range outH {
		y.Column(out[i*3*outW:(i+1)*3*outW], acc, rows, i)
	}
	return out
}

func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// plain is the definition in floating point: a normalised, stretched kernel.
func plain(f resample.Filter, in []float64, out int) []float64 {
	scale := float64(len(in)) / float64(out)
	stretch := math.Max(scale, 1)
	res := make([]float64, out)
	for i := range res {
		center, sum := (float64(i)+.5)*scale, 0.0
		for j, v := range in {
			k := f.Kernel((float64(j) + .5 - center) / stretch)
			if math.Abs(float64(j)+.5-center) > f.Support*stretch+.5 {
				k = 0
			}
			sum += k
			res[i] += k * v
		}
		res[i] = math.Min(math.Max(res[i]/sum, 0), 255)
	}
	return res
}

func TestAgainstTheDefinition(t *testing.T) {
	for _, f := range []struct {
		name string
		resample.Filter
	}{{"bilinear", resample.Bilinear}, {"bicubic", resample.Bicubic}} {
		for _, s := range [][2]int{{7, 7}, {5, 16}, {64, 10}, {100, 99}, {1, 8}, {50, 1}} {
			w, outW := s[0], s[1]
			pix := noise(3 * w)
			got := resize(f.Filter, pix, w, 1, outW, 1)
			for c := range 3 {
				line := make([]float64, w)
				for x := range line {
					line[x] = float64(pix[3*x+c])
				}
				for x, want := range plain(f.Filter, line, outW) {
					if g := float64(got[3*x+2-c]); math.Abs(g-want) > .6 {
						t.Errorf("%s %d to %d: channel %d of pixel %d is %g, want %.2f", f.name, w, outW, c, x, g, want)
					}
				}
			}
		}
	}
}

func TestSameSizeKeepsThePicture(t *testing.T) {
	pix := noise(3 * 9 * 6)
	out := resize(resample.Bicubic, pix, 9, 6, 9, 6)
	for i := range pix {
		if out[i] != pix[i/3*3+2-i%3] {
			t.Fatalf("value %d is %d, want %d with the channels turned", i, out[i], pix[i/3*3+2-i%3])
		}
	}
}

// A cut of the output, and a black border that is not stored, give what the whole gives.
func TestCropAndBorder(t *testing.T) {
	const w, lo, hi, out = 40, 7, 31, 64
	pix := noise(3 * w)
	clear(pix[:3*lo])
	clear(pix[3*hi:])
	whole := resize(resample.Bicubic, pix, w, 1, out, 1)
	var x resample.Axis
	x.Compute(resample.Bicubic, w, out, 10, 20, lo, hi)
	got := make([]byte, 3*20)
	x.Row(got, pix[3*lo:3*hi])
	for i := range got {
		if got[i] != whole[3*10+i] {
			t.Fatalf("value %d is %d, want %d", i, got[i], whole[3*10+i])
		}
	}
	if from, to := x.Span(); from < 0 || to > hi-lo || from >= to {
		t.Errorf("span %d to %d of %d samples", from, to, hi-lo)
	}
}
