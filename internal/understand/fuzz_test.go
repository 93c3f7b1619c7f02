package understand

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hearkeep/hearkeep"
	"pgregory.net/rapid"
)

// FuzzTemplate: any text is a template or is refused; what is a template can
// be compiled or is refused.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"(a|b) [c] {d:e} <f>", "[[a]|", "(a;b;c)", "\\(", "{n}['s|]", "((((", "a|(b", "{:}", "<>", "[ ]%"} {
		f.Add(s, "a b")
	}
	f.Fuzz(func(t *testing.T, text, said string) {
		e, err := parseTemplate(text)
		if err != nil {
			return
		}
		c := newCompiler()
		c.top, c.out = newScope(map[string]source{"f": {line: line{text: "x [y]"}}}, nil), &Sentences{global: map[string]int{}}
		c.rules = c.top.rules
		n, err := c.resolve(c.top, e)
		if err != nil {
			return
		}
		s := c.out
		s.templates = []*template{{intent: "X", node: n}}
		s.Match(hearkeep.NewWords(said))
		s.Grammar()
		for _, x := range s.Sample(rand.New(rand.NewPCG(1, 1)), 3) {
			s.Match(hearkeep.NewWords(x.Text))
		}
	})
}

// FuzzLoad: any file is loaded or refused.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("language: en\nintents:\n  X:\n    data:\n      - sentences: [\"a {n}\"]\n        slots: {a: 1}\nlists:\n  n: {range: {from: 1, to: 3}}\n"))
	f.Add([]byte("intents: {X: {data: [{sentences: [<a>]}]}}\nexpansion_rules: {a: \"[b]\"}\nskip_words: [c]"))
	f.Add([]byte("lists: {a: {values: [1, {in: b, out: {c: d}}]}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Load(fstest.MapFS{"x.yaml": {Data: data}})
		if err != nil {
			return
		}
		s.Match(hearkeep.NewWords("a two"))
	})
}

// FuzzMatch: any text is answered, and what folds the same means the same.
func FuzzMatch(f *testing.F) {
	s, err := English()
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range s.Sample(rand.New(rand.NewPCG(1, 1)), 50) {
		f.Add(x.Text)
	}
	f.Add("set a timer for 7:30.5,3 -4\u2019s")
	f.Fuzz(func(t *testing.T, text string) {
		a, okA := s.Match(hearkeep.NewWords(text))
		b, okB := s.Match(hearkeep.NewWords(fold(text)))
		if okA != okB || a.Template != b.Template {
			t.Errorf("%q: got %q, folded first %q", text, a.Template, b.Template)
		}
	})
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "  Hello,  World! ": "hello world", "What’s up?": "what's up", "10-minute": "10 minute",
		"at 7:30am": "at 7:30 am", "21.5°": "21.5°", "1,000": "1000", "-5": "-5", "a.m.": "am", "up-to-date": "up to date",
		"time: now": "time now", "GRÜSSE": "grüsse", "5%": "5%", "a\tb\u00a0c": "a b c", "mp3": "mp3", "\x00\x07": "",
	} {
		if got := fold(in); got != want {
			t.Errorf("fold(%q): got %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := fold(rapid.String().Draw(t, "text"))
		if again := fold(s); again != s {
			t.Errorf("fold(%q): got %q", s, again)
		}
	})
}

// TestNumbers: every way to say a number is read back as that number, whole.
func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64Range(-999_999, 999_999), rapid.Int64Range(0, 200)).Draw(t, "n")
		for _, said := range numberPhrases(n) {
			found := numbersAt(said+" minutes", 0)
			if len(found) == 0 || found[0] != (number{len(said), n * 10}) {
				t.Fatalf("%q: got %v, want %d", said, found, n)
			}
		}
	})
	for said, want := range map[string][]number{
		"21":                   {{2, 210}},
		"21.5":                 {{4, 215}, {2, 210}},
		"05":                   {{2, 50}},
		"-3":                   {{2, -30}},
		"twenty five":          {{11, 250}, {6, 200}},
		"two and a half":       {{14, 25}, {3, 20}},
		"two point five":       {{14, 25}, {3, 20}},
		"a hundred and five":   {{18, 1050}, {9, 1000}},
		"a hundred and":        {{9, 1000}},
		"twenty zero":          {{6, 200}},
		"twentyfive":           nil,
		"a thing":              nil,
		"ten thousand hundred": {{12, 100000}, {3, 100}},
		"99999999":             nil,
	} {
		got := numbersAt(said, 0)
		if len(got) != len(want) {
			t.Errorf("%q: got %v, want %v", said, got, want)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q: got %v, want %v", said, got, want)
			}
		}
	}
}

// TestRequiredNeverRefusesASample: the filter lets through all that matches.
func TestRequiredNeverRefusesASample(t *testing.T) {
	s, err := English()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range s.Sample(rand.New(rand.NewPCG(3, 3)), 300) {
		has := make([]bool, len(s.fragments))
		for i, f := range s.fragments {
			has[i] = strings.Contains(x.Text, f)
		}
		m := matcher{text: x.Text, lists: s.lists, work: maxWork,
			ends: map[place]positions{}, best: map[reach]*parse{}, nums: map[int][]number{}}
		for _, tm := range s.templates {
			ends := m.from(tm.node, 0)
			if ends.has(len(x.Text)) && !tm.possible(has, strings.Fields(x.Text)) {
				t.Errorf("%q: refused by the filter, matched by %q", x.Text, tm.text)
			}
		}
	}
}
