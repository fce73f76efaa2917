package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"outrider/models"
)

const (
	chunk = 256 << 10
	// progressBytes is what an attempt must bring so that the attempts before it are forgiven.
	progressBytes = 1 << 20
	maxBackoff    = time.Minute
)

// download fills the part from an http address, in as many attempts as it takes.
func (p *Puller) download(ctx context.Context, address string, f models.File, want string, part *part) error {
	if part.size > 0 && part.URL != display(address) {
		if err := part.restart(); err != nil {
			return err
		}
	}
	for failures := 0; ; {
		before := part.size
		wait, err := p.attempt(ctx, address, f, want, part)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: interrupted after %d bytes: %w", display(address), part.size, ctx.Err())
		}
		var stop *finalError
		if errors.As(err, &stop) {
			return fmt.Errorf("%s: %w", display(address), stop)
		}
		if part.size >= before+progressBytes {
			failures = 0
		}
		failures++
		if failures > p.retries() {
			return fmt.Errorf("%s: given up after %d attempts that brought nothing: %w", display(address), failures, err)
		}
		if wait == 0 {
			wait = min(p.backoff()<<(failures-1), maxBackoff)
			wait += time.Duration(rand.Int64N(int64(wait)/4 + 1))
		}
		p.notice(fmt.Sprintf("%s: %v; trying again in %v", f.Name, err, wait.Round(time.Millisecond)))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// errStalled is the cause of an attempt that was ended for its slowness.
var errStalled = errors.New("the server fell silent or is too slow")

// attempt asks once, for the rest of what is there already. wait is what the server asks
// for before the next.
func (p *Puller) attempt(ctx context.Context, address string, f models.File, want string, part *part) (wait time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, final("%v", err)
	}
	req.Header.Set("User-Agent", "outrider")
	if part.size > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", part.size))
		if part.Validator != "" {
			req.Header.Set("If-Range", part.Validator)
		}
	}
	var arrived atomic.Int64
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(done, p.stall(), &arrived, func() { cancel(errStalled) })
	}()
	defer func() { close(done); <-watched }()

	res, err := p.client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return 0, unwrapURL(err)
	}
	defer res.Body.Close()
	if wait, err := p.answer(res, f, part); err != nil {
		return wait, err
	}
	part.URL = display(address)
	if part.Validator = validator(res.Header); part.Validator == "" && want == "" {
		// Nothing would show that the rest is of another file: start anew if this breaks.
		defer func() {
			if err != nil {
				err = errors.Join(err, part.restart())
			}
		}()
	}
	err = p.receive(res.Body, f, part, &arrived)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return 0, cause
	}
	return 0, err
}

// watch calls stop when less than a KiB a second arrived within a period.
func watch(done <-chan struct{}, period time.Duration, arrived *atomic.Int64, stop func()) {
	t := time.NewTicker(period)
	defer t.Stop()
	least := max(1, int64(period.Seconds()*1024))
	for last := int64(0); ; {
		select {
		case <-done:
			return
		case <-t.C:
		}
		now := arrived.Load()
		if now-last < least {
			stop()
			return
		}
		last = now
	}
}

// answer judges the head of an answer and prepares the part for its body.
func (p *Puller) answer(res *http.Response, f models.File, part *part) (wait time.Duration, err error) {
	switch res.StatusCode {
	case http.StatusOK:
		if err := part.restart(); err != nil {
			return 0, err
		}
		if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind == "text/html" || kind == "application/xhtml+xml" {
			return 0, final("a web page came instead of the model: does the address want a login?")
		}
		part.Total = max(0, res.ContentLength)
	case http.StatusPartialContent:
		start, total, ok := contentRange(res.Header.Get("Content-Range"))
		if !ok || start != part.size || part.Total > 0 && total > 0 && total != part.Total {
			return 0, errors.Join(errors.New("the server sent another part than asked for"), part.restart())
		}
		part.Total = max(total, part.Total)
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, errors.Join(errors.New("the server cannot go on from there"), part.restart())
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return 0, final("%s: the server or proxy wants a login, or the licence accepted first; fetch the file with a browser and pull it with --mirror FOLDER", res.Status)
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return retryAfter(res.Header), errors.New(res.Status)
	default:
		if res.StatusCode >= 500 {
			return retryAfter(res.Header), errors.New(res.Status)
		}
		return 0, final("%s", res.Status)
	}
	if most := maxBytes(f); part.Total > most {
		return 0, final("the file has %d bytes, want at most %d", part.Total, most)
	}
	if f.Size > 0 && part.Total > 0 && part.Total != f.Size {
		return 0, final("the file has %d bytes, the catalogue says %d: it is another one", part.Total, f.Size)
	}
	return 0, nil
}

// receive appends a body to the part.
func (p *Puller) receive(body io.Reader, f models.File, part *part, arrived *atomic.Int64) error {
	buf := make([]byte, chunk)
	most := maxBytes(f)
	for {
		n, err := body.Read(buf)
		if part.size+int64(n) > most {
			return final("more than %d bytes came: it is another file", most)
		}
		if n > 0 {
			if err := part.write(buf[:n]); err != nil {
				return err
			}
			arrived.Add(int64(n))
			p.progress(f.Name, part.size, max(part.Total, f.Size))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the connection broke after %d bytes: %w", part.size, err)
		}
	}
	switch whole := max(part.Total, f.Size); {
	case page(part.head(512)):
		return final("a web page came instead of the model: does the address want a login?")
	case part.size < whole:
		return fmt.Errorf("the connection ended after %d of %d bytes", part.size, whole)
	case whole > 0 && part.size > whole:
		return final("%d bytes came, want %d", part.size, whole)
	}
	return nil
}

// validator is what tells whether a file is still the same: a strong ETag or its date.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// contentRange reads "bytes 100-199/200"; total is 0 for *.
func contentRange(s string) (start, total int64, ok bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, size, ok2 := strings.Cut(rest, "/")
	from, to, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, false
	}
	start, err := strconv.ParseInt(from, 10, 64)
	end, err2 := strconv.ParseInt(to, 10, 64)
	if err != nil || err2 != nil || start < 0 || end < start {
		return 0, 0, false
	}
	if size != "*" {
		if total, err = strconv.ParseInt(size, 10, 64); err != nil || total <= end {
			return 0, 0, false
		}
	}
	return start, total, true
}

// retryAfter is what a busy server asks for in seconds, at most a minute.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n <= 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxBackoff)
}

// unwrapURL drops the address from a client's error: it may hold a key.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// copyLocal fills the part from a folder.
func (p *Puller) copyLocal(ctx context.Context, dir string, e models.Entry, f models.File, part *part) (string, error) {
	if err := part.restart(); err != nil {
		return "", err
	}
	path := filepath.Join(dir, e.Name, f.Name)
	in, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		path = filepath.Join(dir, f.Name)
		in, err = os.Open(path)
	}
	if err != nil {
		return "", fmt.Errorf("%s lies neither in %s nor in %s: %w", f.Name, dir, filepath.Join(dir, e.Name), err)
	}
	defer in.Close()
	st, err := in.Stat()
	switch {
	case err != nil:
		return "", err
	case !st.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file", path)
	case st.Size() > maxBytes(f):
		return "", fmt.Errorf("%s has %d bytes, want at most %d", path, st.Size(), maxBytes(f))
	}
	part.Total = st.Size()
	var arrived atomic.Int64
	if err := p.receive(&cancelled{ctx, in}, f, part, &arrived); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return path, nil
}

// cancelled is a reader that ends with its context.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
