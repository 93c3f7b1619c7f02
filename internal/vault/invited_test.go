package vault_test

import (
	"slices"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// Whoever holds a vault sees its invitations and whom it waits for; an admin
// who does not hold it sees where new keys are still to be made.
func TestWhatWaits(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert, admin, stranger, member := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Clara"), h.Person(t, "Dora"), h.Person(t, "Emil")
	join(t, h, anna, "admin", admin)
	join(t, h, anna, "member", member)
	living := h.Vault(t, anna, vault.Shared)
	waits := func(p vaulttest.Person) (with []string, waits bool) {
		t.Helper()
		held, err := h.Keep.Vaults(ctx, p.Who)
		must(t, err)
		for _, v := range held {
			if v.Kind == vault.Shared {
				return v.With, v.Waits
			}
		}
		return nil, false
	}
	room := h.Enter(t, living)
	_, err := room.Invite(ctx, vault.Invitation{As: "holder", Past: true})
	must(t, err)
	if _, w := waits(anna); w {
		t.Error("an open invitation waits for nobody who holds the vault")
	}
	bert = h.Invited(t, living, bert, vault.Invitation{As: "holder"})
	invited, err := room.Invited(ctx)
	must(t, err)
	if len(invited) != 2 || !invited[0].Yours || !invited[0].Past || invited[0].Accepted != "" || invited[1].Accepted != "Bert" || invited[1].From != "Anna" {
		t.Errorf("invitations: got %+v", invited)
	}
	if _, w := waits(anna); !w {
		t.Error("Bert accepted, and nothing waits")
	}
	must(t, h.Keep.Complete(ctx, anna.Who))
	if with, w := waits(anna); w || !slices.Equal(with, []string{"Bert"}) {
		t.Errorf("Anna holds it with %q, waiting %v", with, w)
	}
	if invited, err := h.Enter(t, bert).Invited(ctx); err != nil || len(invited) != 1 || invited[0].Yours {
		t.Errorf("Bert sees the invitations %+v, %v", invited, err)
	}

	must(t, h.Enter(t, bert).Leave(ctx))
	if _, w := waits(anna); !w {
		t.Error("Bert left, and nothing waits")
	}
	gone, err := h.Keep.Departing(ctx, admin.Who)
	if err != nil || len(gone) != 1 || gone[0].Name != "Bert" || gone[0].VaultName == "" || gone[0].Since.IsZero() {
		t.Errorf("departing: got %+v, %v", gone, err)
	}
	_, err = h.Keep.Departing(ctx, member.Who)
	wantCode(t, "who is no admin", err, hearkeep.NotFound)
	_, err = h.Keep.Departing(ctx, identity.Verified{})
	wantCode(t, "nobody", err, hearkeep.Unauthorized)
	if gone, err := h.Keep.Departing(ctx, stranger.Who); err != nil || len(gone) != 0 {
		t.Errorf("an admin of another household sees %+v, %v", gone, err)
	}
	must(t, h.Keep.Complete(ctx, anna.Who))
	if gone, err := h.Keep.Departing(ctx, admin.Who); err != nil || len(gone) != 0 {
		t.Errorf("with new keys, %+v, %v are departing", gone, err)
	}
}
