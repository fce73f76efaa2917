package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"outrider/docs"
	"outrider/models"
	"outrider/models/ort"
)

// modelFolder makes an empty folder of pulled models with a manifest of two models, one of
// them published at address, and returns it.
func modelFolder(t *testing.T, address string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("OUTRIDER_MODELS", dir)
	const common = `"family": "fastsam", "task": "segment", "description": "d", "licence": "MIT", "source": "s", "input": 64`
	manifest := `{"version": 1, "models": [
		{"name": "parts", ` + common + `, "files": [{"name": "parts.onnx", "url": "` + address + `"}]},
		{"name": "orphan", ` + common + `, "files": [{"name": "good.onnx"}]}]}`
	if err := os.WriteFile(filepath.Join(dir, models.ManifestName), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A model is pulled by name and then found by name, everywhere; one that is not says what to
// run.
func TestModels(t *testing.T) {
	const network = "../../models/fastsam/testdata/good.onnx"
	served, err := os.ReadFile(network)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(served) }))
	t.Cleanup(server.Close)
	dir := modelFolder(t, server.URL+"/parts.onnx")
	picture := filepath.Join("..", "..", "docs", "images", "dashboard.png")
	run := func(want int, args ...string) string {
		t.Helper()
		code, stdout, stderr := outrider(t, t.Context(), args...)
		if code != want {
			t.Fatalf("outrider %s: exit %d, want %d: %s%s", strings.Join(args, " "), code, want, stdout, stderr)
		}
		return stdout + stderr
	}
	holds := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is not in %s", w, out)
			}
		}
	}
	segment := []string{"segment", picture, "-o", t.TempDir(), "--model"}

	holds(run(exitFailed, append(segment, "parts")...), "model parts is not pulled", "run: outrider models pull parts")
	holds(run(exitFailed, append(segment, "orphan")...), "run: outrider models export-help orphan")
	holds(run(exitUsage, append(segment, "prats")...), `model "prats" is not in the catalogue`, "parts")
	holds(run(exitFailed, append(segment, "mobilesam")...), "run: outrider models pull mobilesam")
	holds(run(exitUsage, append(segment, "clip-vit-b32")...), "clip-vit-b32 is for text")
	holds(run(exitFailed, "models", "pull", "orphan"), "nobody is known to publish good.onnx", "--mirror FOLDER")
	holds(run(exitFailed, "models", "show", "./none.onnx"), "no such file")

	holds(run(exitDone, "models", "pull", "parts", models.DefaultName), "pinned to SHA-256", "parts is in "+dir, "embedded in the program")
	holds(run(exitDone, "models", "pull", "orphan", "--mirror", filepath.Dir(network)), "orphan is in "+dir)
	holds(run(exitDone, "models", "list"), "parts", "pulled", "fastsam-s", "to export", "mobilesam", "to pull", "folder: "+dir)
	holds(run(exitDone, "models", "show", "parts"), "images float32 [1, 3, 64, 64]", "output0 float32", "licence", "MIT")
	holds(run(exitDone, "models", "show", network), "images float32 [1, 3, 64, 64]")
	holds(run(exitDone, "models", "show", "mobilesam"), "they were not fetched", "580f5fb648ea")
	holds(run(exitDone, "models", "show", "clip-mini"), "pixel_values", "input_ids")
	holds(run(exitDone, "models", "bench", "parts", "clip-mini", "--rounds", "1", "--threads", "1"), "parts.onnx", "[1, 3, 64, 64]", "text.onnx", "RATIO")
	holds(run(exitDone, append(segment, "parts")...), "")
	holds(run(exitDone, append(segment, "PARTS")...), "")
	if ort.Int8CPU() {
		holds(run(exitDone, append(segment, models.Int8Name)...), "segments")
	}

	var list []listed
	if err := json.Unmarshal([]byte(run(exitDone, "models", "list", "--json")), &list); err != nil || len(list) < 20 || list[0].State != models.StateEmbedded {
		t.Errorf("list: %v, %d models", err, len(list))
	}
	var ok []verdict
	if err := json.Unmarshal([]byte(run(exitDone, "models", "verify", "--json")), &ok); err != nil || len(ok) != 5 {
		t.Errorf("verify: %v, %+v", err, ok)
	}

	// A file that was changed is found out, by verify and at the next use.
	served[len(served)-1] ^= 1
	if err := os.WriteFile(filepath.Join(dir, "parts", "parts.onnx"), served, 0o600); err != nil {
		t.Fatal(err)
	}
	holds(run(exitFailed, "models", "verify"), "ok    orphan", "fail  parts", "the file was changed")
	holds(run(exitFailed, append(segment, "parts")...), "the file was changed")

	for _, args := range [][]string{
		{"models", "pull"}, {"models", "show", "nothing"}, {"models", "verify", "nothing"}, {"models", "export-help", "nothing"},
		{"models", "bench", "parts", "--rounds", "0"}, {"models", "bench", "parts", "--input", "100"}, {"models", "bench", "parts", "--device", "abacus"},
	} {
		run(exitUsage, args...)
	}
}

// Every family of the catalogue has its export steps.
func TestExportHelp(t *testing.T) {
	t.Setenv("OUTRIDER_MODELS", t.TempDir())
	for _, e := range models.Catalogue() {
		if text, ok := docs.ModelFamily(e.Family); !ok || !strings.Contains(text, "| Tensor |") && !strings.Contains(text, "The shapes are SAM's") {
			t.Errorf("%s: docs/models.md says nothing on family %q", e.Name, e.Family)
		}
	}
	code, out, _ := outrider(t, t.Context(), "models", "export-help", "sam-vit-b")
	if code != exitDone || !strings.Contains(out, "samexporter.export_encoder") || !strings.Contains(out, "sam_vit_b_01ec64.decoder.onnx") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// The words come from another pair when the configuration names one, which must be there.
func TestTextModelName(t *testing.T) {
	t.Setenv("OUTRIDER_MODELS", t.TempDir())
	for name, want := range map[string]string{
		"clip-vit-b32": "run: outrider models pull clip-vit-b32",
		"mobilesam":    "text.name: mobilesam is for sam",
		"nothing":      `text.name: model "nothing" is not in the catalogue`,
	} {
		_, _, stderr := outrider(t, t.Context(), "run", "--for", "1s", "-c", quiet(t, "text: {name: "+name+"}\n"))
		if !strings.Contains(stderr, want) {
			t.Errorf("%s: %s", name, stderr)
		}
	}
}
