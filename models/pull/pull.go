package pull

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"outrider/models"
	"outrider/models/ort"
)

// The defaults of a Puller.
const (
	DefaultRetries = 5
	DefaultBackoff = time.Second
	DefaultStall   = 30 * time.Second
)

// Puller fetches models. Fill the exported fields, then Pull; it is not safe for concurrent
// use, but several processes may pull into one folder.
type Puller struct {
	Folder *models.Folder

	// Mirror is where files are looked for instead of their URLs: an http or https address, a
	// file:// address or a folder. A file of a model is at <mirror>/<model>/<file>; in a folder
	// it may also lie at its top.
	Mirror string
	// Proxy is an http, https or socks5 address, with user:password@ where it wants them;
	// empty means what the environment's HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.
	Proxy string
	// Repin takes a file that differs from the one that was pinned at an earlier pull. What
	// the catalogue says is never overruled.
	Repin bool

	Retries int           // attempts in a row that bring nothing before giving up, 0 for DefaultRetries
	Backoff time.Duration // before the first retry, doubled each time up to a minute; 0 for DefaultBackoff
	Stall   time.Duration // an attempt ends when so long less than a KiB a second came; 0 for DefaultStall

	// Progress is called as bytes arrive, from one goroutine; total is 0 when unknown.
	Progress func(file string, done, total int64)
	// Notice is called with what a person may want to know: a retry, a new pin.
	Notice func(text string)

	client *http.Client
}

// Pull fetches what is missing of e and checks what is there. It fails without leaving
// anything behind, except when ctx ends: then the part that came stays for the next pull.
func (p *Puller) Pull(ctx context.Context, e models.Entry) error {
	if e.Embedded {
		p.notice("model " + e.Name + " is embedded in the program: nothing to pull")
		return nil
	}
	if err := p.open(); err != nil {
		return fmt.Errorf("pull model %s: %w", e.Name, err)
	}
	defer p.client.CloseIdleConnections()
	made, err := makeDir(filepath.Join(p.Folder.Dir, e.Name))
	if err != nil {
		return fmt.Errorf("pull model %s: %w", e.Name, err)
	}
	for _, f := range e.Files {
		if err := p.file(ctx, e, f); err != nil {
			if made {
				_ = os.Remove(filepath.Join(p.Folder.Dir, e.Name)) // stays when something is in it
			}
			return fmt.Errorf("pull model %s: %w", e.Name, err)
		}
	}
	return nil
}

// makeDir makes the folder and reports whether it was not there before.
func makeDir(dir string) (made bool, err error) {
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return false, nil
	}
	return true, os.MkdirAll(dir, 0o755)
}

func (p *Puller) open() error {
	if p.client != nil {
		return nil
	}
	proxy := http.ProxyFromEnvironment
	if p.Proxy != "" {
		u, err := url.Parse(p.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
			return errors.New("proxy: want http://[user:password@]host:port, https:// or socks5://") // the text may hold a password
		}
		proxy = http.ProxyURL(u)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = proxy
	t.DisableCompression = true // sizes and ranges are those of the file
	t.ResponseHeaderTimeout = p.stall()
	p.client = &http.Client{Transport: t, CheckRedirect: redirect}
	return nil
}

func redirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 10:
		return final("the server sends us round in circles (10 redirects)")
	case req.URL.Scheme != "https" && req.URL.Scheme != "http":
		return final("the server sends us to a %s address", req.URL.Scheme)
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return final("the server sends us from https to plain http")
	}
	return nil
}

func (p *Puller) retries() int {
	if p.Retries > 0 {
		return p.Retries
	}
	return DefaultRetries
}

func (p *Puller) backoff() time.Duration {
	if p.Backoff > 0 {
		return p.Backoff
	}
	return DefaultBackoff
}

func (p *Puller) stall() time.Duration {
	if p.Stall > 0 {
		return p.Stall
	}
	return DefaultStall
}

func (p *Puller) notice(text string) {
	if p.Notice != nil {
		p.Notice(text)
	}
}

func (p *Puller) progress(file string, done, total int64) {
	if p.Progress != nil {
		p.Progress(file, done, total)
	}
}

// file brings one file into its place.
func (p *Puller) file(ctx context.Context, e models.Entry, f models.File) error {
	path := p.Folder.Path(e, f)
	pin, err := ort.Pin(path)
	if err != nil && !p.Repin {
		return err
	}
	want := f.SHA256
	if want == "" && !p.Repin {
		want = pin
	}
	if there, err := present(path, f, want); err != nil {
		p.notice(err.Error() + ": pulling it again")
	} else if there {
		p.notice(f.Name + " is there already")
		return nil
	}
	part, err := openPart(path)
	if err != nil {
		return err
	}
	keep := false
	defer func() { part.close(keep) }()
	from, err := p.fetch(ctx, e, f, want, part)
	if err != nil {
		// Only an interrupted pull can go on where it stopped: any other failure would end
		// the same way again.
		keep = ctx.Err() != nil && part.resumable()
		return err
	}
	return p.accept(path, from, f, want, part)
}

// present reports whether the file lies there as wanted. A file of which nothing is known to
// compare it with counts when it is a model.
func present(path string, f models.File, want string) (bool, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	b, err := ort.ReadFile(path)
	if err != nil {
		return false, err
	}
	f.SHA256 = want
	if err := f.Verify(b); err != nil {
		return false, err
	}
	if _, err := ort.Inspect(b); err != nil {
		return false, fmt.Errorf("%s: %w", f.Name, err)
	}
	sum := sha256.Sum256(b)
	return true, ort.WritePin(path, hex.EncodeToString(sum[:]))
}

// accept checks the whole part and moves it into its place.
func (p *Puller) accept(path, from string, f models.File, want string, part *part) error {
	if err := part.f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", part.path, err)
	}
	b, err := ort.ReadFile(part.path)
	if err != nil {
		return err
	}
	if _, err := ort.Inspect(b); err != nil {
		return fmt.Errorf("%s from %s: %w", f.Name, from, err)
	}
	sum := sha256.Sum256(b)
	got := hex.EncodeToString(sum[:])
	switch {
	case want == "":
		p.notice(fmt.Sprintf("%s: nobody vouches for it; pinned to SHA-256 %s", f.Name, got))
	case got != want && f.SHA256 == "":
		return fmt.Errorf("%s from %s: SHA-256 is %s, but the first pull had %s: the file was changed at its source; --repin takes the new one", f.Name, from, got, want)
	case got != want:
		return fmt.Errorf("%s from %s: SHA-256 is %s, want %s: the file is damaged or another one", f.Name, from, got, want)
	}
	// The pin first: a crash in between leaves a file that is refused, never one that is
	// taken without a check.
	if err := ort.WritePin(path, got); err != nil {
		return err
	}
	if err := os.Rename(part.path, path); err != nil {
		return fmt.Errorf("move %s into its place: %w", f.Name, err)
	}
	return nil
}

// fetch fills the part from mirror or URL and returns where from, for messages.
func (p *Puller) fetch(ctx context.Context, e models.Entry, f models.File, want string, part *part) (string, error) {
	dir, local := localMirror(p.Mirror)
	if local {
		return p.copyLocal(ctx, dir, e, f, part)
	}
	address := f.URL
	switch {
	case p.Mirror == "" && address == "":
		return "", fmt.Errorf("nobody is known to publish %s: make it (outrider models export-help %s), then: outrider models pull %s --mirror FOLDER", f.Name, e.Name, e.Name)
	case p.Mirror != "":
		var err error
		if address, err = url.JoinPath(p.Mirror, e.Name, f.Name); err != nil {
			return "", fmt.Errorf("mirror %q: %w", p.Mirror, err)
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("mirror %q: want an http or https address, file:// or a folder", display(address))
	}
	return display(address), p.download(ctx, address, f, want, part)
}

// localMirror reads file:///folder and plain folders.
func localMirror(mirror string) (dir string, ok bool) {
	if rest, ok := strings.CutPrefix(mirror, "file://"); ok {
		if path, err := url.PathUnescape(rest); err == nil {
			return strings.TrimPrefix(path, "localhost"), true
		}
		return rest, true
	}
	return mirror, mirror != "" && !strings.Contains(mirror, "://")
}

// display is an address without user, password and query, which may hold keys.
func display(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the address"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// maxBytes is the most that f may have.
func maxBytes(f models.File) int64 {
	if f.Size > 0 {
		return f.Size
	}
	return ort.MaxModelBytes
}

// finalError is a failure that another attempt would meet again.
type finalError struct{ text string }

func (e *finalError) Error() string { return e.text }

func final(format string, args ...any) error { return &finalError{fmt.Sprintf(format, args...)} }

// page tells a web page by its first bytes.
func page(b []byte) bool {
	b = bytes.ToLower(bytes.TrimLeft(b[:min(len(b), 512)], "\ufeff \t\r\n"))
	return bytes.HasPrefix(b, []byte("<!doctype")) || bytes.HasPrefix(b, []byte("<html")) || bytes.HasPrefix(b, []byte("<?xml"))
}
