package clip_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"outrider/models/clip"
)

// shared returns a path in the data folder of the design, or skips the test.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("OUTRIDER_SHARED")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if root == filepath.Dir(root) {
				t.Skip("no go.mod above the test: cannot find the shared data")
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared")
	}
	p := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("needs shared data: %v (set OUTRIDER_SHARED)", err)
	}
	return p
}

func tokenizer(t testing.TB) *clip.Tokenizer {
	t.Helper()
	tok, err := clip.NewTokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestTokenizerAgainstOpenAI(t *testing.T) {
	var cases []struct {
		Text string
		IDs  []int32
	}
	b, err := os.ReadFile(shared(t, "data", "clip", "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 162 {
		t.Errorf("got %d golden texts, want 162", len(cases))
	}
	tok := tokenizer(t)
	for _, c := range cases {
		if got := tok.Encode(c.Text); !slices.Equal(got, c.IDs) {
			t.Errorf("%q:\n got %v\nwant %v", c.Text, got, c.IDs)
		}
	}
}

// The rules that OpenAI's code states, on texts whose ids follow from others'.
func TestTokenizerRules(t *testing.T) {
	tok := tokenizer(t)
	for _, c := range []struct{ name, a, b string }{
		{"case", "Red CAR", "red car"},
		{"space", "\t red \n\r\f  car\u00a0", "red car"},
		{"entity in an entity", "&amp;lt;b&amp;gt;", "<b>"},
		{"entity beside a tag", "<b> &amp; &quot;", "<b> & \""},
		{"curly quotes", "it’s “so”", "it's \"so\""},
		{"ligature", "ﬀ ﬃ ŉ", "ff ffi 'n"},
		{"full width", "ＣＡＲ　１", "car 1"},
		{"composed", "cafe\u0301", "café"},
		{"controls", "c\x00a\x07r\x7f\ufeff", "car"},
		{"terminal colours", "\x1b[31;1mcar\x1b[0m", "car"},
		{"Windows-1252 quotes", "\u0093car\u0094", "\"car\""},
		{"line separator", "red\u2028car", "red car"},
		{"invalid bytes", "a\xffb", "a\ufffdb"},
		{"final sigma", "ΣΑΣ", "σας"},
		{"long s", "ſ's", "ſ's"},
	} {
		if got, want := tok.Encode(c.a), tok.Encode(c.b); !slices.Equal(got, want) {
			t.Errorf("%s: %q gives %v, %q gives %v", c.name, c.a, got, c.b, want)
		}
	}
}

func TestTokenize(t *testing.T) {
	tok := tokenizer(t)
	long := strings.Repeat("car ", 100)
	car := int64(tok.Encode("car")[0])
	for _, c := range []struct {
		name, text string
		n          int
		want       []int64
		cut        bool
	}{
		{"short", "car", 5, []int64{clip.StartToken, car, clip.EndToken, 0, 0}, false},
		{"empty", "", 4, []int64{clip.StartToken, clip.EndToken, 0, 0}, false},
		{"just fits", "car car", 4, []int64{clip.StartToken, car, car, clip.EndToken}, false},
		{"cut", "car car car", 4, []int64{clip.StartToken, car, car, clip.EndToken}, true},
		{"only marks", "car", 2, []int64{clip.StartToken, clip.EndToken}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := make([]int64, c.n)
			for i := range dst {
				dst[i] = -1
			}
			if cut := tok.Tokenize(dst, c.text); cut != c.cut {
				t.Errorf("cut = %v, want %v", cut, c.cut)
			}
			if !slices.Equal(dst, c.want) {
				t.Errorf("got %v, want %v", dst, c.want)
			}
		})
	}
	dst := make([]int64, clip.ContextLength)
	if !tok.Tokenize(dst, long) || dst[76] != clip.EndToken || dst[75] != car {
		t.Errorf("a long text ends with %v, want the end mark in the last place", dst[74:])
	}
}

func FuzzTokenizer(f *testing.F) {
	for _, s := range []string{"", "a photo of a cat", "it's", "&amp;amp;", "日本語", "\x1b[31m", "\xff\xfe", "<|endoftext|>", "&#x110000;&#0;", strings.Repeat("ab", 90), "İ", "ﬁ９"} {
		f.Add(s)
	}
	tok := tokenizer(f)
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4096 {
			return
		}
		ids := tok.Encode(s)
		if len(ids) > 8*len(s)+8 {
			t.Fatalf("%d tokens for %d bytes", len(ids), len(s))
		}
		for _, id := range ids {
			if id < 0 || id > clip.EndToken {
				t.Fatalf("token %d of %q is outside the vocabulary", id, s)
			}
		}
		if utf8.ValidString(s) && !slices.Equal(ids, tok.Encode(" "+s+"\n")) {
			t.Fatalf("%q: white space around the text changes the tokens", s)
		}
		dst := make([]int64, clip.ContextLength)
		cut := tok.Tokenize(dst, s)
		if cut != (len(ids) > clip.ContextLength-2) || dst[0] != clip.StartToken || !slices.Contains(dst, clip.EndToken) {
			t.Fatalf("%q: wrong sequence %v (cut %v of %d)", s, dst, cut, len(ids))
		}
	})
}
