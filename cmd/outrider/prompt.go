package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// promptSyntax is what --prompt takes, for help. docs/prompts.md says all of it.
const promptSyntax = `"point=x,y", "box=x1,y1,x2,y2", "mask=FILE" or "text=words", several joined with ";" to one prompt; ` +
	`also "point=x,y,0" (not there), "zone=x,y,...", "level=n", "top_k=n", "threshold=cosine", "id=name"; or the JSON of the HTTP API`

// parsePrompt reads --prompt: fields joined with ";", or a JSON object; and, when timed, the
// time of the frame that is pointed at after a last "@".
func parsePrompt(s string, timed bool) (timedPrompt, error) {
	var p timedPrompt
	bad := func(format string, args ...any) (timedPrompt, error) {
		return p, fmt.Errorf("--prompt %q: %w", s, fmt.Errorf(format, args...))
	}
	text := strings.TrimSpace(s)
	if i := strings.LastIndexByte(text, '@'); timed && i > strings.LastIndexByte(text, '}') {
		at, err := parseTime(text[i+1:])
		if err != nil {
			return bad("%w", err)
		}
		p.at, text = at, text[:i]
	}
	read := readPromptFields
	if strings.HasPrefix(text, "{") {
		read = readPromptJSON
	}
	if err := read(text, &p.Prompt); err != nil {
		return bad("%w", err)
	}
	if err := p.Validate(0, 0); err != nil {
		return bad("%w", err)
	}
	return p, nil
}

// readPromptJSON reads what POST /api/v1/cameras/{cam}/prompts takes.
func readPromptJSON(text string, p *pipeline.Prompt) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return err
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind the JSON object")
	}
	if p.At != nil || p.Camera != "" {
		return errors.New("frame_time and camera are for running cameras")
	}
	return nil
}

func readPromptFields(text string, p *pipeline.Prompt) error {
	labels := false
	for _, field := range strings.Split(text, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		if !ok {
			return fmt.Errorf("%q is no part of a prompt: want name=value, such as point=320,200", field)
		}
		var err error
		switch name {
		case "point":
			var v []float64
			if v, err = numbers(value, 2, 3); err != nil {
				break
			}
			label := 1
			if len(v) == 3 {
				if v[2] != 0 && v[2] != 1 {
					return fmt.Errorf("point %q: label %v, want 1 (on the object) or 0 (not on it)", value, v[2])
				}
				label, labels = int(v[2]), true
			}
			p.Points, p.Labels = append(p.Points, pipeline.Point{X: v[0], Y: v[1]}), append(p.Labels, label)
		case "box":
			var v []float64
			switch v, err = numbers(value, 4, 4); {
			case err != nil:
			case p.Box != nil:
				return errors.New("a second box: give it as a prompt of its own")
			default:
				p.Box = &pipeline.Box{X1: v[0], Y1: v[1], X2: v[2], Y2: v[3]}
			}
		case "zone":
			p.Zone, err = corners(value)
		case "text":
			p.Text = append(p.Text, value)
		case "mask":
			p.Mask, err = readMask(value)
		case "level":
			p.Level, err = strconv.Atoi(value)
		case "top_k":
			p.TopK, err = strconv.Atoi(value)
		case "threshold":
			p.MinCos, err = strconv.ParseFloat(value, 64)
		case "id":
			p.ID = value
		default:
			return fmt.Errorf("%q is no part of a prompt: want point, box, mask or text, or zone, level, top_k, threshold or id", name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if !labels {
		p.Labels = nil
	}
	return nil
}

// corners reads x,y,x,y,... of a polygon.
func corners(s string) ([]pipeline.Point, error) {
	v, err := numbers(s, 6, 2000)
	if err != nil {
		return nil, err
	}
	if len(v)%2 != 0 {
		return nil, fmt.Errorf("%q: %d numbers, want x and y of each corner", s, len(v))
	}
	var out []pipeline.Point
	for i := 0; i < len(v); i += 2 {
		out = append(out, pipeline.Point{X: v[i], Y: v[i+1]})
	}
	return out, nil
}

// numbers reads between least and most numbers with commas between them.
func numbers(s string, least, most int) ([]float64, error) {
	parts := strings.Split(s, ",")
	if len(parts) < least || len(parts) > most {
		return nil, fmt.Errorf("%q: %d numbers, want %d", s, len(parts), least)
	}
	out := make([]float64, len(parts))
	for i, t := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %q is not a number", s, t)
		}
		out[i] = v
	}
	return out, nil
}

// maxMaskBytes bounds a mask file.
const maxMaskBytes = 64 << 20

// readMask reads a mask file: a PNG, or the JSON of a COCO RLE.
func readMask(path string) (*mask.RLE, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open mask: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMaskBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read mask %s: %w", path, err)
	case len(b) > maxMaskBytes:
		return nil, fmt.Errorf("read mask %s: more than %d bytes", path, maxMaskBytes)
	}
	var r mask.RLE
	if t := strings.TrimSpace(string(b[:min(len(b), 64)])); strings.HasPrefix(t, "{") {
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, fmt.Errorf("read mask %s: %w", path, err)
		}
		return &r, nil
	}
	m, err := mask.DecodePNG(b)
	if err != nil {
		return nil, fmt.Errorf("read mask %s: %w; want a PNG or the JSON of a COCO RLE", path, err)
	}
	r = m.RLE(m.Grid().W, m.Grid().H)
	return &r, nil
}

// timedPrompt is a prompt and the media time of the frame it points at.
type timedPrompt struct {
	pipeline.Prompt
	at time.Duration
}

func parseTime(s string) (time.Duration, error) {
	if v, err := strconv.ParseFloat(s, 64); err == nil && v >= 0 && v < 1e9 {
		return time.Duration(v * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time: want seconds (2.5) or 1m30s", s)
	}
	return d, nil
}
