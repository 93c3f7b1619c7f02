package speech

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// rule says that letters between two contexts sound as phones. In a context,
// ^ and $ are the word's ends, V a vowel letter, C a consonant letter, F one
// of e, i and y, and other letters themselves. The first rule that fits wins.
type rule struct{ before, letters, after, phones string }

// rules spell out English, plainly. They serve names that no dictionary has on
// a machine without espeak-ng; the acoustic model forgives the rest.
var rules = []rule{
	{"", "augh", "", "AO"}, {"", "au", "", "AO"}, {"", "aw", "", "AO"}, {"", "air", "", "EH R"}, {"", "ai", "", "EY"}, {"", "ay", "", "EY"},
	{"", "arr", "V", "AE R"}, {"", "ar", "V", "EH R"}, {"", "ar", "", "AA R"}, {"", "ae", "", "IY"}, {"", "aa", "", "AA"},
	{"C", "a", "$", "AH"}, {"V", "a", "$", "AH"}, {"", "a", "Ce$", "EY"}, {"", "a", "ll", "AO"}, {"", "a", "CC", "AE"}, {"", "a", "C$", "AE"}, {"", "a", "CV", "AA"}, {"", "a", "", "AE"},
	{"", "bb", "", "B"}, {"m", "b", "$", ""}, {"", "b", "", "B"},
	{"", "tch", "", "CH"}, {"", "sch", "", "SH"}, {"", "ch", "r", "K"}, {"", "ch", "", "CH"}, {"", "ck", "", "K"}, {"", "cc", "F", "K S"}, {"", "cz", "", "CH"}, {"s", "c", "F", ""}, {"", "c", "F", "S"}, {"", "c", "", "K"},
	{"", "dge", "", "JH"}, {"", "dd", "", "D"}, {"", "d", "", "D"},
	{"", "eigh", "", "EY"}, {"", "eau", "", "OW"}, {"", "ear", "", "IH R"}, {"", "eer", "", "IH R"}, {"", "ea", "", "IY"}, {"", "ee", "", "IY"}, {"", "ei", "", "EY"}, {"", "eu", "", "UW"}, {"", "ew", "", "UW"}, {"", "ey", "$", "IY"}, {"", "ey", "", "EY"},
	{"", "er", "$", "ER"}, {"", "er", "C", "ER"}, {"", "er", "V", "EH R"}, {"^C", "e", "$", "IY"}, {"^CC", "e", "$", "IY"}, {"VC", "e", "$", ""}, {"C", "ed", "$", "D"}, {"", "e", "Ce$", "IY"}, {"", "e", "", "EH"},
	{"", "ff", "", "F"}, {"", "f", "", "F"},
	{"V", "gh", "", ""}, {"", "gh", "", "G"}, {"", "gg", "", "G"}, {"^", "gn", "", "N"}, {"n", "g", "$", ""}, {"", "g", "e", "JH"}, {"", "g", "y", "JH"}, {"", "g", "i", "JH"}, {"", "g", "", "G"},
	{"V", "h", "C", ""}, {"V", "h", "$", ""}, {"", "h", "", "HH"},
	{"", "igh", "", "AY"}, {"", "ier", "$", "IY ER"}, {"", "ie", "$", "IY"}, {"", "ie", "", "IY"}, {"", "ir", "C", "ER"}, {"", "ir", "$", "ER"}, {"", "i", "Ce$", "AY"}, {"C", "i", "$", "IY"}, {"", "ia", "", "IY AH"}, {"", "io", "", "IY OW"}, {"", "i", "nd$", "AY"}, {"", "i", "", "IH"},
	{"", "j", "", "JH"},
	{"^", "kn", "", "N"}, {"", "kk", "", "K"}, {"", "kh", "", "K"}, {"", "k", "", "K"},
	{"", "ll", "", "L"}, {"C", "le", "$", "AH L"}, {"", "l", "", "L"}, {"", "mm", "", "M"}, {"", "m", "", "M"},
	{"", "ng", "F", "N JH"}, {"", "ng", "V", "NG G"}, {"", "ng", "", "NG"}, {"", "nk", "", "NG K"}, {"", "nn", "", "N"}, {"", "n", "", "N"},
	{"", "ough", "", "AO"}, {"", "ous", "$", "AH S"}, {"", "ow", "$", "OW"}, {"", "ow", "", "AW"}, {"", "ou", "", "AW"}, {"", "oor", "", "AO R"}, {"", "oo", "", "UW"}, {"", "oi", "", "OY"}, {"", "oy", "", "OY"}, {"", "oa", "", "OW"}, {"", "oe", "$", "OW"}, {"", "oe", "", "OW"},
	{"w", "or", "", "ER"}, {"", "or", "", "AO R"}, {"", "o", "Ce$", "OW"}, {"", "o", "$", "OW"}, {"", "o", "CV", "OW"}, {"", "o", "ld", "OW"}, {"", "on", "$", "AH N"}, {"", "o", "", "AA"},
	{"", "ph", "", "F"}, {"", "pp", "", "P"}, {"^", "ps", "", "S"}, {"", "p", "", "P"},
	{"", "que", "$", "K"}, {"", "qu", "", "K W"}, {"", "q", "", "K"}, {"", "rr", "", "R"}, {"", "rh", "", "R"}, {"", "r", "", "R"},
	{"", "sh", "", "SH"}, {"", "sion", "", "ZH AH N"}, {"", "ss", "", "S"}, {"", "sz", "", "SH"}, {"V", "s", "V", "Z"}, {"V", "s", "$", "Z"}, {"", "s", "", "S"},
	{"", "tion", "", "SH AH N"}, {"", "th", "", "TH"}, {"", "tt", "", "T"}, {"", "tz", "", "T S"}, {"", "t", "", "T"},
	{"", "ur", "", "ER"}, {"", "u", "Ce$", "UW"}, {"", "u", "$", "UW"}, {"", "u", "CV", "UW"}, {"g", "u", "F", ""}, {"", "ue", "", "UW"}, {"", "ui", "", "UW"}, {"", "u", "", "AH"},
	{"", "vv", "", "V"}, {"", "v", "", "V"}, {"^", "wr", "", "R"}, {"", "wh", "", "W"}, {"", "w", "V", "W"}, {"", "w", "", "V"},
	{"^", "x", "", "Z"}, {"", "x", "", "K S"}, {"^", "y", "", "Y"}, {"^C", "y", "$", "AY"}, {"", "y", "$", "IY"}, {"", "y", "V", "Y"}, {"", "y", "Ce$", "AY"}, {"", "y", "", "IH"},
	{"", "zz", "", "Z"}, {"", "z", "", "Z"},
	{"", "0", "", "Z IH R OW"}, {"", "1", "", "W AH N"}, {"", "2", "", "T UW"}, {"", "3", "", "TH R IY"}, {"", "4", "", "F AO R"},
	{"", "5", "", "F AY V"}, {"", "6", "", "S IH K S"}, {"", "7", "", "S EH V AH N"}, {"", "8", "", "EY T"}, {"", "9", "", "N AY N"},
}

// unreadable is what a name sounds like of which no letter can be read: the
// word "name".
var unreadable = []string{"N", "EY", "M"}

// byRule pronounces a lower-case word by its letters, without their marks.
// It is never empty.
func byRule(word string) []string {
	var letters strings.Builder
	for _, r := range norm.NFD.String(word) {
		switch {
		case r < unicode.MaxASCII:
			letters.WriteRune(r)
		case r == 'ß':
			letters.WriteString("ss")
		case r == 'ł':
			letters.WriteByte('l')
		case r == 'ø':
			letters.WriteByte('o')
		case r == 'æ':
			letters.WriteString("ae")
		}
	}
	w := letters.String()
	var phones []string
	for at := 0; at < len(w); {
		size := 1 // of a character without a rule: it is silent
		for _, r := range rules {
			if strings.HasPrefix(w[at:], r.letters) && fitsBefore(w[:at], r.before) && fitsAfter(w[at+len(r.letters):], r.after) {
				phones = append(phones, strings.Fields(r.phones)...)
				size = len(r.letters)
				break
			}
		}
		at += size
	}
	if len(phones) == 0 {
		return unreadable
	}
	return phones
}

// fitsBefore reports whether text ends as a context says.
func fitsBefore(text, context string) bool {
	for i := len(context) - 1; i >= 0; i-- {
		if context[i] == '^' {
			return text == ""
		}
		if text == "" || !fits(text[len(text)-1], context[i]) {
			return false
		}
		text = text[:len(text)-1]
	}
	return true
}

// fitsAfter reports whether text begins as a context says.
func fitsAfter(text, context string) bool {
	for i := range len(context) {
		if context[i] == '$' {
			return text == ""
		}
		if text == "" || !fits(text[0], context[i]) {
			return false
		}
		text = text[1:]
	}
	return true
}

func fits(letter, class byte) bool {
	vowel := strings.IndexByte("aeiouy", letter) >= 0
	switch class {
	case 'V':
		return vowel
	case 'C':
		return !vowel && letter >= 'a' && letter <= 'z'
	case 'F':
		return strings.IndexByte("eiy", letter) >= 0
	}
	return letter == class
}
