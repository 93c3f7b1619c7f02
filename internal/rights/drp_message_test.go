package rights

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Each message has one fault more than the one after it, in the order of 3.07:
// the earliest is what is told.
func TestMessagesAreCheckedInOrder(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	a := b.agent(first)
	now := time.Now()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339Nano) }
	all := map[string]any{ // every fault that lies inside
		"agent-id": second, "business-id": "ANOTHER", "issued-at": at(time.Hour), "expires-at": at(-time.Hour),
		"drp.version": "0.9", "exercise": "access", "reason": "x",
	}
	mend := func(more ...map[string]any) map[string]any {
		m := map[string]any{}
		for _, o := range append([]map[string]any{all}, more...) {
			for k, v := range o {
				m[k] = v
			}
		}
		return m
	}
	agent, business := map[string]any{"agent-id": first}, map[string]any{"business-id": ours}
	issued, long := map[string]any{"issued-at": at(-time.Hour)}, map[string]any{"expires-at": at(time.Hour)}
	short := map[string]any{"issued-at": at(-time.Minute), "expires-at": at(time.Minute)}
	version := map[string]any{"drp.version": "1.0"}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		body []byte
		want error
	}{
		{"not base64", []byte("{" + string(text)), errEncoding()},
		{"base64 for addresses", bytes.ReplaceAll(b.signed(second, "\xff\xff\xff"+string(text)), []byte("/"), []byte("_")), errEncoding()},
		{"nothing", nil, errEncoding()},
		{"no more than a signature", []byte(base64.StdEncoding.EncodeToString(make([]byte, 64))), errEncoding()},
		{"another agent's signature", b.signed(second, mend()), errSignature()},
		{"no JSON", b.signed(first, "not JSON"), errJSON()},
		{"two objects", b.signed(first, string(text)+string(text)), errJSON()},
		{"a member twice", b.signed(first, strings.Replace(string(text), "{", `{"agent-id":"`+first+`",`, 1)), errJSON()},
		{"another agent's id", b.signed(first, mend()), errWhoseAgent()},
		{"an id in another spelling", b.signed(first, mend(map[string]any{"agent-id": strings.ToLower(first)})), errWhoseAgent()},
		{"no id", b.signed(first, mend(map[string]any{"agent-id": nil})), errWhoseAgent()},
		{"another business", b.signed(first, mend(agent)), errWhoseBusiness()},
		{"no time", b.signed(first, mend(agent, business, map[string]any{"issued-at": 12})), errField("issued-at")},
		{"a time without an offset", b.signed(first, mend(agent, business, map[string]any{"issued-at": "2026-11-22T15:00:00"})), errField("issued-at")},
		{"from the future", b.signed(first, mend(agent, business)), errEarly()},
		{"expired", b.signed(first, mend(agent, business, issued)), errLate()},
		{"good for too long", b.signed(first, mend(agent, business, issued, long)), errLong()},
		{"another version", b.signed(first, mend(agent, business, short)), errVersion()},
		{"for something else", b.signed(first, mend(agent, business, short, version)), errPurpose()},
	} {
		_, err := b.agents.Exercise(t.Context(), a, c.body)
		code, message := told(err)
		wantCode, want := told(c.want)
		if code != wantCode || message != want {
			t.Errorf("%s: got %s %q, want %s %q", c.name, code, message, wantCode, want)
		}
		if _, err := b.agents.Pair(t.Context(), first, c.body); err == nil {
			t.Errorf("%s: a token was given for it", c.name)
		}
	}
	mended := mend(agent, business, short, version)
	delete(mended, "reason")
	if _, err := b.agents.Exercise(t.Context(), a, b.signed(first, mended)); err != nil {
		t.Errorf("with every fault mended: got %v, want no error", err)
	}
}

// A millisecond at both ends of the time for which a message is good.
func TestMessagesHaveTheirTime(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	now := time.Now().Truncate(time.Millisecond)
	b.agents.now = func() time.Time { return now }
	agent, _ := b.agents.Directory.Agent(first)
	for _, c := range []struct {
		name            string
		issued, expires time.Duration
		want            error
	}{
		{"issued now", 0, time.Minute, nil},
		{"a clock that is a millisecond fast", time.Millisecond, time.Minute, errEarly()},
		{"expires in a millisecond", -time.Minute, time.Millisecond, nil},
		{"expires now", -time.Minute, 0, errLate()},
		{"a clock that is an hour slow", -time.Hour, -50 * time.Minute, errLate()},
		{"15 minutes", 0, 15 * time.Minute, nil},
		{"a millisecond more", 0, 15*time.Minute + time.Millisecond, errLong()},
		{"ended before it began", 0, -time.Minute, errLate()},
	} {
		claim := b.claim(first, map[string]any{
			"issued-at": now.Add(c.issued).Format(time.RFC3339Nano), "expires-at": now.Add(c.expires).Format(time.RFC3339Nano)})
		_, err := b.agents.read(agent, b.signed(first, claim), pairing)
		if _, got := told(err); got != messageOf(c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, messageOf(c.want))
		}
	}
	// Offsets are read; the same moment in another zone is the same.
	claim := b.claim(first, map[string]any{
		"issued-at":  now.In(time.FixedZone("", 5*3600)).Format(time.RFC3339Nano),
		"expires-at": now.Add(time.Minute).In(time.FixedZone("", -8*3600)).Format(time.RFC3339Nano)})
	if _, err := b.agents.read(agent, b.signed(first, claim), pairing); err != nil {
		t.Errorf("other offsets: got %v, want no error", err)
	}
}

func messageOf(err error) string { _, s := told(err); return s }

// A message works once, also after a restart, and not for something else.
func TestMessagesWorkOnce(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	pair := b.signed(first, b.claim(first, nil))
	token, err := b.agents.Pair(t.Context(), first, pair)
	if err != nil {
		t.Fatal(err)
	}
	a, err := b.agents.Bearer(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	ask := b.signed(first, b.claim(first, map[string]any{"exercise": "access", "email": nobodys}))
	if _, err := b.agents.Exercise(t.Context(), a, ask); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := b.agents.Pair(t.Context(), first, pair); hearkeep.CodeOf(err) != hearkeep.Forbidden {
			t.Errorf("a pairing again: got %v, want forbidden", err)
		}
		if _, err := b.agents.Exercise(t.Context(), a, ask); hearkeep.CodeOf(err) != hearkeep.Forbidden {
			t.Errorf("a request again: got %v, want forbidden", err)
		}
		if _, err := b.agents.Exercise(t.Context(), a, pair); err == nil {
			t.Error("a pairing was taken for a request")
		}
		if _, err := b.agents.Bearer(t.Context(), token); err != nil {
			t.Errorf("the token after that: got %v, want it in force", err)
		}
		b.home.Reopen(t)
		b.open()
	}
	// It is forgotten when it is over, and refused for that.
	b.skew = 20 * time.Minute
	if err := b.agents.Expire(t.Context(), b.agents.now()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.agents.Pair(t.Context(), first, pair); messageOf(err) != messageOf(errLate()) {
		t.Errorf("a pairing that is over: got %v, want %v", err, errLate())
	}
}

func FuzzParseFields(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, `{"a":{"a":1,"a":2}}`, `{"a":1,"a":2}`, `{"a":1}{}`, `[]`, `{"a"`, "{\"a\":\"\xff\"}", `{"agent-id":null}`,
		strings.Repeat(`{"a":`, 2000), `{"\u0061":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseFields(text)
		if err != nil {
			if !errors.Is(err, errNotFields) {
				t.Errorf("got error %v, want errNotFields: it quotes nothing", err)
			}
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil || len(want) != len(got) {
			t.Errorf("got %d members, want %d, %v", len(got), len(want), err)
		}
		for name := range got {
			got.text(name, 10)
			got.time(name)
			got.optional(name, 10)
		}
	})
}

func FuzzMessage(f *testing.F) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	agent := Agent{ID: first, key: key.Public().(ed25519.PublicKey)}
	at := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	agents := &Agents{AgentsConfig: AgentsConfig{Business: ours}, now: func() time.Time { return at }}
	good := `{"agent-id":"AGENT_ONE","business-id":"HEARKEEP_TEST","issued-at":"2026-11-22T15:00:00+00:00","expires-at":"2026-11-22T15:10:00Z","drp.version":"1.0"}`
	f.Add([]byte(good), []byte("AAAA"))
	f.Add([]byte(strings.Replace(good, "1.0", "2", 1)), []byte(""))
	f.Fuzz(func(t *testing.T, text, loose []byte) {
		if _, err := agents.read(agent, loose, pairing); err == nil {
			t.Errorf("%q was taken", loose)
		}
		raw := append(ed25519.Sign(key, text), text...)
		body := []byte(base64.StdEncoding.EncodeToString(raw))
		m, err := agents.read(agent, body, pairing)
		if err == nil && (m.expires.IsZero() || m.expires.Sub(at) > maxValidity || !bytes.Contains(text, []byte("agent-id"))) {
			t.Errorf("%q was taken until %v", text, m.expires)
		}
		raw[0] ^= 1
		if _, err := agents.read(agent, []byte(base64.StdEncoding.EncodeToString(raw)), pairing); err == nil {
			t.Errorf("%q was taken under another signature", text)
		}
	})
}
