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
// deleted while it runs. Exactly one of Points, Box, Text and Mask says where, except that
// text may be joined with a box (search only there).
type Prompt struct {
	ID      string     `json:"id"`
	Camera  string     `json:"camera,omitempty"`
	Points  []Point    `json:"points,omitempty"`     // frame pixels
	Labels  []int      `json:"labels,omitempty"`     // per point: 1 on the object, 0 not on it; missing means all 1
	Box     *Box       `json:"box,omitempty"`        // frame pixels
	Text    []string   `json:"text,omitempty"`       // any of these words; "not: word" excludes
	Mask    *mask.RLE  `json:"mask,omitempty"`       // at the frame's size
	Level   int        `json:"level,omitempty"`      // 0 the smallest that fits, 1 its parent, ...
	At      *time.Time `json:"frame_time,omitempty"` // capture time of the frame that was pointed at; nil means the newest
	Created time.Time  `json:"created,omitzero"`
}

// Kind tells what the prompt points with.
func (p *Prompt) Kind() PromptKind {
	switch {
	case len(p.Text) > 0:
		return PromptText
	case len(p.Points) > 0:
		return PromptPoint
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
	case len(p.Text) > 0 && where == 1 && p.Box == nil:
		return bad("text", "can be joined with a box only, not with points or a mask")
	}
	if len(p.Labels) > 0 && len(p.Labels) != len(p.Points) {
		return bad("labels", "%d labels for %d points", len(p.Labels), len(p.Points))
	}
	for i, l := range p.Labels {
		if l != 0 && l != 1 {
			return bad("labels", "label %d is %d, want 1 (on the object) or 0 (not on it)", i, l)
		}
	}
	for i, q := range p.Points {
		if math.IsNaN(q.X) || math.IsNaN(q.Y) || math.IsInf(q.X, 0) || math.IsInf(q.Y, 0) {
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
	Score        float64       `json:"score,omitempty"`
	Alternatives []Alternative `json:"alternatives,omitempty"`
	Why          string        `json:"why,omitempty"` // a sentence: what was chosen, or why nothing was
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

// Alternative is another answer that the user could have meant.
type Alternative struct {
	Box   Box     `json:"box"`
	Score float64 `json:"score"`
	Level int     `json:"level"`
}
