package webtest

import (
	"fmt"
	"strconv"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Stats is what the or-tile element says of its picture.
type Stats struct {
	Mode       string  `json:"mode"`  // none, webrtc, jpeg
	State      string  `json:"state"` // connecting, live, stale, none
	Shown      float64 `json:"shown"` // frames a second
	Frames     int     `json:"frames"`
	Received   int     `json:"received"` // metadata messages
	Missed     int     `json:"missed"`   // frames without metadata
	Mismatches int     `json:"mismatches"`
	DrawMs     float64 `json:"drawMs"`
	Age        float64 `json:"age"` // ms from capture to screen
	Tracks     []Track `json:"tracks"`
}

// Track is a track as it is drawn.
type Track struct {
	ID     uint64     `json:"id"`
	Box    [4]float64 `json:"box"` // picture pixels
	Label  string     `json:"label"`
	Prompt string     `json:"prompt"`
}

// Center is the middle of the track's box.
func (k Track) Center() (x, y float64) { return (k.Box[0] + k.Box[2]) / 2, (k.Box[1] + k.Box[3]) / 2 }

// Stats asks the camera's tile.
func (p *Page) Stats() Stats {
	p.t.Helper()
	return Value[Stats](p, `document.querySelector('or-tile').stats()`)
}

// WaitLive waits until the camera's picture moves, by the given way (webrtc or jpeg).
func (p *Page) WaitLive(mode string) {
	p.t.Helper()
	p.Wait("a live picture by "+mode, fmt.Sprintf(`document.querySelector('or-tile[data-state=live][data-mode=%s]')`, mode))
}

// Track returns a track as it is drawn now; ok is false when it is not.
func (p *Page) Track(id uint64) (Track, bool) {
	p.t.Helper()
	for _, k := range p.Stats().Tracks {
		if k.ID == id {
			return k, true
		}
	}
	return Track{}, false
}

// WaitTrack waits until a track is drawn and returns it.
func (p *Page) WaitTrack(id uint64) Track {
	p.t.Helper()
	p.Wait(fmt.Sprintf("track %d on the picture", id), fmt.Sprintf(`document.querySelector('or-tile').stats().tracks.some((k) => k.id === %d)`, id))
	k, _ := p.Track(id)
	return k
}

// onScreen maps picture pixels to the window.
func (p *Page) onScreen(x, y float64) (float64, float64) {
	p.t.Helper()
	at := Value[[2]float64](p, fmt.Sprintf(`(() => {
		const tile = document.querySelector('or-tile');
		const r = tile.stage.getBoundingClientRect();
		const [x, y] = tile.overlay.toStage(%g, %g);
		return [r.left + tile.stage.clientLeft + x, r.top + tile.stage.clientTop + y];
	})()`, x, y))
	return at[0], at[1]
}

// ClickPicture clicks at a place in picture pixels, with keys such as Shift held.
func (p *Page) ClickPicture(x, y float64, held ...chromedp.Modifier) {
	p.t.Helper()
	sx, sy := p.onScreen(x, y)
	p.do("click the picture", chromedp.MouseClickXY(sx, sy, chromedp.ButtonModifiers(held...)))
}

// HoverPicture moves the mouse to a place in picture pixels.
func (p *Page) HoverPicture(x, y float64) {
	p.t.Helper()
	sx, sy := p.onScreen(x, y)
	p.do("hover over the picture", chromedp.MouseEvent(chromedp.MouseMoved, sx, sy))
}

// WheelPicture turns the wheel over a place in picture pixels; negative is away from the hand.
func (p *Page) WheelPicture(x, y, delta float64) {
	p.t.Helper()
	sx, sy := p.onScreen(x, y)
	p.do("turn the wheel over the picture", chromedp.MouseEvent(chromedp.MouseWheel, sx, sy, func(m *input.DispatchMouseEventParams) {
		m.DeltaX, m.DeltaY = .01, delta // the protocol wants both, the library leaves out zeros
	}))
}

// DragPicture drags a box, given by two corners in picture pixels.
func (p *Page) DragPicture(x1, y1, x2, y2 float64) {
	p.t.Helper()
	ax, ay := p.onScreen(x1, y1)
	bx, by := p.onScreen(x2, y2)
	held := func(m *input.DispatchMouseEventParams) {
		m.Button, m.Buttons, m.ClickCount = input.MouseButtonLeft, 1, 1
	}
	p.do("drag over the picture",
		chromedp.MouseEvent(chromedp.MousePressed, ax, ay, held), chromedp.MouseEvent(chromedp.MouseMoved, (ax+bx)/2, (ay+by)/2, held),
		chromedp.MouseEvent(chromedp.MouseMoved, bx, by, held), chromedp.MouseEvent(chromedp.MouseReleased, bx, by, held))
}

// AskWords types words into the prompt field and sends them.
func (p *Page) AskWords(words string) {
	p.t.Helper()
	p.Type("or-prompts input", words)
	p.Click("or-prompts form button")
}

// PromptIDs are the prompts in the page's list.
func (p *Page) PromptIDs() []string {
	p.t.Helper()
	return Value[[]string](p, `[...document.querySelectorAll('or-prompts li')].map((li) => li.dataset.key)`)
}

// WaitPrompts waits until the list has n prompts and returns their ids.
func (p *Page) WaitPrompts(n int) []string {
	p.t.Helper()
	p.Wait(strconv.Itoa(n)+" prompts in the list", fmt.Sprintf(`document.querySelectorAll('or-prompts li').length === %d`, n))
	return p.PromptIDs()
}

// DeletePrompt presses a prompt's delete button.
func (p *Page) DeletePrompt(id string) {
	p.t.Helper()
	p.Click(fmt.Sprintf(`or-prompts li[data-key=%q] button`, id))
}

// ObjectsListed is the number of rows in the list of objects.
func (p *Page) ObjectsListed() int {
	p.t.Helper()
	return Value[int](p, `document.querySelectorAll('or-objects li').length`)
}
