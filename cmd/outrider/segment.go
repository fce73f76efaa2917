package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"outrider/models/clip"
	"outrider/models/fastsam"
	"outrider/pipeline"
	"outrider/pipeline/overlay"
	"outrider/streams/export"
)

type segmentOptions struct {
	modelFlags
	out    string
	points []string
	boxes  []string
	texts  []string
	level  int
	asJSON bool
}

func segmentCommand() *cobra.Command {
	var o segmentOptions
	c := &cobra.Command{
		Use:   "segment IMAGE...",
		Short: "Cut images into segments and write pictures, masks and COCO JSON",
		Long: `Cut images into segments. For IMAGE "street.jpg" it writes to the output folder:

  street.segments.jpg   the picture with the segments painted on it
  street.masks.png      16-bit labels: pixel value i is segment i, 0 is none
  segments.coco.json    all segments of all images, masks as COCO RLE

Without a prompt it gives every segment. Points together make one prompt (label 1 on the object, 0 not on it); each
box and each text is a prompt of its own.`,
		Example: `  outrider segment street.jpg -o out
  outrider segment street.jpg --point 320,200 --point 350,180,0 -o out
  outrider segment street.jpg --box 100,80,220,300 --text person --text car -o out`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runSegment(c.Context(), o, args, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.out, "output", "o", "out", "output `folder`, made when missing")
	f.StringArrayVar(&o.points, "point", nil, "`x,y[,label]` in picture pixels")
	f.StringArrayVar(&o.boxes, "box", nil, "`x1,y1,x2,y2` in picture pixels")
	f.StringArrayVar(&o.texts, "text", nil, "`words`")
	f.IntVar(&o.level, "level", 0, "0 the smallest segment at the points, 1 the one around it, ...")
	f.BoolVar(&o.asJSON, "json", false, "print the answers as JSON")
	o.modelFlags.add(f)
	return c
}

// imageAnswer is what came of one image.
type imageAnswer struct {
	Image    string         `json:"image"`
	Width    int            `json:"width"`
	Height   int            `json:"height"`
	Segments int            `json:"segments"` // written
	Prompts  []promptAnswer `json:"prompts,omitempty"`
}

// promptAnswer is what came of one prompt on an image.
type promptAnswer struct {
	Prompt string        `json:"prompt"`
	Box    *pipeline.Box `json:"box,omitempty"`
	Score  float64       `json:"score,omitempty"`
	Found  int           `json:"found"` // segments
	Why    string        `json:"why,omitempty"`
}

func runSegment(ctx context.Context, o segmentOptions, images []string, stdout io.Writer) error {
	prompts, err := o.prompts()
	if err != nil {
		return &usageError{err}
	}
	conf, err := o.modelFlags.config()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("make output folder: %w", err)
	}
	m := &modelSet{Model: conf.Model, Text: conf.Text, Catalogue: conf.Catalogue}
	if err := m.Initialize(); err != nil {
		return err
	}
	defer m.Close()
	coco := export.NewCOCO(version)
	names := outputNames(images)
	for i, path := range images {
		f, err := readPicture(path)
		if err != nil {
			return err
		}
		segs, err := m.Segmenter().Segment(ctx, []*pipeline.Frame{f})
		if err != nil {
			return fmt.Errorf("segment %s: %w", path, err)
		}
		a := imageAnswer{Image: path, Width: f.Width, Height: f.Height}
		chosen := segs[0].Segments
		if len(prompts) > 0 {
			if chosen, a.Prompts, err = answerPrompts(ctx, m, f, segs[0], prompts); err != nil {
				return fmt.Errorf("segment %s: %w", path, err)
			}
		}
		a.Segments = len(chosen)
		if err := writeSegments(o.out, names[i], f, chosen); err != nil {
			return err
		}
		coco.Add(filepath.Base(path), f.Width, f.Height, chosen)
		segs[0].Release()
		if err := printAnswer(stdout, a, o.asJSON); err != nil {
			return err
		}
	}
	return export.WriteFile(filepath.Join(o.out, "segments.coco.json"), func(w *bufio.Writer) error { return coco.Write(w) })
}

func printAnswer(w io.Writer, a imageAnswer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(a)
	}
	fmt.Fprintf(w, "%s: %d segments\n", a.Image, a.Segments)
	for _, p := range a.Prompts {
		fmt.Fprintf(w, "  %s: %s\n", p.Prompt, p.Why)
	}
	return nil
}

func writeSegments(dir, name string, f *pipeline.Frame, segs []pipeline.Segment) error {
	pix := append([]byte(nil), f.Data...)
	(&overlay.Painter{}).DrawSegments(pix, f.Width, f.Height, segs, f.Width, f.Height)
	if err := export.WriteFile(filepath.Join(dir, name+".segments.jpg"), func(w *bufio.Writer) error {
		return export.WriteJPEG(w, pix, f.Width, f.Height)
	}); err != nil {
		return err
	}
	return export.WriteFile(filepath.Join(dir, name+".masks.png"), func(w *bufio.Writer) error {
		return export.WriteLabels(w, f.Width, f.Height, segs)
	})
}

// prompts reads the flags.
func (o *segmentOptions) prompts() ([]pipeline.Prompt, error) {
	var out []pipeline.Prompt
	if len(o.points) > 0 {
		p := pipeline.Prompt{ID: "point " + strings.Join(o.points, " "), Level: o.level}
		for _, s := range o.points {
			v, err := numbers("--point", s, 2, 3)
			if err != nil {
				return nil, err
			}
			label := 1
			if len(v) == 3 {
				if v[2] != 0 && v[2] != 1 {
					return nil, fmt.Errorf("--point %q: label %v, want 1 (on the object) or 0 (not on it)", s, v[2])
				}
				label = int(v[2])
			}
			p.Points = append(p.Points, pipeline.Point{X: v[0], Y: v[1]})
			p.Labels = append(p.Labels, label)
		}
		out = append(out, p)
	}
	for _, s := range o.boxes {
		v, err := numbers("--box", s, 4, 4)
		if err != nil {
			return nil, err
		}
		out = append(out, pipeline.Prompt{ID: "box " + s, Box: &pipeline.Box{X1: v[0], Y1: v[1], X2: v[2], Y2: v[3]}})
	}
	for _, s := range o.texts {
		out = append(out, pipeline.Prompt{ID: "text " + s, Text: []string{s}})
	}
	for i := range out {
		if err := out[i].Validate(0, 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func numbers(flag, s string, least, most int) ([]float64, error) {
	parts := strings.Split(s, ",")
	if len(parts) < least || len(parts) > most {
		return nil, fmt.Errorf("%s %q: %d numbers, want %d", flag, s, len(parts), least)
	}
	out := make([]float64, len(parts))
	for i, t := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %q is not a number", flag, s, t)
		}
		out[i] = v
	}
	return out, nil
}

// answerPrompts answers each prompt on one image. The segments lie on one grid.
func answerPrompts(ctx context.Context, m *modelSet, f *pipeline.Frame, s *pipeline.Segmentation, prompts []pipeline.Prompt) ([]pipeline.Segment, []promptAnswer, error) {
	chosen := []pipeline.Segment{}
	var answers []promptAnswer
	for i := range prompts {
		p := &prompts[i]
		if err := p.Validate(f.Width, f.Height); err != nil {
			return nil, nil, err
		}
		found, why, err := answerPrompt(ctx, m, f, s, p)
		if err != nil {
			return nil, nil, err
		}
		a := promptAnswer{Prompt: p.ID, Found: len(found), Why: why}
		if len(found) > 0 {
			a.Box, a.Score = &found[0].Box, found[0].Score
		}
		answers = append(answers, a)
		for _, seg := range found {
			seg.Parent, seg.Level = -1, 0 // its parent may not be among the chosen
			chosen = append(chosen, seg)
		}
	}
	return chosen, answers, nil
}

// answerPrompt returns the segments that answer p and a sentence about them.
func answerPrompt(ctx context.Context, m *modelSet, f *pipeline.Frame, s *pipeline.Segmentation, p *pipeline.Prompt) ([]pipeline.Segment, string, error) {
	if p.Kind() == pipeline.PromptText {
		return answerText(ctx, m, f, s, p.Text[0])
	}
	a, err := fastsam.Prompt(s, p, f.Width, f.Height)
	if err != nil || !a.Found() {
		return nil, a.Why, err
	}
	return []pipeline.Segment{{Box: a.Box, Mask: a.Mask, Score: a.Score, Parent: -1}}, a.Why, nil
}

// answerText finds every segment that the words name better than the other words that the
// encoder knows.
func answerText(ctx context.Context, m *modelSet, f *pipeline.Frame, s *pipeline.Segmentation, words string) ([]pipeline.Segment, string, error) {
	bank, err := m.text.EncodeTexts(ctx, append([]string{words}, clip.EmbeddedVocabulary().Contrast(words)...))
	if err != nil {
		return nil, "", err
	}
	regions := make([]pipeline.Region, len(s.Segments))
	for i := range s.Segments {
		regions[i] = pipeline.Region{Box: s.Segments[i].Box, Mask: s.Segments[i].Mask}
	}
	vectors, err := m.text.EncodeRegions(ctx, f, regions)
	if err != nil {
		return nil, "", err
	}
	var found []pipeline.Segment
	var sims []float32
	nearest := -1.0
	for i, v := range vectors {
		best, second, all := clip.Search(v, bank, sims)
		sims = all
		nearest = max(nearest, float64(all[0]))
		if best == 0 && float64(all[0]) >= clip.Threshold && (second < 0 || float64(all[0]-all[second]) >= clip.Margin) {
			seg := s.Segments[i]
			seg.Label, seg.Similarity = words, float64(all[0])
			found = append(found, seg)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Sprintf("nothing matches; the nearest segment has similarity %.2f, wanted is %.2f and %.2f more than any other word", nearest, clip.Threshold, clip.Margin), nil
	}
	return found, fmt.Sprintf("%d segments", len(found)), nil
}
