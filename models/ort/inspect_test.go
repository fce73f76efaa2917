package ort_test

import (
	"os"
	"path/filepath"
	"testing"

	"outrider/models/ort"
)

func TestInspect(t *testing.T) {
	info, err := ort.Inspect(testModel(t, "affine"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Producer != "gen.py" || info.Opset != 17 || info.Metadata["names"] != "{0: 'object'}" || info.Elements != 3 {
		t.Errorf("got %+v", info)
	}
	if len(info.Inputs) != 1 || len(info.Outputs) != 3 {
		t.Errorf("inputs %v, outputs %v", info.Inputs, info.Outputs)
	}
	if _, ok := ort.Find(info.Outputs, "idx"); !ok {
		t.Error("idx is not found")
	}
	if got := (ort.TensorInfo{Name: "q"}).String(); got != "q of unknown type of unknown shape" {
		t.Errorf("%q", got)
	}
}

// Every prefix of a model is refused, and none ends the process.
func TestInspectTruncated(t *testing.T) {
	b := testModel(t, "affine")
	whole, err := ort.Inspect(b)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		// Only where the cut falls between the fields behind the graph is it no damage.
		if info, err := ort.Inspect(b[:n]); err == nil && len(info.Outputs) != len(whole.Outputs) {
			t.Errorf("the first %d bytes pass as a model of %d outputs", n, len(info.Outputs))
		}
	}
}

// FuzzInspect feeds the reader anything: it must answer without a panic, and quickly.
func FuzzInspect(f *testing.F) {
	files, err := filepath.Glob("testdata/*.onnx")
	if err != nil || len(files) == 0 {
		f.Fatal("no models: ", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte("\x08\x08\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := ort.Inspect(b)
		if (err == nil) != (info != nil) {
			t.Fatalf("info %v, error %v", info, err)
		}
		if info != nil && len(info.Outputs) == 0 {
			t.Fatal("a model without outputs passed")
		}
	})
}

// FuzzOpen hands what Inspect passes to ONNX Runtime: whatever is wrong must come back as an
// error.
func FuzzOpen(f *testing.F) {
	needLibrary(f)
	for _, name := range []string{"affine", "unknown"} {
		f.Add(testModel(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return // only mutations of the small ones say something new
		}
		s, err := ort.Open(b, ort.Options{Device: "cpu", Threads: 1})
		if err != nil {
			return
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
