package pipeline

import (
	"fmt"
	"math"
	"strings"
	"time"

	"outrider/pipeline/mask"
)

// PromptKind says how a prompt points at things.
type PromptKind string

// The kinds of prompts.
const (
	PromptPoint PromptKind = "point"
	PromptBox   PromptKind = "box"
	PromptText  PromptKind = "text"
	PromptMask  PromptKind = "mask"
)

// Prompt is what a user points at: a resource of the stream, created, listed, changed and
// deleted while it runs. One of Points, Box, Mask and Text says where. Text may be joined with
// a box or a zone (search only there), or with points (of the levels under them the one that
// the words name).
type Prompt struct {
	ID      string     `json:"id"`
	Camera  string     `json:"camera,omitempty"`
	Points  []Point    `json:"points,omitempty"`     // frame pixels
	Labels  []int      `json:"labels,omitempty"`     // per point: 1 on the object, 0 not on it; missing means all 1
	Box     *Box       `json:"box,omitempty"`        // frame pixels
	Text    []string   `json:"text,omitempty"`       // any of these words; "not: word" excludes
	Zone    []Point    `json:"zone,omitempty"`       // with text: the corners of a polygon to search in, frame pixels
	Mask    *mask.RLE  `json:"mask,omitempty"`       // at the frame's size
	Level   int        `json:"level,omitempty"`      // 0 the smallest that fits, 1 its parent, ...
	TopK    int        `json:"top_k,omitempty"`      // with text: the best so many, 0 for all that fit
	MinCos  float64    `json:"threshold,omitempty"`  // with text: the least cosine, 0 for the encoder's own
	At      *time.Time `json:"frame_time,omitempty"` // capture time of the frame that was pointed at; nil means the newest
	Created time.Time  `json:"created,omitzero"`
}

// Kind tells what the prompt points with. Points that words refine are points.
func (p *Prompt) Kind() PromptKind {
	switch {
	case len(p.Points) > 0:
		return PromptPoint
	case len(p.Text) > 0:
		return PromptText
	case p.Mask != nil:
		return PromptMask
	default:
		return PromptBox
	}
}

// PromptError is a prompt that cannot mean anything, whatever the picture. Field names the
// offending member as the JSON has it.
type PromptError struct {
	ID, Field, Reason string
}

func (e *PromptError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("prompt: %s: %s", e.Field, e.Reason)
	}
	return fmt.Sprintf("prompt %q: %s: %s", e.ID, e.Field, e.Reason)
}

// MaxPromptLevel is the highest granularity step that a prompt may ask for (six in all).
const MaxPromptLevel = 5

// Validate refuses what no frame could answer. With w and h positive it also refuses points
// and boxes outside a w x h frame and masks of another size. The error is a *PromptError.
func (p *Prompt) Validate(w, h int) error {
	bad := func(field, format string, args ...any) error {
		return &PromptError{ID: p.ID, Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	where := 0
	if len(p.Points) > 0 {
		where++
	}
	if p.Box != nil {
		where++
	}
	if p.Mask != nil {
		where++
	}
	switch {
	case where == 0 && len(p.Text) == 0:
		return bad("points", "nothing to look for: give points, box, text or mask")
	case where > 1:
		return bad("points", "give only one of points, box and mask")
	case len(p.Text) > 0 && p.Mask != nil:
		return bad("text", "can be joined with points, a box or a zone, not with a mask")
	case len(p.Zone) > 0 && (len(p.Text) == 0 || where > 0):
		return bad("zone", "says where to search for a text: give it with text, and without points, box and mask")
	case len(p.Text) == 0 && p.TopK != 0:
		return bad("top_k", "bounds what a text finds: give it with text")
	case len(p.Text) == 0 && p.MinCos != 0:
		return bad("threshold", "is the least cosine of a text: give it with text")
	case p.TopK < 0:
		return bad("top_k", "%d, want 0 (all that fit) or more", p.TopK)
	case !(p.MinCos >= 0 && p.MinCos < 1):
		return bad("threshold", "%g, want a cosine of 0 (the encoder's own) to 1", p.MinCos)
	}
	if len(p.Labels) > 0 && len(p.Labels) != len(p.Points) {
		return bad("labels", "%d labels for %d points", len(p.Labels), len(p.Points))
	}
	for i, l := range p.Labels {
		if l != 0 && l != 1 {
			return bad("labels", "label %d is %d, want 1 (on the object) or 0 (not on it)", i, l)
		}
	}
	for i, q := range p.Zone {
		if !q.Finite() {
			return bad("zone", "corner %d is not a number", i)
		}
	}
	if len(p.Zone) > 0 {
		b := boundsOf(p.Zone)
		switch {
		case len(p.Zone) < 3 || b.Area() <= 0:
			return bad("zone", "%d corners enclose nothing: want three or more, not on one line", len(p.Zone))
		case w > 0 && h > 0 && b.Clip(w, h).Area() <= 0:
			return bad("zone", "lies outside the %dx%d frame", w, h)
		}
	}
	for i, q := range p.Points {
		if !q.Finite() {
			return bad("points", "point %d is not a number", i)
		}
		if w > 0 && h > 0 && !(Box{0, 0, float64(w), float64(h)}).Contains(q) {
			return bad("points", "point %d (%g, %g) lies outside the %dx%d frame", i, q.X, q.Y, w, h)
		}
	}
	if len(p.Points) > 0 && len(p.Labels) > 0 {
		pos := false
		for _, l := range p.Labels {
			pos = pos || l == 1
		}
		if !pos {
			return bad("labels", "no point is on the object: give at least one label 1")
		}
	}
	if p.Box != nil {
		if !p.Box.Finite() {
			return bad("box", "not a number")
		}
		if p.Box.Area() <= 0 {
			return bad("box", "[%g, %g, %g, %g] is empty: want x1 < x2 and y1 < y2", p.Box.X1, p.Box.Y1, p.Box.X2, p.Box.Y2)
		}
		if w > 0 && h > 0 && p.Box.Clip(w, h).Area() <= 0 {
			return bad("box", "[%g, %g, %g, %g] lies outside the %dx%d frame", p.Box.X1, p.Box.Y1, p.Box.X2, p.Box.Y2, w, h)
		}
	}
	for i, t := range p.Text {
		if strings.TrimSpace(t) == "" {
			return bad("text", "text %d is empty", i)
		}
		if len(t) > 255 {
			return bad("text", "text %d has %d bytes, at most 255 are taken", i, len(t))
		}
	}
	if len(p.Text) > 0 {
		if _, _, err := p.Words(); err != nil {
			return err
		}
	}
	if p.Mask != nil {
		if runs, err := p.Mask.Runs(); err != nil {
			return bad("mask", "%v", err)
		} else if !anySet(runs) {
			return bad("mask", "no pixel is set")
		}
		if mh, mw := p.Mask.Size[0], p.Mask.Size[1]; w > 0 && h > 0 && (mw != w || mh != h) {
			return bad("mask", "is %dx%d, the frame %dx%d", mw, mh, w, h)
		}
	}
	if p.Level < 0 || p.Level > MaxPromptLevel {
		return bad("level", "%d, want 0 to %d", p.Level, MaxPromptLevel)
	}
	return nil
}

// boundsOf is the smallest box that holds all points.
func boundsOf(ps []Point) Box {
	b := Box{ps[0].X, ps[0].Y, ps[0].X, ps[0].Y}
	for _, p := range ps {
		b = Box{math.Min(b.X1, p.X), math.Min(b.Y1, p.Y), math.Max(b.X2, p.X), math.Max(b.Y2, p.Y)}
	}
	return b
}

// Searches reports whether a thing that stands at q lies where the prompt's text searches:
// in its box, in its zone, or anywhere when it has neither.
func (p *Prompt) Searches(q Point) bool {
	switch {
	case p.Box != nil:
		return p.Box.Contains(q)
	case len(p.Zone) > 0:
		return q.In(p.Zone)
	}
	return true
}

// negation excludes what follows it.
const negation = "not:"

// Words are the texts of the prompt without blanks around them, apart those that exclude. The
// error, a *PromptError, says that there are only exclusions or that one is empty.
func (p *Prompt) Words() (wanted, not []string, err error) {
	for i, t := range p.Text {
		t = strings.TrimSpace(t)
		excluded := len(t) >= len(negation) && strings.EqualFold(t[:len(negation)], negation)
		if excluded {
			t = strings.TrimSpace(t[len(negation):])
		}
		switch {
		case t == "":
			return nil, nil, &PromptError{ID: p.ID, Field: "text", Reason: fmt.Sprintf("text %d is empty", i)}
		case excluded:
			not = append(not, t)
		default:
			wanted = append(wanted, t)
		}
	}
	if len(wanted) == 0 {
		return nil, nil, &PromptError{ID: p.ID, Field: "text", Reason: `only exclusions: say what to look for besides "not: ..."`}
	}
	return wanted, not, nil
}

// anySet tells whether a run of set pixels, every second one, has any.
func anySet(runs []uint32) bool {
	for i := 1; i < len(runs); i += 2 {
		if runs[i] > 0 {
			return true
		}
	}
	return false
}

// PromptState says how a prompt stands.
type PromptState string

// The states of a prompt on a stream.
const (
	PromptSearching PromptState = "searching" // nothing on the stream answers it now
	PromptTracking  PromptState = "tracking"  // at least one live track belongs to it
)

// PromptStatus is a prompt and its answer.
type PromptStatus struct {
	Prompt
	State        PromptState   `json:"state"`
	TrackID      uint64        `json:"track_id,omitempty"`  // the track that follows it (the best, for text)
	TrackIDs     []uint64      `json:"track_ids,omitempty"` // all of them
	AnswerBox    *Box          `json:"answer_box,omitempty"`
	Score        float64       `json:"score,omitempty"` // of a point the segment's, of a box or mask the IoU with it, of a text the cosine
	Alternatives []Alternative `json:"alternatives,omitempty"`
	Why          string        `json:"why,omitempty"` // a sentence: what was chosen, or why nothing was
	Refined      *Refinement   `json:"refined,omitempty"`
}

// PromptMemory is what is known of a prompt's object beyond the prompt itself, so that it is
// found again after a restart, and nothing else is taken for it. The zero value knows nothing.
type PromptMemory struct {
	First  *Box      `json:"first,omitempty"` // where it was first answered, nil when it never was
	Box    Box       `json:"box,omitzero"`    // where it was last seen
	Area   float64   `json:"area,omitempty"`  // of its mask then, in frame pixels
	Width  int       `json:"width,omitempty"` // of the frame then, pixels
	Height int       `json:"height,omitempty"`
	Seen   time.Time `json:"seen,omitzero"`
	Anchor []float32 `json:"-"` // unit vector of its first looks, nil when it was not embedded
}

// Refinement is what the precise model last said of a prompt's object.
type Refinement struct {
	Time    time.Time `json:"time"`          // capture time of the key frame
	IoU     float64   `json:"iou"`           // of its mask and the track's on that frame
	Score   float64   `json:"score"`         // the IoU with the true mask, as the model predicts it
	Applied bool      `json:"applied"`       // the track's mask is the refined one now
	Why     string    `json:"why,omitempty"` // when it is not
}

// PromptChange says what to change about a living prompt. A zero one changes nothing.
type PromptChange struct {
	Level  *int // follow this level of Prompts.Levels instead
	Refine bool // have the precise model look at the next frame
}

// Level is one of the nested things, part to whole, that a prompt can mean.
type Level struct {
	Level   int        `json:"level"`  // as Prompt.Level counts: 0 the smallest
	Key     uint64     `json:"key"`    // stays with the same thing from frame to frame
	Box     Box        `json:"box"`    // frame pixels
	Area    float64    `json:"area"`   // square frame pixels
	Score   float64    `json:"score"`  // of its segment
	Chosen  bool       `json:"chosen"` // the prompt follows this one
	Seen    bool       `json:"seen"`   // in this frame; else it is where it was last seen, moved
	Mask    *mask.Mask `json:"-"`      // each lies within the next coarser one
	Segment int        `json:"-"`      // index into the frame's segments, -1 when not seen
}

// Levels are the levels of one object in one frame.
type Levels struct {
	Seq           uint64
	Time          time.Time // capture time of the frame
	Width, Height int       // of the frame
	Levels        []Level   // coarse to fine, at most MaxPromptLevel+1
}

// Answer is what a prompt means on one frame. Without a mask it says that nothing is there, and
// why.
type Answer struct {
	Segments []int // indices in the segmentation; several where only a union fits, none where the mask was made for the prompt
	// Mask is the answer: a segment's own (then not to be changed), or a new one. nil when there
	// is none.
	Mask  *mask.Mask
	Box   Box
	Score float64 // a point's: the segment's score; a box's or mask's: its IoU with the prompt
	// Alternatives are what else could be meant: for a point the other levels, for a box or a
	// mask the next best.
	Alternatives []Alternative
	Levels       []Segment // of a point or what was taken: the nested things it can mean, fine to coarse
	Level        int       // which of Levels was taken
	Why          string    // a sentence
}

// Found reports whether the prompt has an answer.
func (a Answer) Found() bool { return a.Mask != nil }

// Alternative is another answer that the user could have meant.
type Alternative struct {
	Box   Box     `json:"box"`
	Score float64 `json:"score"`
	Level int     `json:"level"`
}
