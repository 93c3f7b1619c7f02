package rights

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

func purposes(entries []ledger.Recorded) (list []string) {
	for _, e := range entries {
		list = append(list, e.Purpose)
	}
	return list
}

// A request is its account's: asked, told at every address, in the ledger.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna, bert := o.person("Anna"), o.person("Bert")
		o.says(anna, "the canary")
		r := o.asks(anna, hearkeep.RequestAccess)
		if r.State != hearkeep.RequestOpen || !r.Due.Equal(due(r.Received, time.UTC)) || r.Answer != nil {
			t.Errorf("got %+v, want an open request due in a month", r)
		}
		if diff := cmp.Diff([]string{"access received"}, purposes(o.entries(anna, ledger.KindRequest))); diff != "" {
			t.Errorf("ledger (-want +got):\n%s", diff)
		}
		letters := o.letters(anna)
		if len(letters) != 1 || letters[0].Topic != "request received" || strings.Contains(letters[0].Text, "canary") {
			t.Errorf("got letters %+v, want one that it was received", letters)
		}
		if again := o.asks(anna, hearkeep.RequestAccess); again.ID != r.ID {
			t.Error("asked twice: got another request, want the one that is open")
		}
		if other := o.asks(anna, hearkeep.RequestErasure); other.ID == r.ID {
			t.Error("another right: got the same request")
		}
		if got := o.topics(bert); got != nil {
			t.Errorf("Bert was told of Anna's request: %v", got)
		}

		// Nobody else's: a stranger's answer is that of an id that never was.
		_, absent := o.desk.Request(ctx, bert.Who, hearkeep.NewID[hearkeep.RequestID]())
		_, foreign := o.desk.Request(ctx, bert.Who, r.ID)
		if code, message, hint := hearkeep.Explain(foreign); code != hearkeep.NotFound || message+hint != func() string { _, m, h := hearkeep.Explain(absent); return m + h }() {
			t.Errorf("a stranger: got %v, want what is not there", foreign)
		}
		for name, try := range o.everything(bert, r.ID) {
			o.wants(hearkeep.NotFound, "a stranger: "+name, try())
		}
		list, err := o.desk.Requests(ctx, bert.Who)
		if o.must(err); len(list) != 0 {
			t.Errorf("a stranger lists %d requests", len(list))
		}

		// Nobody, a session that was ended, and one whose time is over.
		other := o.again(anna)
		_, err = o.home.Desk.EndOthers(ctx, other.Who)
		o.must(err)
		for name, try := range o.everything(anna, r.ID) {
			o.wants(hearkeep.Unauthorized, "an ended session: "+name, try())
		}
		for name, try := range o.everything(vaulttest.Person{}, r.ID) {
			o.wants(hearkeep.Unauthorized, "nobody: "+name, try())
		}
		time.Sleep(identity.SessionLife)
		for name, try := range o.everything(other, r.ID) {
			o.wants(hearkeep.Unauthorized, "an expired session: "+name, try())
		}
	})
}

// everything is each function that takes a request's id.
func (o *office) everything(p vaulttest.Person, id hearkeep.RequestID) map[string]func() error {
	ctx, who, d := o.Context(), p.Who, o.desk
	vaults := []hearkeep.VaultID{p.Vault}
	first := func(_ any, err error) error { return err }
	return map[string]func() error{
		"Request":        func() error { return first(d.Request(ctx, who, id)) },
		"Confirm":        func() error { return first(d.Confirm(ctx, who, id)) },
		"Withdraw":       func() error { return first(d.Withdraw(ctx, who, id)) },
		"Prepare":        func() error { return first(d.Prepare(ctx, who, id)) },
		"Offer":          func() error { return d.Offer(ctx, who, id) },
		"SealedHere":     func() error { _, _, err := d.SealedHere(ctx, who, id); return err },
		"PreviewErasure": func() error { return first(d.PreviewErasure(ctx, who, id)) },
		"Erase":          func() error { return first(d.Erase(ctx, who, id, vaults)) },
		"Restrict":       func() error { return d.Restrict(ctx, who, id, vaults) },
		"Object":         func() error { return first(d.Object(ctx, who, id)) },
		"Rectified":      func() error { return first(d.Rectified(ctx, who, id)) },
	}
}

// What may follow what: every step from every state, against the table of the
// design.
func TestMoves(t *testing.T) {
	states := []state{"", hearkeep.RequestAsked, hearkeep.RequestOpen, hearkeep.RequestReady, hearkeep.RequestStopped,
		hearkeep.RequestAnswered, hearkeep.RequestWithdrawn, hearkeep.RequestLapsed}
	for s, from := range moves() {
		for _, was := range states {
			row := store.Request{State: was}
			err := move(&row, s, now())
			to, may := from[was]
			switch {
			case may && (err != nil || row.State != to):
				t.Errorf("%s from %q: got %q, %v, want %q", s, was, row.State, err, to)
			case !may && (hearkeep.CodeOf(err) != hearkeep.Conflict || row.State != was):
				t.Errorf("%s from %q: got %q, %v, want a conflict and no change", s, was, row.State, err)
			case may && row.State.Ended() != !row.Ended.IsZero():
				t.Errorf("%s from %q: got ended %v in %q", s, was, row.Ended, row.State)
			}
		}
		for _, ended := range []state{hearkeep.RequestWithdrawn, hearkeep.RequestLapsed} {
			if _, may := from[ended]; may {
				t.Errorf("%s may follow %s", s, ended)
			}
		}
	}
}

// Somebody of whom nothing is kept is told so at once, with a signed statement
// of what was searched (A8).
func TestNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openOffice(t)
		anna := o.person("Anna")
		r := o.asks(anna, hearkeep.RequestAccess)
		if r.State != hearkeep.RequestAnswered || r.Ended.IsZero() {
			t.Fatalf("got %s, want it answered", r.State)
		}
		text, err := o.home.Ledger.Statement(r.Answer)
		o.must(err)
		if !strings.HasPrefix(text, "hearkeep/answer/v1\nrequest: "+r.ID.String()+"\nkind: access\naccount: "+anna.Who.Account().String()+"\n") {
			t.Errorf("the note begins %q", text[:120])
		}
		for name, want := range map[string]string{
			"result":   "nothing",
			"searched": "vault " + anna.Vault.String() + " recordings=0 bytes=0 doors=2 counted=0",
			"service":  "https://keep.example",
			"key":      o.home.Ledger.Key(),
		} {
			if got := field(r.Answer, name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		if got := field(r.Answer, "kept"); !strings.Contains(got, "account=1 unlockers=2 sessions=1 addresses=1") {
			t.Errorf("kept: got %q, want the rest", got)
		}
		if strings.Contains(text, "Anna") {
			t.Error("the note names its person")
		}
		if got, want := o.topics(anna), []string{"request answered", "request received"}; !slices.Equal(got, want) {
			t.Errorf("letters: got %v, want %v", got, want)
		}

		// An objection is not answered by that there is nothing yet.
		if r := o.asks(anna, hearkeep.RequestObjection); r.State != hearkeep.RequestOpen {
			t.Errorf("an objection: got %s, want it open", r.State)
		}
		// Nor is anything once something is kept, in any vault that is held.
		shared := o.home.Vault(t, anna, vault.Shared)
		o.says(shared, "something")
		if r := o.asks(anna, hearkeep.RequestPortability); r.State != hearkeep.RequestOpen {
			t.Errorf("something is kept: got %s, want it open", r.State)
		}

		// A note that was put in its place is not shown.
		o.sql("UPDATE requests SET answer = ? WHERE id = ?", []byte(strings.Replace(string(r.Answer), "nothing", "everything", 1)), r.ID[:])
		got, err := o.desk.Request(t.Context(), anna.Who, r.ID)
		if o.must(err); got.Answer != nil {
			t.Error("a forged answer was shown")
		}
	})
}

// By voice a request is only started: for everybody who holds the vault, and
// each confirms their own.
func TestSpoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna, bert, cleo := o.person("Anna"), o.person("Bert"), o.person("Cleo")
		shared := o.home.Vault(t, anna, vault.Shared)
		member := o.home.Joined(t, shared, bert, vault.Invitation{As: "holder"})
		o.says(shared, "something")
		binding, _ := shared.Device.Binding()

		o.wants(hearkeep.NotFound, "a door of another vault", o.desk.Spoken(ctx, anna.Vault, binding, hearkeep.RequestAccess))
		o.wants(hearkeep.Invalid, "no right", o.desk.Spoken(ctx, shared.Vault, binding, "ransom"))
		o.must(o.desk.Spoken(ctx, shared.Vault, binding, hearkeep.RequestAccess))
		o.must(o.desk.Spoken(ctx, shared.Vault, binding, hearkeep.RequestAccess)) // nothing more
		for _, p := range []vaulttest.Person{anna, bert} {
			list, err := o.desk.Requests(ctx, p.Who)
			o.must(err)
			if len(list) != 1 || list[0].State != hearkeep.RequestAsked || list[0].Via != hearkeep.ViaVoice {
				t.Fatalf("%s: got %+v, want one that waits", p.Who.Name(), list)
			}
			if got, want := o.topics(p), []string{"request to confirm"}; !slices.Equal(got, want) {
				t.Errorf("%s: letters %v, want %v", p.Who.Name(), got, want)
			}
		}
		if list, err := o.desk.Requests(ctx, cleo.Who); err != nil || len(list) != 0 {
			t.Errorf("somebody else: got %d requests, %v", len(list), err)
		}
		for p, want := range map[hearkeep.VaultID]int{shared.Vault: 2, anna.Vault: 1, cleo.Vault: 0} {
			if n, err := o.desk.Waiting(ctx, p); err != nil || n != want {
				t.Errorf("waiting: got %d, %v, want %d", n, err, want)
			}
		}

		list, err := o.desk.Requests(ctx, anna.Who)
		o.must(err)
		id := list[0].ID
		_, err = o.desk.Prepare(ctx, anna.Who, id)
		o.wants(hearkeep.Conflict, "prepare what was not confirmed", err)
		o.wants(hearkeep.Conflict, "offer what was not confirmed", o.desk.Offer(ctx, anna.Who, id))
		_, err = o.desk.Confirm(ctx, member.Who, id)
		o.wants(hearkeep.NotFound, "another keyholder confirms it", err)
		got, err := o.desk.Confirm(ctx, anna.Who, id)
		if o.must(err); got.State != hearkeep.RequestOpen {
			t.Errorf("confirmed: got %s", got.State)
		}
		_, err = o.desk.Confirm(ctx, anna.Who, id)
		o.wants(hearkeep.Conflict, "confirm it again", err)

		// Asked in the portal meanwhile, it is confirmed by that.
		if got := o.asks(bert, hearkeep.RequestAccess); got.State != hearkeep.RequestOpen || got.Via != hearkeep.ViaVoice {
			t.Errorf("asked in the portal: got %+v, want the spoken one, confirmed", got)
		}

		// Whoever left is not asked any more.
		o.must(o.home.Enter(t, shared).RemoveHolder(ctx, bert.Who.Account()))
		o.must(o.desk.Spoken(ctx, shared.Vault, binding, hearkeep.RequestErasure))
		if list, err := o.desk.Requests(ctx, bert.Who); err != nil || len(list) != 1 {
			t.Errorf("who left: got %d requests, %v, want the one from before", len(list), err)
		}
	})
}

// Withdrawn is withdrawn; a request that was spoken lapses if nobody confirms it.
func TestWithdraw(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	o.says(anna, "something")
	r := o.asks(anna, hearkeep.RequestAccess)
	a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	o.must(o.desk.Offer(ctx, anna.Who, r.ID))
	code := o.code(anna)
	got, err := o.desk.Withdraw(ctx, anna.Who, r.ID)
	if o.must(err); got.State != hearkeep.RequestWithdrawn || got.Ended.IsZero() {
		t.Errorf("got %+v, want it withdrawn", got)
	}
	_, err = o.desk.Prepared(ctx, anna.Who, a.ID)
	o.wants(hearkeep.NotFound, "what was prepared", err)
	_, err = o.desk.Redeem(ctx, code)
	o.wants(hearkeep.NotFound, "its code", err)
	for name, try := range o.everything(anna, r.ID) {
		if name == "Request" {
			continue
		}
		if err := try(); hearkeep.CodeOf(err) != hearkeep.Conflict && hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("%s of what was withdrawn: got %v", name, err)
		}
	}
	if again := o.asks(anna, hearkeep.RequestAccess); again.ID == r.ID {
		t.Error("asked again: got the one that was withdrawn")
	}
}

// An intruder who writes rows makes no request in another's name, gives none
// another subject, and does not move its day.
func TestChangedRows(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna, bert := o.person("Anna"), o.person("Bert")
	o.says(anna, "Anna's secret")
	o.says(bert, "Bert's secret")
	mallory := bert.Who.Account()
	owner := anna.Who.Account()
	r := o.asks(anna, hearkeep.RequestAccess)
	for _, test := range []struct {
		name, set, back string
		value, was      any
	}{
		{"its kind", "kind = ?", "kind = ?", "erasure", "access"},
		{"its way", "via = ?", "via = ?", "api", "portal"},
		{"when it came", "received = ?", "received = ?", r.Received.UnixMilli() - 1, r.Received.UnixMilli()},
		{"its door", "binding = ?", "binding = ?", mallory[:], nil},
	} {
		o.sql("UPDATE requests SET "+test.set+" WHERE id = ?", test.value, r.ID[:])
		for name, try := range o.everything(anna, r.ID) {
			o.wants(hearkeep.NotFound, test.name+" changed: "+name, try())
		}
		if list, err := o.desk.Requests(ctx, anna.Who); err != nil || len(list) != 0 {
			t.Errorf("%s changed: got %d requests, %v, want none shown", test.name, len(list), err)
		}
		if reports := o.reports(); len(reports) != 1 || reports[0].Account != owner || reports[0].What != "foreign" {
			t.Errorf("%s changed: got reports %+v, want one", test.name, reports)
		}
		if err := o.desk.Expire(ctx, r.Due.Add(-time.Hour)); err != nil {
			t.Errorf("%s changed: expire: %v", test.name, err)
		}
		o.sql("UPDATE requests SET "+test.back+" WHERE id = ?", test.was, r.ID[:])
	}

	// The 2018 case by hand: Anna's request is given to Bert.
	o.sql("UPDATE requests SET account = ? WHERE id = ?", mallory[:], r.ID[:])
	for name, try := range o.everything(bert, r.ID) {
		o.wants(hearkeep.NotFound, "given to another: "+name, try())
	}
	o.sql("UPDATE requests SET account = ? WHERE id = ?", owner[:], r.ID[:])

	// Its MAC is no other request's.
	other := o.asks(bert, hearkeep.RequestAccess)
	o.sql("UPDATE requests SET mac = (SELECT mac FROM requests WHERE id = ?) WHERE id = ?", other.ID[:], r.ID[:])
	_, err := o.desk.Request(ctx, anna.Who, r.ID)
	o.wants(hearkeep.NotFound, "another request's MAC", err)
	o.sql("UPDATE requests SET mac = x'00' WHERE id = ?", r.ID[:])
	_, err = o.desk.Request(ctx, anna.Who, r.ID)
	o.wants(hearkeep.NotFound, "no MAC", err)
	if got := len(o.reports()); got != 2 { // Anna's, and the one for Bert
		t.Errorf("got %d reports, want one for each account", got)
	}

	// What its state or its day say gives nobody anything.
	o.sql("UPDATE requests SET state = 'ready', due = 32503680000000 WHERE id = ?", other.ID[:])
	got, err := o.desk.Request(ctx, bert.Who, other.ID)
	if o.must(err); !got.Due.Equal(due(got.Received, time.UTC)) {
		t.Errorf("got due %s, want a month from receipt", got.Due)
	}
	clocks, err := o.desk.Overview(ctx)
	if o.must(err); len(clocks.Clocks) != 1 || !clocks.Clocks[0].Due.Equal(got.Due) {
		t.Errorf("the operator's page: got %+v", clocks.Clocks)
	}
}

// More requests than anybody makes in a day wait for tomorrow; what is open stays.
func TestDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openOffice(t)
		anna := o.person("Anna")
		for range maxDaily {
			o.asks(anna, hearkeep.RequestAccess) // answered at once: nothing is kept
		}
		_, err := o.desk.Ask(t.Context(), anna.Who, hearkeep.RequestAccess, hearkeep.ViaAPI)
		o.wants(hearkeep.TooMany, "one more", err)
		time.Sleep(24*time.Hour + time.Second)
		o.asks(anna, hearkeep.RequestAccess)
		_, err = o.desk.Ask(t.Context(), anna.Who, hearkeep.RequestAccess, hearkeep.ViaVoice)
		o.wants(hearkeep.Invalid, "in the name of a voice", err)
		_, err = o.desk.Ask(t.Context(), anna.Who, "ransom", hearkeep.ViaAPI)
		o.wants(hearkeep.Invalid, "of no kind", err)
	})
}
