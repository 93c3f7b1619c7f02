package vault_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// An admin of the household is not thereby a keyholder.
func TestAdminIsNoReader(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	link, err := h.Desk.Invite(t.Context(), anna.Who, false)
	must(t, err)
	must(t, h.Desk.Accept(t.Context(), bert.Who, link))
	living := h.Vault(t, bert, vault.Shared)
	id := say(t, living, "not for admins")
	wantOpens(t, h, "the admin", vaulttest.Person{Who: anna.Who, Vault: living.Vault}, id, false)
	_, foreign := h.Keep.Enter(t.Context(), anna.Who, living.Vault)
	_, missing := h.Keep.Enter(t.Context(), anna.Who, hearkeep.NewID[hearkeep.VaultID]())
	sameAnswer(t, "an admin enters", foreign, missing)

	// A door that an admin disconnects is shut for good by the next keyholder.
	must(t, h.Keep.Disconnect(t.Context(), anna.Who, living.Inbox.Binding()))
	h.Enter(t, living)
	rewrite(t, h, "hearkeep.db", `UPDATE bindings SET ended = 0 WHERE id = ?`, bytesOf(living.Inbox.Binding()))
	if in, err := h.Keep.Device(t.Context(), living.Device); err == nil && !in.Rule().Paused {
		t.Error("a disconnected door listens again")
	}
}

func bytesOf[T ~[16]byte](id T) []byte { b := [16]byte(id); return b[:] }

// Whoever moves into a household takes their shared vaults along as their own:
// its admins neither see nor disconnect the doors, and nobody takes the vault
// from them by sending them away.
func TestMovingIntoAHousehold(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	mal, vic, friend, flatmate := h.Person(t, "Mal"), h.Person(t, "Vic"), h.Person(t, "Friend"), h.Person(t, "Flatmate")
	// Friend lives with somebody else, and stays there.
	link, err := h.Desk.Invite(ctx, friend.Who, false)
	must(t, err)
	must(t, h.Desk.Accept(ctx, flatmate.Who, link))
	attic := h.Vault(t, vic, vault.Shared)
	too := h.Joined(t, attic, friend, vault.Invitation{As: "holder", Past: true})
	id := say(t, attic, "what Vic said")

	link, err = h.Desk.Invite(ctx, mal.Who, false)
	must(t, err)
	must(t, h.Desk.Accept(ctx, vic.Who, link))
	doors, err := h.Keep.HouseDoors(ctx, mal.Who)
	must(t, err)
	if len(doors) != 0 {
		t.Errorf("an admin sees %d doors of a vault that a member brought, want 0", len(doors))
	}
	if err := h.Keep.Disconnect(ctx, mal.Who, attic.Inbox.Binding()); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("an admin disconnects a door of it: got %v, want not found", err)
	}
	hall := h.Vault(t, vic, vault.Shared) // made in Mal's household, and held by nobody else in it
	out := h.Joined(t, hall, friend, vault.Invitation{As: "holder", Past: true})
	said := say(t, hall, "in the hall")

	must(t, h.Desk.RemoveMember(ctx, mal.Who, vic.Who.Account()))
	for name, p := range map[string]vaulttest.Person{"Vic": attic, "Friend": too} {
		h.Enter(t, p)
		wantOpens(t, h, name+", what Vic brought", p, id, true)
	}
	for name, p := range map[string]vaulttest.Person{"Vic": hall, "Friend": out} {
		h.Enter(t, p)
		wantOpens(t, h, name+", what nobody who stays holds", p, said, true)
	}
	if slices.Contains(h.Mail.To(vic.Who.Account()), "keyholder removed") {
		t.Error("Vic was told that a vault is closed to them")
	}
}

// Who is removed from the household holds its vaults no more; what they alone
// hold goes with them.
func TestLeavingAHousehold(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	living := h.Vault(t, anna, vault.Shared)
	both := h.Joined(t, living, bert, vault.Invitation{As: "holder", Past: true})
	own := h.Vault(t, bert, vault.Shared)
	mine := say(t, own, "Bert's study")
	must(t, h.Desk.RemoveMember(ctx, anna.Who, bert.Who.Account()))
	after := say(t, living, "once he is gone")
	wantOpens(t, h, "the household's", both, after, false)
	h.Enter(t, living)
	wantOpens(t, h, "who stays", living, say(t, living, "and later"), true)
	wantOpens(t, h, "his own", own, mine, true)
	if !slices.Contains(h.Mail.To(anna.Who.Account()), "keyholder removed") || !slices.Contains(h.Mail.To(bert.Who.Account()), "keyholder removed") {
		t.Error("nobody was told")
	}
	if doors, err := h.Keep.HouseDoors(ctx, anna.Who); err != nil || slices.ContainsFunc(doors, func(d vault.HouseDoor) bool { return d.Vault == own.Vault }) {
		t.Errorf("the old household manages what went with him: %v", err)
	}
	carl := h.Person(t, "Carl")
	wantOpens(t, h, "whom he invites", h.Joined(t, own, carl, vault.Invitation{As: "holder", Past: true}), mine, true)
	wantSound(t, h)
}

func TestForget(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	alone := say(t, anna, "mine alone")
	wrap := wrapOf(t, h, anna, alone)
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder", Past: true})
	shared := say(t, living, "ours")
	for range 2 { // it may be repeated
		must(t, h.Keep.Forget(ctx, anna.Who.Account()))
	}
	if found := onDisk(t, h, wrap[33:65]); len(found) > 0 {
		t.Errorf("a key of what was erased stands in %v", found)
	}
	_, err := h.Keep.Device(ctx, anna.Device)
	wantCode(t, "a door of what was forgotten", err, hearkeep.NotFound)
	err = anna.Inbox.Keep(ctx, taken("too late"))
	wantCode(t, "an Inbox that was open", err, hearkeep.NotFound)
	wantOpens(t, h, "what she alone held", anna, alone, false)
	wantOpens(t, h, "what others hold as well", living, shared, false)
	wantOpens(t, h, "the other", bert, shared, true)
	wantOpens(t, h, "the other, later", bert, say(t, withTerminal(t, h, bert), "later"), true)
	if n := kinds(t, h, anna.Vault); n[ledger.KindErased] != 1 || n[ledger.KindUnbound] != 2 {
		t.Errorf("entries: got %v", n)
	}
	wantSound(t, h)
}

// Two keyholders complete at the same moment; two remove each other.
func TestAtTheSameMoment(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert, carl := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Carl")
	living := withSpeaker(t, h, h.Vault(t, anna, vault.Shared))
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder", Past: true})
	carl = h.Invited(t, living, carl, vault.Invitation{As: "holder", Past: true})
	together(t,
		func(ctx context.Context) error { return second(h.Keep.Enter(ctx, living.Who, living.Vault)) },
		func(ctx context.Context) error { return second(h.Keep.Enter(ctx, bert.Who, living.Vault)) },
	)
	id := say(t, living, "for three")
	for _, p := range []vaulttest.Person{living, bert, carl} {
		wantOpens(t, h, p.Who.Name(), p, id, true)
	}
	errs := together(t,
		entered(h, living, func(ctx context.Context, r *vault.Room) error { return r.RemoveHolder(ctx, bert.Who.Account()) }),
		entered(h, bert, func(ctx context.Context, r *vault.Room) error { return r.RemoveHolder(ctx, anna.Who.Account()) }),
	)
	id = say(t, living, "for two")
	won := 0
	for i, p := range []vaulttest.Person{living, bert} {
		if opens(t, h, p, id) {
			won++
			if errs[i] != nil {
				t.Errorf("%s holds it although their change failed: %v", p.Who.Name(), errs[i])
			}
		}
	}
	if won != 1 {
		t.Errorf("%d of two who remove each other hold it, want 1 (%v)", won, errs)
	}
	wantOpens(t, h, "the third", carl, id, true)
	// The last two leave at the same moment: one stays.
	rest := living
	if errs[0] != nil {
		rest = bert
	}
	errs = together(t,
		entered(h, rest, func(ctx context.Context, r *vault.Room) error { return r.Leave(ctx) }),
		entered(h, carl, func(ctx context.Context, r *vault.Room) error { return r.Leave(ctx) }),
	)
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("both, or none, of the last two left: %v", errs)
	}
	wantSound(t, h)
}

// entered does something in a person's Room. That they do not get in, because
// another was first, is an answer like any other.
func entered(h *vaulttest.Home, p vaulttest.Person, do func(context.Context, *vault.Room) error) func(context.Context) error {
	return func(ctx context.Context) error {
		room, err := h.Keep.Enter(ctx, p.Who, p.Vault)
		if err != nil {
			return err
		}
		return do(ctx, room)
	}
}

// together runs functions at the same moment.
func together(t *testing.T, fns ...func(context.Context) error) []error {
	t.Helper()
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { errs[i] = fn(context.WithoutCancel(t.Context())) })
	}
	wg.Wait()
	return errs
}

// A farewell leaves nothing in a shared vault that nobody else opens.
func TestForgetWhatOthersCannotOpen(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	ours := h.Vault(t, anna, vault.Shared)
	before := say(t, ours, "before Bert came")
	bert = h.Joined(t, ours, bert, vault.Invitation{As: "holder"})
	since := say(t, ours, "since then")
	for range 2 {
		must(t, h.Keep.Forget(ctx, anna.Who.Account()))
	}
	must(t, h.Store.View(ctx, func(tx *store.Tx) error {
		if _, err := tx.Vaults.Recording(ctx, ours.Vault, before); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what opened for her alone: got %v, want ErrNotFound", err)
		}
		return nil
	}))
	if _, err := h.Store.Keys().Part(ctx, ours.Vault, before, hearkeep.PartWords, 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("its key: got %v, want ErrNotFound", err)
	}
	wantOpens(t, h, "the other", bert, since, true)
	wantOpens(t, h, "the other, later", bert, say(t, withTerminal(t, h, bert), "later"), true)
	wantSound(t, h)
}
