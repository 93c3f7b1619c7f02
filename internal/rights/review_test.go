package rights

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Whoever tries codes that are none does not keep the owner of one from using
// it: the allowance is of all sources together.
func TestGuessesLockNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna := o.person("Anna")
		anna, _ = o.withKit(anna)
		time.Sleep(identity.WaitLife)
		anna = o.again(anna)
		o.says(anna, "something")
		r := o.asks(anna, hearkeep.RequestAccess)
		o.must(o.desk.Offer(ctx, anna.Who, r.ID))
		for range wrongBurst + 1 {
			o.desk.wrong.take(time.Now())
		}
		_, err := o.desk.Redeem(ctx, "0000-0000-0000")
		o.wants(hearkeep.TooMany, "one more guess", err)
		_, err = o.desk.Redeem(ctx, o.code(anna))
		if err != nil {
			t.Errorf("the owner's code while a stranger guesses: got %v", err)
		}
	})
}

// Somebody who prepares again and again, in ever new sessions, takes away
// their own archives and nobody else's.
func TestOneAccountDropsOnlyItsOwnArchives(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna, bert := o.person("Anna"), o.person("Bert")
	o.says(anna, "something")
	r := o.asks(anna, hearkeep.RequestAccess)
	a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	for range 2 * frozenInAll {
		o.desk.freeze(&frozen{account: bert.Who.Account(), of: hearkeep.NewID[hearkeep.SessionID]().String()})
	}
	if _, err := o.desk.Prepared(ctx, anna.Who, a.ID); err != nil {
		t.Errorf("Anna's archive after Bert's many: got %v", err)
	}
	o.fetches(anna, a)
}

// The ledger forgets what is a year old each day: also on the day on which an
// archive is fetched, which stays what it was.
func TestArchiveOutlivesTheLedgersYear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna := o.person("Anna")
		o.says(anna, "something")
		time.Sleep(time.Until(time.Now().AddDate(1, 0, 0)) - 12*time.Hour)
		anna = o.again(anna)
		r := o.asks(anna, hearkeep.RequestAccess)
		a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
		o.must(err)
		var first bytes.Buffer
		o.must(o.desk.Send(ctx, anna.Who, a.ID, &first, 0, a.Size))
		for range 24 { // each is within the hour in which an archive stays
			time.Sleep(50 * time.Minute)
			o.must(o.desk.Send(ctx, anna.Who, a.ID, io.Discard, 0, 100))
		}
		n, err := o.home.Ledger.Expire(ctx, time.Now())
		o.must(err)
		if n == 0 {
			t.Fatal("nothing was a year old")
		}
		var again bytes.Buffer
		o.must(o.desk.Send(ctx, anna.Who, a.ID, &again, 0, a.Size))
		if !bytes.Equal(again.Bytes(), first.Bytes()) {
			t.Error("it is another archive")
		}
	})
}

// Whoever asks for themselves has not confirmed what an agent asked: the agent
// does not learn by it that they have an account.
func TestAgentLearnsNothingOfAnOwnRequest(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	anna := b.person("Anna", annas)
	a := b.agent(first)
	s := b.ask(a, "access", annas, nil)
	b.turn()
	waits := b.asked(anna)
	before := b.status(a, s.RequestID)

	own, err := b.desk.Ask(t.Context(), anna.Who, hearkeep.RequestAccess, hearkeep.ViaPortal)
	b.must(err)
	b.turn()
	if own.ID == waits.ID || own.Via != hearkeep.ViaPortal {
		t.Errorf("her own request: got %s via %s, want another than the agent's", own.ID, own.Via)
	}
	if diff := cmp.Diff(before, b.status(a, s.RequestID)); diff != "" {
		t.Errorf("what the agent is told once she asked for herself (-before +after):\n%s", diff)
	}
	if got, err := b.desk.Request(t.Context(), anna.Who, waits.ID); err != nil || got.State != hearkeep.RequestAsked {
		t.Errorf("the agent's request: got %s, %v, want that it waits", got.State, err)
	}
	again, err := b.desk.Ask(t.Context(), anna.Who, hearkeep.RequestAccess, hearkeep.ViaPortal)
	b.must(err)
	if !own.State.Ended() && again.ID != own.ID {
		t.Errorf("asked twice: got %s, want %s", again.ID, own.ID)
	}
}

// What one keyholder froze of a shared vault stays there, and does not keep
// another from all else that is theirs.
func TestFrozenByAnotherIsLeftOut(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna, bert := o.person("Anna"), o.person("Bert")
	shared := o.home.Vault(t, anna, vault.Shared)
	joined := o.home.Joined(t, shared, bert, vault.Invitation{As: "holder"})
	o.says(anna, "annas canary")
	id := o.says(shared, "the kitchens canary")
	asked := o.asks(bert, hearkeep.RequestRestriction)
	_, err := o.home.Enter(t, joined).Restrict(ctx, asked.ID, id)
	o.must(err)

	r := o.asks(anna, hearkeep.RequestAccess)
	a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	bag := o.fetches(anna, a)
	if v := o.verified(bag); v.Recordings != 1 {
		t.Errorf("got %+v, want her own", v)
	}
	if !bytes.Contains(bag, []byte("annas canary")) || bytes.Contains(bag, []byte("the kitchens canary")) {
		t.Error("it is not her own vault alone")
	}
	if out := o.member(bag, "withheld.csv"); !strings.Contains(out, `"The shared one","","1",`) || !strings.Contains(out, "froze something") {
		t.Errorf("what is left out is not said:\n%s", out)
	}
	got, err := o.desk.Request(ctx, anna.Who, r.ID)
	o.must(err)
	if field(got.Answer, "left-out") != shared.Vault.String()+" restricted" || strings.Contains(string(got.Answer), "All of what is kept") {
		t.Errorf("the answer does not say what was left out:\n%s", got.Answer)
	}
	for _, e := range o.entries(anna, ledger.KindDisclosed) {
		if *e.Vault == shared.Vault {
			t.Error("the ledger says that the frozen vault left")
		}
	}

	// Whose all is frozen gets no empty archive, and who froze it may end that.
	alone := o.asks(bert, hearkeep.RequestAccess)
	_, err = o.home.Enter(t, bert).Restrict(ctx, asked.ID, hearkeep.RecordingID{})
	o.must(err)
	_, err = o.desk.Prepare(ctx, bert.Who, alone.ID)
	o.wants(hearkeep.Conflict, "what he froze himself", err)
	room := o.home.Enter(t, joined)
	list, err := room.Restrictions(ctx)
	o.must(err)
	o.must(room.Lift(ctx, list[0].ID))
	r = o.asks(anna, hearkeep.RequestAccess)
	a, err = o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	if bag := o.fetches(anna, a); !bytes.Contains(bag, []byte("the kitchens canary")) {
		t.Error("freed, and still left out")
	}
}

// The sealed archive leaves the same out, and says so to who unlocks it.
func TestSealedLeavesOutWhatAnotherFroze(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna, bert := o.person("Anna"), o.person("Bert")
	anna, kit := o.withKit(anna)
	o.sql("UPDATE accounts SET changed = 0")
	anna = o.again(anna)
	shared := o.home.Vault(t, anna, vault.Shared)
	joined := o.home.Joined(t, shared, bert, vault.Invitation{As: "holder"})
	o.says(anna, "annas canary")
	id := o.says(shared, "the kitchens canary")
	_, err := o.home.Enter(t, joined).Restrict(ctx, o.asks(bert, hearkeep.RequestRestriction).ID, id)
	o.must(err)
	a, f, err := o.desk.SealedHere(ctx, anna.Who, o.asks(anna, hearkeep.RequestAccess).ID)
	o.must(err)
	var file bytes.Buffer
	o.must(o.desk.SendSealed(ctx, f, &file, 0, a.Size))
	opened, err := archive.OpenSealed(bytes.NewReader(file.Bytes()), int64(file.Len()))
	o.must(err)
	u, err := opened.Unlock(kitOf(t, kit))
	o.must(err)
	if out := u.Withheld(); len(opened.Faults()) != 0 || u.Count() != 1 || len(out) != 1 || out[0].Vault != shared.Vault || out[0].Count != 1 {
		t.Errorf("got %d recordings, %+v left out, faults %v", u.Count(), out, opened.Faults())
	}
}

// Withdrawing a request ends its codes, and no other request's.
func TestWithdrawnCodes(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	o.says(anna, "something")
	codes := map[hearkeep.RequestKind]string{}
	asked := map[hearkeep.RequestKind]Request{}
	for _, kind := range archives() {
		asked[kind] = o.asks(anna, kind)
		o.must(o.desk.Offer(ctx, anna.Who, asked[kind].ID))
		codes[kind] = o.code(anna)
	}
	_, err := o.desk.Withdraw(ctx, anna.Who, asked[hearkeep.RequestAccess].ID)
	o.must(err)
	_, err = o.desk.Redeem(ctx, codes[hearkeep.RequestAccess])
	o.wants(hearkeep.NotFound, "the code of what was withdrawn", err)
	_, err = o.desk.Redeem(ctx, codes[hearkeep.RequestPortability])
	o.must(err)
}
