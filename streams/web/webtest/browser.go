package webtest

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// browsers are the names that a Chromium may have.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// shared is the browser of this process, started by the first test that needs it.
var shared struct {
	mu  sync.Mutex
	ctx context.Context
	end func()
}

// start returns the context of the running browser.
func start(t testing.TB) context.Context {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.ctx != nil {
		return shared.ctx
	}
	path := ""
	for _, n := range browsers {
		if p, err := exec.LookPath(n); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skipf("no browser: none of %s is installed (Debian: apt-get install chromium)", strings.Join(browsers, ", "))
	}
	alloc, endAlloc := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("headless", true), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		// Hidden addresses (mDNS) need multicast, which containers often lack.
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns"))
	ctx, endPage := chromedp.NewContext(alloc)
	if err := chromedp.Do(ctx); err != nil {
		endPage()
		endAlloc()
		t.Fatalf("browser: start %s: %v", path, err)
	}
	shared.ctx = ctx
	shared.end = func() {
		_ = chromedp.Cancel(ctx) // it is gone already when this fails
		endPage()
		endAlloc()
	}
	return ctx
}

// Main runs the tests of a package and then closes their browser. Give it to
// goleak.VerifyTestMain in the place of the testing.M.
type Main struct{ *testing.M }

// Run implements goleak.TestingM.
func (m Main) Run() int {
	code := m.M.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.ctx != nil {
		shared.end()
		shared.ctx = nil
	}
	return code
}
