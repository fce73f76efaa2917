package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
)

// Point is a position in frame pixels. It marshals as [x, y].
type Point struct{ X, Y float64 }

// MarshalJSON writes [x, y].
func (p Point) MarshalJSON() ([]byte, error) { return json.Marshal([2]float64{p.X, p.Y}) }

// UnmarshalJSON reads [x, y] and nothing else.
func (p *Point) UnmarshalJSON(b []byte) error {
	v, err := numbers(b, 2)
	if err != nil {
		return fmt.Errorf("point: %w", err)
	}
	*p = Point{v[0], v[1]}
	return nil
}

// Finite reports whether no coordinate is NaN or infinite.
func (p Point) Finite() bool {
	return !math.IsNaN(p.X) && !math.IsNaN(p.Y) && !math.IsInf(p.X, 0) && !math.IsInf(p.Y, 0)
}

// In reports whether p lies inside the polygon with these corners, by the even-odd rule.
func (p Point) In(corners []Point) bool {
	in := false
	for i, a := range corners {
		b := corners[(i+len(corners)-1)%len(corners)]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < a.X+(p.Y-a.Y)/(b.Y-a.Y)*(b.X-a.X) {
			in = !in
		}
	}
	return in
}

// Box is an axis-aligned rectangle in frame pixels, X1 <= x < X2, Y1 <= y < Y2. It marshals
// as [x1, y1, x2, y2].
type Box struct{ X1, Y1, X2, Y2 float64 }

// MarshalJSON writes [x1, y1, x2, y2].
func (b Box) MarshalJSON() ([]byte, error) {
	return json.Marshal([4]float64{b.X1, b.Y1, b.X2, b.Y2})
}

// UnmarshalJSON reads [x1, y1, x2, y2] and nothing else.
func (b *Box) UnmarshalJSON(data []byte) error {
	v, err := numbers(data, 4)
	if err != nil {
		return fmt.Errorf("box: %w", err)
	}
	*b = Box{v[0], v[1], v[2], v[3]}
	return nil
}

func numbers(b []byte, n int) ([]float64, error) {
	var list []*float64 // pointers, since null leaves a number as it is
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("want %d numbers: %w", n, err)
	}
	if len(list) != n {
		return nil, fmt.Errorf("want %d numbers, got %d", n, len(list))
	}
	v := make([]float64, n)
	for i, x := range list {
		if x == nil {
			return nil, fmt.Errorf("want %d numbers, got a null", n)
		}
		v[i] = *x
	}
	return v, nil
}

// W is the width; negative for a box turned inside out.
func (b Box) W() float64 { return b.X2 - b.X1 }

// H is the height.
func (b Box) H() float64 { return b.Y2 - b.Y1 }

// Area is the area in square pixels, 0 for an empty or inverted box.
func (b Box) Area() float64 { return math.Max(0, b.W()) * math.Max(0, b.H()) }

// Center is the middle of the box.
func (b Box) Center() Point { return Point{(b.X1 + b.X2) / 2, (b.Y1 + b.Y2) / 2} }

// Contains reports whether p lies in the box.
func (b Box) Contains(p Point) bool { return p.X >= b.X1 && p.X < b.X2 && p.Y >= b.Y1 && p.Y < b.Y2 }

// Intersect is the common part, possibly empty or inverted (then its Area is 0).
func (b Box) Intersect(o Box) Box {
	return Box{math.Max(b.X1, o.X1), math.Max(b.Y1, o.Y1), math.Min(b.X2, o.X2), math.Min(b.Y2, o.Y2)}
}

// IoU is the intersection over the union of the two areas, 0 when both are empty.
func (b Box) IoU(o Box) float64 {
	i := b.Intersect(o).Area()
	if u := b.Area() + o.Area() - i; u > 0 {
		return i / u
	}
	return 0
}

// Clip returns the box cut to a w x h frame.
func (b Box) Clip(w, h int) Box { return b.Intersect(Box{0, 0, float64(w), float64(h)}) }

// Finite reports whether no coordinate is NaN or infinite.
func (b Box) Finite() bool {
	for _, v := range [4]float64{b.X1, b.Y1, b.X2, b.Y2} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
