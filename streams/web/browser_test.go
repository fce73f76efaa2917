package web_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"outrider/pipeline"
	"outrider/streams/web"
	"outrider/streams/web/webtest"
	"outrider/streams/webrtc"
	counting "outrider/tracker/event"
)

// service is the program around the cameras of a browser test.
type service struct {
	url     string
	server  *web.Server
	engine  *pipeline.Engine
	video   *webrtc.Server // nil when video is off
	squares map[string]*squares
	follow  map[string]*followed
}

// serve runs cameras of squares with the real engine, WebRTC and web server.
func serve(t *testing.T, video bool, names ...string) *service {
	t.Helper()
	return serveWith(t, &web.Server{}, video, names...)
}

// serveWith is serve with more fields of the web server.
func serveWith(t *testing.T, w *web.Server, video bool, names ...string) *service {
	t.Helper()
	s := &service{squares: map[string]*squares{}, follow: map[string]*followed{}}
	s.engine = &pipeline.Engine{Segmenter: &squares{}}
	s.server = w
	w.Listen, w.Directory, w.Build = "127.0.0.1:0", s.engine, web.Build{Version: "test", Model: "everything-nano", Provider: "cpu", ORT: "1.23", OpenCV: "4.6"}
	s.engine.Sinks = []pipeline.Sink{s.server}
	if video {
		s.video = &webrtc.Server{Cameras: s.engine.Cameras}
		if err := s.video.Initialize(); err != nil {
			t.Fatal(err)
		}
		s.server.WHEP = s.video
		s.engine.Sinks = append(s.engine.Sinks, s.video)
	}
	if err := s.server.Initialize(); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.engine.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	for _, n := range names {
		s.squares[n] = &squares{}
		s.follow[n] = &followed{}
		places := &counting.Counter{}
		if err := s.engine.AddCamera(pipeline.Camera{
			Name: n, Display: "squares", Source: s.squares[n], Live: true,
			Stages: []pipeline.Stage{s.follow[n], places}, Prompts: s.follow[n], Places: places,
		}); err != nil {
			t.Fatal(err)
		}
	}
	s.url = "http://" + s.server.Addr().String()
	return s
}

// shots is where a screenshot goes: the folder that OUTRIDER_SHOTS names, for people to look
// at, else one that goes with the test.
func shots(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if dir := shotDir(); dir != "" {
		path = filepath.Join(dir, name)
	}
	t.Logf("screenshot %s", path)
	return path
}

func TestBrowserWatchAndPoint(t *testing.T) {
	s := serve(t, true, "yard")
	p := webtest.Open(t, s.url+"/", webtest.Options{Width: 1280, Height: 800})
	p.WaitLive("webrtc")

	// The video plays and its metadata belongs to its frames.
	before := p.Stats()
	p.Wait("25 more frames", fmt.Sprintf("document.querySelector('or-tile').stats().frames > %d", before.Frames+25))
	st := p.Stats()
	if st.Mismatches != 0 || st.Received == 0 {
		t.Errorf("stats %+v", st)
	}
	if st.Age <= 0 || st.Age > 5000 {
		t.Errorf("age %v ms", st.Age)
	}
	for _, k := range squareKinds {
		overlayOnObject(t, p, k.label, [3]byte{k.r, k.g, k.b})
	}
	painted(t, p)

	// A click on a moving square follows it, by the picture that was clicked.
	k := p.WaitTrack(3)
	x, y := k.Center()
	p.ClickPicture(x, y)
	ids := p.WaitPrompts(1)
	asked := s.follow["yard"].asked()
	if len(asked) != 1 || asked[0].At == nil {
		t.Fatalf("asked %+v, want one prompt with the time of its frame", asked)
	}
	if l := s.follow["yard"].List(); l[0].TrackID != 3 {
		t.Errorf("the click gave track %d, want the blue square, 3 (%+v)", l[0].TrackID, asked[0])
	}
	p.Wait("the prompt on its track", `document.querySelector('or-tile').stats().tracks.some((k) => k.id === 3 && k.prompt)`)

	// Shift and click take a part away: the same object, one more point.
	k = p.WaitTrack(3)
	p.ClickPicture(k.Box[0]+8, k.Box[1]+8, chromedp.ModifierShift)
	p.Wait("a refined prompt", fmt.Sprintf(`document.querySelector('or-prompts li') && document.querySelector('or-prompts li').dataset.key !== %q`, ids[0]))
	ids = p.WaitPrompts(1)
	asked = s.follow["yard"].asked()
	last := asked[len(asked)-1]
	if len(last.Points) != 2 || fmt.Sprint(last.Labels) != "[1 0]" {
		t.Errorf("refined by %+v, want a positive and a negative point", last)
	}

	// A dragged box and typed words are prompts too.
	k = p.WaitTrack(1)
	p.DragPicture(k.Box[0]-4, k.Box[1]-4, k.Box[2]+4, k.Box[3]+4)
	p.WaitPrompts(2)
	p.AskWords("green square")
	p.WaitPrompts(3)
	if l := s.follow["yard"].List(); l[1].TrackID != 1 || l[2].TrackID != 2 || l[1].Box == nil || len(l[2].Text) != 1 {
		t.Errorf("box and words gave %+v", l)
	}
	p.AskWords("zebra")
	p.Wait("the refusal with the words that are known", `document.querySelector('or-prompts [role=alert]').innerText.includes('red square')`)
	if n := len(s.follow["yard"].List()); n != 3 {
		t.Errorf("%d prompts after a refused one", n)
	}
	if n := p.ObjectsListed(); n != 3 {
		t.Errorf("%d objects are listed, want 3", n)
	}
	p.Screenshot(shots(t, "point-1280.png"))

	// Deleting removes it there and here; undo brings it back.
	p.DeletePrompt(ids[0])
	p.WaitPrompts(2)
	if _, err := s.follow["yard"].Get(ids[0]); err == nil {
		t.Error("the deleted prompt is still at the service")
	}
	p.Wait("track 3 without its prompt", `document.querySelector('or-tile').stats().tracks.some((k) => k.id === 3 && !k.prompt)`)
	p.Eval(`document.activeElement.blur()`)
	p.Press("z", chromedp.ModifierCtrl)
	p.WaitPrompts(3)
	if st, err := s.follow["yard"].Get(ids[0]); err != nil || st.TrackID != 3 {
		t.Errorf("after undo: %+v, %v", st, err)
	}

	refused := 0
	for _, m := range p.Problems() {
		// The browser itself reports each answer of 422.
		if strings.Contains(m, "422") && refused == 0 {
			refused++
			continue
		}
		t.Errorf("console: %s", m)
	}
	for _, r := range p.Requests() {
		if !strings.HasPrefix(r, s.url) && !strings.HasPrefix(r, "blob:"+s.url) {
			t.Errorf("the page asked for %s", r)
		}
	}
}

// overlayOnObject looks at twenty presented frames: the coloured square in the video's own
// pixels and the box that is drawn for it must be the same place. When a callback runs late
// the video element shows the next frame already, so a few frames may differ.
func overlayOnObject(t *testing.T, p *webtest.Page, label string, rgb [3]byte) {
	t.Helper()
	type look struct{ Video, Track [4]float64 }
	looks := webtest.Value[[]look](p, fmt.Sprintf(`new Promise((done) => {
		const tile = document.querySelector('or-tile');
		const c = document.createElement('canvas');
		const g = c.getContext('2d', {willReadFrequently: true});
		const looks = [];
		const look = () => {
			c.width = tile.video.videoWidth;
			c.height = tile.video.videoHeight;
			g.drawImage(tile.video, 0, 0);
			const d = g.getImageData(0, 0, c.width, c.height).data;
			let x1 = 1e9, y1 = 1e9, x2 = 0, y2 = 0;
			for (let y = 0; y < c.height; y += 2) for (let x = 0; x < c.width; x++) {
				const i = 4 * (y * c.width + x);
				if (Math.abs(d[i] - %d) + Math.abs(d[i + 1] - %d) + Math.abs(d[i + 2] - %d) > 90) continue;
				x1 = Math.min(x1, x); y1 = Math.min(y1, y); x2 = Math.max(x2, x + 1); y2 = Math.max(y2, y + 2);
			}
			const k = tile.stats().tracks.find((k) => k.label === %q);
			looks.push({Video: [x1, y1, x2, y2], Track: k ? k.box : [0, 0, 0, 0]});
			if (looks.length < 20) tile.video.requestVideoFrameCallback(look);
			else done(looks);
		};
		tile.video.requestVideoFrameCallback(look);
	})`, rgb[0], rgb[1], rgb[2], label))
	same := 0
	for _, v := range looks {
		a := pipeline.Box{X1: v.Video[0], Y1: v.Video[1], X2: v.Video[2], Y2: v.Video[3]}
		b := pipeline.Box{X1: v.Track[0], Y1: v.Track[1], X2: v.Track[2], Y2: v.Track[3]}
		if a.IoU(b) > .95 {
			same++
		}
	}
	t.Logf("%s: the box lies on the object in %d of %d frames", label, same, len(looks))
	if 4*same < 3*len(looks) {
		t.Errorf("%s: the box lies on the object in %d of %d frames only: %+v", label, same, len(looks), looks[:3])
	}
}

// painted looks at the overlay's own pixels: the outlines that came over the channel are
// filled where the objects are, and nowhere else.
func painted(t *testing.T, p *webtest.Page) {
	t.Helper()
	wrong := webtest.Value[[]string](p, `(() => {
		const {overlay} = document.querySelector('or-tile');
		const wrong = [];
		const copy = document.createElement('canvas');
		copy.width = overlay.canvas.width;
		copy.height = overlay.canvas.height;
		const g = copy.getContext('2d', {willReadFrequently: true});
		g.drawImage(overlay.canvas, 0, 0);
		const alpha = (x, y) => {
			const {scale, dx, dy} = overlay.view;
			return g.getImageData(Math.round(x * scale + dx), Math.round(y * scale + dy), 1, 1).data[3];
		};
		for (const k of overlay.shown.tracks) {
			const [x1, y1, x2, y2] = k.b;
			if (!k.m) wrong.push(k.id + ' has no outline');
			for (const [x, y] of [[x1 + 10, y1 + 10], [x2 - 10, y1 + 10], [x1 + 10, y2 - 10], [(x1 + x2) / 2, (y1 + y2) / 2]]) {
				const a = alpha(x, y);
				if (a < 70 || a > 85) wrong.push(k.id + ' is filled by ' + a + ' of 255 at ' + [x, y] + ' in ' + k.b);
			}
		}
		if (alpha(320, 5)) wrong.push('the sky is painted');
		return wrong;
	})()`)
	for _, w := range wrong {
		t.Errorf("overlay: %s", w)
	}
}

// The overlay's corners are where the picture's are, whatever the window and the screen.
func TestBrowserOverlayGeometry(t *testing.T) {
	s := serve(t, true, "yard")
	p := webtest.Open(t, s.url+"/cam/yard", webtest.Options{})
	p.WaitLive("webrtc")
	for _, o := range []webtest.Options{{Width: 1280, Height: 500}, {Width: 500, Height: 900, Scale: 2}} {
		p.Look(o)
		p.Wait("the canvas at the new size", fmt.Sprintf(`(({overlay: {view, canvas}, stage}) => view.width === stage.clientWidth && view.height === stage.clientHeight && canvas.width === Math.round(stage.clientWidth * %g) && innerWidth === %d)(document.querySelector('or-tile'))`, max(o.Scale, 1), o.Width))
		v := webtest.Value[struct{ Stage, Picture [4]float64 }](p, `(() => {
			const tile = document.querySelector('or-tile');
			const r = tile.stage.getBoundingClientRect();
			const o = tile.overlay;
			return {Stage: [r.left, r.top, r.width, r.height], Picture: [...o.toStage(0, 0), ...o.toStage(o.pictureW, o.pictureH)]};
		})()`)
		// object-fit: contain, worked out anew.
		w, h := v.Stage[2], v.Stage[3]
		scale := math.Min(w/squaresW, h/squaresH)
		want := [4]float64{(w - squaresW*scale) / 2, (h - squaresH*scale) / 2, (w + squaresW*scale) / 2, (h + squaresH*scale) / 2}
		for i := range want {
			if math.Abs(want[i]-v.Picture[i]) > 1 {
				t.Errorf("%+v: corner %d at %.1f, want %.1f", o, i, v.Picture[i], want[i])
			}
		}
	}
}

// By keyboard alone: crosshair to a square, Enter follows, Escape disarms.
func TestBrowserKeyboard(t *testing.T) {
	s := serve(t, true, "yard")
	p := webtest.Open(t, s.url+"/", webtest.Options{})
	p.WaitLive("webrtc")
	p.WaitTrack(2)
	s.squares["yard"].still.Store(true)
	k := p.WaitTrack(2)
	p.Eval(`document.querySelector('or-tile').stage.focus()`)
	x, y := k.Center()
	steps := func(from, to float64, less, more string) {
		for d := to - from; math.Abs(d) > 8; d = to - from {
			key, step := more, 8.
			if d < 0 {
				key, step = less, -8
			}
			p.Press(key)
			from += step
		}
	}
	steps(squaresW/2, x, kb.ArrowLeft, kb.ArrowRight)
	steps(squaresH/2, y, kb.ArrowUp, kb.ArrowDown)
	p.Press(kb.Enter)
	p.WaitPrompts(1)
	if l := s.follow["yard"].List(); len(l) != 1 || l[0].TrackID != 2 {
		t.Errorf("prompts %+v, want one on track 2", l)
	}
	p.Press(kb.Escape)
	p.Wait("no armed tool", `document.querySelector('or-tile').dataset.tool === 'off'`)
	p.Press("b")
	p.Wait("the box tool", `document.querySelector('or-tools [data-tool=box]').getAttribute('aria-pressed') === 'true'`)
	p.Press("n")
	p.Wait("the words field", `document.activeElement.id === 'words'`)
	unnamed := webtest.Value[[]string](p, `[...document.querySelectorAll('button, input, a')].filter((e) => !e.hidden && !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) => e.outerHTML)`)
	if len(unnamed) > 0 {
		t.Errorf("controls without a name: %v", unnamed)
	}
}

// The wheel, the keys and the buttons choose how large a piece is meant, and the prompt says
// it; without a piece to choose the wheel scrolls the page.
func TestBrowserLevels(t *testing.T) {
	s := serve(t, true, "yard")
	p := webtest.Open(t, s.url+"/cam/yard", webtest.Options{Width: 1280, Height: 500})
	p.WaitLive("webrtc")
	p.WaitTrack(3)
	s.squares["yard"].still.Store(true)
	k := p.WaitTrack(3)
	x, y := k.Center()
	level := func(want string) {
		t.Helper()
		p.Wait(want, fmt.Sprintf(`document.querySelector('or-tools [aria-live]').textContent === %q`, want))
	}
	p.HoverPicture(x, y)
	level("level 1 of 2")
	p.WheelPicture(x, y, -100)
	level("level 2 of 2")
	p.WheelPicture(x, y, -100)
	level("level 2 of 2")
	p.Screenshot(shots(t, "level-2.png"))
	p.Press("[")
	level("level 1 of 2")
	p.Click(`or-tools [aria-label="A larger piece"]`)
	p.Eval(`scrollTo(0, 0)`)
	p.HoverPicture(x, y)
	level("level 2 of 2")
	if at := webtest.Value[float64](p, `scrollY`); at != 0 {
		t.Errorf("choosing a level scrolled the page to %v", at)
	}
	p.ClickPicture(x, y)
	p.WaitPrompts(1)
	if asked := s.follow["yard"].asked(); len(asked) != 1 || asked[0].Level != 1 {
		t.Errorf("asked %+v, want level 1", asked)
	}
	p.Wait("its thumbnail", `(() => { const c = document.querySelector('or-prompts li canvas'); const [r, , b, a] = c.getContext('2d').getImageData(48, 36, 1, 1).data; return a === 255 && b > r + 60; })()`)
	p.Press(kb.Escape)
	p.Look(webtest.Options{Width: 600, Height: 400})
	p.WheelPicture(x, y, 120)
	p.Wait("a scrolled page", `scrollY > 0`)
}

// Zones and lines: drawn by mouse and by numbers, counted, changed, taken back.
func TestBrowserPlaces(t *testing.T) {
	s := serve(t, true, "yard")
	p := webtest.Open(t, s.url+"/cam/yard", webtest.Options{Width: 1440, Height: 900})
	p.WaitLive("webrtc")
	p.Wait("the list of places", `document.querySelector('or-places .muted:not([hidden])')`)
	zone := func() (z struct {
		Zones []struct {
			ID      string
			Polygon [][2]float64
			Size    [2]int
			Alert   bool
			Inside  int
		}
	}) {
		if err := json.Unmarshal(do(t, "GET", s.url+"/api/v1/cameras/yard/zones", "").body, &z); err != nil {
			t.Fatal(err)
		}
		return z
	}
	save := `document.querySelector('or-places form [type=submit]').click()`
	p.Click("or-places .bar button")
	p.Type("#p-id", "middle")
	for _, c := range [][2]float64{{100, 20}, {540, 20}, {540, 340}, {100, 340}} {
		p.ClickPicture(c[0], c[1])
	}
	p.Wait("four points", `document.querySelector('#p-points').value.split(' ').length === 4`)
	// Two corners swapped make sides that cross: that cannot be saved.
	write := func(points string) {
		p.Eval(fmt.Sprintf(`(() => { const f = document.querySelector('#p-points'); f.value = %q; f.dispatchEvent(new Event('change')); })()`, points))
	}
	write("100,20 540,340 540,20 100,340")
	p.Wait("the refusal", `document.querySelector('#p-why').innerText.includes('cross') && document.querySelector('or-places form [type=submit]').disabled`)
	p.Screenshot(shots(t, "zone-crossed.png"))
	write("100,20 540,20 540,340 100,340")
	p.Eval(`document.querySelector('#p-alert').click()`)
	p.Eval(save)
	p.Wait("the zone in the list", `document.querySelector('or-places li .name')?.textContent === 'middle'`)
	if z := zone(); len(z.Zones) != 1 || z.Zones[0].Size != [2]int{squaresW, squaresH} || !z.Zones[0].Alert || fmt.Sprint(z.Zones[0].Polygon) != "[[100 20] [540 20] [540 340] [100 340]]" {
		t.Errorf("saved %+v", z)
	}
	p.Wait("somebody inside", `/[1-3] inside/.test(document.querySelector('or-places li .state').textContent)`)
	if len(s.follow["yard"].asked()) != 0 {
		t.Error("drawing made prompts")
	}

	// A line by numbers alone.
	p.Eval(`document.querySelectorAll('or-places > section > .bar button')[1].click()`)
	p.Type("#p-id", "door")
	write("320,360 320,0")
	p.Eval(save)
	p.Wait("the line", `document.querySelectorAll('or-places li').length === 2`)
	p.Wait("crossings", `/[1-9]/.test(document.querySelector('or-places li[data-key="line door"] .state').textContent)`)
	p.Screenshot(shots(t, "places-1440.png"))
	drawn := func() float64 {
		return webtest.Value[float64](p, `(() => { const c = document.querySelector('or-tile').shapes; let n = 0; for (const v of c.getContext('2d').getImageData(0, 0, c.width, c.height).data) n += v > 0; return n; })()`)
	}
	if drawn() == 0 {
		t.Error("nothing is drawn over the picture")
	}
	p.Click(`or-tools [data-layer=zones]`)
	if n := drawn(); n != 0 || webtest.Value[string](p, `location.search`) != "?layers=-zones" {
		t.Errorf("with the layer off %v values are drawn", n)
	}
	p.Click(`or-tools [data-layer=zones]`)

	// Somebody else changes the zone meanwhile: this page's change does not overwrite it.
	p.Eval(`document.querySelector('or-places li[data-key="zone middle"] button').click()`)
	p.Wait("the form", `document.querySelector('#p-points')?.value === '100,20 540,20 540,340 100,340'`)
	if a := do(t, "PUT", s.url+"/api/v1/cameras/yard/zones/middle", `{"polygon":[[0,0],[9,0],[9,9]],"size":[640,360]}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	p.Eval(save)
	p.Wait("the conflict", `document.querySelector('#p-why').innerText.includes('meanwhile')`)
	p.Eval(`[...document.querySelectorAll('or-places form button')].find((b) => b.textContent === 'Cancel').click()`)

	// Removing, and taking that back.
	p.Eval(`document.querySelector('or-places li[data-key="zone middle"] button').click()`)
	p.Wait("their zone", `document.querySelector('#p-points')?.value === '0,0 9,0 9,9'`)
	p.Eval(`[...document.querySelectorAll('or-places form button')].find((b) => b.textContent === 'Remove').click()`)
	p.Wait("one place left", `document.querySelectorAll('or-places li').length === 1`)
	p.Click(".toast button")
	p.Wait("two places again", `document.querySelectorAll('or-places li').length === 2`)
	if z := zone(); len(z.Zones) != 1 || fmt.Sprint(z.Zones[0].Polygon) != "[[0 0] [9 0] [9 9]]" {
		t.Errorf("after the undo %+v", z)
	}
	for _, fault := range webtest.Value[[]string](p, webtest.Accessible) {
		t.Error(fault)
	}
}

// Without WebRTC the page shows JPEGs, says so, and a click still hits. The camera's name is
// hostile: it must stay text everywhere.
func TestBrowserFallsBackToPictures(t *testing.T) {
	t.Parallel() // it mostly waits
	const name = `a/b <img src=x onerror="document.title='gotcha'">`
	s := serve(t, false, name)
	p := webtest.Open(t, s.url+"/", webtest.Options{})
	p.WaitLive("jpeg")
	p.Wait("the reason", `document.querySelector('or-tile .notice').innerText.includes('no more viewers')`)
	n := p.Stats().Frames
	p.Wait("more pictures", fmt.Sprintf("document.querySelector('or-tile').stats().frames > %d", n+5))
	p.Wait("the list of objects", `document.querySelectorAll('or-objects li').length === 3`)
	s.squares[name].frozen.Store(true)
	p.Wait("an old picture", `document.querySelector('or-tile[data-state=stale]')`)
	res, err := s.engine.Latest(name)
	if err != nil || res == nil {
		t.Fatal(err)
	}
	c := res.Tracks[0].Box.Center()
	res.Release()
	p.ClickPicture(c.X, c.Y)
	p.WaitPrompts(1)
	if l := s.follow[name].List(); l[0].TrackID != 1 || l[0].At == nil {
		t.Errorf("prompt %+v, want track 1 at the time of the picture", l[0])
	}
	p.Click("nav:not(.views) a")
	if title := webtest.Value[string](p, `document.title + document.querySelectorAll('img[src=x]').length`); title != name+" - outrider0" {
		t.Errorf("title and planted elements: %q", title)
	}
}

// A camera that stops is never shown as live.
func TestBrowserStaleAndGone(t *testing.T) {
	t.Parallel() // it mostly waits
	s := serve(t, true, "yard")
	p := webtest.Open(t, s.url+"/", webtest.Options{})
	p.WaitLive("webrtc")
	s.squares["yard"].frozen.Store(true)
	p.WaitLong("a stale picture", `document.querySelector('or-tile[data-state=stale] .band:not([hidden])')`, 5*time.Second)
	p.Screenshot(shots(t, "stale.png"))
	s.squares["yard"].frozen.Store(false)
	p.WaitLive("webrtc")
	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
	p.Wait("the banner", `document.querySelector('.banner:not([hidden])') && document.body.classList.contains('gone')`)
	p.Screenshot(shots(t, "gone.png"))
}

// Several cameras: stills of all, and the way to each and back.
func TestBrowserOverview(t *testing.T) {
	t.Parallel()
	s := serve(t, true, "yard", "road")
	p := webtest.Open(t, s.url+"/", webtest.Options{})
	p.Wait("two stills", `document.querySelectorAll('or-grid li img:not([hidden])').length === 2`)
	p.Screenshot(shots(t, "overview.png"))
	p.Click(`or-grid a[href="/cam/road"]`)
	p.WaitLive("webrtc")
	if at := webtest.Value[string](p, `location.pathname + document.title`); at != "/cam/roadroad - outrider" {
		t.Errorf("after the click: %s", at)
	}
	p.Eval(`history.back()`)
	p.Wait("the overview again", `document.querySelector('or-grid') && !document.querySelector('or-camera')`)
	// A view that is left ends its video at once.
	for end := time.Now().Add(3 * time.Second); s.video.Stats().Viewers > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d viewers after the view was left", s.video.Stats().Viewers)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, m := range p.Problems() {
		t.Errorf("console: %s", m)
	}
	p.Go(s.url + "/cam/nobody")
	p.Wait("the answer for an unknown camera", `document.querySelector('main').innerText.includes('nobody')`)
	if err := s.engine.AddCamera(pipeline.Camera{Name: "plain", Source: &squares{}, Live: true}); err != nil {
		t.Fatal(err)
	}
	p.Wait("the new camera", `document.querySelectorAll('nav:not(.views) li').length === 4`)
	p.Go(s.url + "/cam/plain")
	p.WaitLive("webrtc")
	p.Wait("a camera without prompts says so", `document.querySelector('or-prompts').innerText.includes('no prompts') && document.querySelector('or-prompts form').hidden`)
}

// Screenshots at the sizes that must work, with checks that a person would make first.
func TestBrowserSizesAndThemes(t *testing.T) {
	s := serve(t, true, "yard")
	p := webtest.Open(t, s.url+"/", webtest.Options{})
	for _, o := range []webtest.Options{
		{Width: 360, Height: 740, Scale: 2}, {Width: 360, Height: 740, Scale: 2, Light: true},
		{Width: 1920, Height: 1080}, {Width: 1920, Height: 1080, Light: true},
	} {
		theme := "dark"
		if o.Light {
			theme = "light"
		}
		p.Look(o)
		p.Go(s.url + "/")
		p.WaitLive("webrtc")
		p.WaitTrack(1)
		p.Wait("the list of objects", `document.querySelectorAll('or-objects li').length === 3`)
		if wide := webtest.Value[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%d px: the page is %v px too wide", o.Width, wide)
		}
		small := webtest.Value[[]string](p, `[...document.querySelectorAll('button, input, nav a')].filter((e) => e.getClientRects().length && (e.getBoundingClientRect().height < 24 || e.getBoundingClientRect().width < 24)).map((e) => e.outerHTML)`)
		if len(small) > 0 {
			t.Errorf("%d px: targets below 24 px: %v", o.Width, small)
		}
		p.Screenshot(shots(t, fmt.Sprintf("camera-%d-%s.png", o.Width, theme)))
		for _, m := range p.Problems() {
			t.Errorf("%d px %s: console: %s", o.Width, theme, m)
		}
	}
}
