package rights

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
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
		time.Sleep(20 * time.Hour)
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
