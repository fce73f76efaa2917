package find_test

import (
	"encoding/json"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"

	"outrider/calib"
	"outrider/calib/board"
	"outrider/calib/board/find"
	"outrider/pipeline"
)

// picture renders the board as the lens sees it from the pose, each pixel from 4x4 rays.
func picture(t *testing.T, cam *calib.Camera, p board.Pattern, pose func(u, v float64) (x, y, z float64)) *pipeline.Frame {
	t.Helper()
	in := cam.Intrinsics()
	// The plane through three points of the board; a ray meets it where both coordinates are.
	ox, oy, oz := pose(0, 0)
	ux, uy, uz := pose(1, 0)
	vx, vy, vz := pose(0, 1)
	ux, uy, uz, vx, vy, vz = ux-ox, uy-oy, uz-oz, vx-ox, vy-oy, vz-oz
	nx, ny, nz := uy*vz-uz*vy, uz*vx-ux*vz, ux*vy-uy*vx
	pix := make([]byte, 3*in.Width*in.Height)
	for y := range in.Height {
		for x := range in.Width {
			sum := 0.0
			for k := range 16 {
				dx, dy, ok := cam.Unproject(pipeline.Point{X: float64(x) + (float64(k%4)+.5)/4, Y: float64(y) + (float64(k/4)+.5)/4})
				if !ok {
					continue
				}
				s := (nx*ox + ny*oy + nz*oz) / (nx*dx + ny*dy + nz)
				px, py, pz := s*dx-ox, s*dy-oy, s-oz
				u := (px*ux + py*uy + pz*uz) / (ux*ux + uy*uy + uz*uz)
				v := (px*vx + py*vy + pz*vz) / (vx*vx + vy*vy + vz*vz)
				c, r := math.Floor(u/p.Square)+1, math.Floor(v/p.Square)+1
				value := 150.0 // the wall
				if c >= -1 && r >= -1 && c <= float64(p.Columns)+1 && r <= float64(p.Rows)+1 {
					value = 230
					if c >= 0 && r >= 0 && c <= float64(p.Columns) && r <= float64(p.Rows) && int(c+r)%2 == 0 {
						value = 30
					}
				}
				sum += value / 16
			}
			i := 3 * (y*in.Width + x)
			pix[i], pix[i+1], pix[i+2] = byte(sum), byte(sum), byte(sum)
		}
	}
	f, err := pipeline.NewFrame("board", in.Width, in.Height, pix)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFindRendered holds corners to where the lens puts them, and so the half pixel between
// OpenCV's origin and ours.
func TestFindRendered(t *testing.T) {
	cam, err := calib.New(calib.Intrinsics{Width: 480, Height: 360, FX: 430, FY: 430, CX: 245, CY: 176, Model: calib.PlumbBob, D: [8]float64{-0.2, 0.05}})
	if err != nil {
		t.Fatal(err)
	}
	p := board.Pattern{Columns: 7, Rows: 5, Square: 0.03}
	pose := func(u, v float64) (x, y, z float64) { return u - 0.1, v*0.95 - 0.06, 0.34 + 0.31*v }
	f := picture(t, cam, p, pose)
	corners, ok, err := find.Chessboard(f, p, find.Options{Quick: true})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	var dx, dy, worst float64
	for i, c := range corners {
		x, y, z := pose(float64(i%7)*0.03, float64(i/7)*0.03)
		q, _ := cam.Project(x, y, z)
		j, _ := cam.Project(pose(float64(6-i%7)*0.03, float64(4-i/7)*0.03)) // OpenCV may begin at the other end
		if math.Hypot(j.X-c.X, j.Y-c.Y) < math.Hypot(q.X-c.X, q.Y-c.Y) {
			q = j
		}
		dx, dy = dx+(c.X-q.X)/35, dy+(c.Y-q.Y)/35
		worst = math.Max(worst, math.Hypot(c.X-q.X, c.Y-q.Y))
	}
	if math.Abs(dx) > 0.03 || math.Abs(dy) > 0.03 || worst > 0.35 {
		t.Errorf("corners are off by %.3f %.3f on average, %.3f at worst", dx, dy, worst)
	}
}

func TestFindNothing(t *testing.T) {
	p := board.Pattern{Columns: 9, Rows: 6, Square: 0.025}
	grey, err := pipeline.NewFrame("grey", 320, 240, make([]byte, 3*320*240))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := find.Chessboard(grey, p, find.Options{}); ok || err != nil {
		t.Errorf("a black picture: %v %v", ok, err)
	}
	tiny, _ := pipeline.NewFrame("tiny", 8, 8, make([]byte, 3*64))
	if _, _, err := find.Chessboard(tiny, p, find.Options{}); err == nil {
		t.Error("8x8 pixels are taken")
	}
	if _, _, err := find.Chessboard(grey, board.Pattern{Columns: 2, Rows: 2, Square: 1}, find.Options{}); err == nil {
		t.Error("2x2 corners are taken")
	}
}

// TestFindCarND finds the corners of three of CarND's boards where OpenCV's Python does.
func TestFindCarND(t *testing.T) {
	dir := "../../../../shared/data/road/carnd_calib/camera_cal"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the shared data is absent")
	}
	data, err := os.ReadFile("../testdata/carnd.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Views []struct {
			Name    string
			Corners [][2]float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	p := board.Pattern{Columns: 9, Rows: 6, Square: 1}
	for _, v := range golden.Views[:3] {
		file, err := os.Open(filepath.Join(dir, v.Name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		corners, ok, err := find.Chessboard(frame(t, img), p, find.Options{Quick: true})
		if err != nil || !ok {
			t.Errorf("%s: %v %v", v.Name, ok, err)
			continue
		}
		for i, c := range corners {
			if d := math.Hypot(c.X-.5-v.Corners[i][0], c.Y-.5-v.Corners[i][1]); d > 0.1 {
				t.Errorf("%s: corner %d is %.3f px from OpenCV's", v.Name, i, d)
			}
		}
	}
}

func frame(t *testing.T, img image.Image) *pipeline.Frame {
	t.Helper()
	b := img.Bounds()
	var pix []byte
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			pix = append(pix, byte(bl>>8), byte(g>>8), byte(r>>8))
		}
	}
	f, err := pipeline.NewFrame("photo", b.Dx(), b.Dy(), pix)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
