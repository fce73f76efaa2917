package clip

import (
	"cmp"
	"slices"
	"strings"
)

// Near returns up to n entries that look like a word of text, the likest first: entries
// that hold the word ("light": "traffic light"), that begin as it does ("motor":
// "motorbike"), and those a few letters off ("bicicle": "bicycle").
func (v *Vocabulary) Near(text string, n int) []string {
	type candidate struct {
		entry string
		cost  float64
	}
	var found []candidate
	queries := splitWords(cleanText(text))
	for _, entry := range v.words {
		best := -1.0
		for _, q := range queries {
			if c, ok := unlikeness([]rune(q), entry); ok && (best < 0 || c < best) {
				best = c
			}
		}
		if best >= 0 {
			found = append(found, candidate{entry, best})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.cost, b.cost) })
	near := make([]string, 0, n)
	for _, c := range found[:min(n, len(found))] {
		near = append(near, c.entry)
	}
	return near
}

// unlikeness is 0 for words that are nearly the same and grows to 1; ok is false beyond.
func unlikeness(query []rune, entry string) (cost float64, ok bool) {
	const minPrefix = 3
	best := 2.0
	for _, part := range strings.Fields(entry) {
		word := []rune(part)
		if strings.Contains(entry, " ") && slices.Equal(query, word) {
			best = 0
		}
		if p := commonPrefix(query, word); p >= minPrefix && (p == len(query) || p == len(word)) {
			best = min(best, 0.5)
		}
		// One letter in four may be wrong, or one in a short word.
		d := editDistance(query, word)
		if longer := max(len(query), len(word)); longer >= minPrefix && d <= max(1, longer/4) {
			best = min(best, float64(d)/float64(longer))
		}
	}
	return best, best <= 1
}

func commonPrefix(a, b []rune) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// editDistance is Levenshtein's: insertions, deletions and substitutions, and, as
// Damerau has it, two neighbours changed about as one.
func editDistance(a, b []rune) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}
