package understand_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// jsgf is a grammar as this strict reader of the JSGF subset that sphinxbase
// takes understands it: a header, one public rule, every rule given once and
// before or after its use, no rule within itself.
type jsgf struct {
	public string
	rules  map[string]part
}

// part is a piece of a rule's body.
type part struct {
	kind  byte // 'w' word, '<' rule, '&' sequence, '|' alternatives, '[' optional
	text  string
	parts []part
}

var jsgfToken = regexp.MustCompile(`<[A-Za-z0-9_]+>|[a-z']+|[()\[\]|]`)

func parseJSGF(t *testing.T, text string) jsgf {
	t.Helper()
	body, ok := strings.CutPrefix(text, "#JSGF V1.0;\ngrammar hearkeep;\n")
	if !ok {
		t.Fatalf("bad header: %.60q", text)
	}
	g := jsgf{rules: map[string]part{}}
	for _, rule := range strings.Split(strings.TrimSuffix(body, ";\n"), ";\n") {
		public := strings.HasPrefix(rule, "public ")
		name, def, ok := strings.Cut(strings.TrimPrefix(rule, "public "), " = ")
		if !ok || !regexp.MustCompile(`^<[A-Za-z0-9_]+>$`).MatchString(name) {
			t.Fatalf("bad rule: %.80q", rule)
		}
		if _, twice := g.rules[name]; twice {
			t.Fatalf("rule %s is given twice", name)
		}
		if public {
			g.public = name
		}
		if rest := strings.TrimSpace(jsgfToken.ReplaceAllString(def, "")); rest != "" {
			t.Fatalf("rule %s holds %q", name, rest)
		}
		tokens := jsgfToken.FindAllString(def, -1)
		p, rest := parseParts(t, tokens)
		if len(rest) > 0 {
			t.Fatalf("rule %s: unexpected %q", name, rest[0])
		}
		g.rules[name] = p
	}
	g.walk(t, part{kind: '<', text: g.public}, nil, map[string]bool{})
	return g
}

// parseParts reads up to a closing bracket. Nothing may be empty.
func parseParts(t *testing.T, tokens []string) (part, []string) {
	t.Helper()
	either := part{kind: '|', parts: []part{{kind: '&'}}}
	for len(tokens) > 0 && tokens[0] != ")" && tokens[0] != "]" {
		last := &either.parts[len(either.parts)-1]
		switch token := tokens[0]; token[0] {
		case '|':
			either.parts = append(either.parts, part{kind: '&'})
			tokens = tokens[1:]
		case '(', '[':
			inner, rest := parseParts(t, tokens[1:])
			if want := map[byte]string{'(': ")", '[': "]"}[token[0]]; len(rest) == 0 || rest[0] != want {
				t.Fatalf("%q is missing", want)
			}
			if token == "[" {
				inner = part{kind: '[', parts: []part{inner}}
			}
			last.parts, tokens = append(last.parts, inner), rest[1:]
		case '<':
			last.parts, tokens = append(last.parts, part{kind: '<', text: token}), tokens[1:]
		default:
			last.parts, tokens = append(last.parts, part{kind: 'w', text: token}), tokens[1:]
		}
	}
	for _, p := range either.parts {
		if len(p.parts) == 0 {
			t.Fatal("an empty alternative")
		}
	}
	return either, tokens
}

// walk checks that every rule exists and stands in none of its own.
func (g jsgf) walk(t *testing.T, p part, within []string, seen map[string]bool) {
	if p.kind == '<' {
		rule, ok := g.rules[p.text]
		if !ok || slices.Contains(within, p.text) {
			t.Fatalf("rule %s: is given %v, within %v", p.text, ok, within)
		}
		if !seen[p.text] {
			seen[p.text] = true
			g.walk(t, rule, append(within, p.text), seen)
		}
		return
	}
	for _, q := range p.parts {
		g.walk(t, q, within, seen)
	}
}

// ends returns where p can end in words when it begins at i.
func (g jsgf) ends(p part, words []string, i int) []int {
	var ends []int
	switch p.kind {
	case 'w':
		if i < len(words) && words[i] == p.text {
			ends = []int{i + 1}
		}
	case '<':
		ends = g.ends(g.rules[p.text], words, i)
	case '&':
		ends = []int{i}
		for _, q := range p.parts {
			var next []int
			for _, e := range ends {
				next = append(next, g.ends(q, words, e)...)
			}
			slices.Sort(next)
			ends = slices.Compact(next)
		}
	case '[', '|':
		if p.kind == '[' {
			ends = []int{i}
		}
		for _, q := range p.parts {
			ends = append(ends, g.ends(q, words, i)...)
		}
		slices.Sort(ends)
		ends = slices.Compact(ends)
	}
	return ends
}

// say makes a random sentence of the grammar.
func (g jsgf) say(rng *rand.Rand, p part) string {
	switch p.kind {
	case 'w':
		return p.text
	case '<':
		return g.say(rng, g.rules[p.text])
	case '|':
		return g.say(rng, p.parts[rng.IntN(len(p.parts))])
	case '[':
		if rng.IntN(2) == 0 {
			return ""
		}
	}
	var all []string
	for _, q := range p.parts {
		all = append(all, g.say(rng, q))
	}
	return strings.Join(strings.Fields(strings.Join(all, " ")), " ")
}

// TestGrammarIsWhatTemplatesSay: every sentence of the templates is in the
// grammar, and every sentence of the grammar means something.
func TestGrammarIsWhatTemplatesSay(t *testing.T) {
	s := english(t)
	text, words := s.Grammar()
	if again, _ := s.Grammar(); again != text {
		t.Error("two calls differ")
	}
	if len(text) > 20_000 {
		t.Errorf("got %d bytes; rules have been expanded", len(text))
	}
	g := parseJSGF(t, text)
	used := regexp.MustCompile(`[a-z']+`).FindAllString(regexp.MustCompile(`<[^>]*>|public|grammar \w+;|#JSGF.*`).ReplaceAllString(text, ""), -1)
	slices.Sort(used)
	if diff := cmp.Diff(slices.Compact(used), words); diff != "" {
		t.Errorf("words (-in the text +returned)\n%s", diff)
	}
	for _, x := range s.Sample(rand.New(rand.NewPCG(5, 6)), 2000) {
		w := strings.Fields(x.Text)
		if !slices.Contains(g.ends(g.rules[g.public], w, 0), len(w)) {
			t.Fatalf("%q is not in the grammar", x.Text)
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		said := g.say(rng, g.rules[g.public])
		if _, ok := match(s, said); !ok {
			t.Fatalf("%q is in the grammar and means nothing", said)
		}
	}
}

func TestGrammarLeavesOutWhatCannotBeSpoken(t *testing.T) {
	s := load(t, `
intents:
  A: { data: [{ sentences: ["note {anything}", "press 5", "dim to {n}%", "dim to {n}[ percent]", "{nobody} is home"] }] }
  B: { data: [{ sentences: ["(a;b;c)", "<lamp>s on", "light[s|ing] up", "see {w}", "{w}s", "[ ]quiet[ ]"] }] }
  C: { data: [{ sentences: ["{anything}"] }] }
lists:
  anything: { wildcard: true }
  n: { range: { from: 21, to: 22 } }
  w: { values: [x1, xylophone, "o'neill"] }
expansion_rules: { lamp: "(lamp|light)" }
`)
	text, words := s.Grammar()
	g := parseJSGF(t, text)
	for said, want := range map[string]bool{
		"dim to twenty one": true, "dim to twenty two percent": true, "a c b": true, "c b a": true, "lamps on": true,
		"lighting up": true, "light up": true, "see xylophone": true, "see o'neill": true, "xylophones": true, "quiet": true,
		"note this": false, "dim to twenty": false, "a b": false, "lamp s on": false, "a b c a": false, "see x": false,
	} {
		w := strings.Fields(said)
		if got := slices.Contains(g.ends(g.rules[g.public], w, 0), len(w)); got != want {
			t.Errorf("%q in the grammar: got %v, want %v\n%s", said, got, want, text)
		}
	}
	for _, w := range words {
		if !regexp.MustCompile(`^[a-z']+$`).MatchString(w) {
			t.Errorf("word %q", w)
		}
	}
}

// TestGrammarOfNumbersIsExact counts a range in and out.
func TestGrammarOfNumbersIsExact(t *testing.T) {
	s := load(t, "intents: {A: {data: [{sentences: [\"{n}\"]}]}}\nlists: {n: {range: {from: 7, to: 1234, step: 3}}}\n")
	text, _ := s.Grammar()
	g := parseJSGF(t, text)
	for _, x := range s.Sample(rand.New(rand.NewPCG(9, 9)), 500) {
		w := strings.Fields(x.Text)
		if !slices.Contains(g.ends(g.rules[g.public], w, 0), len(w)) {
			t.Fatalf("%q is not in the grammar", x.Text)
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		said := g.say(rng, g.rules[g.public])
		m, ok := match(s, said)
		var n int
		fmt.Sscan(slots(m)["n"], &n)
		if !ok || n < 7 || n > 1234 || (n-7)%3 != 0 {
			t.Fatalf("%q: got %d", said, n)
		}
	}
}
