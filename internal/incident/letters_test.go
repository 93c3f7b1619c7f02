package incident

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
)

// each returns every text of a language by its field's name.
func each(w texts) map[string]string {
	all := map[string]string{}
	v := reflect.ValueOf(w)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if f := v.Field(i); f.Kind() == reflect.String {
			all[name] = f.String()
		} else {
			for n := range f.Len() {
				all[name+string(rune('a'+n))] = f.Index(n).String()
			}
		}
	}
	return all
}

// Every language has every text, with the braces of the English one, and none
// was left in another language.
func TestLanguagesAreWhole(t *testing.T) {
	braces := regexp.MustCompile(`\{[a-z]*\}`)
	holes := func(s string) []string {
		found := braces.FindAllString(s, -1)
		slices.Sort(found)
		return found
	}
	all := map[hearkeep.Language]map[string]string{}
	for _, l := range hearkeep.Languages() {
		all[l] = each(textsIn(l))
	}
	for name, want := range all["en"] {
		seen := map[string]hearkeep.Language{}
		for _, l := range hearkeep.Languages() {
			got := all[l][name]
			if strings.TrimSpace(got) == "" || strings.TrimSpace(got) != got {
				t.Errorf("%s in %s: got %q", name, l, got)
			}
			if diff := cmp.Diff(holes(want), holes(got)); diff != "" {
				t.Errorf("%s in %s: braces differ from English: %s", name, l, diff)
			}
			if other, same := seen[got]; same && !strings.HasPrefix(name, "month") && name != "moment" {
				t.Errorf("%s is the same in %s and %s: %q", name, l, other, got)
			}
			seen[got] = l
			if strings.ContainsAny(braces.ReplaceAllString(got, ""), "{}%\u202f") {
				t.Errorf("%s in %s: a brace is left over, or what fonts lack: %q", name, l, got)
			}
			if length := len(want); len(got)*3 < length || len(got) > 3*length+40 {
				t.Errorf("%s in %s: %d bytes, where English has %d: was something left out?", name, l, len(got), length)
			}
			if strings.HasSuffix(want, ".") != strings.HasSuffix(got, ".") && name != "askNo" {
				t.Errorf("%s in %s: ends otherwise than in English: %q", name, l, got)
			}
		}
	}
	if len(hearkeep.Languages()) != 6 {
		t.Error("a language was added: write its texts")
	}
}

// desk is one without a store, for texts.
func textDesk(t *testing.T, by Controller) *Desk {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return &Desk{Config: Config{Zone: zone, Controller: by, Origin: "https://keep.example"}}
}

// No letter is left with a brace, and each says what it must (B5).
func TestCommunication(t *testing.T) {
	d := textDesk(t, Controller{Contact: "Maria Muster <dpo@keep.example>", Authority: "BlnBDI"})
	aware := time.Date(2026, 11, 22, 22, 30, 0, 0, time.UTC)
	base := telling{Incident: hearkeep.NewID[hearkeep.IncidentID](), What: WhatNotMine, AwareAt: aware, At: aware.Add(-48 * time.Hour)}
	with := func(change func(*telling)) telling {
		x := base
		change(&x)
		return x
	}
	for _, tt := range []struct {
		name     string
		t        telling
		says     func(w texts) []string
		saysNot  func(w texts) []string
		measures string
	}{
		{"handed over", with(func(x *telling) { x.Hows = []string{HowHanded}; x.Frozen, x.Asked = true, true }),
			func(w texts) []string {
				return []string{w.fromMine, w.handed, w.mayHear, w.wasFrozen, w.wasAsked, w.doWords, w.doOthers, w.list}
			},
			func(w texts) []string {
				return []string{w.handedSealed, w.mayNothing, w.wasAttested, w.doKit, w.doKeys, w.again, w.toldSubject + "x"}
			}, ""},
		{"sealed is noise", with(func(x *telling) { x.Hows = []string{HowHanded}; x.Sealed, x.Asked, x.Attested = true, true, true }),
			func(w texts) []string { return []string{w.handedSealed, w.mayNothing, w.wasAttested, w.doKit} },
			func(w texts) []string { return []string{w.handed, w.mayHear, w.wasAsked, w.doWords, w.wasFrozen} }, ""},
		{"sealed, and opened too", with(func(x *telling) { x.Hows = []string{HowHanded, HowOpened}; x.Sealed = true }),
			func(w texts) []string { return []string{w.handedSealed, w.opened, w.mayHear, w.doKit, w.doWords} },
			func(w texts) []string { return []string{w.mayNothing} }, ""},
		{"within reach", with(func(x *telling) {
			x.What = WhatVolume
			x.Hows = []string{HowReach}
			x.Measures = "Wir haben {at} getan."
		}),
			func(w texts) []string {
				return []string{w.fromVolume, w.reach, w.mayHave, w.doKeys, "Wir haben {at} getan."}
			},
			func(w texts) []string { return []string{w.mayHear, w.fromMine} }, ""},
		{"kept wrongly, again", with(func(x *telling) { x.What = WhatTwice; x.Hows = []string{HowKept}; x.Again = true }),
			func(w texts) []string { return []string{w.fromTwice, w.kept, w.mayKept, w.doKept, w.again} },
			func(w texts) []string { return []string{w.mayHear, w.doWords, w.toldSubject} }, ""},
	} {
		for _, l := range hearkeep.Languages() {
			w := textsIn(l)
			c := d.communication(l, tt.t)
			letter := c.letter()
			whole := letter.Subject + "\n" + letter.Text
			for _, want := range tt.says(w) {
				if !strings.Contains(whole, want) {
					t.Errorf("%s in %s: does not say %q:\n%s", tt.name, l, want, whole)
				}
			}
			for _, not := range tt.saysNot(w) {
				if strings.Contains(whole, not) {
					t.Errorf("%s in %s: says %q", tt.name, l, not)
				}
			}
			for _, want := range append(w.headings[:], "Maria Muster <dpo@keep.example>", "BlnBDI", tt.t.Incident.String(), "23:30", "(UTC+1)") {
				if !strings.Contains(whole, want) {
					t.Errorf("%s in %s: does not say %q:\n%s", tt.name, l, want, whole)
				}
			}
			for i, part := range []string{c.Nature, c.Contact, c.Consequences, c.Measures, c.Advice} {
				if part == "" || strings.Contains(strings.ReplaceAll(part, "{at} getan", ""), "{") {
					t.Errorf("%s in %s: part %d: got %q", tt.name, l, i, part)
				}
			}
			if letter.Language != l || letter.Topic != topicTold || len(letter.Text) > 8000 || strings.Contains(letter.Text, "\n\n\n") {
				t.Errorf("%s in %s: got %+v", tt.name, l, letter)
			}
		}
	}
}

// The other letters, in every language, with nothing left to be filled in.
func TestLetters(t *testing.T) {
	d := textDesk(t, Controller{})
	at := time.Date(2026, 7, 1, 5, 4, 0, 0, time.UTC)
	topics := regexp.MustCompile(`^[a-z][a-z -]{0,39}$`)
	for _, l := range append(hearkeep.Languages(), "", "xx") {
		w := textsIn(l)
		link := "https://keep.example/report/abc"
		for _, tt := range []struct {
			letter    hearkeep.Letter
			says, not string
		}{
			{d.letterAcknowledged(l, acknowledged{At: at, Frozen: true}), w.gotFrozen, w.gotOpen},
			{d.letterAcknowledged(l, acknowledged{At: at, Link: link}), link, w.gotPage},
			{d.letterAcknowledged(l, acknowledged{At: at}), w.gotPage, w.gotFrozen},
			{d.letterFrozen(l, at), "07:04", "x-x"},
			{d.letterSpoken(l, at), "07:04", w.got},
			{d.letterClosed(l, at, true, link), link, w.endPage},
			{d.letterClosed(l, at, false, ""), w.endPage, w.endFreed},
			{d.letterOffered(l, "Ein Kuchen {offer}"), "Ein Kuchen {offer}", "x-x"},
			{d.letterAsked(l, at, link), link, "x-x"},
		} {
			if !strings.Contains(tt.letter.Text, tt.says) || strings.Contains(tt.letter.Text, tt.not) {
				t.Errorf("%s, %s: got\n%s", l, tt.letter.Topic, tt.letter.Text)
			}
			if strings.Contains(strings.ReplaceAll(tt.letter.Text, "Kuchen {offer}", ""), "{") || tt.letter.Subject == "" ||
				tt.letter.Language != l.Or() || !topics.MatchString(tt.letter.Topic) {
				t.Errorf("%s: got %+v", l, tt.letter)
			}
		}
		for _, step := range []string{StepHeld, StepOffered, StepAsked, StepAttested, StepAlarmed, "made up"} {
			if got := stepLine(l, step); got != "" {
				t.Errorf("%s is no reporter's to know: got %q", step, got)
			}
		}
		for _, step := range reporterSteps() {
			if stepLine(l, step) == "" {
				t.Errorf("%s in %s says nothing", step, l)
			}
		}
	}
	for _, tt := range []struct{ zone, want string }{
		{"UTC", "1 July 2026, 05:04 (UTC)"}, {"Asia/Kolkata", "1 July 2026, 10:34 (UTC+5:30)"}, {"America/St_Johns", "1 July 2026, 02:34 (UTC-2:30)"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := english().momentOf(at.In(zone)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.zone, got, tt.want)
		}
	}
}
