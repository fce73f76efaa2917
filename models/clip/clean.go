package clip

import (
	"html"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// cleanText prepares a text as CLIP's tokenizer does: the plain repairs of ftfy, HTML
// entities resolved, runs of white space made one space, lower case. ftfy's guess at
// wrongly decoded text ("schÃ¶n") is left out: such a text is taken as written.
func cleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	// Repairs may bring forth new ones (an entity in an entity); ftfy goes on until nothing
	// changes, and each round shortens what it resolves.
	for range 8 {
		before := s
		if !strings.Contains(s, "<") { // else ftfy takes it for HTML that is meant
			s = html.UnescapeString(s)
		}
		s = repair(s)
		if s == before {
			break
		}
	}
	s = html.UnescapeString(html.UnescapeString(s))
	s = strings.ToValidUTF8(s, "\uFFFD")
	return cases.Lower(language.Und).String(strings.Join(strings.FieldsFunc(s, isSpace), " "))
}

var terminalEscape = regexp.MustCompile(`\x1b\[[\d;]*[a-zA-Z]`)

// repair makes one round of ftfy's character fixes and normalises to NFC.
func repair(s string) string {
	if isPrintableASCII(s) {
		return s
	}
	s = terminalEscape.ReplaceAllString(s, "")
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r >= 0x80 && r <= 0x9f:
			// C1 controls are Windows-1252 characters that were taken for Latin-1.
			r = charmap.Windows1252.DecodeByte(byte(r))
			if r == unicode.ReplacementChar {
				continue
			}
			b.WriteRune(straight(r))
		case r == '\u2028' || r == '\u2029':
			b.WriteByte('\n')
		case isIgnoredControl(r):
		case r == '\u3000':
			b.WriteByte(' ')
		case r >= 0xff01 && r <= 0xffef:
			b.WriteString(norm.NFKC.String(string(r))) // full width and half width forms
		default:
			if l, ok := ligatures[r]; ok {
				b.WriteString(l)
			} else {
				b.WriteRune(straight(r))
			}
		}
	}
	return norm.NFC.String(b.String())
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// straight is the typewriter form of a curly quotation mark, else r.
func straight(r rune) rune {
	switch {
	case r == '\u02bc' || r >= '\u2018' && r <= '\u201b':
		return '\''
	case r >= '\u201c' && r <= '\u201f':
		return '"'
	}
	return r
}

// isIgnoredControl reports control characters that never show and mean nothing in a text.
func isIgnoredControl(r rune) bool {
	switch {
	case r < ' ':
		return r != '\t' && r != '\n' && r != '\f' && r != '\r'
	case r == 0x7f, r >= 0x206a && r <= 0x206f, r == 0xfeff, r >= 0xfff9 && r <= 0xfffc:
		return true
	}
	return false
}

var ligatures = map[rune]string{
	'Ĳ': "IJ", 'ĳ': "ij", 'ŉ': "ʼn", 'Ǆ': "DŽ", 'ǅ': "Dž", 'ǆ': "dž", 'Ǉ': "LJ", 'ǈ': "Lj", 'ǉ': "lj",
	'Ǌ': "NJ", 'ǋ': "Nj", 'ǌ': "nj", 'Ǳ': "DZ", 'ǲ': "Dz", 'ǳ': "dz",
	'ﬀ': "ff", 'ﬁ': "fi", 'ﬂ': "fl", 'ﬃ': "ffi", 'ﬄ': "ffl", 'ﬅ': "ſt", 'ﬆ': "st",
}

// isSpace is Python's \s: Unicode's White_Space and the four information separators.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

type runeClass int

const (
	runeOther runeClass = iota
	runeSpace
	runeLetter
	runeDigit
)

func runeKind(r rune) runeClass {
	switch {
	case unicode.IsSpace(r):
		return runeSpace
	case unicode.IsLetter(r):
		return runeLetter
	case unicode.IsNumber(r):
		return runeDigit
	}
	return runeOther
}
