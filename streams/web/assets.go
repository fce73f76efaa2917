package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// uiFiles are the files of the dashboard as they are in the repository.
//
//go:embed ui
var uiFiles embed.FS

// assets are the dashboard's files, compressed once. Their address holds a version made of
// their content, so that browsers may keep them for ever.
type assets struct {
	version string
	files   map[string]asset
	index   asset
}

type asset struct {
	mime         string
	plain, gzipd []byte
}

var mimeTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// newAssets reads files. index.html is the page; "{version}" in it becomes the version.
func newAssets(files fs.FS) (*assets, error) {
	a := &assets{files: map[string]asset{}}
	raw := map[string][]byte{}
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if mimeTypes[path.Ext(name)] == "" {
			return fmt.Errorf("%s: no media type is known for %q", name, path.Ext(name))
		}
		raw[name] = b
		fmt.Fprintf(sum, "%s\x00%d\x00", name, len(b))
		sum.Write(b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.version = hex.EncodeToString(sum.Sum(nil)[:6])
	for name, b := range raw {
		switch path.Ext(name) {
		case ".html":
			b = bytes.ReplaceAll(b, []byte("{version}"), []byte(a.version))
		case ".js", ".css":
			b = lighten(b)
		}
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(b); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		a.files[name] = asset{mimeTypes[path.Ext(name)], b, z.Bytes()}
	}
	index, ok := a.files["index.html"]
	if !ok {
		return nil, fs.ErrNotExist
	}
	a.index = index
	delete(a.files, "index.html")
	return a, nil
}

// lighten leaves out what a browser has no use for: the space before lines, and lines that are
// comments. Every line keeps its number. It knows no syntax: files must not hold a string of
// several lines.
func lighten(b []byte) []byte {
	out := make([]byte, 0, len(b))
	inside := false // a block comment
	for line := range bytes.Lines(b) {
		line = bytes.TrimLeft(line, " \t")
		text := bytes.TrimRight(line, "\r\n")
		switch {
		case inside:
			inside = !bytes.HasSuffix(text, []byte("*/"))
			out = append(out, line[len(text):]...)
		case bytes.HasPrefix(text, []byte("/*")) && !bytes.Contains(text[:max(0, len(text)-2)], []byte("*/")):
			inside = !bytes.HasSuffix(text, []byte("*/"))
			out = append(out, line[len(text):]...)
		case bytes.HasPrefix(text, []byte("//")):
			out = append(out, line[len(text):]...)
		default:
			out = append(out, line...)
		}
	}
	return out
}

func (f asset) write(w http.ResponseWriter, r *http.Request, cache string) {
	h := w.Header()
	h.Set("Content-Type", f.mime)
	h.Set("Cache-Control", cache)
	h.Set("Vary", "Accept-Encoding")
	body := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.gzipd
	}
	_, _ = w.Write(body) // the client is gone when this fails
}

// page is the dashboard: one document for all its addresses, since the page reads its address
// itself.
func (s *Server) page(w http.ResponseWriter, r *http.Request) error {
	s.assets.index.write(w, r, "no-cache")
	return nil
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.assets.files[r.PathValue("file")]
	if !ok || r.PathValue("version") != s.assets.version {
		return problem(http.StatusNotFound, "there is no %s in version %s of the dashboard", r.PathValue("file"), s.assets.version)
	}
	f.write(w, r, "public, max-age=31536000, immutable")
	return nil
}
