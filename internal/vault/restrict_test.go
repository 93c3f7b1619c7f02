package vault_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// asked is a request of p, as its desk writes it.
func asked(t *testing.T, h *vaulttest.Home, p vaulttest.Person) hearkeep.RequestID {
	t.Helper()
	r := store.Request{
		ID: hearkeep.NewID[hearkeep.RequestID](), Account: p.Who.Account(), Kind: hearkeep.RequestRestriction, State: hearkeep.RequestOpen,
		Via: hearkeep.ViaPortal, Received: time.Now(), Due: time.Now().AddDate(0, 1, 0), MAC: []byte{1},
	}
	must(t, h.Store.Update(t.Context(), func(tx *store.Tx) error { return tx.Rights.InsertRequest(t.Context(), r) }))
	return r.ID
}

// due makes everything of a vault due.
func due(t *testing.T, h *vaulttest.Home, p vaulttest.Person) {
	t.Helper()
	h.SQL(t, "UPDATE parts SET until = 1 WHERE vault = ?", p.Vault[:])
}

func TestRestriction(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder", Past: true})
	one, two := say(t, living, "one"), say(t, living, "two")
	room := h.Enter(t, living)
	l, cargo := release(t, room), freeze(t, couriers(t, h, anna)[1])
	elsewhere := anna

	request := asked(t, h, anna)
	id, err := h.Enter(t, living).Restrict(ctx, request, hearkeep.RecordingID{})
	must(t, err)
	again, err := h.Enter(t, living).Restrict(ctx, request, hearkeep.RecordingID{})
	must(t, err)
	if again != id {
		t.Error("the same is frozen twice")
	}
	if got := h.Mail.To(bert.Who.Account()); !slices.Contains(got, "restricted") {
		t.Errorf("Bert was told of %v", got)
	}
	if got := h.Mail.To(anna.Who.Account()); slices.Contains(got, "restricted") {
		t.Error("Anna was told by letter what she did")
	}

	// What may not be.
	_, err = h.Enter(t, living).Release(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
	wantCode(t, "a release", err, hearkeep.Conflict)
	_, err = unpack(t, room, l)
	wantCode(t, "a release of before", err, hearkeep.Conflict)
	carrier := couriers(t, h, anna)[1]
	_, err = carrier.Freeze(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
	wantCode(t, "a courier", err, hearkeep.Conflict)
	wantCode(t, "a cargo of before", carrier.Each(ctx, cargo, 0, nil), hearkeep.Conflict)
	_, err = vault.Move(ctx, h.Enter(t, living), h.Enter(t, elsewhere), one)
	wantCode(t, "a move", err, hearkeep.Conflict)
	due(t, h, living)
	n, err := h.Keep.Expire(ctx, time.Now())
	must(t, err)
	if n != 0 {
		t.Errorf("%d recordings expired", n)
	}
	wantCode(t, "another frees it", h.Enter(t, bert).Lift(ctx, id), hearkeep.Forbidden)
	wantCode(t, "it is freed in another vault", h.Enter(t, elsewhere).Lift(ctx, id), hearkeep.NotFound)

	// What may be.
	wantWords(t, h, living, one, "one")
	wantWords(t, h, bert, two, "two")
	readAll(t, h.Enter(t, bert), two)
	_, err = h.Enter(t, bert).Erase(ctx, two)
	must(t, err)
	own := h.Enter(t, elsewhere)
	release(t, own)
	for p, mine := range map[*vaulttest.Person]bool{&living: true, &bert: false} {
		all, err := h.Enter(t, *p).Restrictions(ctx)
		must(t, err)
		if len(all) != 1 || all[0].Mine != mine || all[0].Request.IsZero() == mine {
			t.Errorf("restrictions: got %+v", all)
		}
	}
	held, err := h.Keep.Counted(ctx, anna.Who.Account())
	must(t, err)
	if held[0].Restricted || !held[1].Restricted || held[1].Totals.Recordings != 1 {
		t.Errorf("counted: got %+v", held)
	}

	must(t, h.Enter(t, living).Lift(ctx, id))
	wantCode(t, "it is freed twice", h.Enter(t, living).Lift(ctx, id), hearkeep.NotFound)
	n, err = h.Keep.Expire(ctx, time.Now())
	must(t, err)
	if n != 1 {
		t.Errorf("after it is freed: got %d expired, want 1", n)
	}
	if n := kinds(t, h, living.Vault)[ledger.KindRestricted]; n != 2 {
		t.Errorf("entries: got %d, want 2", n)
	}
	sound(t, h)
}

func TestRestrictionOfOneRecording(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	frozen, free := say(t, anna, "frozen"), say(t, anna, "free")
	berts := say(t, bert, "berts")
	elsewhere := anotherOf(t, h, anna)
	request := asked(t, h, anna)
	_, err := h.Enter(t, anna).Restrict(ctx, request, berts)
	wantCode(t, "another's recording", err, hearkeep.NotFound)
	_, err = h.Enter(t, anna).Restrict(ctx, asked(t, h, bert), frozen)
	wantCode(t, "another's request", err, hearkeep.NotFound)
	_, err = h.Enter(t, anna).Restrict(ctx, hearkeep.RequestID{}, frozen)
	wantCode(t, "no request", err, hearkeep.NotFound)
	token, _, err := h.Enter(t, anna).MakeToken(ctx, "Program", true, 24*time.Hour)
	must(t, err)
	program, err := h.Keep.Program(ctx, token)
	must(t, err)
	_, err = program.Restrict(ctx, request, frozen)
	wantCode(t, "a program", err, hearkeep.Forbidden)

	_, err = h.Enter(t, anna).Restrict(ctx, request, frozen)
	must(t, err)
	_, err = vault.Move(ctx, h.Enter(t, anna), h.Enter(t, elsewhere), free, frozen)
	wantCode(t, "a move", err, hearkeep.Conflict)
	_, err = vault.Move(ctx, h.Enter(t, anna), h.Enter(t, elsewhere), free)
	must(t, err)
	_, err = h.Enter(t, anna).Release(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
	wantCode(t, "a release", err, hearkeep.Conflict)
	due(t, h, anna)
	n, err := h.Keep.Expire(ctx, time.Now())
	must(t, err)
	if n != 0 {
		t.Errorf("%d recordings expired", n)
	}
	_, err = h.Enter(t, anna).EraseAll(ctx)
	must(t, err)
	release(t, h.Enter(t, anna)) // nothing is left that is frozen
	left, err := h.Enter(t, anna).Restrictions(ctx)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("got %+v", left)
	}
	sound(t, h)
}

// What a report froze is for its desk; what somebody froze who has gone is not
// frozen for ever.
func TestWhoFrees(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	say(t, living, "one")
	report := store.Restriction{ID: hearkeep.NewID[hearkeep.RestrictionID](), Vault: living.Vault, Binding: living.Inbox.Binding(), Report: hearkeep.NewID[hearkeep.ReportID](), At: time.Now()}
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error { return tx.Rights.InsertRestriction(ctx, report) }))
	wantCode(t, "a report's", h.Enter(t, living).Lift(ctx, report.ID), hearkeep.Forbidden)
	_, err := h.Enter(t, bert).Restrict(ctx, asked(t, h, bert), hearkeep.RecordingID{})
	must(t, err)
	must(t, h.Enter(t, living).RemoveHolder(ctx, bert.Who.Account()))
	left, err := h.Enter(t, living).Restrictions(ctx)
	must(t, err)
	if len(left) != 1 || left[0].ID != report.ID || left[0].Mine {
		t.Errorf("got %+v, want the report's alone", left)
	}
}

// What somebody has frozen takes no room from another who holds the vault, nor
// from freezing all of it.
func TestRestrictionsOfOneLeaveRoomForAnother(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	id, other := say(t, living, "one"), say(t, living, "other")
	berts, annas := asked(t, h, bert), asked(t, h, anna)
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
		for range vault.MaxRestrictions {
			r := store.Restriction{
				ID: hearkeep.NewID[hearkeep.RestrictionID](), Vault: living.Vault, Recording: other,
				Account: bert.Who.Account(), Request: berts, At: time.Now(),
			}
			if err := tx.Rights.InsertRestriction(ctx, r); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err := h.Enter(t, bert).Restrict(ctx, berts, id)
	wantCode(t, "one more of Bert's", err, hearkeep.TooMany)
	_, err = h.Enter(t, bert).Restrict(ctx, berts, hearkeep.RecordingID{})
	must(t, err)
	_, err = h.Enter(t, living).Restrict(ctx, annas, id)
	must(t, err)
}
