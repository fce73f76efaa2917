package pipeline

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func pts(xy ...float64) []Point {
	var out []Point
	for i := 0; i+1 < len(xy); i += 2 {
		out = append(out, Point{xy[i], xy[i+1]})
	}
	return out
}

func TestZoneValidate(t *testing.T) {
	square := pts(100, 100, 500, 100, 500, 400, 100, 400)
	size := [2]int{640, 480}
	nan, inf := math.NaN(), math.Inf(1)
	many := make([]Point, 200)
	for i := range many {
		many[i] = Point{320 + 200*math.Cos(float64(i)*math.Pi/100), 240 + 200*math.Sin(float64(i)*math.Pi/100)}
	}
	tests := []struct {
		name  string
		zone  Zone
		field string // "" for a good zone
		want  string
	}{
		{"a square", Zone{ID: "a", Polygon: square, Size: size}, "", ""},
		{"shares", Zone{ID: "a", Polygon: pts(0, 0, 1, 0, 1, 1)}, "", ""},
		{"pixels of an unknown size", Zone{ID: "a", Polygon: square}, "", ""},
		{"concave", Zone{ID: "a", Polygon: pts(0, 0, 100, 0, 50, 20, 100, 100)}, "", ""},
		{"a point on a straight side", Zone{ID: "a", Polygon: pts(0, 0, 50, 0, 100, 0, 100, 100)}, "", ""},
		{"a hole", Zone{ID: "a", Polygon: square, Holes: [][]Point{pts(200, 200, 300, 200, 250, 300)}}, "", ""},
		{"no id", Zone{Polygon: square}, "id", "missing"},
		{"a slash in its id", Zone{ID: "a/b", Polygon: square}, "id", "want letters"},
		{"a long id", Zone{ID: strings.Repeat("a", 65), Polygon: square}, "id", "longer than 64"},
		{"no polygon", Zone{ID: "a"}, "polygon", "0 points, want at least 3"},
		{"two points", Zone{ID: "a", Polygon: pts(0, 0, 9, 9)}, "polygon", "2 points"},
		{"crosses itself", Zone{ID: "a", Polygon: pts(0, 0, 100, 100, 100, 0, 0, 100)}, "polygon", "side 1 (from point 1) meets side 3 (from point 3) near (50, 50)"},
		{"touches itself", Zone{ID: "a", Polygon: pts(0, 0, 100, 0, 50, 50, 50, 0)}, "polygon", "meets side"},
		{"turns back", Zone{ID: "a", Polygon: pts(0, 0, 100, 0, 50, 0)}, "polygon", "turns back on itself"},
		{"flat", Zone{ID: "a", Polygon: pts(0, 0, 50, 50, 100, 100)}, "polygon", "turns back on itself"},
		{"a point twice", Zone{ID: "a", Polygon: pts(0, 0, 100, 0, 100, 0, 0, 100)}, "polygon", "points 2 and 3 are the same"},
		{"closed", Zone{ID: "a", Polygon: pts(0, 0, 100, 0, 0, 100, 0, 0)}, "polygon", "points 4 and 1 are the same"},
		{"not a number", Zone{ID: "a", Polygon: pts(0, 0, nan, 0, 0, 100)}, "polygon", "point 2: not a number"},
		{"infinite", Zone{ID: "a", Polygon: pts(0, 0, 9, inf, 0, 100)}, "polygon", "point 2: not a number"},
		{"negative", Zone{ID: "a", Polygon: pts(0, 0, -9, 0, 0, 100)}, "polygon", "lies outside any picture"},
		{"outside its picture", Zone{ID: "a", Polygon: pts(0, 0, 700, 0, 0, 100), Size: size}, "polygon", "point 2: (700, 0) lies outside the 640x480 picture"},
		{"too many points", Zone{ID: "a", Polygon: many}, "polygon", "200 points in all, at most 128"},
		{"half a size", Zone{ID: "a", Polygon: square, Size: [2]int{640, 0}}, "size", "want the width and height"},
		{"a hole outside", Zone{ID: "a", Polygon: square, Holes: [][]Point{pts(520, 200, 600, 200, 550, 300)}}, "holes", "hole 1: lies outside"},
		{"a hole over the edge", Zone{ID: "a", Polygon: square, Holes: [][]Point{pts(450, 200, 600, 200, 550, 300)}}, "holes", "hole 1: its side 1 meets side 2 of the polygon near (500, 200)"},
		{"holes that meet", Zone{ID: "a", Polygon: square, Holes: [][]Point{pts(200, 200, 300, 200, 250, 300), pts(250, 210, 350, 210, 300, 310)}}, "holes", "hole 2: meets hole 1"},
		{"a hole in a hole", Zone{ID: "a", Polygon: square, Holes: [][]Point{pts(150, 150, 400, 150, 250, 390), pts(240, 210, 280, 210, 260, 240)}}, "holes", "lie in one another"},
		{"a crooked hole", Zone{ID: "a", Polygon: square, Holes: [][]Point{pts(200, 200, 300, 300, 300, 200, 200, 300)}}, "holes", "hole 1: side 1"},
		{"an unknown anchor", Zone{ID: "a", Polygon: square, Anchor: "feet"}, "anchor", `"feet", want ground, bottom or center`},
		{"a negative time", Zone{ID: "a", Polygon: square, Loiter: -1}, "loiter_s", "-1 seconds"},
		{"no number for a time", Zone{ID: "a", Polygon: square, Inertia: nan}, "inertia_s", "NaN seconds"},
		{"a score over 1", Zone{ID: "a", Polygon: square, Filter: Filter{MinScore: 2}}, "min_score", "2, want 0 to 1"},
		{"an area in pixels", Zone{ID: "a", Polygon: square, Filter: Filter{MinArea: 500}}, "min_area", "share of the picture"},
		{"an empty label", Zone{ID: "a", Polygon: square, Filter: Filter{Labels: []string{"car", " "}}}, "labels", "label 2 is empty"},
		{"an empty prompt", Zone{ID: "a", Polygon: square, Filter: Filter{Prompts: []string{""}}}, "prompts", "prompt 1 is empty"},
		{"a trip from itself", Zone{ID: "a", Polygon: square, TripsFrom: []string{"a"}}, "trips_from", "other zones"},
	}
	for _, tc := range tests {
		checkPlace(t, tc.name, tc.zone.Validate(), tc.field, tc.want)
	}
}

func checkPlace(t *testing.T, name string, err error, field, want string) {
	t.Helper()
	var e *PlaceError
	switch {
	case field == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case field == "":
	case !errors.As(err, &e):
		t.Errorf("%s: %v is no *PlaceError", name, err)
	case e.Field != field || !strings.Contains(e.Error(), want):
		t.Errorf("%s: %s: %q, want %s: %q", name, e.Field, e, field, want)
	}
}

func TestLineValidate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		line  Line
		field string
		want  string
	}{
		{"a line", Line{ID: "a", From: Point{0, 0}, To: Point{100, 0}}, "", ""},
		{"shares", Line{ID: "a", From: Point{0, .5}, To: Point{1, .5}}, "", ""},
		{"no length", Line{ID: "a", From: Point{50, 60}, To: Point{50, 60}}, "to", "(50, 60) is the place of from"},
		{"hardly any length", Line{ID: "a", From: Point{50, 60}, To: Point{50.2, 60}}, "to", "is the place of from"},
		{"no length, in shares", Line{ID: "a", From: Point{.5, .5}, To: Point{.5, .5}}, "to", "is the place of from"},
		{"not a number", Line{ID: "a", From: Point{math.NaN(), 0}, To: Point{100, 0}}, "from", "not a number"},
		{"outside", Line{ID: "a", From: Point{0, 0}, To: Point{100, 700}, Size: [2]int{640, 480}}, "to", "outside the 640x480 picture"},
		{"no id", Line{From: Point{0, 0}, To: Point{100, 0}}, "id", "missing"},
		{"a long wait", Line{ID: "a", From: Point{0, 0}, To: Point{100, 0}, Settle: 100}, "settle_s", "100 seconds"},
		{"a wide margin", Line{ID: "a", From: Point{0, 0}, To: Point{100, 0}, Margin: 5}, "margin", "5, want 0 to 1"},
		{"an anchor", Line{ID: "a", From: Point{0, 0}, To: Point{100, 0}, Anchor: "top"}, "anchor", "want ground"},
	} {
		checkPlace(t, tc.name, tc.line.Validate(), tc.field, tc.want)
	}
}

func TestPlacesScale(t *testing.T) {
	z := Zone{ID: "a", Polygon: pts(64, 48, 320, 48, 320, 240), Size: [2]int{640, 480}, Holes: [][]Point{pts(200, 60, 210, 60, 210, 70)}}
	if got := z.Outlines(1280, 480); !reflect.DeepEqual(got[0], pts(128, 48, 640, 48, 640, 240)) || len(got) != 2 {
		t.Errorf("scaled %v", got)
	}
	z.Size, z.Holes = [2]int{}, nil
	if got := z.Sized(1280, 960); got.Size != [2]int{1280, 960} {
		t.Errorf("size %v, want the first frame's", got.Size)
	}
	z.Polygon = pts(.1, .1, .5, .1, .5, .5)
	if got := z.Sized(1280, 960); got.Size != [2]int{} {
		t.Errorf("size %v of shares", got.Size)
	}
	if got := z.Outlines(1000, 100); !reflect.DeepEqual(got[0], pts(100, 10, 500, 10, 500, 50)) {
		t.Errorf("shares %v", got)
	}
	l := Line{From: Point{.1, .2}, To: Point{1, 1}}
	if a, b := l.Ends(100, 10); a != (Point{10, 2}) || b != (Point{100, 10}) {
		t.Errorf("ends %v, %v", a, b)
	}
}

func TestPlacesAsJSON(t *testing.T) {
	z := Zone{ID: "drive", Polygon: pts(0, 0, 1, 0, 1, 1), Filter: Filter{Labels: []string{"car"}}, Loiter: 10}
	b, err := json.Marshal(ZoneCount{Zone: z, Inside: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"id":"drive"`, `"polygon":[[0,0],[1,0],[1,1]]`, `"labels":["car"]`, `"loiter_s":10`, `"inside":2`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
}
