package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"outrider/cmd/outrider/config"
	"outrider/models/clip"
	"outrider/models/ort"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

type evalTextOptions struct {
	data        string
	imageFile   string
	textFile    string
	device      string
	threads     int
	every, most int
	json        string
}

func evalTextCommand() *cobra.Command {
	var o evalTextOptions
	c := &cobra.Command{
		Use:   "text",
		Short: "Let the text encoder name segments of known classes: top-1 by group and a confusion table",
		Long: `Cut known segments out of pictures, as text prompts do, and ask which of all the words that the embedded text encoder
knows is nearest. An answer is right when the word is of the segment's group (car, van and taxi are one group). Segments of
other classes, or of less than 32 x 32 pixels, are left out.

--data is a folder in this layout:

` + segmentsLayout,
		Example: `  outrider eval text --data segments
  outrider eval text --data segments --every 9 --json text.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runEvalText(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	d := config.Default().Model
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "`folder` of pictures and id maps (required)")
	f.StringVar(&o.imageFile, "image-encoder", "", "ONNX `file` of another pair's image encoder")
	f.StringVar(&o.textFile, "text-encoder", "", "ONNX `file` of the same pair's text encoder")
	f.StringVar(&o.device, "device", d.Device, "where they run: auto, cpu, cuda[:n], tensorrt, openvino, coreml")
	f.IntVar(&o.threads, "threads", d.Threads, "their threads, 0 for what suits the machine")
	f.IntVar(&o.every, "every", 1, "use every n-th picture")
	f.IntVar(&o.most, "most", 0, "use at most `n` segments of a picture, 0 for all")
	f.StringVar(&o.json, "json", "", "write the figures as JSON to `file`, - for standard output instead of the tables")
	return c
}

// segmentsLayout is what eval text says it expects.
const segmentsLayout = `  index.json       [{"image": "a.jpg", "ids": "a.png", "classes": {"1": "car", "2": "tree"}}, ...]
  images/a.jpg     the picture
  ids/a.png        its segments: grey PNG, 8 or 16 bits, each pixel the id of its segment, 0 for none`

// leastNamed is the least area of a segment that is asked about, in pixels.
const leastNamed = 32 * 32

// textReport is what eval text tells. Shares are from 0 to 1.
type textReport struct {
	Data     string `json:"data"`
	Pictures int    `json:"pictures"`
	Segments int    `json:"segments"`
	// Top1 is the share of segments whose nearest word is of their group, MeanTop1 the mean of
	// the groups' shares.
	Top1     float64 `json:"top1"`
	MeanTop1 float64 `json:"mean_top1"`
	// Named counts the segments that a prompt would name: the cosine above the threshold, and
	// clear of every other group by the margin; Right those of them named rightly.
	Named     int          `json:"named"`
	Right     int          `json:"named_right"`
	Groups    []groupFound `json:"groups"`    // with segments
	Confusion [][]int      `json:"confusion"` // by group as in Names: of the segment, of the nearest word
	Names     []string     `json:"names"`
	Version   string       `json:"version"`
}

// groupFound is one group's figure.
type groupFound struct {
	Name     string  `json:"name"`
	Segments int     `json:"segments"`
	Hits     int     `json:"hits"`
	Top1     float64 `json:"top1"`
	HeldOut  float64 `json:"held_out,omitempty"` // measured when the embedded pair was made, on other pictures
}

func runEvalText(ctx context.Context, o evalTextOptions, stdout, stderr io.Writer) error {
	switch {
	case o.data == "":
		return usagef("--data is required: a folder of pictures and id maps; see outrider eval text --help")
	case o.every < 1:
		return usagef("--every %d: want 1 or more", o.every)
	case o.most < 0:
		return usagef("--most %d: want 0 or more", o.most)
	case (o.imageFile == "") != (o.textFile == ""):
		return usagef("--image-encoder and --text-encoder go together: give both files of one pair")
	}
	if _, err := ort.ParseDevice(o.device); err != nil {
		return &usageError{fmt.Errorf("--device: %w", err)}
	}
	index, err := readSegmentIndex(o.data)
	if err != nil {
		return err
	}
	m := &clip.Model{ImageFile: o.imageFile, TextFile: o.textFile, Runtime: ort.Options{Device: o.device, Threads: o.threads}}
	if err := m.Initialize(); err != nil {
		return err
	}
	defer m.Close()
	n := newNaming(m)
	if err := n.embed(ctx); err != nil {
		return err
	}
	bar := newProgress(stderr, "eval text", (len(index)+o.every-1)/o.every)
	for i := 0; i < len(index); i += o.every {
		if err := n.picture(ctx, o.data, index[i], o.most); err != nil {
			if ctx.Err() != nil {
				return errors.New("eval text: interrupted")
			}
			return err
		}
		bar.set(n.rep.Pictures)
	}
	bar.finish()
	if n.rep.Segments == 0 {
		return fmt.Errorf("no segment of %s has a class that the vocabulary knows and %d pixels or more", o.data, leastNamed)
	}
	rep := n.report()
	rep.Data, rep.Version = o.data, version
	if o.json != "" {
		if err := writeReport(o.json, stdout, rep); err != nil || o.json == "-" {
			return err
		}
	}
	return printText(stdout, rep)
}

// segmentEntry is a picture of index.json.
type segmentEntry struct {
	Image   string
	IDs     string
	Classes map[string]string
}

func readSegmentIndex(dir string) ([]segmentEntry, error) {
	path := filepath.Join(dir, "index.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; want\n%s", err, segmentsLayout)
	}
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	var index []segmentEntry
	if err := json.Unmarshal(b, &index); err != nil {
		return nil, fmt.Errorf("read index %s: %w; want\n%s", path, err, segmentsLayout)
	}
	for i, e := range index {
		if !filepath.IsLocal(e.Image) || !filepath.IsLocal(e.IDs) {
			return nil, fmt.Errorf("read index %s: entry %d: image %q and ids %q: want names of files in images/ and ids/", path, i, e.Image, e.IDs)
		}
		for id := range e.Classes {
			if n, err := strconv.Atoi(id); err != nil || n < 1 || n > 65535 {
				return nil, fmt.Errorf("read index %s: entry %d: id %q: want a number from 1 to 65535", path, i, id)
			}
		}
	}
	return index, nil
}

// readIDs reads an id map: the mask of every id in it.
func readIDs(path string) (map[int]*mask.Mask, int, int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read id map: %w", err)
	}
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err == nil && (c.Width <= 0 || c.Height <= 0 || c.Width > maxPicturePixels/c.Height) {
		err = fmt.Errorf("%dx%d pixels, at most %d million are taken", c.Width, c.Height, maxPicturePixels>>20)
	}
	var img image.Image
	if err == nil {
		img, err = png.Decode(bytes.NewReader(b))
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read id map %s: %w", path, err)
	}
	var id func(x, y int) int
	switch p := img.(type) {
	case *image.Gray:
		id = func(x, y int) int { return int(p.GrayAt(x, y).Y) }
	case *image.Gray16:
		id = func(x, y int) int { return int(p.Gray16At(x, y).Y) }
	default:
		return nil, 0, 0, fmt.Errorf("read id map %s: want a grey PNG of 8 or 16 bits", path)
	}
	r := img.Bounds()
	w, h := r.Dx(), r.Dy()
	boxes := map[int]image.Rectangle{}
	for y := range h {
		for x := range w {
			if v := id(r.Min.X+x, r.Min.Y+y); v != 0 {
				boxes[v] = boxes[v].Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	masks := make(map[int]*mask.Mask, len(boxes))
	for v, b := range boxes {
		m := mask.New(mask.FrameGrid(w, h), b)
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				if id(r.Min.X+x, r.Min.Y+y) == v {
					m.Set(x, y)
				}
			}
		}
		masks[v] = m
	}
	return masks, w, h, nil
}

// naming asks a pair for the names of segments and counts its answers.
type naming struct {
	model *clip.Model
	vocab *clip.Vocabulary
	bank  [][]float32 // of every word
	group []int       // and the group it is of
	sims  []float32

	rep    textReport
	counts [][]int // by group of the segment, and of the answer
	hits   []int
	totals []int
}

func newNaming(m *clip.Model) *naming {
	n := &naming{model: m, vocab: clip.EmbeddedVocabulary()}
	groups := len(n.vocab.Groups())
	n.hits, n.totals = make([]int, groups), make([]int, groups)
	for range groups {
		n.counts = append(n.counts, make([]int, groups))
	}
	return n
}

// embed makes the bank of words.
func (n *naming) embed(ctx context.Context) error {
	for i, g := range n.vocab.Groups() {
		vecs, err := n.model.EncodeTexts(ctx, g.Words)
		if err != nil {
			return fmt.Errorf("embed the words of group %q: %w", g.Name, err)
		}
		for _, v := range vecs {
			n.bank, n.group = append(n.bank, v), append(n.group, i)
		}
	}
	return nil
}

// picture asks about the segments of one picture, the first most of them from left to right,
// 0 for all.
func (n *naming) picture(ctx context.Context, dir string, e segmentEntry, most int) error {
	f, err := readPicture(filepath.Join(dir, "images", e.Image))
	if err != nil {
		return err
	}
	masks, w, h, err := readIDs(filepath.Join(dir, "ids", e.IDs))
	if err != nil {
		return err
	}
	if w != f.Width || h != f.Height {
		return fmt.Errorf("picture %s is %dx%d, its id map %s %dx%d: want one size", e.Image, f.Width, f.Height, e.IDs, w, h)
	}
	var regions []pipeline.Region
	var groups [][]int
	ids := make([]int, 0, len(masks))
	for id := range masks {
		ids = append(ids, id)
	}
	sort.Ints(ids)
	for _, id := range ids {
		in := n.vocab.GroupsOf(e.Classes[strconv.Itoa(id)])
		if m := masks[id]; len(in) > 0 && m.Area() >= leastNamed && (most == 0 || len(regions) < most) {
			x1, y1, x2, y2 := m.FrameBounds()
			regions = append(regions, pipeline.Region{Box: pipeline.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}, Mask: m})
			groups = append(groups, in)
		}
	}
	n.rep.Pictures++
	if len(regions) == 0 {
		return nil
	}
	vecs, err := n.model.EncodeRegions(ctx, f, regions)
	if err != nil {
		return fmt.Errorf("picture %s: %w", e.Image, err)
	}
	for i, v := range vecs {
		n.count(v, groups[i])
	}
	return nil
}

// count notes the answer for a segment that is of any of the groups in.
func (n *naming) count(v []float32, in []int) {
	best, _, sims := clip.Search(v, n.bank, n.sims)
	n.sims = sims
	if best < 0 {
		return
	}
	answer := n.group[best]
	right := slices.Contains(in, answer)
	of := in[0]
	if right {
		of = answer
		n.hits[of]++
	}
	n.totals[of]++
	n.counts[of][answer]++
	n.rep.Segments++
	other := float32(-1)
	for j, s := range sims {
		if n.group[j] != answer {
			other = max(other, s)
		}
	}
	if sims[best] >= clip.Threshold && sims[best]-other >= clip.Margin {
		n.rep.Named++
		if right {
			n.rep.Right++
		}
	}
}

// report makes the shares.
func (n *naming) report() textReport {
	rep := n.rep
	hits := 0
	for i, g := range n.vocab.Groups() {
		rep.Names = append(rep.Names, g.Name)
		if n.totals[i] == 0 {
			continue
		}
		hits += n.hits[i]
		found := groupFound{Name: g.Name, Segments: n.totals[i], Hits: n.hits[i], Top1: float64(n.hits[i]) / float64(n.totals[i]), HeldOut: g.Top1}
		rep.Groups = append(rep.Groups, found)
		rep.MeanTop1 += found.Top1
	}
	rep.MeanTop1 /= float64(len(rep.Groups))
	rep.Top1 = float64(hits) / float64(rep.Segments)
	rep.Confusion = n.counts
	return rep
}

func printText(w io.Writer, rep textReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "group\tsegments\ttop-1\theld out\t")
	for _, g := range rep.Groups {
		held := "-"
		if g.HeldOut > 0 {
			held = fmt.Sprintf("%.2f", g.HeldOut)
		}
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%s\t\n", g.Name, g.Segments, g.Top1, held)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "all %d segments of %d pictures: top-1 %.2f; mean of %d groups %.2f\n", rep.Segments, rep.Pictures, rep.Top1, len(rep.Groups), rep.MeanTop1)
	fmt.Fprintf(w, "named by threshold %.2f and margin %.2f: %d, of which right %d\n\n", clip.Threshold, clip.Margin, rep.Named, rep.Right)

	// Only groups that occur, as segment or as answer.
	var used []int
	for i := range rep.Names {
		sum := 0
		for j := range rep.Names {
			sum += rep.Confusion[i][j] + rep.Confusion[j][i]
		}
		if sum > 0 {
			used = append(used, i)
		}
	}
	fmt.Fprintln(w, "confusion: a row is the group of the segment, a column the group of the nearest word")
	t = tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\t\t")
	for k := range used {
		fmt.Fprintf(t, "%d\t", k+1)
	}
	fmt.Fprintln(t)
	for k, i := range used {
		fmt.Fprintf(t, "%d\t%s\t", k+1, rep.Names[i])
		for _, j := range used {
			if c := rep.Confusion[i][j]; c > 0 {
				fmt.Fprintf(t, "%d\t", c)
			} else {
				fmt.Fprint(t, ".\t")
			}
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
