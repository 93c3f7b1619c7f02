package rights

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// One flow erases what was chosen, and says what went, who was told, and when
// the last key is gone (Art. 17 and 19).
func TestErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna, bert := o.person("Anna"), o.person("Bert")
		shared := o.home.Vault(t, anna, vault.Shared)
		o.home.Joined(t, shared, bert, vault.Invitation{As: "holder"})
		for range 3 {
			o.says(anna, "something")
		}
		o.says(shared, "something")
		o.says(bert, "Bert's own")
		r := o.asks(anna, hearkeep.RequestErasure)
		p, err := o.desk.PreviewErasure(ctx, anna.Who, r.ID)
		o.must(err)
		if len(p.Vaults) != 2 || p.Vaults[0].Totals.Recordings != 3 || p.Vaults[0].Others != 0 || p.Vaults[1].Totals.Recordings != 1 ||
			p.Vaults[1].Others != 1 || !slices.Equal(p.Told, []string{"Bert"}) || !p.KeysGone.IsZero() || p.KeysWait {
			t.Errorf("got %+v", p)
		}
		access := o.asks(anna, hearkeep.RequestAccess)
		a, err := o.desk.Prepare(ctx, anna.Who, access.ID)
		o.must(err)

		// Not somebody else's vault, not without having chosen, not by old proof.
		_, err = o.desk.Erase(ctx, anna.Who, r.ID, []hearkeep.VaultID{anna.Vault, bert.Vault})
		o.wants(hearkeep.NotFound, "another's vault beside her own", err)
		_, err = o.desk.Erase(ctx, anna.Who, r.ID, nil)
		o.wants(hearkeep.Invalid, "nothing chosen", err)
		_, err = o.desk.Erase(ctx, anna.Who, access.ID, []hearkeep.VaultID{anna.Vault})
		o.wants(hearkeep.Invalid, "for an access request", err)
		time.Sleep(identity.StepUpLife)
		_, err = o.desk.Erase(ctx, anna.Who, r.ID, []hearkeep.VaultID{anna.Vault})
		o.wants(hearkeep.StepUp, "without an unlocker", err)
		if totals, err := o.home.Enter(t, anna).Totals(ctx); err != nil || totals.Recordings != 3 {
			t.Fatalf("refused, and %d are left (%v)", totals.Recordings, err)
		}

		anna.Who = o.again(anna).Who
		receipts, err := o.desk.Erase(ctx, anna.Who, r.ID, []hearkeep.VaultID{shared.Vault, anna.Vault, shared.Vault})
		o.must(err)
		if len(receipts) != 2 || receipts[0].Count+receipts[1].Count != 4 {
			t.Errorf("got receipts %+v, want two for four recordings", receipts)
		}
		for _, v := range []hearkeep.VaultID{anna.Vault, shared.Vault} {
			room, err := o.home.Keep.Enter(ctx, anna.Who, v)
			o.must(err)
			if totals, err := room.Totals(ctx); err != nil || totals.Recordings != 0 {
				t.Errorf("%d are left (%v)", totals.Recordings, err)
			}
		}
		if totals, err := o.home.Enter(t, bert).Totals(ctx); err != nil || totals.Recordings != 1 {
			t.Errorf("of Bert's own: %d are left (%v)", totals.Recordings, err)
		}
		got, err := o.desk.Request(ctx, anna.Who, r.ID)
		o.must(err)
		if got.State != hearkeep.RequestAnswered || field(got.Answer, "result") != "erased" || !strings.Contains(string(got.Answer), receipts[0].ID.String()) {
			t.Errorf("got %s: %s", got.State, got.Answer)
		}
		if topics := o.topics(bert); topics[0] != "vault erased" {
			t.Errorf("Bert: got letters %v, want that it was erased", topics)
		}
		if _, err := o.desk.Prepared(ctx, anna.Who, a.ID); err == nil {
			t.Error("what was prepared is still there")
		}
		_, err = o.desk.Erase(ctx, anna.Who, r.ID, []hearkeep.VaultID{anna.Vault})
		o.wants(hearkeep.Conflict, "once more", err)

		// Of what is empty there is no receipt, and an answer.
		o.says(bert, "more")
		r = o.asks(bert, hearkeep.RequestErasure)
		bert.Who = o.again(bert).Who
		receipts, err = o.desk.Erase(ctx, bert.Who, r.ID, []hearkeep.VaultID{shared.Vault})
		if err != nil || len(receipts) != 0 {
			t.Errorf("an empty vault: got %v, %v", receipts, err)
		}
	})
}

// An erasure whose answer cannot be written is repeated; it goes on when the
// page is closed.
func TestEraseHalfWay(t *testing.T) {
	o := openOffice(t)
	anna := o.person("Anna")
	o.says(anna, "something")
	r := o.asks(anna, hearkeep.RequestErasure)
	closed, leave := context.WithCancel(t.Context())
	broken := errors.New("the disk is full")
	o.home.Store.Before = func() { leave() }
	_, err := o.desk.Erase(closed, anna.Who, r.ID, []hearkeep.VaultID{anna.Vault})
	o.must(err)
	o.says(anna, "more")
	r = o.asks(anna, hearkeep.RequestErasure)
	o.home.Store.Fail = broken
	if _, err := o.desk.Erase(t.Context(), anna.Who, r.ID, []hearkeep.VaultID{anna.Vault}); !errors.Is(err, broken) {
		t.Errorf("got %v, want that it failed", err)
	}
	o.home.Store.Fail = nil
	if got, err := o.desk.Request(t.Context(), anna.Who, r.ID); err != nil || got.State != hearkeep.RequestOpen {
		t.Errorf("half way: got %s, %v, want it open", got.State, err)
	}
	_, err = o.desk.Erase(t.Context(), anna.Who, r.ID, []hearkeep.VaultID{anna.Vault})
	o.must(err)
}

// A restriction freezes what leaves by itself, and hides nothing (Art. 18).
func TestRestrict(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna, bert := o.person("Anna"), o.person("Bert")
	id := o.says(anna, "something")
	r := o.asks(anna, hearkeep.RequestRestriction)
	o.wants(hearkeep.NotFound, "another's vault", o.desk.Restrict(ctx, anna.Who, r.ID, []hearkeep.VaultID{anna.Vault, bert.Vault}))
	room := o.home.Enter(t, anna)
	if have, err := room.Restrictions(ctx); err != nil || len(have) != 0 {
		t.Fatalf("refused, and %d are in force (%v)", len(have), err)
	}
	o.must(o.desk.Restrict(ctx, anna.Who, r.ID, []hearkeep.VaultID{anna.Vault}))
	have, err := room.Restrictions(ctx)
	if err != nil || len(have) != 1 || have[0].Request != r.ID || !have[0].Mine {
		t.Fatalf("got %+v, %v, want one of hers", have, err)
	}
	got, err := o.desk.Request(ctx, anna.Who, r.ID)
	if o.must(err); got.State != hearkeep.RequestAnswered || !strings.Contains(field(got.Answer, "restriction"), have[0].ID.String()) {
		t.Errorf("got %s: %s", got.State, got.Answer)
	}
	access := o.asks(anna, hearkeep.RequestAccess)
	_, err = o.desk.Prepare(ctx, anna.Who, access.ID)
	o.wants(hearkeep.Conflict, "an archive of what is frozen", err)
	if got, err := o.desk.Request(ctx, anna.Who, access.ID); err != nil || got.State != hearkeep.RequestOpen || len(o.reports()) != 0 {
		t.Errorf("that is no fault: got %s, %v and %d reports", got.State, err, len(o.reports()))
	}
	if _, err := room.Read(ctx, id); err != nil {
		t.Errorf("she reads it: %v", err)
	}
	o.must(room.Lift(ctx, have[0].ID))
	_, err = o.desk.Prepare(ctx, anna.Who, access.ID)
	o.must(err)
	overview, err := o.desk.Overview(ctx)
	if o.must(err); overview.Restrictions != 0 {
		t.Errorf("got %d restrictions in force", overview.Restrictions)
	}
}

// An objection sets every door of one's own vault to keep nothing, and no
// door of a vault that others hold too (Art. 21).
func TestObject(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	shared := o.home.Vault(t, anna, vault.Shared)
	r := o.asks(anna, hearkeep.RequestObjection)
	n, err := o.desk.Object(ctx, anna.Who, r.ID)
	o.must(err)
	if n != 2 {
		t.Errorf("got %d doors, want the terminal and the uploads", n)
	}
	inbox, err := o.home.Keep.Device(ctx, anna.Device)
	o.must(err)
	if got := inbox.Rule().Keep; got != hearkeep.KeepNothing {
		t.Errorf("her terminal keeps %s", got)
	}
	other, err := o.home.Keep.Device(ctx, shared.Device)
	o.must(err)
	if got := other.Rule().Keep; got != hearkeep.KeepAll {
		t.Errorf("the shared one keeps %s", got)
	}
	got, err := o.desk.Request(ctx, anna.Who, r.ID)
	if o.must(err); got.State != hearkeep.RequestAnswered || field(got.Answer, "doors") != "2" {
		t.Errorf("got %s: %s", got.State, got.Answer)
	}
	if got := o.entries(anna, ledger.KindDoorChanged); len(got) != 2 {
		t.Errorf("got %d changes in the ledger, want two", len(got))
	}
	_, err = o.desk.Object(ctx, anna.Who, r.ID)
	o.wants(hearkeep.Conflict, "once more", err)
}

// A correction is its person's own; the request ends with it (Art. 16).
func TestRectified(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	id := o.says(anna, "a terrible mistake")
	r := o.asks(anna, hearkeep.RequestRectification)
	_, err := o.home.Enter(t, anna).Correct(ctx, id, hearkeep.NewWords("a variable mistake"))
	o.must(err)
	got, err := o.desk.Rectified(ctx, anna.Who, r.ID)
	if o.must(err); got.State != hearkeep.RequestAnswered || field(got.Answer, "result") != "rectified" {
		t.Errorf("got %s: %s", got.State, got.Answer)
	}
	access := o.asks(anna, hearkeep.RequestAccess)
	a, err := o.desk.Prepare(ctx, anna.Who, access.ID)
	o.must(err)
	if bag := string(o.fetches(anna, a)); strings.Contains(o.member([]byte(bag), "transcripts.csv"), "terrible") {
		t.Error("the archive holds the words before")
	}
}
