package tracker_test

import (
	"context"
	"image"
	"math"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/pipetest"
	"outrider/tracker"
)

// film is a textured scene seen by a camera at cam, in which textured objects move.
type film struct {
	t      *testing.T
	track  tracker.Tracker
	life   pipetest.Lifecycle
	seq    int
	cam    pipeline.Point
	actors []actor
	last   *pipeline.Result
}

// actor is an object of the film: where it is, its colour, and how it comes out of the
// segmenter: whole, as halves, or not at all.
type actor struct {
	rect
	tint  [3]int // added to BGR
	shown string // "whole", "halves", ""
	front bool   // drawn only: it hides what is behind, and has no segment
}

// grain is a smooth picture of random values in -1..1.
func grain(x, y, size float64, seed uint32) float64 {
	x, y = x/size, y/size
	fx, fy := math.Floor(x), math.Floor(y)
	at := func(i, j float64) float64 {
		h := uint32(int32(fx+i))*0x9e3779b1 ^ uint32(int32(fy+j))*0x85ebca6b ^ seed
		h = (h ^ h>>15) * 0x2c1b3c6d
		h = (h ^ h>>12) * 0x297a2d39
		return float64(h>>8)/(1<<23) - 1
	}
	ax, ay := x-fx, y-fy
	ax, ay = ax*ax*(3-2*ax), ay*ay*(3-2*ay)
	return (at(0, 0)*(1-ax)+at(1, 0)*ax)*(1-ay) + (at(0, 1)*(1-ax)+at(1, 1)*ax)*ay
}

func (f *film) frame() *pipeline.Result {
	f.t.Helper()
	if f.last != nil { // only now: a prompt may have added to it
		if err := f.life.Check(f.last); err != nil {
			f.t.Fatalf("frame %d: %v", f.seq, err)
		}
	}
	fr, seg := f.shoot()
	r := pipeline.NewResult(fr)
	r.SetSegmentation(seg)
	if err := f.track.Process(context.Background(), r); err != nil {
		f.t.Fatal(err)
	}
	f.last = r
	return r
}

// shoot takes the next picture and cuts it.
func (f *film) shoot() (*pipeline.Frame, *pipeline.Segmentation) {
	f.t.Helper()
	data := make([]byte, 3*frameW*frameH)
	for y := range frameH {
		for x := range frameW {
			wx, wy := float64(x)+f.cam.X, float64(y)+f.cam.Y
			v := 110 + 25*grain(wx, wy, 6, 1) + 25*grain(wx, wy, 25, 2)
			c := [3]float64{v, v, v}
			for k, a := range f.actors {
				if ox, oy := float64(x)-a.x, float64(y)-a.y; ox >= 0 && oy >= 0 && ox < a.w && oy < a.h {
					v := 110 + 30*grain(ox, oy, 5, uint32(10+k)) + 30*grain(ox, oy, 15, uint32(30+k))
					c = [3]float64{v + float64(a.tint[0]), v + float64(a.tint[1]), v + float64(a.tint[2])}
				}
			}
			i := 3 * (y*frameW + x)
			for k := range c {
				data[i+k] = byte(min(max(c[k], 0), 255))
			}
		}
	}
	fr, err := pipeline.NewFrame("yard", frameW, frameH, data)
	if err != nil {
		f.t.Fatal(err)
	}
	f.seq++
	fr.Seq, fr.Epoch = uint64(f.seq), 1
	fr.Captured = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(f.seq) * time.Second / fps)
	g := mask.Grid{W: frameW / cell, H: frameH / cell, SX: cell, SY: cell}
	seg := &pipeline.Segmentation{Grid: g}
	add := func(q rect) {
		c := func(v float64) int { return int(math.Round(v / cell)) }
		m := mask.New(g, image.Rect(c(q.x), c(q.y), c(q.x+q.w), c(q.y+q.h)))
		m.Fill(m.Window())
		if m.Area() > 0 {
			seg.Segments = append(seg.Segments, pipeline.Segment{Box: box(q.x, q.y, q.w, q.h), Mask: m, Score: 0.6, Parent: -1})
		}
	}
	for _, a := range f.actors {
		switch a.shown {
		case "whole":
			add(a.rect)
		case "halves":
			add(rect{x: a.x, y: a.y, w: a.w, h: a.h / 2})
			add(rect{x: a.x, y: a.y + a.h/2, w: a.w, h: a.h / 2})
		}
	}
	return fr, seg
}

// hold points at actor k and pins its track.
func (f *film) hold(k int) uint64 {
	f.t.Helper()
	id := f.track.Start(f.last, k)
	if id == 0 || !f.track.Pin(f.last, id, "p", true) {
		f.t.Fatalf("actor %d cannot be held", k)
	}
	return id
}

// on is the overlap of a track's mask with actor k, and the track.
func (f *film) on(id uint64, k int) (float64, *pipeline.Track) {
	f.t.Helper()
	for i := range f.last.Tracks {
		tr := &f.last.Tracks[i]
		if tr.ID != id || tr.Mask == nil {
			continue
		}
		a := f.actors[k]
		want := mask.New(mask.FrameGrid(frameW, frameH), image.Rect(int(a.x), int(a.y), int(a.x+a.w), int(a.y+a.h)))
		want.Fill(want.Window())
		return mask.IoU(tr.Mask.Resample(want.Grid()), want), tr
	}
	f.t.Fatalf("frame %d: track %d is gone", f.seq, id)
	return 0, nil
}

func red(x, y float64) actor {
	return actor{rect: rect{x: x, y: y, w: 48, h: 64}, tint: [3]int{-40, -30, 80}, shown: "whole"}
}

func blue(x, y float64) actor {
	return actor{rect: rect{x: x, y: y, w: 48, h: 64}, tint: [3]int{80, -30, -40}, shown: "whole"}
}

func TestHeldObjectOutlastsMissingAndBrokenSegments(t *testing.T) {
	f := &film{t: t, actors: []actor{red(20, 80)}}
	f.frame()
	id := f.hold(0)
	for k := range 50 {
		a := &f.actors[0]
		a.x += 4
		a.y += 1.5 * math.Sin(float64(k)/4)
		a.shown = [...]string{"whole", "halves", "", "", "halves", "", "whole"}[k%7]
		f.frame()
		if v, tr := f.on(id, 0); v < 0.75 || !tr.Observed {
			t.Fatalf("frame %d (%q): overlap %.2f, observed %v", f.seq, a.shown, v, tr.Observed)
		}
	}
}

func TestHeldObjectIsNotSwappedForItsNeighbour(t *testing.T) {
	// The red one goes behind a wall and stays there; a blue one comes out of it.
	f := &film{t: t, actors: []actor{red(20, 80), {rect: rect{x: 140, y: 0, w: 60, h: 240}, front: true}}}
	f.frame()
	id := f.hold(0)
	for range 30 {
		a := &f.actors[0]
		if a.x += 4; a.x+a.w/2 > 140 {
			a.shown = ""
		}
		f.frame()
	}
	f.actors[0] = blue(150, 80)
	for range 40 {
		a := &f.actors[0]
		if a.x += 4; a.x > 180 {
			a.shown = "whole"
		} else {
			a.shown = ""
		}
		f.frame()
		if a.x+a.w > frameW-8 {
			break
		}
		if v, tr := f.on(id, 0); a.x > 200 && tr.Observed && v > 0.1 {
			t.Fatalf("frame %d: the red track lies on the blue one, overlap %.2f", f.seq, v)
		}
	}
	// And when the red one comes back it is the same track.
	f.actors[0] = red(200, 90)
	for range 12 {
		f.actors[0].x++
		f.frame()
	}
	if v, tr := f.on(id, 0); v < 0.7 || !tr.Observed {
		t.Fatalf("back again: overlap %.2f, observed %v", v, tr.Observed)
	}
}

func TestHeldObjectUnderAMovingCamera(t *testing.T) {
	f := &film{t: t, actors: []actor{red(180, 100), blue(60, 60)}}
	f.frame()
	id := f.hold(0)
	for k := range 40 {
		f.cam.X += 5
		f.cam.Y += 2 * math.Sin(float64(k)/5)
		f.actors[0].x -= 2 // it walks along, but slower
		f.actors[1].x -= 5
		for i := range f.actors {
			if f.actors[i].shown = "whole"; k%3 == 1 {
				f.actors[i].shown = ""
			}
		}
		f.frame()
		if v, tr := f.on(id, 0); v < 0.75 || !tr.Observed {
			t.Fatalf("frame %d: overlap %.2f, observed %v", f.seq, v, tr.Observed)
		}
	}
}

// The pan moves each thing by more than its width a frame: only the picture tells how.
func TestCameraMotionIsSeenInThePicture(t *testing.T) {
	run := func(fixed bool) (ids, seen int) {
		f := &film{t: t}
		f.track.FixedCamera = fixed
		for k := range 6 {
			f.actors = append(f.actors, actor{rect: rect{x: 40 + 100*float64(k), y: 60 + 30*float64(k%3), w: 16, h: 24}, tint: [3]int{0, 60, 0}, shown: "whole"})
		}
		for range 5 {
			f.frame()
		}
		all := map[uint64]bool{}
		for range 15 {
			f.cam.X += 19
			for k := range f.actors {
				f.actors[k].x -= 19
			}
			for _, tr := range f.frame().Tracks {
				all[tr.ID] = true
				if tr.Observed {
					seen++
				}
			}
		}
		return len(all), seen
	}
	ids, seen := run(false)
	if ids > 6 || seen < 30 {
		t.Errorf("%d ids for six things, seen %d times", ids, seen)
	}
	if _, blind := run(true); blind > seen/2 {
		t.Errorf("seen %d times without looking, %d with: the test shows nothing", blind, seen)
	}
}

func TestOutlineFollowsWhatNoSegmentShows(t *testing.T) {
	f := &film{t: t, actors: []actor{red(40, 80)}}
	f.actors[0].shown = ""
	f.frame()
	drawn := mask.New(mask.FrameGrid(frameW, frameH), image.Rect(40, 80, 88, 144))
	drawn.Fill(drawn.Window())
	id := f.track.Outline(f.last, 0, drawn)
	if id == 0 {
		t.Fatal("no track")
	}
	if v, tr := f.on(id, 0); v < 0.9 || !tr.Observed || tr.State != pipeline.Confirmed || tr.Segment >= 0 {
		t.Fatalf("at once: overlap %.2f, %+v", v, tr)
	}
	for range 8 {
		f.actors[0].x += 3
		f.frame()
	}
	if v, tr := f.on(id, 0); v < 0.75 || !tr.Observed {
		t.Fatalf("by its pixels: overlap %.2f, observed %v", v, tr.Observed)
	}
	f.actors[0].shown = "whole"
	for range 30 {
		f.actors[0].x += 3
		f.frame()
	}
	if v, tr := f.on(id, 0); v < 0.8 || !tr.Observed {
		t.Fatalf("with segments: overlap %.2f, observed %v", v, tr.Observed)
	}
	small := mask.New(mask.FrameGrid(frameW, frameH), image.Rect(40, 80, 42, 82))
	small.Fill(small.Window())
	if id := f.track.Outline(f.last, 0, small); id != 0 {
		t.Errorf("a dot became track %d", id)
	}
}

// Nobody follows by pixels for ever: without any segment the track is lost, and ends.
func TestPixelsAloneAreNotBelievedForLong(t *testing.T) {
	f := &film{t: t, actors: []actor{red(100, 80)}}
	f.frame()
	id := f.hold(0)
	f.actors[0].shown = ""
	for range fps {
		f.frame()
	}
	if _, tr := f.on(id, 0); tr.Observed || tr.State != pipeline.Lost {
		t.Fatalf("after a second without segments: %s, observed %v", tr.State, tr.Observed)
	}
	f.track.Unpin(f.last, id)
	for range 5 {
		f.frame()
	}
}

func TestHoldingAllocatesNothing(t *testing.T) {
	f := &film{t: t, actors: []actor{red(100, 80), blue(200, 60)}}
	f.frame()
	f.hold(0)
	f.hold(1)
	var frames [2]*pipeline.Frame
	var segs [2]*pipeline.Segmentation
	for k := range frames {
		f.actors[0].x += 3
		frames[k], segs[k] = f.shoot()
	}
	var pool pipeline.ResultPool
	at, k := frames[1].Captured, 0
	step := func() {
		k++
		at = at.Add(time.Second / fps)
		fr := frames[k%2]
		fr.Captured = at
		r := pool.Get(fr)
		r.SetSegmentation(segs[k%2])
		if err := f.track.Process(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		for i := range r.Tracks {
			if !r.Tracks[i].Observed {
				t.Fatalf("step %d: %+v is not seen", k, r.Tracks[i])
			}
		}
		r.Release()
	}
	for range 50 {
		step()
	}
	if n := testing.AllocsPerRun(50, step); n > 0 { // an event now and then rounds to 0
		t.Errorf("%v allocations a frame with two held objects", n)
	}
}
