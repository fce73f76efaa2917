package trackeval_test

import (
	"encoding/json"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"outrider/pipeline/mask"
	"outrider/tracker"
	"outrider/tracker/trackeval"
)

// golden is what TrackEval says, made by testdata/gen.py.
type golden struct {
	One, Both map[string]float64
	Masks     []struct {
		A, Truth [4]int
		F, J     float64
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func figures(h *trackeval.HOTA, c *trackeval.CLEAR, i *trackeval.Identity) map[string]float64 {
	return map[string]float64{
		"HOTA": 100 * trackeval.Mean(h.Value), "DetA": 100 * trackeval.Mean(h.DetA), "AssA": 100 * trackeval.Mean(h.AssA),
		"AssRe": 100 * trackeval.Mean(h.AssRe), "AssPr": 100 * trackeval.Mean(h.AssPr), "DetRe": 100 * trackeval.Mean(h.DetRe),
		"DetPr": 100 * trackeval.Mean(h.DetPr), "LocA": 100 * trackeval.Mean(h.LocA),
		"MOTA": 100 * c.MOTA(), "MOTP": 100 * c.MOTP(), "IDF1": 100 * i.IDF1(),
		"IDSW": float64(c.IDSW), "Frag": float64(c.Frag), "FP": float64(c.FP), "FN": float64(c.FN),
		"MT": float64(c.MT), "PT": float64(c.PT), "ML": float64(c.ML),
	}
}

func compare(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for k, w := range want {
		if g, ok := got[k]; !ok || math.Abs(g-w) > 5e-5 {
			t.Errorf("%s = %.6f, TrackEval says %.6f", k, g, w)
		}
	}
}

func readWalk(t *testing.T) (*trackeval.Sequence, []trackeval.Row) {
	t.Helper()
	s, err := trackeval.ReadSequence("testdata/walk")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/walk/result.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := trackeval.ReadMOT(f)
	if err != nil {
		t.Fatal(err)
	}
	return s, rows
}

func TestFiguresEqualTrackEval(t *testing.T) {
	want := readGolden(t)
	s, rows := readWalk(t)
	frames := s.Pick(1, 0, 0)
	d := s.Compare(trackeval.ByFrame(rows, s.Frames), frames)
	h, c, i := trackeval.EvalHOTA(d), trackeval.EvalCLEAR(d), trackeval.EvalIdentity(d)
	compare(t, figures(h, c, i), want.One)

	var odd []trackeval.Row
	for _, r := range rows {
		if r.Frame%2 == 1 {
			odd = append(odd, r)
		}
	}
	d = s.Compare(trackeval.ByFrame(odd, s.Frames), frames)
	compare(t, figures(
		trackeval.CombineHOTA([]*trackeval.HOTA{h, trackeval.EvalHOTA(d)}),
		trackeval.CombineCLEAR([]*trackeval.CLEAR{c, trackeval.EvalCLEAR(d)}),
		trackeval.CombineIdentity([]*trackeval.Identity{i, trackeval.EvalIdentity(d)}),
	), want.Both)
}

func TestEmptySides(t *testing.T) {
	s, rows := readWalk(t)
	frames := s.Pick(1, 0, 0)
	none := s.Compare(nil, frames)
	if c := trackeval.EvalCLEAR(none); c.FN != none.TruthN || c.FP != 0 || c.MOTA() != 0 {
		t.Errorf("without tracks: %+v", c)
	}
	if h := trackeval.EvalHOTA(none); trackeval.Mean(h.Value) != 0 || trackeval.Mean(h.LocA) != 1 {
		t.Errorf("without tracks: HOTA %v", h.Value)
	}
	s.Truth = make([][]trackeval.Row, s.Frames+1)
	all := s.Compare(trackeval.ByFrame(rows, s.Frames), frames)
	if c := trackeval.EvalCLEAR(all); c.FP != len(rows) || c.TP != 0 {
		t.Errorf("without truth: %+v", c)
	}
	if i := trackeval.EvalIdentity(all); i.IDFP != len(rows) || i.IDF1() != 0 {
		t.Errorf("without truth: %+v", i)
	}
}

func TestDAVISFiguresEqual(t *testing.T) {
	var c trackeval.Contour
	rect := func(r [4]int) *mask.Mask {
		b := image.Rect(r[0], r[1], r[2], r[3])
		m := mask.New(mask.FrameGrid(320, 240), b)
		m.Fill(b)
		return m
	}
	for k, g := range readGolden(t).Masks {
		a, truth := rect(g.A), rect(g.Truth)
		if f := c.F(a, truth, 320, 240); math.Abs(f-g.F) > 5e-5 {
			t.Errorf("pair %d: F = %.6f, want %.6f", k, f, g.F)
		}
		if j := trackeval.Region(a, truth); math.Abs(j-g.J) > 5e-5 {
			t.Errorf("pair %d: J = %.6f, want %.6f", k, j, g.J)
		}
	}
}

func TestSummarize(t *testing.T) {
	got := trackeval.Summarize([]float64{1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0})
	// DAVIS: quarters share their borders: frames 1-3 and 6-8 of eight.
	if math.Abs(got.Mean-0.5) > 1e-12 || math.Abs(got.Recall-0.5) > 1e-12 || math.Abs(got.Decay-(2.8/3-0.2/3)) > 1e-12 {
		t.Errorf("got %+v", got)
	}
	if (trackeval.Summarize(nil) != trackeval.Course{}) {
		t.Error("no frames must give zeros")
	}
}

func TestReadMOTRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no number":  {"1,1,2,3,4,5\n2,1,x,3,4,5", `line 2: column 3: "x" is not a number`},
		"infinite":   {"1,1,2,3,4,inf", `line 1: column 6: "inf" is not a number`},
		"too short":  {"1,1,2,3,4,5\n\n2,1,2", "line 3: 3 columns, want at least 6 (frame, id, left, top, width, height)"},
		"frame zero": {"0,1,2,3,4,5", "line 1: frame 0: want 1 to 10000000"},
	} {
		if _, err := trackeval.ReadMOT(strings.NewReader(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

func TestWriteMOTReadsBack(t *testing.T) {
	_, rows := readWalk(t)
	var b strings.Builder
	if err := trackeval.WriteMOT(&b, rows); err != nil {
		t.Fatal(err)
	}
	got, err := trackeval.ReadMOT(strings.NewReader(b.String()))
	if err != nil || len(got) != len(rows) {
		t.Fatalf("%d rows, %v, want %d", len(got), err, len(rows))
	}
	for i := range rows {
		if got[i].Frame != rows[i].Frame || got[i].ID != rows[i].ID || math.Abs(got[i].Box.X2-rows[i].Box.X2) > 0.02 {
			t.Fatalf("row %d: %+v, want %+v", i, got[i], rows[i])
		}
	}
}

func FuzzReadMOT(f *testing.F) {
	f.Add("1,1,2,3,4,5,1,1,1\n")
	f.Add("1,-1,2,3,4,5,0.5\n,,\n9999999,1,1e300,1,1,1")
	f.Fuzz(func(t *testing.T, s string) {
		rows, err := trackeval.ReadMOT(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.Frame < 1 || math.IsNaN(r.Box.X1) {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// sharedData finds the evaluation data beside the checkout.
func sharedData(t testing.TB) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatal("no go.mod above the test")
		}
		root = filepath.Dir(root)
	}
	dir := os.Getenv("OUTRIDER_SHARED")
	if dir == "" {
		dir = filepath.Join(root, "..", "shared")
	}
	dir = filepath.Join(dir, "data", "mot")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the tracking data set is not here: set OUTRIDER_SHARED to the folder that holds data/mot")
	}
	return dir
}

// quality is what our core reaches on the stored detections: the mean over the four sets.
func quality(t testing.TB, every int, drop float64, warps bool) (hota, idf1 float64) {
	sets := []string{"DanceTrackP", "KITTIcar", "MOT15", "MOT17val"}
	for _, set := range sets {
		dirs, err := filepath.Glob(filepath.Join(sharedData(t), set, "*", "seqinfo.ini"))
		if err != nil || len(dirs) == 0 {
			t.Fatalf("set %s: %d sequences, %v", set, len(dirs), err)
		}
		var hs []*trackeval.HOTA
		var is []*trackeval.Identity
		for _, q := range dirs {
			s, err := trackeval.ReadSequence(filepath.Dir(q))
			if err != nil {
				t.Fatal(err)
			}
			frames := s.Pick(every, drop, 1)
			d := s.Compare(s.Run(&tracker.Core{}, frames, warps), frames)
			hs, is = append(hs, trackeval.EvalHOTA(d)), append(is, trackeval.EvalIdentity(d))
		}
		hota += 100 * trackeval.Mean(trackeval.CombineHOTA(hs).Value) / float64(len(sets))
		idf1 += 100 * trackeval.CombineIdentity(is).IDF1() / float64(len(sets))
	}
	return hota, idf1
}

func TestCoreOnStoredDetections(t *testing.T) {
	for _, c := range []struct {
		name       string
		every      int
		drop       float64
		warps      bool
		hota, idf1 float64 // at least
	}{
		{"every frame", 1, 0, false, 63.2, 72},
		{"with camera motion", 1, 0, true, 63.4, 72},
		{"every third frame", 3, 0, false, 60, 69},
		{"30 % of the frames dropped", 1, 0.3, false, 60.8, 69},
	} {
		t.Run(c.name, func(t *testing.T) {
			hota, idf1 := quality(t, c.every, c.drop, c.warps)
			t.Logf("mean HOTA %.2f, IDF1 %.2f", hota, idf1)
			if hota < c.hota || idf1 < c.idf1 {
				t.Errorf("mean HOTA %.2f, IDF1 %.2f, want at least %.1f and %.1f", hota, idf1, c.hota, c.idf1)
			}
		})
	}
}
