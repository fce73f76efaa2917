package synth

import (
	"image"
	"math"
	"sort"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Truth is what is known of one rendered frame.
type Truth struct {
	Time    float64 // seconds since the scene's start
	Camera  Camera
	Speed   float64 // of the ego vehicle, m/s
	Objects []Object
}

// Object is one visible object. Distances are metres in the road frame.
type Object struct {
	ID       uint64 // the same over all frames
	Class    Class
	Box      pipeline.Box // of the visible pixels
	FullBox  pipeline.Box // of the whole object, hidden parts too, clipped to the frame
	Mask     *mask.Mask   // visible pixels, on the frame's grid
	Visible  int          // pixels
	Distance float64      // from the front bumper to its nearest point along X
	Lateral  float64      // Y of its centre, left positive
	Width    float64
	Height   float64
	Closing  float64           // m/s along X, positive when it comes nearer
	TTC      float64           // seconds, +Inf when it does not come nearer
	Contact  [2]pipeline.Point // ends of the line on which its near side meets the ground, frame pixels
	Static   bool              // does not move over the ground
}

// Renderer draws a scene. It reuses its buffers and is not safe for concurrent use.
type Renderer struct {
	Scene *Scene

	view   view
	depth  []float32
	labels []int32 // index into objects plus one
	flat   []bool  // by object: it lies on the ground
	opaque bool    // the faces drawn now have no holes
	pix    []byte
	soft   []byte // between the two passes of optics
	poly   []vec
	clip   []vec
}

// Render draws the scene at time t (seconds) into pix, 3*Width*Height bytes of BGR, and tells
// what is in it.
func (r *Renderer) Render(t float64, pix []byte) Truth {
	r.pix = pix
	objects := r.draw(t)
	r.optics()
	r.sensorNoise(uint64(math.Round(t * 1000)))
	return r.truth(t, objects)
}

// Truth tells what Render would draw at time t, without colours, for a fraction of its cost.
func (r *Renderer) Truth(t float64) Truth {
	r.pix = nil
	return r.truth(t, r.draw(t))
}

// draw fills the buffers with background and objects.
func (r *Renderer) draw(t float64) []object {
	s := r.Scene
	r.view = s.camera(t).view()
	n := s.Camera.Width * s.Camera.Height
	if len(r.depth) != n {
		r.depth, r.labels = make([]float32, n), make([]int32, n)
	}
	clear(r.labels)
	if r.pix != nil {
		ego, _ := s.way(t)
		r.background(ego)
	} else {
		for i := range r.depth {
			r.depth[i] = math.MaxFloat32
		}
	}
	objects := s.objects(t)
	r.flat = r.flat[:0]
	for i := range objects {
		r.flat = append(r.flat, objects[i].class.Flat())
	}
	for i := range objects { // flat things first: what stands on them covers them
		if r.flat[i] {
			r.drawThing(&objects[i], int32(i+1))
		}
	}
	for i := range objects {
		if !r.flat[i] {
			r.object(&objects[i], int32(i+1))
		}
	}
	return objects
}

// background fills every pixel with sky or street.
func (r *Renderer) background(ego float64) {
	c := r.Scene.Camera
	for y := range c.Height {
		row := r.pix[3*y*c.Width : 3*(y+1)*c.Width]
		for x := range c.Width {
			d := r.view.ray(float64(x)+.5, float64(y)+.5)
			i := y*c.Width + x
			var col colour
			if gx, gy, ok := r.ground(d); ok {
				r.depth[i] = float32(gx / d.x)
				col = ground(gx+ego, gy-r.Scene.Drive.bend(gx), gx, r.Scene.Seed)
				if haze := gx / 260; haze > 0 {
					col = blend(col, sky[1], math.Min(haze, .75))
				}
			} else {
				r.depth[i] = math.MaxFloat32
				col = blend(sky[1], sky[0], math.Min(1, math.Max(0, d.z*2.2)))
			}
			put(row[3*x:], col)
		}
	}
}

func blend(a, b colour, t float64) colour {
	return colour{a.b + (b.b-a.b)*t, a.g + (b.g-a.g)*t, a.r + (b.r-a.r)*t}
}

func put(p []byte, c colour) {
	p[0], p[1], p[2] = byte8(c.b), byte8(c.g), byte8(c.r)
}

func byte8(v float64) byte { return byte(math.Max(0, math.Min(255, v))) }

// object draws one object as its faces.
func (r *Renderer) object(o *object, label int32) {
	switch o.class {
	case Car:
		r.car(o, label)
	case Pedestrian:
		r.shadow(o, .35)
		r.board(o, label, walker(o.hue, o.w, o.h, o.phase))
	case Tree:
		r.board(o, label, foliage(o.hue, o.w, o.h))
	case Building:
		front := facade(o.hue, o.l, o.h)
		end := facade(o.hue, o.w, o.h)
		r.cuboid(o, label, 0, o.h, end, front, plain(colour{110, 110, 112}))
	case Pole:
		c := colour{120, 122, 125}
		r.cuboid(o, label, 0, o.h, plain(c), plain(c.mul(.8)), plain(c))
		sign := colour{200, 90, 40}
		if o.hue>>9%2 == 0 {
			sign = colour{40, 40, 200}
		}
		r.face(vec{o.x - .12, o.y + .38, o.z + o.h - .9}, vec{0, -.76, 0}, vec{0, 0, .76}, label, func(a, b float64) (colour, bool) {
			d := math.Hypot(a-.38, b-.38)
			if d < .28 {
				return sign, true
			}
			return colour{240, 240, 240}, d < .37
		})
	case Cone:
		r.shadow(o, .4)
		r.face(vec{o.x, o.y + o.w/2, o.z}, vec{0, -o.w, 0}, vec{0, 0, o.h}, label, func(a, b float64) (colour, bool) {
			if math.Abs(a-o.w/2) > o.w/2*(1-.85*b/o.h) {
				return colour{}, b < .05
			}
			if v := b / o.h; v > .45 && v < .65 {
				return colour{235, 235, 235}, true
			}
			return colour{30, 100, 240}, true
		})
	case Debris:
		r.shadow(o, .5)
		c := colour{90, 140, 175}
		r.cuboid(o, label, 0, o.h, plain(c), plain(c.mul(.75)), plain(c.mul(1.15)))
	}
}

// car is a body with a cabin on it.
func (r *Renderer) car(o *object, label int32) {
	paint := bodyColours[o.hue%uint64(len(bodyColours))]
	r.shadow(o, .62)
	const sill, shoulder = .22, .92
	r.cuboid(o, label, sill, shoulder, endOfCar(paint, o.w, shoulder-sill, o.facingAway), sideOfCar(paint, o.l, shoulder-sill), plain(paint.mul(1.08)))
	// The wheels reach below the sill.
	for _, y := range [2]float64{o.y - o.w/2, o.y + o.w/2} {
		r.face(vec{o.rear(), y, o.z}, vec{o.l, 0, 0}, vec{0, 0, sill}, label, func(a, b float64) (colour, bool) {
			for _, w := range [2]float64{.85, o.l - .85} {
				if math.Hypot(a-w, b-.3) < .33 {
					return colour{26, 26, 26}, true
				}
			}
			return colour{}, false
		})
	}
	if r.Scene.Drive != nil {
		// From straight behind, the tyres are what meets the road.
		for _, y := range [2]float64{o.y + o.w/2 - .15, o.y - o.w/2 + .4} {
			r.face(vec{o.rear(), y, o.z}, vec{0, -.25, 0}, vec{0, 0, sill}, label, plain(colour{26, 26, 26}))
		}
	}
	cabin := *o
	cabin.l, cabin.w = o.l*.52, o.w*.86
	if o.facingAway {
		cabin.x -= .25
	} else {
		cabin.x += .25
	}
	h := o.h - shoulder
	r.cuboid(&cabin, label, shoulder, o.h, glass(paint, cabin.w, h), glass(paint, cabin.l, h), plain(paint.mul(1.1)))
}

// cuboid draws the faces of a box that the camera can see: near end, street side, top.
func (r *Renderer) cuboid(o *object, label int32, z0, z1 float64, end, side, top texture) {
	x0, x1 := o.x-o.l/2, o.x+o.l/2
	y0, y1 := o.y-o.w/2, o.y+o.w/2
	z0, z1 = z0+o.z, z1+o.z
	r.opaque = true
	defer func() { r.opaque = false }()
	up := vec{0, 0, z1 - z0}
	r.face(vec{x0, y1, z0}, vec{0, -o.w, 0}, up, label, end)
	if y0 > 0 {
		r.face(vec{x0, y0, z0}, vec{o.l, 0, 0}, up, label, side)
	}
	if y1 < 0 {
		r.face(vec{x0, y1, z0}, vec{o.l, 0, 0}, up, label, side)
	}
	if z1 < r.Scene.Camera.HeightM {
		r.face(vec{x0, y1, z1}, vec{0, -o.w, 0}, vec{x1 - x0, 0, 0}, label, top)
	}
}

// board draws a flat figure that faces the camera.
func (r *Renderer) board(o *object, label int32, tex texture) {
	r.face(vec{o.x, o.y + o.w/2, o.z}, vec{0, -o.w, 0}, vec{0, 0, o.h}, label, tex)
}

// shadow darkens the ground under an object; it belongs to no object.
func (r *Renderer) shadow(o *object, strength float64) {
	l, w := o.l+.5, o.w+.3
	r.decal(vec{o.x - l/2, o.y + w/2, o.z + .004}, vec{0, -w, 0}, vec{l, 0, 0}, func(a, b float64) float64 {
		d := math.Max(math.Abs(a/w-.5), math.Abs(b/l-.5)) * 2
		return 1 - strength*math.Min(1, math.Max(0, (1-d)*4))
	})
}

// face draws the parallelogram corner + s*e1 + t*e2 with a texture, depth-tested.
func (r *Renderer) face(corner, e1, e2 vec, label int32, tex texture) {
	l1, l2 := math.Sqrt(e1.dot(e1)), math.Sqrt(e2.dot(e2))
	r.scan(corner, e1, e2, func(i int, k, s, t float64) {
		if k >= float64(r.depth[i]) {
			return
		}
		var c colour
		if r.pix != nil || !r.opaque {
			var ok bool
			if c, ok = tex(s*l1, t*l2); !ok {
				return
			}
		}
		r.depth[i] = float32(k)
		r.labels[i] = label
		if r.pix == nil {
			return
		}
		if haze := k / 260; haze > 0 {
			c = blend(c, sky[1], math.Min(haze, .75))
		}
		put(r.pix[3*i:], c)
	})
}

// decal multiplies what is already on the ground.
func (r *Renderer) decal(corner, e1, e2 vec, f func(a, b float64) float64) {
	l1, l2 := math.Sqrt(e1.dot(e1)), math.Sqrt(e2.dot(e2))
	r.scan(corner, e1, e2, func(i int, k, s, t float64) {
		if r.labels[i] != 0 || k > float64(r.depth[i])*1.02 {
			return
		}
		m := f(s*l1, t*l2)
		if r.pix == nil {
			return
		}
		p := r.pix[3*i:]
		put(p, colour{float64(p[0]) * m, float64(p[1]) * m, float64(p[2]) * m})
	})
}

// scan visits the pixels whose rays hit the parallelogram: pixel index, ray parameter k (the
// point is k times the pixel's ray) and the hit's position s, t in units of the edges.
func (r *Renderer) scan(corner, e1, e2 vec, visit func(i int, k, s, t float64)) {
	c := r.Scene.Camera
	box, ok := r.extent(corner, e1, e2)
	if !ok {
		return
	}
	normal := e1.cross(e2)
	eye := vec{0, 0, c.HeightM}
	rel := corner.sub(eye)
	dist := rel.dot(normal)
	d11, d22 := e1.dot(e1), e2.dot(e2)
	// The ray of a pixel is linear in its column, and so is its product with any direction.
	step := r.view.ray(1, 0).sub(r.view.ray(0, 0))
	stepN, step1, step2 := step.dot(normal), step.dot(e1), step.dot(e2)
	rel1, rel2 := rel.dot(e1), rel.dot(e2)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		first := r.view.ray(float64(box.Min.X)+.5, float64(y)+.5)
		n0, a0, b0 := first.dot(normal), first.dot(e1), first.dot(e2)
		for x := box.Min.X; x < box.Max.X; x++ {
			i := float64(x - box.Min.X)
			den := n0 + i*stepN
			if den == 0 {
				continue
			}
			k := dist / den
			if k < near {
				continue
			}
			s, t := (k*(a0+i*step1)-rel1)/d11, (k*(b0+i*step2)-rel2)/d22 // the edges are orthogonal
			if s < 0 || s >= 1 || t < 0 || t >= 1 {
				continue
			}
			visit(y*c.Width+x, k, s, t)
		}
	}
}

// extent is the pixel box of a parallelogram cut at the near plane.
func (r *Renderer) extent(corner, e1, e2 vec) (image.Rectangle, bool) {
	r.poly = append(r.poly[:0], corner, corner.add(e1), corner.add(e1).add(e2), corner.add(e2))
	for i := range r.poly {
		r.poly[i] = r.view.toCamera(r.poly[i])
	}
	r.clip = r.clip[:0]
	for i, a := range r.poly {
		b := r.poly[(i+1)%len(r.poly)]
		if a.z >= near {
			r.clip = append(r.clip, a)
		}
		if (a.z >= near) != (b.z >= near) {
			f := (near - a.z) / (b.z - a.z)
			r.clip = append(r.clip, a.add(b.sub(a).scale(f)))
		}
	}
	if len(r.clip) == 0 {
		return image.Rectangle{}, false
	}
	c := r.Scene.Camera
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range r.clip {
		u, v := c.CX+c.FX*p.x/p.z, c.CY+c.FY*p.y/p.z
		x0, x1 = math.Min(x0, u), math.Max(x1, u)
		y0, y1 = math.Min(y0, v), math.Max(y1, v)
	}
	lim := func(v float64, n int) int { return int(math.Max(0, math.Min(float64(n), v))) }
	box := image.Rect(lim(math.Floor(x0), c.Width), lim(math.Floor(y0), c.Height), lim(math.Ceil(x1), c.Width), lim(math.Ceil(y1), c.Height))
	return box, !box.Empty()
}

// exposure darkens the scene to an overcast day's: networks that learned from cameras know
// that better than the full range of bright, clean colours.
const exposure = 0.62

// optics softens the picture as a lens does, by a 5-tap binomial filter (sigma 1 pixel) both
// ways, and exposes it. With sharp edges and full brightness the embedded model found 44 % of
// the cars, with both softened 70 %.
func (r *Renderer) optics() {
	c := r.Scene.Camera
	row := 3 * c.Width
	if len(r.soft) != len(r.pix) {
		r.soft = make([]byte, len(r.pix))
	}
	for y := range c.Height {
		src, dst := r.pix[y*row:(y+1)*row], r.soft[y*row:(y+1)*row]
		for i := range src {
			// Beyond the border the last pixel goes on.
			a, b := src[max(i-6, i%3)], src[max(i-3, i%3)]
			d, e := src[min(i+3, row-3+i%3)], src[min(i+6, row-3+i%3)]
			dst[i] = byte((int(a) + 4*int(b) + 6*int(src[i]) + 4*int(d) + int(e) + 8) >> 4)
		}
	}
	line := func(y int) []byte { y = max(0, min(c.Height-1, y)); return r.soft[y*row : (y+1)*row] }
	for y := range c.Height {
		a, b, m, d, e := line(y-2), line(y-1), line(y), line(y+1), line(y+2)
		dst := r.pix[y*row : (y+1)*row]
		for i := range dst {
			v := int(a[i]) + 4*int(b[i]) + 6*int(m[i]) + 4*int(d[i]) + int(e[i])
			dst[i] = byte(float64(v)*(exposure/16) + .5)
		}
	}
}

// sensorNoise adds a little grain, the same for the same frame.
func (r *Renderer) sensorNoise(frame uint64) {
	state := mix(r.Scene.Seed ^ frame)
	for i := range r.pix {
		if i&7 == 0 {
			state = mix(state)
		}
		n := int(state>>(8*(i&7))&7) - 3
		r.pix[i] = byte(max(0, min(255, int(r.pix[i])+n)))
	}
}

// truth reads boxes and masks off the label buffer.
func (r *Renderer) truth(t float64, objects []object) Truth {
	c := r.Scene.Camera
	boxes := make([]image.Rectangle, len(objects))
	count := make([]int, len(objects))
	for y := range c.Height {
		for x := range c.Width {
			l := r.labels[y*c.Width+x]
			if l == 0 {
				continue
			}
			px := image.Rect(x, y, x+1, y+1)
			if count[l-1] == 0 {
				boxes[l-1] = px
			} else {
				boxes[l-1] = boxes[l-1].Union(px)
			}
			count[l-1]++
		}
	}
	_, speed := r.Scene.way(t)
	out := Truth{Time: t, Camera: r.view.Camera, Speed: speed}
	grid := mask.FrameGrid(c.Width, c.Height)
	for i := range objects {
		if count[i] == 0 {
			continue
		}
		o := &objects[i]
		m := mask.New(grid, boxes[i])
		for y := boxes[i].Min.Y; y < boxes[i].Max.Y; y++ {
			for x := boxes[i].Min.X; x < boxes[i].Max.X; x++ {
				if r.labels[y*c.Width+x] == int32(i+1) {
					m.Set(x, y)
				}
			}
		}
		b := boxes[i]
		closing := speed - o.vx
		dist := o.rear() - c.FrontM
		ttc := math.Inf(1)
		if closing > 0 {
			ttc = math.Max(0, dist) / closing
		}
		obj := Object{
			ID: o.id, Class: o.class, Mask: m, Visible: count[i],
			Box:      pipeline.Box{X1: float64(b.Min.X), Y1: float64(b.Min.Y), X2: float64(b.Max.X), Y2: float64(b.Max.Y)},
			FullBox:  r.fullBox(o),
			Distance: dist, Lateral: o.y, Width: o.w, Height: o.h, Closing: closing, TTC: ttc,
			Static: o.vx == 0 && o.vy == 0,
		}
		for j, y := range [2]float64{o.y + o.w/2, o.y - o.w/2} {
			if u, v, ok := r.view.project(vec{math.Max(o.rear(), near+.1), y, o.z}); ok {
				obj.Contact[j] = pipeline.Point{X: u, Y: v}
			}
		}
		out.Objects = append(out.Objects, obj)
	}
	sort.Slice(out.Objects, func(i, j int) bool { return out.Objects[i].ID < out.Objects[j].ID })
	return out
}

func (r *Renderer) fullBox(o *object) pipeline.Box {
	c := r.Scene.Camera
	b := pipeline.Box{X1: math.Inf(1), Y1: math.Inf(1), X2: math.Inf(-1), Y2: math.Inf(-1)}
	for i := range 8 {
		p := vec{o.rear(), o.y - o.w/2, o.z}
		if i&1 != 0 {
			p.x += o.l
		}
		if i&2 != 0 {
			p.y += o.w
		}
		if i&4 != 0 {
			p.z = o.h
		}
		p.x = math.Max(p.x, near+.1)
		if u, v, ok := r.view.project(p); ok {
			b.X1, b.X2 = math.Min(b.X1, u), math.Max(b.X2, u)
			b.Y1, b.Y2 = math.Min(b.Y1, v), math.Max(b.Y2, v)
		}
	}
	return b.Clip(c.Width, c.Height)
}
