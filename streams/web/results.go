package web

import (
	"net/http"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// frameRef says which frame an answer is about. Seq is 0 and Time absent before the first
// result.
type frameRef struct {
	Camera string    `json:"camera"`
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time,omitzero"` // capture time
	Width  int       `json:"width"`
	Height int       `json:"height"`
}

type trackList struct {
	frameRef
	Tracks []trackItem `json:"tracks"`
}

type trackItem struct {
	pipeline.Track
	Zones []string  `json:"zones,omitempty"` // that it is counted in
	Mask  *mask.RLE `json:"mask,omitempty"`  // with ?masks=1, at the frame's size
}

type segmentList struct {
	frameRef
	Segments []segmentItem `json:"segments"`
}

type segmentItem struct {
	Box    pipeline.Box `json:"box"`
	Score  float64      `json:"score"`
	Level  int          `json:"level"`
	Parent int          `json:"parent"` // index into the list, -1 for a root
	Label  string       `json:"label,omitempty"`
	Mask   *mask.RLE    `json:"mask,omitempty"` // unless ?masks=0, at the frame's size
}

type obstacleList struct {
	frameRef
	Obstacles []pipeline.Obstacle `json:"obstacles"`
}

// latest is the newest result of the camera in the path and its frame. The result is nil
// before the first one; else the caller releases it.
func (s *Server) latest(r *http.Request) (*pipeline.Result, frameRef, error) {
	cam := r.PathValue("cam")
	res, err := s.Directory.Latest(cam)
	if err != nil {
		return nil, frameRef{}, err
	}
	ref := frameRef{Camera: cam}
	if res != nil {
		f := res.Frame
		ref.Seq, ref.Time, ref.Width, ref.Height = f.Seq, f.Captured, f.Width, f.Height
	}
	return res, ref, nil
}

func (s *Server) tracks(w http.ResponseWriter, r *http.Request) error {
	masks, err := flag(r, "masks", false)
	if err != nil {
		return err
	}
	res, ref, err := s.latest(r)
	if err != nil {
		return err
	}
	list := trackList{ref, []trackItem{}}
	if res != nil {
		defer res.Release()
		var e mask.Encoder
		for _, t := range res.Tracks {
			item := trackItem{Track: t, Zones: res.Counts.ZonesOf(&t)}
			if masks {
				item.Mask = encode(&e, t.Mask, ref)
			}
			list.Tracks = append(list.Tracks, item)
		}
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) segments(w http.ResponseWriter, r *http.Request) error {
	masks, err := flag(r, "masks", true)
	if err != nil {
		return err
	}
	res, ref, err := s.latest(r)
	if err != nil {
		return err
	}
	list := segmentList{ref, []segmentItem{}}
	if res != nil {
		defer res.Release()
		var e mask.Encoder
		for i := range res.Segments {
			g := &res.Segments[i]
			item := segmentItem{Box: g.Box, Score: g.Score, Level: g.Level, Parent: g.Parent, Label: g.Label}
			if masks {
				item.Mask = encode(&e, g.Mask, ref)
			}
			list.Segments = append(list.Segments, item)
		}
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) obstacles(w http.ResponseWriter, r *http.Request) error {
	res, ref, err := s.latest(r)
	if err != nil {
		return err
	}
	list := obstacleList{ref, []pipeline.Obstacle{}}
	if res != nil {
		defer res.Release()
		list.Obstacles = append(list.Obstacles, res.Obstacles...)
	}
	return writeJSON(w, http.StatusOK, list)
}

func encode(e *mask.Encoder, m *mask.Mask, f frameRef) *mask.RLE {
	if m == nil {
		return nil
	}
	rle := e.RLE(m, f.Width, f.Height)
	return &rle
}
