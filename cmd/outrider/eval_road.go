package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"outrider/cmd/outrider/evalroad"
	"outrider/models/fastsam"
	"outrider/pipeline"
	"outrider/streams/capture/synth"
	"outrider/tracker"
	"outrider/tracker/obstacle"
)

type evalRoadOptions struct {
	modelFlags
	seeds     string
	scenes    int
	groups    []string
	segmenter string
	ablations bool
	kitti     string
	masks     string
	json      string
}

func evalRoadCommand() *cobra.Command {
	var o evalRoadOptions
	c := &cobra.Command{
		Use:   "road",
		Short: "Measure the road stage: distance, time to collision, warnings, false alarms",
		Long: `Drive rendered roads of which everything is known through the road stage, and print its figures with the number of
values, 95 % intervals (bootstrap over drives) and the targets. With --segmenter perfect the masks are the truth: that
measures geometry and logic alone. With model the frames are rendered and go through the model and the tracker.

The floor is a fixed plane, this frame's contact alone, no filter. --ablations turns off one part after another.

Seeds A are for work, seeds B for figures that are published.

--kitti takes a folder with label_02 and calib of KITTI's tracking benchmark: boxes in, distances out; the stage finds
the plane itself. --masks takes pictures with scores and prints the figures of SegmentMeIfYouCan's obstacle track:

` + maskLayout,
		Example: `  outrider eval road
  outrider eval road --seeds B --scenes 24 --ablations
  outrider eval road --kitti KITTI --groups none`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runEvalRoad(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.seeds, "seeds", "A", "A or B")
	f.IntVar(&o.scenes, "scenes", 6, "drives a group of scenarios")
	f.StringSliceVar(&o.groups, "groups", nil, "only these groups: "+strings.Join(evalroad.Groups(), ", ")+"; none for no drives")
	f.StringVar(&o.segmenter, "segmenter", "perfect", "perfect, or model")
	f.BoolVar(&o.ablations, "ablations", false, "drive again without each part")
	f.StringVar(&o.kitti, "kitti", "", "`folder` of KITTI's tracking labels")
	f.StringVar(&o.masks, "masks", "", "`folder` of scores and labels of obstacles")
	f.StringVar(&o.json, "json", "", "write the figures as JSON to `file`, - for standard output instead of the table")
	o.modelFlags.add(f)
	return c
}

// maskLayout is what --masks says it expects.
const maskLayout = `  scores/NAME.png   8 or 16 bit grey, higher is rather an obstacle
  labels/NAME.png   0 road, 1 obstacle, 255 ignore (or labels_masks/NAME_labels_semantic.png, as the benchmark has it)`

// roadReport is what eval road tells.
type roadReport struct {
	Seeds     string                    `json:"seeds"`
	Segmenter string                    `json:"segmenter"`
	Scenes    int                       `json:"scenes"`
	Rows      []evalroad.Row            `json:"rows,omitempty"`
	Without   map[string][]evalroad.Row `json:"without,omitempty"` // a part of the stage
	KITTI     []evalroad.Row            `json:"kitti,omitempty"`
	Masks     *evalroad.AnomalyFigures  `json:"masks,omitempty"`
	Version   string                    `json:"version"`
	Finished  time.Time                 `json:"finished"`
}

// ablation is a part of the stage that can be turned off, and the groups that show its worth.
type ablation struct {
	name   string
	off    obstacle.Ablation
	groups []string
}

var ablations = []ablation{
	{"the filter (floor)", obstacle.Ablation{Filter: true, Tilt: true}, []string{"known", "online"}},
	{"correcting the pitch", obstacle.Ablation{Tilt: true}, []string{"online", "pitch"}},
	{"the correction of the lag", obstacle.Ablation{Lag: true}, []string{"known"}},
	{"the test of standing", obstacle.Ablation{Standing: true}, []string{"negative"}},
	{"hysteresis", obstacle.Ablation{Hysteresis: true}, []string{"negative", "switch"}},
}

func runEvalRoad(ctx context.Context, o evalRoadOptions, stdout, stderr io.Writer) error {
	base, ok := map[string]uint64{"A": 1_000, "B": 900_000}[strings.ToUpper(o.seeds)]
	switch {
	case !ok:
		return usagef("--seeds %q: want A (for work) or B (for published figures)", o.seeds)
	case o.scenes < 1 || o.scenes > 10000:
		return usagef("--scenes %d: want 1 to 10000", o.scenes)
	case o.segmenter != "perfect" && o.segmenter != "model":
		return usagef("--segmenter %q: want perfect or model", o.segmenter)
	}
	none := slices.Equal(o.groups, []string{"none"})
	for _, g := range o.groups {
		if !none && !slices.Contains(evalroad.Groups(), g) {
			return usagef("--groups %q: want some of %s, or none", g, strings.Join(evalroad.Groups(), ", "))
		}
	}
	rep := roadReport{Seeds: strings.ToUpper(o.seeds), Segmenter: o.segmenter, Scenes: o.scenes, Version: version}
	run := evalroad.Synthetic{Seed: base, Scenes: o.scenes, Only: o.groups}
	if o.segmenter == "model" {
		conf, err := o.modelFlags.config()
		if err != nil {
			return err
		}
		m := &modelSet{Model: conf.Model, Text: conf.Text, Drivable: true}
		if err := m.Initialize(); err != nil {
			return err
		}
		defer m.Close()
		run.See = func(*synth.Scene) (evalroad.Perception, error) {
			return &modelEyes{segmenter: m.Segmenter(), tracker: &tracker.Tracker{}}, nil
		}
	}
	var err error
	if !none {
		if rep.Rows, err = driveRoad(ctx, run, stderr, "drives"); err != nil {
			return err
		}
		if o.ablations {
			rep.Without = map[string][]evalroad.Row{}
			for _, a := range ablations {
				r := run
				r.Off, r.Only = a.off, a.groups
				if rep.Without[a.name], err = driveRoad(ctx, r, stderr, "without "+a.name); err != nil {
					return err
				}
			}
		}
	}
	if o.kitti != "" {
		if rep.KITTI, err = evalroad.KITTI(o.kitti); err != nil {
			return err
		}
	}
	if o.masks != "" {
		f, err := evalroad.Masks(o.masks)
		if err != nil {
			return err
		}
		rep.Masks = &f
	}
	rep.Finished = time.Now()
	if o.json != "" {
		if err := writeReport(o.json, stdout, rep); err != nil || o.json == "-" {
			return err
		}
	}
	return printRoadFigures(stdout, rep)
}

func printRoadFigures(w io.Writer, rep roadReport) error {
	errs := []error{}
	if len(rep.Rows) > 0 {
		fmt.Fprintf(w, "rendered roads, %s masks, seeds %s, %d drives a group\n", rep.Segmenter, rep.Seeds, rep.Scenes)
		errs = append(errs, evalroad.Print(w, rep.Rows))
	}
	for _, a := range ablations {
		if rows := rep.Without[a.name]; rows != nil {
			fmt.Fprintf(w, "\nwithout %s\n", a.name)
			errs = append(errs, evalroad.Print(w, rows))
		}
	}
	if rep.KITTI != nil {
		fmt.Fprintln(w, "\nKITTI's boxes")
		errs = append(errs, evalroad.Print(w, rep.KITTI))
	}
	if f := rep.Masks; f != nil {
		fmt.Fprintf(w, "\nobstacles in %d pictures: AuPRC %.2f, FPR95 %.2f, sIoU %.2f, PPV %.2f, mean F1 %.2f (%d obstacles, %d predicted, threshold %d)\n",
			f.Pictures, f.AuPRC, f.FPR95, f.SIoU, f.PPV, f.MeanF1, f.Obstacles, f.Predicted, f.Threshold)
	}
	return errors.Join(errs...)
}

func driveRoad(ctx context.Context, run evalroad.Synthetic, stderr io.Writer, name string) ([]evalroad.Row, error) {
	var bar *progress
	run.Each = func(done, of int) {
		if bar == nil {
			bar = newProgress(stderr, name, of)
		}
		bar.set(done)
	}
	rows, err := run.Run(ctx)
	if bar != nil {
		bar.finish()
	}
	return rows, err
}

// modelEyes sees as the program does: segmentation, then tracking.
type modelEyes struct {
	segmenter pipeline.Segmenter
	tracker   *tracker.Tracker
}

var _ evalroad.Perception = (*modelEyes)(nil)
var _ pipeline.Segmenter = (*fastsam.Model)(nil)

// Perceive implements evalroad.Perception.
func (m *modelEyes) Perceive(ctx context.Context, r *pipeline.Result) error {
	s, err := m.segmenter.Segment(ctx, []*pipeline.Frame{r.Frame})
	if err != nil {
		return err
	}
	r.SetSegmentation(s[0])
	return m.tracker.Process(ctx, r)
}

// Close implements evalroad.Perception.
func (m *modelEyes) Close() error { return nil }
