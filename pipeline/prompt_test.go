package pipeline_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	. "outrider/pipeline"
	"outrider/pipeline/mask"
)

func TestPromptValidate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	at := func(x, y float64) []Point { return []Point{{x, y}} }
	box := &Box{10, 10, 20, 20}
	rle := func(h, w int, counts string) *mask.RLE { return &mask.RLE{Size: [2]int{h, w}, Counts: counts} }
	for _, c := range []struct {
		name  string
		p     Prompt
		field string // "" for a good one
		kind  PromptKind
	}{
		{"point", Prompt{Points: at(5, 4)}, "", PromptPoint},
		{"point with label", Prompt{Points: at(5, 4), Labels: []int{1}}, "", PromptPoint},
		{"first pixel", Prompt{Points: at(0, 0)}, "", PromptPoint},
		{"last pixel", Prompt{Points: at(6.99, 4.99)}, "", PromptPoint},
		{"box", Prompt{Box: &Box{1, 1, 4, 4}}, "", PromptBox},
		{"box that sticks out", Prompt{Box: &Box{-5, -5, 4, 4}}, "", PromptBox},
		{"text", Prompt{Text: []string{"person", "not: child"}}, "", PromptText},
		{"text in a box", Prompt{Text: []string{"person"}, Box: &Box{1, 1, 4, 4}}, "", PromptText},
		{"text in a zone", Prompt{Text: []string{"person"}, Zone: []Point{{-1, 1}, {5, 1}, {5, 9}}, TopK: 2, MinCos: .2}, "", PromptText},
		{"point refined by text", Prompt{Text: []string{"person"}, Points: at(5, 4)}, "", PromptPoint},
		{"mask", Prompt{Mask: rle(5, 7, ";320009")}, "", PromptMask},
		{"highest level", Prompt{Points: at(5, 4), Level: MaxPromptLevel}, "", PromptPoint},

		{"nothing", Prompt{}, "points", PromptBox},
		{"point and box", Prompt{Points: at(5, 4), Box: box}, "points", PromptPoint},
		{"point and mask", Prompt{Points: at(5, 4), Mask: rle(5, 7, ";320009")}, "points", PromptPoint},
		{"text in a zone without corners", Prompt{Text: []string{"person"}, Zone: []Point{{1, 1}, {5, 1}}}, "zone", PromptText},
		{"zone on a line", Prompt{Text: []string{"person"}, Zone: []Point{{1, 1}, {3, 1}, {5, 1}}}, "zone", PromptText},
		{"zone outside", Prompt{Text: []string{"person"}, Zone: []Point{{10, 10}, {30, 10}, {30, 30}}}, "zone", PromptText},
		{"zone not a number", Prompt{Text: []string{"person"}, Zone: []Point{{1, 1}, {nan, 1}, {5, 4}}}, "zone", PromptText},
		{"zone without text", Prompt{Zone: []Point{{1, 1}, {5, 1}, {5, 4}}}, "points", PromptBox},
		{"zone and box", Prompt{Text: []string{"person"}, Zone: []Point{{1, 1}, {5, 1}, {5, 4}}, Box: &Box{1, 1, 4, 4}}, "zone", PromptText},
		{"only exclusions", Prompt{Text: []string{"not: person"}}, "text", PromptText},
		{"excludes nothing", Prompt{Text: []string{"person", "not: "}}, "text", PromptText},
		{"best so many of no text", Prompt{Points: at(5, 4), TopK: 2}, "top_k", PromptPoint},
		{"best minus one", Prompt{Text: []string{"person"}, TopK: -1}, "top_k", PromptText},
		{"threshold of no text", Prompt{Points: at(5, 4), MinCos: .2}, "threshold", PromptPoint},
		{"threshold too high", Prompt{Text: []string{"person"}, MinCos: 1}, "threshold", PromptText},
		{"threshold not a number", Prompt{Text: []string{"person"}, MinCos: nan}, "threshold", PromptText},
		{"text and mask", Prompt{Text: []string{"person"}, Mask: rle(5, 7, ";320009")}, "text", PromptText},
		{"label without point", Prompt{Box: &Box{1, 1, 4, 4}, Labels: []int{1}}, "labels", PromptBox},
		{"too many labels", Prompt{Points: at(5, 4), Labels: []int{1, 0}}, "labels", PromptPoint},
		{"strange label", Prompt{Points: at(5, 4), Labels: []int{2}}, "labels", PromptPoint},
		{"only negative points", Prompt{Points: at(5, 4), Labels: []int{0}}, "labels", PromptPoint},
		{"left of the frame", Prompt{Points: at(-0.1, 4)}, "points", PromptPoint},
		{"right of the frame", Prompt{Points: at(7, 4)}, "points", PromptPoint},
		{"below the frame", Prompt{Points: at(3, 5)}, "points", PromptPoint},
		{"not a number", Prompt{Points: at(nan, 4)}, "points", PromptPoint},
		{"infinite", Prompt{Points: at(5, -inf)}, "points", PromptPoint},
		{"second point outside", Prompt{Points: []Point{{1, 1}, {100, 1}}}, "points", PromptPoint},
		{"box not a number", Prompt{Box: &Box{1, nan, 4, 4}}, "box", PromptBox},
		{"box inside out", Prompt{Box: &Box{4, 4, 1, 1}}, "box", PromptBox},
		{"box of no height", Prompt{Box: &Box{1, 4, 5, 4}}, "box", PromptBox},
		{"box outside", Prompt{Box: box}, "box", PromptBox},
		{"empty text", Prompt{Text: []string{"person", ""}}, "text", PromptText},
		{"blank text", Prompt{Text: []string{" \t"}}, "text", PromptText},
		{"long text", Prompt{Text: []string{strings.Repeat("x", 256)}}, "text", PromptText},
		{"negative level", Prompt{Points: at(5, 4), Level: -1}, "level", PromptPoint},
		{"level too high", Prompt{Points: at(5, 4), Level: MaxPromptLevel + 1}, "level", PromptPoint},
		{"mask of garbage", Prompt{Mask: rle(5, 7, "#!")}, "mask", PromptMask},
		{"mask that is huge", Prompt{Mask: rle(1<<30, 1<<30, "0")}, "mask", PromptMask},
		{"mask of nothing", Prompt{Mask: rle(5, 7, "S1")}, "mask", PromptMask},
		{"mask of empty runs", Prompt{Mask: rle(5, 7, "00S1")}, "mask", PromptMask},
		{"mask of another size", Prompt{Mask: rle(7, 5, ";320009")}, "mask", PromptMask},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.p.ID = "gate"
			if c.p.Kind() != c.kind {
				t.Errorf("kind %s, want %s", c.p.Kind(), c.kind)
			}
			err := c.p.Validate(7, 5)
			if c.field == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var bad *PromptError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a *PromptError", err)
			}
			if bad.Field != c.field || bad.ID != "gate" || !strings.Contains(err.Error(), "gate") || !strings.Contains(err.Error(), c.field) {
				t.Errorf("got %q, want one about %s", err, c.field)
			}
		})
	}
}

func TestPromptWords(t *testing.T) {
	p := Prompt{Text: []string{" person", "NOT: tree ", "red car"}}
	wanted, not, err := p.Words()
	if err != nil || !reflect.DeepEqual(wanted, []string{"person", "red car"}) || !reflect.DeepEqual(not, []string{"tree"}) {
		t.Errorf("got %q and %q: %v", wanted, not, err)
	}
}

func TestPromptSearches(t *testing.T) {
	l := []Point{{0, 0}, {10, 0}, {10, 4}, {4, 4}, {4, 10}, {0, 10}} // an L
	for _, c := range []struct {
		p    Prompt
		at   Point
		want bool
	}{
		{Prompt{}, Point{1e6, 0}, true},
		{Prompt{Box: &Box{1, 1, 3, 3}}, Point{2, 2}, true},
		{Prompt{Box: &Box{1, 1, 3, 3}}, Point{4, 2}, false},
		{Prompt{Zone: l}, Point{2, 8}, true},
		{Prompt{Zone: l}, Point{8, 2}, true},
		{Prompt{Zone: l}, Point{8, 8}, false},
		{Prompt{Zone: l}, Point{-1, 2}, false},
	} {
		if got := c.p.Searches(c.at); got != c.want {
			t.Errorf("%+v searches at %v: %v", c.p, c.at, got)
		}
	}
}

// TestPromptValidateWithoutFrame: before the first frame only what no frame could answer is
// refused.
func TestPromptValidateWithoutFrame(t *testing.T) {
	far := Prompt{Points: []Point{{-50, 1e6}}}
	if err := far.Validate(0, 0); err != nil {
		t.Errorf("refused: %v", err)
	}
	bad := Prompt{Box: &Box{5, 5, 1, 1}}
	if err := bad.Validate(0, 0); err == nil {
		t.Error("a box inside out was taken")
	} else if strings.Contains(err.Error(), `""`) {
		t.Errorf("the message names an empty id: %v", err)
	}
}

func TestPromptJSON(t *testing.T) {
	in := `{"id":"gate","points":[[1,2],[3,4]],"labels":[1,0],"level":2}`
	var p Prompt
	if err := json.Unmarshal([]byte(in), &p); err != nil {
		t.Fatal(err)
	}
	if want := (Prompt{ID: "gate", Points: []Point{{1, 2}, {3, 4}}, Labels: []int{1, 0}, Level: 2}); !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v, want %+v", p, want)
	}
	if out, err := json.Marshal(p); err != nil || string(out) != in {
		t.Errorf("marshalled as %s (%v)", out, err)
	}
}

// FuzzPrompt feeds the JSON of a prompt anything: what is valid must survive a round trip.
func FuzzPrompt(f *testing.F) {
	for _, s := range []string{
		`{"id":"gate","points":[[1,2]],"labels":[1]}`, `{"box":[1,2,3,4],"text":["person"]}`,
		`{"mask":{"size":[5,7],"counts":";320009"}}`, `{"mask":{"size":[5,7],"counts":[11,3,2,3,2,3,11]}}`,
		`{"points":[[1e308,-1e308]],"level":5,"frame_time":"2026-05-01T12:00:00Z"}`, `{"points":[[1]]}`, `null`, `[]`,
		`{"box":[1,2,3]}`, `{"text":[""]}`, `{"mask":{"size":[1000000,1000000],"counts":"0"}}`,
	} {
		f.Add([]byte(s), 640, 480)
	}
	f.Fuzz(func(t *testing.T, b []byte, w, h int) {
		var p Prompt
		if json.Unmarshal(b, &p) != nil {
			return
		}
		err := p.Validate(w, h)
		var bad *PromptError
		if err != nil {
			if !errors.As(err, &bad) || bad.Field == "" || bad.Reason == "" {
				t.Fatalf("error %#v of %s is no *PromptError that says why", err, b)
			}
			return
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("valid prompt %s cannot be written: %v", b, err)
		}
		var again Prompt
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("%s does not read back: %v", out, err)
		}
		if err := again.Validate(w, h); err != nil || again.Kind() != p.Kind() {
			t.Fatalf("%s was valid, %s is not: %v", b, out, err)
		}
	})
}
