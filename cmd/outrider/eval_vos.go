package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"sort"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/tracker/trackeval"
)

type evalVOSOptions struct {
	modelFlags
	data      string
	only      []string
	frames    int
	segmenter string
	start     string
	seed      uint64
	draws     int
	json      string
}

func evalVOSCommand() *cobra.Command {
	var o evalVOSOptions
	c := &cobra.Command{
		Use:   "vos",
		Short: "Point at the objects of videos once, follow them, and score the masks: J, F, loss to the oracle",
		Long: `Point at each object of a video in its first frame, by its mask and again by a click in its middle (at the level that
meets it best), follow it through the video as "outrider run" does, and score the masks with DAVIS' figures: J
(overlap), F (contour), their mean, recall and decay.

It does so on the segments of the model, and again on those of a perfect segmenter: the truth, cut into parts, with
jitter, and one in ten left out. The oracle takes the best segment of each frame by the truth; what a tracker loses
against it is the tracker's own loss. A jump is a prompt that tells of another object as if it were its own for 8
frames or more.

--data is one video, a folder of them, or DAVIS itself:

` + vosLayout,
		Example: `  outrider eval vos --data DAVIS
  outrider eval vos --data clips --segmenter perfect --only dog,libby`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runEvalVOS(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "`folder` of videos with masks (required)")
	f.StringSliceVar(&o.only, "only", nil, "`names` of the videos to use, default all")
	f.IntVar(&o.frames, "frames", 0, "use only the first `n` frames of each video, 0 for all")
	f.StringVar(&o.segmenter, "segmenter", "both", "model, perfect, or both")
	f.StringVar(&o.start, "start", "both", "how the object is pointed at: mask, point, or both")
	f.Uint64Var(&o.seed, "seed", 1, "of the perfect segmenter")
	f.IntVar(&o.draws, "draws", 3, "times that the perfect segmenter is run, with other jitter and drops")
	f.StringVar(&o.json, "json", "", "write the figures, frame by frame too, as JSON to `file`, - for standard output instead of the table")
	o.modelFlags.add(f)
	return c
}

// vosLayout is what eval vos says it expects.
const vosLayout = `  VIDEO/images/00000.jpg, VIDEO/masks/00000.png, ...             or
  JPEGImages/480p/VIDEO/00000.jpg, Annotations/480p/VIDEO/00000.png, ...

A mask is a PNG whose values are object ids; with one value besides 0 it is one object.`

// vosReport is what eval vos tells.
type vosReport struct {
	Data     string      `json:"data"`
	Model    string      `json:"model"`
	Input    int         `json:"input"`
	Seed     uint64      `json:"seed"`
	JumpAt   int         `json:"jump_frames"` // frames on another object that make a jump
	Objects  []vosObject `json:"objects"`
	Means    []vosMean   `json:"means"`
	Version  string      `json:"version"`
	Skipped  []string    `json:"skipped,omitempty"` // objects that the first frame does not show
	Untaken  int         `json:"untaken"`           // runs whose prompt was never answered
	Finished time.Time   `json:"finished"`
}

// vosScore is how well masks meet the truth, in percent.
type vosScore struct {
	J       float64 `json:"j"`
	JRecall float64 `json:"j_recall"`
	JDecay  float64 `json:"j_decay"`
	F       float64 `json:"f"`
	FRecall float64 `json:"f_recall"`
	FDecay  float64 `json:"f_decay"`
	JF      float64 `json:"j_and_f"`
}

// vosRun says how a run was made.
type vosRun struct {
	Segmenter string `json:"segmenter"`
	Start     string `json:"start"`
}

// vosObject is one run on one object of one video.
type vosObject struct {
	vosRun
	Video  string   `json:"video"`
	Draw   int      `json:"draw"` // of the perfect segmenter, from 1
	Object int      `json:"object"`
	Got    vosScore `json:"got"`
	Oracle vosScore `json:"oracle"`
	Loss   float64  `json:"loss"`  // of J&F against the oracle
	Jumps  int      `json:"jumps"` // to another object, that last
	Frames []vosAt  `json:"frames"`
}

// vosAt is one frame of a run.
type vosAt struct {
	J       float64 `json:"j"`
	F       float64 `json:"f"`
	OracleJ float64 `json:"oracle_j"`
	OracleF float64 `json:"oracle_f"`
	State   string  `json:"state"` // seen, predicted, or searching
	Track   uint64  `json:"track,omitempty"`
	On      float64 `json:"on"` // share of the told mask that lies on the object
}

// vosMean is the mean of a run over all objects and draws.
type vosMean struct {
	vosRun
	Got    vosScore `json:"got"`
	Oracle vosScore `json:"oracle"`
	Loss   float64  `json:"loss"`
	Jumps  int      `json:"jumps"` // sum
}

func runEvalVOS(ctx context.Context, o evalVOSOptions, stdout, stderr io.Writer) error {
	segmenters, err := oneOrBoth("--segmenter", o.segmenter, "model", "perfect")
	if err != nil {
		return err
	}
	starts, err := oneOrBoth("--start", o.start, "mask", "point")
	if err != nil {
		return err
	}
	switch {
	case o.data == "":
		return usagef("--data is required: a folder of videos with masks; see outrider eval vos --help")
	case o.draws < 1 || o.draws > 100:
		return usagef("--draws %d: want 1 to 100", o.draws)
	case o.frames != 0 && o.frames < 3:
		return usagef("--frames %d: want 3 or more, or 0 for all", o.frames)
	}
	conf, err := o.modelFlags.config()
	if err != nil {
		return err
	}
	clips, err := trackeval.ReadClips(o.data)
	if errors.Is(err, trackeval.ErrNoData) {
		return fmt.Errorf("%w; want\n%s", err, vosLayout)
	}
	if err != nil {
		return err
	}
	if clips, err = pickClips(clips, o.only, o.frames); err != nil {
		return err
	}
	m := newModelSet(conf)
	if err := m.Initialize(); err != nil {
		return err
	}
	defer m.Close()
	rep := vosReport{Data: o.data, Model: m.Name(), Input: conf.Model.Input, Seed: o.seed, JumpAt: jumpFrames, Version: version}
	var passes []vosPass
	for _, name := range segmenters {
		for d := 1; d == 1 || name == "perfect" && d <= o.draws; d++ {
			passes = append(passes, vosPass{name, d})
		}
	}
	total := 0
	for _, c := range clips {
		total += len(c.Images) * len(passes)
	}
	bar := newProgress(stderr, "eval vos", total)
	done := 0
	for _, c := range clips {
		for i, p := range passes {
			v := &vosVideo{clip: c, models: m, vosPass: p, starts: starts, step: func() { done++; bar.set(done) }}
			v.parts.Seed = seedOf(o.seed+uint64(p.draw), c.Name)
			objects, skipped, err := v.run(ctx)
			if err != nil {
				if ctx.Err() != nil {
					return errors.New("eval vos: interrupted")
				}
				return fmt.Errorf("video %s: %w", c.Name, err)
			}
			rep.Objects = append(rep.Objects, objects...)
			if i == 0 {
				rep.Skipped = append(rep.Skipped, skipped...)
			}
		}
	}
	bar.finish()
	rep.summarize()
	if o.json != "" {
		if err := writeReport(o.json, stdout, rep); err != nil || o.json == "-" {
			return err
		}
	}
	return printVOS(stdout, rep)
}

// seedOf gives every video draws of its own.
func seedOf(seed uint64, video string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(video))
	return seed ^ h.Sum64()
}

func oneOrBoth(flag, value, a, b string) ([]string, error) {
	switch value {
	case "both":
		return []string{a, b}, nil
	case a, b:
		return []string{value}, nil
	}
	return nil, usagef("%s %q: want %s, %s or both", flag, value, a, b)
}

// pickClips keeps the named clips, cut to n frames.
func pickClips(clips []trackeval.Clip, only []string, n int) ([]trackeval.Clip, error) {
	for _, name := range only {
		if !slices.ContainsFunc(clips, func(c trackeval.Clip) bool { return c.Name == name }) {
			var have []string
			for _, c := range clips {
				have = append(have, c.Name)
			}
			return nil, usagef("--only %s: no such video; there are %v", name, have)
		}
	}
	var out []trackeval.Clip
	for _, c := range clips {
		if len(only) > 0 && !slices.Contains(only, c.Name) {
			continue
		}
		if n > 0 && n < len(c.Images) {
			c.Images, c.Masks = c.Images[:n], c.Masks[:n]
		}
		out = append(out, c)
	}
	return out, nil
}

// vosPass is one way through all videos: the segmenter, and its draw.
type vosPass struct {
	segmenter string
	draw      int
}

// vosVideo makes one pass through one video, all ways to start at once.
type vosVideo struct {
	vosPass
	clip   trackeval.Clip
	models *modelSet
	parts  trackeval.Parts
	starts []string
	step   func()

	contour trackeval.Contour
	w, h    int
	ids     []int // objects of the first frame
	chains  []*chain
	at      [][][]vosAt // by start, object, frame
}

func (v *vosVideo) run(ctx context.Context) ([]vosObject, []string, error) {
	var skipped []string
	start := time.Now()
	for i := range v.clip.Images {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		f, err := readPicture(v.clip.Images[i])
		if err != nil {
			return nil, nil, err
		}
		truth, w, h, err := trackeval.ReadMasks(v.clip.Masks[i])
		if err != nil {
			return nil, nil, err
		}
		if w != f.Width || h != f.Height || i > 0 && (w != v.w || h != v.h) {
			return nil, nil, fmt.Errorf("frame %d: the picture is %dx%d, the mask %dx%d: want one size in all of the video", i, f.Width, f.Height, w, h)
		}
		if i == 0 {
			v.w, v.h = w, h
			for id := range truth {
				v.ids = append(v.ids, id)
			}
			sort.Ints(v.ids)
			if len(v.ids) == 0 {
				return nil, nil, errors.New("frame 0 shows no object: want a mask that is not empty in the first frame")
			}
		}
		for id := range truth {
			if name := fmt.Sprintf("%s object %d", v.clip.Name, id); !slices.Contains(v.ids, id) && !slices.Contains(skipped, name) {
				skipped = append(skipped, name)
			}
		}
		f.Camera, f.Seq, f.Epoch = v.clip.Name, uint64(i+1), 1
		f.MediaTime = time.Duration(i) * time.Second / trackeval.ClipRate
		f.Captured = start.Add(f.MediaTime)
		if err := v.frame(ctx, f, truth); err != nil {
			return nil, nil, err
		}
		v.step()
	}
	sort.Strings(skipped)
	return v.objects(), skipped, nil
}

// begin makes a chain of stages for each way to start and asks its prompts. seg is what the
// first frame f was cut into.
func (v *vosVideo) begin(ctx context.Context, f *pipeline.Frame, seg *pipeline.Segmentation, want []*mask.Mask) error {
	for _, start := range v.starts {
		c := newChain(v.models, false)
		for k, id := range v.ids {
			p := pipeline.Prompt{ID: promptOf(id)}
			if start == "point" {
				x, y, _ := trackeval.Innermost(want[k])
				p.Points = []pipeline.Point{{X: float64(x) + 0.5, Y: float64(y) + 0.5}}
				var err error
				if p.Level, err = v.level(ctx, f, seg, p, want[k]); err != nil {
					return err
				}
			} else {
				rle := want[k].RLE(v.w, v.h)
				p.Mask = &rle
			}
			if err := c.prompts.Restore(ctx, p); err != nil {
				return err
			}
		}
		v.chains = append(v.chains, c)
		v.at = append(v.at, make([][]vosAt, len(v.ids)))
	}
	return nil
}

// level is the one of a point's levels that meets the object best: who clicks on a wheel and
// means the car asks for the next level.
func (v *vosVideo) level(ctx context.Context, f *pipeline.Frame, seg *pipeline.Segmentation, p pipeline.Prompt, want *mask.Mask) (int, error) {
	best, most := 0, 0.0
	for l := range pipeline.MaxPromptLevel + 1 {
		c := newChain(v.models, false)
		p.Level = l
		if err := c.prompts.Restore(ctx, p); err != nil {
			return 0, err
		}
		err := v.process(ctx, c, f, seg, func(r *pipeline.Result) {
			if t := trackOfPrompt(c, r, p.ID); t != nil && t.Mask != nil {
				if j := mask.IoU(t.Mask.Resample(want.Grid()), want); j > most {
					best, most = l, j
				}
			}
		})
		if err != nil {
			return 0, err
		}
	}
	return best, nil
}

func promptOf(object int) string { return fmt.Sprintf("object %d", object) }

// trackOfPrompt is the track that follows a prompt's object in r, nil while it searches.
func trackOfPrompt(c *chain, r *pipeline.Result, id string) *pipeline.Track {
	st, err := c.prompts.Get(id)
	if err != nil || st.State != pipeline.PromptTracking {
		return nil
	}
	i := slices.IndexFunc(r.Tracks, func(t pipeline.Track) bool { return t.ID == st.TrackID })
	if i < 0 {
		return nil
	}
	return &r.Tracks[i]
}

// process lets a chain work on a segmented frame and shows its result.
func (v *vosVideo) process(ctx context.Context, c *chain, f *pipeline.Frame, seg *pipeline.Segmentation, see func(*pipeline.Result)) error {
	r := pipeline.NewResult(f)
	defer r.Release()
	// Each chain has segments of its own; seg keeps their masks.
	r.SetSegmentation(&pipeline.Segmentation{Segments: slices.Clone(seg.Segments), Grid: seg.Grid, Drivable: seg.Drivable})
	for _, stage := range c.stages() {
		if err := stage.Process(ctx, r); err != nil {
			return fmt.Errorf("frame %d: %w", f.Seq-1, err)
		}
	}
	see(r)
	return nil
}

// frame segments a frame, lets every chain work on it, and scores what they say.
func (v *vosVideo) frame(ctx context.Context, f *pipeline.Frame, truth map[int]*mask.Mask) error {
	want := make([]*mask.Mask, len(v.ids))
	for k, id := range v.ids {
		if want[k] = truth[id]; want[k] == nil {
			want[k] = mask.New(mask.FrameGrid(v.w, v.h), mask.FrameGrid(v.w, v.h).Bounds())
		}
	}
	var seg *pipeline.Segmentation
	if v.segmenter == "perfect" {
		seg = v.parts.Segment(v.w, v.h, want)
	} else {
		segs, err := v.models.Segmenter().Segment(ctx, []*pipeline.Frame{f})
		if err != nil {
			return fmt.Errorf("segment frame %d: %w", f.Seq-1, err)
		}
		seg = segs[0]
	}
	defer seg.Release()
	oracle := make([]vosAt, len(v.ids))
	for k := range v.ids {
		j, c := v.score(bestSegment(seg, want[k]), want[k])
		oracle[k] = vosAt{OracleJ: j, OracleF: c}
	}
	if len(v.chains) == 0 {
		if err := v.begin(ctx, f, seg, want); err != nil {
			return err
		}
	}
	for s, c := range v.chains {
		err := v.process(ctx, c, f, seg, func(r *pipeline.Result) {
			for k, id := range v.ids {
				v.at[s][k] = append(v.at[s][k], v.told(trackOfPrompt(c, r, promptOf(id)), want[k], oracle[k]))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// told scores what a chain tells of an object: its track, nil while it searches.
func (v *vosVideo) told(t *pipeline.Track, want *mask.Mask, at vosAt) vosAt {
	at.State = "searching"
	var m *mask.Mask
	if t != nil {
		m, at.Track, at.State = t.Mask, t.ID, "predicted"
		if t.Observed {
			at.State = "seen"
		}
	}
	at.J, at.F = v.score(m, want)
	if m != nil && !m.Empty() {
		at.On = mask.Containment(m.Resample(want.Grid()), want)
	}
	return at
}

// score is J and F of a mask, nil for none.
func (v *vosVideo) score(m, want *mask.Mask) (j, f float64) {
	g := want.Grid()
	if m == nil {
		m = mask.New(g, want.Window())
	} else {
		m = m.Resample(g)
	}
	return trackeval.Region(m, want), v.contour.F(m, want, v.w, v.h)
}

// bestSegment is the mask that overlaps the truth most, nil when there is none.
func bestSegment(seg *pipeline.Segmentation, want *mask.Mask) *mask.Mask {
	on := want.Resample(seg.Grid)
	var best *mask.Mask
	most := 0.0
	for i := range seg.Segments {
		if v := mask.IoU(seg.Segments[i].Mask, on); v > most {
			best, most = seg.Segments[i].Mask, v
		}
	}
	return best
}

// objects makes the figures of every object.
func (v *vosVideo) objects() []vosObject {
	var out []vosObject
	for s, start := range v.starts {
		for k, id := range v.ids {
			frames := v.at[s][k]
			o := vosObject{vosRun: vosRun{v.segmenter, start}, Video: v.clip.Name, Draw: v.draw, Object: id, Frames: frames, Jumps: jumps(frames)}
			o.Got = courseOf(frames, func(a vosAt) (float64, float64) { return a.J, a.F })
			o.Oracle = courseOf(frames, func(a vosAt) (float64, float64) { return a.OracleJ, a.OracleF })
			o.Loss = o.Oracle.JF - o.Got.JF
			out = append(out, o)
		}
	}
	return out
}

// courseOf summarizes the frames but the first, which was given, and the last, as DAVIS does.
func courseOf(frames []vosAt, of func(vosAt) (j, f float64)) vosScore {
	var js, fs []float64
	for _, a := range frames[1 : len(frames)-1] {
		j, f := of(a)
		js, fs = append(js, 100*j), append(fs, 100*f)
	}
	// Recall counts what is above a half, so it is asked of shares.
	share := func(v []float64) (out []float64) {
		for _, x := range v {
			out = append(out, x/100)
		}
		return out
	}
	j, f := trackeval.Summarize(share(js)), trackeval.Summarize(share(fs))
	return vosScore{
		J: 100 * j.Mean, JRecall: 100 * j.Recall, JDecay: 100 * j.Decay,
		F: 100 * f.Mean, FRecall: 100 * f.Recall, FDecay: 100 * f.Decay, JF: 50 * (j.Mean + f.Mean),
	}
}

// A jump is told from frames on another object: less than jumpOn of the mask lies on the
// prompt's own, for jumpFrames frames, a third of a second, without one on it in between.
const (
	jumpOn     = 0.1
	jumpFrames = 8
)

// jumps counts the times that a prompt took another object for its own and stayed with it.
// A track that is only predicted claims nothing, and neither helps nor hurts.
func jumps(frames []vosAt) int {
	n, off := 0, 0
	for _, a := range frames {
		switch {
		case a.State != "seen":
		case a.On >= jumpOn:
			off = 0
		default:
			if off++; off == jumpFrames {
				n++
			}
		}
	}
	return n
}

// summarize fills the means and the count of prompts that never found anything.
func (rep *vosReport) summarize() {
	n := map[vosRun]int{}
	for _, o := range rep.Objects {
		n[o.vosRun]++
	}
	for i := range rep.Objects {
		o := &rep.Objects[i]
		k := slices.IndexFunc(rep.Means, func(m vosMean) bool { return m.vosRun == o.vosRun })
		if k < 0 {
			k = len(rep.Means)
			rep.Means = append(rep.Means, vosMean{vosRun: o.vosRun})
		}
		m := &rep.Means[k]
		m.Got.add(o.Got, n[o.vosRun])
		m.Oracle.add(o.Oracle, n[o.vosRun])
		m.Loss += o.Loss / float64(n[o.vosRun])
		m.Jumps += o.Jumps
		if !slices.ContainsFunc(o.Frames, func(a vosAt) bool { return a.State != "searching" }) {
			rep.Untaken++
		}
	}
	rep.Finished = time.Now()
}

func (s *vosScore) add(o vosScore, n int) {
	k := 1 / float64(n)
	s.J, s.JRecall, s.JDecay = s.J+k*o.J, s.JRecall+k*o.JRecall, s.JDecay+k*o.JDecay
	s.F, s.FRecall, s.FDecay = s.F+k*o.F, s.FRecall+k*o.FRecall, s.FDecay+k*o.FDecay
	s.JF += k * o.JF
}

func printVOS(w io.Writer, rep vosReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "segments\tstart\tvideo\tobject\tdraw\tJ\trecall\tdecay\tF\tJ&F\toracle\tloss\tjumps\t")
	line := func(r vosRun, video, object, draw string, got, oracle vosScore, loss float64, jumps int) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t\n", r.Segmenter, r.Start, video, object, draw,
			got.J, got.JRecall, got.JDecay, got.F, got.JF, oracle.JF, loss, jumps)
	}
	for _, m := range rep.Means {
		for _, o := range rep.Objects {
			if o.vosRun == m.vosRun {
				line(o.vosRun, o.Video, fmt.Sprint(o.Object), fmt.Sprint(o.Draw), o.Got, o.Oracle, o.Loss, o.Jumps)
			}
		}
		line(m.vosRun, "mean", "", "", m.Got, m.Oracle, m.Loss, m.Jumps)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range rep.Skipped {
		fmt.Fprintf(w, "not measured: %s is not in the first frame\n", s)
	}
	if rep.Untaken > 0 {
		fmt.Fprintf(w, "%d prompts were never answered\n", rep.Untaken)
	}
	return nil
}
