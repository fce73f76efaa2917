package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"outrider/streams/export"
	"outrider/tracker"
	"outrider/tracker/trackeval"
)

type evalTrackOptions struct {
	data    string
	out     string
	results string
	every   int
	drop    float64
	seed    uint64
	gmc     bool
	class   string
	json    string
	plots   string
}

func evalTrackCommand() *cobra.Command {
	var o evalTrackOptions
	c := &cobra.Command{
		Use:   "track",
		Short: "Track stored detections and score the result: HOTA, MOTA, IDF1",
		Long: `Run the tracker on stored detections and score the result against ground truth: HOTA with DetA, AssA and LocA, the CLEAR
figures (MOTA, switches, fragments, false and missed boxes) and IDF1, for each sequence, each set, and as the mean of
the sets. With --results it scores somebody's result instead and runs no tracker.

--data is a sequence, a set of them, or a folder of sets, in one of these layouts:

` + trackLayouts,
		Example: `  outrider eval track --data MOT17/train
  outrider eval track --data MOT17/train --out results --every 3
  outrider eval track --data MOT17/train --results theirs --json theirs.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runEvalTrack(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "`folder` of sequences (required)")
	f.StringVar(&o.class, "class", "", "`name` of the class that is judged where a data set has several: car or pedestrian, or a COCO category")
	f.StringVar(&o.out, "out", "", "write the tracks as text of the data set's own form to `folder`/SET/SEQUENCE.txt")
	f.StringVar(&o.results, "results", "", "score the text in `folder`/[SET/]SEQUENCE.txt, or one JSON file of COCO's form, and run no tracker")
	f.IntVar(&o.every, "every", 1, "use every n-th frame only; only those are scored")
	f.Float64Var(&o.drop, "drop", 0, "lose this share of the frames at random; only the others are scored")
	f.Uint64Var(&o.seed, "seed", 1, "of --drop")
	f.BoolVar(&o.gmc, "gmc", false, "give the tracker the stored camera motion (gmc.txt)")
	f.StringVar(&o.json, "json", "", "write the figures as JSON to `file`, - for standard output instead of the table")
	f.StringVar(&o.plots, "plots", "", "draw HOTA over the localisation threshold as SVG into `folder`")
	return c
}

// trackLayouts is what eval track says it expects.
const trackLayouts = `  MOTChallenge     SEQUENCE/seqinfo.ini  frameRate, seqLength, imWidth, imHeight
                   SEQUENCE/gt/gt.txt    frame,id,left,top,width,height,scored,class,visibility; or MOTS text
                   SEQUENCE/det/det.txt  frame,-1,left,top,width,height,score
                   SEQUENCE/gmc.txt      optional camera motion: frame,a11,a12,tx,a21,a22,ty from the frame before
  KITTI tracking   label_02/0000.txt, det_02/0000.txt, evaluate_tracking.seqmap*; also below training/
  KITTI MOTS       instances_txt/0000.txt, det_txt/0000.txt; also below training/
  COCO video       gt.json, det.json: YouTube-VIS' form, or TAO's`

// trackReport is what eval track tells.
type trackReport struct {
	Data    string      `json:"data"`
	Every   int         `json:"every"`
	Drop    float64     `json:"drop"`
	Seed    uint64      `json:"seed"`
	GMC     bool        `json:"gmc"`
	Class   string      `json:"class,omitempty"`
	Results string      `json:"results,omitempty"` // scored instead of a run
	Sets    []setReport `json:"sets"`
	// Mean is of the sets' rates, so that no set rules by its size; counts are sums.
	Mean    trackeval.Figures `json:"mean"`
	Frames  int               `json:"frames"`
	Seconds float64           `json:"tracking_seconds,omitempty"` // of the tracker alone
	Version string            `json:"version"`
}

type setReport struct {
	Name      string           `json:"name"`
	Sequences []sequenceReport `json:"sequences"`
	// Combined are the figures of all the set's sequences as one.
	Combined trackeval.Figures `json:"combined"`
}

type sequenceReport struct {
	Name   string `json:"name"`
	Frames int    `json:"frames"`
	trackeval.Figures
}

func runEvalTrack(ctx context.Context, o evalTrackOptions, stdout, stderr io.Writer) error {
	switch {
	case o.data == "":
		return usagef("--data is required: a folder of sequences; see outrider eval track --help")
	case o.every < 1:
		return usagef("--every %d: want 1 or more", o.every)
	case !(o.drop >= 0 && o.drop < 1):
		return usagef("--drop %v: want a share from 0 to less than 1", o.drop)
	case o.results != "" && (o.out != "" || o.gmc):
		return usagef("--results runs no tracker: --out and --gmc do not go with it")
	}
	sets, err := trackeval.ReadSets(o.data, o.class)
	if errors.Is(err, trackeval.ErrNoData) {
		return fmt.Errorf("%w; want\n%s", err, trackLayouts)
	}
	if err != nil {
		return err
	}
	rep := trackReport{Data: o.data, Every: o.every, Drop: o.drop, Seed: o.seed, GMC: o.gmc, Class: o.class, Results: o.results, Version: version}
	total := 0
	for _, set := range sets {
		for _, s := range set.Sequences {
			total += s.Frames
			if o.gmc && s.Warps == nil {
				fmt.Fprintf(stderr, "note: %s/%s has no gmc.txt: tracked without camera motion\n", set.Name, s.Name)
			}
		}
	}
	bar := newProgress(stderr, "eval track", total)
	done := 0
	var means []trackeval.Figures
	for _, set := range sets {
		r := setReport{Name: set.Name}
		var scores []trackeval.Scores
		given, err := o.given(&set)
		if err != nil {
			return err
		}
		for _, s := range set.Sequences {
			if err := ctx.Err(); err != nil {
				return errors.New("eval track: interrupted")
			}
			frames := s.Pick(o.every, o.drop, o.seed)
			rows, took, err := o.tracks(set.Name, s, frames, given)
			if err != nil {
				return err
			}
			rep.Seconds += took.Seconds()
			rep.Frames += len(frames)
			sc := trackeval.Eval(s.Compare(trackeval.ByFrame(rows, s.Frames), frames))
			scores = append(scores, sc)
			r.Sequences = append(r.Sequences, sequenceReport{s.Name, len(frames), sc.Figures()})
			done += s.Frames
			bar.set(done)
		}
		r.Combined = trackeval.Combine(scores).Figures()
		means = append(means, r.Combined)
		rep.Sets = append(rep.Sets, r)
	}
	bar.finish()
	rep.Mean = trackeval.MeanFigures(means)
	if o.plots != "" {
		if err := plotTracks(o.plots, rep); err != nil {
			return err
		}
	}
	if o.json != "" {
		if err := writeReport(o.json, stdout, rep); err != nil || o.json == "-" {
			return err
		}
	}
	return printTracks(stdout, rep)
}

// tracks returns what is to be scored: the tracker's rows, or those of --results. Ours go
// through the text that is written, so that who scores the file gets the same figures.
func (o *evalTrackOptions) tracks(set string, s *trackeval.Sequence, frames []int, given map[*trackeval.Sequence][]trackeval.Row) ([]trackeval.Row, time.Duration, error) {
	switch {
	case given != nil:
		return given[s], 0, nil
	case o.results != "":
		rows, err := readResult(o.results, set, s)
		return rows, 0, err
	case s.Detections == nil:
		return nil, 0, fmt.Errorf("sequence %s/%s has no stored detections to track; score a result of it with --results, or add them:\n%s", set, s.Name, trackLayouts)
	}
	start := time.Now()
	byFrame := s.Run(&tracker.Core{}, frames, o.gmc)
	took := time.Since(start)
	var text bytes.Buffer
	if err := s.WriteTracks(&text, slices.Concat(byFrame...)); err != nil {
		return nil, 0, fmt.Errorf("sequence %s/%s: %w", set, s.Name, err)
	}
	if o.out != "" {
		dir := filepath.Join(o.out, set)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, 0, fmt.Errorf("make result folder: %w", err)
		}
		if err := export.WriteFile(filepath.Join(dir, s.Name+".txt"), func(w *bufio.Writer) error {
			_, err := w.Write(text.Bytes())
			return err
		}); err != nil {
			return nil, 0, err
		}
	}
	rows, err := s.ReadTracks(&text)
	return rows, took, err
}

// given reads --results where that is one file for all sequences; else it returns nil.
func (o *evalTrackOptions) given(set *trackeval.Set) (map[*trackeval.Sequence][]trackeval.Row, error) {
	if !strings.EqualFold(filepath.Ext(o.results), ".json") {
		return nil, nil
	}
	f, err := os.Open(o.results)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	defer f.Close()
	rows, err := set.ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("read result %s: %w", o.results, err)
	}
	return rows, nil
}

// readResult reads a sequence's result from where the field's tools put it.
func readResult(dir, set string, s *trackeval.Sequence) ([]trackeval.Row, error) {
	var tried []string
	for _, p := range []string{filepath.Join(set, s.Name+".txt"), s.Name + ".txt", filepath.Join("data", s.Name+".txt")} {
		f, err := os.Open(filepath.Join(dir, p))
		if errors.Is(err, fs.ErrNotExist) {
			tried = append(tried, p)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read result: %w", err)
		}
		defer f.Close()
		rows, err := s.ReadTracks(f)
		if err != nil {
			return nil, fmt.Errorf("read result %s: %w", f.Name(), err)
		}
		return rows, nil
	}
	return nil, fmt.Errorf("no result of sequence %s in %s: want one of %s", s.Name, dir, strings.Join(tried, ", "))
}

func printTracks(w io.Writer, rep trackReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "set\tsequence\tframes\tHOTA\tDetA\tAssA\tLocA\tMOTA\tIDF1\tIDSW\tFrag\tFP\tFN\t")
	line := func(set, name string, frames int, f trackeval.Figures) {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%d\t%d\t\n", set, name, frames,
			f.HOTA, f.DetA, f.AssA, f.LocA, f.MOTA, f.IDF1, f.IDSW, f.Frag, f.FP, f.FN)
	}
	for _, s := range rep.Sets {
		n := 0
		for _, q := range s.Sequences {
			line(s.Name, q.Name, q.Frames, q.Figures)
			n += q.Frames
		}
		line(s.Name, "all", n, s.Combined)
	}
	if len(rep.Sets) > 1 {
		line("all", "mean of sets", rep.Frames, rep.Mean)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if rep.Results == "" && rep.Seconds > 0 {
		fmt.Fprintf(w, "tracker alone: %.0f frames/s\n", float64(rep.Frames)/rep.Seconds)
	}
	return nil
}
