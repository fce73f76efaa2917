package evalroad

import (
	"math"
	"strings"
	"testing"
)

// TestSynthetic drives a little of each group with perfect masks and holds the main figures
// to their targets.
func TestSynthetic(t *testing.T) {
	if testing.Short() {
		t.Skip("several seconds of driving")
	}
	rows, err := Synthetic{Seed: 3, Scenes: 2, Only: []string{groupKnown, groupBlind, groupRecall}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, r := range rows {
		if math.IsNaN(r.Value) {
			t.Errorf("%s, %s: no value", r.Name, r.On)
		}
		if r.Verdict == "missed" && (strings.HasPrefix(r.Name, "distance") || strings.HasPrefix(r.Name, "level flicker")) {
			t.Errorf("%s, %s: %g (p90 %v), want %s", r.Name, r.On, r.Value, r.P90, r.Good)
		}
		if r.Verdict != "" {
			seen++
		}
	}
	if seen < 5 {
		t.Errorf("only %d rows: %+v", seen, rows)
	}
	var b strings.Builder
	if err := Print(&b, rows); err != nil || !strings.Contains(b.String(), "excellent") {
		t.Errorf("%v\n%s", err, b.String())
	}
	t.Log("\n" + b.String())
}

// TestAblations: without the test of standing, paint is warned of.
func TestAblations(t *testing.T) {
	if testing.Short() {
		t.Skip("several seconds of driving")
	}
	o := Synthetic{Seed: 3, Scenes: 1, Only: []string{groupNegative}}
	alarms := func() float64 {
		rows, err := o.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if strings.HasPrefix(r.Name, "false alarms") {
				return r.Value
			}
		}
		t.Fatal("no row of alarms")
		return 0
	}
	with := alarms()
	o.Off.Standing = true
	if without := alarms(); with > .5 || without < 5 {
		t.Errorf("%g alarms a minute, %g without the test of standing", with, without)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		p, w float64
	}{{[]float64{3, 1, 2}, .5, 2}, {[]float64{1, 2}, .5, 1.5}, {[]float64{5}, .9, 5}, {[]float64{0, 10}, .9, 9}} {
		if got := Quantile(c.v, c.p); got != c.w {
			t.Errorf("%v at %g: %g, want %g", c.v, c.p, got, c.w)
		}
	}
	if !math.IsNaN(Quantile(nil, .5)) {
		t.Error("a quantile of nothing")
	}
}
