package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// rules says, for each room (longest prefix wins), which of our packages it may import. An
// entry allows the package and all below it.
var rules = map[string][]string{
	"pipeline/mask":     {},
	"pipeline":          {"pipeline/mask"},
	"pipeline/overlay":  {"pipeline"},
	"pipeline/flow":     {"pipeline"},
	"pipeline/pipetest": {"pipeline"},
	"tracker":           {"pipeline", "tracker"},
	"tracker/obstacle":  {"pipeline", "tracker", "calib"},
	"calib":             {"pipeline", "calib"},
	"models":            {"pipeline", "models"},
	"models/ort":        {"pipeline"},
	"models/levels":     {"pipeline"},
	"streams":           {"pipeline"},
	"streams/capture":   {"pipeline", "streams/capture"},
	"streams/vpx":       {"streams/vpx"},
	"streams/x264":      {"streams/vpx", "streams/x264"},
	"streams/webrtc":    {"pipeline", "streams/vpx", "streams/x264", "streams/webrtc"},
	"streams/export":    {"pipeline", "streams/vpx"},
	"streams/mqtt":      {"pipeline", "streams/mqtt"},
	"streams/store":     {"pipeline", "streams/store"},
	"streams/record":    {"pipeline", "streams/vpx", "streams/export", "streams/record"},
	"streams/web":       {"pipeline", "streams/web"},
	"docs":              {},
	"cmd":               {"pipeline", "tracker", "calib", "models", "streams", "docs", "cmd"},
}

// opencv may be imported by these only: a Mat never travels between rooms.
var opencv = []string{"streams/capture", "models", "calib/board/find", "cmd"}

// configReader may import the configuration.
const configPackage, configReader = "cmd/outrider/config", "cmd"

func TestImportRules(t *testing.T) {
	root := "../.."
	checked := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "bin") && path != root {
			return filepath.SkipDir
		}
		// Tests may reach across rooms: they bring real peers together.
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		room := roomOf(dir)
		if room == "" {
			t.Errorf("%s: package %s belongs to no room of docs/architecture.md", path, dir)
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		checked++
		for _, im := range f.Imports {
			name, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			if strings.HasPrefix(name, "gocv.io/") && !within(dir, opencv) {
				t.Errorf("%s imports OpenCV; only %s may", path, strings.Join(opencv, ", "))
			}
			own, ok := strings.CutPrefix(name, "outrider/")
			if !ok {
				continue
			}
			if !within(own, append(rules[room], dir)) {
				t.Errorf("%s (room %s) imports %s; it may import %s", path, room, own, strings.Join(rules[room], ", "))
			}
			if own == configPackage && !within(dir, []string{configReader}) {
				t.Errorf("%s imports the configuration; only cmd may", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 20 {
		t.Fatalf("only %d files were checked", checked)
	}
}

func roomOf(dir string) string {
	best := ""
	for r := range rules {
		if within(dir, []string{r}) && len(r) > len(best) {
			best = r
		}
	}
	return best
}

func within(dir string, roots []string) bool {
	for _, r := range roots {
		if dir == r || strings.HasPrefix(dir, r+"/") {
			return true
		}
	}
	return false
}

// TestEveryPackageSaysWhy holds that each package has a doc.go that opens with its comment.
func TestEveryPackageSaysWhy(t *testing.T) {
	missing := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir := filepath.Dir(path)
		text, err := os.ReadFile(filepath.Join(dir, "doc.go"))
		if err != nil || !strings.Contains(string(text), "// Package ") && !strings.Contains(string(text), "// Command ") {
			missing[dir] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for n := range missing {
		names = append(names, n)
	}
	sort.Strings(names)
	if len(names) > 0 {
		t.Errorf("no doc.go with a package comment in %s", strings.Join(names, ", "))
	}
}
