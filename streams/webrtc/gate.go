package webrtc

import (
	"time"

	"outrider/pipeline"
)

const (
	// maxWaiting bounds the frames held for a stream: 16 of 1280x720 are 44 MB.
	maxWaiting = 16
	// maxAnswers bounds the results held; more than the frames between two analysed ones are
	// never needed.
	maxAnswers = 8
	// lateness is how far past the budget a frame may be and still be worth encoding when a
	// newer one waits: the encoder does not keep up, and old pictures help nobody.
	lateness = 100 * time.Millisecond
)

// gate holds the frames of a stream until their results are there. A frame leaves, in capture
// order, when its own result has come, when that of a newer frame has (then its own will not
// come any more), or when its budget is over. A budget of 0 lets every frame pass at once.
// Not safe for concurrent use.
type gate struct {
	budget  time.Duration
	frames  []waiting
	answers []*pipeline.Result // ascending by frame
	last    uint64             // newest frame that came in
	dropped uint64             // frames given up since the start
}

type waiting struct {
	frame *pipeline.Frame
	until time.Time
}

// push adds a frame, which it retains, at time now.
func (g *gate) push(f *pipeline.Frame, now time.Time) {
	if f.Seq <= g.last { // the camera was set up anew
		g.clear()
	}
	g.last = f.Seq
	if len(g.frames) == maxWaiting {
		g.dropFirst()
	}
	g.frames = append(g.frames, waiting{f.Retain(), now.Add(g.budget)})
}

// answer adds a result, which it retains.
func (g *gate) answer(r *pipeline.Result) {
	if n := len(g.answers); n > 0 && r.Frame.Seq <= g.answers[n-1].Frame.Seq {
		return
	}
	if len(g.answers) == maxAnswers {
		g.forget(1)
	}
	g.answers = append(g.answers, r.Retain())
}

// next takes the frame that may leave at time now, with the newest result that is not newer
// than it (nil when there is none); the caller releases both. Without such a frame it returns
// how long the first one may still wait, 0 when none waits.
func (g *gate) next(now time.Time) (*pipeline.Frame, *pipeline.Result, time.Duration) {
	for len(g.frames) > 1 && now.Sub(g.frames[0].until) > lateness {
		g.dropFirst()
	}
	if len(g.frames) == 0 {
		return nil, nil, 0
	}
	head := g.frames[0]
	wait := head.until.Sub(now)
	if n := len(g.answers); wait > 0 && (n == 0 || g.answers[n-1].Frame.Seq < head.frame.Seq) {
		return nil, nil, wait
	}
	g.shift()
	best := -1
	for i, r := range g.answers {
		if r.Frame.Seq <= head.frame.Seq {
			best = i
		}
	}
	if best < 0 {
		return head.frame, nil, 0
	}
	g.forget(best)
	return head.frame, g.answers[0].Retain(), 0
}

// clear gives everything back.
func (g *gate) clear() {
	for len(g.frames) > 0 {
		g.dropFirst()
	}
	g.forget(len(g.answers))
	g.last = 0
}

func (g *gate) dropFirst() {
	g.frames[0].frame.Release()
	g.shift()
	g.dropped++
}

func (g *gate) shift() {
	n := copy(g.frames, g.frames[1:])
	g.frames[n] = waiting{}
	g.frames = g.frames[:n]
}

// forget releases the first n answers.
func (g *gate) forget(n int) {
	for _, r := range g.answers[:n] {
		r.Release()
	}
	k := copy(g.answers, g.answers[n:])
	clear(g.answers[k:])
	g.answers = g.answers[:k]
}
