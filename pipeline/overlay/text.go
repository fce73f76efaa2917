package overlay

import (
	"image"
	"sync"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// parsed is the font of all text, read once.
var parsed = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

// glyph is a drawn character.
type glyph struct {
	alpha   []byte
	box     image.Rectangle // where alpha lies, from the pen on the base line
	advance fixed.Int26_6
}

// writer draws text of one size with glyphs that it keeps.
type writer struct {
	size    int // pixels
	face    font.Face
	ascent  int
	descent int
	glyphs  map[rune]*glyph
}

// maxGlyphs bounds the memory of texts that users choose.
const maxGlyphs = 1024

// resize sets the size in pixels.
func (w *writer) resize(size int) {
	if w.size == size {
		return
	}
	w.size, w.face, w.glyphs = size, nil, map[rune]*glyph{}
	f, err := parsed()
	if err != nil {
		return // the embedded font is known to be good; without it nothing is written
	}
	if w.face, err = opentype.NewFace(f, &opentype.FaceOptions{Size: float64(size), DPI: 72, Hinting: font.HintingFull}); err != nil {
		w.face = nil
		return
	}
	m := w.face.Metrics()
	w.ascent, w.descent = m.Ascent.Ceil(), m.Descent.Ceil()
}

// glyph returns the drawn character, a box for one that the font lacks.
func (w *writer) glyph(r rune) *glyph {
	if g, ok := w.glyphs[r]; ok {
		return g
	}
	g := &glyph{}
	if w.face != nil {
		box, mask, at, advance, ok := w.face.Glyph(fixed.Point26_6{}, r)
		if ok {
			g.box, g.advance = box, advance
			g.alpha = make([]byte, 0, box.Dx()*box.Dy())
			for y := range box.Dy() {
				for x := range box.Dx() {
					_, _, _, a := mask.At(at.X+x, at.Y+y).RGBA()
					g.alpha = append(g.alpha, byte(a>>8))
				}
			}
		}
	}
	if len(w.glyphs) >= maxGlyphs {
		clear(w.glyphs)
	}
	w.glyphs[r] = g
	return g
}

// width is how wide text is, in pixels.
func (w *writer) width(text []byte) int {
	x := fixed.Int26_6(0)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		i += n
		x += w.glyph(r).advance
	}
	return x.Ceil()
}

// draw writes text with the pen beginning at (x, y) on the base line.
func (w *writer) draw(c *canvas, x, y int, text []byte, paint rgb) {
	pen := fixed.I(x)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		i += n
		g := w.glyph(r)
		at := g.box.Add(image.Pt(pen.Round(), y))
		in := at.Intersect(c.bounds())
		for py := in.Min.Y; py < in.Max.Y; py++ {
			alpha := g.alpha[(py-at.Min.Y)*at.Dx():]
			row := c.pix[3*py*c.w:]
			for px := in.Min.X; px < in.Max.X; px++ {
				if a := alpha[px-at.Min.X]; a != 0 {
					blend(row[3*px:3*px+3], paint, uint32(a))
				}
			}
		}
		pen += g.advance
	}
}
