package pipeline

import (
	"fmt"
	"math"
	"strings"
)

// Anchor says which point of an object stands for it in zones and on lines.
type Anchor string

// The anchors.
const (
	AnchorGround Anchor = "ground" // where it meets the ground: the middle of its mask's lowest rows, else AnchorBottom; the default
	AnchorBottom Anchor = "bottom" // the bottom centre of its box
	AnchorCenter Anchor = "center" // the centre of its box
)

// Filter says which tracks a zone or a line is about. The zero Filter takes every object that
// is not a part of another.
type Filter struct {
	Prompts  []string `json:"prompts,omitempty"`   // only tracks of these prompts
	Labels   []string `json:"labels,omitempty"`    // only tracks that are named so
	MinScore float64  `json:"min_score,omitempty"` // 0..1
	MinArea  float64  `json:"min_area,omitempty"`  // of the box, as a share of the picture, 0..1

	// Parts counts parts of an object (a wheel of a car) beside the object. Else, of tracks
	// that lie in one another and pass the filter, the outermost counts.
	Parts bool `json:"parts,omitempty"`
}

// MaxPlaces is how many zones, and how many lines, a camera may have.
const MaxPlaces = 64

// maxVertices bounds a zone's outline, its holes included.
const maxVertices = 128

// maxPlaceTime bounds the times of a zone or line, in seconds.
const maxPlaceTime = 7 * 24 * 3600

// Zone is an area of a camera's picture: who is in it, since when, who came and who went.
//
// Its points are pixels of a picture of Size, which is scaled when the stream has another
// size. Without a Size they are shares of the picture when none exceeds 1, else pixels of the
// stream as it is first seen.
type Zone struct {
	ID      string    `json:"id"`
	Polygon []Point   `json:"polygon"`         // any simple polygon, concave too; not closed
	Holes   [][]Point `json:"holes,omitempty"` // parts of it that do not belong to it
	Size    [2]int    `json:"size,omitzero"`   // width and height of the picture that it was drawn on
	Anchor  Anchor    `json:"anchor,omitempty"`
	Filter

	// Inertia is for how long, in seconds, an object must be seen inside (outside) before it
	// counts as entered (left); 0 for the default, 0.5 s.
	Inertia float64 `json:"inertia_s,omitempty"`

	Loiter     float64 `json:"loiter_s,omitempty"`      // a stay of so many seconds is loitering, 0 for none
	LeftBehind float64 `json:"left_behind_s,omitempty"` // what was brought and rests alone for so many seconds was left behind, 0 for none
	Removed    float64 `json:"removed_s,omitempty"`     // what rested and is gone for so many seconds was removed, 0 for none

	TripsFrom []string `json:"trips_from,omitempty"` // ids of zones: who was there and enters here has made a trip
	Alert     bool     `json:"alert,omitempty"`      // its events are alarms
}

// Line is a directed line of two points. Seen from From towards To, side A lies to the left
// and side B to the right (on a line drawn from left to right, A is above). Going from A to B
// is "in", from B to A is "out". From, To and Size are as in [Zone].
type Line struct {
	ID     string `json:"id"`
	From   Point  `json:"from"`
	To     Point  `json:"to"`
	Size   [2]int `json:"size,omitzero"`
	Anchor Anchor `json:"anchor,omitempty"`
	Filter

	// Settle is for how long, in seconds, an object must be seen on one side before it has
	// come from there or arrived there; 0 for the default, 0.25 s.
	Settle float64 `json:"settle_s,omitempty"`

	// Margin is how far from the line a side begins, as a share of the diagonal of the
	// object's box; 0 for the default, 0.05.
	Margin float64 `json:"margin,omitempty"`

	Alert bool `json:"alert,omitempty"` // its events are alarms
}

// The defaults of zones and lines.
const (
	DefaultInertia = 0.5
	DefaultSettle  = 0.25
	DefaultMargin  = 0.05
)

// PlaceError is a zone or a line that cannot mean anything. Field names the offending member
// as the JSON has it.
type PlaceError struct {
	Kind      string // zone, line
	ID, Field string
	Reason    string
}

func (e *PlaceError) Error() string {
	return fmt.Sprintf("%s %q: %s: %s", e.Kind, e.ID, e.Field, e.Reason)
}

// Validate refuses what could never count anything, with a *PlaceError.
func (z *Zone) Validate() error {
	bad := func(field, format string, args ...any) error {
		return &PlaceError{"zone", z.ID, field, fmt.Sprintf(format, args...)}
	}
	if err := checkPlaceID(z.ID); err != "" {
		return bad("id", "%s", err)
	}
	if field, reason := checkShared(z.Size, z.Anchor, &z.Filter); field != "" {
		return bad(field, "%s", reason)
	}
	for _, t := range []struct {
		field string
		value float64
	}{{"inertia_s", z.Inertia}, {"loiter_s", z.Loiter}, {"left_behind_s", z.LeftBehind}, {"removed_s", z.Removed}} {
		if !(t.value >= 0 && t.value <= maxPlaceTime) {
			return bad(t.field, "%g seconds, want 0 to %d", t.value, maxPlaceTime)
		}
	}
	for _, from := range z.TripsFrom {
		if from == z.ID || from == "" {
			return bad("trips_from", "%q, want the ids of other zones", from)
		}
	}
	total := len(z.Polygon)
	for _, h := range z.Holes {
		total += len(h)
	}
	if total > maxVertices {
		return bad("polygon", "%d points in all, at most %d are taken", total, maxVertices)
	}
	if reason := checkRing(z.Polygon, z.Size); reason != "" {
		return bad("polygon", "%s", reason)
	}
	for i, h := range z.Holes {
		if reason := checkRing(h, z.Size); reason != "" {
			return bad("holes", "hole %d: %s", i+1, reason)
		}
		if a, b, at, ok := crossing(h, z.Polygon); ok {
			return bad("holes", "hole %d: its side %d meets side %d of the polygon near (%.4g, %.4g); draw it inside", i+1, a+1, b+1, at.X, at.Y)
		}
		if !inRing(z.Polygon, h[0]) {
			return bad("holes", "hole %d: lies outside the polygon", i+1)
		}
		for k, o := range z.Holes[:i] {
			if _, _, at, ok := crossing(h, o); ok {
				return bad("holes", "hole %d: meets hole %d near (%.4g, %.4g); join them", i+1, k+1, at.X, at.Y)
			}
			if inRing(o, h[0]) || inRing(h, o[0]) {
				return bad("holes", "hole %d and hole %d lie in one another; keep the larger", i+1, k+1)
			}
		}
	}
	return nil
}

// Validate refuses what could never count anything, with a *PlaceError.
func (l *Line) Validate() error {
	bad := func(field, format string, args ...any) error {
		return &PlaceError{"line", l.ID, field, fmt.Sprintf(format, args...)}
	}
	if err := checkPlaceID(l.ID); err != "" {
		return bad("id", "%s", err)
	}
	if field, reason := checkShared(l.Size, l.Anchor, &l.Filter); field != "" {
		return bad(field, "%s", reason)
	}
	for i, p := range []Point{l.From, l.To} {
		if reason := checkPoint(p, l.Size); reason != "" {
			return bad([]string{"from", "to"}[i], "%s", reason)
		}
	}
	least := 1.
	if l.Size == [2]int{} && max(l.From.X, l.From.Y, l.To.X, l.To.Y) <= 1 {
		least = .001
	}
	if math.Hypot(l.To.X-l.From.X, l.To.Y-l.From.Y) < least {
		return bad("to", "(%g, %g) is the place of from: a line needs two different ends", l.To.X, l.To.Y)
	}
	if !(l.Settle >= 0 && l.Settle <= 60) {
		return bad("settle_s", "%g seconds, want 0 to 60", l.Settle)
	}
	if !(l.Margin >= 0 && l.Margin <= 1) {
		return bad("margin", "%g, want 0 to 1 of the object's size", l.Margin)
	}
	return nil
}

func checkPlaceID(id string) string {
	switch {
	case id == "":
		return "missing: give it a name"
	case len(id) > 64:
		return "longer than 64 characters"
	}
	for i, c := range id {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_') {
			return "want letters, digits, _ and -, the first a letter or digit"
		}
	}
	return ""
}

func checkShared(size [2]int, a Anchor, f *Filter) (field, reason string) {
	switch {
	case size != [2]int{} && (size[0] < 1 || size[1] < 1 || size[0] > 1<<16 || size[1] > 1<<16):
		return "size", fmt.Sprintf("[%d, %d], want the width and height of the picture that the points are of", size[0], size[1])
	case a != "" && a != AnchorGround && a != AnchorBottom && a != AnchorCenter:
		return "anchor", fmt.Sprintf("%q, want ground, bottom or center", a)
	case !(f.MinScore >= 0 && f.MinScore <= 1):
		return "min_score", fmt.Sprintf("%g, want 0 to 1", f.MinScore)
	case !(f.MinArea >= 0 && f.MinArea <= 1):
		return "min_area", fmt.Sprintf("%g, want a share of the picture, 0 to 1", f.MinArea)
	}
	for i, l := range f.Labels {
		if strings.TrimSpace(l) == "" {
			return "labels", fmt.Sprintf("label %d is empty", i+1)
		}
	}
	for i, p := range f.Prompts {
		if p == "" {
			return "prompts", fmt.Sprintf("prompt %d is empty", i+1)
		}
	}
	return "", ""
}

func checkPoint(p Point, size [2]int) string {
	switch {
	case math.IsNaN(p.X) || math.IsNaN(p.Y) || math.IsInf(p.X, 0) || math.IsInf(p.Y, 0):
		return "not a number"
	case size != [2]int{} && (p.X < 0 || p.Y < 0 || p.X > float64(size[0]) || p.Y > float64(size[1])):
		return fmt.Sprintf("(%g, %g) lies outside the %dx%d picture", p.X, p.Y, size[0], size[1])
	case p.X < 0 || p.Y < 0 || p.X > 1<<16 || p.Y > 1<<16:
		return fmt.Sprintf("(%g, %g) lies outside any picture", p.X, p.Y)
	}
	return ""
}

// checkRing says what is wrong with a simple polygon, "" for nothing.
func checkRing(ring []Point, size [2]int) string {
	for i, p := range ring {
		if reason := checkPoint(p, size); reason != "" {
			return fmt.Sprintf("point %d: %s", i+1, reason)
		}
	}
	n := len(ring)
	if n < 3 {
		return fmt.Sprintf("%d points, want at least 3", n)
	}
	for i := range n {
		if ring[i] == ring[(i+1)%n] {
			return fmt.Sprintf("points %d and %d are the same; leave one out", i+1, (i+1)%n+1)
		}
	}
	for i := range n {
		a, b, c := ring[i], ring[(i+1)%n], ring[(i+2)%n]
		// Two neighbours that fold back on one another enclose nothing.
		if cross(a, b, c) == 0 && (b.X-a.X)*(c.X-b.X)+(b.Y-a.Y)*(c.Y-b.Y) < 0 {
			return fmt.Sprintf("it turns back on itself at point %d", (i+1)%n+1)
		}
		for k := i + 2; k < n; k++ {
			if i == 0 && k == n-1 {
				continue // neighbours
			}
			if at, ok := meet(ring[i], ring[i+1], ring[k], ring[(k+1)%n]); ok {
				return fmt.Sprintf("side %d (from point %d) meets side %d (from point %d) near (%.4g, %.4g); draw an outline that does not cross itself", i+1, i+1, k+1, k+1, at.X, at.Y)
			}
		}
	}
	if area := math.Abs(ringArea(ring)); !(area > 0) {
		return "it encloses nothing"
	}
	return ""
}

func ringArea(ring []Point) float64 {
	sum := 0.
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		sum += p.X*q.Y - q.X*p.Y
	}
	return sum / 2
}

// cross is twice the signed area of a, b, c.
func cross(a, b, c Point) float64 { return (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X) }

// meet tells whether the segments ab and cd have a point in common, ends included.
func meet(a, b, c, d Point) (Point, bool) {
	d1, d2, d3, d4 := cross(c, d, a), cross(c, d, b), cross(a, b, c), cross(a, b, d)
	if (d1 > 0 && d2 < 0 || d1 < 0 && d2 > 0) && (d3 > 0 && d4 < 0 || d3 < 0 && d4 > 0) {
		t := d1 / (d1 - d2)
		return Point{a.X + t*(b.X-a.X), a.Y + t*(b.Y-a.Y)}, true
	}
	on := func(p, q, r Point) bool { // r, on the line pq, lies between them
		return min(p.X, q.X) <= r.X && r.X <= max(p.X, q.X) && min(p.Y, q.Y) <= r.Y && r.Y <= max(p.Y, q.Y)
	}
	switch {
	case d1 == 0 && on(c, d, a):
		return a, true
	case d2 == 0 && on(c, d, b):
		return b, true
	case d3 == 0 && on(a, b, c):
		return c, true
	case d4 == 0 && on(a, b, d):
		return d, true
	}
	return Point{}, false
}

// crossing finds a side of each ring that meets the other.
func crossing(a, b []Point) (i, k int, at Point, ok bool) {
	for i := range a {
		for k := range b {
			if at, ok := meet(a[i], a[(i+1)%len(a)], b[k], b[(k+1)%len(b)]); ok {
				return i, k, at, true
			}
		}
	}
	return 0, 0, Point{}, false
}

// inRing tells whether p lies in a simple polygon, by the even-odd rule.
func inRing(ring []Point, p Point) bool {
	in := false
	for i, a := range ring {
		b := ring[(i+1)%len(ring)]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}

// Outlines returns the zone's rings, polygon first, in pixels of a w x h frame.
func (z *Zone) Outlines(w, h int) [][]Point {
	sx, sy := placeScale(z.Size, w, h, append([][]Point{z.Polygon}, z.Holes...)...)
	out := make([][]Point, 0, 1+len(z.Holes))
	for _, ring := range append([][]Point{z.Polygon}, z.Holes...) {
		scaled := make([]Point, len(ring))
		for i, p := range ring {
			scaled[i] = Point{p.X * sx, p.Y * sy}
		}
		out = append(out, scaled)
	}
	return out
}

// Ends returns the line's ends in pixels of a w x h frame.
func (l *Line) Ends(w, h int) (from, to Point) {
	sx, sy := placeScale(l.Size, w, h, []Point{l.From, l.To})
	return Point{l.From.X * sx, l.From.Y * sy}, Point{l.To.X * sx, l.To.Y * sy}
}

// Sized returns the zone with the size that its points are of, once a frame is known.
func (z Zone) Sized(w, h int) Zone {
	z.Size = placeSize(z.Size, w, h, append([][]Point{z.Polygon}, z.Holes...)...)
	return z
}

// Sized returns the line with the size that its points are of, once a frame is known.
func (l Line) Sized(w, h int) Line {
	l.Size = placeSize(l.Size, w, h, []Point{l.From, l.To})
	return l
}

// placeSize is the size that points are of: their own, none for shares, else the frame's.
func placeSize(size [2]int, w, h int, rings ...[]Point) [2]int {
	if size != [2]int{} {
		return size
	}
	for _, ring := range rings {
		for _, p := range ring {
			if p.X > 1 || p.Y > 1 {
				return [2]int{w, h}
			}
		}
	}
	return size
}

// placeScale is the factor from points to pixels of a w x h frame.
func placeScale(size [2]int, w, h int, rings ...[]Point) (sx, sy float64) {
	size = placeSize(size, w, h, rings...)
	if size == [2]int{} {
		return float64(w), float64(h)
	}
	return float64(w) / float64(size[0]), float64(h) / float64(size[1])
}
