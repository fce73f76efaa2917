package overlay

import (
	"image/color"

	"outrider/pipeline"
)

// palette are the colours of tracks: told apart in normal and colour-blind vision, and far
// from the colours of warning levels.
var palette = [8]rgb{
	{0x69, 0xDF, 0xF3}, {0xC0, 0x78, 0x9B}, {0x2B, 0xA1, 0x69}, {0xCE, 0xFA, 0xE9},
	{0x5B, 0x88, 0xFD}, {0x9B, 0xB9, 0x5C}, {0xA8, 0x7B, 0xD0}, {0x87, 0xCD, 0xA4},
}

// rgb is a paint.
type rgb struct{ r, g, b byte }

var (
	black = rgb{0, 0, 0}
	white = rgb{255, 255, 255}
)

// levels are the look of the warning levels 0 to 4: the paint, the width of the contact line
// in pixels of a picture 720 high, and the text on it.
var levels = [5]struct {
	paint, text rgb
	line        float64
}{
	{white, black, 0},
	{white, black, 2},
	{rgb{0xF0, 0xE4, 0x42}, black, 4},
	{rgb{0xE6, 0x9F, 0x00}, black, 6},
	{rgb{0xD9, 0x2B, 0x2F}, white, 8},
}

// TrackColor is the colour of a track in every view: by id, from a palette of eight.
func TrackColor(id uint64) color.RGBA {
	c := trackPaint(id)
	return color.RGBA{c.r, c.g, c.b, 255}
}

func trackPaint(id uint64) rgb { return palette[id%8] }

// Dash patterns: pixels on and off, at a picture height of 720. The zero pattern is solid.
type dash struct{ on, off float64 }

var (
	solid     = dash{}
	trackDash = [3]dash{solid, {8, 4}, {2, 4}} // tells tracks of one colour apart
	predicted = dash{10, 6}                    // the box of a track that this frame does not show
	lost      = dash{2, 5}                     // the box of a lost track
	places    = dash{6, 4}                     // zones and lines
)

// outlineOf is how a track's outline is dashed.
func outlineOf(t *pipeline.Track) dash {
	switch {
	case t.State == pipeline.Lost:
		return lost
	case !t.Observed:
		return predicted
	}
	return trackDash[t.ID/8%3]
}
