package pipeline

import (
	"context"

	"outrider/pipeline/mask"
)

// Source delivers the frames of one camera.
//
// Run opens the source, calls emit for each frame in capture order from one goroutine, and
// returns when ctx ends (nil or ctx's error), when the material is at its end (io.EOF; an
// error that wraps it says that less came than was promised), or at the first failure. It
// knows nothing of retries: the supervisor calls Run again. emit takes over the frame's
// reference. Run leaves nothing behind when it returns.
type Source interface {
	Run(ctx context.Context, emit func(*Frame)) error
}

// DropCounter is a Source that decodes frames which it does not deliver, because a newer one
// was there first. Dropped counts them; safe for concurrent use.
type DropCounter interface{ Dropped() uint64 }

// Segmenter cuts frames into segments, a batch at a time. The answer has one element a frame,
// in order, never nil; no segment is a normal answer. The caller releases each. Safe for
// concurrent use.
type Segmenter interface {
	Segment(ctx context.Context, frames []*Frame) ([]*Segmentation, error)
}

// ImageEncoder embeds regions of a frame: one unit vector a region, in order. A region's mask
// may be nil (the box alone). Safe for concurrent use.
type ImageEncoder interface {
	EncodeRegions(ctx context.Context, f *Frame, regions []Region) ([][]float32, error)
}

// Region is a part of a frame to embed.
type Region struct {
	Box  Box
	Mask Masker
}

// Masker tells whether a frame position belongs to a region. *mask.Mask is one.
type Masker interface{ At(x, y float64) bool }

// TextEncoder embeds texts into the space of an ImageEncoder: one unit vector a text. A text
// that the model cannot know is an *UnknownTextError. Safe for concurrent use.
type TextEncoder interface {
	EncodeTexts(ctx context.Context, texts []string) ([][]float32, error)
}

// UnknownTextError is a text of which the encoder knows no word.
type UnknownTextError struct {
	Text string
	Near []string // words it knows that look alike, or a sample
	Hint string   // what to do to get the word known
}

func (e *UnknownTextError) Error() string {
	s := "text " + quote(e.Text) + ": not in the model's vocabulary"
	for i, n := range e.Near {
		if i == 0 {
			s += "; near words it knows: "
		} else {
			s += ", "
		}
		s += n
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Stage is one step of a camera's chain: it reads the result so far and adds to it. Stages of
// one camera run in order in one goroutine; a stage belongs to one camera. Reset is called
// when the stream starts anew (another epoch or another frame size): nothing is carried over
// except what the stage knows to be safe, such as prompts.
type Stage interface {
	Process(ctx context.Context, r *Result) error
	Reset(epoch uint32)
}

// Prompts are the prompts of one camera's stream. Safe for concurrent use.
type Prompts interface {
	// Create adds a prompt and answers within two frames: the error is a *PromptError, an
	// *UnknownTextError, ErrPromptExists or ctx's. "Nothing there" is a status, not an error.
	Create(ctx context.Context, p Prompt) (PromptStatus, error)
	// List returns all prompts, oldest first.
	List() []PromptStatus
	// Get returns one prompt, or ErrNoPrompt.
	Get(id string) (PromptStatus, error)
	// Delete removes a prompt and frees its tracks, or returns ErrNoPrompt.
	Delete(id string) error
	// Change alters a prompt and answers within two frames: the error is ErrNoPrompt, a
	// *PromptError or ctx's.
	Change(ctx context.Context, id string, c PromptChange) (PromptStatus, error)
	// Levels lists the nested things that a point, box or mask prompt can mean in the newest
	// frame, or returns ErrNoPrompt. None is a normal answer: nothing is in sight.
	Levels(id string) (Levels, error)
	// TrackLevels lists them for any track of the newest frame, or returns ErrNoTrack.
	TrackLevels(track uint64) (Levels, error)
}

// Answerer answers prompts of kind point, box and mask on one frame, by its segments or by a
// network of its own. An error is a *PromptError when the prompt means nothing whatever the
// picture. Safe for concurrent use.
type Answerer interface {
	Answer(ctx context.Context, f *Frame, s *Segmentation, p *Prompt) (Answer, error)
}

// Refiner segments objects of a frame anew, more precisely and more slowly than a Segmenter
// does: one answer a region, in order, an empty or nil mask where it sees nothing. Safe for
// concurrent use.
type Refiner interface {
	Refine(ctx context.Context, f *Frame, objects []Region) ([]Refined, error)
}

// Refined is an object as a Refiner sees it.
type Refined struct {
	Mask  *mask.Mask // all of one call lie on one grid
	Score float64    // the IoU with the true mask, as the model predicts it
}

// Sink takes results out of the program. Publish never blocks: a sink queues for itself,
// retains what it queues, drops the oldest when it cannot keep up, and counts that. Close
// waits until the goroutines of the sink have ended; twice is fine.
type Sink interface {
	Publish(r *Result)
	Close() error
}

// FrameSink is a Sink that also wants every captured frame at once, analysed or not (video
// out). PushFrame never blocks and retains what it keeps.
type FrameSink interface {
	Sink
	PushFrame(f *Frame)
}

// StatusSink is a Sink that is told of each change of a camera's state. CameraStatus never
// blocks.
type StatusSink interface {
	Sink
	CameraStatus(s CameraStatus)
}
