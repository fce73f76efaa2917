package event_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/tracker"
	"outrider/tracker/event"
	"outrider/tracker/trackeval"
)

// fixed are the sequences of fixed cameras among the shared ones.
var fixed = []string{"MOT17val/MOT17-02", "MOT17val/MOT17-04", "MOT15/PETS09-S2L1", "MOT15/TUD-Campus", "MOT15/ADL-Rundle-6"}

// grid are eleven lines over the whole picture, upright and level.
func grid(w, h float64) []pipeline.Line {
	var out []pipeline.Line
	for i := 2; i <= 8; i++ {
		x := w * float64(i) / 10
		out = append(out, pipeline.Line{ID: fmt.Sprintf("x%d", i), From: pipeline.Point{X: x}, To: pipeline.Point{X: x, Y: h}})
	}
	for i := 5; i <= 8; i++ {
		y := h * float64(i) / 10
		out = append(out, pipeline.Line{ID: fmt.Sprintf("y%d", i), From: pipeline.Point{Y: y}, To: pipeline.Point{X: w, Y: y}})
	}
	return out
}

// count runs the frames' tracks through a counter: in and out of each line.
func count(t *testing.T, s *trackeval.Sequence, c *event.Counter, frame func(n int, at time.Time) []pipeline.Track) []int {
	t.Helper()
	for _, l := range grid(float64(s.Width), float64(s.Height)) {
		l.Anchor = pipeline.AnchorBottom
		if err := c.SetLine(l); err != nil {
			t.Fatal(err)
		}
	}
	f, err := pipeline.NewFrame("yard", s.Width, s.Height, make([]byte, 3*s.Width*s.Height))
	if err != nil {
		t.Fatal(err)
	}
	r := pipeline.NewResult(f)
	for n := 1; n <= s.Frames; n++ {
		f.Captured = time.Unix(1e9, 0).Add(time.Duration(float64(n) / s.FPS * float64(time.Second)))
		r.Tracks, r.Events = frame(n, f.Captured), r.Events[:0]
		if err := c.Process(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	var out []int
	for _, l := range c.Counts().Lines {
		out = append(out, int(l.In), int(l.Out))
	}
	return out
}

// flips counts as counters without hysteresis do: each time a track's point is on the other
// side than when it was last seen.
func flips(s *trackeval.Sequence, frame func(n int, at time.Time) []pipeline.Track) []int {
	lines := grid(float64(s.Width), float64(s.Height))
	out := make([]int, 2*len(lines))
	last := make([]map[uint64]bool, len(lines))
	for i := range last {
		last[i] = map[uint64]bool{}
	}
	for n := 1; n <= s.Frames; n++ {
		for _, k := range frame(n, time.Time{}) {
			if !k.Observed {
				continue
			}
			for i, l := range lines {
				x, y := (k.Box.X1+k.Box.X2)/2, k.Box.Y2
				b := (l.To.X-l.From.X)*(y-l.From.Y)-(l.To.Y-l.From.Y)*(x-l.From.X) > 0
				if was, ok := last[i][k.ID]; ok && was != b {
					if b {
						out[2*i]++
					} else {
						out[2*i+1]++
					}
				}
				last[i][k.ID] = b
			}
		}
	}
	return out
}

// tracked runs the tracker on the stored detections.
func tracked(s *trackeval.Sequence) func(n int, at time.Time) []pipeline.Track {
	frames := make([][]pipeline.Track, s.Frames+1)
	c := &tracker.Core{}
	c.Width, c.Height = float64(s.Width), float64(s.Height)
	var dets []tracker.Detection
	var objects []tracker.Object
	for n := 1; n <= s.Frames; n++ {
		dets = dets[:0]
		for _, r := range s.Detections[n] {
			dets = append(dets, tracker.Detection{Box: r.Box, Score: r.Confidence, Parent: -1})
		}
		now := float64(n) / s.FPS
		c.Step(now, dets, nil)
		objects = c.Append(objects[:0])
		for _, o := range objects {
			frames[n] = append(frames[n], pipeline.Track{
				ID: o.ID, Box: o.Box, Velocity: o.Velocity, State: o.State, Observed: o.Observed, Score: o.Score,
				FirstSeen: time.Unix(1e9, 0).Add(time.Duration(o.First * float64(time.Second))),
			})
		}
	}
	return func(n int, _ time.Time) []pipeline.Track { return frames[n] }
}

// truths are the annotated people, all of whom are seen.
func truths(s *trackeval.Sequence) func(n int, at time.Time) []pipeline.Track {
	first := map[int]time.Time{}
	return func(n int, at time.Time) []pipeline.Track {
		var out []pipeline.Track
		for _, r := range s.Truth[n] {
			if r.Class != 1 || r.Confidence == 0 {
				continue
			}
			if _, ok := first[r.ID]; !ok {
				first[r.ID] = at
			}
			out = append(out, pipeline.Track{ID: uint64(r.ID), Box: r.Box, State: pipeline.Confirmed, Observed: true, Score: 1, FirstSeen: first[r.ID]})
		}
		return out
	}
}

// TestCountsOnRealTracks counts what the tracker makes of real detections over eleven lines of
// five fixed cameras, and holds it against what the same counter makes of the annotated people,
// beside a counter without hysteresis.
func TestCountsOnRealTracks(t *testing.T) {
	var want, off, offWithout, offNaive int
	for _, name := range fixed {
		dir := filepath.Join("../../../shared/data/mot", name)
		if _, err := os.Stat(dir); err != nil {
			t.Skipf("no %s: the shared sequences are not here", dir)
		}
		s, err := trackeval.ReadSequence(dir)
		if err != nil {
			t.Fatal(err)
		}
		truth := count(t, s, &event.Counter{}, truths(s))
		tracks := tracked(s)
		got := count(t, s, &event.Counter{}, tracks)
		without := count(t, s, &event.Counter{Patience: time.Nanosecond, StationaryPatience: time.Nanosecond}, tracks)
		naive := flips(s, tracks)
		sum := func(a []int) (n int) {
			for _, v := range a {
				n += v
			}
			return n
		}
		miss := func(a []int) (n int) {
			for i := range a {
				n += int(math.Abs(float64(a[i] - truth[i])))
			}
			return n
		}
		t.Logf("%-20s %3d crossings; counted %3d, off by %2d; numbers not handed over: %3d, off by %2d; no hysteresis: %3d, off by %3d",
			name, sum(truth), sum(got), miss(got), sum(without), miss(without), sum(naive), miss(naive))
		want, off, offWithout, offNaive = want+sum(truth), off+miss(got), offWithout+miss(without), offNaive+miss(naive)
	}
	t.Logf("all: %d crossings, off by %d (%.1f %%); without handing over %d, without hysteresis %d", want, off, 100*float64(off)/float64(want), offWithout, offNaive)
	if want < 300 || float64(off) > .2*float64(want) || off > offNaive {
		t.Errorf("off by %d of %d", off, want)
	}
}
