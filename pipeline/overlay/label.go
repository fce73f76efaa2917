package overlay

import (
	"image"
	"strconv"
	"time"
	"unicode/utf8"

	"outrider/pipeline"
)

// maxLabel is how many characters of a track's name a pill shows.
const maxLabel = 24

// appendLabel writes a track's label: "person #17 0.83", for a lost one "person #17 lost 4 s".
func appendLabel(dst []byte, t *pipeline.Track, now time.Time) []byte {
	if t.Label != "" {
		n := 0
		for i := range t.Label {
			if n == maxLabel {
				dst = append(append(dst, t.Label[:i]...), "…"...)
				break
			}
			n++
		}
		if utf8.RuneCountInString(t.Label) <= maxLabel {
			dst = append(dst, t.Label...)
		}
		dst = append(dst, ' ')
	}
	dst = append(dst, '#')
	dst = strconv.AppendUint(dst, t.ID, 10)
	dst = append(dst, ' ')
	if t.State == pipeline.Lost {
		dst = append(dst, "lost "...)
		dst = strconv.AppendInt(dst, int64(max(0, now.Sub(t.LastSeen)).Seconds()), 10)
		return append(dst, " s"...)
	}
	return strconv.AppendFloat(dst, t.Score, 'f', 2, 64)
}

// place finds room for a pill of w x h pixels at a box: above it, below, inside at the top, beside,
// else the nearest free height; inside the picture and over no other pill. moved tells that the pill
// is away from its box, so that a leader should join them. The place is remembered.
//
// With below, the places above and below change their order.
func (p *Painter) place(box image.Rectangle, w, h int, below bool) (r image.Rectangle, moved bool) {
	gap := max(2, h/8)
	at := func(x, y int) image.Rectangle {
		x = max(0, min(x, p.canvas.w-w))
		y = max(0, min(y, p.canvas.h-h))
		return image.Rect(x, y, x+w, y+h)
	}
	near := [...]image.Point{
		{box.Min.X, box.Min.Y - h - gap}, {box.Min.X, box.Max.Y + gap},
		{box.Max.X + gap, box.Min.Y}, {box.Min.X - w - gap, box.Min.Y},
		{box.Max.X - w, box.Min.Y - h - gap},
	}
	if below {
		near[0], near[1] = near[1], near[0]
	}
	first := at(near[0].X, near[0].Y)
	for i, q := range near {
		// Only the first place may be pushed inside: the others would then cover the object.
		if r = at(q.X, q.Y); (i == 0 || r.Min == q) && p.vacant(r) {
			p.pills = append(p.pills, r)
			return r, false
		}
	}
	for step := h + 1; step < p.canvas.h; step += h + 1 {
		for _, y := range [2]int{first.Min.Y - step, first.Min.Y + step} {
			if r = at(first.Min.X, y); r.Min.Y == y && p.vacant(r) {
				p.pills = append(p.pills, r)
				return r, true
			}
		}
	}
	p.pills = append(p.pills, first) // a full column: over another one at last
	return first, false
}

// vacant tells whether no pill lies under r.
func (p *Painter) vacant(r image.Rectangle) bool {
	for _, o := range p.pills {
		if r.Overlaps(o) {
			return false
		}
	}
	return true
}

// pillLook is the paint of a pill: its ground and how strong that is of 255, the text, and the bar that
// ties it to what it names.
type pillLook struct {
	ground   rgb
	strength uint32
	ink, bar rgb
}

// label draws the pill of a text at a box given in picture pixels.
func (p *Painter) label(box image.Rectangle, below bool, text []byte, look pillLook) {
	pad := max(3, p.text.size/3)
	w, h := p.text.width(text)+2*pad+pad, p.text.ascent+p.text.descent+2
	r, moved := p.place(box, w, h, below)
	c := &p.canvas
	if moved {
		a := point{float64(r.Min.X+r.Max.X) / 2, float64(r.Min.Y+r.Max.Y) / 2}
		b := point{float64(box.Min.X+box.Max.X) / 2, float64(box.Min.Y)}
		c.line(a, b, 1, 200)
		c.flush(white)
	}
	c.pill(r, h/4, look.ground, look.strength)
	c.rect(image.Rect(r.Min.X+pad/2+1, r.Min.Y+3, r.Min.X+pad+1, r.Max.Y-3), look.bar, 255)
	p.text.draw(c, r.Min.X+2*pad, r.Min.Y+1+p.text.ascent, text, look.ink)
}
