package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file and its folders.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// walkers writes a set of two sequences in which two boxes walk past each other, detected
// without fault.
func walkers(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for k, name := range []string{"a", "b"} {
		var truth, dets strings.Builder
		for f := 1; f <= 40; f++ {
			for id, x := range []float64{20 + 5*float64(f), 400 - 5*float64(f)} {
				y := 40 + 120*float64(id)
				fmt.Fprintf(&truth, "%d,%d,%g,%g,30,80,1,1,1\n", f, id+1, x, y)
				fmt.Fprintf(&dets, "%d,-1,%g,%g,30,80,0.95\n", f, x+float64(k), y)
			}
		}
		p := filepath.Join(dir, "street", name)
		write(t, filepath.Join(p, "seqinfo.ini"), "[Sequence]\nframeRate=20\nseqLength=40\nimWidth=640\nimHeight=360\n")
		write(t, filepath.Join(p, "gt", "gt.txt"), truth.String())
		write(t, filepath.Join(p, "det", "det.txt"), dets.String())
	}
	return dir
}

func decodeJSON[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}

// TestEvalTrack runs the tracker, scores its files again, and finds the same figures.
func TestEvalTrack(t *testing.T) {
	data, out := walkers(t), t.TempDir()
	report := filepath.Join(out, "report.json")
	code, stdout, stderr := outrider(t, t.Context(), "eval", "track", "--data", data, "--out", filepath.Join(out, "res"), "--json", report, "--plots", filepath.Join(out, "plots"))
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	ran := decodeJSON[trackReport](t, string(b))
	if len(ran.Sets) != 1 || ran.Sets[0].Name != "street" || len(ran.Sets[0].Sequences) != 2 || ran.Frames != 80 {
		t.Fatalf("report %+v", ran)
	}
	a, shifted := ran.Sets[0].Sequences[0], ran.Sets[0].Sequences[1]
	if a.IDSW != 0 || a.FP != 0 || a.MOTA < 95 || a.IDF1 < 95 || a.LocA < 99 {
		t.Errorf("perfect detections: %+v", a.Figures)
	}
	if want := 100 * 29.0 / 31; math.Abs(shifted.LocA-want) > 1 || shifted.HOTA >= a.HOTA {
		t.Errorf("boxes one of 30 pixels off: LocA %.2f, want about %.2f", shifted.LocA, want)
	}
	if !strings.Contains(stdout, "street") || !strings.Contains(stdout, fmt.Sprintf("%.2f", ran.Sets[0].Combined.HOTA)) {
		t.Errorf("table:\n%s", stdout)
	}

	code, stdout, stderr = outrider(t, t.Context(), "eval", "track", "--data", data, "--results", filepath.Join(out, "res"), "--json", "-")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	if scored := decodeJSON[trackReport](t, stdout); scored.Mean != ran.Mean {
		t.Errorf("the files score %+v, the run %+v", scored.Mean, ran.Mean)
	}
	for _, name := range []string{"sets.svg", "street.svg"} {
		f, err := os.Open(filepath.Join(out, "plots", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for d := xml.NewDecoder(f); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}

	// Fewer frames, the same for one seed.
	args := []string{"eval", "track", "--data", data, "--every", "2", "--drop", "0.3", "--seed", "7", "--json", "-"}
	_, one, _ := outrider(t, t.Context(), args...)
	_, two, _ := outrider(t, t.Context(), args...)
	few, again := decodeJSON[trackReport](t, one), decodeJSON[trackReport](t, two)
	if few.Frames >= 40 || few.Frames < 15 || few.Mean != again.Mean {
		t.Errorf("%d frames of 40; figures %+v and %+v", few.Frames, few.Mean, again.Mean)
	}
}

func TestEvalTrackRefuses(t *testing.T) {
	data, empty := walkers(t), t.TempDir()
	bad := walkers(t)
	write(t, filepath.Join(bad, "street", "b", "gt", "gt.txt"), "1,1,0,0,5,5,1,1,1\n2,1,zero,0,5,5,1,1,1\n")
	undetected := walkers(t)
	if err := os.Remove(filepath.Join(undetected, "street", "a", "det", "det.txt")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no data":           {nil, exitUsage, "--data is required"},
		"not there":         {[]string{"--data", filepath.Join(empty, "x")}, exitFailed, "no such file"},
		"nothing there":     {[]string{"--data", empty}, exitFailed, "SEQUENCE/seqinfo.ini"},
		"bad line":          {[]string{"--data", bad}, exitFailed, `gt.txt: line 2: column 3: "zero" is not a number`},
		"no detections":     {[]string{"--data", undetected}, exitFailed, "street/a has no det/det.txt"},
		"no result":         {[]string{"--data", data, "--results", empty}, exitFailed, "want one of street/a.txt, a.txt"},
		"every":             {[]string{"--data", data, "--every", "0"}, exitUsage, "want 1 or more"},
		"drop":              {[]string{"--data", data, "--drop", "NaN"}, exitUsage, "want a share"},
		"results and out":   {[]string{"--data", data, "--results", empty, "--out", empty}, exitUsage, "do not go with it"},
		"a superfluous arg": {[]string{data}, exitUsage, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := outrider(t, t.Context(), append([]string{"eval", "track"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit %d, want %d; stdout %q, stderr %q, want %q in it", code, c.code, stdout, stderr, c.want)
			}
		})
	}
}

// shared finds data for measuring beside the checkout.
func shared(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("OUTRIDER_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, "data", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the data set is not here: set OUTRIDER_SHARED to the folder that holds data/%s", name)
	}
	return dir
}

// TestEvalTrackOnStoredDetections holds the figures of the four sets through the command.
func TestEvalTrackOnStoredDetections(t *testing.T) {
	code, stdout, stderr := outrider(t, t.Context(), "eval", "track", "--data", shared(t, "mot"), "--json", "-")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	rep := decodeJSON[trackReport](t, stdout)
	t.Logf("mean HOTA %.2f, IDF1 %.2f", rep.Mean.HOTA, rep.Mean.IDF1)
	if len(rep.Sets) != 4 || rep.Mean.HOTA < 63.2 || rep.Mean.IDF1 < 72 {
		t.Errorf("%d sets, mean HOTA %.2f, IDF1 %.2f, want 4, at least 63.2 and 72", len(rep.Sets), rep.Mean.HOTA, rep.Mean.IDF1)
	}
}
