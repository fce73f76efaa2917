package models_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"outrider/models"
	"outrider/models/ort"
)

func TestEmbedded(t *testing.T) {
	for _, name := range []string{models.DefaultName, models.Int8Name} {
		b, err := models.Embedded(name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := ort.Inspect(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Inputs) != 1 || len(info.Outputs) != 3 || info.Metadata["names"] != "{0: 'object'}" {
			t.Errorf("%s: inputs %v, outputs %v, %v", name, info.Inputs, info.Outputs, info.Metadata)
		}
	}
	if _, err := models.Embedded("clip-mini"); err == nil {
		t.Error("the encoders came as a segmentation model")
	}
}

func TestVerify(t *testing.T) {
	f := models.File{Name: "abc", Size: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if err := f.Verify([]byte("abc")); err != nil {
		t.Error(err)
	}
	for data, want := range map[string]string{"ab": "2 bytes, want 3", "abd": "SHA-256 is"} {
		if err := f.Verify([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", data, err, want)
		}
	}
}

// Every entry can be shown and checked, and every family that the program runs is there.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range models.Catalogue() {
		if seen[e.Name] || e.Licence == "" || e.Source == "" || e.Description == "" || e.Family == "" || e.Input == 0 {
			t.Errorf("entry %+v", e)
		}
		seen[e.Name] = true
		for _, f := range e.Files {
			if e.Embedded && (f.SHA256 == "" || f.Size == 0) {
				t.Errorf("%s: file %+v", e.Name, f)
			}
			if f.SHA256 != "" && f.Size == 0 {
				t.Errorf("%s: %s has a checksum and no size", e.Name, f.Name)
			}
		}
		// A URL that nobody of us fetched must say so.
		if e.Published() && !e.Embedded && !e.Unreached {
			t.Errorf("%s does not say whether its URLs were reached", e.Name)
		}
		if got, err := models.Find(strings.ToUpper(e.Name)); err != nil || got.Name != e.Name {
			t.Errorf("find %s: %v, %v", e.Name, got.Name, err)
		}
	}
	for _, name := range strings.Fields(`everything-nano clip-mini fastsam-s fastsam-x yolov8n-seg yolov8s-seg yolov8m-seg
		yolo11n-seg yolo11s-seg yolo11m-seg sam-vit-b sam-vit-l sam-vit-h mobilesam hq-sam-vit-b hq-sam-vit-l hq-sam-vit-h hq-sam-tiny
		efficientsam-ti edgesam clip-vit-b32 mobileclip-s0 twinlitenet`) {
		if !seen[name] {
			t.Errorf("%s is not in the catalogue", name)
		}
	}
	if _, err := models.Find("sam3"); err == nil || !strings.Contains(err.Error(), models.DefaultName) || !errors.Is(err, models.ErrUnknown) {
		t.Errorf("got %v, want the known names", err)
	}
}

const good = `{"name": "mine", "family": "fastsam", "task": "segment", "description": "d", "licence": "MIT", "source": "s", "input": 640, "files": [{"name": "m.onnx"}]}`

func list(entry string) []byte { return []byte(`{"version": 1, "models": [` + entry + `]}`) }

func TestParseManifest(t *testing.T) {
	l, err := models.ParseManifest(list(good))
	if err != nil || len(l) != 1 || l[0].Files[0].Role != models.RoleModel {
		t.Fatalf("%+v, %v", l, err)
	}
	change := func(old, new string) []byte { return list(strings.Replace(good, old, new, 1)) }
	file := func(f string) []byte { return change(`{"name": "m.onnx"}`, f) }
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":         {nil, "EOF"},
		"text":          {[]byte("hello"), "invalid character"},
		"version":       {[]byte(`{"version": 2}`), "version 2"},
		"unknown key":   {change(`"task"`, `"tusk"`), `unknown field "tusk"`},
		"more":          {append(list(good), '1'), "behind the end"},
		"twice":         {list(good + "," + good), "stands twice"},
		"name":          {change(`"mine"`, `"../mine"`), "a name is"},
		"task":          {change(`"segment"`, `"paint"`), `task "paint"`},
		"embedded":      {change(`"input"`, `"embedded": true, "input"`), "only the program's own"},
		"input":         {change(`640`, `-1`), "input -1"},
		"mean":          {change(`"input"`, `"mean": [1], "std": [1], "input"`), "three numbers"},
		"no file":       {file(``), "0 files, want 1"},
		"folder":        {file(`{"name": "../m.onnx"}`), "without folders"},
		"hidden":        {file(`{"name": ".onnx"}`), "without folders"},
		"ending":        {file(`{"name": "m.so"}`), "like model.onnx"},
		"size":          {file(`{"name": "m.onnx", "size": -1}`), "size -1"},
		"sum":           {file(`{"name": "m.onnx", "sha256": "ABC"}`), "64 lower-case"},
		"URL":           {file(`{"name": "m.onnx", "url": "file:///etc/passwd"}`), "want http or https"},
		"role":          {file(`{"name": "m.onnx", "role": "decoder"}`), `role "decoder", want "model"`},
		"half a pair":   {change(`"segment"`, `"sam"`), "1 files, want 2: encoder, decoder"},
		"pair, no role": {[]byte(strings.ReplaceAll(string(file(`{"name": "m.onnx"}, {"name": "n.onnx"}`)), `"segment"`, `"sam"`)), `role "", want "encoder"`},
		"same file":     {[]byte(strings.ReplaceAll(string(file(`{"name": "m.onnx", "role": "encoder"}, {"name": "m.onnx", "role": "decoder"}`)), `"segment"`, `"sam"`)), "of its own"},
		"huge":          {make([]byte, 2<<20), "more than"},
	} {
		if _, err := models.ParseManifest(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

// FuzzParseManifest: whatever passes keeps to its folder and to http.
func FuzzParseManifest(f *testing.F) {
	b, err := os.ReadFile("manifest.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(list(good))
	f.Add(list(strings.Replace(good, `"m.onnx"`, `"../m.onnx", "url": "HTTPS://x"`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := models.ParseManifest(b)
		if err != nil {
			return
		}
		folder := models.Folder{Dir: "/models"}
		for _, e := range entries {
			for _, file := range e.Files {
				if p := folder.Path(e, file); filepath.Dir(filepath.Dir(p)) != "/models" || filepath.Clean(p) != p {
					t.Fatalf("%q leaves the folder", p)
				}
				if file.URL != "" && !strings.HasPrefix(strings.ToLower(file.URL), "http") {
					t.Fatalf("URL %q", file.URL)
				}
			}
		}
	})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("OUTRIDER_MODELS", dir)
	f, err := models.OpenFolder("", "")
	if err != nil || f.Dir != dir || len(f.Entries) != len(models.Catalogue()) {
		t.Fatalf("%+v, %v", f, err)
	}
	// The folder's own manifest adds and replaces.
	write(t, filepath.Join(dir, models.ManifestName), list(good+","+strings.Replace(good, "mine", "fastsam-s", 1)))
	if f, err = models.OpenFolder("", ""); err != nil || len(f.Entries) != len(models.Catalogue())+1 {
		t.Fatalf("%d entries, %v", len(f.Entries), err)
	}
	if e, err := f.Find("FastSAM-s"); err != nil || e.Source != "s" {
		t.Errorf("%+v, %v", e, err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"broken":   {"{", "unexpected EOF"},
		"embedded": {string(list(strings.Replace(good, "mine", models.DefaultName, 1))), "is embedded in the program"},
	} {
		p := filepath.Join(t.TempDir(), "m.json")
		write(t, p, []byte(c.text))
		if _, err := models.OpenFolder(dir, p); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), p) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := models.OpenFolder(dir, filepath.Join(dir, "none.json")); err == nil {
		t.Error("a manifest that is not there was passed over")
	}
	t.Setenv("OUTRIDER_MODELS", "")
	t.Setenv("XDG_DATA_HOME", "/data")
	if d, err := models.DefaultDir(); err != nil || d != "/data/outrider/models" {
		t.Errorf("%q, %v", d, err)
	}
}

func TestUse(t *testing.T) {
	b, err := models.Default()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	def, err := models.Find(models.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	known := models.Entry{Name: "known", Task: models.TaskSegment, Files: []models.File{def.Files[0]}}
	known.Files[0].URL = "https://example.net/m.onnx"
	unknown := models.Entry{Name: "unknown", Task: models.TaskSegment, Files: []models.File{{Role: models.RoleModel, Name: "m.onnx"}}}
	f := &models.Folder{Dir: dir, Entries: []models.Entry{known, unknown}}
	for _, c := range []struct {
		e    models.Entry
		want string
	}{{known, "run: outrider models pull known"}, {unknown, "run: outrider models export-help unknown"}} {
		if _, err := f.Use(c.e); !errors.Is(err, models.ErrNotPulled) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.e.Name, err)
		}
		write(t, f.Path(c.e, c.e.Files[0]), b)
		files, err := f.Use(c.e)
		if err != nil || files[models.RoleModel] != f.Path(c.e, c.e.Files[0]) || f.State(c.e) != models.StatePulled {
			t.Fatalf("%s: %v, %v", c.e.Name, files, err)
		}
		if pin, err := ort.Pin(files[models.RoleModel]); err != nil || pin != def.Files[0].SHA256 {
			t.Errorf("%s: the first use did not pin: %q, %v", c.e.Name, pin, err)
		}
	}
	// A pin that is not the catalogue's.
	if err := ort.WritePin(f.Path(known, known.Files[0]), fmt.Sprintf("%064d", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Use(known); err == nil || !strings.Contains(err.Error(), "not the one of the catalogue") {
		t.Errorf("got %v", err)
	}
	// Without a pin, what lies there must be what the catalogue says.
	other := known
	other.Name = "other"
	write(t, f.Path(other, other.Files[0]), append(b[:len(b):len(b)], 0))
	if _, err := f.Use(other); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
	if _, err := f.Use(def); err == nil {
		t.Error("the embedded model has files")
	}
}
