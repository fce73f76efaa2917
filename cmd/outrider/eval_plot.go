package main

import (
	"bufio"
	"fmt"
	"html"
	"os"
	"path/filepath"

	"outrider/streams/export"
	"outrider/tracker/trackeval"
)

// curve is one line of a plot of HOTA, in percent by threshold.
type curve struct {
	name string
	y    [trackeval.Alphas]float64
}

// plotTracks draws HOTA over the localisation threshold: sets.svg a line a set, and for each
// set SET.svg a line a sequence.
func plotTracks(dir string, rep trackReport) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder of plots: %w", err)
	}
	var sets []curve
	for _, s := range rep.Sets {
		var lines []curve
		for _, q := range s.Sequences {
			lines = append(lines, curve{fmt.Sprintf("%s %.1f", q.Name, q.HOTA), q.ByAlpha})
		}
		if err := writePlot(filepath.Join(dir, s.Name+".svg"), "HOTA on "+s.Name, lines); err != nil {
			return err
		}
		sets = append(sets, curve{fmt.Sprintf("%s %.1f", s.Name, s.Combined.HOTA), s.Combined.ByAlpha})
	}
	if len(sets) > 1 {
		sets = append(sets, curve{fmt.Sprintf("mean of sets %.1f", rep.Mean.HOTA), rep.Mean.ByAlpha})
	}
	return writePlot(filepath.Join(dir, "sets.svg"), "HOTA by set", sets)
}

// Sizes of a plot in its own units: the area of the curves, and what is left free around it.
const (
	plotW, plotH = 560, 400
	plotLeft     = 48
	plotTop      = 40
	plotRight    = 220 // names
	plotBottom   = 44
)

// colours of lines, told apart by most people with a colour vision deficiency (Okabe and Ito);
// the second round is dashed.
var plotColours = [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"}

func writePlot(path, title string, curves []curve) error {
	return export.WriteFile(path, func(w *bufio.Writer) error {
		const n = trackeval.Alphas
		x := func(a int) float64 { return plotLeft + float64(a)/(n-1)*plotW }
		y := func(v float64) float64 { return plotTop + (1-v/100)*plotH }
		height := max(plotTop+plotH+plotBottom, plotTop+20*len(curves)+20)
		fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", plotLeft+plotW+plotRight, height)
		fmt.Fprintf(w, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="24" font-size="16">%s</text>`+"\n", plotLeft, html.EscapeString(title))
		for v := 0; v <= 100; v += 20 {
			fmt.Fprintf(w, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%d</text>`+"\n", plotLeft, y(float64(v)), plotW, plotLeft-6, y(float64(v))+4, v)
		}
		for a := 0; a < n; a += 3 {
			fmt.Fprintf(w, `<text x="%.1f" y="%d" text-anchor="middle">%.2f</text>`+"\n", x(a), plotTop+plotH+18, 0.05*float64(a+1))
		}
		fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="middle">localisation threshold</text>`+"\n", plotLeft+plotW/2, plotTop+plotH+36)
		for i, c := range curves {
			dash := ""
			if i/len(plotColours)%2 == 1 {
				dash = ` stroke-dasharray="6 4"`
			}
			style := fmt.Sprintf(`fill="none" stroke="%s" stroke-width="2"%s`, plotColours[i%len(plotColours)], dash)
			fmt.Fprintf(w, `<polyline %s points="`, style)
			for a, v := range c.y {
				fmt.Fprintf(w, "%.1f,%.1f ", x(a), y(v))
			}
			fmt.Fprintln(w, `"/>`)
			ly := plotTop + 10 + 20*i
			fmt.Fprintf(w, `<path d="M%d %dh22" %s/><text x="%d" y="%d">%s</text>`+"\n", plotLeft+plotW+12, ly, style, plotLeft+plotW+40, ly+4, html.EscapeString(c.name))
		}
		fmt.Fprintln(w, "</svg>")
		return nil
	})
}
