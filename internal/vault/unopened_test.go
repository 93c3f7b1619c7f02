package vault_test

import (
	"errors"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// What only somebody opened who was removed does not stay as noise that nobody
// can erase; what another opens as well does.
func TestNothingStaysThatNobodyOpens(t *testing.T) {
	for name, goes := range map[string]func(t *testing.T, h *vaulttest.Home, bert, anna vaulttest.Person) error{
		"removed by an admin": func(t *testing.T, h *vaulttest.Home, bert, anna vaulttest.Person) error {
			return h.Desk.RemoveMember(t.Context(), bert.Who, anna.Who.Account())
		},
		"removed by a holder": func(t *testing.T, h *vaulttest.Home, bert, anna vaulttest.Person) error {
			return h.Enter(t, bert).RemoveHolder(t.Context(), anna.Who.Account())
		},
	} {
		for _, given := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				h, ctx := vaulttest.New(t), t.Context()
				bert, anna := h.Person(t, "Bert"), h.Person(t, "Anna")
				join(t, h, bert, "member", anna)
				ours := h.Vault(t, anna, vault.Shared)
				before := say(t, ours, "before Bert came")
				both := h.Joined(t, ours, bert, vault.Invitation{As: "holder", Past: given})
				since := say(t, ours, "since then")
				must(t, goes(t, h, both, anna))
				h.Enter(t, both)
				_, keyed := h.Store.Keys().Part(ctx, ours.Vault, before, hearkeep.PartWords, 1)
				if gone := errors.Is(keyed, store.ErrNotFound); gone == given {
					t.Errorf("the past was given: %v; its key: got %v", given, keyed)
				}
				wantOpens(t, h, "what he opens", both, since, true)
				wantOpens(t, h, "the past", both, before, given)
				wantSound(t, h)
			})
		}
	}
}

// The name that a vault has when it is taken over stays, also where somebody
// gave it that at the same moment.
func TestTakeOverKeepsTheName(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, kim := h.Person(t, "Anna"), h.Person(t, "Kim")
	nursery := h.Vault(t, anna, vault.Child)
	kim = h.Joined(t, nursery, kim, vault.Invitation{As: "child"})
	must(t, h.Enter(t, nursery).HandOver(ctx))
	room := h.Enter(t, kim)
	h.Store.Before = func() { must(t, h.Enter(t, nursery).Rename(ctx, "Kim's tales")) }
	must(t, room.TakeOver(ctx))
	held, err := h.Keep.Vaults(ctx, kim.Who)
	must(t, err)
	if got := held[len(held)-1]; got.Name != "Kim's tales" || got.Kind != vault.Personal {
		t.Errorf("got %q, %s, want the new name and a personal vault", got.Name, got.Kind)
	}
}
