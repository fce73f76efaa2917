package web_test

import (
	"context"
	"fmt"
	"image"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// squares is a camera that shows three coloured squares gliding over grey, with all that
// stands behind a camera in the program, known exactly: the source, a segmenter that knows
// where the squares are, and a stage that tracks them and answers prompts.
type squares struct {
	frozen atomic.Bool // no frame comes
	still  atomic.Bool // frames come, and nothing in them moves
}

const (
	squaresW, squaresH = 640, 360
	squareSide         = 72
	squaresRate        = 25
)

// square i has id i+1.
var squareKinds = [3]struct {
	label   string
	b, g, r byte
	y       float64
	speed   float64 // pixels a second
}{
	{"red square", 40, 40, 230, 30, 60},
	{"green square", 60, 200, 40, 140, -80},
	{"blue square", 230, 120, 30, 250, 100},
}

// at is where square i is at a time of the film: it glides to and fro.
func (*squares) at(i int, t time.Duration) pipeline.Box {
	k := squareKinds[i]
	span := float64(squaresW - squareSide)
	x := math.Mod(math.Abs(k.speed)*t.Seconds()+float64(i)*150, 2*span)
	if x > span {
		x = 2*span - x
	}
	if k.speed < 0 {
		x = span - x
	}
	x = math.Round(x)
	return pipeline.Box{X1: x, Y1: k.y, X2: x + squareSide, Y2: k.y + squareSide}
}

// Run is the source.
func (s *squares) Run(ctx context.Context, emit func(*pipeline.Frame)) error {
	var pool pipeline.FramePool
	tick := time.NewTicker(time.Second / squaresRate)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			if s.frozen.Load() {
				continue
			}
			f := pool.Get(squaresW, squaresH)
			f.Captured, f.MediaTime, f.Epoch = now, time.Duration(n)*time.Second/squaresRate, 1
			s.draw(f)
			emit(f)
			if !s.still.Load() {
				n++
			}
		}
	}
}

func (s *squares) draw(f *pipeline.Frame) {
	for y := range squaresH {
		row := f.Data[3*squaresW*y : 3*squaresW*(y+1)]
		for i := range row {
			row[i] = byte(90 + y/8)
		}
	}
	for i, k := range squareKinds {
		b := s.at(i, f.MediaTime)
		for y := int(b.Y1); y < int(b.Y2); y++ {
			for x := int(b.X1); x < int(b.X2); x++ {
				p := f.Data[3*(squaresW*y+x):]
				p[0], p[1], p[2] = k.b, k.g, k.r
			}
		}
	}
}

// Segment is the segmenter.
func (s *squares) Segment(_ context.Context, frames []*pipeline.Frame) ([]*pipeline.Segmentation, error) {
	grid := mask.Grid{W: squaresW / 4, H: squaresH / 4, SX: 4, SY: 4}
	out := make([]*pipeline.Segmentation, len(frames))
	for j, f := range frames {
		g := &pipeline.Segmentation{Grid: grid}
		for i := range squareKinds {
			b := s.at(i, f.MediaTime)
			r := image.Rect(int(b.X1)/4, int(b.Y1)/4, int(b.X2)/4, int(b.Y2)/4)
			m := mask.New(grid, r)
			m.Fill(r)
			g.Segments = append(g.Segments, pipeline.Segment{Box: b, Mask: m, Score: .9, Parent: -1})
		}
		// The blue square lies in a larger piece.
		b := g.Segments[2].Box
		b = (pipeline.Box{X1: b.X1 - 40, Y1: b.Y1 - 40, X2: b.X2 + 40, Y2: b.Y2 + 36}).Clip(squaresW, squaresH)
		r := image.Rect(int(b.X1)/4, int(b.Y1)/4, int(b.X2)/4, int(b.Y2)/4)
		m := mask.New(grid, r)
		m.Fill(r)
		g.Segments[2].Parent, g.Segments[2].Level = len(g.Segments), 1
		g.Segments = append(g.Segments, pipeline.Segment{Box: b, Mask: m, Score: .8, Parent: -1})
		out[j] = g
	}
	return out, nil
}

// followed is the stage and the prompts of the camera.
type followed struct {
	mu      sync.Mutex
	first   time.Time
	seen    map[int64][]pipeline.Box // of the last frames, by capture time in ms
	order   []int64
	list    []pipeline.PromptStatus
	created []pipeline.Prompt // all that were ever asked
}

var (
	_ pipeline.Source    = (*squares)(nil)
	_ pipeline.Segmenter = (*squares)(nil)
	_ pipeline.Stage     = (*followed)(nil)
	_ pipeline.Prompts   = (*followed)(nil)
)

func (f *followed) Process(_ context.Context, r *pipeline.Result) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen, f.first = map[int64][]pipeline.Box{}, r.Frame.Captured
	}
	var boxes []pipeline.Box
	for i := range squareKinds {
		g := &r.Segments[i]
		t := pipeline.Track{
			ID: uint64(i + 1), Box: g.Box, Mask: g.Mask, State: pipeline.Confirmed, Observed: true, Score: .9, Segment: i,
			Label: squareKinds[i].label, Epoch: r.Frame.Epoch, Hits: 9, FirstSeen: f.first, LastSeen: r.Frame.Captured,
		}
		for j := range f.list {
			if f.list[j].TrackID == t.ID {
				t.PromptID = f.list[j].ID
			}
		}
		r.Tracks = append(r.Tracks, t)
		boxes = append(boxes, g.Box)
	}
	at := r.Frame.Captured.UnixMilli()
	f.seen[at] = boxes
	if f.order = append(f.order, at); len(f.order) > 100 {
		delete(f.seen, f.order[0])
		f.order = f.order[1:]
	}
	return nil
}

func (f *followed) Reset(uint32) {}

func (f *followed) Create(_ context.Context, p pipeline.Prompt) (pipeline.PromptStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.created = append(f.created, p)
	if p.ID == "" {
		p.ID = fmt.Sprintf("p%d", len(f.created))
	}
	p.Created = time.Now()
	st := pipeline.PromptStatus{Prompt: p, State: pipeline.PromptSearching, Why: "nothing there"}
	var boxes []pipeline.Box
	if len(f.order) > 0 {
		boxes = f.seen[f.order[len(f.order)-1]]
	}
	if p.At != nil { // the picture that was pointed at
		boxes = f.seen[p.At.UnixMilli()]
	}
	for i, b := range boxes {
		hit := len(p.Points) > 0 && b.Contains(p.Points[0]) || p.Box != nil && b.IoU(*p.Box) > .5
		for _, w := range p.Text {
			hit = hit || w == squareKinds[i].label
		}
		if hit {
			st.State, st.TrackID, st.TrackIDs, st.Why = pipeline.PromptTracking, uint64(i+1), []uint64{uint64(i + 1)}, ""
			st.AnswerBox = &b
		}
	}
	if len(p.Text) > 0 && st.TrackID == 0 {
		return st, &pipeline.UnknownTextError{Text: p.Text[0], Near: []string{"red square"}}
	}
	f.list = append(f.list, st)
	return st, nil
}

func (f *followed) Change(_ context.Context, id string, _ pipeline.PromptChange) (pipeline.PromptStatus, error) {
	return f.Get(id)
}

func (f *followed) Levels(id string) (pipeline.Levels, error) {
	_, err := f.Get(id)
	return pipeline.Levels{}, err
}

func (f *followed) TrackLevels(uint64) (pipeline.Levels, error) {
	return pipeline.Levels{}, pipeline.ErrNoTrack
}

func (f *followed) List() []pipeline.PromptStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]pipeline.PromptStatus(nil), f.list...)
}

func (f *followed) Get(id string) (pipeline.PromptStatus, error) {
	for _, p := range f.List() {
		if p.ID == id {
			return p, nil
		}
	}
	return pipeline.PromptStatus{}, pipeline.ErrNoPrompt
}

func (f *followed) Delete(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		if f.list[i].ID == id {
			f.list = append(f.list[:i], f.list[i+1:]...)
			return nil
		}
	}
	return pipeline.ErrNoPrompt
}

// asked are the prompts that were ever created.
func (f *followed) asked() []pipeline.Prompt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]pipeline.Prompt(nil), f.created...)
}
