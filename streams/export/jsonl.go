package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Line is one frame of a JSON lines file. Boxes are frame pixels, masks COCO RLE at the
// frame's size.
type Line struct {
	Frame     uint64              `json:"frame"` // from 1
	T         float64             `json:"t"`     // seconds of media time
	Size      [2]int              `json:"size"`  // of the frame: width, height
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
	Stuff    bool                `json:"stuff,omitempty"` // background such as road or sky
	Zones    []string            `json:"zones,omitempty"` // that it is counted in
	Speed    pipeline.Speed      `json:"speed,omitzero"`  // over the ground
	Mask     *mask.RLE           `json:"mask,omitempty"`
}

// LineEvent is what happened in one frame.
type LineEvent struct {
	ID     string             `json:"id"`
	Kind   pipeline.EventKind `json:"kind"`
	Track  uint64             `json:"track"`
	Reason pipeline.EndReason `json:"reason,omitempty"`
	Zone   string             `json:"zone,omitempty"`
	Line   string             `json:"line,omitempty"`
	Data   map[string]any     `json:"data,omitempty"`
}

// LineOf returns a result as a line. It shares nothing with r.
func LineOf(r *pipeline.Result) Line {
	l := Line{
		Frame: r.Frame.Seq, T: round(r.Frame.MediaTime.Seconds(), 1e6),
		Size: [2]int{r.Frame.Width, r.Frame.Height}, Tracks: []LineTrack{}, Obstacles: []pipeline.Obstacle{}, Events: []LineEvent{},
	}
	for i := range r.Tracks {
		t := &r.Tracks[i]
		lt := LineTrack{
			ID: t.ID, Prompt: t.PromptID, State: t.State, Observed: t.Observed,
			Box:   [4]float64{round(t.Box.X1, 100), round(t.Box.Y1, 100), round(t.Box.X2, 100), round(t.Box.Y2, 100)},
			Score: round(t.Score, 1e4), Label: t.Label, Stuff: t.Stuff, Zones: r.Counts.ZonesOf(t), Speed: t.Speed,
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
		l.Events = append(l.Events, LineEvent{ID: e.ID, Kind: e.Kind, Track: e.Track.ID, Reason: e.Reason, Zone: e.Zone, Line: e.Line, Data: e.Data})
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

// maxLine bounds one line: 1000 tracks with large masks.
const maxLine = 64 << 20

// ReadJSONL calls each for the lines of a file in their order, until one fails. Errors name
// the line. A line is valid only during the call.
func ReadJSONL(in io.Reader, each func(*Line) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 1<<16), maxLine)
	n := 0
	for s.Scan() {
		n++
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var l Line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := l.validate(); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := each(&l); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", n, err)
	}
	return nil
}

// validate refuses what no frame can say.
func (l *Line) validate() error {
	w, h := l.Size[0], l.Size[1]
	if w < 1 || h < 1 || w > mask.MaxRLEPixels/h {
		return fmt.Errorf("frame %d: size %dx%d", l.Frame, w, h)
	}
	for i := range l.Tracks {
		t := &l.Tracks[i]
		if t.Mask != nil && t.Mask.Size != [2]int{h, w} {
			return fmt.Errorf("frame %d, track %d: a mask of %dx%d in a frame of %dx%d", l.Frame, t.ID, t.Mask.Size[1], t.Mask.Size[0], w, h)
		}
	}
	return nil
}

func round(v, per float64) float64 {
	if v < 0 {
		return -float64(int64(-v*per+.5)) / per
	}
	return float64(int64(v*per+.5)) / per
}
