package evalroad

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"outrider/calib"
	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/tracker/obstacle"
)

// What is told of KITTI's camera: its published height, a pitch that nobody measured, and the
// pictures' size. The plane under the road is the stage's own matter.
const (
	kittiWidth, kittiHeight = 1242, 375
	kittiCamera             = 1.65
	kittiPitch              = 0.5 * degree // one standard deviation
	kittiStep               = 100 * time.Millisecond
)

// kittiBox is one line of KITTI's tracking labels.
type kittiBox struct {
	frame, id   int
	class       string
	truncated   float64
	box         pipeline.Box
	x, near     float64 // of its middle, right of the camera; to its near end, along the camera's axis
	lengthAlong float64
}

// KITTI measures distances on the labels of KITTI's tracking sequences in dir, which holds
// label_02/NNNN.txt and calib/NNNN.txt: boxes in, distances out, against those of the labels,
// which the stage does not see.
func KITTI(dir string) ([]Row, error) {
	names, err := filepath.Glob(filepath.Join(dir, "label_02", "*.txt"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("KITTI labels in %s: no file label_02/*.txt", dir)
	}
	bands := [3][2]float64{{10, 20}, {20, 30}, {30, 50}}
	var own, floor [3]figures
	for _, name := range names {
		boxes, err := readKITTI(name)
		if err != nil {
			return nil, err
		}
		f, cx, cy, err := readP2(filepath.Join(dir, "calib", filepath.Base(name)))
		if err != nil {
			return nil, err
		}
		for pass, out := range []*[3]figures{&own, &floor} {
			errs, err := kittiSequence(boxes, f, cx, cy, pass == 1)
			if err != nil {
				return nil, err
			}
			for i, b := range bands {
				var v []float64
				for _, e := range errs {
					if e[0] >= b[0] && e[0] < b[1] {
						v = append(v, e[1])
					}
				}
				out[i].add(v)
			}
		}
	}
	median := func(v []float64) float64 { return Quantile(v, .5) }
	good, best := [3]float64{6, 8, 12}, [3]float64{4, 5.5, 8.5}
	var rows []Row
	for pass, src := range []*[3]figures{&own, &floor} {
		for i, b := range bands {
			if src[i].n() == 0 {
				continue
			}
			p90 := Quantile(src[i].all(), .9)
			r := Row{Name: "distance error, median (p90), %", On: fmt.Sprintf("KITTI labels, %g-%g m", b[0], b[1]), Value: median(src[i].all()), P90: &p90, N: src[i].n()}
			if lo, hi := src[i].interval(median); !math.IsNaN(lo) {
				r.Lo, r.Hi = &lo, &hi
			}
			if pass == 0 {
				g := target{good: good[i], best: best[i]}
				r.Good, r.Excellent, r.Verdict = g.words(g.good, 0), g.words(g.best, 0), g.judge(r.Value, 0, false)
			} else {
				r.On += ", fixed plane and no filter"
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// kittiSequence returns pairs of true distance and error in percent. fixed takes the plane as
// it is told, and each box alone.
func kittiSequence(boxes []kittiBox, f, cx, cy float64, fixed bool) ([][2]float64, error) {
	cam, err := calib.New(calib.Intrinsics{Width: kittiWidth, Height: kittiHeight, FX: f, FY: f, CX: cx, CY: cy, Model: calib.PlumbBob})
	if err != nil {
		return nil, err
	}
	plane, err := calib.NewPlane(cam, calib.Mount{Height: kittiCamera, Spread: calib.Spread{Pitch: kittiPitch}})
	if err != nil {
		return nil, err
	}
	s := &obstacle.Stage{Calibration: obstacle.Fixed{Road: plane}, Off: obstacle.Ablation{Tilt: fixed, Filter: fixed}}
	pixels := make([]byte, 3*kittiWidth*kittiHeight)
	grid := mask.FrameGrid(kittiWidth, kittiHeight)
	var out [][2]float64
	for i := 0; i < len(boxes); {
		j := i
		for j < len(boxes) && boxes[j].frame == boxes[i].frame {
			j++
		}
		fr, err := pipeline.NewFrame("kitti", kittiWidth, kittiHeight, pixels)
		if err != nil {
			return nil, err
		}
		fr.Seq, fr.Epoch = uint64(boxes[i].frame+1), 1
		fr.MediaTime = time.Duration(boxes[i].frame) * kittiStep
		fr.Captured = epoch.Add(fr.MediaTime)
		r := pipeline.NewResult(fr)
		for _, b := range boxes[i:j] {
			m := mask.New(grid, image.Rect(int(b.box.X1+.5), int(b.box.Y1+.5), int(b.box.X2+.5), int(b.box.Y2+.5)))
			m.Fill(m.Window())
			r.Tracks = append(r.Tracks, pipeline.Track{
				ID: uint64(b.id + 1), Box: b.box, Mask: m, State: pipeline.Confirmed, Observed: true, Score: 1, Segment: -1, Epoch: 1, Label: b.class,
			})
		}
		sortTracks(r.Tracks)
		err = s.Process(context.Background(), r)
		for _, b := range boxes[i:j] {
			if math.Abs(b.x) > 8 || b.truncated > 0 {
				continue
			}
			for k := range r.Obstacles {
				if o := &r.Obstacles[k]; o.TrackID == uint64(b.id+1) && o.Distance != nil {
					out = append(out, [2]float64{b.near, 100 * math.Abs(*o.Distance-b.near) / b.near})
				}
			}
		}
		r.Release()
		fr.Release()
		if err != nil {
			return nil, err
		}
		i = j
	}
	return out, nil
}

// readKITTI reads a label file, in the order of frames.
func readKITTI(path string) ([]kittiBox, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open KITTI labels: %w", err)
	}
	defer f.Close()
	boxes, err := parseKITTI(f)
	if err != nil {
		return nil, fmt.Errorf("read KITTI labels %s: %w", path, err)
	}
	return boxes, nil
}

func parseKITTI(r io.Reader) ([]kittiBox, error) {
	var out []kittiBox
	sc := bufio.NewScanner(r)
	for line := 1; sc.Scan(); line++ {
		w := strings.Fields(sc.Text())
		if len(w) == 0 {
			continue
		}
		if len(w) < 17 {
			return nil, fmt.Errorf("line %d: %d fields, want 17", line, len(w))
		}
		if w[2] == "DontCare" {
			continue
		}
		var v [17]float64
		for i := range v {
			if i == 2 {
				continue
			}
			x, err := strconv.ParseFloat(w[i], 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("line %d: field %d: %q is not a number", line, i+1, w[i])
			}
			v[i] = x
		}
		b := kittiBox{frame: int(v[0]), id: int(v[1]), class: strings.ToLower(w[2]), truncated: v[3], box: pipeline.Box{X1: v[6], Y1: v[7], X2: v[8], Y2: v[9]}}
		s, c := math.Sincos(v[16])
		b.lengthAlong = math.Abs(v[12]*s) + math.Abs(v[11]*c)
		b.x, b.near = v[13], v[15]-b.lengthAlong/2
		if b.frame < 0 || b.id < 0 || b.near <= 0 || b.box.Area() <= 0 {
			continue
		}
		out = append(out, b)
	}
	if err := sc.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b kittiBox) int { return a.frame - b.frame })
	return out, nil
}

// readP2 reads the focal length and the principal point of the left colour camera.
func readP2(path string) (f, cx, cy float64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("open KITTI calibration: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		if len(w) < 13 || strings.TrimSuffix(w[0], ":") != "P2" {
			continue
		}
		var v [12]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(w[i+1], 64); err != nil {
				return 0, 0, 0, fmt.Errorf("read KITTI calibration %s: P2: %q is not a number", path, w[i+1])
			}
		}
		return v[0], v[2], v[6], nil
	}
	return 0, 0, 0, fmt.Errorf("read KITTI calibration %s: %w", path, errors.New("no line P2"))
}
