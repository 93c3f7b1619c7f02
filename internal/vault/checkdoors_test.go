package vault_test

import (
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// A door whose row was edited is told apart from the ones that were signed;
// one that has ended is not told at all.
func TestCheckDoors(t *testing.T) {
	h := vaulttest.New(t)
	ctx := t.Context()
	anna := h.Person(t, "Anna")
	bind := func(address string) hearkeep.BindingID {
		id, err := anna.Room.Bind(ctx, hearkeep.SourceWyoming, vault.Door{Name: "Kitchen", Listen: address}, hearkeep.RoomRule{Keep: hearkeep.KeepWords})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	good, edited, ended := bind("127.0.0.1:10300"), bind("127.0.0.1:10301"), bind("127.0.0.1:10302")
	if err := anna.Room.Unbind(ctx, ended); err != nil {
		t.Fatal(err)
	}
	err := h.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Vaults.Binding(ctx, edited)
		if err != nil {
			return err
		}
		b.Rule.Keep = hearkeep.KeepAll
		return tx.Vaults.SetBinding(ctx, b)
	})
	if err != nil {
		t.Fatal(err)
	}
	doors, err := vault.CheckDoors(ctx, h.Store, h.House)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[hearkeep.BindingID]vault.CheckedDoor{}
	for _, d := range doors {
		seen[d.Binding] = d
	}
	if d := seen[good]; d.Refused != nil || d.Listen != "127.0.0.1:10300" || d.Source != hearkeep.SourceWyoming || d.Vault != anna.Vault {
		t.Errorf("the signed door: got %+v", d)
	}
	if d := seen[edited]; d.Refused == nil || d.Listen != "" {
		t.Errorf("the edited door: got %+v, want it refused", d)
	}
	if _, ok := seen[ended]; ok || len(doors) != 4 { // with uploads and the terminal
		t.Errorf("got %d doors, with the ended one: %v; want 4 without it", len(doors), ok)
	}
}
