package obstacle

import (
	"image"
	"math"
	"testing"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

func TestMeasure(t *testing.T) {
	g := mask.Grid{W: 160, H: 90, SX: 8, SY: 8}
	box := func(rects ...image.Rectangle) *mask.Mask {
		m := mask.New(g, g.Bounds())
		for _, r := range rects {
			m.Fill(r)
		}
		return m
	}
	for _, c := range []struct {
		name        string
		m           *mask.Mask
		top, bottom float64
		width       float64
		cut         string
		ok          bool
	}{
		{"nothing", nil, 0, 0, 0, "", false},
		{"empty", mask.New(g, g.Bounds()), 0, 0, 0, "", false},
		{"a box", box(image.Rect(40, 20, 60, 50)), 160, 400, 160, "", true},
		{"one cell", box(image.Rect(40, 20, 41, 21)), 160, 168, 8, "", true},
		{"a stray cell below", box(image.Rect(40, 20, 60, 50), image.Rect(50, 60, 51, 61)), 160, 400, 160, "", true},
		{"a mirror at the side", box(image.Rect(40, 20, 60, 50), image.Rect(38, 30, 40, 31)), 160, 400, 160, "", true},
		{"at the lower edge", box(image.Rect(40, 60, 60, 90)), 480, 720, 160, "bottom", true},
		{"at the left edge", box(image.Rect(0, 20, 20, 50)), 160, 400, 160, "left", true},
		{"at the right edge", box(image.Rect(140, 20, 160, 50)), 160, 400, 160, "right", true},
		{"at the upper edge", box(image.Rect(40, 0, 60, 50)), 0, 400, 160, "top", true},
	} {
		var tr tracer
		o, ok := tr.measure(c.m, 1280, 720)
		if ok != c.ok {
			t.Errorf("%s: ok %v", c.name, ok)
			continue
		}
		if !ok {
			continue
		}
		cut := ""
		for name, yes := range map[string]bool{"left": o.cutLeft, "right": o.cutRight, "top": o.cutTop, "bottom": o.cutBottom} {
			if yes {
				cut += name
			}
		}
		if o.top != c.top || o.bottom != c.bottom || math.Abs(o.width-c.width) > 9 || cut != c.cut {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}

func TestGrade(t *testing.T) {
	far := math.Inf(1)
	nan := math.NaN()
	for _, c := range []struct {
		name string
		s    Situation
		want pipeline.WarningLevel
	}{
		{"nothing comes nearer", Situation{Distance: 20, Closing: 0, TTC: far, Ego: 14}, 0},
		{"a still thing within the stopping distance", Situation{Distance: 55, Closing: 10, TTC: 5.5, Ego: 20, Static: true}, 1},
		{"four seconds", Situation{Distance: 39, Closing: 10, TTC: 3.9, Ego: 10, Static: true}, 2},
		{"braking hard is needed", Situation{Distance: 30, Closing: 10, TTC: 3, Ego: 10, Static: true}, 2},
		{"2.7 seconds", Situation{Distance: 26, Closing: 10, TTC: 2.6, Ego: 10, Static: true}, 3},
		{"too late to brake", Situation{Distance: 21, Closing: 10, TTC: 2.1, Ego: 10, Static: true}, 4},
		{"1.4 seconds", Situation{Distance: 2.6, Closing: 2, TTC: 1.3, Ego: 2.5, Static: true}, 4},
		{"creeping", Situation{Distance: 1, Closing: .5, TTC: 2, Ego: .5, Static: true}, 0},
		{"somebody backs into us", Situation{Distance: 3, Closing: 2, TTC: 1.5, Ego: 0}, 4},
		{"own speed unknown", Situation{Distance: 26, Closing: 10, TTC: 2.6, Ego: nan}, 3},
		{"uncalibrated", Situation{Distance: nan, Closing: nan, TTC: 2.6, Ego: nan}, 3},
		{"uncalibrated, nothing", Situation{Distance: nan, Closing: nan, TTC: far, Ego: nan}, 0},
		{"in reverse", Situation{Distance: 3, Closing: -3, TTC: far, Ego: -3}, 0},
	} {
		if got := Grade(c.s, 1); got != c.want {
			t.Errorf("%s: level %v, want %v", c.name, got, c.want)
		}
	}
}

// TestStopping holds the table of the contract, section 2.6, at the braking of level 1.
func TestStopping(t *testing.T) {
	for _, c := range []struct{ kmh, want float64 }{{30, 22.1}, {50, 47.6}, {100, 148.8}} {
		if got := stopping(c.kmh / 3.6); math.Abs(got-c.want) > .1 {
			t.Errorf("%g km/h: %.1f m, want %g", c.kmh, got, c.want)
		}
	}
	if d := Deceleration(50, 10); math.Abs(d-100/70.) > 1e-9 {
		t.Errorf("deceleration %g", d)
	}
	if Deceleration(10, 10) != math.Inf(1) || Deceleration(10, -1) != 0 {
		t.Error("deceleration at the limits")
	}
}

func TestAlert(t *testing.T) {
	const dt = .05
	type span struct {
		seconds   float64
		met, held pipeline.WarningLevel
	}
	for _, c := range []struct {
		name   string
		spans  []span
		levels []pipeline.WarningLevel // each different one, in order
		events int
	}{
		{"a flicker of two frames", []span{{.1, 3, 3}, {2, 0, 0}}, []pipeline.WarningLevel{0}, 0},
		{"a rise and a fall, a level at a time", []span{{1, 3, 3}, {6, 0, 0}}, []pipeline.WarningLevel{0, 3, 2, 1, 0}, 1},
		{"critical after two frames", []span{{.1, 4, 4}, {.05, 0, 4}}, []pipeline.WarningLevel{0, 4}, 1},
		{"held between the thresholds", []span{{1, 2, 2}, {5, 0, 2}}, []pipeline.WarningLevel{0, 2}, 1},
		{"no second event within the cool-down", []span{{1, 2, 2}, {2.2, 0, 0}, {1, 2, 2}}, []pipeline.WarningLevel{0, 2, 1, 0, 2}, 1},
		{"a higher one at once", []span{{1, 2, 2}, {1, 3, 3}}, []pipeline.WarningLevel{0, 2, 3}, 2},
	} {
		a := alert{below: -1}
		now, events := 100., 0
		levels := []pipeline.WarningLevel{0}
		for _, s := range c.spans {
			for range int(s.seconds/dt + .5) {
				a.step(now, s.met, s.held)
				if a.tell(now) {
					events++
				}
				if a.level != levels[len(levels)-1] {
					levels = append(levels, a.level)
				}
				now += dt
			}
		}
		if len(levels) != len(c.levels) || events != c.events {
			t.Errorf("%s: levels %v, %d events; want %v, %d", c.name, levels, events, c.levels, c.events)
			continue
		}
		for i := range levels {
			if levels[i] != c.levels[i] {
				t.Errorf("%s: levels %v, want %v", c.name, levels, c.levels)
				break
			}
		}
	}
}

func TestOverlap(t *testing.T) {
	straight := path{half: 1.25, sigmaC1: .0035}
	left := path{half: 1.25, sigmaC1: .0035, kappa: 1 / 250., sigmaKappa: 5e-4}
	for _, c := range []struct {
		name      string
		p         path
		x, yl, yr float64
		min, max  float64
	}{
		{"ahead", straight, 20, .5, -.5, .99, 1},
		{"the next lane", straight, 20, 4.4, 2.6, 0, .01},
		{"half in", straight, 20, 1.75, 1.25, .4, .6},
		{"ahead in a curve", left, 40, 3.7, 2.7, .9, 1},
		{"straight on, in a curve", left, 40, .5, -.5, 0, .1},
		{"far and uncertain", straight, 150, 2.2, 1.4, .2, .8},
	} {
		if got := c.p.overlap(c.x, c.yl, c.yr, .02); !(got >= c.min && got <= c.max) {
			t.Errorf("%s: %.3f, want %g to %g", c.name, got, c.min, c.max)
		}
	}
}

func TestCurveFit(t *testing.T) {
	for _, kappa := range []float64{0, 1 / 500., -1 / 250., 1 / 125.} {
		var f curveFit
		for i := range curveRows {
			x := curveNear + float64(i)*curveStep
			f.x[i], f.n = x, i+1
			f.left[i], f.hasL[i] = 5+kappa*x*x/2, true
			f.right[i], f.hasR[i] = -3+kappa*x*x/2, i != 4
			if i == 7 {
				f.right[i] = -.5 // a parked car
			}
		}
		c1, k, sigma, ok := f.solve()
		if !ok || math.Abs(k-kappa) > 4e-4 || math.Abs(c1) > .01 || !(sigma > 0 && sigma < .002) {
			t.Errorf("curvature %g: got %g (sigma %g), direction %g, %v", kappa, k, sigma, c1, ok)
		}
	}
	var none curveFit
	if _, _, _, ok := none.solve(); ok {
		t.Error("a fit without edges")
	}
}

// TestRangeFilter: constant speed, growth only, and lost measurements.
func TestRangeFilter(t *testing.T) {
	const dt, v = .05, 10.
	for _, c := range []struct {
		name string
		lag  bool
		tol  float64
	}{{"as it is", false, .02}, {"without the correction of the lag it is late", true, .5}} {
		var f rangeFilter
		f.lag = c.lag
		f.start(1/50., .002, 0, 1)
		for i := range 75 {
			x := 50 - v*dt*float64(i)
			if i > 0 {
				f.predict(dt, relativeAcceleration)
			}
			f.contact(1/x, 1e-8)
			f.size(byWidth, 1.8/x, .0005)
		}
		x := 50 - v*dt*74
		ttc := 1 / f.x[iRate]
		if e := math.Abs(ttc-x/v) / (x / v); e > c.tol || c.lag && e < .01 {
			t.Errorf("%s: time to collision %.3f, want %.3f", c.name, ttc, x/v)
		}
	}
	var f rangeFilter
	f.start(1/30., 1, 0, 1)
	for i := range 2000 {
		f.predict(.05, 2.5)
		f.contact([]float64{math.NaN(), 1e9, -1e9, 0, 1}[i%5], 1e-6)
		f.size(byWidth, []float64{1e-9, 1e9, 1}[i%3], 1e-3)
		for _, v := range f.x {
			if !finite(v) {
				t.Fatalf("step %d: %v", i, f.x)
			}
		}
		if x, lo, hi := f.interval(1.96, 0); !(x > 0 && lo > 0 && lo <= x && hi >= x) {
			t.Fatalf("step %d: %g [%g, %g]", i, x, lo, hi)
		}
	}
}

func TestStanding(t *testing.T) {
	const h = 1.4
	for _, c := range []struct {
		name   string
		e, l   float64
		stands bool
	}{
		{"a patch of three metres", 0, 3, false},
		{"a manhole", 0, .7, false},
		{"a tyre", .3, .3, true},
		{"a plank of 20 cm", .2, .6, true},
		{"a man", 1.75, 0, true},
	} {
		var s standing
		for x := 40.; x > 8; x -= .5 {
			top := (h - c.e) / (x + c.l)
			s.observe(h/x, h/x-top, h, 2.5e-7)
		}
		if p := s.probability(h); (p > .8) != c.stands || (p < .2) == c.stands {
			t.Errorf("%s: stands with %.3f", c.name, p)
		}
	}
}
