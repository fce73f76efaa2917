package clip_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"outrider/models/clip"
)

func TestEmbeddedVocabulary(t *testing.T) {
	v := clip.EmbeddedVocabulary()
	if len(v.Words()) != 144 || len(v.Groups()) != 34 {
		t.Errorf("%d words in %d groups, want 144 in 34", len(v.Words()), len(v.Groups()))
	}
	for _, w := range v.Words() {
		if got := v.Known(w); !slices.Equal(got, []string{w}) {
			t.Errorf("%q is known as %q", w, got)
		}
		if len(v.GroupsOf(w)) == 0 {
			t.Errorf("%q is in no group", w)
		}
	}
	i := slices.IndexFunc(v.Groups(), func(g clip.Group) bool { return g.Name == "car" })
	if g := v.Groups()[i]; g.Top1 != 0.96 || g.Held != 79 || !slices.Contains(g.Words, "taxi") {
		t.Errorf("group car is %+v", g)
	}
}

func TestKnownWords(t *testing.T) {
	v := clip.EmbeddedVocabulary()
	for _, c := range []struct {
		text string
		want []string
	}{
		{"car", []string{"car"}},
		{"Two RED cars!", []string{"car"}},
		{"stop sign", []string{"stop sign"}},
		{"stop-signs", []string{"stop sign"}},
		{"a stop and a sign", []string{"sign"}},
		{"no stop light but a traffic light", []string{"traffic light"}},
		{"teddy bears", []string{"teddy bear"}},
		{"lamp posts", []string{"lamppost"}},
		{"side walk", []string{"sidewalk"}},
		{"buses", []string{"bus"}},
		{"bus", []string{"bus"}},
		{"glass", []string{"glass"}},
		{"glasses", []string{"glass"}},
		{"men and women, children", []string{"man", "woman", "child"}},
		{"lorries", []string{"lorry"}},
		{"shelves", []string{"shelf"}},
		{"brick", []string{"bricks"}},
		{"dish", []string{"dishes"}},
		{"benches", []string{"bench"}},
		{"person on a bicycle", []string{"person", "bicycle"}},
		{"the man&apos;s dog", []string{"man", "dog"}},
		{"ＣＡＲ", []string{"car"}},
		{"carp", nil},
		{"xylophone", nil},
		{"s", nil},
		{"", nil},
		{"?!", nil},
	} {
		if got := v.Known(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%q holds %q, want %q", c.text, got, c.want)
		}
	}
}

func TestNearWords(t *testing.T) {
	v := clip.EmbeddedVocabulary()
	for _, c := range []struct{ text, first string }{
		{"light", "traffic light"},
		{"bear", "teddy bear"},
		{"bicicle", "bicycle"},
		{"biycle", "bicycle"},
		{"pedestrain", "pedestrian"},
		{"motor", "motorbike"},
		{"busstop", "bus"},
	} {
		near := v.Near(c.text, 5)
		if len(near) == 0 || near[0] != c.first || len(near) > 5 {
			t.Errorf("near %q: %q, want %q first", c.text, near, c.first)
		}
	}
	if near := v.Near("qqqqqqq", 5); len(near) != 0 {
		t.Errorf("near qqqqqqq: %q", near)
	}
}

func TestGroupsAndContrast(t *testing.T) {
	v := clip.EmbeddedVocabulary()
	if in := v.GroupsOf("box"); len(in) != 2 {
		t.Errorf("box is in %d groups, want bag and book", len(in))
	}
	c := v.Contrast("red car")
	if len(c) != 33 || slices.Contains(c, "car") || !slices.Contains(c, "person") {
		t.Errorf("contrast of car: %q", c)
	}
}

func TestBadVocabularies(t *testing.T) {
	for _, c := range []struct{ name, json, want string }{
		{"not JSON", "x", "read vocabulary"},
		{"empty", "{}", "no words"},
		{"unknown member", `{"words":["a"],"classes":{"g":["a","b"]}}`, `"b" is not among`},
		{"no group", `{"words":["a","b"],"classes":{"g":["a"]}}`, `"b" is in no group`},
		{"empty group", `{"words":["a"],"classes":{"g":["a"],"h":[]}}`, `"h" is empty`},
		{"no letter", `{"words":["-"],"classes":{"g":["-"]}}`, "no letter"},
	} {
		if _, err := clip.ParseVocabulary([]byte(c.json)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzKnownWords(f *testing.F) {
	for _, s := range []string{"cars", "stop-sign", "men", "es", "\xff", "ies", "日本 car"} {
		f.Add(s)
	}
	v := clip.EmbeddedVocabulary()
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 200 {
			return
		}
		for _, w := range v.Known(s) {
			if !slices.Contains(v.Words(), w) {
				t.Fatalf("%q holds %q, which is no entry", s, w)
			}
		}
		if n := len(v.Near(s, 5)); n > 5 {
			t.Fatalf("%d near words", n)
		}
	})
}

func TestSearch(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name         string
		query        []float32
		bank         [][]float32
		best, second int
	}{
		{"nothing to compare", []float32{1, 0}, nil, -1, -1},
		{"one", []float32{1, 0}, [][]float32{{0, 1}}, 0, -1},
		{"order", []float32{1, 0}, [][]float32{{0, 1}, {1, 0}, {.6, .8}}, 1, 2},
		{"falling", []float32{1, 0}, [][]float32{{1, 0}, {.6, .8}, {0, 1}}, 0, 1},
		{"tie", []float32{1, 0}, [][]float32{{0, 1}, {.6, .8}, {.6, -.8}}, 1, 2},
		{"not a number", []float32{1, 0}, [][]float32{{nan, 0}, {.6, .8}}, 1, -1},
		{"longer than four", []float32{0, 0, 0, 0, 1}, [][]float32{{1, 0, 0, 0, 0}, {0, 0, 0, 0, 1}}, 1, 0},
		{"other lengths", []float32{0, 1}, [][]float32{{0}, {0, 1, 5}}, 1, 0},
	} {
		best, second, sims := clip.Search(c.query, c.bank, make([]float32, 9))
		if best != c.best || second != c.second || len(sims) != len(c.bank) {
			t.Errorf("%s: best %d, second %d of %v, want %d and %d", c.name, best, second, sims, c.best, c.second)
		}
	}
}
