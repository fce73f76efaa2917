package clip_test

import (
	"context"
	"encoding/json"
	"image"
	"os"
	"slices"
	"sort"
	"strconv"
	"testing"

	"outrider/models/clip"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// labelled is one segment of the shared set whose class the vocabulary knows.
type labelled struct {
	region pipeline.Region
	groups []int
}

// readLabelled returns the segments of one image that are at least 32 pixels in area.
func readLabelled(t *testing.T, dir, name string, classes map[string]string, v *clip.Vocabulary) []labelled {
	t.Helper()
	img := readImage(t, dir+"/ids/"+name)
	b := img.Bounds()
	g := mask.FrameGrid(b.Dx(), b.Dy())
	boxes := map[int]image.Rectangle{}
	ids := make([]int, b.Dx()*b.Dy())
	for y := range b.Dy() {
		for x := range b.Dx() {
			r, _, _, _ := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
			id := int(r)
			if _, ok := img.(*image.Gray); ok {
				id = int(r >> 8)
			}
			ids[y*b.Dx()+x] = id
			if id != 0 {
				boxes[id] = boxes[id].Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	var out []labelled
	for key, class := range classes {
		groups := v.GroupsOf(class)
		id, err := strconv.Atoi(key)
		if err != nil {
			t.Fatalf("%s: id %q: %v", name, key, err)
		}
		r := boxes[id]
		if len(groups) == 0 || r.Empty() {
			continue
		}
		m := mask.New(g, r)
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				if ids[y*b.Dx()+x] == id {
					m.Set(x, y)
				}
			}
		}
		if m.Area() < 32*32 {
			continue
		}
		box := pipeline.Box{X1: float64(r.Min.X), Y1: float64(r.Min.Y), X2: float64(r.Max.X), Y2: float64(r.Max.Y)}
		out = append(out, labelled{pipeline.Region{Box: box, Mask: m}, groups})
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].region.Box, out[j].region.Box
		return a.X1 < b.X1 || a.X1 == b.X1 && a.Y1 < b.Y1
	})
	return out
}

// The embedded pair names segments far above chance. The set is the one that it was trained
// on, so this guards the arithmetic around the networks, not their quality.
func TestEmbeddedPairNamesSegments(t *testing.T) {
	dir := shared(t, "data", "segments")
	b, err := os.ReadFile(dir + "/index.json")
	if err != nil {
		t.Fatal(err)
	}
	var index []struct {
		Image, IDs string
		Classes    map[string]string
	}
	if err := json.Unmarshal(b, &index); err != nil {
		t.Fatal(err)
	}
	m := open(t, &clip.Model{})
	v := clip.EmbeddedVocabulary()
	var bank [][]float32
	var group []int
	for i, g := range v.Groups() {
		vecs, err := m.EncodeTexts(context.Background(), g.Words)
		if err != nil {
			t.Fatal(err)
		}
		for _, vec := range vecs {
			bank, group = append(bank, vec), append(group, i)
		}
	}
	every := 9
	if s := os.Getenv("CLIP_EVAL_EVERY"); s != "" { // 1 measures the whole set
		if every, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	hits, total := map[int]int{}, map[int]int{}
	var sims []float32
	above, named := 0, 0
	for k := 0; k < len(index); k += every {
		e := index[k]
		segs := readLabelled(t, dir, e.IDs, e.Classes, v)
		if len(segs) == 0 {
			continue
		}
		if len(segs) > 12 && every > 1 {
			segs = segs[:12]
		}
		f := readFrame(t, dir+"/images/"+e.Image)
		regions := make([]pipeline.Region, len(segs))
		for i := range segs {
			regions[i] = segs[i].region
		}
		vecs, err := m.EncodeRegions(context.Background(), f, regions)
		if err != nil {
			t.Fatal(err)
		}
		for i, vec := range vecs {
			var best int
			best, _, sims = clip.Search(vec, bank, sims)
			g := segs[i].groups[0]
			total[g]++
			right := slices.Contains(segs[i].groups, group[best])
			if right {
				hits[g]++
			}
			other := float32(-1)
			for j, s := range sims {
				if group[j] != group[best] {
					other = max(other, s)
				}
			}
			if sims[best] >= clip.Threshold && sims[best]-other >= clip.Margin {
				named++
				if right {
					above++
				}
			}
		}
	}
	sumHits, sum := 0, 0
	for g, n := range total {
		sumHits, sum = sumHits+hits[g], sum+n
	}
	for i, g := range v.Groups() {
		if total[i] > 0 {
			t.Logf("%-10s %3d of %3d (held out: %.2f)", g.Name, hits[i], total[i], g.Top1)
		}
	}
	t.Logf("all: %d of %d; with threshold and margin %d of %d named are right", sumHits, sum, above, named)
	if sum < 60 {
		t.Fatalf("only %d segments have a class that the vocabulary knows", sum)
	}
	// Chance is 1 in 34; 0.59 was measured on other images.
	if share := float64(sumHits) / float64(sum); share < 0.45 {
		t.Errorf("top-1 is %.2f, want at least 0.45", share)
	}
	if named == 0 || float64(above)/float64(named) < 0.55 {
		t.Errorf("%d of %d named segments are right, want at least 0.55", above, named)
	}
}
