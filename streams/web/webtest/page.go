package webtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Options say how a page is shown.
type Options struct {
	Width, Height int     // of the window, default 1280 x 800
	Scale         float64 // device pixels a CSS pixel, default 1
	Light         bool    // the system asks for light colours
}

// Page is the dashboard in a browser. Its methods fail the test when the browser does not do
// as told. For use by one goroutine.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	problems []string
}

// patience bounds one act of the browser.
const patience = 20 * time.Second

// Open loads address in a window of its own, without cookies or storage of others. The test is
// skipped when no browser is installed. The window is closed with the test; the browser, which
// all tests of a process share, by [Main].
func Open(t testing.TB, address string, o Options) *Page {
	t.Helper()
	ctx, end := chromedp.NewContext(start(t), chromedp.WithNewBrowserContext())
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // it is gone already when this fails
		end()
	})
	p := &Page{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, p.listen); err != nil { // opens the window
		t.Fatalf("browser: open a window: %v", err)
	}
	p.do("watch the console", command(log.Enable, cdp.Empty{}))
	p.Look(o)
	p.Go(address)
	return p
}

// Look changes how the page is shown.
func (p *Page) Look(o Options) {
	p.t.Helper()
	if o.Width == 0 || o.Height == 0 {
		o.Width, o.Height = 1280, 800
	}
	if o.Scale == 0 {
		o.Scale = 1
	}
	scheme := "dark"
	if o.Light {
		scheme = "light"
	}
	p.do("change the look", chromedp.EmulateViewport(int64(o.Width), int64(o.Height), chromedp.EmulateScale(o.Scale)),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}))
}

// Go loads an address.
func (p *Page) Go(address string) {
	p.t.Helper()
	p.do("open "+address, chromedp.Navigate(address))
}

// command makes an action of a command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (p *Page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	value(p, what, chromedp.Steps(actions...))
}

// value runs an action, which must succeed in time.
func value[T any](p *Page, what string, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatalf("browser: %s: %v\nconsole: %v", what, err, p.Problems())
	}
	return v
}

// listen notes what the console would show in yellow or red.
func (p *Page) listen(ev any) {
	note := ""
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		note = "exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			note += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, a := range e.Args {
				note += " " + string(a.Value) + a.Description
			}
			note = string(e.Type) + ":" + note
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			note = fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	}
	if note != "" {
		p.mu.Lock()
		p.problems = append(p.problems, note)
		p.mu.Unlock()
	}
}

// Problems are the errors and warnings of the page's console so far.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.problems...)
}

// Eval runs a JavaScript expression, which may be a promise, for its effect.
func (p *Page) Eval(js string) { p.t.Helper(); Value[chromedp.Void](p, js) }

// Value is the value of a JavaScript expression, which may be a promise.
func Value[T any](p *Page, js string) T {
	p.t.Helper()
	return value(p, "evaluate "+js, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// Wait waits, thirty seconds at most (machines are busy), until a JavaScript expression is true.
func (p *Page) Wait(what, js string) {
	p.t.Helper()
	p.WaitLong(what, js, 30*time.Second)
}

// WaitLong is Wait with another bound.
func (p *Page) WaitLong(what, js string, bound time.Duration) {
	p.t.Helper()
	end := time.Now().Add(bound)
	for {
		if Value[bool](p, "Boolean("+js+")") {
			return
		}
		if time.Now().After(end) {
			html := Value[string](p, `document.body.innerText + '\n' + JSON.stringify(document.querySelector('or-tile')?.stats() ?? null)`)
			p.t.Fatalf("browser: waited %v for %s in vain\nconsole: %v\npage: %s", bound, what, p.Problems(), html)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Screenshot writes a PNG of the window, and makes its folder.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	b := value(p, "screenshot", chromedp.CaptureScreenshot())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// Press presses a key as package kb of chromedp names it, or types text.
func (p *Page) Press(keys string, held ...chromedp.Modifier) {
	p.t.Helper()
	p.do("press keys", chromedp.KeyEvent(keys, chromedp.KeyModifiers(held...)))
}

// Click presses the element that a CSS selector finds, with the mouse.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type types text into the field that a CSS selector finds.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Requests are the addresses of all that the page has loaded, without their queries.
func (p *Page) Requests() []string {
	p.t.Helper()
	list := Value[[]string](p, `performance.getEntriesByType('resource').map((e) => e.name)`)
	for i, s := range list {
		if u, err := url.Parse(s); err == nil {
			u.RawQuery = ""
			list[i] = u.String()
		}
	}
	return list
}
