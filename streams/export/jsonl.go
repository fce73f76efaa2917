package export

import (
	"encoding/json"
	"io"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Line is one frame of a JSON lines file. Boxes are frame pixels, masks COCO RLE at the
// frame's size.
type Line struct {
	Frame     uint64              `json:"frame"` // from 1
	T         float64             `json:"t"`     // seconds of media time
	Tracks    []LineTrack         `json:"tracks"`
	Obstacles []pipeline.Obstacle `json:"obstacles"`
	Events    []LineEvent         `json:"events"`
}

// LineTrack is a track in one frame.
type LineTrack struct {
	ID       uint64              `json:"id"`
	Prompt   string              `json:"prompt,omitempty"`
	State    pipeline.TrackState `json:"state"`
	Observed bool                `json:"observed"`
	Box      [4]float64          `json:"box"`
	Score    float64             `json:"score"`
	Label    string              `json:"label,omitempty"`
	Mask     *mask.RLE           `json:"mask,omitempty"`
}

// LineEvent is what happened in one frame.
type LineEvent struct {
	ID     string             `json:"id"`
	Kind   pipeline.EventKind `json:"kind"`
	Track  uint64             `json:"track"`
	Reason pipeline.EndReason `json:"reason,omitempty"`
}

// LineOf returns a result as a line. It shares nothing with r.
func LineOf(r *pipeline.Result) Line {
	l := Line{
		Frame: r.Frame.Seq, T: round(r.Frame.MediaTime.Seconds(), 1e6),
		Tracks: []LineTrack{}, Obstacles: []pipeline.Obstacle{}, Events: []LineEvent{},
	}
	for i := range r.Tracks {
		t := &r.Tracks[i]
		lt := LineTrack{
			ID: t.ID, Prompt: t.PromptID, State: t.State, Observed: t.Observed,
			Box:   [4]float64{round(t.Box.X1, 100), round(t.Box.Y1, 100), round(t.Box.X2, 100), round(t.Box.Y2, 100)},
			Score: round(t.Score, 1e4), Label: t.Label,
		}
		if t.Mask != nil && t.Observed {
			rle := t.Mask.RLE(r.Frame.Width, r.Frame.Height)
			lt.Mask = &rle
		}
		l.Tracks = append(l.Tracks, lt)
	}
	l.Obstacles = append(l.Obstacles, r.Obstacles...)
	for i := range r.Events {
		e := &r.Events[i]
		l.Events = append(l.Events, LineEvent{ID: e.ID, Kind: e.Kind, Track: e.Track.ID, Reason: e.Reason})
	}
	return l
}

// WriteJSONL writes one line.
func WriteJSONL(w io.Writer, r *pipeline.Result) error {
	b, err := json.Marshal(LineOf(r))
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func round(v, per float64) float64 {
	if v < 0 {
		return -float64(int64(-v*per+.5)) / per
	}
	return float64(int64(v*per+.5)) / per
}
