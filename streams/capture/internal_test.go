package capture

import (
	"image"
	"image/color"
	"slices"
	"sort"
	"testing"
)

func TestNaturalOrder(t *testing.T) {
	want := []string{"a", "a1", "a01", "a2", "a010", "a10b", "a99999999999999999999", "a100000000000000000000", "b"}
	sort.Slice(want[:3], func(i, j int) bool { return naturalLess(want[i], want[j]) })
	got := slices.Clone(want)
	slices.Reverse(got)
	sort.Slice(got, func(i, j int) bool { return naturalLess(got[i], got[j]) })
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCopyRotated(t *testing.T) {
	// 3x2: a b c
	//      d e f
	src := []byte("AAABBBCCCDDDEEEFFF")
	for degrees, want := range map[int]string{
		0:   "AAABBBCCCDDDEEEFFF",
		90:  "DDDAAAEEEBBBFFFCCC", // d a / e b / f c
		180: "FFFEEEDDDCCCBBBAAA",
		270: "CCCFFFBBBEEEAAADDD", // c f / b e / a d
	} {
		dst := make([]byte, len(src))
		copyRotated(dst, src, 3, 2, degrees)
		if string(dst) != want {
			t.Errorf("%d: %s, want %s", degrees, dst, want)
		}
	}
}

func TestToBGRAgreesWithColor(t *testing.T) {
	r := image.Rect(3, 5, 8, 9) // not at the origin
	ycc := image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
	for i := range ycc.Y {
		ycc.Y[i] = byte(i * 11)
	}
	for i := range ycc.Cb {
		ycc.Cb[i], ycc.Cr[i] = byte(i*40), byte(255-i*30)
	}
	rgba, gray, nrgba := image.NewRGBA(r), image.NewGray(r), image.NewNRGBA(r)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := color.NRGBA{byte(x * 30), byte(y * 20), byte(x * y), byte(255 - x*9)}
			rgba.Set(x, y, c)
			gray.Set(x, y, c)
			nrgba.Set(x, y, c)
		}
	}
	for _, img := range []image.Image{ycc, rgba, gray, nrgba} {
		dst := make([]byte, 3*r.Dx()*r.Dy())
		toBGR(dst, img)
		i := 0
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				cr, cg, cb, _ := img.At(x, y).RGBA()
				if want := [3]byte{byte(cb >> 8), byte(cg >> 8), byte(cr >> 8)}; [3]byte(dst[i:i+3]) != want {
					t.Fatalf("%T at %d,%d: %v, want %v", img, x, y, dst[i:i+3], want)
				}
				i += 3
			}
		}
	}
}
