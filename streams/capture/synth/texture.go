package synth

import "math"

// colour is BGR, 0 to 255.
type colour struct{ b, g, r float64 }

func (c colour) mul(f float64) colour { return colour{c.b * f, c.g * f, c.r * f} }

// texture gives the colour at (a, b) metres from a face's corner along its edges; ok is
// false where the face is transparent.
type texture func(a, b float64) (c colour, ok bool)

// noise is value noise in [-1, 1) on a lattice, cheap and seeded by s.
func noise(x, y float64, s uint64) float64 {
	ix, iy := math.Floor(x), math.Floor(y)
	fx, fy := x-ix, y-iy
	at := func(i, j float64) float64 {
		return unit(mix(uint64(int64(i+ix))*0x1f123bb5^uint64(int64(j+iy))*0x5bd1e995^s))*2 - 1
	}
	top := at(0, 0) + (at(1, 0)-at(0, 0))*fx
	bottom := at(0, 1) + (at(1, 1)-at(0, 1))*fx
	return top + (bottom-top)*fy
}

// ground colours the street at road position x (along, from the start of the world) and y.
// far damps detail that would be smaller than a pixel.
func ground(x, y, far float64, seed uint64) colour {
	detail := 1 / (1 + far*far/150)
	switch {
	case y < roadRight-walkWidth || y > roadLeft+walkWidth:
		n := noise(x*1.5, y*1.5, seed)*18*detail + noise(x*.2, y*.2, seed+1)*12
		return colour{60 + n*.5, 110 + n, 85 + n}
	case y < roadRight-0.15 || y > roadLeft+0.15: // pavement of slabs
		c := 168 + noise(x*2, y*2, seed)*8*detail
		if detail > .2 && (math.Mod(math.Abs(x), 1.2) < .05 || math.Mod(math.Abs(y), .8) < .05) {
			c -= 28 * detail
		}
		return colour{c - 8, c - 2, c}
	case y < roadRight || y > roadLeft:
		return colour{190, 195, 198}
	}
	c := 92 + noise(x*9, y*9, seed)*11*detail + noise(x*.6, y*.9, seed+2)*7
	line := func(at, half float64) bool { return math.Abs(y-at) < half }
	switch {
	case line(laneWidth/2, .07+far*.0004) && math.Mod(math.Mod(x, 9)+9, 9) < 3:
		c = 225
	case line(-laneWidth/2, .06+far*.0004), line(1.5*laneWidth, .06+far*.0004):
		c = 215
	}
	// Repairs, stains and manholes: dark or light, flat, no obstacle.
	cellX, cellY := math.Floor(x/6), math.Floor(y/2.5)
	k := mix(uint64(int64(cellX))*31 ^ uint64(int64(cellY))*17 ^ seed)
	dx, dy := x-cellX*6-3, y-cellY*2.5-1.25
	switch {
	case k%11 == 0 && math.Abs(dx) < 1.6 && math.Abs(dy) < .8:
		c -= 22
	case k%11 == 1 && dx*dx+dy*dy < .12:
		c -= 38
	}
	return colour{c + 3, c + 1, c}
}

var sky = [2]colour{{238, 200, 150}, {235, 225, 212}} // zenith, horizon

// bodyColours are car paints.
var bodyColours = []colour{{40, 40, 190}, {170, 90, 30}, {215, 215, 215}, {45, 45, 48}, {150, 150, 155}, {70, 130, 60}, {30, 140, 200}, {120, 40, 60}}

// facades are house fronts.
var facades = []colour{{140, 165, 190}, {120, 130, 165}, {170, 180, 185}, {95, 115, 160}, {150, 150, 150}, {130, 175, 205}}

// clothes are tops and trousers.
var clothes = []colour{{150, 60, 40}, {60, 60, 170}, {60, 120, 60}, {40, 40, 40}, {190, 190, 190}, {40, 120, 190}, {130, 50, 120}}

func plain(c colour) texture { return func(_, _ float64) (colour, bool) { return c, true } }

// facade is a house front with rows of windows and a door zone.
func facade(k uint64, width, height float64) texture {
	wall := facades[k%uint64(len(facades))]
	return func(a, b float64) (colour, bool) {
		c := wall.mul(1 + .05*noise(a*3, b*3, k))
		wa, wb := math.Mod(a, 2.4), math.Mod(b, 2.9)
		if b > .6 && b < height-.5 && a > .3 && a < width-.3 && wa > .7 && wa < 1.8 && wb > .9 && wb < 2.4 {
			return colour{95, 80, 70}, true
		}
		if b > height-.35 {
			return wall.mul(.7), true
		}
		return c, true
	}
}

// rearOfCar and frontOfCar are the end faces, w wide and h high, b up from the sill.
func endOfCar(paint colour, w, h float64, away bool) texture {
	return func(a, b float64) (colour, bool) {
		edge := math.Min(a, w-a)
		switch {
		case b < .12:
			return colour{40, 40, 42}, true // bumper
		case math.Abs(a-w/2) < .26 && b > .3 && b < .42:
			return colour{225, 225, 225}, true // plate
		case edge < .32 && b > h-.28 && b < h-.08:
			if away {
				return colour{35, 30, 200}, true
			}
			return colour{235, 240, 245}, true
		case !away && b > .2 && b < .34 && edge > .4:
			return colour{45, 45, 45}, true // grille
		}
		return paint.mul(.86 + .14*b/h), true
	}
}

// glass is a window pane in a frame of the body's colour.
func glass(paint colour, w, h float64) texture {
	return func(a, b float64) (colour, bool) {
		if a < .09 || a > w-.09 || b > h-.09 {
			return paint, true
		}
		return colour{80 + 40*b/h, 70 + 35*b/h, 62 + 30*b/h}, true
	}
}

// sideOfCar has wheels in it.
func sideOfCar(paint colour, l, h float64) texture {
	return func(a, b float64) (colour, bool) {
		for _, wheel := range [2]float64{.85, l - .85} {
			d := math.Hypot(a-wheel, b-.08)
			if d < .17 {
				return colour{150, 150, 150}, true
			}
			if d < .33 {
				return colour{28, 28, 28}, true
			}
		}
		if b < 0 {
			return colour{}, false
		}
		return paint.mul(.72 + .18*b/h), true
	}
}

// walker is a person seen from the front or the side: head, torso, arms, legs that swing.
func walker(k uint64, w, h, phase float64) texture {
	top, trousers := clothes[k%uint64(len(clothes))], clothes[(k>>8)%uint64(len(clothes))].mul(.8)
	skin := colour{140, 170, 215}
	swing := .16 * math.Sin(phase)
	mid := w / 2
	return func(a, b float64) (colour, bool) {
		u, v := a-mid, b/h
		switch {
		case math.Hypot(u/.115, (b-(h-.13))/.14) < 1:
			if b > h-.1 {
				return colour{30, 40, 55}, true // hair
			}
			return skin, true
		case v > .47 && v < .85 && math.Abs(u) < .2+.04*math.Sin(v*6):
			return top.mul(.9 + .1*math.Cos(u*8)), true
		case v > .45 && v < .82 && math.Abs(math.Abs(u)-(.25+(.82-v)*.12*math.Abs(swing)*4)) < .055:
			return top.mul(.8), true
		case v <= .47:
			reach := (.47 - v) / .47 * 2
			if math.Abs(u-.09-swing*reach) < .085 || math.Abs(u+.09+swing*reach) < .085 {
				if v < .04 {
					return colour{25, 25, 28}, true
				}
				return trousers, true
			}
		}
		return colour{}, false
	}
}

// foliage is a tree: a trunk and a crown with a ragged edge.
func foliage(k uint64, w, h float64) texture {
	green := colour{45 + 25*unit(k), 95 + 45*unit(k>>8), 55 + 30*unit(k>>16)}
	return func(a, b float64) (colour, bool) {
		u := a - w/2
		ragged := .12 * noise(a*2.2, b*2.2, k)
		if math.Hypot(u/(w/2), (b-h*.64)/(h*.36))+ragged < .94 {
			return green.mul(.8 + .25*noise(a*4, b*4, k+1) + .2*(b/h-.6)), true
		}
		if math.Abs(u) < .17 && b < h*.5 {
			return colour{50, 70, 90}, true
		}
		return colour{}, false
	}
}
