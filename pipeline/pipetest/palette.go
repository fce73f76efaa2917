package pipetest

// Color is a paint of the synthetic scenes.
type Color struct {
	Name    string
	B, G, R byte
}

// Ground is the colour of everything that is no object: a grey, far from all of Palette.
var Ground = Color{"ground", 96, 96, 96}

// Palette are the colours of objects: corners of the colour cube, so far apart that they are
// told from each other after lossy video too.
var Palette = []Color{
	{"red", 0, 0, 255},
	{"green", 0, 255, 0},
	{"blue", 255, 0, 0},
	{"yellow", 0, 255, 255},
	{"magenta", 255, 0, 255},
	{"cyan", 255, 255, 0},
}

// colorIndex is the index in Palette of the colour that each channel of the pixel is within
// tolerance of, -1 for none.
func colorIndex(b, g, r byte, tolerance int) int {
	near := func(a, b byte) bool {
		d := int(a) - int(b)
		return d <= tolerance && -d <= tolerance
	}
	for i, c := range Palette {
		if near(b, c.B) && near(g, c.G) && near(r, c.R) {
			return i
		}
	}
	return -1
}
