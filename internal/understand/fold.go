package understand

import (
	"strings"
	"unicode"
)

// fold brings spoken text and the literals of templates to one form: lower
// case, no punctuation, single spaces, a straight apostrophe. A point or a
// colon stays between digits (21.5, 7:30), a minus before a number, and a
// number is parted from the letters that follow it (7am, 10min). A hyphen
// within a word is a space. Contractions stay: templates say which they take.
func fold(s string) string {
	in := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(in) {
			return ' '
		}
		return in[i]
	}
	out := make([]rune, 0, len(in))
	put := func(r rune) {
		if r == ' ' && (len(out) == 0 || out[len(out)-1] == ' ') {
			return
		}
		out = append(out, r)
	}
	for i, r := range in {
		before, after := at(i-1), at(i+1)
		switch {
		case unicode.IsSpace(r):
			put(' ')
		case r == '\u2019' || r == '\u02bc':
			put('\'')
		case r == '.' || r == ':':
			if unicode.IsDigit(before) && unicode.IsDigit(after) {
				put(r)
			} else if r == ':' {
				put(' ')
			}
		case r == ',' && unicode.IsDigit(before) && unicode.IsDigit(after):
		case r == '-':
			if isWord(before) || !unicode.IsDigit(after) {
				put(' ')
			} else {
				put(r)
			}
		case strings.ContainsRune(",;!?\"¿¡。，？！؟“”„…()[]{}<>|", r), unicode.IsControl(r):
			put(' ')
		default:
			if unicode.IsLetter(r) && unicode.IsDigit(before) {
				put(' ')
			}
			put(unicode.ToLower(r))
		}
	}
	return strings.TrimRight(string(out), " ")
}

// isWord reports whether r can stand within a word.
func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// foldLiteral folds one unspaced piece of a template. A lone point or colon
// stays: between two lists it stands for one between digits.
func foldLiteral(s string) string {
	if s == ":" || s == "." {
		return s
	}
	return fold(s)
}
