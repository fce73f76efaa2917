package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// clip is a video of three frames as JSON lines: a person in all of them with a bag in front,
// a car that is lost in the second, and the road.
func clip(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	g := mask.FrameGrid(64, 48)
	square := func(x1, y1, x2, y2 int) *mask.Mask {
		m := mask.New(g, image.Rect(x1, y1, x2, y2))
		m.Fill(image.Rect(x1, y1, x2, y2))
		return m
	}
	for i := range 3 {
		f, err := pipeline.NewFrame("cam", 64, 48, make([]byte, 3*64*48))
		if err != nil {
			t.Fatal(err)
		}
		f.Seq, f.MediaTime = uint64(i+1), time.Duration(i)*100*time.Millisecond
		r := pipeline.NewResult(f)
		track := func(id uint64, label string, m *mask.Mask) *pipeline.Track {
			x1, y1, x2, y2 := m.FrameBounds()
			r.Tracks = append(r.Tracks, pipeline.Track{
				ID: id, Label: label, Mask: m, Box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}, State: pipeline.Confirmed, Observed: true, Score: .9,
			})
			return &r.Tracks[len(r.Tracks)-1]
		}
		track(3, "person", square(4+i, 4, 20+i, 40)).PromptID = "=who"
		track(4, "bag", square(6+i, 20, 12+i, 30))
		car := track(5, "car", square(40, 10, 60, 20))
		if i == 1 {
			car.State, car.Observed = pipeline.Lost, false
		}
		track(6, "", square(0, 40, 64, 48)).Stuff = true
		if err := WriteJSONL(&b, r); err != nil {
			t.Fatal(err)
		}
		r.Release()
		f.Release()
	}
	return b.String()
}

func convert(t *testing.T, c Converter, text string) (string, int) {
	t.Helper()
	c.Dir, c.Name = t.TempDir(), "walk"
	if c.Formats == nil {
		c.Formats = Formats()
	}
	n, err := c.Convert(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c.Dir, n
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestConvert(t *testing.T) {
	dir, n := convert(t, Converter{}, clip(t))
	if n != 3 {
		t.Errorf("%d frames", n)
	}
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got, want := strings.Join(names, " "), "walk.coco.json walk.csv walk.cvat.xml walk.mot.txt walk.mots.txt walk.yolo"; got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
	t.Run("mot", func(t *testing.T) {
		lines, err := ReadMOT(strings.NewReader(read(t, dir, "walk.mot.txt")))
		if err != nil || len(lines) != 8 {
			t.Errorf("%d boxes, %v; want 3 + 3 + 2", len(lines), err)
		}
	})
	t.Run("mots", func(t *testing.T) {
		// The bag's 60 pixels are cut out of the person's 576.
		areas := map[string]int{}
		for _, l := range strings.Split(strings.TrimSpace(read(t, dir, "walk.mots.txt")), "\n") {
			f := strings.Fields(l)
			if len(f) != 6 || f[3] != "48" || f[4] != "64" {
				t.Fatalf("line %q", l)
			}
			m, err := mask.RLE{Size: [2]int{48, 64}, Counts: f[5]}.Mask()
			if err != nil {
				t.Fatal(err)
			}
			areas[strings.Join(f[:3], " ")] = m.Area()
		}
		want := map[string]int{"1 3 2": 516, "1 4 3": 60, "1 5 1": 200, "2 3 2": 516, "2 4 3": 60, "3 3 2": 516, "3 4 3": 60, "3 5 1": 200}
		if fmt.Sprint(areas) != fmt.Sprint(want) {
			t.Errorf("areas %v, want %v", areas, want)
		}
	})
	t.Run("yolo", func(t *testing.T) {
		if got := read(t, dir, "walk.yolo", "labels", "walk_000002.txt"); got !=
			"0 0.078125 0.083333 0.328125 0.083333 0.328125 0.833333 0.078125 0.833333\n1 0.109375 0.416667 0.203125 0.416667 0.203125 0.625000 0.109375 0.625000\n" {
			t.Errorf("labels:\n%s", got)
		}
		if got := read(t, dir, "walk.yolo", "data.yaml"); !strings.Contains(got, "  0: \"person\"\n  1: \"bag\"\n  2: \"car\"\n") {
			t.Errorf("data.yaml:\n%s", got)
		}
	})
	t.Run("cvat", func(t *testing.T) {
		var doc struct {
			Version string `xml:"version"`
			Size    int    `xml:"meta>task>size"`
			Tracks  []struct {
				Label  string `xml:"label,attr"`
				Shapes []struct {
					Frame   int    `xml:"frame,attr"`
					Outside int    `xml:"outside,attr"`
					Points  string `xml:"points,attr"`
				} `xml:"polygon"`
			} `xml:"track"`
		}
		if err := xml.Unmarshal([]byte(read(t, dir, "walk.cvat.xml")), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Version != "1.1" || doc.Size != 3 || len(doc.Tracks) != 3 {
			t.Fatalf("version %s, size %d, %d tracks", doc.Version, doc.Size, len(doc.Tracks))
		}
		// The car is seen, out of sight from the frame it was lost in, and seen again.
		car := doc.Tracks[2]
		var story []string
		for _, s := range car.Shapes {
			story = append(story, fmt.Sprintf("%d/%d", s.Frame, s.Outside))
		}
		if got := strings.Join(story, " "); car.Label != "car" || got != "0/0 1/1 2/0" {
			t.Errorf("%s: %s", car.Label, got)
		}
		if got := doc.Tracks[0].Shapes[0].Points; got != "4.00,4.00;20.00,4.00;20.00,40.00;4.00,40.00" {
			t.Errorf("points %s", got)
		}
	})
	t.Run("csv", func(t *testing.T) {
		rows, err := csv.NewReader(strings.NewReader(read(t, dir, "walk.csv"))).ReadAll()
		if err != nil || len(rows) != 1+9 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if got, want := strings.Join(rows[1], "|"), "1|0.000|3|'=who|person|confirmed|true|0.9000|4.00|4.00|20.00|40.00|576"; got != want {
			t.Errorf("row %s, want %s", got, want)
		}
	})
	t.Run("coco", func(t *testing.T) {
		var c COCO
		if err := json.Unmarshal([]byte(read(t, dir, "walk.coco.json")), &c); err != nil {
			t.Fatal(err)
		}
		if len(c.Images) != 3 || len(c.Annotations) != 8 || c.Annotations[0].TrackID != 3 || c.Annotations[0].Area != 576 {
			t.Errorf("%d images, %d annotations, first %+v", len(c.Images), len(c.Annotations), c.Annotations[0])
		}
	})
}

func TestConvertRange(t *testing.T) {
	dir, n := convert(t, Converter{From: .1, To: .2, Formats: []Format{FormatMOT}}, clip(t))
	if got := read(t, dir, "walk.mot.txt"); n != 1 || !strings.HasPrefix(got, "2,3,") || strings.Count(got, "\n") != 2 {
		t.Errorf("%d frames:\n%s", n, got)
	}
}

func TestConvertRefuses(t *testing.T) {
	good := clip(t)
	for _, c := range []struct {
		name, text string
		converter  Converter
		want       string
	}{
		{"an empty file", "", Converter{}, "no frame lies in the range"},
		{"a range after the end", good, Converter{From: 10}, "no frame lies in the range"},
		{"another format", good, Converter{Formats: []Format{"voc"}}, `format "voc": unknown; want one of coco, yolo, mot, mots, cvat, csv`},
		{"a format twice", good, Converter{Formats: []Format{FormatCSV, FormatCSV}}, `format "csv": stands twice`},
		{"no JSON", good + "tracks\n", Converter{}, "line 4: "},
		{"no size", `{"frame":1,"t":0}`, Converter{}, "line 1: frame 1: size 0x0"},
		{"a mask of another size", strings.Replace(good, `"size":[48,64],"counts"`, `"size":[64,48],"counts"`, 1), Converter{}, "line 1: frame 1, track 3: a mask of 48x64 in a frame of 64x48"},
		{"a mask that is none", strings.Replace(good, `"counts":"`, `"counts":"0`, 1), Converter{}, "line 1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.converter.Dir, c.converter.Name = t.TempDir(), "walk"
			if c.converter.Formats == nil {
				c.converter.Formats = Formats()
			}
			if _, err := c.converter.Convert(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if entries, _ := os.ReadDir(c.converter.Dir); len(entries) != 0 {
				t.Errorf("%d files are left", len(entries))
			}
		})
	}
}

// TestReferenceToolsReadBack gives the files to pycocotools: it must load them, and see the
// masks that went in.
func TestReferenceToolsReadBack(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	env := append(os.Environ(), "PYTHONPATH="+filepath.Join(cache, "outrider", "python"))
	probe := exec.Command("python3", "-c", "import pycocotools")
	if probe.Env = env; probe.Run() != nil {
		t.Skip("pycocotools is not installed; make setup-test installs it")
	}
	dir, _ := convert(t, Converter{}, clip(t))
	script := `
import json, sys, glob
from pycocotools.coco import COCO
from pycocotools import mask as M
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    c = COCO(sys.argv[1] + "/walk.coco.json")
print("coco", len(c.getImgIds()), [int(c.annToMask(c.anns[i]).sum()) for i in sorted(c.anns)], [c.loadCats(c.anns[i]["category_id"])[0]["name"] for i in sorted(c.anns)])
areas, union = [], {}
for l in open(sys.argv[1] + "/walk.mots.txt"):
    f = l.split()
    r = {"size": [int(f[3]), int(f[4])], "counts": f[5].encode()}
    areas.append(int(M.area(r)))
    union.setdefault(f[0], []).append(r)
print("mots", areas, [int(M.area(M.merge(v, intersect=True))) for v in union.values()])
polygons = []
for p in sorted(glob.glob(sys.argv[1] + "/walk.yolo/labels/*.txt")):
    for l in open(p):
        v = [float(x) for x in l.split()[1:]]
        v = [x * (64 if i % 2 == 0 else 48) for i, x in enumerate(v)]
        polygons.append(int(M.area(M.merge(M.frPyObjects([v], 48, 64)))))
print("yolo", polygons)
`
	cmd := exec.Command("python3", "-c", script, dir)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `coco 3 [576, 60, 200, 576, 60, 576, 60, 200] ['person', 'bag', 'car', 'person', 'bag', 'person', 'bag', 'car']
mots [60, 200, 516, 60, 516, 60, 200, 516] [0, 0, 0]
yolo [576, 60, 200, 576, 60, 576, 60, 200]
`
	if string(out) != want {
		t.Errorf("read back:\n%swant:\n%s", out, want)
	}
}

func FuzzReadJSONL(f *testing.F) {
	f.Add(`{"frame":1,"t":0,"size":[4,4],"tracks":[{"id":1,"state":"confirmed","observed":true,"box":[0,0,2,2],"mask":{"size":[4,4],"counts":"04"}}]}`)
	f.Add("{}\n\n{}")
	f.Add(`{"frame":18446744073709551615,"t":-1,"size":[1,1]}` + "\n" + `{"frame":0,"t":0,"size":[1,1]}`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, s string) {
		c := Converter{Dir: dir, Name: "x", From: -10, Formats: Formats()}
		if _, err := c.Convert(strings.NewReader(s)); err != nil {
			if entries, _ := filepath.Glob(filepath.Join(dir, ".x*")); len(entries) != 0 {
				t.Errorf("%d temporary files are left", len(entries))
			}
		}
	})
}
