package board

import (
	"errors"
	"fmt"
	"math"

	"outrider/calib"
	"outrider/pipeline"
)

// Pattern is a chessboard, by its inner corners.
type Pattern struct {
	Columns, Rows int     // inner corners
	Square        float64 // side of a square, metres
}

// Validate says what is wrong with the pattern.
func (p Pattern) Validate() error {
	if p.Columns < 3 || p.Rows < 3 || p.Columns > 64 || p.Rows > 64 {
		return fmt.Errorf("chessboard of %dx%d inner corners: want 3 to 64 each way", p.Columns, p.Rows)
	}
	if !(p.Square > 0.0005 && p.Square < 10) {
		return fmt.Errorf("chessboard squares of %v m: want 0.5 mm to 10 m", p.Square)
	}
	return nil
}

// View is one picture of the board.
type View struct {
	Name    string
	Corners []pipeline.Point // all inner corners, row by row, frame pixels
}

// Options say how to calibrate.
type Options struct {
	Pattern       Pattern
	Width, Height int         // of the pictures
	Model         calib.Model // default PlumbBob
	KeepAll       bool        // drop no outlier views
	Bootstrap     int         // draws for the spread, default 40; negative for none
}

// ViewResult is how well one view fits.
type ViewResult struct {
	Name    string  `json:"name"`
	RMS     float64 `json:"rms_px"`
	Dropped bool    `json:"dropped,omitempty"` // it fits so much worse than the others that it was left out
	Tilt    float64 `json:"tilt_deg"`          // between the board and the picture plane
}

// Result is a calibration and how far to trust it.
type Result struct {
	Intrinsics calib.Intrinsics
	RMS        float64 // over the corners of the views used, pixels
	Views      []ViewResult
	Used       int
	// FX, FY, CX and CY are the standard deviations, pixels, over views drawn anew; negative when
	// not computed.
	FX, FY, CX, CY float64
	Coverage       Coverage
}

// minViews is the least number of views that fix a lens.
const minViews = 3

// maxOutlier is how many times worse than the median view a view may fit.
const maxOutlier = 3.0

// ErrViews is a set of views that does not fix a lens.
var ErrViews = errors.New("the views do not fix the lens")

// Calibrate fits the lens to the views.
func Calibrate(views []View, o Options) (Result, error) {
	fail := func(format string, args ...any) (Result, error) {
		return Result{}, fmt.Errorf("calibrate lens: "+format, args...)
	}
	if o.Model == "" {
		o.Model = calib.PlumbBob
	}
	if err := o.Pattern.Validate(); err != nil {
		return fail("%w", err)
	}
	if o.Model.Coefficients() == 0 {
		return fail("distortion model %q is not known", string(o.Model))
	}
	if o.Width < 16 || o.Height < 16 {
		return fail("pictures of %dx%d", o.Width, o.Height)
	}
	n := o.Pattern.Columns * o.Pattern.Rows
	for _, v := range views {
		if len(v.Corners) != n {
			return fail("view %s has %d corners, want %d", v.Name, len(v.Corners), n)
		}
		for _, c := range v.Corners {
			if !(math.Abs(c.X) < 1e6 && math.Abs(c.Y) < 1e6) {
				return fail("view %s has a corner at %v", v.Name, c)
			}
		}
	}
	for _, v := range views {
		if edgeOn(v.Corners) {
			return fail("%w: view %s shows the board from its edge", ErrViews, v.Name)
		}
	}
	if len(views) < minViews {
		return fail("%w: %d of them show the whole board, want %d or more, better 15", ErrViews, len(views), minViews)
	}
	f := newFit(views, o)
	if err := f.start(); err != nil {
		return fail("%w", err)
	}
	if err := f.refine(200); err != nil {
		return fail("%w", err)
	}
	dropped := map[int]bool{}
	if !o.KeepAll {
		// Leave out what fits far worse than the rest, and fit again, until nothing does.
		for range 3 {
			out := f.outliers()
			if len(out) == 0 || f.used()-len(out) < minViews {
				break
			}
			for _, i := range out {
				dropped[i] = true
				f.weight[i] = 0
			}
			if err := f.refine(200); err != nil {
				return fail("%w", err)
			}
		}
	}
	r := Result{Intrinsics: f.intrinsics(f.p), FX: -1, FY: -1, CX: -1, CY: -1}
	if err := r.Intrinsics.Validate(); err != nil {
		return fail("%w: %w; take views from more sides, with the board tilted", ErrViews, err)
	}
	var sum float64
	var kept []View
	for i := range views {
		e := f.error(i)
		r.Views = append(r.Views, ViewResult{Name: views[i].Name, RMS: math.Sqrt(e / float64(n)), Dropped: dropped[i], Tilt: f.tilt(i)})
		if !dropped[i] {
			sum += e
			r.Used++
			kept = append(kept, views[i])
		}
	}
	r.RMS = math.Sqrt(sum / float64(n*r.Used))
	r.Coverage = Cover(kept, o.Width, o.Height)
	if o.Bootstrap == 0 {
		o.Bootstrap = 40
	}
	if o.Bootstrap > 0 {
		f.bootstrap(o.Bootstrap, &r)
	}
	return r, nil
}

// edgeOn tells whether the corners lie within a pixel or so of a line.
func edgeOn(c []pipeline.Point) bool {
	var x, y, xx, xy, yy float64
	n := float64(len(c))
	for _, p := range c {
		x, y = x+p.X/n, y+p.Y/n
	}
	for _, p := range c {
		xx, xy, yy = xx+(p.X-x)*(p.X-x)/n, xy+(p.X-x)*(p.Y-y)/n, yy+(p.Y-y)*(p.Y-y)/n
	}
	return (xx+yy)/2-math.Hypot((xx-yy)/2, xy) < 1
}

// Coverage is how much of the picture the corners of all views cover.
type Coverage struct {
	Cells [8][8]bool `json:"cells"` // by rows, from the top left
	Share float64    `json:"share"` // of the cells with a corner in them
	// Missing says what view to take next, in words; empty when nothing is missing.
	Missing string `json:"missing,omitempty"`
}

// Cover counts the cells of the picture in which there are corners, and says what is missing.
func Cover(views []View, width, height int) Coverage {
	var c Coverage
	tilted := 0
	for _, v := range views {
		for _, p := range v.Corners {
			i, j := int(p.Y*8/float64(height)), int(p.X*8/float64(width))
			if i >= 0 && i < 8 && j >= 0 && j < 8 {
				c.Cells[i][j] = true
			}
		}
		if slanted(v) {
			tilted++
		}
	}
	var count [3][3]int // of covered cells in each ninth, and how many there are
	var all [3][3]int
	n := 0
	for i := range 8 {
		for j := range 8 {
			a, b := i*3/8, j*3/8
			all[a][b]++
			if c.Cells[i][j] {
				count[a][b]++
				n++
			}
		}
	}
	c.Share = float64(n) / 64
	worst, where := 0.5, ""
	for a := range 3 {
		for b := range 3 {
			if s := float64(count[a][b]) / float64(all[a][b]); s < worst {
				worst = s
				where = [3]string{"top ", "", "bottom "}[a] + [3]string{"left", "middle", "right"}[b]
			}
		}
	}
	switch {
	case where != "":
		c.Missing = "hold the board so that it fills the " + where + " of the picture"
	case tilted < 4 || 3*tilted < len(views):
		c.Missing = "tilt the board by 30 to 45 degrees, to each side in turn"
	case len(views) < 12:
		c.Missing = fmt.Sprintf("take %d more views, at other distances and angles", 12-len(views))
	}
	return c
}

// slanted tells whether the board is clearly tilted: opposite sides of unlike length, or a
// shape that is not the board's.
func slanted(v View) bool {
	n := len(v.Corners)
	if n < 4 {
		return false
	}
	// The corners are row by row; the first row ends where the direction turns.
	cols := 2
	for cols < n {
		a, b, c := v.Corners[cols-2], v.Corners[cols-1], v.Corners[cols]
		if (b.X-a.X)*(c.X-b.X)+(b.Y-a.Y)*(c.Y-b.Y) < 0 {
			break
		}
		cols++
	}
	dist := func(a, b pipeline.Point) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }
	tl, tr, bl, br := v.Corners[0], v.Corners[cols-1], v.Corners[n-cols], v.Corners[n-1]
	ratio := func(a, b float64) float64 { return math.Max(a, b) / math.Max(1e-9, math.Min(a, b)) }
	return ratio(dist(tl, tr), dist(bl, br)) > 1.12 || ratio(dist(tl, bl), dist(tr, br)) > 1.12
}
