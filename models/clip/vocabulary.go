package clip

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"outrider/pipeline"
)

//go:embed weights/vocabulary.json
var vocabularyJSON []byte

// Group is a class of things and the words for it.
type Group struct {
	Name  string
	Words []string

	// Top1 is the share of the group's held-out segments that the model named right among
	// all groups, and Held the number of those segments. Zero where not measured.
	Top1 float64
	Held int
}

// Vocabulary is the list of words that a closed-vocabulary text encoder was trained on, in
// groups. A word may be in more than one group, and an entry may be of two words ("stop
// sign"). Not changed after it was made: safe for concurrent use.
type Vocabulary struct {
	words   []string
	groups  []Group
	byKey   map[string]string // entry without spaces -> entry
	longest int               // words that the key of an entry may be written in
}

var embeddedVocabulary = sync.OnceValue(func() *Vocabulary {
	v, err := ParseVocabulary(vocabularyJSON)
	if err != nil {
		panic(err) // part of the binary, and a test reads it
	}
	return v
})

// EmbeddedVocabulary is what the embedded pair knows: 144 words in 34 groups.
func EmbeddedVocabulary() *Vocabulary { return embeddedVocabulary() }

// ParseVocabulary reads {"words": [...], "classes": {group: [words]}, "held_out": {group:
// [segments, top-1]}}; held_out may be missing. Every word is in at least one group, and
// groups hold no other words.
func ParseVocabulary(b []byte) (*Vocabulary, error) {
	var file struct {
		Words   []string
		Classes map[string][]string
		HeldOut map[string][2]float64 `json:"held_out"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	if len(file.Words) == 0 || len(file.Classes) == 0 {
		return nil, errors.New("read vocabulary: no words or no classes")
	}
	v := &Vocabulary{words: file.Words, byKey: map[string]string{}, longest: 3}
	for _, w := range file.Words {
		k := strings.Join(splitWords(w), "")
		if k == "" {
			return nil, fmt.Errorf("read vocabulary: %q holds no letter", w)
		}
		v.byKey[k] = w
	}
	grouped := map[string]bool{}
	for name, words := range file.Classes {
		for _, w := range words {
			if !slices.Contains(file.Words, w) {
				return nil, fmt.Errorf("read vocabulary: group %q: %q is not among the words", name, w)
			}
			grouped[w] = true
		}
		if len(words) == 0 {
			return nil, fmt.Errorf("read vocabulary: group %q is empty", name)
		}
		held := file.HeldOut[name]
		v.groups = append(v.groups, Group{Name: name, Words: words, Held: int(held[0]), Top1: held[1]})
	}
	for _, w := range file.Words {
		if !grouped[w] {
			return nil, fmt.Errorf("read vocabulary: %q is in no group", w)
		}
	}
	slices.SortFunc(v.groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return v, nil
}

// Words returns the entries in alphabetical order. Not to be changed.
func (v *Vocabulary) Words() []string { return v.words }

// Groups returns the groups in alphabetical order. Not to be changed.
func (v *Vocabulary) Groups() []Group { return v.groups }

// GroupsOf returns the indices in Groups of the groups that a text's known words belong to.
func (v *Vocabulary) GroupsOf(text string) []int {
	known := v.Known(text)
	var in []int
	for i, g := range v.groups {
		if slices.ContainsFunc(known, func(w string) bool { return slices.Contains(g.Words, w) }) {
			in = append(in, i)
		}
	}
	return in
}

// Contrast returns one word of each group that text has no word of: what else a region
// could be. A region answers text when its cosine with text is above that with each of
// them by Margin.
func (v *Vocabulary) Contrast(text string) []string {
	in := v.GroupsOf(text)
	var words []string
	for i, g := range v.groups {
		if !slices.Contains(in, i) {
			words = append(words, g.Words[0])
		}
	}
	return words
}

// Known returns the entries that text holds, in order: "two red stop-signs" holds "stop
// sign". Case, hyphens and spacing do not matter ("lamp post" is "lamppost"), the longest
// entry wins, and singular and plural stand for each other.
func (v *Vocabulary) Known(text string) []string {
	words := splitWords(cleanText(text))
	var known []string
	for i := 0; i < len(words); {
		n := min(v.longest, len(words)-i)
		for ; n > 0; n-- {
			if w, ok := v.lookup(strings.Join(words[i:i+n], "")); ok {
				known = append(known, w)
				break
			}
		}
		i += max(n, 1)
	}
	return known
}

// lookup finds the entry of a key, else of its singular or plural.
func (v *Vocabulary) lookup(key string) (string, bool) {
	if w, ok := v.byKey[key]; ok {
		return w, true
	}
	for _, k := range otherNumber(key) {
		if w, ok := v.byKey[k]; ok {
			return w, true
		}
	}
	return "", false
}

// otherNumber lists what could be the singular or the plural of an English word.
func otherNumber(w string) []string {
	var forms []string
	swap := func(from, to string) {
		if stem, ok := strings.CutSuffix(w, from); ok && len(stem) > 1 {
			forms = append(forms, stem+to)
		}
	}
	if one, ok := irregular[w]; ok {
		forms = append(forms, one)
	}
	swap("ies", "y")
	swap("ves", "f")
	swap("es", "")
	if !strings.HasSuffix(w, "ss") && len(w) > 3 {
		swap("s", "")
	}
	return append(forms, w+"s", w+"es")
}

var irregular = map[string]string{"men": "man", "women": "woman", "children": "child"}

// splitWords cuts a text into runs of letters and digits.
func splitWords(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
}

// unknown is the error of a text that holds no entry.
func (v *Vocabulary) unknown(text string) error {
	e := &pipeline.UnknownTextError{Text: text, Near: v.Near(text, 5)}
	few := slices.Clone(v.groups)
	slices.SortStableFunc(few, func(a, b Group) int { return b.Held - a.Held })
	var sample []string
	for _, g := range few[:min(8, len(few))] {
		sample = append(sample, g.Words[0])
	}
	e.Hint = fmt.Sprintf(`the built-in model knows %d words, such as %s; for any other word take an open-vocabulary pair: `+
		`"outrider models list" shows them, "outrider models pull NAME" fetches one, text.name in the configuration chooses it`,
		len(v.words), strings.Join(sample, ", "))
	return e
}
