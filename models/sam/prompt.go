package sam

import (
	"context"
	"fmt"
	"math"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Prompt points at one thing of a picture: with points, with a box, with the logits of an
// answer before, or with several of these at once. At least points or a box are given.
type Prompt struct {
	Points []pipeline.Point // frame pixels, inside the frame
	Labels []int            // per point: 1 on the thing, 0 not on it; nil means all 1
	Box    *pipeline.Box    // frame pixels; may reach over the frame's edge
	Mask   []float32        // an Answer's LowRes on a picture of the same size, or MaskLogits; nil for none

	// Multimask asks for the three masks (part, larger part, whole) that a single click may
	// mean, where the decoder has them. Else the answer is one mask.
	Multimask bool
}

// Answer is what the model says to a prompt: at least one mask, empty ones included, in the
// decoder's order.
type Answer struct {
	Masks  []*mask.Mask // on the frame's pixels, or on the decoder's raster (Model.LowResolution)
	IoU    []float64    // quality as the model predicts it: the IoU with the true mask
	LowRes [][]float32  // logits on the decoder's raster, rows of it; positive is on the thing
}

// Best is the index of the mask with the highest predicted IoU, the first of equals.
func (a *Answer) Best() int {
	best := 0
	for i, v := range a.IoU {
		if v > a.IoU[best] {
			best = i
		}
	}
	return best
}

// Segments are the answer's masks that hold anything, as the pipeline has them, to be merged
// into a chain of levels. Scores are the predicted IoU, cut to 0..1; the order is kept.
func (a *Answer) Segments() []pipeline.Segment {
	var out []pipeline.Segment
	for i, m := range a.Masks {
		if s, ok := segmentOf(m, a.IoU[i]); ok {
			out = append(out, s)
		}
	}
	return out
}

func segmentOf(m *mask.Mask, iou float64) (pipeline.Segment, bool) {
	if m.Empty() {
		return pipeline.Segment{}, false
	}
	x1, y1, x2, y2 := m.FrameBounds()
	return pipeline.Segment{Box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}, Mask: m, Score: math.Min(math.Max(iou, 0), 1), Parent: -1}, true
}

// validate refuses what no picture could answer.
func (p *Prompt) validate(w, h, maskSide int) error {
	bad := func(field, format string, args ...any) error {
		return &pipeline.PromptError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	if len(p.Points) == 0 && p.Box == nil {
		return bad("points", "nothing to look for: give points or a box")
	}
	if p.Labels != nil && len(p.Labels) != len(p.Points) {
		return bad("labels", "%d labels for %d points", len(p.Labels), len(p.Points))
	}
	if len(p.Points) > maxPoints {
		return bad("points", "%d points, at most %d are taken", len(p.Points), maxPoints)
	}
	positive := p.Box != nil || p.Labels == nil
	for i, l := range p.Labels {
		if l != 0 && l != 1 {
			return bad("labels", "label %d is %d, want 1 (on the object) or 0 (not on it)", i, l)
		}
		positive = positive || l == 1
	}
	if !positive {
		return bad("labels", "no point is on the object: give at least one label 1, or a box")
	}
	frame := pipeline.Box{X2: float64(w), Y2: float64(h)}
	for i, q := range p.Points {
		if !frame.Contains(q) { // NaN too
			return bad("points", "point %d (%g, %g) lies outside the %dx%d frame", i, q.X, q.Y, w, h)
		}
	}
	if b := p.Box; b != nil {
		switch {
		case !b.Finite():
			return bad("box", "not a number")
		case b.Area() <= 0:
			return bad("box", "[%g, %g, %g, %g] is empty: want x1 < x2 and y1 < y2", b.X1, b.Y1, b.X2, b.Y2)
		case b.Clip(w, h).Area() <= 0:
			return bad("box", "[%g, %g, %g, %g] lies outside the %dx%d frame", b.X1, b.Y1, b.X2, b.Y2, w, h)
		case b.W() > 4*float64(w) || b.H() > 4*float64(h):
			return bad("box", "[%g, %g, %g, %g] is far larger than the %dx%d frame", b.X1, b.Y1, b.X2, b.Y2, w, h)
		}
	}
	if p.Mask != nil && len(p.Mask) != maskSide*maskSide {
		return bad("mask", "%d logits, want %d", len(p.Mask), maskSide*maskSide)
	}
	for _, v := range p.Mask {
		if v != v || v > math.MaxFloat32 || v < -math.MaxFloat32 {
			return bad("mask", "holds a logit that is not a number")
		}
	}
	return nil
}

// maxPoints of a prompt: the decoder's attention grows with their square.
const maxPoints = 1000

// Predict answers prompts on one frame, in order. The frame is encoded once, and not at all
// when it was among the last ones. A prompt that cannot mean anything is a
// *pipeline.PromptError.
func (m *Model) Predict(ctx context.Context, f *pipeline.Frame, prompts ...Prompt) ([]Answer, error) {
	if err := m.enter(); err != nil {
		return nil, fmt.Errorf("predict masks: %w", err)
	}
	defer m.busy.Done()
	out, err := m.predict(ctx, f, prompts)
	if err != nil {
		return nil, fmt.Errorf("predict masks: %w", err)
	}
	return out, nil
}

func (m *Model) predict(ctx context.Context, f *pipeline.Frame, prompts []Prompt) ([]Answer, error) {
	p, err := pictureOf(f)
	if err != nil {
		return nil, err
	}
	for i := range prompts {
		if err := prompts[i].validate(p.w, p.h, m.decoder.contract.mask); err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, len(prompts), err)
		}
	}
	if err := ctx.Err(); err != nil || len(prompts) == 0 {
		return nil, err
	}
	b, err := m.encoder.get(p)
	if err != nil {
		return nil, err
	}
	out, err := m.answerAll(ctx, b, prompts)
	if e := b.release(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (m *Model) answerAll(ctx context.Context, b *embedding, prompts []Prompt) ([]Answer, error) {
	l := m.decoder.take()
	defer m.decoder.give(l)
	r := m.raster(b.fit, m.LowResolution)
	out := make([]Answer, len(prompts))
	for i := range prompts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := l.decode(m.decoder, b, &prompts[i]); err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, len(prompts), err)
		}
		for _, k := range m.decoder.wanted(l.iou.Data, prompts[i].Multimask) {
			low := append([]float32(nil), l.logits(k)...)
			out[i].Masks = append(out[i].Masks, r.mask(low))
			out[i].IoU = append(out[i].IoU, float64(l.iou.Data[k]))
			out[i].LowRes = append(out[i].LowRes, low)
		}
	}
	return out, nil
}

// Mask prompts of SAM are logits; a mask without doubts reads as these.
const certain = 10

// MaskLogits makes the Mask of a Prompt from a mask on any grid over a w x h frame.
func (m *Model) MaskLogits(w, h int, from *mask.Mask) []float32 {
	side := m.decoder.contract.mask
	g := lowGrid(m.encoder.place(picture{w: w, h: h}), side)
	out := make([]float32, side*side)
	for y := range side {
		for x := range side {
			out[y*side+x] = -certain
			if fx, fy := g.ToFrame(float64(x)+.5, float64(y)+.5); from.At(fx, fy) {
				out[y*side+x] = certain
			}
		}
	}
	return out
}
