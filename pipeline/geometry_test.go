package pipeline_test

import (
	"encoding/json"
	"math"
	"testing"

	. "outrider/pipeline"
)

func TestPointAndBoxJSON(t *testing.T) {
	type shapes struct {
		P Point
		B *Box `json:",omitempty"`
	}
	for _, c := range []struct {
		in   string
		want shapes
		out  string
	}{
		{`{"P":[1,2.5]}`, shapes{P: Point{X: 1, Y: 2.5}}, `{"P":[1,2.5]}`},
		{`{"P":[-1e3,0],"B":[1,2,3,4]}`, shapes{Point{X: -1000}, &Box{1, 2, 3, 4}}, `{"P":[-1000,0],"B":[1,2,3,4]}`},
		{`{"P":[0,0],"B":null}`, shapes{}, `{"P":[0,0]}`},
	} {
		var got shapes
		if err := json.Unmarshal([]byte(c.in), &got); err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got.P != c.want.P || (got.B == nil) != (c.want.B == nil) || got.B != nil && *got.B != *c.want.B {
			t.Errorf("%s: got %+v, want %+v", c.in, got, c.want)
		}
		if out, err := json.Marshal(got); err != nil || string(out) != c.out {
			t.Errorf("%s: marshalled as %s (%v), want %s", c.in, out, err, c.out)
		}
	}
	for _, in := range []string{`[]`, `[1]`, `[1,2,3]`, `[1,2,3,4,5]`, `["1",2]`, `{"x":1,"y":2}`, `1`, `[1,null]`, `[1,2,null,4]`, `null`, `[1e999,0]`, `[[1],2]`} {
		var p Point
		var b Box
		if err := json.Unmarshal([]byte(in), &p); err == nil {
			t.Errorf("point %s was taken as %v", in, p)
		}
		if err := json.Unmarshal([]byte(in), &b); err == nil {
			t.Errorf("box %s was taken as %v", in, b)
		}
	}
	if out, err := json.Marshal(Box{X1: math.NaN()}); err == nil {
		t.Errorf("a box that is not a number was written as %s", out)
	}
}

func TestBox(t *testing.T) {
	a := Box{10, 20, 30, 60}
	if a.W() != 20 || a.H() != 40 || a.Area() != 800 || a.Center() != (Point{20, 40}) {
		t.Errorf("%v: %g x %g, area %g, centre %v", a, a.W(), a.H(), a.Area(), a.Center())
	}
	for _, c := range []struct {
		p    Point
		want bool
	}{{Point{10, 20}, true}, {Point{29.9, 59.9}, true}, {Point{30, 40}, false}, {Point{20, 60}, false}, {Point{9.9, 40}, false}, {Point{math.NaN(), 40}, false}} {
		if a.Contains(c.p) != c.want {
			t.Errorf("%v contains %v: want %v", a, c.p, c.want)
		}
	}
	for _, c := range []struct {
		name string
		b    Box
		want float64
	}{
		{"itself", a, 1},
		{"half", Box{10, 20, 20, 60}, .5},
		{"beside", Box{30, 20, 50, 60}, 0},
		{"apart", Box{100, 100, 110, 110}, 0},
		{"shifted by half", Box{20, 20, 40, 60}, 1. / 3},
		{"inside out", Box{30, 60, 10, 20}, 0},
		{"empty", Box{}, 0},
	} {
		if got := a.IoU(c.b); math.Abs(got-c.want) > 1e-12 || got != c.b.IoU(a) {
			t.Errorf("%s: IoU %g, want %g", c.name, got, c.want)
		}
	}
	if (Box{}).IoU(Box{}) != 0 {
		t.Error("two empty boxes overlap")
	}
	if got := (Box{-5, -5, 1000, 30}).Clip(640, 480); got != (Box{0, 0, 640, 30}) {
		t.Errorf("clipped to %v", got)
	}
	if got := (Box{700, 0, 800, 30}).Clip(640, 480).Area(); got != 0 {
		t.Errorf("outside the frame an area of %g is left", got)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, b := range []Box{{v, 0, 1, 1}, {0, v, 1, 1}, {0, 0, v, 1}, {0, 0, 1, v}} {
			if b.Finite() {
				t.Errorf("%v is called finite", b)
			}
		}
	}
	if !a.Finite() {
		t.Errorf("%v is called not finite", a)
	}
}
