package pipetest

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// TestImageEncoder holds an ImageEncoder to its contract. open returns an encoder that the cases share.
func TestImageEncoder(t *testing.T, open func(t *testing.T) pipeline.ImageEncoder) {
	t.Helper()
	e := open(t)
	scene := &Squares{Width: 320, Height: 240}
	truth := scene.Truth(0)
	var pool pipeline.FramePool
	f := pool.Get(320, 240)
	scene.withDefaults().paint(f.Data, 0)
	encode := func(t *testing.T, regions ...pipeline.Region) [][]float32 {
		t.Helper()
		v, err := e.EncodeRegions(context.Background(), f, regions)
		if err != nil {
			t.Fatal(err)
		}
		checkVectors(t, v, len(regions))
		return v
	}
	whole := func(i int) pipeline.Region { return pipeline.Region{Box: truth[i].Box} }
	cut := func(i int) pipeline.Region { return pipeline.Region{Box: truth[i].Box, Mask: truth[i].Mask} }
	t.Run("none", func(t *testing.T) { encode(t) })
	t.Run("order", func(t *testing.T) {
		all := encode(t, cut(0), cut(1), cut(2), whole(0), cut(0))
		for i, r := range []pipeline.Region{cut(0), cut(1), cut(2), whole(0), cut(0)} {
			if c := cosine(all[i], encode(t, r)[0]); c < .99 {
				t.Errorf("region %d of five and alone: cosine %.3f", i, c)
			}
		}
		if same, other := cosine(all[0], all[4]), cosine(all[0], all[1]); same < .999 || other >= same {
			t.Errorf("the same region again: cosine %.3f; another: %.3f", same, other)
		}
	})
	t.Run("many", func(t *testing.T) {
		regions := make([]pipeline.Region, 40)
		for i := range regions {
			regions[i] = cut(i % 3)
		}
		encode(t, regions...)
	})
	t.Run("regions at the limits", func(t *testing.T) {
		for _, b := range []pipeline.Box{
			{X1: 0, Y1: 0, X2: 320, Y2: 240}, {X1: 5, Y1: 5, X2: 6, Y2: 6}, {X1: 310, Y1: 230, X2: 400, Y2: 300}, {X1: -50, Y1: -50, X2: 10, Y2: 10},
			{X1: 0, Y1: 7, X2: 320, Y2: 8}, {X1: 7.2, Y1: 7.2, X2: 7.4, Y2: 7.4},
		} {
			encodesOrRefuses(t, e, f, pipeline.Region{Box: b})
		}
	})
	t.Run("regions of nothing", func(t *testing.T) {
		nan, inf := math.NaN(), math.Inf(1)
		for _, b := range []pipeline.Box{
			{}, {X1: 50, Y1: 50, X2: 40, Y2: 40}, {X1: 400, Y1: 400, X2: 500, Y2: 500}, {X1: nan, Y1: 0, X2: 5, Y2: 5}, {X1: -inf, Y1: -inf, X2: inf, Y2: inf}, {X1: 1e18, Y1: 0, X2: 2e18, Y2: 5},
		} {
			encodesOrRefuses(t, e, f, pipeline.Region{Box: b})
		}
		encodesOrRefuses(t, e, f, pipeline.Region{Box: truth[0].Box, Mask: mask.New(mask.FrameGrid(320, 240), truth[0].Mask.Window())})
	})
	t.Run("small frames", func(t *testing.T) {
		for _, s := range [][2]int{{1, 1}, {2, 300}, {300, 2}} {
			small := pool.Get(s[0], s[1])
			clear(small.Data)
			encodesOrRefuses(t, e, small, pipeline.Region{Box: pipeline.Box{X2: float64(s[0]), Y2: float64(s[1])}})
			small.Release()
		}
	})
	t.Run("concurrent", func(t *testing.T) {
		want := encode(t, cut(0), cut(1))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				got, err := e.EncodeRegions(context.Background(), f, []pipeline.Region{cut(0), cut(1)})
				if err != nil || len(got) != 2 || cosine(got[0], want[0]) < .999 || cosine(got[1], want[1]) < .999 {
					t.Errorf("other vectors than alone (%v)", err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if v, err := e.EncodeRegions(ctx, f, []pipeline.Region{cut(0)}); err == nil {
			checkVectors(t, v, 1)
		}
	})
	f.Release()
	if n := pool.Outstanding(); n != 0 {
		t.Errorf("%d frames were kept", n)
	}
}

// encodesOrRefuses wants a vector or an error for a region that may mean nothing.
func encodesOrRefuses(t *testing.T, e pipeline.ImageEncoder, f *pipeline.Frame, r pipeline.Region) {
	t.Helper()
	v, err := e.EncodeRegions(context.Background(), f, []pipeline.Region{r})
	if err == nil {
		checkVectors(t, v, 1)
	} else if v != nil {
		t.Errorf("box %v: vectors and the error %v", r.Box, err)
	}
}

// TestTextEncoder holds a TextEncoder to its contract. known are two texts or more of different meaning that it
// knows, unknown is one that it refuses, "" when it knows every text. open returns an encoder that
// the cases share.
func TestTextEncoder(t *testing.T, known []string, unknown string, open func(t *testing.T) pipeline.TextEncoder) {
	t.Helper()
	e := open(t)
	encode := func(t *testing.T, texts ...string) [][]float32 {
		t.Helper()
		v, err := e.EncodeTexts(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		checkVectors(t, v, len(texts))
		return v
	}
	t.Run("none", func(t *testing.T) { encode(t) })
	t.Run("order", func(t *testing.T) {
		all := encode(t, known...)
		for i, text := range known {
			if c := cosine(all[i], encode(t, text)[0]); c < .999 {
				t.Errorf("%q among others and alone: cosine %.3f", text, c)
			}
		}
		if c := cosine(all[0], all[1]); c > .999 {
			t.Errorf("%q and %q have the same vector", known[0], known[1])
		}
	})
	if unknown != "" {
		t.Run("unknown", func(t *testing.T) {
			_, err := e.EncodeTexts(context.Background(), []string{known[0], unknown})
			var u *pipeline.UnknownTextError
			if !errors.As(err, &u) || u.Text != unknown {
				t.Errorf("got %v, want an *UnknownTextError for %q", err, unknown)
			}
		})
	}
	t.Run("texts of all kinds", func(t *testing.T) {
		for _, text := range []string{"", " ", "\x00", "\xff\xfe", "人", string(make([]byte, 10_000))} {
			v, err := e.EncodeTexts(context.Background(), []string{text})
			if err == nil {
				checkVectors(t, v, 1)
			} else if v != nil {
				t.Errorf("%.20q: vectors and the error %v", text, err)
			}
		}
	})
	t.Run("concurrent", func(t *testing.T) {
		want := encode(t, known[0])[0]
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				got, err := e.EncodeTexts(context.Background(), known[:1])
				if err != nil || len(got) != 1 || cosine(got[0], want) < .999 {
					t.Errorf("another vector than alone (%v)", err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if v, err := e.EncodeTexts(ctx, known); err == nil {
			checkVectors(t, v, len(known))
		}
	})
}

// checkVectors wants n unit vectors of one size.
func checkVectors(t *testing.T, v [][]float32, n int) {
	t.Helper()
	if len(v) != n {
		t.Fatalf("%d vectors, want %d", len(v), n)
	}
	for i := range v {
		if len(v[i]) == 0 || len(v[i]) != len(v[0]) {
			t.Fatalf("vector %d has %d numbers, the first %d", i, len(v[i]), len(v[0]))
		}
		if err := checkUnit(v[i]); err != nil {
			t.Fatalf("vector %d: %v", i, err)
		}
	}
}

func cosine(a, b []float32) float64 {
	sum := 0.
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
