package export

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"outrider/pipeline"
)

// WriteMOT writes the observed, confirmed tracks of one frame as MOTChallenge lines:
// frame, id, left, top, width, height, score, -1, -1, -1. Frames count from 1.
func WriteMOT(w io.Writer, r *pipeline.Result) error {
	for i := range r.Tracks {
		t := &r.Tracks[i]
		if t.State != pipeline.Confirmed || !t.Observed || t.Stuff {
			continue
		}
		if err := writeMOT(w, r.Frame.Seq, t.ID, t.Box, t.Score); err != nil {
			return err
		}
	}
	return nil
}

func writeMOT(w io.Writer, frame, id uint64, b pipeline.Box, score float64) error {
	_, err := fmt.Fprintf(w, "%d,%d,%.2f,%.2f,%.2f,%.2f,%.4f,-1,-1,-1\n", frame, id, b.X1, b.Y1, b.W(), b.H(), score)
	return err
}

// MOTLine is one box of a MOT file.
type MOTLine struct {
	Frame uint64
	ID    uint64
	Box   pipeline.Box
	Score float64
}

// ReadMOT reads MOTChallenge text; errors name the line.
func ReadMOT(r io.Reader) ([]MOTLine, error) {
	var out []MOTLine
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		text := strings.TrimSpace(s.Text())
		if text == "" {
			continue
		}
		f := strings.Split(text, ",")
		if len(f) < 7 {
			return nil, fmt.Errorf("MOT line %d: %d fields, want at least 7", n, len(f))
		}
		var v [7]float64
		for i := range v {
			x, err := strconv.ParseFloat(strings.TrimSpace(f[i]), 64)
			if err != nil {
				return nil, fmt.Errorf("MOT line %d: field %d: %w", n, i+1, err)
			}
			v[i] = x
		}
		if v[0] < 1 || v[1] < 0 {
			return nil, fmt.Errorf("MOT line %d: frame %v, id %v: want frame >= 1 and id >= 0", n, v[0], v[1])
		}
		out = append(out, MOTLine{Frame: uint64(v[0]), ID: uint64(v[1]), Score: v[6],
			Box: pipeline.Box{X1: v[2], Y1: v[3], X2: v[2] + v[4], Y2: v[3] + v[5]}})
	}
	return out, s.Err()
}
