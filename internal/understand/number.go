package understand

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// span is a range of numbers. Out of {from: 0, to: 100} comes "21" for "21"
// and for "twenty one"; with fractions, "21.5" for "twenty one and a half".
type span struct {
	From       int64   `yaml:"from"`
	To         int64   `yaml:"to"`
	Step       int64   `yaml:"step"` // 0 is 1
	Type       string  `yaml:"type"` // number, percentage, temperature: for people
	Fractions  string  `yaml:"fractions"`
	Multiplier float64 `yaml:"multiplier"` // of the value; 0 is 1
}

// maxSpan bounds the numbers of a range, as Grammar writes each of them.
const maxSpan = 10_000

func (s *span) check() error {
	if s.Step == 0 {
		s.Step = 1
	}
	switch {
	case s.Step < 0 || s.From > s.To:
		return errors.New("a range goes up")
	case s.From < -999_999 || s.To > 999_999 || (s.To-s.From)/s.Step > maxSpan:
		return errors.New("a range holds at most 10,000 numbers below a million")
	case s.Fractions != "" && s.Fractions != "halves" && s.Fractions != "tenths":
		return errors.New("fractions are halves or tenths")
	}
	return nil
}

// value is the canonical form of a number in tenths, or false where the range
// does not hold it.
func (s *span) value(tenths int64) (string, bool) {
	whole, part := tenths/10, tenths%10
	if part < 0 {
		whole, part = whole-1, part+10
	}
	switch {
	case whole < s.From || whole > s.To || (whole-s.From)%s.Step != 0:
		return "", false
	case part != 0 && s.Fractions == "", part != 0 && part != 5 && s.Fractions == "halves":
		return "", false
	}
	v := float64(tenths) / 10
	if s.Multiplier != 0 {
		v *= s.Multiplier
	}
	return strconv.FormatFloat(v, 'f', -1, 64), true
}

// English number words.
var (
	ones = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
		"ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"}
	tens = []string{"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
)

// numberWords spells n, below a million, as it is usually said: "one hundred
// and five". Negative numbers begin with minus.
func numberWords(n int64) string {
	switch {
	case n < 0:
		return "minus " + numberWords(-n)
	case n < 20:
		return ones[n]
	case n < 100:
		return strings.TrimSuffix(tens[n/10]+" "+ones[n%10], " zero")
	case n < 1000:
		return strings.TrimSuffix(ones[n/100]+" hundred and "+numberWords(n%100), " and zero")
	}
	rest := numberWords(n % 1000)
	if n%1000 < 100 {
		rest = "and " + rest
	}
	return strings.TrimSuffix(strings.TrimSuffix(numberWords(n/1000)+" thousand "+rest, " zero"), " and")
}

// numberPhrases is every way in which n is said: from a hundred on, also
// without "and", and with "a" for a leading one.
func numberPhrases(n int64) []string {
	said := []string{numberWords(n)}
	if n >= 100 || n <= -100 {
		said = append(said, strings.ReplaceAll(said[0], " and ", " "))
		for _, s := range said {
			for _, unit := range []string{"one hundred", "one thousand"} {
				if rest, ok := strings.CutPrefix(s, unit); ok {
					said = append(said, "a"+strings.TrimPrefix(unit, "one")+rest)
				}
			}
		}
	}
	slices.Sort(said)
	return slices.Compact(said)
}

// number is a number found in a text: where it ends, and its tenths.
type number struct {
	end    int
	tenths int64
}

// numbersAt finds every number that begins at a position of folded text, the
// longest first: digits with at most one place after the point, or words.
func numbersAt(text string, at int) []number {
	if at > 0 && isAlnum(text[at-1]) {
		return nil
	}
	if found := digitsAt(text, at); found != nil {
		return found
	}
	r := wordReader{text: text}
	var found []number
	begin, sign := at, int64(1)
	if w, next := r.word(at); w == "minus" {
		begin, sign = next, -1
	}
	for _, n := range r.thousands(begin) {
		found = append(found, number{n.end, sign * n.tenths * 10})
		if half := r.after(n.end, "and", "a", "half"); half > 0 {
			found = append(found, number{half, sign * (n.tenths*10 + 5)})
		}
		if point := r.after(n.end, "point"); point > 0 {
			if digit, end := r.below(point, 10); end > 0 {
				found = append(found, number{end, sign * (n.tenths*10 + digit)})
			}
		}
	}
	sortLongest(found)
	return found
}

func sortLongest(found []number) {
	for i := range found { // at most a handful
		for k := i; k > 0 && found[k].end > found[k-1].end; k-- {
			found[k], found[k-1] = found[k-1], found[k]
		}
	}
}

func isAlnum(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 0x80
}

// digitsAt reads 21, 05, -3 and 21.5.
func digitsAt(text string, at int) []number {
	i, sign := at, int64(1)
	if i < len(text) && text[i] == '-' {
		i, sign = i+1, -1
	}
	begin := i
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	if i == begin || i-begin > 7 {
		return nil
	}
	whole, _ := strconv.ParseInt(text[begin:i], 10, 64)
	found := []number{{i, sign * whole * 10}}
	if i+1 < len(text) && text[i] == '.' && text[i+1] >= '0' && text[i+1] <= '9' &&
		(i+2 == len(text) || !isAlnum(text[i+2])) {
		found = []number{{i + 2, sign * (whole*10 + int64(text[i+1]-'0'))}, found[0]}
	}
	return found
}

// wordReader reads number words. Its numbers are whole; field tenths of what
// it returns holds the number itself.
type wordReader struct{ text string }

// word returns the word at a position and where the next one begins. An empty
// word says that there is none.
func (r wordReader) word(at int) (string, int) {
	if at < 0 || at >= len(r.text) {
		return "", at
	}
	end := at
	for end < len(r.text) && r.text[end] >= 'a' && r.text[end] <= 'z' {
		end++
	}
	next := end
	if next < len(r.text) && r.text[next] == ' ' {
		next++
	}
	return r.text[at:end], next
}

// end is where the word at a position ends.
func (r wordReader) end(at int) int {
	w, _ := r.word(at)
	return at + len(w)
}

// after returns where the word after these words begins, if they follow a
// word that ended at end; for words that close a number, where they end.
func (r wordReader) after(end int, words ...string) int {
	if end >= len(r.text) || r.text[end] != ' ' {
		return 0
	}
	at := end + 1
	for i, want := range words {
		w, next := r.word(at)
		if w != want {
			return 0
		}
		if i == len(words)-1 && want == "half" {
			return r.end(at)
		}
		at = next
	}
	return at
}

// below reads a single word below limit: its value and end, or end 0.
func (r wordReader) below(at int, limit int64) (int64, int) {
	w, _ := r.word(at)
	for v, name := range ones {
		if w == name && int64(v) < limit {
			return int64(v), r.end(at)
		}
	}
	return 0, 0
}

// hundred reads numbers below a hundred, the longest first.
func (r wordReader) hundred(at int) []number {
	if v, end := r.below(at, 20); end > 0 {
		return []number{{end, v}}
	}
	w, next := r.word(at)
	for i := 2; i < len(tens); i++ {
		if w != tens[i] {
			continue
		}
		short := number{r.end(at), int64(i) * 10}
		if v, end := r.below(next, 10); end > 0 && v > 0 && next > r.end(at) {
			return []number{{end, short.tenths + v}, short}
		}
		return []number{short}
	}
	return nil
}

// multiple reads a count and a unit ("three hundred", "a thousand") and then
// what follows below the unit.
func (r wordReader) multiple(counts []number, unit string, size int64, rest func(int) []number) []number {
	var found []number
	for _, c := range counts {
		at := r.after(c.end, unit)
		if at == 0 || c.tenths == 0 {
			continue
		}
		end := c.end + 1 + len(unit)
		if end < len(r.text) && r.text[end] == ' ' {
			next := end + 1
			if and := r.after(end, "and"); and > 0 {
				next = and
			}
			for _, n := range rest(next) {
				if n.tenths > 0 {
					found = append(found, number{n.end, c.tenths*size + n.tenths})
				}
			}
		}
		found = append(found, number{end, c.tenths * size})
	}
	return found
}

// single reads "a" as one, before hundred and thousand only.
func (r wordReader) single(at int) []number {
	if w, _ := r.word(at); w == "a" {
		return []number{{at + 1, 1}}
	}
	return nil
}

func (r wordReader) hundreds(at int) []number {
	counts := r.single(at)
	if v, end := r.below(at, 10); end > 0 {
		counts = append(counts, number{end, v})
	}
	return append(r.multiple(counts, "hundred", 100, r.hundred), r.hundred(at)...)
}

func (r wordReader) thousands(at int) []number {
	below := r.hundreds(at)
	counts := append(r.single(at), below...)
	return append(r.multiple(counts, "thousand", 1000, r.hundreds), below...)
}
