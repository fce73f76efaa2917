package web_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"outrider/streams/web"
)

// walkUI calls f for every file of the dashboard.
func walkUI(f func(name string, b []byte)) error {
	ui := os.DirFS("ui")
	return fs.WalkDir(ui, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(ui, name)
		if err == nil {
			f(name, b)
		}
		return err
	})
}

// The budgets of the dashboard, in bytes as the browser gets them, before compression.
const (
	maxUI        = 150_000
	maxFirstView = 75_000
)

func TestSizeOfThePage(t *testing.T) {
	_, url := start(t, &web.Server{Directory: newYard("yard")})
	version := regexp.MustCompile(`/ui/([0-9a-f]{12})/`).FindSubmatch(do(t, "GET", url+"/", "").body)
	total, packed := 0, 0
	var list []string
	files := map[string][]byte{}
	if err := walkUI(func(name string, b []byte) {
		if strings.Count(string(b), "`")%2 != 0 || regexp.MustCompile("(?m)^[^`\n]*(`[^`\n]*`[^`\n]*)*`[^`\n]*$").Match(b) {
			t.Errorf("%s holds a string of several lines, which does not survive its way to the browser", name)
		}
		if name != "index.html" {
			b = do(t, "GET", url+"/ui/"+string(version[1])+"/"+name, "").body
			packed += len(do(t, "GET", url+"/ui/"+string(version[1])+"/"+name, "", "Accept-Encoding", "gzip").body)
		}
		total += len(b)
		files[name] = b
		list = append(list, fmt.Sprintf("%6d %s", len(b), name))
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes in %d files, %d compressed\n%s", total, len(list), packed, strings.Join(list, "\n"))
	if total > maxUI {
		t.Errorf("the dashboard has %d bytes, at most %d are allowed", total, maxUI)
	}
	first, need := 0, []string{"index.html", "boot.js", "live/camera.js"}
	for i := 0; i < len(need); i++ {
		b := files[need[i]]
		first += len(b)
		for _, m := range refs.FindAllSubmatch(b, -1) {
			target := string(m[2])
			if len(m[1]) > 0 {
				target = path.Join(path.Dir(need[i]), string(m[1]))
			}
			if !slices.Contains(need, target) {
				need = append(need, target)
			}
		}
	}
	t.Logf("%d bytes in %d files are loaded at the start", first, len(need))
	if first > maxFirstView {
		t.Errorf("%d bytes are loaded at the start, want at most %d; load views with import()", first, maxFirstView)
	}
}

// refs are the files that a file needs at once: its imports, and what the page links.
var refs = regexp.MustCompile(`(?m)(?:from|import) '(\.[^']+)'|/ui/\{version\}/([^"]+)"`)

// Every module and style that a file names must exist, because there is no build step that
// would notice.
func TestImportsExist(t *testing.T) {
	refs := regexp.MustCompile(refs.String() + `|import\('(\.[^']+)'\)|new URL\('(css/[^']+)'`)
	seen := map[string]bool{"index.html": true}
	files := map[string][]byte{}
	if err := walkUI(func(name string, b []byte) { files[name] = b }); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		for _, m := range refs.FindAllSubmatch(b, -1) {
			target := string(m[2])
			if rel := string(m[1]) + string(m[3]) + string(m[4]); rel != "" {
				target = path.Join(path.Dir(name), rel)
			}
			seen[target] = true
			if files[target] == nil {
				t.Errorf("%s names %s, which does not exist", name, target)
			}
		}
	}
	for name := range files {
		if !seen[name] {
			t.Errorf("nothing uses %s", name)
		}
	}
}

// Texts are in one file: each is used, and each that is used is there.
func TestTexts(t *testing.T) {
	var texts, code []byte
	if err := walkUI(func(name string, b []byte) {
		switch {
		case name == "i18n/en.js":
			texts = b
		case strings.HasSuffix(name, ".js"):
			code = append(code, b...)
		}
	}); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t'([a-z0-9.]+)':`).FindAllSubmatch(texts, -1) {
		keys[string(m[1])] = true
	}
	if len(keys) < 50 {
		t.Fatalf("only %d texts found", len(keys))
	}
	prefixes := []string{}
	for _, m := range regexp.MustCompile(`\bt\('([a-z0-9.]+)'( \+)?`).FindAllSubmatch(code, -1) {
		key := string(m[1])
		switch {
		case len(m[2]) > 0:
			prefixes = append(prefixes, key)
		case !keys[key]:
			t.Errorf("text %q is used, but not there", key)
		}
	}
	for key := range keys {
		used := bytes.Contains(code, []byte("'"+key+"'"))
		for _, p := range prefixes {
			used = used || strings.HasPrefix(key, p)
		}
		if !used {
			t.Errorf("text %q is there, but not used", key)
		}
	}
}

func TestAssets(t *testing.T) {
	_, url := start(t, &web.Server{Directory: newYard("yard")})
	page := do(t, "GET", url+"/", "")
	if page.header.Get("Content-Type") != "text/html; charset=utf-8" || page.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("page: %v", page.header)
	}
	m := regexp.MustCompile(`src="(/ui/[0-9a-f]{12}/boot\.js)"`).FindSubmatch(page.body)
	if m == nil {
		t.Fatalf("no script in %s", page.body)
	}
	js := do(t, "GET", url+string(m[1]), "")
	if js.status != 200 || !strings.Contains(js.header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(js.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("script: %d %v", js.status, js.header)
	}
	plain, err := os.ReadFile("ui/boot.js")
	if err != nil {
		t.Fatal(err)
	}
	// What the browser gets is the file, line by line, without comments and indentation.
	got, want := strings.Split(string(js.body), "\n"), strings.Split(string(plain), "\n")
	if len(got) != len(want) {
		t.Fatalf("the script has %d lines, the file %d", len(got), len(want))
	}
	for i, w := range want {
		if w = strings.TrimLeft(w, "\t "); got[i] != w && !(got[i] == "" && (strings.HasPrefix(w, "/") || strings.HasPrefix(w, "*"))) {
			t.Errorf("line %d: %q, want %q", i+1, got[i], w)
		}
	}
	if other := do(t, "GET", url+"/cam/anything", ""); !bytes.Equal(other.body, page.body) {
		t.Error("/cam/... is not the page")
	}
}
