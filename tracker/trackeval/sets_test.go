package trackeval_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"outrider/tracker"
	"outrider/tracker/trackeval"
)

// only reads the one sequence of a folder.
func only(t *testing.T, dir, class string) (trackeval.Set, *trackeval.Sequence) {
	t.Helper()
	sets, err := trackeval.ReadSets(dir, class)
	if err != nil {
		t.Fatal(err)
	}
	if len(sets) != 1 || len(sets[0].Sequences) != 1 {
		t.Fatalf("%s: %+v, want one sequence", dir, sets)
	}
	return sets[0], sets[0].Sequences[0]
}

func results(t *testing.T, s *trackeval.Sequence, path string) []trackeval.Row {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := s.ReadTracks(f)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func score(s *trackeval.Sequence, rows []trackeval.Row) map[string]float64 {
	x := trackeval.Eval(s.Compare(trackeval.ByFrame(rows, s.Frames), s.Pick(1, 0, 0)))
	return figures(x.HOTA, x.CLEAR, x.Identity)
}

// TestReadersEqualTrackEval scores results that TrackEval's own readers of the data sets have
// scored: what they leave out is left out here.
func TestReadersEqualTrackEval(t *testing.T) {
	b, err := os.ReadFile("testdata/sets.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]float64
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ dir, class, result string }{
		"kitti car":        {"testdata/kitti", "", "testdata/kitti/result/0000.txt"},
		"kitti pedestrian": {"testdata/kitti", "pedestrian", "testdata/kitti/result/0000.txt"},
		"mots pedestrian":  {"testdata/mots", "", "testdata/mots/result/MOTS-1.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := only(t, c.dir, c.class)
			compare(t, score(s, results(t, s, c.result)), want[name])
			if len(want[name]) < 15 {
				t.Errorf("only %d figures in the golden file", len(want[name]))
			}
		})
	}
}

// TestTracksReadBack runs the core on each layout, writes its tracks, and scores what is read.
func TestTracksReadBack(t *testing.T) {
	for _, c := range []struct {
		dir, class string
		hota       float64 // at least
	}{{"testdata/kitti", "car", 60}, {"testdata/kitti", "pedestrian", 50}, {"testdata/mots", "", 55}} {
		_, s := only(t, c.dir, c.class)
		var rows []trackeval.Row
		for _, r := range s.Run(&tracker.Core{}, s.Pick(1, 0, 0), false) {
			rows = append(rows, r...)
		}
		var text bytes.Buffer
		if err := s.WriteTracks(&text, rows); err != nil {
			t.Fatal(err)
		}
		back, err := s.ReadTracks(&text)
		if err != nil || len(back) != len(rows) {
			t.Fatalf("%s: %d rows became %d, %v", c.dir, len(rows), len(back), err)
		}
		x, y := score(s, rows), score(s, back)
		if d := x["HOTA"] - y["HOTA"]; d > 1 || d < -1 || x["HOTA"] < c.hota {
			t.Errorf("%s %s: HOTA %.2f, read back %.2f, want at least %.0f", c.dir, c.class, x["HOTA"], y["HOTA"], c.hota)
		}
	}
}

// asCOCO writes a sequence of masks in both of COCO's forms, and a result in the first.
func asCOCO(s *trackeval.Sequence, rows []trackeval.Row) (byImage, byTrack, result string) {
	type object = map[string]any
	var images, annotations []object
	tracks := map[int][]any{}
	list := func(rows []trackeval.Row) (out []object) {
		for _, r := range rows {
			crowd := 0
			if r.Class == 13 {
				crowd = 1
			}
			out = append(out, object{
				"image_id": 100 + r.Frame, "video_id": 7, "track_id": r.ID, "category_id": 3, "iscrowd": crowd, "score": r.Confidence,
				"segmentation": r.Mask.RLE(s.Width, s.Height),
			})
		}
		return out
	}
	for n := 1; n <= s.Frames; n++ {
		images = append(images, object{"id": 100 + n, "video_id": 7, "frame_index": 5 * n, "width": s.Width, "height": s.Height})
		for i := range s.Truth[n] {
			r := s.Truth[n][i]
			r.Frame = n
			annotations = append(annotations, list([]trackeval.Row{r})...)
			if tracks[r.ID] == nil {
				tracks[r.ID] = make([]any, s.Frames)
			}
			tracks[r.ID][n-1] = r.Mask.RLE(s.Width, s.Height)
		}
	}
	var long []object
	for id, segs := range tracks {
		crowd := 0
		if id == 0 { // the merged region
			crowd = 1
		}
		long = append(long, object{"id": id, "video_id": 7, "category_id": 3, "iscrowd": crowd, "segmentations": segs})
	}
	categories := []object{{"id": 3, "name": "Person"}, {"id": 4, "name": "dog"}}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	byImage = text(object{"videos": []object{{"id": 7, "name": "walk/1", "fps": 50}}, "images": images, "categories": categories, "annotations": annotations})
	byTrack = text(object{"videos": []object{{"id": 7, "file_names": []string{"walk/1.jpg"}, "length": s.Frames, "width": s.Width, "height": s.Height}}, "categories": categories, "annotations": long})
	return byImage, byTrack, text(list(rows))
}

// TestCOCOVideo holds that a data set scores the same in every form.
func TestCOCOVideo(t *testing.T) {
	_, s := only(t, "testdata/mots", "")
	rows := results(t, s, "testdata/mots/result/MOTS-1.txt")
	want := score(s, rows)
	byImage, byTrack, result := asCOCO(s, rows)
	for name, truth := range map[string]string{"by image": byImage, "by track": byTrack} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "gt.json"), []byte(truth), 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "by image" {
			if err := os.WriteFile(filepath.Join(dir, "det.json"), []byte(result), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		set, q := only(t, dir, "person")
		if name == "by image" {
			if q.Name != "walk-1" || q.FPS != 10 || q.Width != s.Width || len(q.Detections) != s.Frames+1 { // 50 frames/s, each fifth
				t.Errorf("sequence %q, %v frames/s, %d wide, %d frames", q.Name, q.FPS, q.Width, len(q.Detections)-1)
			}
			of, err := set.ReadJSON(strings.NewReader(result))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, score(q, of[q]), want)
		} else {
			compare(t, score(q, rows), want)
		}
		if _, err := trackeval.ReadSets(dir, "cat"); err == nil || !strings.Contains(err.Error(), "the categories are Person, dog") {
			t.Errorf("%s: a class that is not there: %v", name, err)
		}
	}
	set, _ := only(t, "testdata/mots", "")
	if _, err := set.ReadJSON(strings.NewReader(result)); !errors.Is(err, trackeval.ErrNoData) {
		t.Errorf("JSON for MOTS text: %v", err)
	}
}

func TestReadersRefuse(t *testing.T) {
	const car = "0 1 Car 0 0 -1.5 1 2 30 40 1 1 1 1 1 1 0\n"
	for name, c := range map[string]struct {
		read func(text string) error
		text string
		want string
	}{
		"KITTI number":      {kitti, car + "1 1 Car 0 0 -1.5 1 2 x 40", `line 2: column 9: "x" is not a number`},
		"KITTI short":       {kitti, "\n" + car + "1 1 Car", "line 3: 3 columns, want at least 10"},
		"KITTI frame":       {kitti, "-1 1 Car 0 0 -1.5 1 2 3 40", "line 1: frame -1: want 0"},
		"KITTI NaN":         {kitti, "0 1 Car 0 0 -1.5 NaN 2 3 40", `line 1: column 7: "NaN"`},
		"MOTS columns":      {mots, "\n1 2001 2 90", "line 2: 4 columns, want 6"},
		"MOTS number":       {mots, "1 2001 2 90 wide PPP3", `line 1: column 5: "wide" is not a whole number`},
		"MOTS RLE":          {mots, "1 2001 2 90 160 \x01", "line 1: "},
		"MOTS size":         {mots, "1 2001 2 900000 900000 PPP3", "line 1: picture of 900000x900000"},
		"MOTS frame":        {mots, "0 2001 2 90 160 PPP3", "line 1: frame 0: want 1"},
		"COCO syntax":       {cocoVideo, "{\n\"videos\": [\n}", "line 3: "},
		"COCO kind":         {cocoVideo, "{\n\"videos\": 3}", "line 2: "},
		"COCO empty":        {cocoVideo, "{}", "no videos"},
		"COCO no image":     {cocoVideo, `{"videos":[{"id":1}],"annotations":[{"image_id":9,"bbox":[1,2,3,4]}]}`, "annotations[0]: there is no image 9"},
		"COCO no id":        {cocoVideo, `{"videos":[{"id":1}],"images":[{"id":9,"video_id":1}],"annotations":[{"image_id":9,"bbox":[1,2,3,4]}]}`, "annotations[0]: no track_id"},
		"COCO box":          {cocoVideo, `{"videos":[{"id":1}],"images":[{"id":9,"video_id":1}],"annotations":[{"image_id":9,"track_id":1,"bbox":[1,2,3]}]}`, "annotations[0]: bbox of 3 numbers"},
		"COCO negative":     {cocoVideo, `{"videos":[{"id":1}],"images":[{"id":9,"video_id":1}],"annotations":[{"image_id":9,"track_id":1,"bbox":[1,2,-3,4]}]}`, "annotations[0]: bbox [1 2 -3 4]"},
		"COCO long":         {cocoVideo, `{"videos":[{"id":1,"length":1}],"annotations":[{"video_id":1,"id":1,"bboxes":[[1,2,3,4],[1,2,3,4]]}]}`, "annotations[0]: lists of 2 frames for a video of 1"},
		"COCO two videos":   {cocoVideo, `{"videos":[{"id":1},{"id":1}]}`, "videos[1]: id 1 is there twice"},
		"COCO two frames":   {cocoVideo, `{"videos":[{"id":1}],"images":[{"id":8,"video_id":1,"frame_id":3},{"id":9,"video_id":1,"frame_id":3}]}`, "two have frame index 3"},
		"COCO huge":         {cocoVideo, `{"videos":[{"id":1,"length":2000000000}]}`, "videos[0]"},
		"COCO polygon":      {cocoVideo, `{"videos":[{"id":1,"length":1,"width":9,"height":9}],"annotations":[{"video_id":1,"id":1,"segmentations":[[[1,2,3,4]]]}]}`, "polygon 0 of 4 numbers"},
		"COCO wrong size":   {cocoVideo, `{"videos":[{"id":1,"length":1,"width":9,"height":9}],"annotations":[{"video_id":1,"id":1,"segmentations":[{"size":[3,3],"counts":"9"}]}]}`, "a mask of 3x3 in a video of 9x9"},
		"COCO unknown kind": {cocoVideo, `{"videos":[{"id":1}],"images":[{"id":9,"video_id":4}]}`, "images[0]: there is no video 4"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.read(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
	dir := t.TempDir()
	for path, text := range map[string]string{"label_02/0000.txt": car, "evaluate_tracking.seqmap": "0000 empty 000000 many\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := trackeval.ReadSets(dir, ""); err == nil || !strings.Contains(err.Error(), "line 1: \"0000 empty 000000 many\"") {
		t.Errorf("a broken seqmap: %v", err)
	}
	if _, err := trackeval.ReadSets("testdata/walk", "car"); err == nil || !strings.Contains(err.Error(), "one class only") {
		t.Errorf("a class of MOT text: %v", err)
	}
	if _, err := trackeval.ReadSets("testdata/kitti", "tram"); err == nil || !strings.Contains(err.Error(), "car and pedestrian") {
		t.Errorf("a class that KITTI does not judge: %v", err)
	}
}

func kitti(text string) error {
	_, err := trackeval.ReadKITTI(strings.NewReader(text), "car", true)
	return err
}

func mots(text string) error {
	_, err := trackeval.ReadMOTS(strings.NewReader(text), "pedestrian", 1)
	return err
}

func cocoVideo(text string) error {
	_, err := trackeval.ReadCOCOVideo(strings.NewReader(text), "")
	return err
}

// TestMOT15 holds that truth without classes, as that of 2015, is judged.
func TestMOT15(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{
		"seqinfo.ini": "frameRate=7\nseqLength=3\n", "gt/gt.txt": "1,1,5,5,20,40,1,-1.5,-1,-1\n2,1,6,5,20,40,1,-1,-1,-1\n3,1,7,5,20,40,1,-1,-1,-1\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, s := only(t, dir, "")
	if s.Detections != nil {
		t.Error("detections out of nowhere")
	}
	f := score(s, []trackeval.Row{s.Truth[1][0], s.Truth[2][0], s.Truth[3][0]})
	if f["FN"] != 0 || f["HOTA"] < 99.9 {
		t.Errorf("%v", f)
	}
}

func FuzzReadKITTI(f *testing.F) {
	f.Add("0 1 Car 0 0 -1.5 1 2 30 40 1 1 1 1 1 1 0 0.5\n")
	f.Add("0 -1 DontCare -1 -1 -10 219.31 188.49 245.50 218.56 -1000 -1000 -1000 -10 -1 -1 -1\n7 1e300 Van 0 0 0 1 1 1 1")
	f.Fuzz(func(t *testing.T, s string) {
		for _, truth := range []bool{true, false} {
			rows, err := trackeval.ReadKITTI(strings.NewReader(s), "car", truth)
			if err != nil {
				continue
			}
			for _, r := range rows {
				if r.Frame < 1 || !r.Box.Finite() {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}

func FuzzReadMOTS(f *testing.F) {
	f.Add("1 2001 2 90 160 PPP3\n")
	f.Add("1 10000 10 4 4 04\n2 1 1 3 3 0.500 2 4 4 04 feature\n")
	f.Fuzz(func(t *testing.T, s string) {
		for base := range 2 {
			rows, err := trackeval.ReadMOTS(strings.NewReader(s), "pedestrian", base)
			if err != nil {
				continue
			}
			for _, r := range rows {
				if r.Frame < 1 || r.Mask == nil || !r.Box.Finite() {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}

func FuzzReadCOCOVideo(f *testing.F) {
	f.Add(`{"videos":[{"id":1,"length":2,"width":9,"height":9}],"annotations":[{"video_id":1,"id":1,"segmentations":[[[1,2,3,4,5,1]],{"size":[9,9],"counts":[3,4]}]}]}`)
	f.Add(`{"videos":[{"id":1}],"images":[{"id":9,"video_id":1,"frame_id":0}],"annotations":[{"image_id":9,"track_id":1,"bbox":[1,2,3,4],"iscrowd":1}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := trackeval.ReadCOCOVideo(strings.NewReader(s), "")
		if err != nil {
			return
		}
		for _, q := range c.Sequences {
			if !(q.FPS > 0) || len(q.Truth) != q.Frames+1 || strings.ContainsAny(q.Name, "/\\\x00") {
				t.Fatalf("%+v", q)
			}
			for n, rows := range q.Truth {
				for _, r := range rows {
					if r.Frame != n || !r.Box.Finite() {
						t.Fatal(fmt.Sprint(r))
					}
				}
			}
		}
		_, _ = c.Rows(strings.NewReader(s))
	})
}
