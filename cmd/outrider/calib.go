package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"outrider/calib"
	"outrider/calib/camfile"
	"outrider/calib/road"
	"outrider/pipeline"
	"outrider/streams/capture"
)

func calibCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "calib",
		Short: "Calibrate cameras: lens, mount on the road, fixed cameras over ground",
		Long: `Calibrate cameras, so that pixels become metres.

  board    the lens, from pictures of a chessboard
  print    such a chessboard, to scale
  road     how a camera looks along the road, from ordinary driving
  ground   a fixed camera's ground, from four points or more
  show     what a calibration says, and how far to trust it
  convert  between OpenCV, ROS, Kalibr, KITTI and our own files

docs/calibration.md leads through it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(calibBoardCommand(), calibPrintCommand(), calibRoadCommand(), calibGroundCommand(), calibShowCommand(), calibConvertCommand())
	return c
}

// cameraFlags name a calibration file.
type cameraFlags struct {
	file, which, size string
}

func (o *cameraFlags) add(f *pflag.FlagSet) {
	f.StringVar(&o.file, "camera", "", "calibration `file` of the lens: OpenCV, ROS, Kalibr, KITTI or our own")
	o.addChoice(f)
}

func (o *cameraFlags) addChoice(f *pflag.FlagSet) {
	f.StringVar(&o.which, "which", "", "the file's `camera`, when it holds several: cam1 (Kalibr), 3 (KITTI)")
	f.StringVar(&o.size, "size", "", "picture size `WxH`, when the file does not say (KITTI)")
}

func (o *cameraFlags) load() (camfile.Calibration, error) {
	opt := camfile.Options{Camera: o.which}
	if o.size != "" {
		var err error
		if opt.Width, opt.Height, err = parseSize(o.size); err != nil {
			return camfile.Calibration{}, usagef("--size %w", err)
		}
	}
	return camfile.Load(o.file, opt)
}

func parseSize(s string) (w, h int, err error) {
	a, b, ok := strings.Cut(s, "x")
	w, errW := strconv.Atoi(a)
	h, errH := strconv.Atoi(b)
	if !ok || errW != nil || errH != nil || w < 2 || h < 2 {
		return 0, 0, fmt.Errorf("%q: want WIDTHxHEIGHT, such as 1280x720", s)
	}
	return w, h, nil
}

type calibRoadOptions struct {
	camera      cameraFlags
	out, state  string
	height      float64
	front       float64
	lane, speed float64
	start, end  time.Duration
	limit       time.Duration
	asJSON      bool
}

func calibRoadCommand() *cobra.Command {
	var o calibRoadOptions
	c := &cobra.Command{
		Use:   "road SOURCE...",
		Short: "Find pitch, yaw and height from ordinary driving",
		Long: `Find how a camera looks along the road, from videos of ordinary driving (or a live camera, with --for): pitch and yaw
from the point that the picture's motion comes out of and from the lines of the road, height when the speed or the
width of the lane is given. Curves, standing and reverse are left out. Five blocks of straight driving, some ten
seconds, are needed; a minute is better.

The lens must be known (--camera): calibrate it with "outrider calib board" or bring a file.`,
		Example: `  outrider calib road drive.mp4 --camera lens.yaml --speed 13.9 -o camera.yaml
  outrider calib road rtsp://10.0.0.2/front --camera lens.yaml --lane-width 3.5 --for 2m -o camera.yaml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runCalibRoad(c.Context(), o, args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	o.camera.add(f)
	f.StringVarP(&o.out, "output", "o", "", "write lens and mount to this `file`, when CALIBRATED")
	f.StringVar(&o.state, "state", "", "take up what an earlier run learnt from this `file`, and keep it there")
	f.Float64Var(&o.height, "height", 0, "height of the camera above the road, `metres`; default the file's, else 1.4")
	f.Float64Var(&o.front, "front", math.NaN(), "`metres` from the camera forward to the front bumper; default the file's, else 0")
	f.Float64Var(&o.lane, "lane-width", 0, "width of the lane, `metres`: gives the height when the speed is not known")
	f.Float64Var(&o.speed, "speed", -1, "speed of the vehicle, `m/s`, when it is steady: gives the height")
	f.DurationVar(&o.start, "start", 0, "start at this `time` of the video")
	f.DurationVar(&o.end, "end", 0, "end at this `time` of the video, 0 for its end")
	f.DurationVar(&o.limit, "for", 0, "stop after this `time`, for live cameras")
	f.BoolVar(&o.asJSON, "json", false, "print the answer as JSON")
	return c
}

func runCalibRoad(ctx context.Context, o calibRoadOptions, sources []string, stdout, stderr io.Writer) error {
	switch {
	case o.camera.file == "":
		return usagef("--camera is missing: the lens must be known; calibrate it with `outrider calib board` or bring a file")
	case o.start < 0 || o.end < 0 || o.end > 0 && o.end <= o.start:
		return usagef("--start %v --end %v: want 0 <= start < end", o.start, o.end)
	}
	cal, err := o.camera.load()
	if err != nil {
		return err
	}
	camera, err := calib.New(cal.Intrinsics)
	if err != nil {
		return err
	}
	e := &road.Estimator{Camera: camera, Height: o.height, LaneWidth: o.lane}
	front := o.front
	if m := cal.Mount; m != nil {
		e.Roll = m.Roll
		if o.height == 0 {
			e.Height = m.Height
		}
		if math.IsNaN(front) {
			front = m.Front
		}
	}
	if math.IsNaN(front) {
		front = 0
	}
	if err := e.Initialize(); err != nil {
		return &usageError{err}
	}
	if o.state != "" {
		b, err := os.ReadFile(o.state)
		if err == nil {
			err = e.Restore(b)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if o.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.limit)
		defer cancel()
	}
	for _, s := range sources {
		if err := watchRoad(ctx, e, s, o, stderr); err != nil {
			return err
		}
	}
	st := e.State()
	if o.state != "" {
		b, err := e.Save()
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.state, b, 0o644); err != nil {
			return fmt.Errorf("keep what was learnt: %w", err)
		}
	}
	m, ok := st.Mount(e.Roll, front)
	if ok {
		cal.Mount = &m
		if o.out != "" {
			if err := camfile.Save(o.out, camfile.Outrider, cal); err != nil {
				return err
			}
		}
	}
	if o.asJSON {
		b, err := json.MarshalIndent(st, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, string(b))
	} else {
		printRoad(stdout, st)
		if ok {
			printCalibration(stdout, cal)
		}
		if ok && o.out != "" {
			fmt.Fprintf(stdout, "written to %s\n", o.out)
		}
	}
	if !ok {
		return exitCode(exitFailed)
	}
	return nil
}

// watchRoad feeds one source to the estimator.
func watchRoad(ctx context.Context, e *road.Estimator, source string, o calibRoadOptions, stderr io.Writer) error {
	src, err := capture.Open(source, capture.Options{Start: o.start, End: o.end})
	if err != nil {
		return &usageError{err}
	}
	total := 0
	if k := src.Kind(); k == capture.File || k == capture.Folder {
		if m, err := src.Probe(); err == nil {
			total = m.Frames
		}
	}
	e.Reset()
	p := newProgress(stderr, "calib road "+filepath.Base(src.Display()), total)
	defer p.finish()
	n, good := 0, 0
	err = src.Run(ctx, func(f *pipeline.Frame) {
		defer f.Release()
		t := f.MediaTime
		if src.Live() {
			t = time.Duration(f.Captured.UnixNano())
		}
		if e.Frame(f.Data, f.Width, f.Height, t, o.speed).OK {
			good++
		}
		n++
		p.set(n)
	})
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("calib road %s: %w", src.Display(), err)
	}
	fmt.Fprintf(stderr, "%s: %d frames, %d readings\n", src.Display(), n, good)
	return nil
}

func printRoad(w io.Writer, s road.State) {
	fmt.Fprintf(w, "%s", s.Status)
	if s.Reason != "" {
		fmt.Fprintf(w, ": %s", s.Reason)
	}
	fmt.Fprintln(w)
	if s.Blocks == 0 {
		return
	}
	fmt.Fprintf(w, "pitch  %6.2f degrees +- %.2f\nyaw    %6.2f degrees +- %.2f\nheight %6.2f m +- %.2f (from %s)\nblocks %6d, each within %.2f degrees\n",
		s.PitchDeg, s.PitchSD, s.YawDeg, s.YawSD, s.Height, s.HeightSD, map[string]string{"speed": "the speed", "lane": "the lane's width", "given": "what was given"}[s.HeightFrom], s.Blocks, s.Spread)
}

// printCalibration shows what a calibration means.
func printCalibration(w io.Writer, c camfile.Calibration) {
	in := c.Intrinsics
	fmt.Fprintf(w, "lens   %dx%d, %s, f %.1f %.1f, centre %.1f %.1f", in.Width, in.Height, in.Model, in.FX, in.FY, in.CX-0.5, in.CY-0.5)
	if c.RMS > 0 {
		fmt.Fprintf(w, ", reprojection error %.3f px", c.RMS)
	}
	fmt.Fprintln(w)
	cam, err := calib.New(in)
	if err != nil {
		return
	}
	var edge [4]float64
	known := true
	for i, p := range [4]pipeline.Point{{X: 0, Y: in.CY}, {X: float64(in.Width), Y: in.CY}, {X: in.CX, Y: 0}, {X: in.CX, Y: float64(in.Height)}} {
		x, y, ok := cam.Unproject(p)
		known = known && ok
		edge[i] = math.Atan(math.Hypot(x, y)) * 180 / math.Pi
	}
	if known {
		fmt.Fprintf(w, "view   %.1f x %.1f degrees\n", edge[0]+edge[1], edge[2]+edge[3])
	}
	if c.Mount == nil {
		fmt.Fprintln(w, "mount  not known: no metres; see `outrider calib road` and `outrider calib ground`")
		return
	}
	plane, err := calib.NewPlane(cam, *c.Mount)
	if err != nil {
		fmt.Fprintln(w, err)
		return
	}
	m := c.Mount
	fmt.Fprintf(w, "mount  height %.2f m, pitch %.2f, roll %.2f, yaw %.2f degrees, bumper %.2f m ahead\n", m.Height, m.Pitch*180/math.Pi, m.Roll*180/math.Pi, m.Yaw*180/math.Pi, m.Front)
	if row, ok := plane.Horizon(in.CX); ok && row >= 0 && row < float64(in.Height) {
		fmt.Fprintf(w, "horizon at row %.0f of %d\n", row, in.Height)
	} else {
		fmt.Fprintln(w, "horizon outside the picture: not a road camera")
	}
	for _, x := range [3]float64{10, 30, 50} {
		at, ok := plane.Project(x, 0, 0)
		if !ok || at.Y < 0 || at.Y >= float64(in.Height) || at.X < 0 || at.X >= float64(in.Width) {
			continue
		}
		if s, ok := plane.Ground(at); ok {
			fmt.Fprintf(w, "%2.0f m ahead is at row %.0f, known within %.1f %%\n", x, at.Y, 100*math.Sqrt(s.XX)/s.X)
		}
	}
}

func calibShowCommand() *cobra.Command {
	var o cameraFlags
	c := &cobra.Command{
		Use:     "show FILE",
		Short:   "Show what a calibration says: lens, view, mount, horizon, error at 10, 30 and 50 m",
		Example: `  outrider calib show camera.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			cal, err := o.load()
			if err != nil {
				return err
			}
			printCalibration(c.OutOrStdout(), cal)
			return nil
		},
	}
	o.addChoice(c.Flags())
	return c
}

func calibConvertCommand() *cobra.Command {
	var o cameraFlags
	var out, to string
	c := &cobra.Command{
		Use:   "convert FILE",
		Short: "Convert a calibration between outrider, opencv, ros, kalibr and kitti",
		Long: `Convert a calibration. What the other format cannot say is an error, not a loss, except the mount, which only our own
files have.`,
		Example: `  outrider calib convert camchain.yaml --which cam1 --to opencv -o camera.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			cal, err := o.load()
			if err != nil {
				return err
			}
			if out == "" {
				return camfile.Write(c.OutOrStdout(), camfile.Format(to), cal)
			}
			return camfile.Save(out, camfile.Format(to), cal)
		},
	}
	f := c.Flags()
	o.addChoice(f)
	f.StringVar(&to, "to", string(camfile.Outrider), "`format`: outrider, opencv, ros, kalibr or kitti")
	f.StringVarP(&out, "output", "o", "", "`file`, default standard output")
	return c
}

type calibGroundOptions struct {
	camera cameraFlags
	marks  []string
	tests  []string
	sigma  float64
	asJSON bool
}

func calibGroundCommand() *cobra.Command {
	var o calibGroundOptions
	c := &cobra.Command{
		Use:   "ground",
		Short: "Check the ground points of a fixed camera: residuals, and the error of further points",
		Long: `Fit the ground of a fixed camera to four points or more of known position, and say how well it fits. A point is
x,y=X,Y: its pixel, and where it lies in metres in any frame laid on the ground. Four points fit exactly and show no
error, so give a fifth, or one more with --test.`,
		Example: `  outrider calib ground --size 1920x1080 --mark 410,820=0,0 --mark 1530,815=3.5,0 --mark 1210,430=3.5,12 --mark 700,432=0,12 --test 960,600=1.75,5`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runCalibGround(o, c.OutOrStdout()) },
	}
	f := c.Flags()
	o.camera.add(f)
	f.StringArrayVar(&o.marks, "mark", nil, "a known point, `x,y=X,Y`; at least four")
	f.StringArrayVar(&o.tests, "test", nil, "a known point to try the fit on, `x,y=X,Y`")
	f.Float64Var(&o.sigma, "click", 1, "how well a pixel is pointed at, `pixels` (one standard deviation)")
	f.BoolVar(&o.asJSON, "json", false, "print the answer as JSON")
	return c
}

// groundAnswer is what came of ground points.
type groundAnswer struct {
	Marks []groundPoint `json:"marks"`
	Tests []groundPoint `json:"tests,omitempty"`
}

type groundPoint struct {
	Image  [2]float64 `json:"image"`
	Ground [2]float64 `json:"ground_m"`
	Pixels float64    `json:"residual_px"`
	Metres float64    `json:"residual_m"`
	Sigma  float64    `json:"sigma_m"` // expected, the longer axis
}

func runCalibGround(o calibGroundOptions, stdout io.Writer) error {
	if o.camera.size == "" {
		return usagef("--size is missing: the size of the picture that the points were read from, such as 1920x1080")
	}
	w, h, err := parseSize(o.camera.size)
	if err != nil {
		return usagef("--size %w", err)
	}
	var cam *calib.Camera
	if o.camera.file != "" {
		cal, err := o.camera.load()
		if err != nil {
			return err
		}
		if cam, err = calib.New(cal.Intrinsics); err != nil {
			return err
		}
	}
	marks, err := parseMarks("--mark", o.marks)
	if err != nil {
		return err
	}
	tests, err := parseMarks("--test", o.tests)
	if err != nil {
		return err
	}
	hg, err := calib.NewHomography(w, h, cam, o.sigma, marks)
	if err != nil {
		return &usageError{err}
	}
	var a groundAnswer
	point := func(m calib.Mark) groundPoint {
		p := groundPoint{Image: [2]float64{m.Image.X, m.Image.Y}, Ground: [2]float64{m.Ground.X, m.Ground.Y}, Pixels: -1, Metres: -1, Sigma: -1}
		if s, ok := hg.Ground(m.Image); ok {
			p.Metres = math.Hypot(s.X-m.Ground.X, s.Y-m.Ground.Y)
			p.Sigma = math.Sqrt((s.XX+s.YY)/2 + math.Hypot((s.XX-s.YY)/2, s.XY))
		}
		if q, ok := hg.Project(m.Ground); ok {
			p.Pixels = math.Hypot(q.X-m.Image.X, q.Y-m.Image.Y)
		}
		return p
	}
	for _, m := range marks {
		a.Marks = append(a.Marks, point(m))
	}
	for _, m := range tests {
		a.Tests = append(a.Tests, point(m))
	}
	if o.asJSON {
		b, err := json.MarshalIndent(a, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, string(b))
		return nil
	}
	for i, list := range [2][]groundPoint{a.Marks, a.Tests} {
		for _, p := range list {
			fmt.Fprintf(stdout, "%s %6.1f,%6.1f at %6.2f,%6.2f m: off by %.2f px, %.3f m; expected within %.3f m\n",
				[2]string{"mark", "test"}[i], p.Image[0], p.Image[1], p.Ground[0], p.Ground[1], p.Pixels, p.Metres, p.Sigma)
		}
	}
	if len(marks) == 4 && len(tests) == 0 {
		fmt.Fprintln(stdout, "four points always fit: give a fifth to see how well")
	}
	return nil
}

func parseMarks(flag string, list []string) ([]calib.Mark, error) {
	var marks []calib.Mark
	for _, s := range list {
		var v [4]float64
		image, ground, ok := strings.Cut(s, "=")
		parts := append(strings.Split(image, ","), strings.Split(ground, ",")...)
		ok = ok && len(parts) == 4
		for i := 0; ok && i < 4; i++ {
			x, err := strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
			v[i], ok = x, err == nil
		}
		if !ok {
			return nil, usagef("%s %q: want x,y=X,Y: a pixel and metres on the ground", flag, s)
		}
		marks = append(marks, calib.Mark{Image: pipeline.Point{X: v[0], Y: v[1]}, Ground: pipeline.Point{X: v[2], Y: v[3]}})
	}
	return marks, nil
}
