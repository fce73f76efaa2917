package clip

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed weights/bpe_simple_vocab_16e6.txt.gz
var bpeVocabulary []byte

const (
	// ContextLength is the number of tokens that CLIP's text encoders take.
	ContextLength = 77
	// StartToken opens every sequence.
	StartToken = 49406
	// EndToken closes every sequence; CLIP reads the text's feature there.
	EndToken = 49407

	mergeCount = 49152 - 256 - 2 // merges that CLIP uses of the file
	wordEnd    = "</w>"
)

// Tokenizer is the byte-pair encoding of OpenAI's CLIP: clean the text, lower it, cut it
// into words, and join each word's bytes by the ranked merges of the vocabulary. A token id
// is the position in that vocabulary: 256 bytes, 256 bytes at a word's end, the merges in
// rank order, the two marks. Safe for concurrent use.
type Tokenizer struct {
	merges map[[2]int32]int32 // pair of ids -> id of the joined token; a lower id merges first
	bytes  [256]int32         // id of each byte
}

var loadTokenizer = sync.OnceValues(func() (*Tokenizer, error) {
	z, err := gzip.NewReader(bytes.NewReader(bpeVocabulary))
	if err != nil {
		return nil, fmt.Errorf("clip tokenizer: read the embedded vocabulary: %w", err)
	}
	return readTokenizer(z)
})

// NewTokenizer returns the tokenizer of the embedded vocabulary, read once a process.
func NewTokenizer() (*Tokenizer, error) { return loadTokenizer() }

func readTokenizer(r io.Reader) (*Tokenizer, error) {
	t := &Tokenizer{merges: make(map[[2]int32]int32, mergeCount)}
	ids := make(map[string]int32, 512+mergeCount) // token as the file writes it -> id
	for i, b := range byteOrder() {
		t.bytes[b] = int32(i)
		s := string(byteRune(b))
		ids[s], ids[s+wordEnd] = int32(i), int32(256+i)
	}
	sc := bufio.NewScanner(r)
	if !sc.Scan() {
		return nil, errors.New("clip tokenizer: the vocabulary is empty")
	}
	// The first line is the file's version.
	for n := int32(0); n < mergeCount; n++ {
		if !sc.Scan() {
			return nil, fmt.Errorf("clip tokenizer: the vocabulary ends after %d merges, want %d: %w", n, mergeCount, errors.Join(sc.Err(), io.ErrUnexpectedEOF))
		}
		a, b, ok := strings.Cut(sc.Text(), " ")
		ida, oka := ids[a]
		idb, okb := ids[b]
		if !ok || !oka || !okb {
			return nil, fmt.Errorf("clip tokenizer: merge %d, %q, joins no two known tokens", n, sc.Text())
		}
		id := 512 + n
		t.merges[[2]int32{ida, idb}] = id
		ids[a+b] = id
	}
	return t, nil
}

// byteOrder lists the bytes in the order of their ids: the printable ones of Latin-1 first.
func byteOrder() []byte {
	printable := func(b int) bool { return b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae }
	order := make([]byte, 0, 256)
	for _, want := range []bool{true, false} {
		for b := range 256 {
			if printable(b) == want {
				order = append(order, byte(b))
			}
		}
	}
	return order
}

// byteRune is the character that stands for byte b in the vocabulary file: itself when
// printable, else one from U+0100 on, in the order of byteOrder.
func byteRune(b byte) rune {
	i := bytes.IndexByte(byteOrderTable, b)
	if i < printableBytes {
		return rune(b)
	}
	return rune(256 + i - printableBytes)
}

var byteOrderTable = byteOrder()

const printableBytes = 94 + 12 + 82

// Encode returns the token ids of text, without the start and end marks and without limit.
// Invalid UTF-8 reads as U+FFFD.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.encode(nil, cleanText(text))
}

// encode appends the ids of an already cleaned text.
func (t *Tokenizer) encode(ids []int32, text string) []int32 {
	var word []int32
	for text != "" {
		n, kind := nextWord(text)
		w := text[:n]
		text = text[n:]
		switch {
		case kind == wordSpace:
		case w == "<|startoftext|>":
			ids = append(ids, StartToken)
		case w == "<|endoftext|>":
			ids = append(ids, EndToken)
		default:
			word = word[:0]
			for i := range len(w) {
				word = append(word, t.bytes[w[i]])
			}
			word[len(word)-1] += 256
			ids = append(ids, t.merge(word)...)
		}
	}
	return ids
}

// merge joins the pair of lowest rank, everywhere in the word, until none is left.
func (t *Tokenizer) merge(word []int32) []int32 {
	for len(word) > 1 {
		best := int32(-1)
		var pair [2]int32
		for i := range len(word) - 1 {
			p := [2]int32{word[i], word[i+1]}
			if id, ok := t.merges[p]; ok && (best < 0 || id < best) {
				best, pair = id, p
			}
		}
		if best < 0 {
			break
		}
		out := word[:0]
		for i := 0; i < len(word); i++ {
			if i+1 < len(word) && word[i] == pair[0] && word[i+1] == pair[1] {
				out = append(out, best)
				i++
			} else {
				out = append(out, word[i])
			}
		}
		word = out
	}
	return word
}

// Tokenize fills dst with the sequence that a CLIP text encoder takes: start mark, tokens,
// end mark, zeros. A text with more than len(dst)-2 tokens is cut and its last place holds
// the end mark (OpenAI's truncate=True); cut reports that. len(dst) must be at least 2.
func (t *Tokenizer) Tokenize(dst []int64, text string) (cut bool) {
	ids := t.Encode(text)
	clear(dst)
	if room := len(dst) - 2; len(ids) > room {
		ids, cut = ids[:room], true
	}
	dst[0] = StartToken
	for i, id := range ids {
		dst[i+1] = int64(id)
	}
	dst[len(ids)+1] = EndToken
	return cut
}

// wordKind tells the spaces between words from the words.
type wordKind int

const (
	wordSpace wordKind = iota
	wordText
)

// nextWord cuts the first word or the first space off a non-empty cleaned text and returns
// its length in bytes. It is CLIP's pattern read by hand:
//
//	<|startoftext|> | <|endoftext|> | 's | 't | 're | 've | 'm | 'll | 'd
//	| letters+ | one digit | (neither space nor letter nor digit)+
func nextWord(s string) (int, wordKind) {
	for _, p := range [...]string{"<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(s, p) {
			return len(p), wordText
		}
	}
	if strings.HasPrefix(s, "'ſ") { // the pattern ignores case, and ſ folds to s
		return len("'ſ"), wordText
	}
	r, n := utf8.DecodeRuneInString(s)
	kind := runeKind(r)
	switch kind {
	case runeSpace:
		return n, wordSpace
	case runeDigit:
		return n, wordText
	}
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if runeKind(r) != kind {
			break
		}
		n += size
	}
	return n, wordText
}
