package find

import (
	"fmt"
	"image"
	"math"

	"gocv.io/x/gocv"

	"outrider/calib/board"
	"outrider/pipeline"
)

// Options say how hard to look.
type Options struct {
	// Quick gives up early on pictures that do not look like a board, for video; it misses some
	// that a thorough search finds.
	Quick bool
}

// Chessboard finds all inner corners of the board in a frame, to a fraction of a pixel, row by row
// as board.View wants them. found is false when the whole board is not in sight. It may be
// called from several goroutines.
func Chessboard(f *pipeline.Frame, p board.Pattern, o Options) (corners []pipeline.Point, found bool, err error) {
	if err := p.Validate(); err != nil {
		return nil, false, fmt.Errorf("find chessboard: %w", err)
	}
	// OpenCV aborts on what it does not like: check before.
	if f.Width < 32 || f.Height < 32 || f.Width > 1<<14 || f.Height > 1<<14 || len(f.Data) != 3*f.Width*f.Height {
		return nil, false, fmt.Errorf("find chessboard: a picture of %dx%d with %d bytes, want 32 to %d pixels a side", f.Width, f.Height, len(f.Data), 1<<14)
	}
	bgr, err := gocv.NewMatFromBytes(f.Height, f.Width, gocv.MatTypeCV8UC3, f.Data)
	if err != nil {
		return nil, false, fmt.Errorf("find chessboard: %w", err)
	}
	defer bgr.Close()
	grey, m := gocv.NewMat(), gocv.NewMat()
	defer grey.Close()
	defer m.Close()
	gocv.CvtColor(bgr, &grey, gocv.ColorBGRToGray)
	flags := gocv.CalibCBAdaptiveThresh | gocv.CalibCBNormalizeImage
	if o.Quick {
		flags |= gocv.CalibCBFastCheck
	}
	if !gocv.FindChessboardCorners(grey, image.Pt(p.Columns, p.Rows), &m, flags) || m.Rows() != p.Columns*p.Rows {
		return nil, false, nil
	}
	// The window of the refinement must not reach the next corner, nor leave the picture.
	window := 11
	if s := int(spacing(m, p) / 2); s < window {
		window = s
	}
	for i := range m.Rows() {
		v := m.GetVecfAt(i, 0)
		x, y := float64(v[0]), float64(v[1])
		if !(x >= 0 && y >= 0 && x < float64(f.Width) && y < float64(f.Height)) {
			return nil, false, nil
		}
	}
	if window >= 2 && f.Width > 2*window+6 && f.Height > 2*window+6 {
		gocv.CornerSubPix(grey, &m, image.Pt(window, window), image.Pt(-1, -1), gocv.NewTermCriteria(gocv.Count|gocv.EPS, 30, 0.001))
	}
	corners = make([]pipeline.Point, m.Rows())
	for i := range corners {
		v := m.GetVecfAt(i, 0)
		corners[i] = pipeline.Point{X: float64(v[0]) + .5, Y: float64(v[1]) + .5}
	}
	return corners, true, nil
}

// spacing is the least distance between neighbours.
func spacing(m gocv.Mat, p board.Pattern) float64 {
	at := func(i int) (float64, float64) {
		v := m.GetVecfAt(i, 0)
		return float64(v[0]), float64(v[1])
	}
	least := math.Inf(1)
	for r := range p.Rows {
		for c := range p.Columns {
			x, y := at(r*p.Columns + c)
			if c+1 < p.Columns {
				u, v := at(r*p.Columns + c + 1)
				least = math.Min(least, math.Hypot(u-x, v-y))
			}
			if r+1 < p.Rows {
				u, v := at((r+1)*p.Columns + c)
				least = math.Min(least, math.Hypot(u-x, v-y))
			}
		}
	}
	return least
}
