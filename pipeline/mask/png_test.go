package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"outrider/pipeline/mask"
)

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pictures are one mask, two pixels of a 70 x 3 picture, in the formats that PNG has.
func pictures() map[string]image.Image {
	r := image.Rect(0, 0, 70, 3)
	at := []image.Point{{1, 2}, {69, 0}}
	gray, gray16, rgba, nrgba := image.NewGray(r), image.NewGray16(r), image.NewRGBA(r), image.NewNRGBA(r)
	pal := image.NewPaletted(r, color.Palette{color.Black, color.White, color.Transparent})
	for i := range rgba.Pix { // opaque black
		if i%4 == 3 {
			rgba.Pix[i] = 255
		}
	}
	for y := range 3 {
		for x := range 70 {
			nrgba.Set(x, y, color.NRGBA{R: 200}) // coloured, transparent
			if x == 5 {
				pal.SetColorIndex(x, y, 2)
			}
		}
	}
	for _, p := range at {
		gray.Set(p.X, p.Y, color.Gray{Y: 1})
		gray16.Set(p.X, p.Y, color.Gray16{Y: 300})
		rgba.Set(p.X, p.Y, color.RGBA{B: 9, A: 255})
		nrgba.Set(p.X, p.Y, color.NRGBA{R: 255, A: 255})
		pal.SetColorIndex(p.X, p.Y, 1)
	}
	return map[string]image.Image{"gray": gray, "gray16": gray16, "rgb": rgba, "rgba": nrgba, "palette": pal}
}

func TestDecodePNG(t *testing.T) {
	for name, img := range pictures() {
		m, err := mask.DecodePNG(pngOf(t, img))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Grid() != mask.FrameGrid(70, 3) || m.Area() != 2 || !m.Has(1, 2) || !m.Has(69, 0) {
			t.Errorf("%s: %d cells of %+v", name, m.Area(), m.Grid())
		}
	}
}

// A header that promises ten thousand million pixels is refused before anything is unpacked.
func TestDecodePNGRefuses(t *testing.T) {
	good := pngOf(t, image.NewGray(image.Rect(0, 0, 4, 4)))
	huge := bytes.Clone(good)
	copy(huge[16:], []byte{0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0})
	copy(huge[29:], []byte{0xb6, 0x40, 0x89, 0x2b}) // the checksum; when it is wrong that is refused too
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("hello"), "cut": good[:len(good)-20], "huge": huge} {
		if _, err := mask.DecodePNG(b); err == nil || !strings.Contains(err.Error(), "decode mask") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The JSON of a mask may hold a PNG instead of runs.
func TestRLEFromPNG(t *testing.T) {
	text := base64.StdEncoding.EncodeToString(pngOf(t, pictures()["gray"]))
	var r mask.RLE
	if err := json.Unmarshal([]byte(`{"png":"`+text+`"}`), &r); err != nil {
		t.Fatal(err)
	}
	if m, err := r.Mask(); err != nil || m.Area() != 2 || r.Size != [2]int{3, 70} {
		t.Errorf("%+v: %v", r, err)
	}
	for _, bad := range []string{`{"png":"AAAA"}`, `{"png":"#"}`, `{"png":"` + text + `","size":[3,70]}`, `{"png":"` + text + `","counts":"0"}`} {
		if err := json.Unmarshal([]byte(bad), &r); err == nil {
			t.Errorf("%.40s: taken", bad)
		}
	}
}

func FuzzDecodePNG(f *testing.F) {
	for _, img := range pictures() {
		f.Add(pngOf(f, img))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		m, err := mask.DecodePNG(b)
		if err != nil {
			return
		}
		g := m.Grid()
		if back, err := m.RLE(g.W, g.H).Mask(); err != nil || back.Area() != m.Area() {
			t.Fatalf("%dx%d: %v", g.W, g.H, err)
		}
	})
}
