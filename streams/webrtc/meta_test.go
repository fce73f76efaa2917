package webrtc

import (
	"encoding/json"
	"image"
	"math"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// message is a metadata message as a client reads it.
type message struct {
	T      string `json:"t"`
	RTP    uint32 `json:"rtp"`
	Seq    uint64 `json:"seq"`
	Cap    int64  `json:"cap"`
	W, H   int
	Of     uint64
	Lag    int64
	None   int
	N, Q   int
	Tracks []struct {
		ID uint64
		P  string
		St string
		Ob int
		B  [4]float64
		L  string
		S  float64
		Lv int
		Up uint64
		Bg int
		M  string
	}
	Obs []struct {
		ID  uint64
		At  []float64
		D   *float64
		Lo  *float64
		Hi  *float64
		Lv  int
		In  int
		TTC *float64
	}
	Zn []struct {
		ID string
		N  int
	}
	Ln []struct {
		ID      string
		I, O, X int
	}
}

func parseMessage(t *testing.T, b []byte) message {
	t.Helper()
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("message %s: %v", b, err)
	}
	return m
}

func disc(g mask.Grid, cx, cy, r float64) *mask.Mask {
	m := mask.New(g, g.Bounds())
	for y := range g.H {
		for x := range g.W {
			if math.Hypot(float64(x)+.5-cx, float64(y)+.5-cy) <= r {
				m.Set(x, y)
			}
		}
	}
	return m
}

func testResult(t *testing.T, w, h int, seq uint64, captured time.Time) *pipeline.Result {
	t.Helper()
	f, err := pipeline.NewFrame("yard", w, h, make([]byte, 3*w*h))
	if err != nil {
		t.Fatal(err)
	}
	f.Seq, f.Captured = seq, captured
	return pipeline.NewResult(f)
}

func TestMessage(t *testing.T) {
	at := time.UnixMilli(1732438800123)
	r := testResult(t, 1280, 720, 7, at)
	g := mask.Grid{W: 160, H: 90, SX: 8, SY: 8}
	d := 23.456
	r.Segments = []pipeline.Segment{{Level: 2}}
	r.Tracks = []pipeline.Track{
		{ID: 17, PromptID: `ga"te`, Box: pipeline.Box{X1: 10.04, Y1: 20, X2: 30.26, Y2: 40}, State: pipeline.Confirmed, Observed: true,
			Label: "naïve\x01\xff", Score: .834, Velocity: pipeline.Point{X: 100, Y: -50}, Mask: disc(g, 80, 45, 20), Segment: 0, Parent: 3},
		{ID: 18, Box: pipeline.Box{X1: math.NaN()}, State: pipeline.Confirmed},
		{ID: 19, Box: pipeline.Box{X2: 5, Y2: 5}, State: pipeline.Lost, Segment: -1, Stuff: true, Score: math.NaN()},
	}
	r.Obstacles = []pipeline.Obstacle{{TrackID: 17, Contact: pipeline.Point{X: 640, Y: 700}, Distance: &d, InCorridor: true, Level: 3}}
	var e metaEncoder
	m := parseMessage(t, e.append(nil, frameInfo{rtp: 1<<32 - 1, seq: 7, captured: at, w: 1280, h: 720}, r, 0))
	if m.T != "f" || m.RTP != 1<<32-1 || m.Seq != 7 || m.Cap != 1732438800123 || m.W != 1280 || m.H != 720 || m.Of != 0 || m.Lag != 0 || m.N != 3 || m.Q != 48 {
		t.Errorf("head %+v", m)
	}
	if len(m.Tracks) != 2 {
		t.Fatalf("%d tracks, want 2: a box that is no number is left out", len(m.Tracks))
	}
	a, b := m.Tracks[0], m.Tracks[1]
	if a.ID != 17 || a.P != `ga"te` || a.St != "c" || a.Ob != 1 || a.B != [4]float64{10, 20, 30.3, 40} || a.L != "naïve\x01\ufffd" || a.S != .83 || a.Lv != 2 || a.Up != 3 {
		t.Errorf("track %+v", a)
	}
	if b.ID != 19 || b.St != "l" || b.Ob != 0 || b.M != "" || b.Bg != 1 {
		t.Errorf("track %+v", b)
	}
	if len(m.Obs) != 1 || m.Obs[0].ID != 17 || *m.Obs[0].D != 23.46 || m.Obs[0].Hi != nil || m.Obs[0].Lv != 3 || m.Obs[0].In != 1 {
		t.Errorf("obstacles %+v", m.Obs)
	}

	t.Run("moved ahead", func(t *testing.T) {
		m := parseMessage(t, e.append(nil, frameInfo{rtp: 1, seq: 9, captured: at.Add(200 * time.Millisecond), w: 1280, h: 720}, r, 0))
		if m.Of != 7 || m.Lag != 200 || m.Tracks[0].B != [4]float64{30, 10, 50.3, 30} {
			t.Errorf("of %d, lag %d, box %v", m.Of, m.Lag, m.Tracks[0].B)
		}
	})
	t.Run("too old", func(t *testing.T) {
		m := parseMessage(t, e.append(nil, frameInfo{rtp: 1, seq: 99, captured: at.Add(2 * time.Second), w: 1280, h: 720}, r, 0))
		if m.None != 1 || len(m.Tracks) != 0 || m.Of != 0 {
			t.Errorf("%+v", m)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		m := parseMessage(t, e.append(nil, frameInfo{rtp: 1, seq: 1, captured: at, w: 2, h: 2}, nil, 0))
		if m.None != 1 || m.Tracks == nil {
			t.Errorf("%+v", m)
		}
	})
}

func TestMessageBound(t *testing.T) {
	at := time.UnixMilli(1732438800123)
	g := mask.Grid{W: 160, H: 90, SX: 8, SY: 8}
	for _, c := range []struct {
		tracks, q int
		all       bool
	}{{20, 48, true}, {80, 24, true}, {170, 0, true}, {1000, 0, false}} {
		r := testResult(t, 1280, 720, 1, at)
		d := 1.5
		for i := range c.tracks {
			// A wavy edge, so that all vertices are needed.
			m := disc(g, 80, 45, 30+10*math.Sin(float64(i)))
			for k := range 40 {
				m.Set(80+k, 45+k%5)
			}
			r.Tracks = append(r.Tracks, pipeline.Track{ID: uint64(i + 1000), State: pipeline.Confirmed, Mask: m, Segment: -1,
				Box: pipeline.Box{X1: 100.5, Y1: 100.5, X2: 900.5, Y2: 700.5}, Label: "person", Score: .5})
		}
		r.Obstacles = []pipeline.Obstacle{{TrackID: 1000, Distance: &d, Level: 4}}
		var e metaEncoder
		b := e.append(nil, frameInfo{rtp: 1, seq: 1, captured: at, w: 1280, h: 720}, r, 0)
		if len(b) > maxMetaBytes {
			t.Errorf("%d tracks: %d bytes", c.tracks, len(b))
		}
		m := parseMessage(t, b)
		if m.Q != c.q || m.N != c.tracks || (len(m.Tracks) == c.tracks) != c.all || len(m.Obs) != 1 {
			t.Errorf("%d tracks: q %d (want %d), n %d, %d tracks, %d obstacles", c.tracks, m.Q, c.q, m.N, len(m.Tracks), len(m.Obs))
		}
	}
}

func TestMessageCounts(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := testResult(t, 640, 360, 7, now)
	r.Counts = &pipeline.Counts{
		Zones: []pipeline.ZoneCount{{Zone: pipeline.Zone{ID: "drive"}, Inside: 2}, {Zone: pipeline.Zone{ID: "lawn"}}},
		Lines: []pipeline.LineCount{
			{Line: pipeline.Line{ID: "door"}, In: 3, Out: 1, Last: now.Add(-500 * time.Millisecond)},
			{Line: pipeline.Line{ID: "gate"}, In: 9, Last: now.Add(-5 * time.Second)},
		},
	}
	var e metaEncoder
	m := parseMessage(t, e.append(nil, frameInfo{seq: 7, captured: now, w: 640, h: 360}, r, 0))
	if len(m.Zn) != 2 || m.Zn[0].ID != "drive" || m.Zn[0].N != 2 || m.Zn[1].N != 0 {
		t.Errorf("zones %+v", m.Zn)
	}
	if len(m.Ln) != 2 || m.Ln[0].I != 3 || m.Ln[0].O != 1 || m.Ln[0].X != 1 || m.Ln[1].X != 0 {
		t.Errorf("lines %+v", m.Ln)
	}
	// As many zones and lines as there may be, with long names, beside many obstacles.
	r.Counts = &pipeline.Counts{}
	for range pipeline.MaxPlaces {
		r.Counts.Zones = append(r.Counts.Zones, pipeline.ZoneCount{Zone: pipeline.Zone{ID: strings.Repeat("z", 64)}, Inside: 100})
		r.Counts.Lines = append(r.Counts.Lines, pipeline.LineCount{Line: pipeline.Line{ID: strings.Repeat("l", 64)}, In: 1e12, Last: now})
	}
	for range 500 {
		r.Obstacles = append(r.Obstacles, pipeline.Obstacle{TrackID: 1 << 40, Level: 2})
		r.Tracks = append(r.Tracks, pipeline.Track{ID: 1 << 40, State: pipeline.Confirmed, Box: pipeline.Box{X2: 10, Y2: 10}})
	}
	b := e.append(nil, frameInfo{seq: 7, captured: now, w: 640, h: 360}, r, 0)
	m = parseMessage(t, b)
	if len(b) > maxMetaBytes || len(m.Tracks) == 0 || len(m.Zn) == 0 {
		t.Errorf("%d bytes, %d tracks, %d zones", len(b), len(m.Tracks), len(m.Zn))
	}
	if n := testing.AllocsPerRun(20, func() { b = e.append(b[:0], frameInfo{seq: 7, captured: now, w: 640, h: 360}, r, 0) }); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestOutlineFollowsMask(t *testing.T) {
	g := mask.Grid{W: 160, H: 90, SX: 8, SY: 8}
	ring := disc(g, 60, 45, 30)
	ring.AndNot(disc(g, 60, 45, 15))
	two := disc(g, 30, 30, 12)
	two.Or(disc(g, 120, 60, 20))
	corner := mask.New(g, g.Bounds())
	corner.Fill(image.Rect(0, 0, 40, 30))
	dot := mask.New(g, g.Bounds())
	dot.Set(5, 5)
	var o outliner
	for _, c := range []struct {
		name     string
		m        *mask.Mask
		vertices int
		rings    int
		iou      float64
	}{
		{"disc", disc(g, 80, 45, 40), 48, 1, .97},
		{"disc, simple", disc(g, 80, 45, 40), 24, 1, .95},
		{"hole", ring, 48, 2, .95},
		{"two pieces", two, 48, 2, .95},
		{"frame corner", corner, 48, 1, .99},
		{"one cell", dot, 48, 1, 0},
		{"empty", mask.New(g, g.Bounds()), 48, 0, 0},
		{"whole frame", func() *mask.Mask { m := mask.New(g, g.Bounds()); m.Fill(g.Bounds()); return m }(), 48, 1, .99},
	} {
		t.Run(c.name, func(t *testing.T) {
			rings := o.outline(c.m, c.vertices)
			n := 0
			for _, r := range rings {
				n += len(r)
			}
			if len(rings) != c.rings || n > c.vertices {
				t.Fatalf("%d rings of %d vertices, want %d of at most %d", len(rings), n, c.rings, c.vertices)
			}
			got, err := DecodeOutline(string(appendOutline(nil, rings, 1280, 720, 0, 0)))
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range got {
				for j, p := range r {
					if math.Abs(float64(p.X)*1280/outlineGrid-rings[i][j].x) > .5 || math.Abs(float64(p.Y)*720/outlineGrid-rings[i][j].y) > .5 {
						t.Errorf("vertex %v, want %v", p, rings[i][j])
					}
				}
			}
			inter, union := 0, 0
			for y := range g.H {
				for x := range g.W {
					px, py := (float64(x)+.5)/float64(g.W)*outlineGrid, (float64(y)+.5)/float64(g.H)*outlineGrid
					in, want := inside(got, px, py), c.m.Has(x, y)
					if in && want {
						inter++
					}
					if in || want {
						union++
					}
				}
			}
			if union > 0 && float64(inter)/float64(union) < c.iou {
				t.Errorf("IoU %.3f, want at least %.2f", float64(inter)/float64(union), c.iou)
			}
		})
	}
}

// inside tells by the even-odd rule whether (x, y) lies in the rings.
func inside(rings [][]image.Point, x, y float64) bool {
	in := false
	for _, r := range rings {
		for i, p := range r {
			q := r[(i+1)%len(r)]
			if (float64(p.Y) > y) != (float64(q.Y) > y) && x < float64(q.X-p.X)*(y-float64(p.Y))/float64(q.Y-p.Y)+float64(p.X) {
				in = !in
			}
		}
	}
	return in
}

func TestDecodeOutlineRefuses(t *testing.T) {
	for _, s := range []string{"!", "", "AQ", "AQM", "/////w8", "AAA", "AQOAgICAgICAgIAB", strings.Repeat("/", 64)} {
		if r, err := DecodeOutline(s); err == nil {
			t.Errorf("%q: %v, want an error", s, r)
		}
	}
}

func FuzzDecodeOutline(f *testing.F) {
	f.Add("AA")
	f.Add("AQMCBAYIAgI")
	f.Add("!")
	f.Fuzz(func(t *testing.T, s string) {
		rings, err := DecodeOutline(s)
		if err != nil {
			return
		}
		out := make([][]fpoint, len(rings))
		for i, r := range rings {
			for _, p := range r {
				out[i] = append(out[i], fpoint{float64(p.X), float64(p.Y)})
			}
		}
		again, err := DecodeOutline(string(appendOutline(nil, out, outlineGrid, outlineGrid, 0, 0)))
		if err != nil || len(again) != len(rings) {
			t.Fatalf("%q: %v, %v", s, again, err)
		}
	})
}
