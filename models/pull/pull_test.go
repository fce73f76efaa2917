package pull_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outrider/models"
	"outrider/models/onnxtest"
	"outrider/models/ort"
	"outrider/models/pull"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// model is an ONNX file of about 400 kB.
var model = func() []byte {
	w := make([]float32, 100_000)
	for i := range w {
		w[i] = float32(i)
	}
	n := int64(len(w))
	return onnxtest.Graph{
		Nodes:   [][]byte{onnxtest.Node("Add", []string{"x", "w"}, []string{"y"})},
		Weights: [][]byte{onnxtest.Floats("w", w, n)},
		Inputs:  [][]byte{onnxtest.Value("x", onnxtest.Float32, n)},
		Outputs: [][]byte{onnxtest.Value("y", onnxtest.Float32, n)},
	}.Bytes()
}()

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// entry is a model of one file; known says whether the catalogue has its size and checksum.
func entry(address string, known bool) models.Entry {
	f := models.File{Role: models.RoleModel, Name: "net.onnx", URL: address}
	if known {
		f.Size, f.SHA256 = int64(len(model)), sum(model)
	}
	return models.Entry{Name: "net", Task: models.TaskSegment, Files: []models.File{f}}
}

func puller(t *testing.T) *pull.Puller {
	t.Helper()
	return &pull.Puller{
		Folder:  &models.Folder{Dir: t.TempDir()},
		Retries: 2, Backoff: time.Millisecond, Stall: 5 * time.Second,
		Notice: func(s string) { t.Log(s) },
	}
}

// left are the files below dir.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != dir {
			out = append(out, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/net.onnx"
}

// whole answers as a good server does: with ranges and a validator.
func whole(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"one"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(model))
}

func checkPulled(t *testing.T, p *pull.Puller) {
	t.Helper()
	path := filepath.Join(p.Folder.Dir, "net", "net.onnx")
	b, err := ort.ReadFile(path)
	if err != nil || !bytes.Equal(b, model) {
		t.Fatalf("the file is not what was served: %v", err)
	}
	if pin, err := ort.Pin(path); err != nil || pin != sum(model) {
		t.Errorf("pin %q, %v", pin, err)
	}
	if got := left(t, p.Folder.Dir); len(got) != 3 { // folder, model, pin
		t.Errorf("left %v", got)
	}
}

func TestPull(t *testing.T) {
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprintf("known=%v", known), func(t *testing.T) {
			var requests atomic.Int32
			address := serve(t, func(w http.ResponseWriter, r *http.Request) { requests.Add(1); whole(w, r) })
			p := puller(t)
			var done, total int64
			p.Progress = func(_ string, d, n int64) { done, total = d, n }
			e := entry(address, known)
			for range 2 {
				if err := p.Pull(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			checkPulled(t, p)
			if done != int64(len(model)) || total != done || requests.Load() != 1 {
				t.Errorf("progress %d of %d, %d requests", done, total, requests.Load())
			}
			files, err := p.Folder.Use(e)
			if err != nil || files[models.RoleModel] != filepath.Join(p.Folder.Dir, "net", "net.onnx") {
				t.Errorf("use: %v, %v", files, err)
			}
		})
	}
}

// Whatever a server does wrong, nothing stays and the error says what happened.
func TestMisbehaviour(t *testing.T) {
	html := "<!DOCTYPE html><html><body>Please log in</body></html>"
	other := bytes.Replace(model, []byte("Add"), []byte("Sub"), 1)
	// declare writes a body under another length than it has and drops the connection.
	declare := func(w http.ResponseWriter, length int, body []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(length))
		_, _ = w.Write(body)
		panic(http.ErrAbortHandler)
	}
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	for _, c := range []struct {
		name    string
		known   bool
		handler http.HandlerFunc
		want    string
	}{
		{"corrupt", true, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(other) }, "the file is damaged or another one"},
		{"truncated", true, func(w http.ResponseWriter, r *http.Request) { declare(w, len(model), model[:len(model)/2]) }, "given up after 3 attempts"},
		{"truncated unknown", false, func(w http.ResponseWriter, r *http.Request) { declare(w, len(model), model[:len(model)/2]) }, "given up after 3 attempts"},
		{"truncated at the source", false, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(model[:len(model)/2]) }, "truncated or damaged"},
		{"page", true, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(html)) }, "a web page came"},
		{"page as bytes", false, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write([]byte("\n  " + html))
		}, "a web page came"},
		{"text", false, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write([]byte("Entry not found"))
		}, "this is text"},
		{"nothing", false, func(w http.ResponseWriter, r *http.Request) {}, "the file is empty"},
		{"no model", false, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 5000)) }, "not an ONNX model"},
		{"oversized", true, endless, "bytes came: it is another file"},
		{"oversized and said so", true, func(w http.ResponseWriter, r *http.Request) { declare(w, len(model)+1, model) }, "want at most"},
		{"beyond any model", false, func(w http.ResponseWriter, r *http.Request) { declare(w, 3<<30, model) }, "want at most"},
		{"wrong length", true, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(model[:1000]) }, "the catalogue says"},
		{"redirect loop", true, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/net.onnx", http.StatusFound)
		}, "round in circles"},
		{"redirect to a file", true, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "file address"},
		{"not found", true, func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, "404"},
		{"login", true, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "wants a login"},
		{"broken server", true, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "502"},
		{"wrong range", true, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				declare(w, len(model), model[:1000])
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(model)-1, len(model)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(model)
		}, "given up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := puller(t)
			err := p.Pull(t.Context(), entry(serve(t, c.handler), c.known))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
			if got := left(t, p.Folder.Dir); len(got) > 0 {
				t.Errorf("left %v", got)
			}
		})
	}
}

// A server that falls silent, or drips, is given up.
func TestStalled(t *testing.T) {
	for name, drip := range map[string]time.Duration{"silent": 0, "slow": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(len(model)))
				for i := 0; ; i++ {
					_, _ = w.Write(model[i : i+1])
					w.(http.Flusher).Flush()
					if drip == 0 {
						<-r.Context().Done()
						return
					}
					select {
					case <-r.Context().Done():
						return
					case <-time.After(drip):
					}
				}
			})
			p := puller(t)
			p.Stall, p.Retries = 200*time.Millisecond, 1
			err := p.Pull(t.Context(), entry(address, true))
			if err == nil || !strings.Contains(err.Error(), "silent or is too slow") {
				t.Errorf("got %v", err)
			}
			if got := left(t, p.Folder.Dir); len(got) > 0 {
				t.Errorf("left %v", got)
			}
		})
	}
}

// A broken connection goes on where it stopped; a server without ranges starts anew; one
// whose file has changed meanwhile too.
func TestResume(t *testing.T) {
	for _, c := range []struct {
		name   string
		known  bool
		ranges bool
		etags  []string // of the first and the later answers
		resume bool     // the second request goes on
		from   bool     // and is answered with the rest
	}{
		{"validator", false, true, []string{`"a"`, `"a"`}, true, true},
		{"checksum only", true, true, []string{"", ""}, true, true},
		{"nothing to hold on", false, true, []string{"", ""}, false, false},
		{"weak validator", false, true, []string{`W/"a"`, `W/"a"`}, false, false},
		{"changed meanwhile", false, true, []string{`"a"`, `"b"`}, true, false},
		{"no ranges", true, false, []string{`"a"`, `"a"`}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests := 0
			half := len(model) / 2
			address := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				w.Header().Set("Content-Type", "application/octet-stream")
				tag := c.etags[min(requests, 2)-1]
				if tag != "" {
					w.Header().Set("ETag", tag)
				}
				if requests == 1 {
					w.Header().Set("Content-Length", strconv.Itoa(len(model)))
					_, _ = w.Write(model[:half])
					w.(http.Flusher).Flush()
					panic(http.ErrAbortHandler)
				}
				got := r.Header.Get("Range")
				if want := fmt.Sprintf("bytes=%d-", half); (got == want) != c.resume {
					t.Errorf("range %q, resume %v", got, c.resume)
				}
				if !c.ranges {
					_, _ = w.Write(model)
					return
				}
				rec := &counter{ResponseWriter: w}
				http.ServeContent(rec, r, "", time.Time{}, bytes.NewReader(model))
				if (rec.n == len(model)-half) != c.from {
					t.Errorf("%d bytes were sent again", rec.n)
				}
			})
			p := puller(t)
			if err := p.Pull(t.Context(), entry(address, c.known)); err != nil {
				t.Fatal(err)
			}
			if requests != 2 {
				t.Errorf("%d requests", requests)
			}
			checkPulled(t, p)
		})
	}
}

type counter struct {
	http.ResponseWriter
	n int
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n += n
	return n, err
}

// An interrupted pull leaves its part, and the next one goes on from there.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ranges := make(chan string, 4)
	first := true
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ranges <- r.Header.Get("Range")
		if first {
			first = false
			w.Header().Set("ETag", `"one"`)
			w.Header().Set("Content-Length", strconv.Itoa(len(model)))
			_, _ = w.Write(model[:100_000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		whole(w, r)
	})
	p := puller(t)
	p.Progress = func(_ string, done, _ int64) {
		if done == 100_000 {
			cancel()
		}
	}
	e := entry(address, false)
	if err := p.Pull(ctx, e); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if got := left(t, p.Folder.Dir); len(got) != 3 { // folder, part, origin
		t.Fatalf("left %v", got)
	}
	if err := p.Pull(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	<-ranges
	if got := <-ranges; got != "bytes=100000-" {
		t.Errorf("range %q", got)
	}
	checkPulled(t, p)
}

// What the first pull brought is what later ones must bring, until told otherwise.
func TestRepin(t *testing.T) {
	served := model
	address := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(served) })
	p := puller(t)
	e := entry(address, false)
	if err := p.Pull(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.Folder.Dir, "net", "net.onnx")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	served = bytes.Replace(model, []byte("Add"), []byte("Sub"), 1)
	if err := p.Pull(t.Context(), e); err == nil || !strings.Contains(err.Error(), "changed at its source") {
		t.Errorf("got %v", err)
	}
	p.Repin = true
	if err := p.Pull(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if pin, err := ort.Pin(path); err != nil || pin != sum(served) {
		t.Errorf("pin %q, %v", pin, err)
	}
	// A file that was changed on disk is pulled again.
	if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Repin = false
	if err := p.Pull(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if b, err := ort.ReadFile(path); err != nil || !bytes.Equal(b, served) {
		t.Errorf("the file was not mended: %v", err)
	}
}

func TestMirror(t *testing.T) {
	dir := t.TempDir()
	top, sub, text := filepath.Join(dir, "top"), filepath.Join(dir, "with space"), filepath.Join(dir, "text")
	for path, data := range map[string][]byte{
		filepath.Join(top, "net.onnx"): model, filepath.Join(sub, "net", "net.onnx"): model, filepath.Join(text, "net.onnx"): []byte("<html>"),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	asked := ""
	address := serve(t, func(w http.ResponseWriter, r *http.Request) { asked = r.URL.Path; whole(w, r) })
	server := strings.TrimSuffix(address, "/net.onnx")
	for mirror, want := range map[string]string{
		top: "", sub: "", "file://" + strings.ReplaceAll(sub, " ", "%20"): "", "file://localhost" + top: "", server + "/models": "",
		text:                    "want at most",
		filepath.Join(dir, "x"): "lies neither in",
		"ftp://example.net/m":   "want an http or https address",
		server[:8] + "[":        "mirror",
	} {
		t.Run(strings.ReplaceAll(strings.TrimPrefix(mirror, "file://"), dir, ""), func(t *testing.T) {
			p := puller(t)
			p.Mirror = mirror
			e := entry("", want == "want at most")
			if want == "want at most" {
				e.Files[0].Size = 3
			}
			err := p.Pull(t.Context(), e)
			if want == "" {
				if err != nil {
					t.Fatal(err)
				}
				checkPulled(t, p)
				return
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q in it", err, want)
			}
			if got := left(t, p.Folder.Dir); len(got) > 0 {
				t.Errorf("left %v", got)
			}
		})
	}
	if asked != "/models/net/net.onnx" {
		t.Errorf("the mirror was asked for %q", asked)
	}
}

// The proxy is used, and its password is in no message.
func TestProxy(t *testing.T) {
	asked := ""
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String() + " " + r.Header.Get("Proxy-Authorization")
		whole(w, r)
	})
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	p := puller(t)
	p.Proxy = "http://me:secret@" + u.Host
	if err := p.Pull(t.Context(), entry("http://models.invalid/net.onnx", true)); err != nil {
		t.Fatal(err)
	}
	checkPulled(t, p)
	if asked != "http://models.invalid/net.onnx Basic bWU6c2VjcmV0" {
		t.Errorf("the proxy was asked %q", asked)
	}
	for _, bad := range []string{"me:secret@host:1", "ftp://me:secret@host", "http://me:secret@ho st"} {
		p := puller(t)
		p.Proxy = bad
		if err := p.Pull(t.Context(), entry("http://models.invalid/net.onnx", true)); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "proxy: want") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	// Nor is what an address may hold.
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	p = puller(t)
	err = p.Pull(t.Context(), entry(strings.Replace(gone.URL, "http://", "http://me:secret@", 1)+"/net.onnx?key=secret", true))
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "given up") {
		t.Errorf("got %v", err)
	}
}

func TestPullWithoutSource(t *testing.T) {
	p := puller(t)
	if err := p.Pull(t.Context(), entry("", false)); err == nil || !strings.Contains(err.Error(), "outrider models export-help net") {
		t.Errorf("got %v", err)
	}
	if got := left(t, p.Folder.Dir); len(got) > 0 {
		t.Errorf("left %v", got)
	}
	for _, e := range models.Catalogue() {
		if e.Embedded {
			if err := p.Pull(t.Context(), e); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
	}
}

// Two pulls of one file do not write into each other.
func TestLocked(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		whole(w, r)
	})
	p := puller(t)
	done := make(chan error, 1)
	go func() { done <- p.Pull(t.Context(), entry(address, true)) }()
	<-arrived
	second := puller(t)
	second.Folder = p.Folder
	if err := second.Pull(t.Context(), entry(address, true)); err == nil || !strings.Contains(err.Error(), "another pull of this file is running") {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	checkPulled(t, p)
}
