package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
	"outrider/streams/capture"
	"outrider/streams/export"
)

type trackOptions struct {
	modelFlags
	placeFlags
	out        string
	prompts    []string
	start, end time.Duration
	every      int
	noVideo    bool
	levels     bool
	road       bool
	camera     string
	speed      string
	vehicle    float64
	asJSON     bool
	counting   config.Camera // zones, lines and ground
}

func trackCommand() *cobra.Command {
	var o trackOptions
	c := &cobra.Command{
		Use:   "track VIDEO...",
		Short: "Track what is in videos and write annotated MP4, JSON lines, MOT text and a summary",
		Long: `Track what is in videos, frame by frame, losing none. For VIDEO "walk.avi" it writes to the output folder:

  walk.mp4           annotated video (VP9)
  walk.jsonl         one line a frame: tracks with box, mask (COCO RLE), id and state
  walk.mot.txt       MOTChallenge text
  walk.summary.json  frames, tracks, times

A prompt is point=x,y[@time], box=x1,y1,x2,y2[@time], mask=FILE[@time] or text=words[@time]; the time is that of the frame
pointed at. Several parts joined with ";" are one prompt: "point=320,200;point=350,180,0;level=1@2.5s".

With --levels it also writes walk.levels.jsonl: for each frame and each point, box or mask prompt the nested things that
it can mean, coarse to fine, as long as its object is in sight.

With --refine a SAM, MobileSAM or HQ-SAM pair segments the prompted objects anew on key frames.

A zone is name=x1,y1,x2,y2,x3,y3,..., a line name=x1,y1,x2,y2, in pixels or, when no number exceeds 1, shares of the picture; who
goes from the left of the line (as seen from its first point) to its right goes in. The zones, lines and ground of a camera of a
configuration are taken with --config. What was counted is printed, drawn and in the events of the JSON lines.`,
		Example: `  outrider track walk.avi -o out
  outrider track --road dashcam.mp4
  outrider track --road --camera camera.yaml --speed drive.gpx dashcam.mp4
  outrider track --prompt point=320,200@2.5s --prompt text=person walk.avi -o out
  outrider track --prompt point=320,200 --levels --refine mobilesam walk.avi -o out
  outrider track --line door=0.3,0.6,0.7,0.6 --zone hall=0,0,0.5,0,0.5,1,0,1 walk.avi -o out`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runTrack(c.Context(), o, args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.out, "output", "o", "out", "output `folder`, made when missing")
	f.StringArrayVar(&o.prompts, "prompt", nil, "what to follow, may be given several times: "+promptSyntax)
	f.BoolVar(&o.levels, "levels", false, "write the nested things that prompts can mean, frame by frame")
	f.StringArrayVar(&o.zones, "zone", nil, "count in this area; may be given several times")
	f.StringArrayVar(&o.lines, "line", nil, "count crossings of this line; may be given several times")
	f.StringVarP(&o.file, "config", "c", "", "configuration `file` whose zones, lines and ground are used")
	f.StringVar(&o.placeFlags.camera, "config-camera", "", "camera of that configuration")
	f.DurationVar(&o.start, "start", 0, "start at this `time` of the video")
	f.DurationVar(&o.end, "end", 0, "end at this `time` of the video, 0 for its end")
	f.IntVar(&o.every, "every", 1, "use every n-th frame")
	f.BoolVar(&o.noVideo, "no-video", false, "write no MP4")
	f.BoolVar(&o.asJSON, "json", false, "print the summaries as JSON")
	f.BoolVar(&o.road, "road", false, "watch the road ahead and write a report of its obstacles (NAME.road.html, .csv, .json)")
	f.StringVar(&o.camera, "camera", "", "with --road: calibration `file` of the camera and its mount (outrider calib road); without it there are times but no metres")
	f.StringVar(&o.speed, "speed", "", "with --road: speed of the vehicle in `m/s`, or a file beside the video: .csv (seconds,speed), .gpx, .nmea")
	f.Float64Var(&o.vehicle, "vehicle-width", 0, "with --road: width of the vehicle in `metres`, 0 for 1.9")
	o.modelFlags.add(f)
	o.modelFlags.addRefine(f, true)
	return c
}

// trackSummary is NAME.summary.json.
type trackSummary struct {
	Source  string           `json:"source"`
	Frames  uint64           `json:"frames"`
	Tracks  uint64           `json:"tracks"`
	Seconds float64          `json:"seconds"` // of work
	FPS     float64          `json:"fps"`
	Media   float64          `json:"media_seconds"`
	Width   int              `json:"width"`
	Height  int              `json:"height"`
	Model   string           `json:"model"`
	Device  string           `json:"provider"`
	Prompts []answer         `json:"prompts,omitempty"`
	Counts  *pipeline.Counts `json:"counts,omitempty"` // of zones and lines
	// Warnings counts what the road stage told of, with --road.
	Warnings int       `json:"road_warnings,omitempty"`
	Files    []string  `json:"files"`
	Version  string    `json:"version"`
	Done     time.Time `json:"done"`
}

// answer is what came of a prompt.
type answer struct {
	pipeline.PromptStatus
	Error string `json:"error,omitempty"`
}

func runTrack(ctx context.Context, o trackOptions, videos []string, stdout, stderr io.Writer) error {
	switch {
	case o.every < 1:
		return usagef("--every %d: want 1 or more", o.every)
	case o.start < 0 || o.end < 0 || o.end > 0 && o.end <= o.start:
		return usagef("--start %v --end %v: want 0 <= start < end", o.start, o.end)
	}
	switch {
	case !o.road && (o.camera != "" || o.speed != "" || o.vehicle != 0):
		return usagef("--camera, --speed and --vehicle-width are for --road")
	case !(o.vehicle >= 0 && o.vehicle <= 5):
		return usagef("--vehicle-width %v: want up to 5 metres, or 0 for 1.9", o.vehicle)
	}
	if o.road { // a wrong file shows before the model loads
		if _, err := newRoadStage(o.camera, o.speed, o.vehicle); err != nil {
			return err
		}
	}
	prompts := make([]timedPrompt, 0, len(o.prompts))
	for i, text := range o.prompts {
		p, err := parsePrompt(text, true)
		if err != nil {
			return &usageError{err}
		}
		if p.ID == "" {
			p.ID = fmt.Sprintf("prompt%d", i+1)
		}
		if slices.ContainsFunc(prompts, func(o timedPrompt) bool { return o.ID == p.ID }) {
			return usagef("--prompt %q: another prompt has the id %q", text, p.ID)
		}
		prompts = append(prompts, p)
	}
	conf, err := o.modelFlags.config()
	if err != nil {
		return err
	}
	if o.counting, err = o.placeFlags.read(); err != nil {
		return err
	}
	names := outputNames(videos)
	for _, v := range videos { // wrong names show before the model loads
		if _, err := os.Stat(v); err != nil && !strings.Contains(v, ":") {
			return fmt.Errorf("open video: %w", err)
		}
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("make output folder: %w", err)
	}
	m := newModelSet(conf)
	m.Drivable = o.road
	if err := m.Initialize(); err != nil {
		return err
	}
	defer m.Close()
	for i, v := range videos {
		sum, err := trackVideo(ctx, o, m, v, names[i], slices.Clone(prompts), stderr)
		if err != nil {
			return err
		}
		if o.asJSON {
			if err := json.NewEncoder(stdout).Encode(sum); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(stdout, "%s: %d frames, %d tracks, %.1f frames/s -> %s\n", v, sum.Frames, sum.Tracks, sum.FPS, strings.Join(sum.Files, ", "))
		for _, a := range sum.Prompts {
			fmt.Fprintln(stdout, " ", describeAnswer(a))
		}
		if sum.Counts != nil {
			if err := writeCounts(stdout, sum.Counts); err != nil {
				return err
			}
		}
	}
	return nil
}

func describeAnswer(a answer) string {
	switch {
	case a.Error != "":
		return fmt.Sprintf("%s: %s", a.ID, a.Error)
	case len(a.TrackIDs) > 0:
		return fmt.Sprintf("%s: tracks %v", a.ID, a.TrackIDs)
	case a.TrackID != 0:
		return fmt.Sprintf("%s: track %d", a.ID, a.TrackID)
	default:
		return fmt.Sprintf("%s: %s: %s", a.ID, a.State, a.Why)
	}
}

func trackVideo(ctx context.Context, o trackOptions, m *modelSet, video, name string, prompts []timedPrompt, stderr io.Writer) (trackSummary, error) {
	src, err := capture.Open(video, capture.Options{Start: o.start, End: o.end, Every: o.every})
	if err != nil {
		return trackSummary{}, &usageError{err}
	}
	if src.Live() {
		return trackSummary{}, usagef("track %s: a live source has no end; use outrider run", src.Display())
	}
	material, err := src.Probe()
	if err != nil {
		return trackSummary{}, err
	}
	bar := newProgress(stderr, name, expectedFrames(material, o))
	var width, height int
	var media time.Duration
	var report *export.Road
	if o.road {
		report = &export.Road{Name: name, Source: src.Display()}
		if !o.noVideo {
			report.Video = name + ".mp4"
		}
	}
	out := &export.Run{Dir: o.out, Name: name, NoVideo: o.noVideo, Each: func(r *pipeline.Result) {
		width, height, media = r.Frame.Width, r.Frame.Height, r.Frame.MediaTime
		if report != nil {
			report.Take(r)
		}
		bar.set(int(r.Frame.Seq))
	}}
	if err := out.Initialize(); err != nil {
		return trackSummary{}, err
	}
	defer out.Discard()
	started := time.Now()
	chain := newChain(m, false)
	defer chain.Close()
	if chain.places, err = offlinePlaces(ctx, o.counting); err != nil {
		out.Close()
		return trackSummary{}, err
	}
	if o.road {
		if chain.road, err = newRoadStage(o.camera, o.speed, o.vehicle); err != nil {
			out.Close()
			return trackSummary{}, err
		}
	}
	asker := &asker{prompts: prompts, ask: chain.prompts.Create, known: chain.prompts.Get}
	e := &pipeline.Engine{Segmenter: m.Segmenter(), Sinks: []pipeline.Sink{out}, Batch: pipeline.Batch{Workers: 2}}
	if err := e.Initialize(); err != nil {
		out.Close()
		return trackSummary{}, err
	}
	defer e.Close()
	stages := chain.stages()
	stages = slices.Insert(stages, 1, pipeline.Stage(asker)) // before the prompts
	var nested *levelWriter
	if o.levels {
		if nested, err = newLevelWriter(filepath.Join(o.out, name+".levels.jsonl"), chain.prompts); err != nil {
			return trackSummary{}, err
		}
		defer nested.Discard()
		stages = append(stages, nested)
	}
	if err := e.AddCamera(pipeline.Camera{
		Name: name, Display: src.Display(), Source: src, Stages: stages, Prompts: chain.prompts, Inflight: 2, FailFast: true,
	}); err != nil {
		return trackSummary{}, err
	}
	err = e.Wait(ctx)
	bar.finish()
	st, statErr := e.Status(name)
	answers := asker.finish()
	if err = errors.Join(err, statErr, e.Close()); err != nil {
		if ctx.Err() != nil {
			return trackSummary{}, fmt.Errorf("track %s: interrupted, nothing was written", video)
		}
		return trackSummary{}, err
	}
	if st.Processed == 0 {
		return trackSummary{}, fmt.Errorf("track %s: no frame could be read", video)
	}
	if err := out.Commit(); err != nil {
		return trackSummary{}, err
	}
	if nested != nil {
		if err := nested.Commit(); err != nil {
			return trackSummary{}, err
		}
	}
	took := time.Since(started)
	sum := trackSummary{
		Source: src.Display(), Frames: st.Processed, Tracks: st.TracksSeen, Seconds: took.Seconds(), Media: media.Seconds(),
		FPS: math.Round(float64(st.Processed)/took.Seconds()*100) / 100, Width: width, Height: height,
		Model: m.Name(), Device: m.Provider(), Prompts: answers, Version: version, Done: time.Now(),
	}
	if c := chain.places.Counts(); len(c.Zones)+len(c.Lines) > 0 {
		sum.Counts = c
	}
	for _, suffix := range []string{".mp4", ".jsonl", ".mot.txt", ".levels.jsonl"} {
		if p := filepath.Join(o.out, name+suffix); (suffix != ".mp4" || !o.noVideo) && (suffix != ".levels.jsonl" || o.levels) {
			sum.Files = append(sum.Files, p)
		}
	}
	if report != nil {
		names, err := report.Write(filepath.Join(o.out, name))
		if err != nil {
			return trackSummary{}, err
		}
		sum.Files = append(sum.Files, names...)
		sum.Warnings = len(report.Warnings())
	}
	path := filepath.Join(o.out, name+".summary.json")
	sum.Files = append(sum.Files, path)
	err = export.WriteFile(path, func(w *bufio.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(sum)
	})
	return sum, err
}

func expectedFrames(info capture.Material, o trackOptions) int {
	n := info.Frames
	if n <= 0 || info.FPS <= 0 {
		return max(0, n)
	}
	first := int(o.start.Seconds() * info.FPS)
	last := n
	if o.end > 0 {
		last = min(n, int(o.end.Seconds()*info.FPS))
	}
	return max(0, last-first+o.every-1) / o.every
}

// outputNames gives each video a name of its own.
func outputNames(videos []string) []string {
	out := make([]string, len(videos))
	seen := map[string]int{}
	for i, v := range videos {
		n := baseName(v)
		if seen[n]++; seen[n] > 1 {
			n = fmt.Sprintf("%s-%d", n, seen[n])
		}
		out[i] = n
	}
	return out
}

// asker is the stage that asks an offline run's prompts when their frame comes.
type asker struct {
	prompts []timedPrompt
	ask     func(context.Context, pipeline.Prompt) (pipeline.PromptStatus, error)
	known   func(id string) (pipeline.PromptStatus, error)

	wg      sync.WaitGroup
	cancels []context.CancelFunc
	mu      sync.Mutex
	answers []answer
}

var _ pipeline.Stage = (*asker)(nil)

// Process asks the prompts whose time has come.
func (a *asker) Process(_ context.Context, r *pipeline.Result) error {
	for len(a.prompts) > 0 {
		i := slices.IndexFunc(a.prompts, func(p timedPrompt) bool { return p.at <= r.Frame.MediaTime })
		if i < 0 {
			return nil
		}
		p := a.prompts[i].Prompt
		a.prompts = slices.Delete(a.prompts, i, i+1)
		at := r.Frame.Captured
		p.At = &at
		// The answer comes with one of the next frames, so somebody else must wait for it.
		ctx, cancel := context.WithCancel(context.Background())
		a.cancels = append(a.cancels, cancel)
		a.wg.Go(func() {
			st, err := a.ask(ctx, p)
			ans := answer{PromptStatus: st}
			if err != nil {
				ans.ID, ans.Error = p.ID, err.Error()
			}
			a.mu.Lock()
			a.answers = append(a.answers, ans)
			a.mu.Unlock()
		})
	}
	return nil
}

// Reset keeps the prompts: they are bound to media times.
func (a *asker) Reset(uint32) {}

// finish returns what came of every prompt. Call it when no frame comes any more.
func (a *asker) finish() []answer {
	for _, c := range a.cancels {
		c()
	}
	a.wg.Wait()
	for i := range a.answers {
		// A text goes on finding objects after its first answer.
		if st, err := a.known(a.answers[i].ID); err == nil && a.answers[i].Error == "" {
			a.answers[i].PromptStatus = st
		}
	}
	for _, p := range a.prompts {
		a.answers = append(a.answers, answer{PromptStatus: pipeline.PromptStatus{Prompt: p.Prompt}, Error: fmt.Sprintf("the video ends before %v", p.at)})
	}
	slices.SortFunc(a.answers, func(x, y answer) int { return strings.Compare(x.ID, y.ID) })
	return a.answers
}
