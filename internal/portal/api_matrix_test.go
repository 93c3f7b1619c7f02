package portal

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// calling fills a pattern with a vault and an id.
func calling(row route, vault, id string) string {
	return strings.NewReplacer("{vault}", vault, "{id}", id).Replace(row.pattern)
}

// example is a body that a route takes.
func example(row route) any {
	if row.described().in == nil || row.method == "GET" || row.method == "DELETE" {
		return nil
	}
	switch v := reflect.New(row.described().in).Elem().Interface().(type) {
	case eraseJSON:
		return eraseJSON{Everything: true}
	case moveJSON:
		return moveJSON{To: hearkeep.NewID[hearkeep.VaultID](), Recordings: []hearkeep.RecordingID{hearkeep.NewID[hearkeep.RecordingID]()}}
	case newDoorJSON:
		return newDoorJSON{Source: hearkeep.SourceSay, Name: "x", Keep: hearkeep.KeepAll}
	case newAddressJSON:
		return newAddressJSON{Kind: "email", Address: "a@example.com"}
	case kitCheckJSON:
		return kitCheckJSON{Ticket: "x", Groups: []string{"a", "b"}}
	case nameJSON:
		return nameJSON{"another name"}
	case askJSON:
		return askJSON{hearkeep.RequestAccess}
	case chooseJSON:
		return chooseJSON{[]hearkeep.VaultID{hearkeep.NewID[hearkeep.VaultID]()}}
	case wordsJSON:
		return wordsJSON{"what was really said"}
	case newReportJSON:
		return newReportJSON{About: "Something is wrong."}
	case newTokenJSON:
		return newTokenJSON{Name: "x"}
	default:
		return v
	}
}

// TestAPIWhoMayCallWhat calls every route of the API as nobody, as a device,
// as programs, and as another person: none of them gets what it may not.
func TestAPIWhoMayCallWhat(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	h.person("Ben")
	rec := anna.speak(canary)
	a, b := h.terminal("Anna"), h.terminal("Ben")
	reads, writes := b.program("read"), b.program("write")
	hers, none := a.vault(), hearkeep.NewID[hearkeep.VaultID]().String()
	device := &caller{t, h, anna.token()}
	door := anna.door(hearkeep.SourceSay)
	ids := map[object]string{recording: rec.String(), timer: anna.timer().String(), binding: door.ID.String()}
	kept := anna.count()
	for _, row := range apiRows() {
		if row.api == nil || row.scope == scopeNone || row.pattern == "/v1/sessions/{id}" {
			continue
		}
		id, ok := ids[row.on]
		if !ok {
			id = hearkeep.NewID[hearkeep.AccountID]().String()
		}
		theirs, missing := calling(row, hers, id), calling(row, none, id)
		in := example(row)
		if len(row.api.takes) > 0 {
			in = nil
		}
		t.Run(pattern(row), func(t *testing.T) {
			for name, who := range map[string]*caller{
				"nobody": {t, h, ""}, "a device": {t, h, device.bearer}, "an unknown session": {t, h, sessionPrefix + strings.Repeat("A", 64)},
				"an unknown token": {t, h, vault.TokenPrefix + strings.Repeat("A", 64)}, "a session as a token": {t, h, vault.TokenPrefix + strings.TrimPrefix(a.bearer, sessionPrefix)},
				"a token as a session": {t, h, sessionPrefix + strings.TrimPrefix(reads.bearer, vault.TokenPrefix)}, "an altered session": {t, h, altered(a.bearer)},
			} {
				if got := who.do(row.method, theirs, in, nil); got.Status != http.StatusUnauthorized || strings.Contains(got.Body, canary) {
					t.Errorf("%s gets %d %s", name, got.Status, got.Body)
				}
			}
			for name, who := range map[string]*caller{"read": reads, "write": writes} {
				who = &caller{t, h, who.bearer}
				got := who.do(row.method, theirs, in, nil)
				if row.scope == scopePerson || row.scope == scopeWrite && name == "read" {
					if got.Status != http.StatusForbidden {
						t.Errorf("a program that may %s gets %d %s", name, got.Status, got.Body)
					}
				}
				if strings.Contains(got.Body, canary) || strings.Contains(row.pattern, "{vault}") && got.Status < 400 {
					t.Errorf("a program of another vault gets %d %s", got.Status, got.Body)
				}
				if diff := cmp.Diff(who.do(row.method, missing, in, nil), got); strings.Contains(row.pattern, "{vault}") && diff != "" {
					t.Errorf("to a program, not yours differs from missing (-missing +not yours):\n%s", diff)
				}
			}
			if !strings.Contains(row.pattern, "{vault}") {
				return
			}
			ben := &caller{t, h, b.bearer}
			got, want := ben.do(row.method, theirs, in, nil), ben.do(row.method, missing, in, nil)
			if diff := cmp.Diff(want, got); diff != "" || got.Status != http.StatusNotFound {
				t.Errorf("to another person, not yours differs from missing, or answers %d (-missing +not yours):\n%s", got.Status, diff)
			}
			// Inside a vault of his own, her ids name nothing either.
			if _, ok := ids[row.on]; ok {
				for _, odd := range []string{id, "x", strings.ToUpper(id)} {
					got := ben.do(row.method, calling(row, ben.vault(), odd), in, nil)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("id %q in his own vault (-missing +not yours):\n%s", odd, diff)
					}
				}
			}
		})
	}
	if anna.count() != kept || anna.newest() == (hearkeep.RecordingID{}) {
		t.Error("somebody else changed what Anna keeps")
	}
	if now := anna.door(hearkeep.SourceSay); now.ID != door.ID || now.Rule != door.Rule {
		t.Error("somebody else changed Anna's door")
	}
}

// altered changes one character in the middle.
func altered(s string) string {
	b := []byte(s)
	if b[len(b)/2]++; b[len(b)/2] == '[' || b[len(b)/2] == ':' || b[len(b)/2] == '{' {
		b[len(b)/2] = 'A'
	}
	return string(b)
}

// TestAPIOwnThings: sessions, ways in and tokens of somebody else are not
// there, byte for byte, and stay.
func TestAPIOwnThings(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	h.person("Ben")
	a, b := h.terminal("Anna"), h.terminal("Ben")
	a.program("read")
	var me meJSON
	a.must(http.StatusOK, "GET", "/v1/me", nil, &me)
	var ways waysJSON
	a.must(http.StatusOK, "GET", "/v1/ways", nil, &ways)
	var tokens tokensJSON
	a.must(http.StatusOK, "GET", "/v1/tokens", nil, &tokens)
	hers := map[object]string{session: me.Session, wayIn: ways.Ways[0].ID.String(), token: tokens.Tokens[0].ID.String()}
	for _, row := range apiRows() {
		id, ok := hers[row.on]
		if !ok || !strings.Contains(row.pattern, "{id}") {
			continue
		}
		t.Run(pattern(row), func(t *testing.T) {
			b := &caller{t, h, b.bearer}
			want := b.do(row.method, calling(row, "", strings.Repeat("0f", len(id)/2)), example(row), nil)
			if want.Status != http.StatusNotFound {
				t.Errorf("what is missing answers %d %s", want.Status, want.Body)
			}
			for _, theirs := range []string{id, "x", strings.ToUpper(id)} {
				if diff := cmp.Diff(want, b.do(row.method, calling(row, "", theirs), example(row), nil)); diff != "" {
					t.Errorf("id %q (-missing +not yours):\n%s", theirs, diff)
				}
			}
		})
	}
	a.must(http.StatusOK, "GET", "/v1/me", nil, nil)
	a.must(http.StatusOK, "GET", "/v1/tokens", nil, &tokens)
	if len(tokens.Tokens) != 1 {
		t.Error("somebody else ended a token")
	}
}
