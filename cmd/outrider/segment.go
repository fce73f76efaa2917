package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/overlay"
	"outrider/streams/export"
)

type segmentOptions struct {
	modelFlags
	out       string
	points    []string
	boxes     []string
	masks     []string
	texts     []string
	prompted  []string
	zone      string
	level     int
	levels    bool
	topK      int
	threshold float64
	asJSON    bool
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
box, mask and text is a prompt of its own, except that --text "not: tree" excludes from all of them. --prompt joins
several to one prompt. A prompt that nothing answers says so; that is no error.

With --levels each point, box or mask prompt also gives the nested things it can mean, coarse to fine, and writes
street.prompt1.level0.png and so on, which --mask takes.

--model may name a SAM, MobileSAM or HQ-SAM pair. --refine has one answer the prompts beside the fast model.`,
		Example: `  outrider segment street.jpg -o out
  outrider segment street.jpg --point 320,200 --point 350,180,0 --levels -o out
  outrider segment street.jpg --box 100,80,220,300 --text person --text car -o out
  outrider segment street.jpg --prompt "point=320,200;text=person" -o out`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runSegment(c.Context(), o, args, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.out, "output", "o", "out", "output `folder`, made when missing")
	f.StringArrayVar(&o.points, "point", nil, "`x,y[,label]` in picture pixels")
	f.StringArrayVar(&o.boxes, "box", nil, "`x1,y1,x2,y2` in picture pixels")
	f.StringArrayVar(&o.masks, "mask", nil, "`file` of the picture's size: a PNG (set unless black or transparent) or COCO RLE as JSON")
	f.StringArrayVar(&o.texts, "text", nil, "`words`, or \"not: words\"")
	f.StringVar(&o.zone, "zone", "", "corners `x,y,x,y,...` of a polygon to search for texts in")
	f.IntVar(&o.topK, "top-k", 0, "the best so many segments of a text, 0 for all that fit")
	f.Float64Var(&o.threshold, "threshold", 0, "least `cosine` of a text and a segment, 0 for the encoder's own")
	f.StringArrayVar(&o.prompted, "prompt", nil, promptSyntax)
	f.IntVar(&o.level, "level", 0, "0 the smallest segment at the points, 1 the one around it, ...")
	f.BoolVar(&o.levels, "levels", false, "list and write the nested things that a prompt can mean")
	f.BoolVar(&o.asJSON, "json", false, "print the answers as JSON")
	o.modelFlags.add(f)
	o.modelFlags.addRefine(f, false)
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
	Prompt       string                 `json:"prompt"`
	Box          *pipeline.Box          `json:"box,omitempty"`
	Score        float64                `json:"score,omitempty"`
	Found        int                    `json:"found"` // segments
	Level        int                    `json:"level"` // that was taken
	Why          string                 `json:"why,omitempty"`
	Matches      []match                `json:"matches,omitempty"` // of a text, best first
	Alternatives []pipeline.Alternative `json:"alternatives,omitempty"`
	Levels       []levelAnswer          `json:"levels,omitempty"` // coarse to fine
}

// match is a segment that a text found.
type match struct {
	Label      string       `json:"label"`
	Similarity float64      `json:"similarity"`
	Box        pipeline.Box `json:"box"`
}

// levelAnswer is one of the nested things that a prompt can mean.
type levelAnswer struct {
	Level int          `json:"level"`
	Box   pipeline.Box `json:"box"`
	Area  float64      `json:"area"` // square pixels
	Score float64      `json:"score"`
	Mask  mask.RLE     `json:"mask"`
	File  string       `json:"file"`
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
	m := newModelSet(conf)
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
		a, chosen, err := segmentImage(ctx, o, m, f, names[i], prompts)
		if err != nil {
			return fmt.Errorf("segment %s: %w", path, err)
		}
		a.Image = path
		coco.Add(filepath.Base(path), f.Width, f.Height, chosen)
		if err := printAnswer(stdout, a, o.asJSON); err != nil {
			return err
		}
	}
	return export.WriteFile(filepath.Join(o.out, "segments.coco.json"), func(w *bufio.Writer) error { return coco.Write(w) })
}

// segmentImage answers the prompts on one picture, or cuts all of it, and writes the pictures.
// The masks it returns are copies.
func segmentImage(ctx context.Context, o segmentOptions, m *modelSet, f *pipeline.Frame, name string, prompts []pipeline.Prompt) (imageAnswer, []pipeline.Segment, error) {
	a := imageAnswer{Width: f.Width, Height: f.Height}
	for i := range prompts { // wrong ones show before the model works
		if err := prompts[i].Validate(f.Width, f.Height); err != nil {
			return a, nil, err
		}
	}
	s := &pipeline.Segmentation{}
	if m.NeedsSegments(prompts) {
		segs, err := m.Segmenter().Segment(ctx, []*pipeline.Frame{f})
		if err != nil {
			return a, nil, err
		}
		s = segs[0]
	}
	defer s.Release()
	chosen := s.Segments
	if len(prompts) > 0 {
		chosen = []pipeline.Segment{}
		for i := range prompts {
			p := &prompts[i]
			r, err := m.Ask(ctx, f, s, p)
			if err != nil {
				return a, nil, err
			}
			ans := promptAnswer{Prompt: p.ID, Found: len(r.segments), Level: r.Level, Why: r.Why, Alternatives: r.Alternatives}
			if len(r.segments) > 0 {
				ans.Box, ans.Score = &r.segments[0].Box, r.segments[0].Score
			}
			for _, seg := range r.segments {
				if p.Kind() == pipeline.PromptText {
					ans.Matches = append(ans.Matches, match{seg.Label, seg.Similarity, seg.Box})
				}
				seg.Parent, seg.Level = -1, 0 // its parent may not be among the chosen
				chosen = append(chosen, seg)
			}
			if o.levels {
				if ans.Levels, err = writeLevelMasks(o.out, fmt.Sprintf("%s.prompt%d", name, i+1), f, r.Levels); err != nil {
					return a, nil, err
				}
			}
			a.Prompts = append(a.Prompts, ans)
		}
	}
	a.Segments = len(chosen)
	chosen = slices.Clone(chosen)
	for i := range chosen {
		chosen[i].Mask = chosen[i].Mask.Clone()
	}
	return a, chosen, writeSegments(o.out, name, f, chosen)
}

func printAnswer(w io.Writer, a imageAnswer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(a)
	}
	fmt.Fprintf(w, "%s: %d segments\n", a.Image, a.Segments)
	for _, p := range a.Prompts {
		fmt.Fprintf(w, "  %s: %s\n", p.Prompt, p.Why)
		for _, l := range p.Levels {
			fmt.Fprintf(w, "    level %d: %.0f square pixels at %.0f,%.0f,%.0f,%.0f, score %.2f -> %s\n", l.Level, l.Area, l.Box.X1, l.Box.Y1, l.Box.X2, l.Box.Y2, l.Score, l.File)
		}
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

// writeLevelMasks writes the nested masks of one prompt, given fine to coarse, and lists them
// coarse to fine. Each lies wholly inside the next coarser one.
func writeLevelMasks(dir, name string, f *pipeline.Frame, segs []pipeline.Segment) ([]levelAnswer, error) {
	masks := make([]*mask.Mask, len(segs))
	for i := range segs {
		masks[i] = segs[i].Mask
	}
	var out []levelAnswer
	for i, m := range levels.Nested(masks) {
		m = m.Resample(mask.FrameGrid(f.Width, f.Height))
		l := levelAnswer{Level: i, Area: m.PixelArea(), Score: segs[i].Score, Mask: m.RLE(f.Width, f.Height), File: filepath.Join(dir, fmt.Sprintf("%s.level%d.png", name, i))}
		l.Box.X1, l.Box.Y1, l.Box.X2, l.Box.Y2 = m.FrameBounds()
		if err := export.WriteFile(l.File, func(w *bufio.Writer) error { return writeMask(w, m) }); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	slices.Reverse(out)
	return out, nil
}

// writeMask writes a mask on the frame's pixels as a black and white PNG.
func writeMask(w io.Writer, m *mask.Mask) error {
	g := m.Grid()
	img := image.NewGray(image.Rect(0, 0, g.W, g.H))
	for y := range g.H {
		for x := range g.W {
			if m.Has(x, y) {
				img.Pix[y*img.Stride+x] = 255
			}
		}
	}
	return png.Encode(w, img)
}

// prompts reads the flags.
func (o *segmentOptions) prompts() ([]pipeline.Prompt, error) {
	var out []pipeline.Prompt
	fields := func(id, text string, level int) error {
		p := pipeline.Prompt{ID: id, Level: level}
		if err := readPromptFields(text, &p); err != nil {
			return fmt.Errorf("--%w", err)
		}
		out = append(out, p)
		return nil
	}
	if len(o.points) > 0 {
		if err := fields("point "+strings.Join(o.points, " "), "point="+strings.Join(o.points, ";point="), o.level); err != nil {
			return nil, err
		}
	} else if o.level != 0 && len(o.prompted) == 0 {
		return nil, errors.New("--level: is for --point")
	}
	for _, s := range o.boxes {
		if err := fields("box "+s, "box="+s, 0); err != nil {
			return nil, err
		}
	}
	for _, s := range o.masks {
		r, err := readMask(s)
		if err != nil {
			return nil, fmt.Errorf("--mask: %w", err)
		}
		out = append(out, pipeline.Prompt{ID: "mask " + s, Mask: r})
	}
	texts, err := o.textPrompts()
	if err != nil {
		return nil, err
	}
	out = append(out, texts...)
	for i, s := range o.prompted {
		p, err := parsePrompt(s, false)
		if err != nil {
			return nil, err
		}
		if p.ID == "" {
			p.ID = fmt.Sprintf("prompt%d", i+1)
		}
		out = append(out, p.Prompt)
	}
	for i := range out {
		if err := out[i].Validate(0, 0); err != nil {
			return nil, err
		}
	}
	if o.levels && !slices.ContainsFunc(out, func(p pipeline.Prompt) bool { return p.Kind() != pipeline.PromptText }) {
		return nil, errors.New("--levels: point at something with --point, --box, --mask or --prompt")
	}
	return out, nil
}

// textPrompts makes a prompt of each text, with the exclusions, the zone and the bounds that
// stand for all of them.
func (o *segmentOptions) textPrompts() ([]pipeline.Prompt, error) {
	var zone []pipeline.Point
	if o.zone != "" {
		var err error
		if zone, err = corners(o.zone); err != nil {
			return nil, fmt.Errorf("--zone: %w", err)
		}
	}
	if len(o.texts) == 0 {
		if o.zone != "" || o.topK != 0 || o.threshold != 0 {
			return nil, errors.New("--zone, --top-k and --threshold are for --text")
		}
		return nil, nil
	}
	all := pipeline.Prompt{ID: "text", Text: o.texts}
	wanted, not, err := all.Words()
	if err != nil {
		return nil, err
	}
	var out []pipeline.Prompt
	for _, t := range wanted {
		p := pipeline.Prompt{ID: "text " + t, Text: []string{t}, Zone: zone, TopK: o.topK, MinCos: o.threshold}
		for _, n := range not {
			p.Text = append(p.Text, "not: "+n)
		}
		out = append(out, p)
	}
	return out, nil
}
