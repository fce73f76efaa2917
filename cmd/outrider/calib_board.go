package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
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
	"outrider/calib/board"
	"outrider/calib/board/find"
	"outrider/calib/camfile"
	"outrider/pipeline"
	"outrider/streams/capture"
)

// boardFlags describe the chessboard.
type boardFlags struct {
	columns, rows int
	square        string
}

func (o *boardFlags) add(f *pflag.FlagSet) {
	f.IntVar(&o.columns, "columns", 9, "inner corners along the board: one less than its squares")
	f.IntVar(&o.rows, "rows", 6, "inner corners across it")
	f.StringVar(&o.square, "square", "25mm", "side of a square, with mm, cm, m or in; `length`")
}

func (o *boardFlags) pattern() (board.Pattern, error) {
	p := board.Pattern{Columns: o.columns, Rows: o.rows}
	for _, u := range []struct {
		suffix string
		metres float64
	}{{"mm", 0.001}, {"cm", 0.01}, {"in", 0.0254}, {"m", 1}} {
		if n, ok := strings.CutSuffix(strings.TrimSpace(o.square), u.suffix); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
			if err != nil {
				break
			}
			p.Square = v * u.metres
			if err := p.Validate(); err != nil {
				return p, &usageError{err}
			}
			return p, nil
		}
	}
	return p, usagef("--square %q: want a length such as 25mm or 1in", o.square)
}

func calibPrintCommand() *cobra.Command {
	var b boardFlags
	var out, paper string
	c := &cobra.Command{
		Use:   "print",
		Short: "Draw a chessboard to scale, as PDF or SVG",
		Long: `Draw a chessboard to scale. Print it at 100 % ("actual size"), check the ruler under it, and fix it to something flat
and stiff: a bent board makes a wrong lens.`,
		Example: `  outrider calib print -o board.pdf
  outrider calib print --paper a3 --square 35mm -o board.svg`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := b.pattern()
			if err != nil {
				return err
			}
			sheet, err := board.PaperOf(paper)
			if err != nil {
				return &usageError{err}
			}
			draw := p.PDF
			switch strings.ToLower(filepath.Ext(out)) {
			case ".pdf":
			case ".svg":
				draw = p.SVG
			default:
				return usagef("-o %s: want a name that ends in .pdf or .svg", out)
			}
			data, err := draw(sheet)
			if err != nil {
				return &usageError{err}
			}
			if err := os.WriteFile(out, data, 0o644); err != nil {
				return fmt.Errorf("write chessboard: %w", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d x %d inner corners, squares of %.4g mm, on %s; print at 100 %%\n", out, p.Columns, p.Rows, p.Square*1000, sheet.Name)
			return nil
		},
	}
	f := c.Flags()
	b.add(f)
	f.StringVarP(&out, "output", "o", "board.pdf", "`file`, .pdf or .svg")
	f.StringVar(&paper, "paper", "a4", "a4, a3, a2, letter or legal")
	return c
}

type calibBoardOptions struct {
	boardFlags
	model   string
	out, to string
	preview string
	views   int
	keepAll bool
	limit   time.Duration
	asJSON  bool
}

func calibBoardCommand() *cobra.Command {
	var o calibBoardOptions
	c := &cobra.Command{
		Use:   "board SOURCE...",
		Short: "Calibrate a lens from pictures, a video or a live camera that sees a chessboard",
		Long: `Calibrate a lens from pictures, folders of pictures, videos, or a live camera that sees a chessboard ("outrider calib
print" draws one). From video and live cameras it takes a view when the board holds still somewhere new; it shows what
of the picture is covered and which view to take next, and stops when nothing is missing, after --views, or at the
first interrupt.

It tells the reprojection error of all views and of each, leaves out views that do not fit, and says how far the focal
length scatters when the views are drawn anew: that, and not the error alone, is what a calibration is worth.`,
		Example: `  outrider calib board photos/*.jpg --columns 9 --rows 6 --square 25mm -o lens.yaml
  outrider calib board rtsp://10.0.0.2/front -o lens.yaml --preview preview
  outrider calib board fisheye.mp4 --lens equidistant -o lens.yaml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runCalibBoard(c.Context(), o, args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	o.boardFlags.add(f)
	f.StringVar(&o.model, "lens", string(calib.PlumbBob), "distortion `model`: plumb_bob, rational_polynomial (wide), equidistant (fisheye)")
	f.StringVarP(&o.out, "output", "o", "", "write the calibration to this `file`")
	f.StringVar(&o.to, "to", string(camfile.Outrider), "its `format`: outrider, opencv, ros or kalibr")
	f.StringVar(&o.preview, "preview", "", "write pictures before and after undistortion to this `folder`")
	f.IntVar(&o.views, "views", 40, "take at most so many views")
	f.BoolVar(&o.keepAll, "keep-all", false, "leave no view out")
	f.DurationVar(&o.limit, "for", 0, "stop after this `time`, for live cameras")
	f.BoolVar(&o.asJSON, "json", false, "print the answer as JSON")
	return c
}

// boardAnswer is what `calib board --json` prints.
type boardAnswer struct {
	RMS      float64            `json:"rms_px"`
	Used     int                `json:"views_used"`
	Views    []board.ViewResult `json:"views"`
	Width    int                `json:"width"`
	Height   int                `json:"height"`
	Model    string             `json:"distortion_model"`
	FX       float64            `json:"fx"`
	FY       float64            `json:"fy"`
	CX       float64            `json:"cx"` // from the centre of the top left pixel, as in files
	CY       float64            `json:"cy"`
	D        []float64          `json:"distortion"`
	SD       map[string]float64 `json:"sd_px,omitempty"`
	Coverage board.Coverage     `json:"coverage"`
}

func runCalibBoard(ctx context.Context, o calibBoardOptions, sources []string, stdout, stderr io.Writer) error {
	p, err := o.pattern()
	switch {
	case err != nil:
		return err
	case calib.Model(o.model).Coefficients() == 0:
		return usagef("--lens %q: want plumb_bob, rational_polynomial or equidistant", o.model)
	case o.views < 3:
		return usagef("--views %d: want 3 or more, better 15", o.views)
	}
	if o.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.limit)
		defer cancel()
	}
	g := &boardGatherer{pattern: p, most: o.views, out: stderr, keepPicture: o.preview != ""}
	for _, s := range sources {
		if g.done() {
			break
		}
		if err := g.gather(ctx, s); err != nil {
			return err
		}
	}
	r, err := board.Calibrate(g.views, board.Options{Pattern: p, Width: g.width, Height: g.height, Model: calib.Model(o.model), KeepAll: o.keepAll})
	if err != nil {
		if len(g.views) == 0 {
			return fmt.Errorf("no picture shows the whole board of %d x %d inner corners: count the corners where four squares meet, not the squares", p.Columns, p.Rows)
		}
		return err
	}
	cal := camfile.Calibration{Intrinsics: r.Intrinsics, RMS: r.RMS}
	if o.out != "" {
		if err := camfile.Save(o.out, camfile.Format(o.to), cal); err != nil {
			return err
		}
	}
	if o.preview != "" {
		if err := writePreview(o.preview, r.Intrinsics, g.picture); err != nil {
			return err
		}
	}
	if o.asJSON {
		in := r.Intrinsics
		a := boardAnswer{RMS: r.RMS, Used: r.Used, Views: r.Views, Width: in.Width, Height: in.Height, Model: string(in.Model),
			FX: in.FX, FY: in.FY, CX: in.CX - .5, CY: in.CY - .5, D: in.D[:in.Model.Coefficients()], Coverage: r.Coverage}
		if r.FX >= 0 {
			a.SD = map[string]float64{"fx": r.FX, "fy": r.FY, "cx": r.CX, "cy": r.CY}
		}
		b, err := json.MarshalIndent(a, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, string(b))
		return nil
	}
	printBoard(stdout, r)
	printCalibration(stdout, cal)
	if o.out != "" {
		fmt.Fprintf(stdout, "written to %s\n", o.out)
	}
	return nil
}

func printBoard(w io.Writer, r board.Result) {
	for _, v := range r.Views {
		note := ""
		if v.Dropped {
			note = "  left out"
		}
		fmt.Fprintf(w, "%-28s %7.3f px  tilt %2.0f degrees%s\n", v.Name, v.RMS, v.Tilt, note)
	}
	in := r.Intrinsics
	fmt.Fprintf(w, "%d of %d views, reprojection error %.3f px, %.0f %% of the picture covered\n", r.Used, len(r.Views), r.RMS, 100*r.Coverage.Share)
	if r.FX >= 0 {
		fmt.Fprintf(w, "f %.1f +- %.1f, %.1f +- %.1f; centre %.1f +- %.1f, %.1f +- %.1f\n", in.FX, r.FX, in.FY, r.FY, in.CX-.5, r.CX, in.CY-.5, r.CY)
		if worst := math.Max(r.FX/in.FX, r.FY/in.FY); worst > 0.005 {
			fmt.Fprintf(w, "the focal length is known within %.1f %% only: take more views, tilted and near the edges\n", 100*worst)
		}
	} else {
		fmt.Fprintln(w, "too few views to say how far the focal length may be off: take 6 or more")
	}
	if r.Coverage.Missing != "" {
		fmt.Fprintf(w, "to do better, %s\n", r.Coverage.Missing)
	}
}

// boardGatherer collects views of the board.
type boardGatherer struct {
	pattern       board.Pattern
	most          int
	out           io.Writer
	keepPicture   bool
	views         []board.View
	width, height int
	picture       *pipeline.Frame // of the first view, when it is to be kept
	last          []pipeline.Point
}

func (g *boardGatherer) done() bool { return len(g.views) >= g.most }

// gather takes the views of one source.
func (g *boardGatherer) gather(ctx context.Context, source string) error {
	if isPicture(source) {
		f, err := readPicture(source)
		if err != nil {
			return err
		}
		defer f.Release()
		return g.photo(f, filepath.Base(source))
	}
	src, err := capture.Open(source, capture.Options{})
	if err != nil {
		return &usageError{err}
	}
	folder := src.Kind() == capture.Folder
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var fault error
	looked := time.Time{}
	err = src.Run(ctx, func(f *pipeline.Frame) {
		defer f.Release()
		if fault != nil || g.done() {
			return
		}
		if folder {
			fault = g.photo(f, fmt.Sprintf("%s#%d", filepath.Base(source), len(g.views)+1))
		} else {
			if src.Live() && time.Since(looked) < 150*time.Millisecond {
				return
			}
			looked = time.Now()
			fault = g.moving(f)
			if fault == nil && g.complete() {
				cancel()
			}
		}
		if fault != nil || g.done() {
			cancel()
		}
	})
	switch {
	case fault != nil:
		return fault
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("calib board %s: %w", src.Display(), err)
	}
	return nil
}

func isPicture(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif":
		return !strings.Contains(name, "://")
	}
	return false
}

// size keeps the size of the pictures; cameras differ by a pixel now and then, so that is taken.
func (g *boardGatherer) size(f *pipeline.Frame, name string) error {
	if g.width == 0 {
		g.width, g.height = f.Width, f.Height
	}
	if d := max(f.Width-g.width, g.width-f.Width, f.Height-g.height, g.height-f.Height); d > 2 {
		return fmt.Errorf("%s is %dx%d and the pictures before are %dx%d: all must be of one camera at one size", name, f.Width, f.Height, g.width, g.height)
	}
	return nil
}

// photo looks thoroughly at a picture.
func (g *boardGatherer) photo(f *pipeline.Frame, name string) error {
	if err := g.size(f, name); err != nil {
		return err
	}
	corners, ok, err := find.Chessboard(f, g.pattern, find.Options{})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !ok {
		fmt.Fprintf(g.out, "%s: the board is not whole in the picture\n", name)
		return nil
	}
	g.take(f, name, corners)
	fmt.Fprintf(g.out, "%s: view %d\n", name, len(g.views))
	return nil
}

func (g *boardGatherer) take(f *pipeline.Frame, name string, corners []pipeline.Point) {
	g.views = append(g.views, board.View{Name: name, Corners: corners})
	if g.keepPicture && g.picture == nil {
		g.picture, _ = pipeline.NewFrame(name, f.Width, f.Height, append([]byte(nil), f.Data...))
	}
}

// moving looks quickly at a frame of a video, and takes it when the board holds still at a new
// place.
func (g *boardGatherer) moving(f *pipeline.Frame) error {
	if err := g.size(f, "frame"); err != nil {
		return err
	}
	corners, ok, err := find.Chessboard(f, g.pattern, find.Options{Quick: true})
	if err != nil {
		return err
	}
	if !ok {
		g.last = nil
		return nil
	}
	still := g.last != nil && meanDistance(corners, g.last) < 0.002*float64(f.Width)
	g.last = corners
	if !still {
		return nil
	}
	for _, v := range g.views {
		if meanDistance(corners, v.Corners) < 0.06*float64(f.Width) {
			return nil
		}
	}
	g.take(f, fmt.Sprintf("at %v", f.MediaTime.Round(time.Millisecond)), corners)
	g.guide()
	return nil
}

func meanDistance(a, b []pipeline.Point) float64 {
	s := 0.0
	for i := range a {
		s += math.Hypot(a[i].X-b[i].X, a[i].Y-b[i].Y) / float64(len(a))
	}
	return s
}

// complete tells whether no view is missing.
func (g *boardGatherer) complete() bool {
	return len(g.views) >= 12 && board.Cover(g.views, g.width, g.height).Missing == ""
}

// guide shows what is covered and what to do next.
func (g *boardGatherer) guide() {
	c := board.Cover(g.views, g.width, g.height)
	fmt.Fprintf(g.out, "view %d\n", len(g.views))
	for _, row := range c.Cells {
		line := "  "
		for _, cell := range row {
			if cell {
				line += "##"
			} else {
				line += " ."
			}
		}
		fmt.Fprintln(g.out, line)
	}
	if c.Missing != "" {
		fmt.Fprintf(g.out, "next: %s\n", c.Missing)
	}
}

// writePreview writes the picture beside its undistorted self.
func writePreview(dir string, in calib.Intrinsics, f *pipeline.Frame) error {
	if f == nil {
		return nil
	}
	cam, err := calib.New(in)
	if err != nil {
		return err
	}
	if cam, err = cam.Scale(f.Width, f.Height); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make preview folder: %w", err)
	}
	img := image.NewRGBA(image.Rect(0, 0, 2*f.Width, f.Height))
	put := func(x, y int, at pipeline.Point) {
		u, v := int(math.Floor(at.X)), int(math.Floor(at.Y))
		o := img.PixOffset(x, y)
		img.Pix[o+3] = 255
		if u >= 0 && v >= 0 && u < f.Width && v < f.Height {
			i := 3 * (v*f.Width + u)
			img.Pix[o], img.Pix[o+1], img.Pix[o+2] = f.Data[i+2], f.Data[i+1], f.Data[i]
		}
	}
	for y := range f.Height {
		for x := range f.Width {
			p := pipeline.Point{X: float64(x) + .5, Y: float64(y) + .5}
			put(x, y, p)
			q, ok := cam.Distort(p)
			if !ok {
				q = pipeline.Point{X: -1, Y: -1}
			}
			put(f.Width+x, y, q)
		}
	}
	file, err := os.Create(filepath.Join(dir, "undistorted.jpg"))
	if err != nil {
		return fmt.Errorf("write preview: %w", err)
	}
	if err := jpeg.Encode(file, img, &jpeg.Options{Quality: 90}); err != nil {
		return errors.Join(fmt.Errorf("write preview: %w", err), file.Close())
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write preview: %w", err)
	}
	return nil
}
