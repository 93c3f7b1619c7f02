package speech

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hearkeep/hearkeep"
	"pgregory.net/rapid"
)

func FuzzReadEvent(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "{}\n", `{"type":"describe"}` + "\n", `{"type":"x","data":{"a":1},"data_length":2,"payload_length":1}` + "\n{}z",
		`{"type":"x","payload_length":-1}` + "\n", `{"type":"x","data_length":1000000000000}` + "\n",
		`{"type":"x","data_length":3}` + "\n{]}", `{"type":"x","data":null}` + "\n", "INFO: cmn.c(142)\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newEventReader(bytes.NewReader(in), 1000)
		for {
			ev, err := r.read()
			if err != nil {
				return
			}
			if ev.Type == "" || len(ev.Data) > maxHeader || len(ev.Payload) > 1000 {
				t.Fatalf("over the limits: %d and %d bytes", len(ev.Data), len(ev.Payload))
			}
			var out bytes.Buffer
			if err := writeEvent(&out, ev); err != nil {
				t.Fatal(err)
			}
			again, err := newEventReader(&out, 1000).read()
			if err != nil || again.Type != ev.Type || !bytes.Equal(again.Payload, ev.Payload) {
				t.Fatalf("written and read again: %v", err)
			}
			var v transcript
			ev.decode(&v)
			(&Sound{}).take(ev)
		}
	})
}

func FuzzReadWAV(f *testing.F) {
	f.Add([]byte("RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\xff\xff\xff\xff\x01\x02"))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata\x03\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if s, err := readWAV(in); err == nil && (s.Rate == 0 || len(s.Samples) > len(in)) {
			t.Fatalf("got %d samples at %d Hz of %d bytes", len(s.Samples), s.Rate, len(in))
		}
	})
}

func TestEvents(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"nothing", "", io.EOF},
		{"cut header", `{"type":"x"`, io.ErrUnexpectedEOF},
		{"cut data", `{"type":"x","data_length":5}` + "\n{}", io.ErrUnexpectedEOF},
		{"cut payload", `{"type":"x","payload_length":5}` + "\n", io.ErrUnexpectedEOF},
		{"no type", "{}\n", errFraming},
		{"not JSON", "INFO: hello\n", errFraming},
		{"endless header", strings.Repeat("x", maxHeader+1), errFraming},
		{"negative", `{"type":"x","data_length":-1}` + "\n", errFraming},
		{"huge", `{"type":"x","payload_length":99999999999}` + "\n", errFraming},
		{"data not JSON", `{"type":"x","data_length":1}` + "\n{", errFraming},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := newEventReader(strings.NewReader(tt.in), 1000).read(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestEventsAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := event{Type: rapid.StringMatching(`[a-z-]+`).Draw(t, "type"), Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload")}
		want.Data = []byte(rapid.SampledFrom([]string{"", "{}", `{"text":"ä\n"}`}).Draw(t, "data"))
		var b bytes.Buffer
		if err := writeEvent(&b, want); err != nil {
			t.Fatal(err)
		}
		got, err := newEventReader(&b, 1<<20).read()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestWorkerStays feeds the loop what it must survive, and what it must not.
func TestWorkerStays(t *testing.T) {
	run := func(in string) ([]string, error) {
		var out bytes.Buffer
		err := newWorker(setup{Native: Native{}.withDefaults()}, strings.NewReader(in), &out).run()
		var types []string
		for r := newEventReader(&out, maxSoundPayload); ; {
			ev, err := r.read()
			if err != nil {
				break
			}
			types = append(types, ev.Type)
		}
		return types, err
	}
	got, err := run(`{"type":"unheard-of"}
{"type":"grammar","payload_length":3}
???{"type":"transcribe"}
{"type":"audio-start"}
{"type":"audio-chunk","data":{"rate":0,"width":0,"channels":-1},"payload_length":3}
abc{"type":"audio-stop"}
{"type":"transcribe"}
{"type":"audio-stop"}
{"type":"synthesize","data":{"text":"hello","voice":{"language":"--help"}}}
{"type":"describe"}
`)
	want := []string{typeError, typeError, typeError, typeError, typeInfo}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, in := range []string{"nonsense\n", `{"type":"transcribe"}` + "\n", `{"type":"synthesize","data":{"text":7}}` + "\n"} {
		if _, err := run(in); err == nil {
			t.Errorf("%q: got no error", in)
		}
	}
}

func TestSynthesise(t *testing.T) {
	e := start(t, Options{})
	for _, tt := range []struct {
		name, text, lang, want string
	}{
		{"English", "The timer is set for ten minutes.", "en", "flite slt"},
		{"no language", "Good morning.", "", "flite slt"},
		{"region", "Good morning.", "en-GB", "flite slt"},
		{"marks on letters", "Zoë’s timer – done…", "en", "flite slt"},
		{"German", "Der Wecker klingelt um acht Uhr.", "de", "espeak-ng"},
		{"region espeak-ng lacks", "Guten Morgen.", "de-AT", "espeak-ng"},
		{"other letters", "Дмитрий", "en", "espeak-ng"},
		{"dashes", "--help -o /etc/passwd", "en", "flite slt"},
		{"dashes for espeak-ng", "--help -w /etc/passwd", "de", "espeak-ng"},
		{"control and broken bytes", "a\x00b\x1b[1m\xff\xfe [[h@'l@U]] c", "en", "flite slt"},
		{"long", strings.Repeat("ten minutes ", 200), "de", "espeak-ng"},
		{"nothing", " \n", "en", ""},
		{"no letters", "-", "en", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := e.Synthesise(t.Context(), hearkeep.NewWords(tt.text), tt.lang)
			if err != nil {
				t.Fatal(err)
			}
			if got.Engine != tt.want || got.Rate < 8000 || (len(got.Samples) > got.Rate/5) != (tt.want != "") {
				t.Errorf("got %q, %d samples at %d Hz, want %q", got.Engine, len(got.Samples), got.Rate, tt.want)
			}
		})
	}
	for _, lang := range []string{"--help", "en us", "../../etc", "zz-nowhere"} {
		if _, err := e.Synthesise(t.Context(), hearkeep.NewWords("hello"), lang); err == nil || errors.Is(err, ErrWorker) {
			t.Errorf("language %q: got %v, want a refusal", lang, err)
		}
	}
}

func TestSynthesiseWithoutFlite(t *testing.T) {
	e := start(t, Options{Native: Native{Flite: "no-flite"}})
	got, err := e.Synthesise(context.Background(), hearkeep.NewWords("The timer is set."), "en")
	if err != nil || got.Engine != "espeak-ng" || len(got.Samples) == 0 {
		t.Errorf("got %q, %d samples, %v, want espeak-ng", got.Engine, len(got.Samples), err)
	}
}

func TestPronounce(t *testing.T) {
	phones := map[string]bool{}
	for _, p := range strings.Fields("AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH") {
		phones[p] = true
	}
	words := []string{"a", "timer", "o'clock", "zbigniew", "seán", "müller", "дмитрий", "李", "r2d2", "nguyen", "''", "łódź", "xx"}
	for _, espeak := range []string{"espeak-ng", "no-espeak"} {
		native := Native{Espeak: espeak}.withDefaults()
		dict, err := native.pronounce(words)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for line := range strings.Lines(dict) {
			fields := strings.Fields(line)
			word, _, _ := strings.Cut(fields[0], "(")
			found[word] = len(fields) > 1
			for _, p := range fields[1:] {
				if !phones[p] {
					t.Errorf("%s: %q is no phone of the model", espeak, p)
				}
			}
		}
		for _, w := range words {
			if !found[w] {
				t.Errorf("%s: %q has no pronunciation", espeak, w)
			}
		}
	}
	for name, bad := range map[string]string{"empty": "", "space": "a b", "upper case": "A", "rule": "<a>", "line": "a\nb", "long": strings.Repeat("a", 101)} {
		if _, err := (Native{}).withDefaults().pronounce([]string{bad}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestByRule(t *testing.T) {
	for word, want := range map[string]string{
		"anna": "AE N AH", "bread": "B R IY D", "chicken": "CH IH K EH N", "mike": "M AY K", "knight": "N AY T",
		"philip": "F IH L IH P", "müller": "M AH L ER", "2": "T UW", "李": "N EY M",
	} {
		if got := strings.Join(byRule(word), " "); got != want {
			t.Errorf("%s: got %s, want %s", word, got, want)
		}
	}
}

func FuzzByRule(f *testing.F) {
	f.Add("zbigniew")
	f.Add("œ\xff")
	f.Fuzz(func(t *testing.T, word string) {
		if len(byRule(word)) == 0 {
			t.Error("no pronunciation")
		}
		fromIPA(word)
	})
}
