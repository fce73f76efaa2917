package board

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
)

// Paper is a sheet, millimetres, the longer side first.
type Paper struct {
	Name          string
	Width, Height float64
}

var papers = map[string]Paper{
	"a4":     {"A4", 297, 210},
	"a3":     {"A3", 420, 297},
	"a2":     {"A2", 594, 420},
	"letter": {"Letter", 279.4, 215.9},
	"legal":  {"Legal", 355.6, 215.9},
}

// PaperOf finds a sheet by its name, in any case.
func PaperOf(name string) (Paper, error) {
	p, ok := papers[strings.ToLower(name)]
	if !ok {
		var known []string
		for k := range papers {
			known = append(known, k)
		}
		sort.Strings(known)
		return p, fmt.Errorf("paper %q is not known; known are %s", name, strings.Join(known, ", "))
	}
	return p, nil
}

const (
	margin = 8.0  // millimetres that printers leave white
	footer = 14.0 // for the ruler and the words under the board
)

// rect is a filled rectangle, millimetres from the top left corner of the sheet.
type rect struct{ x, y, w, h float64 }

// sheet is what is printed.
type sheet struct {
	paper  Paper
	black  []rect
	words  string
	wx, wy float64
}

// lay puts the board on the sheet with its longer side along the sheet's.
func (p Pattern) lay(paper Paper) (sheet, error) {
	if err := p.Validate(); err != nil {
		return sheet{}, err
	}
	s := p.Square * 1000
	cols, rows := p.Columns+1, p.Rows+1
	if rows > cols {
		cols, rows = rows, cols
	}
	w, h := float64(cols)*s, float64(rows)*s
	if w > paper.Width-2*margin || h > paper.Height-2*margin-footer {
		fits := min((paper.Width-2*margin)/float64(cols), (paper.Height-2*margin-footer)/float64(rows))
		return sheet{}, fmt.Errorf("a board of %dx%d squares of %.4g mm is %.0f x %.0f mm and does not fit on %s; squares of up to %.1f mm do", cols, rows, s, w, h, paper.Name, float64(int(fits*10))/10)
	}
	out := sheet{paper: paper}
	x0, y0 := (paper.Width-w)/2, (paper.Height-footer-h)/2
	for r := range rows {
		for c := range cols {
			if (r+c)%2 == 0 {
				out.black = append(out.black, rect{x0 + float64(c)*s, y0 + float64(r)*s, s, s})
			}
		}
	}
	// A ruler of 100 mm with ends, to check the printer's scale.
	y := paper.Height - margin - 4
	out.black = append(out.black, rect{margin, y, 100, 0.3}, rect{margin, y - 1.5, 0.3, 3}, rect{margin + 99.7, y - 1.5, 0.3, 3})
	out.words = fmt.Sprintf("%d x %d inner corners, squares of %.4g mm. Print at 100 %%: this line is 100 mm long.", cols-1, rows-1, s)
	out.wx, out.wy = margin+104, y+1.2
	return out, nil
}

// SVG draws the board on a sheet, in millimetres.
func (p Pattern) SVG(paper Paper) ([]byte, error) {
	s, err := p.lay(paper)
	if err != nil {
		return nil, fmt.Errorf("draw chessboard: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%gmm\" height=\"%gmm\" viewBox=\"0 0 %g %g\">\n<rect width=\"%g\" height=\"%g\" fill=\"#fff\"/>\n<path d=\"", paper.Width, paper.Height, paper.Width, paper.Height, paper.Width, paper.Height)
	for _, r := range s.black {
		fmt.Fprintf(&b, "M%.4f %.4fh%.4fv%.4fh%.4fz", r.x, r.y, r.w, r.h, -r.w)
	}
	fmt.Fprintf(&b, "\"/>\n<text x=\"%.2f\" y=\"%.2f\" font-family=\"sans-serif\" font-size=\"3.5\">%s</text>\n</svg>\n", s.wx, s.wy, s.words)
	return b.Bytes(), nil
}

// PDF draws the board on a sheet, one page of PDF 1.4.
func (p Pattern) PDF(paper Paper) ([]byte, error) {
	s, err := p.lay(paper)
	if err != nil {
		return nil, fmt.Errorf("draw chessboard: %w", err)
	}
	const pt = 72 / 25.4 // points a millimetre
	var c bytes.Buffer
	for _, r := range s.black {
		fmt.Fprintf(&c, "%.4f %.4f %.4f %.4f re\n", r.x*pt, (paper.Height-r.y-r.h)*pt, r.w*pt, r.h*pt)
	}
	fmt.Fprintf(&c, "f\nBT /F 10 Tf %.2f %.2f Td (%s) Tj ET\n", s.wx*pt, (paper.Height-s.wy)*pt, s.words)
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.4f %.4f] /Contents 4 0 R /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>", paper.Width*pt, paper.Height*pt),
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", c.Len(), c.Bytes()),
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, at)
	return b.Bytes(), nil
}
