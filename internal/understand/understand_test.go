package understand_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/understand"
)

// english loads our own sentences.
func english(t testing.TB) *understand.Sentences {
	t.Helper()
	s, err := understand.English()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// load loads one file of sentences.
func load(t testing.TB, text string) *understand.Sentences {
	t.Helper()
	s, err := understand.Load(fstest.MapFS{"a.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// slots shows what a match holds: values by name, in the test's clear.
func slots(m understand.Match) map[string]string {
	got := map[string]string{}
	for _, s := range m.Slots {
		got[s.Name] = s.Value.Reveal()
	}
	return got
}

func match(s *understand.Sentences, text string) (understand.Match, bool) {
	return s.Match(hearkeep.NewWords(text))
}

// TestExpectations runs the sentence-and-expectation files of testdata.
func TestExpectations(t *testing.T) {
	s := english(t)
	files, err := filepath.Glob("testdata/en/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, error %v", files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Tests []struct {
				Sentences []string
				Intent    struct {
					Name  string
					Slots map[string]any
				}
			}
		}
		if err := yaml.Unmarshal(data, &f); err != nil {
			t.Fatal(err)
		}
		for _, test := range f.Tests {
			want := map[string]string{}
			for name, v := range test.Intent.Slots {
				b, _ := yaml.Marshal(v)
				want[name] = strings.TrimSpace(string(b))
			}
			for _, sentence := range test.Sentences {
				m, ok := match(s, sentence)
				if !ok || m.Intent != test.Intent.Name {
					t.Errorf("%q: got intent %q (%v), want %q", sentence, m.Intent, ok, test.Intent.Name)
				} else if diff := cmp.Diff(want, slots(m)); diff != "" {
					t.Errorf("%q by %q: slots (-want +got)\n%s", sentence, m.Template, diff)
				}
			}
		}
	}
}

// TestChatterIsNotACommand: what was not meant for it means nothing to it.
func TestChatterIsNotACommand(t *testing.T) {
	s := english(t)
	for _, text := range []string{
		"", " ", "?!", "so i told her the timer on the oven was broken",
		"we should delete what i just said from the minutes", "ten minutes", "pasta", "set",
		"what time is it in tokyo", "stop the car", "i am awake at night", "stopwatch",
		"settimer for ten minutes", "set a timer for minutes", "set a timer for five hundred hours",
		"wake me at twenty five thirty", "set an alarm for seven seventy", "delete everything", "erase all",
		"what do you keep of him", "cancel the banana timer", strings.Repeat("stop ", 200),
	} {
		if m, ok := match(s, text); ok {
			t.Errorf("%q: got %s by %q, want nothing", text, m.Intent, m.Template)
		}
	}
}

// TestSamplesMatch: whatever the templates can say means what they say.
func TestSamplesMatch(t *testing.T) {
	s := english(t)
	seen := map[string]int{}
	for _, x := range s.Sample(rand.New(rand.NewPCG(1, 2)), 5000) {
		m, ok := match(s, x.Text)
		if !ok || m.Intent != x.Intent {
			t.Fatalf("%q: got %q, want %q", x.Text, m.Intent, x.Intent)
		}
		seen[x.Intent]++
	}
	if len(seen) != 26 {
		t.Errorf("got %d intents %v, want 26", len(seen), seen)
	}
}

func TestSpokenIsAsSpoken(t *testing.T) {
	m, _ := match(english(t), "Set a timer for Twenty-Five minutes")
	if len(m.Slots) != 1 || m.Slots[0].Spoken.Reveal() != "twenty five" || m.Slots[0].Value.Reveal() != "25" {
		t.Errorf("got %v", slots(m))
	}
}

func TestWithReplacesAList(t *testing.T) {
	s := english(t)
	named, err := s.With(map[string][]understand.Value{
		"timer_name": {{In: "grandma's (pie|cake)", Out: "pie"}, {In: "gulasch"}, {In: "?!"}},
		"unknown":    {{In: "x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"cancel the Grandma's cake timer": "pie", "cancel the grandmas pie timer": "pie", "cancel the gulasch timer": "gulasch",
	} {
		if m, ok := match(named, text); !ok || slots(m)["name"] != want {
			t.Errorf("%q: got %v %v, want %q", text, ok, slots(m), want)
		}
		if _, ok := match(s, text); ok {
			t.Errorf("%q: the set that With was called on has changed", text)
		}
	}
	if _, ok := match(named, "cancel the pasta timer"); ok {
		t.Error("a replaced name still matches")
	}
	jsgf, words := named.Grammar()
	if !strings.Contains(jsgf, "grandma's") || !strings.Contains(strings.Join(words, " "), "gulasch") {
		t.Error("the grammar lacks a name that With gave")
	}
	for _, bad := range []string{"(", "{timer_name}", "<the> pie"} {
		if _, err := s.With(map[string][]understand.Value{"timer_name": {{In: bad}}}); err == nil {
			t.Errorf("%q was taken as a value", bad)
		}
	}
}

// TestFormat goes through the format, feature by feature.
func TestFormat(t *testing.T) {
	s := load(t, `
language: en
intents:
  Light:
    data:
      - sentences:
          - "turn (on|off)[ the] {color} light[s]"
          - "(dim|brighten) [all] <lights> to {percent:brightness}[([ ]%)| percent]"
        slots: { domain: light }
  Order:
    data:
      - sentences: ["(red;green;blue) now"]
  Say:
    data:
      - sentences: ["say {anything}", "say {anything} to {person}", "note\\[x\\]: {anything}"]
  Local:
    data:
      - sentences: ["the <thing> is <shared>"]
        expansion_rules: { thing: "moon", inner: "near" }
        lists: { color: { values: [silver] } }
      - sentences: ["outside <shared>"]
  Status:
    data:
      - sentences: ["{person} status"]
        required_keywords: [status]
  Here:
    data:
      - sentences: ["lights here"]
        requires_context: { area: { slot: true } }
  Warm:
    data: [{ sentences: ["heat to {degrees}[ degrees]"] }]
lists:
  color: { values: [red, { in: "(dark|navy) blue", out: navy }, { in: six, out: 6 }] }
  percent: { range: { from: 0, to: 100, type: percentage } }
  degrees: { range: { from: -10, to: 30, step: 5, fractions: halves } }
  anything: { wildcard: true }
  person: { values: [anna, bob] }
expansion_rules:
  lights: "light[s]|lamp[s]"
  inner: "far"
  shared: "<inner> [{color}]"
skip_words: [please]
`)
	for text, want := range map[string]struct {
		intent string
		slots  map[string]string
	}{
		"turn on the red lights":          {"Light", map[string]string{"color": "red", "domain": "light"}},
		"please turn off navy blue light": {"Light", map[string]string{"color": "navy", "domain": "light"}},
		"turn on six light":               {"Light", map[string]string{"color": "6", "domain": "light"}},
		"dim all lamps to 50%":            {"Light", map[string]string{"brightness": "50", "domain": "light"}},
		"dim lamps to fifty percent":      {"Light", map[string]string{"brightness": "50", "domain": "light"}},
		"brighten light to 5 %":           {"Light", map[string]string{"brightness": "5", "domain": "light"}},
		"blue red green now":              {"Order", map[string]string{}},
		"say hello to my friends":         {"Say", map[string]string{"anything": "hello to my friends"}},
		"say hello to anna":               {"Say", map[string]string{"anything": "hello", "person": "anna"}},
		"the moon is near silver":         {"Local", map[string]string{"color": "silver"}},
		"outside far red":                 {"Local", map[string]string{"color": "red"}},
		"anna status":                     {"Status", map[string]string{"person": "anna"}},
		"heat to twenty and a half":       {"Warm", map[string]string{"degrees": "20.5"}},
		"heat to minus five degrees":      {"Warm", map[string]string{"degrees": "-5"}},
		"heat to -5.7":                    {"", nil},
		"heat to 22":                      {"", nil},
		"lights here":                     {"", nil},
		"blue red now":                    {"", nil},
		"blue red green red now":          {"", nil},
		"outside near silver":             {"", nil},
		"dim lamps to 101%":               {"", nil},
		"turn on thered lights":           {"", nil},
	} {
		m, ok := match(s, text)
		if ok != (want.intent != "") || m.Intent != want.intent {
			t.Errorf("%q: got %q, want %q", text, m.Intent, want.intent)
		} else if diff := cmp.Diff(want.slots, slots(m)); ok && diff != "" {
			t.Errorf("%q: slots (-want +got)\n%s", text, diff)
		}
	}
}

// TestRefusals: a mistake is refused when it is loaded, with its place.
func TestRefusals(t *testing.T) {
	sentence := func(s string) string {
		return "language: en\nintents:\n  X:\n    data:\n      - sentences:\n          - \"" + s + "\"\n"
	}
	for _, test := range []struct{ name, text, want string }{
		{"open bracket", sentence("turn (on|off"), "a.yaml:6: character 13"},
		{"stray bracket", sentence("turn on)"), "a.yaml:6: character 8"},
		{"crossed", sentence("(a [b) c]"), "a.yaml:6"},
		{"unknown rule", sentence("<nobody> here"), "a.yaml:6: no rule is named <nobody>"},
		{"both separators", sentence("(a|b;c)"), "both | and ;"},
		{"too free", sentence("(a;b;c;d;e;f;g;h;i)"), "free order"},
		{"nested", sentence(strings.Repeat("[", 100) + "a" + strings.Repeat("]", 100)), "brackets within each other"},
		{"cycle", sentence("<a>") + "expansion_rules:\n  a: \"b <c>\"\n  c: \"[<a>] d\"\n", "contains itself"},
		{"rule's place", sentence("<a>") + "expansion_rules:\n  a: \"x (\"\n", "a.yaml:8"},
		{"range", sentence("{n}") + "lists: {n: {range: {from: 5, to: 1}}}\n", "a range goes up"},
		{"endless range", sentence("{n}") + "lists: {n: {range: {from: 1, to: 900000}}}\n", "at most"},
		{"list's value", sentence("{n}") + "lists: {n: {values: [\"{n}\"]}}\n", "value 1"},
		{"yaml", "intents: [", "a.yaml"},
		{"shape", "intents:\n  X:\n    data:\n      - sentences: [{a: b}]\n", "a.yaml"},
	} {
		_, err := understand.Load(fstest.MapFS{"a.yaml": {Data: []byte(test.text)}})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want one with %q", test.name, err, test.want)
		}
	}
}

// TestNothingHangs: templates and texts made to explode are answered, in a
// number of steps that is bounded. The test would not end otherwise.
func TestNothingHangs(t *testing.T) {
	var doubling strings.Builder
	doubling.WriteString("intents: {X: {data: [{sentences: [\"<r00> z\"]}]}}\nexpansion_rules:\n")
	for i := range 60 {
		doubling.WriteString("  r" + itoa(i) + ": \"[<r" + itoa(i+1) + ">] [<r" + itoa(i+1) + ">]\"\n")
	}
	doubling.WriteString("  r60: \"[a]\"\n")
	optional := func(item, tail string, n int) string {
		return "intents: {X: {data: [{sentences: [\"" + strings.Repeat("["+item+" ]", n) + tail + "\"]}]}}\nlists: {w: {wildcard: true}}\n"
	}
	nested := "intents: {X: {data: [{sentences: [\"" + strings.Repeat("[a ", 60) + strings.Repeat("]", 60) + "z\"]}]}}"
	free := "intents: {X: {data: [{sentences: [\"({w};{w};{w};{w};{w};{w};{w};{w}) z\"]}]}}\nlists: {w: {wildcard: true}}"
	for _, text := range map[string]string{
		"doubling": doubling.String(), "optionals": optional("a", "z", 400), "wildcards": optional("{w}", "z", 200),
		"nested": nested, "free": free,
	} {
		s := load(t, text)
		for _, said := range []string{strings.Repeat("a ", 255), strings.Repeat("a ", 254) + "z", strings.Repeat("a", 511), "a a a z"} {
			match(s, said)
		}
		s.Grammar()
		s.Sample(rand.New(rand.NewPCG(3, 4)), 10)
	}
}

func itoa(i int) string { return string([]byte{byte('0' + i/10), byte('0' + i%10)}) }
