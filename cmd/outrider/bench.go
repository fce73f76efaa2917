package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"outrider/models/fastsam"
	"outrider/models/ort"
	"outrider/pipeline"
	"outrider/streams/capture"
)

type benchOptions struct {
	modelFlags
	source  string
	frames  int
	asJSON  bool
	compare string
}

func benchCommand() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the network alone, each stage, and a whole offline run, as a ratio",
		Long: `Measure, on the same frames and threads: the network alone in ONNX Runtime; each stage by itself; and "outrider track"
from file to annotated MP4. The ratio says how much longer the whole takes than the network alone. The network is
measured before and after the whole run, so that a machine that changes its speed shows.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runBench(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.source, "source", "", "video `file`; default the sample video, else a rendered street")
	f.IntVar(&o.frames, "frames", 100, "frames to measure with")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	f.StringVar(&o.compare, "compare", "", "JSON `file` of an earlier run to compare with")
	o.modelFlags.add(f)
	return c
}

// benchResult is what bench prints. Times are milliseconds a frame.
type benchResult struct {
	Source   string  `json:"source"`
	Frames   int     `json:"frames"`
	Width    int     `json:"width"`
	Height   int     `json:"height"`
	Model    string  `json:"model"`
	Provider string  `json:"provider"`
	Threads  int     `json:"threads"`
	Input    [2]int  `json:"input"`
	Segments float64 `json:"segments"` // a frame

	Network    float64 `json:"network_ms"`     // the model alone in ONNX Runtime
	NetworkTwo float64 `json:"network_end_ms"` // the same, measured again at the end
	Decode     float64 `json:"decode_ms"`
	Segment    float64 `json:"segment_ms"` // letterbox, network, masks
	Stages     float64 `json:"stages_ms"`  // tracker and prompts
	Track      float64 `json:"track_ms"`   // outrider track: file to annotated MP4, JSON lines, MOT
	NoVideo    float64 `json:"track_no_video_ms"`
	Ratio      float64 `json:"ratio"` // track / mean of both network figures
	Version    string  `json:"version"`
}

func runBench(ctx context.Context, o benchOptions, stdout, stderr io.Writer) error {
	if o.frames < 2 || o.frames > 10000 {
		return usagef("--frames %d: want 2 to 10000", o.frames)
	}
	conf, err := o.modelFlags.config()
	if err != nil {
		return err
	}
	var old *benchResult
	if o.compare != "" {
		b, err := os.ReadFile(o.compare)
		if err != nil {
			return fmt.Errorf("read earlier figures: %w", err)
		}
		old = &benchResult{}
		if err := json.Unmarshal(b, old); err != nil {
			return fmt.Errorf("read earlier figures %s: %w", o.compare, err)
		}
	}
	if o.source == "" {
		o.source = sampleVideo
		if _, err := os.Stat(o.source); err != nil {
			o.source = fmt.Sprintf("synth:road?frames=%d", o.frames)
		}
	}
	m := newModelSet(conf)
	if m.samSpec() != "" {
		return usagef("bench times the stages of one fast network; a SAM pair is no such model")
	}
	if err := m.Initialize(); err != nil {
		return err
	}
	defer m.Close()
	res := benchResult{Source: o.source, Model: m.Name(), Provider: m.Provider(), Threads: m.segment.Threads(), Version: version}

	fmt.Fprintln(stderr, "decoding")
	frames, took, err := readFrames(ctx, o.source, o.frames)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range frames {
			f.Release()
		}
	}()
	res.Frames, res.Width, res.Height = len(frames), frames[0].Width, frames[0].Height
	perFrame := func(d time.Duration) float64 { return math.Round(d.Seconds()*1e6/float64(len(frames))) / 1000 }
	res.Decode = perFrame(took)
	res.Input[0], res.Input[1] = m.segment.InputSize(res.Width, res.Height)
	if err := m.segment.Warm(res.Width, res.Height); err != nil {
		return err
	}

	fmt.Fprintln(stderr, "network alone")
	network := func() (float64, error) {
		d, err := networkTime(m.segment, res.Input, m.Model.Device, len(frames))
		return perFrame(d), err
	}
	if res.Network, err = network(); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "stages")
	if err := benchStages(ctx, m, frames, &res, perFrame); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "whole run")
	if took, err = benchTrack(ctx, o, m, frames, false); err != nil {
		return err
	}
	res.Track = perFrame(took)
	if took, err = benchTrack(ctx, o, m, frames, true); err != nil {
		return err
	}
	res.NoVideo = perFrame(took)
	if res.NetworkTwo, err = network(); err != nil {
		return err
	}
	res.Ratio = math.Round(res.Track/((res.Network+res.NetworkTwo)/2)*1000) / 1000
	if o.asJSON {
		return json.NewEncoder(stdout).Encode(res)
	}
	printBench(stdout, res, old)
	return nil
}

// readFrames decodes n frames into memory and returns the time that took.
func readFrames(ctx context.Context, source string, n int) ([]*pipeline.Frame, time.Duration, error) {
	src, err := capture.Open(source, capture.Options{})
	if err != nil {
		return nil, 0, &usageError{err}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var frames []*pipeline.Frame
	start := time.Now()
	var took time.Duration
	err = src.Run(ctx, func(f *pipeline.Frame) {
		if len(frames) == n {
			f.Release()
			cancel()
			return
		}
		frames = append(frames, f)
		took = time.Since(start)
	})
	if len(frames) < 2 {
		return nil, 0, errors.Join(fmt.Errorf("%s: %d frames, at least 2 are needed", src.Display(), len(frames)), err)
	}
	return frames, took, nil
}

// networkTime runs the network n times with nothing around it.
func networkTime(m *fastsam.Model, input [2]int, device string, n int) (time.Duration, error) {
	data, err := m.Bytes, error(nil)
	if m.Path != "" {
		data, err = ort.ReadFile(m.Path)
	}
	if err != nil {
		return 0, err
	}
	p, err := newProbe(data, ort.Options{Device: device, Threads: m.Threads(), Outputs: []string{"output0", "output1"}}, input[0], input[1])
	if err != nil {
		return 0, err
	}
	defer p.close()
	for range 3 {
		if err := p.run(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	for range n {
		if err := p.run(); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// benchStages measures segmentation and the stages after it, one after the other.
func benchStages(ctx context.Context, m *modelSet, frames []*pipeline.Frame, res *benchResult, perFrame func(time.Duration) float64) error {
	chain := newChain(m, false)
	var pool pipeline.ResultPool
	var segment, stages time.Duration
	segments := 0
	for i, f := range frames {
		f.Camera, f.Seq, f.Epoch = "bench", uint64(i+1), 1
		f.Captured = frames[0].Captured.Add(f.MediaTime - frames[0].MediaTime)
		start := time.Now()
		segs, err := m.Segmenter().Segment(ctx, []*pipeline.Frame{f})
		if err != nil {
			return err
		}
		segment += time.Since(start)
		segments += len(segs[0].Segments)
		r := pool.Get(f)
		r.SetSegmentation(segs[0])
		start = time.Now()
		for _, st := range chain.stages() {
			if err := st.Process(ctx, r); err != nil {
				return err
			}
		}
		stages += time.Since(start)
		r.Release()
	}
	res.Segment, res.Stages = perFrame(segment), perFrame(stages)
	res.Segments = math.Round(float64(segments)/float64(len(frames))*10) / 10
	return nil
}

// benchTrack runs `outrider track` on the same frames of the file, models loaded.
func benchTrack(ctx context.Context, o benchOptions, m *modelSet, frames []*pipeline.Frame, noVideo bool) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "outrider-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	t := trackOptions{modelFlags: o.modelFlags, out: dir, every: 1, noVideo: noVideo}
	if !strings.HasPrefix(o.source, "synth:") {
		t.end = frames[len(frames)-1].MediaTime + time.Millisecond
	}
	start := time.Now()
	sum, err := trackVideo(ctx, t, m, o.source, "bench", nil, io.Discard)
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	if sum.Frames == 0 {
		return 0, errors.New("the run processed no frame")
	}
	// Where the file's times are coarse the run may hold a frame more or less.
	return took * time.Duration(len(frames)) / time.Duration(sum.Frames), nil
}

func printBench(w io.Writer, r benchResult, old *benchResult) {
	fmt.Fprintf(w, "%s, %d frames of %dx%d; %s on %s, input %dx%d, %d threads; %.1f segments a frame\n",
		r.Source, r.Frames, r.Width, r.Height, r.Model, r.Provider, r.Input[0], r.Input[1], r.Threads, r.Segments)
	line := func(name string, v, before float64) {
		fmt.Fprintf(w, "%-34s %9.2f ms a frame", name, v)
		if old != nil && before > 0 {
			fmt.Fprintf(w, "   was %9.2f, x%.2f", before, v/before)
		}
		fmt.Fprintln(w)
	}
	if old == nil {
		old = &benchResult{}
	}
	line("network alone, before", r.Network, old.Network)
	line("network alone, after", r.NetworkTwo, old.NetworkTwo)
	line("decode", r.Decode, old.Decode)
	line("segment (letterbox, network, masks)", r.Segment, old.Segment)
	line("tracker and prompts", r.Stages, old.Stages)
	line("track, no video written", r.NoVideo, old.NoVideo)
	line("track, everything written", r.Track, old.Track)
	fmt.Fprintf(w, "%-34s %9.2f times the network\n", "ratio", r.Ratio)
}
