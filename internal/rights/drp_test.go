package rights

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// plain is a status without what differs between any two requests.
func plain(s Status) string {
	s.RequestID, s.Received, s.Expected, s.Expires = "", "", "", ""
	data, _ := json.Marshal(s)
	return string(data)
}

// What an agent sees of somebody known and of somebody unknown is alike, at
// every step that the person has not confirmed.
func TestAgentsLearnNobody(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	anna := b.person("Anna", annas)
	b.channel(anna.Who.Account(), "unconfirmed@example.org", time.Time{})
	a := b.agent(first)
	for _, exercise := range []string{"access", "access:categories", "access:specific", "deletion", "sale:opt-out", "sale:opt-in"} {
		known, unknown := b.ask(a, exercise, annas, nil), b.ask(a, exercise, nobodys, nil)
		ids := []string{known.RequestID, unknown.RequestID,
			b.ask(a, exercise, "", nil).RequestID, b.ask(a, exercise, "not an address", nil).RequestID, b.ask(a, exercise, "unconfirmed@example.org", nil).RequestID}
		if plain(known) != plain(unknown) {
			t.Errorf("%s: of somebody known %s, of somebody unknown %s", exercise, plain(known), plain(unknown))
		}
		same := func(when string) {
			t.Helper()
			for _, id := range ids {
				if got := b.status(a, id); plain(got) != plain(known) {
					t.Errorf("%s, %s: got %s, want %s", exercise, when, plain(got), plain(known))
				}
			}
		}
		same("before anybody looked")
		b.turn()
		same("after that")
		if list, err := b.desk.Requests(t.Context(), anna.Who); err != nil {
			t.Fatal(err)
		} else if len(list) > 0 && list[0].State == hearkeep.RequestAsked {
			if _, err := b.desk.Withdraw(t.Context(), anna.Who, list[0].ID); err != nil {
				t.Fatal(err)
			}
		}
		b.turn()
		same("after the person said no")
	}
	// One letter for each kind: within a day the next agents' requests are not
	// told again. The second letter of each is that it was withdrawn.
	topics := b.letters(anna.Who.Account())
	want := []string{"agent asked", "agent asked", "request withdrawn", "request withdrawn"}
	slices.Sort(topics)
	if diff := cmp.Diff(want, topics); diff != "" {
		t.Errorf("letters (-want +got):\n%s", diff)
	}
	// When their time is over they end alike too.
	b.skew = 40 * 24 * time.Hour
	b.turn()
	b.must(b.home.Store.View(t.Context(), func(tx *store.Tx) error {
		n, err := tx.Agents.CountAgentRequests(t.Context(), first, time.Time{})
		if n != 30 {
			t.Errorf("requests: got %d, want 30", n)
		}
		rows, err1 := tx.Agents.OpenAgentRequests(t.Context(), hearkeep.AgentRequestID{}, 100)
		if len(rows) > 0 {
			t.Errorf("open after 40 days: got %d, want none", len(rows))
		}
		return errors.Join(err, err1)
	}))
}

// The person confirms, and the agent is told that, and when it is answered;
// what comes of it is the account's.
func TestAgentsRequestIsConfirmed(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	anna, ben := b.person("Anna", annas), b.person("Ben", "ben@example.org")
	a := b.agent(first)
	s := b.ask(a, "access", "  Anna@Example.ORG ", map[string]any{"agent-request-id": "their 1"})
	if s.Status != "in_progress" || s.Reason != "need_user_verification" || s.VerifyAt != atOrigin+"/rights" || s.Ref != "their 1" {
		t.Errorf("status: got %+v, want one that needs its person", s)
	}
	b.turn()
	asked := b.asked(anna)
	if asked.Kind != hearkeep.RequestAccess {
		t.Errorf("kind: got %s, want access", asked.Kind)
	}
	if name, err := b.agents.Asking(t.Context(), anna.Who, asked.ID); err != nil || name != "The agent AGENT_ONE" {
		t.Errorf("who asks: got %q, %v", name, err)
	}
	if _, err := b.agents.Asking(t.Context(), ben.Who, asked.ID); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("who asks, to another person: got %v, want not found", err)
	}
	if list, err := b.desk.Requests(t.Context(), ben.Who); err != nil || len(list) != 0 {
		t.Errorf("another person's requests: got %d, %v, want none", len(list), err)
	}
	if _, err := b.desk.Confirm(t.Context(), ben.Who, asked.ID); err == nil {
		t.Error("another person confirmed it")
	}
	// It is in the ledger by ids, and nothing that the agent wrote is.
	if got, err := b.desk.Confirm(t.Context(), anna.Who, asked.ID); err != nil || got.State == hearkeep.RequestAsked {
		t.Fatalf("Confirm: got %s, %v", got.State, err)
	}
	// Status itself looks at no account, which would take longer where there is one.
	if got := b.status(a, s.RequestID); plain(got) != plain(s) {
		t.Errorf("before it was noted: got %+v, want what nobody's is", got)
	}
	b.turn()
	got := b.status(a, s.RequestID)
	if got.Status != "in_progress" && got.Status != "fulfilled" || got.VerifyAt != "" || got.Reason != "" {
		t.Errorf("after it was confirmed: got %+v", got)
	}
	b.turn()
	if _, err := b.desk.Withdraw(t.Context(), anna.Who, asked.ID); err == nil { // of an empty keep it is answered at once
		b.turn()
		if got := b.status(a, s.RequestID); got.Status != "denied" || got.Reason != "other" {
			t.Errorf("after it was withdrawn: got %+v, want denied", got)
		}
	} else if got := b.status(a, s.RequestID); got.Status != "fulfilled" {
		t.Errorf("after it was answered: got %+v, want fulfilled", got)
	}
	data, err := json.Marshal(b.status(a, s.RequestID))
	if err != nil || strings.Contains(string(data), "results_url") || strings.Contains(string(data), asked.ID.String()) {
		t.Errorf("status: got %s, want neither results nor the account's own ids", data)
	}
}

// follow is the table of what an agent is told, whatever happens to the
// request of the account.
func TestAgentsAreToldNoMore(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	waiting := store.AgentRequest{State: stateWaiting, Received: at, Due: at.AddDate(0, 1, 0)}
	confirmed := waiting
	confirmed.State = stateConfirmed
	revoked := waiting
	revoked.State, revoked.Ended = stateRevoked, at
	linked := func(s hearkeep.RequestState) *store.Request {
		return &store.Request{State: s, Due: at.AddDate(0, 3, 0)}
	}
	soon, late := at.Add(time.Hour), at.AddDate(0, 2, 0)
	for _, c := range []struct {
		name   string
		row    store.AgentRequest
		linked *store.Request
		now    time.Time
		want   string
	}{
		{"nobody", waiting, nil, soon, "waiting"},
		{"nobody, late", waiting, nil, late, "expired"},
		{"asked", waiting, linked(hearkeep.RequestAsked), soon, "waiting"},
		{"asked, late", waiting, linked(hearkeep.RequestAsked), late, "expired"},
		{"not wished", waiting, linked(hearkeep.RequestWithdrawn), soon, "waiting"},
		{"not wished, late", waiting, linked(hearkeep.RequestWithdrawn), late, "expired"},
		{"lapsed", waiting, linked(hearkeep.RequestLapsed), soon, "waiting"},
		{"confirmed", waiting, linked(hearkeep.RequestOpen), soon, "confirmed"},
		{"confirmed, late", waiting, linked(hearkeep.RequestOpen), late, "confirmed"},
		{"ready", confirmed, linked(hearkeep.RequestReady), soon, "confirmed"},
		{"stopped", confirmed, linked(hearkeep.RequestStopped), soon, "confirmed"},
		{"answered", confirmed, linked(hearkeep.RequestAnswered), soon, "fulfilled"},
		{"answered at once", waiting, linked(hearkeep.RequestAnswered), soon, "fulfilled"},
		{"withdrawn later", confirmed, linked(hearkeep.RequestWithdrawn), soon, "denied other"},
		{"lapsed later", confirmed, linked(hearkeep.RequestLapsed), soon, "denied other"},
		{"the account is gone", confirmed, nil, soon, "denied other"},
		{"revoked, and answered", revoked, linked(hearkeep.RequestAnswered), late, "revoked"},
	} {
		got := b.agents.follow(c.row, c.linked, c.now)
		if s := strings.TrimSpace(got.State + " " + got.Reason); s != c.want {
			t.Errorf("%s: got %s, want %s", c.name, s, c.want)
		}
		if ended := !got.Ended.IsZero(); ended != !slices.Contains([]string{"waiting", "confirmed"}, got.State) {
			t.Errorf("%s: got ended %v", c.name, ended)
		}
	}
}

// One agent's token and requests are nothing to another.
func TestAgentsApart(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	b.person("Anna", annas)
	one, two := b.agent(first), b.agent(second)
	s := b.ask(one, "access", annas, nil)
	absent := uuid(newUUID())
	said := map[string]bool{}
	for _, id := range []string{s.RequestID, absent, strings.ToUpper(s.RequestID), strings.ReplaceAll(s.RequestID, "-", ""), "..", ""} {
		for what, call := range map[string]func() (Status, error){
			"status": func() (Status, error) { return b.agents.Status(t.Context(), two, id) },
			"revoke": func() (Status, error) {
				return b.agents.Revoke(t.Context(), two, id, b.signed(second, map[string]any{"reason": "no"}))
			},
		} {
			got, err := call()
			code, message := told(err)
			if code != hearkeep.Forbidden || got != (Status{}) {
				t.Errorf("%s of %q: got %+v, %v, want forbidden", what, id, got, err)
			}
			said[message] = true
		}
	}
	if len(said) != 1 {
		t.Errorf("what is another's and what never was answer differently: %v", said)
	}
	// A message of the first agent's is of no use to the second.
	body := b.signed(first, b.claim(first, map[string]any{"exercise": "access"}))
	if _, err := b.agents.Exercise(t.Context(), two, body); messageOf(err) != messageOf(errSignature()) {
		t.Errorf("the message of another: got %v", err)
	}
	if _, err := b.agents.Pair(t.Context(), second, b.signed(first, b.claim(second, nil))); err == nil {
		t.Error("an agent was paired by another's key")
	}
	if _, err := b.agents.Pair(t.Context(), "AGENT_THREE", b.signed(first, b.claim("AGENT_THREE", nil))); err == nil {
		t.Error("an agent that nobody knows was paired")
	}
	for _, token := range []string{"", strings.Repeat("A", 43), "x", strings.Repeat("A", 1<<16)} {
		if _, err := b.agents.Bearer(t.Context(), token); hearkeep.CodeOf(err) != hearkeep.Forbidden {
			t.Errorf("a made-up token: got %v, want forbidden", err)
		}
	}
}

// A new token ends the one before, and rows hold neither.
func TestOneTokenAtATime(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	var tokens []string
	for i := range 2 {
		token, err := b.agents.Pair(t.Context(), first, b.signed(first, b.claim(first, map[string]any{"n": i})))
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	if _, err := b.agents.Bearer(t.Context(), tokens[0]); err == nil {
		t.Error("the token before is in force")
	}
	if _, err := b.agents.Bearer(t.Context(), tokens[1]); err != nil {
		t.Errorf("the new token: got %v", err)
	}
	b.must(b.home.Store.View(t.Context(), func(tx *store.Tx) error {
		row, err := tx.Agents.AgentToken(t.Context(), sha256.Sum256([]byte(tokens[1])))
		if text := fmt.Sprint(row); strings.Contains(text, tokens[1]) {
			t.Error("the row holds the token")
		}
		return err
	}))
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	anna := b.person("Anna", annas)
	a := b.agent(first)
	revoke := func(id string) (Status, error) {
		return b.agents.Revoke(t.Context(), a, id, b.signed(first, map[string]any{"reason": "I don't want my account deleted"}))
	}
	known, unknown := b.ask(a, "deletion", annas, nil), b.ask(a, "deletion", nobodys, nil)
	b.turn()
	asked := b.asked(anna)
	one, err := revoke(known.RequestID)
	b.must(err)
	other, err := revoke(unknown.RequestID)
	b.must(err)
	if one.Status != "revoked" || plain(one) != plain(other) {
		t.Errorf("revoked: got %s of somebody known, %s of somebody unknown", plain(one), plain(other))
	}
	b.turn()
	if got, err := b.desk.Request(t.Context(), anna.Who, asked.ID); err != nil || got.State != hearkeep.RequestWithdrawn {
		t.Errorf("what was asked: got %s, %v, want it withdrawn", got.State, err)
	}
	if again, err := revoke(known.RequestID); err != nil || again.Status != "revoked" {
		t.Errorf("revoked again: got %+v, %v", again, err)
	}
	if _, err := revoke(b.ask(a, "sale:opt-out", annas, nil).RequestID); hearkeep.CodeOf(err) != hearkeep.Conflict {
		t.Errorf("of one that has ended: got %v, want a conflict", err)
	}
	// Before anybody looked: nothing comes of it any more.
	early := b.ask(a, "access", annas, nil)
	if _, err := revoke(early.RequestID); err != nil {
		t.Fatal(err)
	}
	b.turn()
	if list, err := b.desk.Requests(t.Context(), anna.Who); err != nil || len(list) != 1 {
		t.Errorf("requests: got %d, %v, want the one that was withdrawn", len(list), err)
	}
	for name, body := range map[string][]byte{
		"not signed":         []byte(`{"reason":"x"}`),
		"by another":         b.signed(second, map[string]any{"reason": "x"}),
		"a request":          b.signed(first, b.claim(first, map[string]any{"exercise": "access"})),
		"a reason of a list": b.signed(first, map[string]any{"reason": []string{"x"}}),
		"for another":        b.signed(first, b.claim(first, map[string]any{"business-id": "ANOTHER", "reason": "x"})),
	} {
		if _, err := b.agents.Revoke(t.Context(), a, known.RequestID, body); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// What its person has confirmed is theirs: the agent's revocation leaves it.
func TestRevokeLeavesWhatIsConfirmed(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	anna := b.person("Anna", annas)
	a := b.agent(first)
	s := b.ask(a, "access", annas, nil)
	b.turn()
	asked := b.asked(anna)
	b.must(b.home.Store.Update(t.Context(), func(tx *store.Tx) error { // as Confirm does, of a keep with something in it
		row, err := tx.Rights.Request(t.Context(), anna.Who.Account(), asked.ID)
		if err != nil {
			return err
		}
		return b.desk.take(t.Context(), tx, &row, stepConfirmed, person(anna.Who))
	}))
	if got, err := b.agents.Revoke(t.Context(), a, s.RequestID, b.signed(first, map[string]any{"reason": "x"})); err != nil || got.Status != "revoked" {
		t.Fatalf("Revoke: got %+v, %v", got, err)
	}
	b.turn()
	if got, err := b.desk.Request(t.Context(), anna.Who, asked.ID); err != nil || got.State != hearkeep.RequestOpen {
		t.Errorf("what was confirmed: got %s, %v, want it open", got.State, err)
	}
}

// What an agent wrote lies sealed while it is needed, and not at all after.
func TestAgentsWordsAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	a := b.agent(first)
	s := b.ask(a, "access", nobodys, map[string]any{"agent-request-id": "their 7"})
	read := func() (w written, row store.AgentRequest) {
		t.Helper()
		id, err := parseUUID(s.RequestID)
		b.must(err)
		b.must(b.home.Store.View(t.Context(), func(tx *store.Tx) (err error) {
			row, err = tx.Agents.AgentRequest(t.Context(), first, id)
			return err
		}))
		w, err = b.agents.written(row)
		b.must(err)
		return w, row
	}
	w, row := read()
	if w != (written{Email: nobodys, Ref: "their 7"}) {
		t.Errorf("kept: got %+v", w)
	}
	for _, word := range []string{nobodys, "their 7", "Anna", "5555550123", "Somewhere"} {
		if strings.Contains(string(row.Sealed), word) || strings.Contains(fmt.Sprint(w), word) && word != nobodys && word != "their 7" {
			t.Errorf("%q is kept", word)
		}
	}
	b.turn()
	if w, _ := read(); w != (written{Ref: "their 7"}) {
		t.Errorf("kept after it was looked up: got %+v, want no address", w)
	}
	moved := row
	moved.ID = newUUID()
	if _, err := b.agents.written(moved); !errors.Is(err, seal.ErrOpen) && err == nil {
		t.Error("it opens under another request's id")
	}
	b.must(b.home.Store.Update(t.Context(), func(tx *store.Tx) error {
		_, row := read()
		row.State, row.Ended = stateExpired, now()
		return tx.Agents.SetAgentRequest(t.Context(), row)
	}))
	for days, want := range map[int]bool{59: true} {
		b.must(b.agents.Expire(t.Context(), now().AddDate(0, 0, days)))
		_, err := b.agents.Status(t.Context(), a, s.RequestID)
		if got := err == nil; got != want {
			t.Errorf("after %d days: got %v, want it there: %v", days, err, want)
		}
	}
	b.must(b.agents.Expire(t.Context(), now().AddDate(0, 0, 61)))
	if _, err := b.agents.Status(t.Context(), a, s.RequestID); hearkeep.CodeOf(err) != hearkeep.Forbidden {
		t.Errorf("after 61 days: got %v, want it gone", err)
	}
}

func TestExerciseRefuses(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	a := b.agent(first)
	for name, more := range map[string]map[string]any{
		"nothing asked":            {},
		"a right that is none":     {"exercise": "everything"},
		"a list":                   {"exercise": []string{"access"}},
		"an address that is none":  {"exercise": "access", "email": 12},
		"an address without end":   {"exercise": "access", "email": strings.Repeat("a", 400)},
		"a callback of no kind":    {"exercise": "access", "status_callback": "x"},
		"a callback by http":       {"exercise": "access", "status_callback": "http://example.org/"},
		"a callback to loopback":   {"exercise": "access", "status_callback": "https://127.0.0.1/x"},
		"a callback to localhost":  {"exercise": "access", "status_callback": "https://localhost/x"},
		"a callback inside":        {"exercise": "access", "status_callback": "https://192.168.1.1/x"},
		"a callback in a cloud":    {"exercise": "access", "status_callback": "https://169.254.169.254/latest"},
		"a callback by IPv6":       {"exercise": "access", "status_callback": "https://[::ffff:10.0.0.1]/x"},
		"a callback with a name":   {"exercise": "access", "status_callback": "https://a:b@example.org/"},
		"a reference without end":  {"exercise": "access", "agent-request-id": strings.Repeat("a", 201)},
		"a reference of no string": {"exercise": "access", "agent-request-id": map[string]any{}},
	} {
		_, err := b.agents.Exercise(t.Context(), a, b.signed(first, b.claim(first, more)))
		if code, _ := told(err); code != hearkeep.Invalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "aaaa") {
			t.Errorf("%s: the error quotes what was written", name)
		}
	}
	for name, more := range map[string]map[string]any{
		"more members":    {"exercise": "access", "power_of_attorney": "x", "anything": []any{1, nil}},
		"another regime":  {"exercise": "access", "regime": "gdpr"},
		"members of null": {"exercise": "access", "email": nil, "status_callback": nil, "agent-request-id": nil},
	} {
		if _, err := b.agents.Exercise(t.Context(), a, b.signed(first, b.claim(first, more))); err != nil {
			t.Errorf("%s: got %v, want no error", name, err)
		}
	}
}

func TestAgentsAskSoMuchADay(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	a := b.agent(first)
	b.must(b.home.Store.Update(t.Context(), func(tx *store.Tx) error {
		for range maxDailyOfAgent {
			err := tx.Agents.InsertAgentRequest(t.Context(), store.AgentRequest{ID: newUUID(), Agent: first, Looked: true, Received: now(), Ended: now()})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	if _, err := b.agents.Exercise(t.Context(), a, b.signed(first, b.claim(first, map[string]any{"exercise": "access"}))); hearkeep.CodeOf(err) != hearkeep.TooMany {
		t.Errorf("one more: got %v, want too many", err)
	}
	b.ask(b.agent(second), "access", nobodys, nil)
	b.skew = 25 * time.Hour
	b.ask(a, "access", nobodys, nil)
}

var timestamps = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}[+-]\d\d:\d\d$`)

func TestTimestampsAndIDs(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{time.Now(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 7, 2, 3, 4, 5, 123456789, time.FixedZone("", -3*3600))} {
		got := timestamp(at)
		back, err := time.Parse(time.RFC3339Nano, got)
		if !timestamps.MatchString(got) || err != nil || !back.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("timestamp: got %s, %v", got, err)
		}
	}
	if timestamp(time.Time{}) != "" {
		t.Error("the zero time is written")
	}
	for range 100 {
		id := newUUID()
		s := uuid(id)
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(s) {
			t.Errorf("uuid: got %s", s)
		}
		if back, err := parseUUID(s); err != nil || back != id {
			t.Errorf("parseUUID: got %v, %v", back, err)
		}
	}
}
