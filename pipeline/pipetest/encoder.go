package pipetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"outrider/pipeline"
)

// ColorEncoder embeds regions and texts by colour: a dimension for each colour of Palette and one for
// everything else. A region is the share of its pixels in each, a text the colours that it
// names ("a red square"). The zero value is ready; safe for concurrent use.
type ColorEncoder struct{}

var (
	_ pipeline.ImageEncoder = ColorEncoder{}
	_ pipeline.TextEncoder  = ColorEncoder{}
)

// EncodeRegions implements pipeline.ImageEncoder. A region without a pixel in the frame is an
// error.
func (ColorEncoder) EncodeRegions(ctx context.Context, f *pipeline.Frame, regions []pipeline.Region) ([][]float32, error) {
	out := make([][]float32, 0, len(regions))
	for i, r := range regions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !r.Box.Finite() {
			return nil, fmt.Errorf("encode region %d: box %v is not finite", i, r.Box)
		}
		b := r.Box.Clip(f.Width, f.Height)
		v := make([]float32, len(Palette)+1)
		for y := int(b.Y1); float64(y) < b.Y2; y++ {
			for x := int(b.X1); float64(x) < b.X2; x++ {
				if r.Mask != nil && !r.Mask.At(float64(x)+.5, float64(y)+.5) {
					continue
				}
				p := f.Data[3*(y*f.Width+x):]
				k := colorIndex(p[0], p[1], p[2], 80)
				if k < 0 {
					k = len(Palette)
				}
				v[k]++
			}
		}
		if !normalize(v) {
			return nil, fmt.Errorf("encode region %d: no pixel of box %v is in the frame", i, r.Box)
		}
		out = append(out, v)
	}
	return out, nil
}

// EncodeTexts implements pipeline.TextEncoder. Words that are no colours count for nothing; a
// text of only such words is unknown.
func (ColorEncoder) EncodeTexts(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, 0, len(texts))
	for _, t := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v := make([]float32, len(Palette)+1)
		for _, i := range colorsIn(t) {
			v[i] = 1
		}
		if !normalize(v) {
			return nil, unknownText(t)
		}
		out = append(out, v)
	}
	return out, nil
}

// colorsIn are the colours of Palette that a text names.
func colorsIn(text string) []int {
	var found []int
	for _, w := range strings.Fields(strings.ToLower(text)) {
		if i := slices.IndexFunc(Palette, func(c Color) bool { return c.Name == w }); i >= 0 {
			found = append(found, i)
		}
	}
	return found
}

func unknownText(t string) error {
	e := &pipeline.UnknownTextError{Text: t, Hint: "name a colour"}
	for _, c := range Palette {
		e.Near = append(e.Near, c.Name)
	}
	return e
}

// normalize makes v a unit vector, or reports that it is all zero.
func normalize(v []float32) bool {
	sum := 0.
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return false
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return true
}
