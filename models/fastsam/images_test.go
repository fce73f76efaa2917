package fastsam_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"outrider/models/fastsam"
	"outrider/models/levels"
	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/pipeline/pipetest"
)

func TestSegmenterConforms(t *testing.T) {
	needLibrary(t)
	pipetest.TestSegmenter(t, func(t *testing.T) pipeline.Segmenter {
		return newModel(t, &fastsam.Model{Input: 320})
	})
}

// On more than a hundred real pictures every segmentation keeps its promises, and a click has
// at most six nested levels, all under it. A click two pixels away means the same thing in
// nearly all cases.
func TestImages(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t), "data", "segments", "images", "*"))
	if err != nil || len(files) == 0 {
		t.Skip("no pictures of segments in the shared test data")
	}
	if testing.Short() {
		files = files[:20]
	}
	m := newModel(t, &fastsam.Model{Input: 384})
	r := rand.New(rand.NewPCG(7, 8))
	clicks, stable, deepest, segments := 0, 0, 0, 0
	for _, file := range files {
		if st, err := os.Stat(file); err != nil || st.IsDir() {
			continue
		}
		f := readFrame(t, file)
		s := segmentOne(t, m, f)
		checkSegmentation(t, s, f.Width, f.Height, fastsam.DefaultMaxSegments)
		segments += len(s.Segments)
		for range 40 {
			x, y := r.Float64()*float64(f.Width-4)+2, r.Float64()*float64(f.Height-4)+2
			chain := levels.Chain(s.Segments, x, y)
			if len(chain) == 0 {
				continue
			}
			deepest = max(deepest, len(chain))
			if len(chain) > levels.Max || !slices.IsSortedFunc(chain, func(a, b int) int { return s.Segments[a].Mask.Area() - s.Segments[b].Mask.Area() }) {
				t.Errorf("%s: chain %v", file, chain)
			}
			for _, i := range chain {
				if !s.Segments[i].Mask.At(x, y) {
					t.Errorf("%s: segment %d does not hold the click", file, i)
				}
			}
			masks := make([]*mask.Mask, len(chain))
			for n, i := range chain {
				masks[n] = s.Segments[i].Mask
			}
			nested := levels.Nested(masks)
			for n := 1; n < len(nested); n++ {
				if mask.Containment(nested[n-1], nested[n]) != 1 || nested[n-1].Area() >= nested[n].Area() {
					t.Errorf("%s: level %d does not lie strictly inside level %d", file, n-1, n)
				}
			}
			for _, d := range [][2]float64{{-2, 0}, {2, 0}, {0, -2}, {0, 2}} {
				clicks++
				near := levels.Chain(s.Segments, x+d[0], y+d[1])
				// The same thing: one of the levels is the same segment.
				if slices.ContainsFunc(near, func(i int) bool { return slices.Contains(chain, i) }) {
					stable++
				}
			}
		}
		s.Release()
	}
	share := float64(stable) / float64(clicks)
	t.Logf("%d pictures, %d segments, deepest chain %d; %.2f %% of %d clicks two pixels away share a level", len(files), segments, deepest, 100*share, clicks)
	if share < 0.95 {
		t.Errorf("only %.2f %% of the clicks are stable", 100*share)
	}
}
