package evalroad

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"text/tabwriter"
	"time"

	"outrider/pipeline"
	"outrider/streams/capture/synth"
	"outrider/tracker/obstacle"
)

// Row is one line of the report. Figures are percent, degrees, seconds, per minute or shares,
// as the name says.
type Row struct {
	Name      string   `json:"name"`
	On        string   `json:"on"`
	Value     float64  `json:"value"`
	Lo        *float64 `json:"lo"` // 95 % bootstrap interval over drives, nil when there is none
	Hi        *float64 `json:"hi"`
	P90       *float64 `json:"p90"`
	N         int      `json:"n"`
	Good      string   `json:"good,omitempty"`
	Excellent string   `json:"excellent,omitempty"`
	Verdict   string   `json:"verdict,omitempty"` // excellent, good, missed
}

// target holds what a row should reach: the value and its 90th percentile, 0 for none.
type target struct{ good, goodP90, best, bestP90 float64 }

func (t target) judge(v, p90 float64, more bool) string {
	ok := func(v, want float64) bool { return want == 0 && !more || (v <= want) != more || v == want }
	switch {
	case math.IsNaN(v):
		return "no data"
	case ok(v, t.best) && (t.bestP90 == 0 || p90 <= t.bestP90):
		return "excellent"
	case ok(v, t.good) && (t.goodP90 == 0 || p90 <= t.goodP90):
		return "good"
	}
	return "missed"
}

func (t target) words(v, p90 float64) string {
	if p90 > 0 {
		return fmt.Sprintf("%g (%g)", v, p90)
	}
	return fmt.Sprintf("%g", v)
}

// Synthetic is what a run over the synthetic drives is asked to do.
type Synthetic struct {
	Seed   uint64
	Scenes int // drives a group
	// Only names the groups to drive, nil for all.
	Only []string
	// See perceives the drives; nil takes perfect masks.
	See func(s *synth.Scene) (Perception, error)
	// Each is told how far the run is.
	Each func(done, of int)
	Off  obstacle.Ablation
}

// Groups are the names that Synthetic.Only knows.
func Groups() []string {
	return []string{groupKnown, groupOnline, groupPitch, groupNegative, groupCurve, groupBlind, groupSwitch, groupHarsh, groupRecall}
}

func (o Synthetic) scenarios() []scenario {
	m := &maker{rng: rand.New(rand.NewPCG(o.Seed, 1)), seed: o.Seed}
	n := o.Scenes
	size := func(w, h int) { m.w, m.h = w, h }
	for _, g := range Groups() {
		if len(o.Only) > 0 && !contains(o.Only, g) {
			continue
		}
		size(1280, 720)
		switch g {
		case groupKnown:
			m.known(2 * n)
		case groupOnline:
			size(640, 360)
			m.online(n)
		case groupPitch:
			size(640, 360)
			m.pitch(max(2, n/6))
		case groupNegative:
			size(640, 360)
			m.negative(n, 30)
		case groupCurve:
			size(640, 360)
			m.curve(2 * n)
		case groupBlind:
			m.blind(n)
		case groupSwitch:
			m.switches(n)
		case groupHarsh:
			m.harsh(n)
		case groupRecall:
			m.recall(n)
		}
	}
	return m.list
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// tally gathers the figures of drives.
type tally struct {
	near, far map[string]*figures // distance errors by group
	cover     map[string]*figures
	ttc       figures
	onset     figures // seconds that level 3 came late
	pitch     figures
	blind     figures
	flicker   figures
	recall    figures
	minutes   float64
	alarms    int
	corridor  map[float64]*counts
	cost      []time.Duration
}

// Run drives the scenarios and returns the rows of the report.
func (o Synthetic) Run(ctx context.Context) ([]Row, error) {
	list := o.scenarios()
	t := &tally{near: map[string]*figures{}, far: map[string]*figures{}, cover: map[string]*figures{}, corridor: map[float64]*counts{}}
	p := &player{off: o.Off, see: o.See}
	for i := range list {
		if o.Each != nil {
			o.Each(i, len(list))
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		before := p.alarms
		samples, notes, err := p.play(&list[i])
		if err != nil {
			return nil, fmt.Errorf("drive %s: %w", list[i].name, err)
		}
		t.take(&list[i], samples, notes, p.alarms-before)
	}
	t.cost = p.cost
	return t.rows(), nil
}

func (t *tally) group(m map[string]*figures, g string) *figures {
	if m[g] == nil {
		m[g] = &figures{}
	}
	return m[g]
}

// take adds one drive.
func (t *tally) take(s *scenario, samples []sample, notes []frameNote, alarms int) {
	var near, far, cover, ttc, blind []float64
	byThing := map[uint64][]sample{}
	for _, a := range samples {
		byThing[a.id] = append(byThing[a.id], a)
		if s.group == groupOnline && a.t < warmUp || a.flat || !a.road {
			continue
		}
		if s.group == groupCurve && a.x > 8 && a.x < 45 {
			t.decide(s.radius, a)
		}
		if !a.said || a.got.Distance == nil {
			continue
		}
		e := 100 * math.Abs(*a.got.Distance-a.x) / math.Max(a.x, .5)
		switch {
		case a.cut && s.group == groupBlind && a.x > .5:
			// The contract measures this one from the camera.
			blind = append(blind, e*math.Max(a.x, .5)/(a.x+s.scene.Camera.FrontM))
		case a.cut:
		case a.x >= 5 && a.x < 30:
			near = append(near, e)
		case a.x >= 30 && a.x < 60:
			far = append(far, e)
		}
		if a.x >= 5 && a.x < 60 && !a.cut {
			inside := 0.0
			if a.x >= *a.got.DistanceLo && (a.got.DistanceHi == nil || a.x <= *a.got.DistanceHi) {
				inside = 100
			}
			cover = append(cover, inside)
		}
		if a.ttc >= 1 && a.ttc <= 4 && s.group == groupKnown {
			if a.got.TTC == nil {
				ttc = append(ttc, 100)
			} else {
				ttc = append(ttc, 100*math.Abs(*a.got.TTC-a.ttc)/a.ttc)
			}
		}
	}
	t.group(t.near, s.group).add(near)
	t.group(t.far, s.group).add(far)
	t.group(t.cover, s.group).add(cover)
	t.ttc.add(ttc)
	t.blind.add(blind)
	switch s.group {
	case groupNegative:
		t.alarms += alarms
		t.minutes += s.seconds / 60
	case groupPitch:
		if n := len(notes); n > 0 && notes[n-1].told {
			t.pitch.add([]float64{math.Abs(notes[n-1].pitch - s.scene.Camera.Pitch/degree)})
		}
	case groupKnown:
		for _, list := range byThing {
			t.onsetOf(list)
		}
	case groupSwitch:
		for _, list := range byThing {
			t.flicker.add([]float64{flickerOf(list)})
		}
	case groupRecall:
		for _, list := range byThing {
			t.recallOf(list)
		}
	}
}

// decide counts whether a thing was rightly put into the way.
func (t *tally) decide(radius float64, a sample) {
	c := t.corridor[radius]
	if c == nil {
		c = &counts{}
		t.corridor[radius] = c
	}
	got := a.said && a.got.InCorridor
	switch {
	case got && a.inPath:
		c.tp++
	case got:
		c.fp++
	case a.inPath:
		c.fn++
	}
}

// onsetOf compares when level 3 was reached with when it should have been. An approach in
// which it should have been before the thing was tracked for half a second tells nothing.
func (t *tally) onsetOf(list []sample) {
	want, got := -1.0, -1.0
	for _, a := range list {
		if want < 0 && a.level >= pipeline.LevelWarning {
			want = a.t
		}
		if got < 0 && a.said && a.got.Level >= pipeline.LevelWarning {
			got = a.t
		}
	}
	if want < 0 || want < list[0].t+.5 || list[0].height < .2 {
		return
	}
	late := math.Inf(1)
	if got >= 0 {
		late = got - want
	}
	t.onset.add([]float64{late})
}

// flickerOf counts the changes of level beyond one way up and one way down.
func flickerOf(list []sample) float64 {
	last, rising, turns := pipeline.LevelNone, true, 0
	for _, a := range list {
		l := pipeline.LevelNone
		if a.said {
			l = a.got.Level
		}
		if l > last && !rising {
			turns++
			rising = true
		}
		if l < last && rising {
			turns++
			rising = false
		}
		last = l
	}
	return float64(max(0, turns-1))
}

// recallOf tells whether a thing was warned of before the distance to stop from 50 km/h.
func (t *tally) recallOf(list []sample) {
	const stop = 34.9 // metres on a dry road
	if list[0].height < .2 || list[0].flat || !list[0].inPath {
		return
	}
	got := 0.0
	for _, a := range list {
		if a.x >= stop && a.said && a.got.Level >= pipeline.LevelCaution {
			got = 100
		}
	}
	t.recall.add([]float64{got})
}

// rows writes the figures down.
func (t *tally) rows() []Row {
	var out []Row
	median := func(v []float64) float64 { return Quantile(v, .5) }
	add := func(name, on string, f *figures, stat func([]float64) float64, p90, more bool, g target) {
		if f == nil || f.n() == 0 {
			return
		}
		r := Row{Name: name, On: on, Value: stat(f.all()), N: f.n()}
		if lo, hi := f.interval(stat); !math.IsNaN(lo) && !math.IsInf(hi, 0) {
			r.Lo, r.Hi = &lo, &hi
		}
		tail := 0.0
		if p90 {
			tail = Quantile(f.all(), .9)
			r.P90 = &tail
		}
		if g != (target{}) {
			r.Good, r.Excellent = g.words(g.good, g.goodP90), g.words(g.best, g.bestP90)
			r.Verdict = g.judge(r.Value, tail, more)
		}
		out = append(out, r)
	}
	distance := "distance error, median (p90), %"
	add(distance, "pitch known, 5-30 m", t.near[groupKnown], median, true, false, target{1, 3, .5, 1.5})
	add(distance, "pitch known, 30-60 m", t.far[groupKnown], median, true, false, target{3, 8, 1.5, 5})
	add(distance, "pitch unknown, sway 0.3 deg, 5-30 m", t.near[groupOnline], median, true, false, target{5, 12, 3, 8})
	add(distance, "pitch unknown, sway 0.3 deg, 30-60 m", t.far[groupOnline], median, true, false, target{9, 25, 6, 15})
	add(distance, "height, roll or slope wrong, 5-30 m", t.near[groupHarsh], median, true, false, target{})
	add(distance, "height, roll or slope wrong, 30-60 m", t.far[groupHarsh], median, true, false, target{})
	add(distance, "foot below the picture, from the camera", &t.blind, median, true, false, target{12, 0, 6, 0})
	for _, g := range []string{groupKnown, groupOnline, groupHarsh} {
		f := t.cover[g]
		if f == nil || f.n() == 0 {
			continue
		}
		add("95 % interval holds the truth, %", g, f, mean, false, true, target{good: 85, best: 91})
	}
	add("time to collision error, median (p90), %", "1-4 s", &t.ttc, median, true, false, target{5, 15, 2, 6})
	within := func(limit float64) func([]float64) float64 {
		return func(v []float64) float64 {
			n := 0
			for _, x := range v {
				if math.Abs(x) <= limit {
					n++
				}
			}
			return 100 * float64(n) / float64(max(1, len(v)))
		}
	}
	add("level 3 within 0.4 s of the true onset, %", "approaches, h >= 0.2 m", &t.onset, within(.4+1e-9), false, true, target{good: 95, best: 95})
	add("level 3 within 0.2 s of the true onset, %", "approaches, h >= 0.2 m", &t.onset, within(.2+1e-9), false, true, target{good: 0, best: 95})
	add("pitch error after 60 s, mean, degrees", "straight road", &t.pitch, mean, false, false, target{good: .15, best: .05})
	add("warned before 34.9 m at 50 km/h, %", "h >= 0.2 m", &t.recall, mean, false, true, target{good: 90, best: 98})
	if t.minutes > 0 {
		rate := float64(t.alarms) / t.minutes
		g := target{good: .2, best: .02}
		out = append(out, Row{Name: "false alarms of level 3 a minute", On: fmt.Sprintf("%.0f minutes of paint, patches, shadows", t.minutes), Value: rate, N: t.alarms,
			Good: "0.2", Excellent: "0.02", Verdict: g.judge(rate, 0, false)})
	}
	for _, c := range []struct {
		radius     float64
		good, best float64
	}{{0, .95, .99}, {500, 0, 0}, {250, 0, 0}, {125, .85, .95}} {
		if k := t.corridor[c.radius]; k != nil {
			on := "straight"
			if c.radius > 0 {
				on = fmt.Sprintf("radius %.0f m", c.radius)
			}
			r := Row{Name: "in the way or not, F1", On: on, Value: k.f1(), N: k.tp + k.fp + k.fn}
			if c.good > 0 {
				g := target{good: c.good, best: c.best}
				r.Good, r.Excellent, r.Verdict = g.words(g.good, 0), g.words(g.best, 0), g.judge(r.Value, 0, true)
			}
			out = append(out, r)
		}
	}
	add("level flicker, turns beyond up and down", "id switches", &t.flicker, mean, false, false, target{good: .3, best: .05})
	if o := t.cost; len(o) > 0 {
		var ms []float64
		for _, d := range t.cost {
			ms = append(ms, float64(d.Microseconds())/1000)
		}
		p50 := Quantile(ms, .5)
		out = append(out, Row{Name: "cost of the stage, median, ms", On: "these drives, on this machine now", Value: p50, N: len(ms)})
	}
	return out
}

// Print writes rows as a table.
func Print(w io.Writer, rows []Row) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "FIGURE\tON\tVALUE\t95 %\tN\tGOOD\tEXCELLENT\t")
	num := func(v float64) string {
		switch {
		case math.IsInf(v, 0):
			return "never"
		case math.Abs(v) >= 100:
			return fmt.Sprintf("%.0f", v)
		case math.Abs(v) >= 10:
			return fmt.Sprintf("%.1f", v)
		}
		return fmt.Sprintf("%.2f", v)
	}
	for _, r := range rows {
		v := num(r.Value)
		if r.P90 != nil {
			v += " (" + num(*r.P90) + ")"
		}
		ci := ""
		if r.Lo != nil {
			ci = num(*r.Lo) + "-" + num(*r.Hi)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", r.Name, r.On, v, ci, r.N, r.Good, r.Excellent, r.Verdict)
	}
	return tw.Flush()
}
