package web_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"outrider/pipeline"
	"outrider/streams/web"
	"outrider/streams/web/webtest"
)

// drawnRecordings has a drawn picture of every track with an odd id, and no clips.
type drawnRecordings struct{ fakeRecordings }

func (*drawnRecordings) Snapshot(_ string, _ time.Time, track uint64, marked bool) (fs.File, error) {
	if track%2 == 0 {
		return nil, web.ErrNoRecording
	}
	img := image.NewRGBA(image.Rect(0, 0, 320, 180))
	draw.Draw(img, img.Rect, image.NewUniform(color.RGBA{uint8(40 * track), 120, 90, 255}), image.Point{}, draw.Src)
	if marked {
		draw.Draw(img, image.Rect(100, 40, 200, 150), image.White, image.Point{}, draw.Src)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		return nil, err
	}
	return fstest.MapFS{"a": {Data: b.Bytes()}}.Open("a")
}

func (*drawnRecordings) Clip(string, time.Time) (fs.File, error) { return nil, web.ErrNoRecording }

// The rooms beside the live view: what happened, how the service does, and what can be
// changed, each by mouse or keys as an operator would, in one browser.
func TestBrowserRooms(t *testing.T) {
	setup := newSetup()
	s := serveWith(t, &web.Server{
		Setup: setup, Recordings: &drawnRecordings{},
		Storage:  func() web.Storage { return web.Storage{Bytes: 3 << 30, Limit: 10 << 30} },
		Problems: func() []string { return []string{"watching, not recording: the disk is full"} },
		Models: func() []web.Model {
			return []web.Model{{Name: "everything-nano", Task: "segment", Description: "segments everything", Licence: "Apache-2.0", Size: 5149682, Installed: true, Active: true}}
		},
	}, true, "yard")
	now := time.Now()
	for i := range 90 {
		kind := []pipeline.EventKind{pipeline.EventStarted, pipeline.EventEnded, pipeline.EventLost}[i%3]
		e := event("yard", fmt.Sprintf("%03d", i), kind, now.Add(time.Duration(i-90)*time.Minute))
		e.Track.ID, e.Track.Label, e.Track.Score = uint64(i), []string{"person", "car"}[i%2], .8
		publish(t, s.server, e)
	}
	update := event("yard", "100", pipeline.EventUpdated, now)
	update.Track.ID = 500 // a steady update, which nobody reviews
	publish(t, s.server, update)
	p := webtest.Open(t, s.url+"/review", webtest.Options{Width: 1440, Height: 900})

	t.Run("review", func(t *testing.T) {
		rows := `document.querySelectorAll('or-review .events > li').length`
		p.Wait("the first page of events", rows+" === 60")
		p.Wait("pictures", `[...document.querySelectorAll('or-review .events img')].filter((i) => i.complete && i.naturalWidth === 320).length > 3`)
		p.Eval(`document.querySelector('or-review .item').click()`)
		p.Wait("the newest event", `document.querySelector('or-review .event h2')?.textContent.includes('car #89') && location.pathname === '/event/089'`)
		p.Wait("its picture with overlay", `document.querySelector('or-review .event img')?.naturalWidth === 320`)
		p.Screenshot(shots(t, "review-1440.png"))

		// By keys alone: next, reviewed (and next), reviewed, back; undo takes the last one back.
		for _, key := range []string{"j", "r", "r", "k"} {
			p.Press(key)
		}
		reviewed := func(id string) bool {
			return strings.Contains(string(do(t, "GET", s.url+"/api/v1/events/"+id, "").body), `"reviewed":true`)
		}
		p.Wait("two reviewed rows", `document.querySelectorAll('or-review [data-reviewed]').length === 2`)
		if !reviewed("088") || !reviewed("087") || reviewed("089") || reviewed("086") {
			t.Error("other events were reviewed than those that were selected")
		}
		if at := webtest.Value[string](p, `location.pathname + ' ' + document.activeElement.closest('li').dataset.key`); at != "/event/087 087" {
			t.Errorf("after j r r k the page is at %s", at)
		}
		p.Press("u")
		p.Wait("one reviewed row", `document.querySelectorAll('or-review [data-reviewed]').length === 1`)
		if reviewed("087") {
			t.Error("the undo did not reach the service")
		}
		p.Press("s")
		p.Wait("a flag", `document.querySelector('or-review li[data-key="087"] .marks').textContent.includes('flagged')`)

		// A filter is in the address, the list and the timeline; the address brings it back.
		p.Eval(`(() => { const f = document.querySelector('#f-label'); f.value = 'car'; f.dispatchEvent(new Event('change')); })()`)
		p.Wait("cars alone", `document.querySelectorAll('or-review .events > li').length === 45 && ![...document.querySelectorAll('or-review .what b')].some((b) => b.textContent.startsWith('person'))`)
		p.Wait("the timeline of cars", `document.querySelector('or-timeline canvas').ariaLabel?.includes(' 45 events')`)
		if q := webtest.Value[string](p, `location.search`); q != "?label=car" {
			t.Errorf("the address holds %q", q)
		}
		p.Go(s.url + "/review?label=person&state=unreviewed&kind=ended&odd=1")
		p.Wait("the same by address", `document.querySelectorAll('or-review .events > li').length === 14 && document.querySelector('#f-kind').value === 'ended'`)

		// What happens now is announced and does not move the list.
		e := event("yard", "200", pipeline.EventEnded, time.Now())
		e.Track.Label = "person"
		publish(t, s.server, e)
		p.Wait("the new event is announced", `document.querySelector('or-review .review button')?.textContent === 'Show 1 new event'`)
		p.Click("or-review .review button")
		p.Wait("the new event", `document.querySelectorAll("or-review .events > li").length === 15`)
		p.Click("or-review form button")
		p.Wait("all events", rows+" === 60")
		p.Go(s.url + "/review?label=nobody")
		p.Wait("a sentence for an empty list", `document.querySelector('or-review .review')?.innerText.includes('No event fits')`)
	})

	t.Run("system", func(t *testing.T) {
		p.Press("g")
		p.Press("y")
		p.Wait("figures of the camera", `document.querySelector('or-system tbody tr td:nth-child(6)')?.textContent.includes('ms')`)
		got := webtest.Value[string](p, `document.querySelector('or-system').innerText`)
		for _, want := range []string{"watching, not recording: the disk is full", "everything-nano", "3.2 GB of 11 GB", "ONNX Runtime", "streaming"} {
			if !strings.Contains(got, want) {
				t.Errorf("the system page does not say %q:\n%s", want, got)
			}
		}
		p.Screenshot(shots(t, "system-1440.png"))
	})

	t.Run("cameras", func(t *testing.T) {
		p.Go(s.url + "/setup/cameras")
		p.Wait("the list", `document.querySelectorAll('or-setup-cameras li').length === 1`)
		p.Click("or-setup-cameras .primary")
		p.Type("#c-name", "gate")
		p.Type("#c-host", "nowhere")
		p.Type("#c-path", "live/1")
		p.Type("#c-user", "me")
		p.Type("#c-password", "p#?@%&x")
		test := `document.querySelector('or-setup-cameras form .bar button').click()`
		p.Eval(test)
		p.Wait("the step that failed", `document.querySelector('.steps [data-ok=false]')?.innerText.includes('Find the host')`)
		p.Screenshot(shots(t, "camera-test-1440.png"))
		p.Eval(`document.querySelector('#c-host').value = '10.0.0.9'`)
		p.Eval(test)
		p.Wait("a test that works", `document.querySelector('.steps').innerText.includes('640 × 360')`)
		p.Eval(`document.querySelector('or-setup-cameras form [type=submit]').click()`)
		p.Wait("the toast", `document.querySelector('.toast').innerText.includes('gate saved')`)
		c, err := setup.Camera("gate")
		if err != nil || c.Source == nil || *c.Source != "rtsp://me:p%23%3F%40%25%26x@10.0.0.9/live/1" {
			t.Errorf("added %v %v", c.Source, err)
		}
		if html := webtest.Value[string](p, `document.documentElement.outerHTML`); strings.Contains(html, "p#?") || strings.Contains(html, "p%23") {
			t.Error("the password is still in the page")
		}
		// Changing one keeps the password that the page never saw.
		p.Eval(`document.querySelector('or-setup-cameras li[data-key=yard] button').click()`)
		p.Wait("the form", `document.querySelector('#c-host')?.value === '10.0.0.2' && document.querySelector('#c-password').placeholder === 'unchanged'`)
		p.Eval(`document.querySelector('#c-path').value = '/b'`)
		p.Eval(`document.querySelector('or-setup-cameras form [type=submit]').click()`)
		p.Wait("the toast", `document.querySelector('.toast').innerText.includes('yard saved')`)
		if c, _ := setup.Camera("yard"); *c.Source != "rtsp://***@10.0.0.2/b" {
			t.Errorf("changed to %s", *c.Source)
		}
	})

	t.Run("config", func(t *testing.T) {
		p.Go(s.url + "/setup/config")
		p.Wait("the text", `document.querySelector('or-config textarea')?.value === 'version: 1\n'`)
		write := func(text string) {
			p.Eval(fmt.Sprintf(`(() => { const a = document.querySelector('or-config textarea'); a.value = %q; a.dispatchEvent(new Event('input')); })()`, text))
		}
		write("version: 1\ncamera:\n")
		p.Wait("what is wrong and where", `document.querySelector('#config-state').innerText.includes('did you mean cameras') && document.querySelector('or-config .primary').disabled`)
		p.Eval(`[...document.querySelectorAll('or-config button')].find((b) => b.textContent === 'Go to line 2').click()`)
		if at := webtest.Value[string](p, `(({value, selectionStart, selectionEnd}) => value.slice(selectionStart, selectionEnd))(document.activeElement)`); at != "camera:" {
			t.Errorf("Go to line selects %q", at)
		}
		write("version: 1\nlog: {level: debug}\n")
		p.Wait("what it does", `document.querySelector('or-config .rows').innerText.includes('next start') && !document.querySelector('or-config .primary').disabled`)
		if d := webtest.Value[string](p, `document.querySelector('or-config .diff [data-kind=added].is').innerText`); d != "2 + log: {level: debug}" {
			t.Errorf("the difference shows %q", d)
		}
		p.Screenshot(shots(t, "config-1440.png"))
		setup.mu.Lock()
		setup.text = "version: 1\n# by another\n"
		setup.mu.Unlock()
		p.Click("or-config .primary")
		p.Wait("the conflict", `document.querySelector('#config-state').innerText.includes('Somebody else') && document.querySelector('or-config .diff').innerText.includes('# by another')`)
		p.Click("or-config .primary")
		p.Wait("applied", `document.querySelector('#config-state').innerText === 'Applied.'`)
		if setup.text != "version: 1\nlog: {level: debug}\n" {
			t.Errorf("the text is %q", setup.text)
		}
	})

	t.Run("alarms", func(t *testing.T) {
		p.Go(s.url + "/system")
		p.Wait("the strip's module", `document.querySelector('.strip ul')`)
		alert := func(id string) {
			e := event("yard", id, pipeline.EventZoneEnter, time.Now())
			e.Zone, e.Data = "drive", map[string]any{"alert": true}
			publish(t, s.server, e)
		}
		alert("301")
		alert("302")
		p.Wait("two alarms", `document.querySelectorAll('.strip li').length === 2 && document.title.startsWith('(2) ')`)
		if got := webtest.Value[string](p, `document.querySelector('.strip').innerText`); !strings.Contains(got, "yard: person entered a zone drive") {
			t.Errorf("the strip says %q", got)
		}
		p.Screenshot(shots(t, "alarms-1440.png"))
		for _, fault := range webtest.Value[[]string](p, webtest.Accessible) {
			t.Error(fault)
		}
		p.Press("a") // the newest
		p.Wait("one alarm", `document.querySelectorAll('.strip li').length === 1 && document.title.startsWith('(1) ')`)
		for end := time.Now().Add(10 * time.Second); !strings.Contains(string(do(t, "GET", s.url+"/api/v1/events/302", "").body), `"reviewed":true`); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the acknowledged event is not reviewed")
			}
		}
		// Somebody else acknowledges the other one.
		do(t, "PATCH", s.url+"/api/v1/events/301", `{"reviewed":true}`)
		p.Wait("no alarm", `document.querySelector('.strip').hidden && !document.title.startsWith('(')`)
	})

	t.Run("everywhere", func(t *testing.T) {
		everywhere(t, p, s.url)
		// The checks find what is wrong.
		p.Eval(`(() => {
			const add = (tag, attributes, content, to = document.querySelector('main')) => {
				const e = document.createElement(tag);
				for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
				e.append(content);
				to.append(e);
				return e;
			};
			add('button', {}, '');
			add('img', {src: '/ui/none'}, '');
			add('h4', {}, 'x');
			add('p', {}, 'x').style.cssText = 'color: #777; background: #888';
			add('p', {}, 'x', add('ul', {}, ''));
			add('input', {'aria-describedby': 'nothing', 'aria-label': 'x'}, '');
			add('nav', {}, 'x');
			add('div', {}, 'x').style.width = '9999px';
		})()`)
		found := strings.Join(webtest.Value[[]string](p, webtest.Accessible), "\n")
		for _, want := range []string{"no name: <button", "no alternative", "a level is skipped", "contrast 1.2", "not a list item", "aria-describedby points at nothing", "a nav without a name", "px too wide"} {
			if !strings.Contains(found, want) {
				t.Errorf("a planted fault was not found: %s in\n%s", want, found)
			}
		}
	})
	for _, m := range p.Problems() {
		// The browser itself reports the refused check and the lost race.
		if !strings.Contains(m, "422") && !strings.Contains(m, "412") && !strings.Contains(m, "/ui/none") {
			t.Errorf("console: %s", m)
		}
	}
	for _, r := range p.Requests() {
		if !strings.HasPrefix(r, s.url) && !strings.HasPrefix(r, "blob:"+s.url) {
			t.Errorf("the page asked for %s", r)
		}
	}
}

// everywhere walks through all views at the sizes and in the themes that must work, and makes
// the checks of accessibility that can be made without eyes.
func everywhere(t *testing.T, p *webtest.Page, url string) {
	views := []struct{ path, ready string }{
		{"/", `document.querySelector('or-tile[data-state=live]')`},
		{"/review", `document.querySelectorAll('or-review .events > li').length > 0`},
		{"/event/089", `document.querySelector('or-review .event h2')`},
		{"/system", `document.querySelector('or-system tbody tr td:nth-child(6)')?.textContent.includes('ms')`},
		{"/setup/cameras", `document.querySelectorAll('or-setup-cameras li').length > 0`},
		{"/setup/config", `document.querySelector('or-config textarea')?.value.length > 5`},
	}
	for _, o := range []webtest.Options{{Width: 390, Height: 844, Light: true}, {Width: 1440, Height: 900}} {
		p.Look(o)
		for _, v := range views {
			p.Go(url + v.path)
			p.Wait(v.path, v.ready)
			where := fmt.Sprintf("%s at %d px", v.path, o.Width)
			for _, fault := range webtest.Value[[]string](p, webtest.Accessible) {
				t.Errorf("%s: %s", where, fault)
			}
			name := strings.Trim(strings.ReplaceAll(v.path, "/", "-"), "-")
			if name == "" {
				name = "live"
			}
			p.Screenshot(shots(t, fmt.Sprintf("%s-%d.png", name, o.Width)))
		}
	}
}
