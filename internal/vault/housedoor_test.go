package vault_test

import (
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// join makes people members of the household of the first.
func join(t *testing.T, h *vaulttest.Home, first vaulttest.Person, role string, others ...vaulttest.Person) {
	t.Helper()
	ctx := t.Context()
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
		house, err := tx.Houses.Member(ctx, first.Who.Account())
		if err != nil {
			return err
		}
		for _, p := range others {
			err := tx.Houses.PutMember(ctx, store.Member{Household: house.Household, Account: p.Who.Account(), Role: role, Since: time.Now()})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// shared is a vault of a person's household, with a terminal.
func shared(t *testing.T, h *vaulttest.Home, p vaulttest.Person) vaulttest.Person {
	t.Helper()
	id, err := h.Keep.Add(t.Context(), p.Who, vault.NewVault{Name: "Living room", Kind: vault.Shared})
	must(t, err)
	p.Vault = id
	p.Room = h.Enter(t, p)
	p.Device = h.Terminal(t, p, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	p.Inbox, err = h.Keep.Device(t.Context(), p.Device)
	must(t, err)
	return p
}

// An admin who holds no key closes doors of shared vaults, and opens nothing.
func TestAdminDisconnects(t *testing.T) {
	h := vaulttest.New(t)
	anna, admin, member, stranger := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Clara"), h.Person(t, "Dora")
	ctx := t.Context()
	join(t, h, anna, "admin", admin)
	join(t, h, anna, "member", member)
	living := shared(t, h, anna)
	door, own := living.Inbox.Binding(), anna.Inbox.Binding()
	kept := say(t, living, "before")

	list, err := h.Keep.HouseDoors(ctx, admin.Who)
	must(t, err)
	var names []string
	var uploads hearkeep.BindingID
	for _, d := range list {
		names = append(names, d.VaultName+"/"+d.Door.Name)
		if d.Vault != living.Vault {
			t.Errorf("a door of another vault is listed: %+v", d)
		}
		if d.Source == hearkeep.SourceUpload {
			uploads = d.ID
		}
	}
	if len(list) != 2 || uploads.IsZero() {
		t.Fatalf("listed: got %v", names)
	}
	for name, who := range map[string]identity.Verified{"a member": member.Who, "a stranger": stranger.Who} {
		if got, err := h.Keep.HouseDoors(ctx, who); err == nil && len(got) > 0 {
			t.Errorf("%s lists %d doors", name, len(got))
		}
		sameAnswer(t, name, h.Keep.Disconnect(ctx, who, door), h.Keep.Disconnect(ctx, who, hearkeep.NewID[hearkeep.BindingID]()))
	}
	_, err = h.Keep.HouseDoors(ctx, member.Who)
	wantCode(t, "a member lists", err, hearkeep.NotFound)
	_, err = h.Keep.HouseDoors(ctx, identity.Verified{})
	wantCode(t, "nobody lists", err, hearkeep.Unauthorized)
	wantCode(t, "nobody disconnects", h.Keep.Disconnect(ctx, identity.Verified{}, door), hearkeep.Unauthorized)
	sameAnswer(t, "the door of a personal vault", h.Keep.Disconnect(ctx, admin.Who, own), h.Keep.Disconnect(ctx, admin.Who, hearkeep.NewID[hearkeep.BindingID]()))
	rewrite(t, h, "hearkeep.db", `UPDATE vaults SET household = (SELECT household FROM vaults WHERE id = ?) WHERE id = ?`, living.Vault[:], anna.Vault[:])
	sameAnswer(t, "that of one that is said to be the household's", h.Keep.Disconnect(ctx, admin.Who, own), h.Keep.Disconnect(ctx, admin.Who, hearkeep.NewID[hearkeep.BindingID]()))
	if list, err := h.Keep.HouseDoors(ctx, admin.Who); err != nil || len(list) != 2 {
		t.Errorf("listed with it: got %d, %v", len(list), err)
	}
	wantCode(t, "uploads", h.Keep.Disconnect(ctx, admin.Who, uploads), hearkeep.Invalid)
	for _, d := range []vaulttest.Person{living, anna} {
		if _, err := h.Keep.Device(ctx, d.Device); err != nil {
			t.Errorf("a refused disconnection closed a door: %v", err)
		}
	}

	must(t, h.Keep.Disconnect(ctx, admin.Who, door))
	_, err = h.Keep.Device(ctx, living.Device)
	wantCode(t, "the disconnected door", err, hearkeep.NotFound)
	if _, err := living.Inbox.Again(ctx); err == nil {
		t.Error("an Inbox that was open already goes on")
	}
	wantCode(t, "again", h.Keep.Disconnect(ctx, admin.Who, door), hearkeep.NotFound)
	if list, err := h.Keep.HouseDoors(ctx, admin.Who); err != nil || len(list) != 1 {
		t.Errorf("listed after: got %d, %v", len(list), err)
	}
	entries, err := h.Ledger.Entries(ctx, living.Vault, 0, 100)
	must(t, err)
	last := entries[len(entries)-1]
	if last.Kind != ledger.KindUnbound || last.Role != hearkeep.RoleAdmin || *last.Account != admin.Who.Account() || *last.Binding != door {
		t.Errorf("the entry: got %+v", last)
	}
	_, err = h.Keep.Enter(ctx, admin.Who, living.Vault)
	wantCode(t, "the admin enters", err, hearkeep.NotFound)

	// Once a keyholder was there, a row that is opened again stays shut.
	room := h.Enter(t, living)
	if it, err := room.Read(ctx, kept); err != nil || it.From != "Terminal" {
		t.Errorf("what it kept: %+v, %v", it, err)
	}
	rewrite(t, h, "hearkeep.db", `UPDATE bindings SET ended = 0 WHERE id = ?`, door[:])
	if in, err := h.Keep.Device(ctx, living.Device); err == nil && (!in.Rule().Paused || in.Keeps(time.Now()) != hearkeep.KeepNothing) {
		t.Error("the door listens again")
	}
	rewrite(t, h, "hearkeep.db", `UPDATE bindings SET rule = ? WHERE id = ?`, hearkeep.RoomRule{Keep: hearkeep.KeepAll}.String(), door[:])
	if _, err := h.Keep.Device(ctx, living.Device); err == nil {
		t.Error("the door keeps again, under a rule that nobody signed")
	}
}

// Who is no admin any more disconnects nothing, and neither does the admin of
// another household.
func TestAdminOfWhat(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	living := shared(t, h, anna)
	door := living.Inbox.Binding()
	sameAnswer(t, "the admin of another household", h.Keep.Disconnect(ctx, bert.Who, door), h.Keep.Disconnect(ctx, bert.Who, hearkeep.NewID[hearkeep.BindingID]()))
	join(t, h, anna, "admin", bert)
	if list, err := h.Keep.HouseDoors(ctx, bert.Who); err != nil || len(list) != 2 {
		t.Errorf("as admin: got %d doors, %v", len(list), err)
	}
	join(t, h, anna, "member", bert)
	wantCode(t, "as a member again", h.Keep.Disconnect(ctx, bert.Who, door), hearkeep.NotFound)
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error { return tx.Houses.DeleteMember(ctx, anna.Who.Account()) }))
	wantCode(t, "in no household", h.Keep.Disconnect(ctx, anna.Who, door), hearkeep.NotFound)
	if _, err := h.Keep.Device(ctx, living.Device); err != nil {
		t.Errorf("the door: %v", err)
	}
}

func TestRenaming(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	must(t, anna.Room.Rename(ctx, "  The  chartreuse room "))
	held, err := h.Keep.Vaults(ctx, anna.Who)
	must(t, err)
	if held[0].Name != "The chartreuse room" {
		t.Errorf("got %q", held[0].Name)
	}
	for _, bad := range []string{"", " \t", "\xff", string(make([]byte, 65))} {
		wantCode(t, bad, anna.Room.Rename(ctx, bad), hearkeep.Invalid)
	}
	if found := onDisk(t, h, []byte("chartreuse")); len(found) > 0 {
		t.Errorf("its name stands in %v", found)
	}
	if kinds(t, h, anna.Vault)[ledger.KindKeys] != 2 {
		t.Error("no entry says that it was renamed")
	}
}
